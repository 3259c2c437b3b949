"""Every checkpoint that the authors of both papers, and of Video Swin, have published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("mttr", "r2vos", "video-swin")
DRIVE = "https://drive.google.com/file/d/"
SWIN = "https://github.com/SwinTransformer/storage/releases/download/v1.0.4/"
TORCHVISION = "https://download.pytorch.org/models/"
_NEAR = 0.05  # percent: figures are published with one digit


@dataclass(frozen=True)
class Score:
    """What a checkpoint should reach.

    Args:
        data: name of the dataset, as `rvos_edu.data.load` knows it, or another's ("Kinetics-400").
        metric: as the paper calls it, in percent.
        protocol: how it is measured.
        source: who says so.
    """

    data: str
    metric: str
    value: float
    protocol: str
    source: str

    def __str__(self) -> str:
        return f"{self.metric} {self.value:g} on {self.data}"


@dataclass(frozen=True)
class Published:
    """One published file.

    Args:
        name: of the folder that `rvos-edu export` writes by default; `rvos-edu table --models` looks for it.
        kind: one of `KINDS`.
        what: model and training.
        address: where its authors publish it.
        file: its name; None where its authors do not state one.
        preset: with its sizes and its way of showing frames; None for parts.
        scores: what it should reach.
        note: what is not certain.
    """

    name: str
    kind: str
    what: str
    address: str
    file: str | None
    preset: str | None
    scores: tuple[Score, ...]
    note: str = ""


_README = "README of the published implementation"
_A2D = "all queries of the centre frame of a window as candidates, mAP over IoU 0.5 to 0.95"
_JHMDB = "the same without any training there, three frames per video (2,784 samples)"
_SERVER = "202 competition videos, scored by the server: their masks are not public"
_CLIPS = "12 clips of 32 frames per video"


def _mttr_a2d(window: int, drive: str, a2d: float, jhmdb: float) -> Published:
    name = f"mttr-a2d-w{window}"
    scores = (
        Score("a2d-sentences", "mAP", a2d, _A2D, _README),
        Score("jhmdb-sentences", "mAP", jhmdb, _JHMDB, _README),
    )
    return Published(
        name, "mttr", f"MTTR, A2D-Sentences, window {window}", DRIVE + drive, None, name, scores,
        note="its authors name no file; it is told by the best mAP that it holds",
    )  # fmt: skip


def _swin(name: str, what: str, address: str, accuracy: float, protocol: str, source: str) -> Published:
    score = Score("Kinetics-400", "top-1", accuracy, protocol, source)
    return Published(name, "video-swin", what, address, address.rpartition("/")[2], None, (score,))


def _authors(size: str, pretrained: str, accuracy: float) -> Published:
    short = f"video-swin-{size[0]}" + ("-22k" if pretrained == "22k" else "")
    what = f"Video-Swin-{size[0].upper()}, Kinetics-400, before that ImageNet-{pretrained.upper()}"
    address = f"{SWIN}swin_{size}_patch244_window877_kinetics400_{pretrained}.pth"
    return _swin(
        short, what, address, accuracy, "4 clips of 32 frames and 3 crops per video", "README of Video Swin"
    )


def _torchvision(size: str, pretrained: str, file: str, accuracy: float) -> Published:
    name = f"video-swin-{size}" + ("-22k" if pretrained == "22k" else "") + "-torchvision"
    what = f"Video-Swin-{size.upper()}, ImageNet-{pretrained.upper()}, as torchvision publishes it"
    return _swin(name, what, TORCHVISION + file, accuracy, _CLIPS, "documentation of torchvision")


PUBLISHED: tuple[Published, ...] = (
    _mttr_a2d(10, "1evEmZyv82vHHpY-chvoVDjUWWW1disun", 46.1, 39.2),
    _mttr_a2d(8, "1lKKeUwm-GZEAW5c3uOrl7e9bbLSPq28S", 44.7, 36.6),
    Published(
        "mttr-ref-ytvos-w12",
        "mttr",
        "MTTR, Refer-YouTube-VOS, window 12",
        DRIVE + "1R_F0ETKipENiJUnVwarHnkPmUIcKXRaL",
        "refer-youtube-vos_window-12.pth.tar",
        "mttr-ref-ytvos-w12",
        (Score("refer-youtube-vos", "J&F", 55.32, _SERVER, _README),),
        note="the name of the file is the one that the published implementation downloads it to",
    ),
    Published(
        "r2vos-ref-ytvos-published",
        "r2vos",
        "R2-VOS with ResNet-50, Refer-YouTube-VOS",
        DRIVE + "1gknDDMxWKqZ7yPuTh1fome1-Ba4f_G9K",
        "checkpoint.pth",
        "r2vos-ref-ytvos-published",
        (Score("refer-youtube-vos", "J&F", 57.3, _SERVER, "supplement, table B, K = 3"),),
        note="its authors do not say what this file scores: 57.3 is the paper's figure for ResNet-50",
    ),
    _authors("tiny", "1k", 78.8),
    _authors("small", "1k", 80.6),
    _authors("base", "1k", 80.6),
    _authors("base", "22k", 82.7),
    _torchvision("t", "1k", "swin3d_t-7615ae03.pth", 77.715),
    _torchvision("s", "1k", "swin3d_s-da41c237.pth", 79.521),
    _torchvision("b", "1k", "swin3d_b_1k-24f7c7c6.pth", 79.427),
    _torchvision("b", "22k", "swin3d_b_22k-7c6ae6fa.pth", 81.643),
)


def identify(kind: str, path: Path, values: Mapping[str, Any]) -> Published | None:
    """Which published file this is, by its name or by what it holds beside the weights.

    Args:
        kind: one of `KINDS`.
        path: of the file.
        values: all that it holds; see `read_file`.

    Returns:
        None if that cannot be told: for files of somebody else's training.
    """
    candidates = [entry for entry in PUBLISHED if entry.kind == kind]
    for entry in candidates:
        if entry.file == path.name:
            return entry
    best = _percent(values.get("best_mAP"))  # A2D-Sentences; those of Refer-YouTube-VOS hold a loss
    if kind == "mttr" and best is not None:
        near = [
            e for e in candidates if e.scores[0].metric == "mAP" and abs(e.scores[0].value - best) < _NEAR
        ]
        return near[0] if near else None
    return None


def _percent(value: Any) -> float | None:
    """A fraction as a file may hold it; None for anything else."""
    known = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return 100.0 * float(value) if known else None


def published_table() -> str:
    """All published files as text: a table of files and scores, then where each is and who measured how."""
    rows = [("name", "file", "should score")]
    for entry in PUBLISHED:
        first, *others = map(str, entry.scores)
        rows.append((entry.name, entry.file or "(not named by its authors)", first))
        rows += [("", "", score) for score in others]
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:2]]
    lines = [f"{name:<{widths[0]}}  {file:<{widths[1]}}  {score}" for name, file, score in rows]
    lines.insert(1, "-" * max(map(len, lines)))
    for entry in PUBLISHED:
        lines += ["", f"{entry.name}: {entry.what}", f"  from: {entry.address}"]
        if entry.preset is not None:
            lines.append(f"  preset: {entry.preset}")
        lines += [f"  {score}: {score.protocol} ({score.source})" for score in entry.scores]
        if entry.note:
            lines.append(f"  note: {entry.note}")
    return "\n".join(lines)
