"""What R2-VOS knows of clips before a sentence, and of pairs of clip and sentence after grounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from rvos_edu.models.inputs import check_padding, padding_of_maps, sizes_of
from rvos_edu.nn.early_grounding import GroundingOutput
from rvos_edu.nn.visual_encoder import FeaturePyramid
from rvos_edu.structures import GroundingMaps


@dataclass(frozen=True)
class ClipFeatures:
    """All that R2-VOS knows of clips before it reads a sentence.

    Args:
        stride4: [B, A, C, h, w], the finest map of the frame encoder.
        maps: projected maps [B, A, D, h, w], strides 8, 16, ...
        padding: bool [B, h, w] per map, True where padded.
        padding4: bool [B, h, w] of `stride4`; None if none of the clips is padded.
        sizes: int64 [B, 2], height and width without padding.
    """

    stride4: Tensor
    maps: list[Tensor]
    padding: list[Tensor]
    padding4: Tensor | None
    sizes: Tensor

    def of(self, rows: Tensor | slice) -> ClipFeatures:
        """The features of some clips; a clip may come several times."""
        return ClipFeatures(
            stride4=self.stride4[rows],
            maps=[x[rows] for x in self.maps],
            padding=[x[rows] for x in self.padding],
            padding4=None if self.padding4 is None else self.padding4[rows],
            sizes=self.sizes[rows],
        )


def clip_features(
    pyramid: FeaturePyramid, features: Sequence[Tensor], padding: Tensor | None, sizes: Tensor | None
) -> ClipFeatures:
    """Maps of a frame encoder brought to one width.

    Args:
        pyramid: makes the maps from stride 8 on.
        features: [B, A, C, h, w] at strides 4, 8, 16, ...
        padding: bool [B, H, W], True where padded; nothing by default.
        sizes: int [B, 2]; default: read from `padding`.

    Raises:
        ValueError: if the shapes of padding or sizes do not fit.
    """
    batch, frames = features[0].shape[:2]
    if padding is None:
        height, width = (4 * side for side in features[0].shape[-2:])
        padding = torch.zeros(batch, height, width, dtype=torch.bool, device=features[0].device)
    check_padding(padding, sizes, features[0])
    padding4, *padded = padding_of_maps(padding, features, len(pyramid.extra))
    some = bool(padding.any())  # asked once: without padding the norms are torch's own, and fast
    hidden = [x.repeat_interleave(frames, 0) for x in padded] if some else None
    maps = pyramid([x.flatten(0, 1) for x in features[1:]], hidden)
    return ClipFeatures(
        stride4=features[0],
        maps=[x.unflatten(0, (batch, -1)) for x in maps],
        padding=padded,
        padding4=padding4 if some else None,
        sizes=sizes_of(padding) if sizes is None else sizes,
    )


@dataclass(frozen=True)
class Grounded:
    """What is known of E pairs once words and pixels have met.

    Args:
        memory: per map [E, A, D, h, w], from the visual encoder.
        grounding: f_early and the words that have read the pixels.
        sentence, reconstructed: [E, D], e and e'.
        alignment_logits: [E], positive = does not match.
    """

    memory: list[Tensor]
    grounding: GroundingOutput
    sentence: Tensor
    reconstructed: Tensor
    alignment_logits: Tensor

    def first(self, count: int) -> Grounded:
        """The first pairs; those that do not fit stand behind them."""
        found, maps = self.grounding, self.grounding.maps
        if maps is not None:
            maps = GroundingMaps(*(getattr(maps, item.name)[:count] for item in fields(maps)))
        return Grounded(
            memory=[x[:count] for x in self.memory],
            grounding=GroundingOutput(found.features[:count], found.words[:count], maps),
            sentence=self.sentence[:count],
            reconstructed=self.reconstructed[:count],
            alignment_logits=self.alignment_logits[:count],
        )
