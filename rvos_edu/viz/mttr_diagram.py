"""MTTR as a picture: its parts, what flows between them, and the notebooks that build them."""

from __future__ import annotations

from rvos_edu.viz.blocks import Block, block_diagram
from rvos_edu.viz.style import Figure

SEES, READS, BOTH, ASKS = "#DCEBF7", "#E4F3E2", "#FFF3D6", "#F6E3EF"

BLOCKS = {
    "frames": Block((0, 0), "frames\n[B, T, 3, H, W]"),
    "temporal": Block((0, 1), "temporal encoder\n02", SEES),
    "sentence": Block((2, 0), "sentence"),
    "roberta": Block((2, 1), "RoBERTa, frozen\n03", READS),
    "pixels": Block((1, 2), "1x1 convolution\n03", SEES),
    "words": Block((2, 2), "projection\n03", READS),
    "encoder": Block((1.5, 3), "encoder: pixels and words\nof each frame in one sequence   04", BOTH, 2),
    "queries": Block((3, 2), "N object queries\n04", ASKS),
    "decoder": Block((3, 3), "decoder\n04", ASKS),
    "pyramid": Block((0.5, 4), "spatial decoder (pyramid)\n05", SEES, 2),
    "kernels": Block((2.5, 4), "dynamic kernels\n05", ASKS),
    "reference": Block((3.5, 4), "reference head\n05", ASKS),
    "masks": Block((1.5, 5), "masks = pixel features x kernels\n[Z, E, A, N, h, w]", wide=2),
    "scores": Block((3.5, 5), "scores\n[Z, E, A, N, 2]"),
}
ARROWS = (
    ("frames", "temporal", ""),
    ("sentence", "roberta", ""),
    ("roberta", "words", "[E, L, C]"),
    ("temporal", "pixels", "stride 16"),
    ("pixels", "encoder", "[A, h'w', D]"),
    ("words", "encoder", "[L, D]"),
    ("queries", "decoder", "[N, D]"),
    ("encoder", "decoder", ""),
    ("temporal", "pyramid", "strides 4, 8"),
    ("encoder", "pyramid", "memory"),
    ("decoder", "kernels", ""),
    ("decoder", "reference", ""),
    ("pyramid", "masks", "[A, K, h, w]"),
    ("kernels", "masks", "[N, K]"),
    ("reference", "scores", ""),
)


def mttr_diagram() -> Figure:
    """The whole model: blue sees, green reads, yellow joins both, pink asks for objects."""
    return block_diagram(BLOCKS, ARROWS)
