"""What R2-VOS knows of clips before a sentence, and of pairs of clip and sentence after grounding."""

from __future__ import annotations

from dataclasses import dataclass, fields

from torch import Tensor

from rvos_edu.nn.early_grounding import GroundingOutput
from rvos_edu.structures import GroundingMaps


@dataclass(frozen=True)
class ClipFeatures:
    """All that R2-VOS knows of clips before it reads a sentence.

    Args:
        stride4: [B, A, C, h, w], the finest map of the frame encoder.
        maps: projected maps [B, A, D, h, w], strides 8, 16, ...
        padding: bool [B, h, w] per map, True where padded.
        sizes: int64 [B, 2], height and width without padding.
    """

    stride4: Tensor
    maps: list[Tensor]
    padding: list[Tensor]
    sizes: Tensor

    def of(self, rows: Tensor | slice) -> ClipFeatures:
        """The features of some clips; a clip may come several times."""
        return ClipFeatures(
            stride4=self.stride4[rows],
            maps=[x[rows] for x in self.maps],
            padding=[x[rows] for x in self.padding],
            sizes=self.sizes[rows],
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
