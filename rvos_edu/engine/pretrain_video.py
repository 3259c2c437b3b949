"""Train the nano Video Swin to recognise motion and shape: the small stand-in for Kinetics-400.

As for the published Video Swin the patch is 2x4x4, so that turning it into the 1x4x4 patch of MTTR's
temporal encoder (supplement, section C.1) is real. Clips of Moving Shapes are drawn at twice the frame rate;
the network names, for each 16x16 cell of every second frame, the colour, shape, size, direction and entry of
the object there. Half of the clips are shown with every frame twice, as the summed kernel will see them.

    python -m rvos_edu.engine.pretrain_video --out runs/nano-video-swin
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models.video.swin_transformer import SwinTransformer3d
from tqdm.auto import tqdm

from rvos_edu.config import TemporalEncoderConfig
from rvos_edu.engine.pretrain_clips import CLASSES, draw_clips, prepare
from rvos_edu.files import atomic_write


@dataclass(frozen=True)
class Settings:
    """A pretraining run; the defaults made the shipped weights.

    Args:
        steps: training steps; the learning rate (one cycle) ends at zero.
    """

    clips: int = 4000
    valid_clips: int = 200
    steps: int = 2400
    batch_size: int = 8
    lr: float = 1.5e-3
    weight_decay: float = 0.05
    warmup: int = 200
    seed: int = 7000
    precision: str = "bf16"


class Recogniser(nn.Module):
    """Three stages of Video Swin with a 2x4x4 patch and one linear head per kind of label."""

    def __init__(self, config: TemporalEncoderConfig) -> None:
        super().__init__()
        self.window = list(config.window)
        self.swin = SwinTransformer3d(
            patch_size=[2, 4, 4],
            embed_dim=config.embed_dim,
            depths=list(config.depths),
            num_heads=list(config.heads),
            window_size=list(config.window),
            stochastic_depth_prob=config.drop_path,
        )
        del self.swin.head, self.swin.avgpool
        _look_at_neighbours(self.swin, config.window)
        width = config.embed_dim * 2 ** (len(config.depths) - 1)
        self.heads = nn.ModuleDict({name: nn.Linear(width, len(names)) for name, names in CLASSES.items()})

    def forward(self, clip: Tensor) -> list[Tensor]:
        """Clip [B, 3, 2T, H, W] -> per kind of label, logits [B, T, H/16, W/16, classes]."""
        x = self.swin.patch_embed(clip)
        for layer in self.swin.features:
            x = layer(x)
        x = self.swin.norm(x)
        return [head(x) for head in self.heads.values()]


def _look_at_neighbours(swin: SwinTransformer3d, window: list[int]) -> None:
    """Let each head start by looking at one neighbour in space and time.

    With the usual start every token looks at all of its window alike, and learning where to look takes most
    of a short training: after 1,000 steps motion and shape are still at chance.
    """
    axes = torch.meshgrid(*(torch.arange(1 - n, n).float() for n in window), indexing="ij")
    offsets = torch.stack([axis.flatten() for axis in axes], 1)  # [table rows, (t, y, x)], query minus key
    for name, parameter in swin.named_parameters():
        if name.endswith("relative_position_bias_table"):
            for head in range(parameter.shape[1]):
                centre = torch.randint(-1, 2, (3,)).float()
                parameter.data[:, head] = -0.6 * (offsets - centre).square().sum(1)
        elif name.endswith(("attn.qkv.weight", "reduction.weight")):
            nn.init.xavier_uniform_(parameter)


def _groups(model: nn.Module, settings: Settings) -> list[dict]:
    """Position tables learn five times faster; norms, biases and tables are not decayed."""
    tables = [p for n, p in model.named_parameters() if n.endswith("bias_table")]
    small = [p for n, p in model.named_parameters() if p.ndim == 1]
    rest = [p for n, p in model.named_parameters() if p.ndim > 1 and not n.endswith("bias_table")]
    return [
        {"params": tables, "lr": 5 * settings.lr, "weight_decay": 0.0},
        {"params": small, "lr": settings.lr, "weight_decay": 0.0},
        {"params": rest, "lr": settings.lr, "weight_decay": settings.weight_decay},
    ]


def loss_of(logits: list[Tensor], labels: Tensor) -> Tensor:
    """Mean cross-entropy over the kinds of label."""
    terms = [
        F.cross_entropy(out.float().flatten(0, 3), labels[:, i].flatten(), ignore_index=-1)
        for i, out in enumerate(logits)
    ]
    return torch.stack(terms).mean()


@torch.no_grad()
def accuracy(model: Recogniser, frames: Tensor, labels: Tensor, slow: bool) -> dict[str, float]:
    """Share of cells named rightly per kind of label; `slow` shows every frame twice."""
    right, total = torch.zeros(len(CLASSES)), torch.zeros(len(CLASSES))
    for i in range(0, len(frames), 20):
        clip, truth = prepare(frames[i : i + 20], labels[i : i + 20], None)
        clip = clip[:, :, ::2].repeat_interleave(2, dim=2) if slow else clip
        for head, out in enumerate(model(clip)):
            known = truth[:, head] >= (1 if head == 0 else 0)
            right[head] += (out.argmax(-1) == truth[:, head])[known].sum()
            total[head] += known.sum()
    return {name: round(float(r / t), 4) for name, r, t in zip(CLASSES, right, total, strict=True)}


@torch.no_grad()
def standardise(swin: SwinTransformer3d, frames: Tensor) -> None:
    """Rescale the last stage so that its output has mean 0 per channel and standard deviation 1 over all.

    Every block reads the stream through a layer norm, so scaling all that is written to it changes nothing
    but its size; the mean goes into the last bias. MTTR joins this output with words of size 1 in one
    sequence: eight times larger, pixels would drown them.

    Args:
        swin: changed in place.
        frames: uint8 [M, 2T, H, W, 3], clips to measure on.
    """
    clip, _ = prepare(frames, torch.zeros(0), None)
    x = swin.patch_embed(clip)
    for layer in swin.features:
        x = layer(x)
    mean = x.mean((0, 1, 2, 3))
    scale = 1 / (x - mean).std()
    swin.features[-2].reduction.weight.mul_(scale)
    for block in swin.features[-1]:
        for linear in (block.attn.proj, block.mlp[3]):
            linear.weight.mul_(scale)
            linear.bias.mul_(scale)
    swin.features[-1][-1].mlp[3].bias.sub_(scale * mean)


def pretrain(config: TemporalEncoderConfig, settings: Settings, out: Path) -> Path:
    """Train, log to `out/log.jsonl`, write `out/video_swin.safetensors` (float16, torchvision's names)."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    rng = torch.Generator().manual_seed(settings.seed)
    frames, labels = draw_clips(settings.clips, settings.seed, "train")
    valid = draw_clips(settings.valid_clips, settings.seed, "valid")
    model = Recogniser(config)
    optimizer = torch.optim.AdamW(_groups(model, settings))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        [group["lr"] for group in optimizer.param_groups],
        total_steps=settings.steps,
        pct_start=min(0.5, settings.warmup / settings.steps),
    )
    started = time.time()
    with (out / "log.jsonl").open("w") as log:
        print(json.dumps({"settings": asdict(settings), "model": asdict(config)}), file=log, flush=True)
        bar = tqdm(range(1, settings.steps + 1), desc="nano Video Swin")
        for step in bar:
            chosen = torch.randint(len(frames), (settings.batch_size,), generator=rng)
            clip, truth = prepare(frames[chosen], labels[chosen], rng)
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16"):
                logits = model(clip)
            loss = loss_of(logits, truth)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            bar.set_postfix(loss=f"{loss.item():.3f}")
            record = {"step": step, "loss": round(loss.item(), 4), "seconds": round(time.time() - started, 1)}
            if step % 250 == 0 or step == settings.steps:
                model.eval()
                record["accuracy"] = accuracy(model, *valid, slow=False)
                record["accuracy_slow"] = accuracy(model, *valid, slow=True)
                model.train()
                _save(model, out)
            if step % 50 == 0:
                print(json.dumps(record), file=log, flush=True)
    standardise(model.eval().swin, valid[0][:40])
    return _save(model, out)


def _save(model: Recogniser, out: Path) -> Path:
    path = out / "video_swin.safetensors"
    state = {
        name: value.half().contiguous()
        for name, value in model.swin.state_dict().items()
        if not name.endswith("relative_position_index")
    }
    with atomic_write(path) as temporary:
        save_file(state, temporary, metadata={"window": ",".join(map(str, model.window))})
    return path


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/nano-video-swin"))
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--clips", type=int, default=Settings.clips)
    arguments = parser.parse_args()
    config = TemporalEncoderConfig(
        embed_dim=32, depths=[1, 2, 4], heads=[2, 4, 8], window=[8, 5, 7], drop_path=0.0
    )
    print(pretrain(config, Settings(steps=arguments.steps, clips=arguments.clips), arguments.out))


if __name__ == "__main__":
    main()
