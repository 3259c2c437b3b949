"""Agreement with the published R2-VOS: `python -m tests.parity_r2vos` prints item, error, tolerance."""

from __future__ import annotations

import torch
from torch import Tensor

from rvos_edu.cycle import pointwise_loss, relational_angle_loss, relational_distance_loss
from rvos_edu.nn.deformable_attention import DeformableAttention
from rvos_edu.nn.early_grounding import TextFusion, TwoWayAttention
from rvos_edu.nn.position import centred_sine_positions, word_positions
from rvos_edu.structures import R2VOSOutput, Target
from tests.models.test_r2vos_criterion import PUBLISHED, WithTheirBoxes
from tests.nn.test_deformable_attention import fill_deformable
from tests.nn.test_instance_masks import golden as dynamic_masks
from tests.nn.test_r2vos_golden import below, fill_attention, fill_two_way
from tests.parity import EXACT, GRADIENT, LOSS, Row, print_rows, read, row_of
from tests.parity_r2vos_model import MASKS, OUTPUT, clip_rows, model_rows, negative_rows


def text_rows() -> list[Row]:
    """Positions, fusion, and the attention between words and pixels on their own."""
    places = read("r2vos_position_encoding")
    words = word_positions(places["text.in.pad_mask"], 64).transpose(1, 2)
    pixels = centred_sine_positions(places["image.in.pad_mask"], 64).permute(0, 3, 1, 2)
    rows = [
        row_of("positions: words", words, places["text.out"], OUTPUT),
        row_of("positions: pixels", pixels, places["image.out"], OUTPUT),
    ]
    given = read("r2vos_early_fusion")
    fusion = TextFusion(64, int(given["in.heads"])).eval()
    fill_attention(fusion.attention, below(given, "weights.multihead_attn"))
    vision, text, positions = (given[f"in.{k}"].transpose(0, 1) for k in ("vision", "text", "text_pos"))
    with torch.no_grad():
        fused = fusion(vision, text, positions, given["in.text_pad_mask"])
    rows.append(row_of("text fusion", fused.transpose(0, 1), given["out.vision"], OUTPUT))
    given = read("r2vos_dual_block")
    block = TwoWayAttention(64, int(given["in.heads"]), 96, 0.1).eval()
    fill_two_way(block, below(given, "weights"))
    names = {"positions": "vision_pos", "word_positions": "text_pos"}
    with torch.no_grad():
        met = block(
            given["in.vision"].transpose(0, 1),
            given["in.text"].transpose(0, 1),
            **{ours: given[f"in.{theirs}"].transpose(0, 1) for ours, theirs in names.items()},
            padding=given["in.vision_pad_mask"],
            word_padding=given["in.text_pad_mask"],
        )
    rows.append(row_of("two-way attention: pixels", met.pixels.transpose(0, 1), given["out.vision"], OUTPUT))
    rows.append(row_of("two-way attention: words", met.words.transpose(0, 1), given["out.text"], OUTPUT))
    return rows


def deformable_rows() -> list[Row]:
    """Deformable attention around points and around boxes."""
    given = read("r2vos_deformable_attention")
    levels = len(given["in.spatial_shapes"])
    module = DeformableAttention(32, int(given["in.heads"]), levels, int(given["in.points"])).eval()
    fill_deformable(module, given, "weights")
    shapes = [(int(h), int(w)) for h, w in given["in.spatial_shapes"]]
    rows = []
    for kind, label in (("2", "points"), ("4", "boxes")):
        references = given[f"in.reference_points{kind}"]
        with torch.no_grad():
            ours = module(given["in.query"], references, given["in.value"], shapes, given["in.pad_mask"])
            places = module.samples(given["in.query"], references, shapes)
        for item, mine, name in (
            ("result", ours, ""),
            ("locations", places.locations, ".locations"),
            ("weights", places.weights, ".weights"),
        ):
            theirs = given[f"out{kind}{name}"]
            rows.append(row_of(f"deformable attention, {label}: {item}", mine, theirs, OUTPUT))
    return rows


def mask_head_rows() -> list[Row]:
    """The dynamic convolutions."""
    head, *given, expected = dynamic_masks()
    with torch.no_grad():
        return [row_of("dynamic convolutions: masks", head(*given)[0], expected, MASKS)]


def cycle_rows() -> list[Row]:
    """Relational and point-wise losses (relative) and their gradients."""
    rows = []
    for name, loss in (
        ("distance", relational_distance_loss),
        ("angle", relational_angle_loss),
        ("pairwise", pointwise_loss),
    ):
        given = read("r2vos_cycle_losses")
        student = given["in.student"].requires_grad_()
        found = loss(student, given["in.teacher"])
        found.backward()
        ratio = found.detach() / given[f"out.{name}"]
        rows.append(row_of(f"cycle: {name} (relative)", ratio, torch.ones(()), LOSS))
        assert student.grad is not None
        theirs = given[f"grad.{name}.student"]
        rows.append(_gradient_row(f"cycle: gradient of {name}", student.grad, theirs))
    return rows


def criterion_rows() -> list[Row]:
    """Match, losses (relative), total and gradients of the published normalisation."""
    given = read("r2vos_criterion")
    names = {"mask_logits": "pred_masks", "class_logits": "pred_logits", "boxes": "pred_boxes"}
    leaves = {ours: given[f"in.{theirs}"][None].requires_grad_() for ours, theirs in names.items()}
    nothing = torch.zeros(2, 4)
    out = R2VOSOutput(
        **leaves,
        sentence=nothing,
        reconstructed=nothing,
        alignment_logits=nothing[:, 0],
        mask_features=nothing,
    )
    targets = [
        Target(given[f"in.target{clip}.masks"][None], 0, given[f"in.target{clip}.valid"]) for clip in range(2)
    ]
    criterion = WithTheirBoxes(**PUBLISHED)
    rows = [row_of("criterion: match", criterion.match(out, targets)[0], given["out.match.query"], EXACT)]
    losses = criterion(out, targets)
    losses.total.backward()
    terms = {
        "cls": "loss_ce",
        "l1": "loss_bbox",
        "giou": "loss_giou",
        "focal": "loss_mask",
        "dice": "loss_dice",
    }
    for ours, theirs in {**terms, "total": "total"}.items():
        found, expected = getattr(losses, ours).detach().squeeze(), given[f"out.{theirs}"]
        rows.append(row_of(f"criterion: {ours} (relative)", found / expected, torch.ones(()), LOSS))
    for ours, theirs in names.items():
        gradient = leaves[ours].grad
        assert gradient is not None
        rows.append(_gradient_row(f"criterion: gradient of {ours}", gradient[0], given[f"grad.{theirs}"]))
    return rows


def all_rows() -> list[Row]:
    """The whole table."""
    rows = text_rows() + deformable_rows() + mask_head_rows()
    for case in ("single", "batch"):
        rows += model_rows(case)
    return rows + clip_rows() + negative_rows() + cycle_rows() + criterion_rows()


def _gradient_row(item: str, ours: Tensor, theirs: Tensor) -> Row:
    """1e-6 absolute plus 1e-5 relative."""
    scale = 1 + LOSS / GRADIENT * theirs.abs()
    return row_of(f"{item} (scaled)", ours / scale, theirs / scale, GRADIENT)


if __name__ == "__main__":
    print_rows(all_rows())
