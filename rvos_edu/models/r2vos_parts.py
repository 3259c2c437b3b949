"""The parts of R2-VOS that a configuration names."""

from __future__ import annotations

from rvos_edu.config import R2VOSConfig
from rvos_edu.nn.conditional_mask_head import ConditionalMaskHead
from rvos_edu.nn.deformable_decoder import DeformableInstanceDecoder
from rvos_edu.nn.early_grounding import EarlyGrounding, PlainTop
from rvos_edu.nn.instance_decoder import InstanceDecoder
from rvos_edu.nn.instance_masks import LinearMaskHead
from rvos_edu.nn.text_reconstruction import FirstToken, MeanOfWords


def build_sentence(config: R2VOSConfig) -> MeanOfWords | FirstToken:
    """How words become one vector: the mean over them, or RoBERTa's pooler."""
    return MeanOfWords() if config.sentence == "mean" else FirstToken(config.text_encoder.hidden_size)


def build_grounding(config: R2VOSConfig) -> EarlyGrounding | PlainTop:
    """Early grounding, or the same place without it (ablation)."""
    if config.grounding == "none":
        return PlainTop(config.d_model)
    return EarlyGrounding(
        config.d_model,
        config.heads,
        feedforward=config.feedforward,
        filters=config.filters,
        dropout=config.dropout,
    )


def build_decoder(config: R2VOSConfig, levels: int) -> InstanceDecoder | DeformableInstanceDecoder:
    """D_v: the supplement's, or the published code's."""
    if config.decoder == "standard":
        return InstanceDecoder(
            config.d_model,
            config.heads,
            layers=config.decoder_layers,
            feedforward=config.feedforward,
            dropout=config.dropout,
            queries=config.queries,
        )
    return DeformableInstanceDecoder(
        config.d_model,
        config.heads,
        layers=config.decoder_layers,
        feedforward=config.feedforward,
        dropout=config.dropout,
        queries=config.queries,
        levels=levels,
        points=config.points,
    )


def build_mask_head(config: R2VOSConfig) -> LinearMaskHead | ConditionalMaskHead:
    """Masks from instances and per-pixel features: the supplement's, or the published code's."""
    if config.mask_head == "linear":
        return LinearMaskHead(config.d_model, config.mask_dim)
    return ConditionalMaskHead(config.d_model, config.mask_dim)
