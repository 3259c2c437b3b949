"""Move a mask over a true one and watch the losses and what they ask of every pixel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from rvos_edu.losses import dice_loss, sigmoid_focal_loss
from rvos_edu.viz import Figure
from rvos_edu.viz.losses import LossTerm, loss_explorer
from rvos_edu.widgets.explorer import explorer

if TYPE_CHECKING:
    from ipywidgets import VBox

HEIGHT, WIDTH = 48, 72  # pixels
LIMIT = 10.0  # logits of a trained model are seldom larger
OFFSETS = torch.arange(-30.0, 31.0, 2.0)


def cross_entropy(mask_logits: Tensor, masks: Tensor) -> Tensor:
    """Mean over pixels of -log p, p the probability of the true class: focal loss without its two factors.

    Args:
        mask_logits: [..., H, W].
        masks: bool [..., H, W].

    Returns:
        [...].
    """
    truth = masks.to(mask_logits.dtype).expand_as(mask_logits)
    return F.binary_cross_entropy_with_logits(mask_logits, truth, reduction="none").mean((-2, -1))


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Dice": dice_loss,
    "focal": sigmoid_focal_loss,
    "cross-entropy": cross_entropy,
}


def disc_logits(x: Tensor, y: float, size: float, sharpness: float) -> Tensor:
    """Logits of a soft disc: `sharpness` times the distance to its rim, positive inside, within +-10.

    Args:
        x: [...], offset to the right of the picture's centre, in pixels.
        y: offset downwards.
        size: radius in pixels.
        sharpness: logit per pixel.

    Returns:
        [..., H, W].
    """
    rows = torch.arange(HEIGHT)[:, None] - (HEIGHT - 1) / 2 - y
    columns = torch.arange(WIDTH) - (WIDTH - 1) / 2 - x[..., None, None]
    return (sharpness * (size - (rows**2 + columns**2).sqrt())).clamp(-LIMIT, LIMIT)


def loss_figure(
    *, x: float = 9.0, y: float = 0.0, size: float = 9.0, sharpness: float = 1.0, true_size: float = 9.0
) -> Figure:
    """A soft disc over a true one: values of Dice, focal and cross-entropy, their pushes, curves along x.

    Args:
        x, y: how far the mask lies right of and below the truth, in pixels.
        size: radius of the mask in pixels.
        sharpness: slope of its logits at the rim, per pixel.
        true_size: radius of the truth in pixels; 0: an empty mask.

    Raises:
        ValueError: for a negative radius, or a slope that is not positive.
    """
    if size < 0 or true_size < 0 or sharpness <= 0:
        raise ValueError(
            f"radii must be at least 0 and sharpness positive, got {size}, {true_size}, {sharpness}"
        )
    truth = disc_logits(torch.tensor(0.0), 0.0, true_size, 1.0) > 0
    logits = disc_logits(torch.tensor(float(x)), y, size, sharpness)
    along = disc_logits(OFFSETS, y, size, sharpness)  # [K, H, W]
    terms = []
    for name, loss in LOSSES.items():
        free = logits.clone().requires_grad_()
        value = loss(free, truth)
        (gradient,) = torch.autograd.grad(value, free)
        terms.append(LossTerm(name, float(value.detach()), -gradient.numpy(), loss(along, truth).numpy()))
    return loss_explorer(
        logits.sigmoid().numpy(),
        truth.numpy(),
        terms,
        offsets=OFFSETS.numpy(),
        offset=x,
        row=HEIGHT // 2,
    )


def loss_widget() -> VBox:
    """Sliders for the offset, sizes and sharpness above the picture of `loss_figure`."""
    from ipywidgets import FloatSlider, HBox, Image

    sliders = {
        "x": FloatSlider(9, min=-30, max=30, step=1, description="offset x"),
        "y": FloatSlider(0, min=-16, max=16, step=1, description="offset y"),
        "size": FloatSlider(9, min=1, max=20, step=0.5, description="size"),
        "sharpness": FloatSlider(1, min=0.1, max=4, step=0.1, description="sharpness"),
        "true_size": FloatSlider(9, min=0, max=20, step=0.5, description="true size"),
    }
    picture = Image(format="jpeg", width=810)

    def show(_: object) -> None:
        picture.value = loss_figure(**{name: slider.value for name, slider in sliders.items()}).to_jpeg()

    for slider in sliders.values():
        slider.observe(show, names="value")
    show(None)
    x, y, size, sharpness, true_size = sliders.values()
    return explorer([HBox([x, y]), HBox([size, true_size]), sharpness, picture], twin="loss_figure")
