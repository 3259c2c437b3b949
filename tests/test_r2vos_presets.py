"""Full-size presets of R2-VOS: the supplement's numbers, the published code's, models of the right size."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from rvos_edu.config import R2VOSExperimentConfig
from rvos_edu.config_checks import check_values
from rvos_edu.engine.phases import pretraining
from rvos_edu.models import R2VOS
from rvos_edu.presets import load_config

SUPPLEMENT = ["r2vos-ref-ytvos", *(f"r2vos-ref-ytvos-vswin-{size}" for size in "tsb")]
PUBLISHED = "r2vos-ref-ytvos-published"
PRESETS = [*SUPPLEMENT, PUBLISHED]


def preset(name: str) -> R2VOSExperimentConfig:
    config = load_config(name)
    assert isinstance(config, R2VOSExperimentConfig)
    return config


@cache
def sizes(name: str) -> dict[str, int]:
    """Parameters of each part; nothing is allocated."""
    with torch.device("meta"):
        model = R2VOS(preset(name).model)
    return {part: sum(p.numel() for p in module.parameters()) for part, module in model.named_children()}


@pytest.mark.parametrize("name", SUPPLEMENT)
def test_numbers_of_the_supplement(name: str) -> None:
    """Section C; width, layers, K, lambdas, text encoder frozen in the main training only."""
    config = preset(name)
    model, loss = config.model, config.loss
    assert (loss.text, loss.cls, loss.mask, loss.align, loss.angle) == (0.1, 2.0, 2.0, 1.0, 10.0)
    assert (loss.l1, loss.giou, loss.dice, loss.focal) == (5.0, 2.0, 2.0, 5.0)
    assert (loss.relation, loss.normalise) == ("relational", "paper")
    assert (model.d_model, model.reconstruction_layers, model.decoder_layers, model.filters) == (256, 3, 3, 3)
    assert (model.sentence, model.decoder, model.mask_head) == ("mean", "standard", "linear")
    assert model.text_encoder.source == config.init.text_encoder == "roberta-base"


def test_numbers_of_the_published_code() -> None:
    """Another decoder, mask head, text encoder, four layers, lambdas, normalisation."""
    config = preset(PUBLISHED)
    model, loss = config.model, config.loss
    assert (loss.text, loss.angle, loss.align, loss.cls, loss.mask) == (1.0, 1.0, 1.0, 2.0, 1.0)
    assert (loss.dice, loss.focal, loss.l1, loss.giou, loss.normalise) == (5.0, 2.0, 5.0, 2.0, "reference")
    assert (model.decoder, model.decoder_layers, model.mask_head) == ("deformable", 4, "conditional")
    assert (model.reconstruction_layers, model.filters, model.sentence) == (3, 3, "pooler")
    assert model.text_encoder.source == config.init.text_encoder == "distilroberta-base"
    assert model.text_encoder.layers == 6


@pytest.mark.parametrize("name", PRESETS)
def test_what_all_share(name: str) -> None:
    """Encoder, queries, schedule, 5 frames of 360 x 640: options of the published code."""
    config = preset(name)
    model, optimizer = config.model, config.optimizer
    assert (model.encoder_layers, model.points, model.extra_levels, model.queries) == (4, 4, 1, 5)
    assert (model.heads, model.feedforward, model.dropout, model.mask_dim) == (8, 2048, 0.1, 256)
    assert (config.data.name, config.data.window) == ("refer-youtube-vos", 5)
    assert (config.data.short_side, config.data.max_side) == (360, 640)
    assert (optimizer.lr, optimizer.lr_temporal_encoder, optimizer.lr_text_encoder) == (1e-4, 5e-5, 0.0)
    assert (optimizer.weight_decay, optimizer.clip_norm) == (5e-4, 0.1)
    assert (optimizer.milestones, optimizer.factor, config.train.epochs) == ([8, 10], 0.1, 12)
    assert (config.train.batch_size, config.train.seed, config.train.precision) == (1, 42, "no")


@pytest.mark.parametrize("name", PRESETS)
def test_pretraining_of_the_supplement(name: str) -> None:
    """Section C: RefCOCO/+/g, window 1, 12 epochs, the best on val of RefCOCO; text learns (SPEC D)."""
    config = preset(name)
    assert (config.pretrain.images, config.pretrain.epochs) == ("refcoco-joint", 12)
    images = pretraining(config)
    check_values(images)
    assert (images.data.name, images.data.train_split, images.data.valid_split) == (
        "refcoco-joint",
        "train",
        "val",
    )
    assert (images.data.window, images.data.short_side, images.data.max_side) == (1, 360, 640)
    assert images.train.evaluate_every is None and images.train.evaluate_samples is None
    assert (images.train.epochs, images.train.batch_size, images.pretrain.epochs) == (12, 2, 0)
    assert images.optimizer.lr_text_encoder == 1e-5
    assert (images.optimizer.milestones, images.optimizer.factor) == ([8, 10], 0.1)
    assert (images.model, images.loss, images.init) == (config.model, config.loss, config.init)


# By hand, D = 256: linear(a, b) = a * b + b; a norm has 2 D = 512; attention is four linear layers of D.
ATTENTION = 4 * (256 * 256 + 256)  # 263,168
FEEDFORWARD = 256 * 2048 + 2048 + 2048 * 256 + 256  # 1,050,880
# Offsets: 8 heads x 4 levels x 4 points x 2; weights: 128; values and output.
DEFORMABLE = (256 * 256 + 256) + (256 * 128 + 128) + 2 * (256 * 256 + 256)  # 230,272
DECODER_LAYER = 2 * ATTENTION + FEEDFORWARD + 3 * 512
MLP_OF_256 = 2 * (256 * 256 + 256)  # the two hidden layers
BOXES_AND_CLASS = MLP_OF_256 + (256 * 4 + 4) + (256 + 1)
CONV_NORM_1 = 256 * 256 + 512  # without bias
CONV_NORM_3 = 9 * 256 * 256 + 512
RESNET_50 = 23_454_912  # torchvision: 25,557,032 - 2,049,000 of the classifier - 53,120 of the batch norms
ROBERTA_BASE = 124_055_040  # 124,645,632 - 590,592 of the pooler
DISTILROBERTA = ROBERTA_BASE - 6 * 7_087_872  # six layers of 768 and 3072 less


def test_sizes_of_the_parts() -> None:
    found = sizes("r2vos-ref-ytvos")
    assert found["frame_encoder"] == RESNET_50
    assert found["text_encoder"] == ROBERTA_BASE
    assert found["text_projection"] == 768 * 256 + 256 + 512
    assert found["text_fusion"] == ATTENTION
    assert found["visual_encoder"] == 4 * (DEFORMABLE + FEEDFORWARD + 2 * 512) + 4 * 256
    two_way = 3 * ATTENTION + 2 * FEEDFORWARD + 5 * 512 + (256 * 256 + 256) + (256 * 512 + 512)
    filters = (256 * 256 + 256) + CONV_NORM_1 + (3 * 256 * 256 + 512)  # K = 3
    assert found["grounding"] == CONV_NORM_1 + two_way + filters + CONV_NORM_3
    # Laterals of the ResNet's 256 channels at stride 4 and of two maps; no norm behind the last convolution.
    assert found["mask_pyramid"] == 3 * CONV_NORM_1 + 3 * CONV_NORM_3 + 9 * 256 * 256 + 256
    assert found["reconstruction"] == 3 * DECODER_LAYER + 512 + 256
    assert found["alignment"] == (512 * 256 + 256) + (256 * 256 + 256) + (256 + 1)
    assert found["fused_text"] == 512 * 256 + 256 + 512
    assert found["decoder"] == 3 * (DECODER_LAYER + BOXES_AND_CLASS) + 5 * 256
    assert found["mask_head"] == 2 * (256 * 256 + 256)


def test_sizes_of_the_published_variant() -> None:
    found, supplement = sizes(PUBLISHED), sizes("r2vos-ref-ytvos")
    assert found["text_encoder"] == DISTILROBERTA
    assert found["sentence"] == 768 * 768 + 768  # the pooler
    layer = ATTENTION + DEFORMABLE + FEEDFORWARD + 3 * 512
    assert found["decoder"] == 4 * (layer + BOXES_AND_CLASS) + 5 * 256 + (2 * 256 + 2)
    # The controller makes 8 x (256 + 2), 8 x 8 and 1 x 8 weights, and 8 + 8 + 1 biases: 2,153.
    assert found["mask_head"] == MLP_OF_256 + 2153 * 256 + 2153
    other = {"text_encoder", "sentence", "decoder", "mask_head"}
    assert {part for part in found if found[part] != supplement.get(part, 0)} == other


def block(width: int, heads: int) -> int:
    """Two norms, attention with its table of (15, 13, 13) offsets, a feed-forward of four widths."""
    attention = width * 3 * width + 3 * width + width * width + width + 15 * 13 * 13 * heads
    return 4 * width + attention + 8 * width * width + 5 * width


def video_swin(embed: int, depths: list[int], heads: list[int]) -> int:
    """Patches of 1x4x4 with a norm, the stages, and three mergings: a norm and a linear layer 4C -> 2C."""
    widths = [embed * 2**stage for stage in range(4)]
    stages = sum(n * block(c, h) for n, c, h in zip(depths, widths, heads, strict=True))
    return 3 * 16 * embed + 3 * embed + stages + sum(8 * c * c + 8 * c for c in widths[:3])


@pytest.mark.parametrize(
    ("letter", "embed", "depths", "heads"),
    [
        ("t", 96, [2, 2, 6, 2], [3, 6, 12, 24]),
        ("s", 96, [2, 2, 18, 2], [3, 6, 12, 24]),
        ("b", 128, [2, 2, 18, 2], [4, 8, 16, 32]),
    ],
)
def test_video_swin(letter: str, embed: int, depths: list[int], heads: list[int]) -> None:
    name = f"r2vos-ref-ytvos-vswin-{letter}"
    config, found = preset(name), sizes(name)
    swin = config.model.frame_encoder.video_swin
    assert (swin.embed_dim, swin.depths, swin.heads, swin.window) == (embed, depths, heads, [8, 7, 7])
    assert found["frame_encoder"] == video_swin(embed, depths, heads)
    # Only what receives maps of other widths differs from the ResNet's model.
    resnet = sizes("r2vos-ref-ytvos")
    differing = {part for part in found if found[part] != resnet[part]}
    assert differing == {"frame_encoder", "pyramid", "mask_pyramid"}
    assert config.init.frame_encoder is not None and config.init.frame_encoder.startswith("swin_")


def test_a_pyramid_of_its_frame_encoder() -> None:
    """1x1 convolutions of the maps at strides 8 to 32, a 3x3 one of the last map, norms."""
    for name, channels in (
        ("r2vos-ref-ytvos", (512, 1024, 2048)),
        ("r2vos-ref-ytvos-vswin-t", (192, 384, 768)),
        ("r2vos-ref-ytvos-vswin-b", (256, 512, 1024)),
    ):
        expected = sum(c * 256 + 256 + 512 for c in channels) + 9 * channels[-1] * 256 + 256 + 512
        assert sizes(name)["pyramid"] == expected
