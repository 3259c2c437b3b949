"""The whole published R2-VOS against ours, step by step; part of `python -m tests.parity_r2vos`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from rvos_edu.checkpoints import load_reference_r2vos
from rvos_edu.models import R2VOS
from rvos_edu.nn.dynamic_filters import DynamicFilters
from rvos_edu.nn.mask_pyramid import MaskPyramid
from rvos_edu.nn.visual_encoder import FeaturePyramid
from rvos_edu.structures import R2VOSOutput
from tests.nn.test_r2vos_golden import pool_padded_words_too
from tests.parity import Row, read, row_of

OUTPUT, MASKS = 1e-5, 5e-4
Arrays = dict[str, Tensor]
Pair = tuple[str, Tensor, Tensor]


@cache
def published_model() -> R2VOS:
    """The golden checkpoint through our loader; it has no frame encoder."""
    return load_reference_r2vos(read("r2vos_nano_weights"), heads=8, text_heads=4)


@contextmanager
def padded_words_pooled() -> Iterator[None]:
    """The published code pools padded words too (REFERENCE, B, trap 5); ours only here."""
    with patch.object(DynamicFilters, "pool_words", pool_padded_words_too):
        yield


@contextmanager
def padded_pixels_normed() -> Iterator[None]:
    """Group norms of the published code outside the grounding see padded pixels; ours only here."""
    projected, mixed = FeaturePyramid.forward, MaskPyramid.forward
    with (
        patch.object(FeaturePyramid, "forward", lambda part, maps, _padding: projected(part, maps)),
        patch.object(MaskPyramid, "forward", lambda part, *given: mixed(part, *given[:3])),
    ):
        yield


@contextmanager
def watched(model: R2VOS) -> Iterator[dict[str, list[Any]]]:
    """Inputs (`name.in`) and outputs of the model's parts, in order of their calls."""
    caught: dict[str, list[Any]] = defaultdict(list)

    def catch(name: str) -> Callable[..., None]:
        def hook(_part: nn.Module, given: tuple[Any, ...], out: Any) -> None:
            caught[f"{name}.in"].append(given)
            caught[name].append(out)

        return hook

    names = (
        "text_encoder", "sentence", "text_projection", "text_fusion", "visual_encoder", "grounding.attention",
        "grounding.filters.make", "grounding.filters.before", "grounding.filters.after", "grounding.out",
        "reconstruction", "fused_text", "fused_text.mix", "decoder", "decoder.reference_points",
        "mask_head.controller",
    )  # fmt: skip
    hooks = [model.get_submodule(name).register_forward_hook(catch(name)) for name in names]
    try:
        yield caught
    finally:
        for hook in hooks:
            hook.remove()


def features_of(given: Arrays, clips: slice = slice(None)) -> dict[str, Any]:
    """Arguments of `R2VOS.from_features` for some clips of a golden case."""
    shape = given["in.pad_mask"].shape[:2]
    return {
        "features": [given[f"in.feature{level}"].unflatten(0, shape)[clips] for level in range(4)],
        "padding": given["in.pad_mask"][clips, 0],
        "sizes": given["in.sizes"][clips],
    }


def tokens_of(given: Arrays, prefix: str = "in.", clips: slice = slice(None)) -> Arrays:
    """Token ids and attention mask of some clips."""
    return {key: given[prefix + key][clips] for key in ("input_ids", "attention_mask")}


def model_rows(case: str) -> list[Row]:
    """Outputs and intermediate values of the whole model; padded pixels normed, in *batch* words pooled."""
    given, model = read(f"r2vos_nano_case_{case}"), published_model()
    pooling = padded_words_pooled() if case == "batch" else nullcontext()
    with padded_pixels_normed(), pooling, watched(model) as caught, torch.no_grad():
        out = model.from_features(expressions=tokens_of(given), **features_of(given))
    pairs = [
        *_text_pairs(caught, given),
        *_grounding_pairs(caught, given),
        *_decoder_pairs(caught, given),
        *output_pairs(out, given),
    ]
    return [
        row_of(f"model {case}: {item}", ours, theirs, MASKS if "masks" in item else OUTPUT)
        for item, ours, theirs in pairs
    ]


def output_pairs(out: R2VOSOutput, given: Arrays, clips: slice = slice(None)) -> list[Pair]:
    """Everything that the model returns against some clips of a golden case."""
    pairs = [
        ("mask features", out.mask_features, given["out.mask_features"][clips]),
        ("sentence", out.sentence, given["out.sentence_feature"][clips]),
        ("reconstructed sentence", out.reconstructed, given["out.pseudo_sentence_feature"][0, clips]),
    ]
    for layer in range(len(out.mask_logits)):
        name = "out" if layer == len(out.mask_logits) - 1 else f"out.aux{layer}"
        label = "" if name == "out" else f", layer {layer}"
        for item, ours in (
            ("masks", out.mask_logits), ("boxes", out.boxes), ("logits", out.class_logits),
        ):  # fmt: skip
            pairs.append((f"{item}{label}", ours[layer], given[f"{name}.pred_{item}"][clips]))
    return pairs


def _text_pairs(caught: dict[str, list[Any]], given: Arrays) -> list[Pair]:
    real = given["in.attention_mask"].bool()
    words, sentence = caught["text_projection"]
    pairs = [
        ("words", caught["text_encoder"][0].words[real], given["mid.text_last_hidden_state"][real]),
        ("pooled words", caught["sentence"][0], given["mid.text_pooler_output"]),
        ("projected words", words[real], given["mid.resizer"][real]),
        ("projected sentence", sentence, given["mid.resizer1"]),
        ("word positions", caught["text_fusion.in"][0][2].transpose(1, 2), given["mid.text_pos"]),
    ]
    for level, fused in enumerate(caught["text_fusion"]):
        theirs = given[f"mid.early_fusion{level or ''}"]
        pairs.append((f"text fusion, level {level}", fused.transpose(0, 1), theirs))
    return pairs


def _grounding_pairs(caught: dict[str, list[Any]], given: Arrays) -> list[Pair]:
    frames = given["in.pad_mask"].shape[1]
    memory = torch.cat([x.flatten(2) for x in caught["visual_encoder"][0]], dim=2).transpose(1, 2)
    met = caught["grounding.attention"][0]
    pooled, filters = caught["grounding.filters.make.in"][0][0], caught["grounding.filters.make"][0]
    return [
        ("memory", memory, given["mid.encoder_memory"]),
        ("grounded pixels", met.pixels.transpose(0, 1), given["mid.ground.vision"]),
        ("grounded words", met.words.transpose(0, 1), given["mid.ground.text"]),
        ("pooled grounded words", pooled.repeat_interleave(frames, 0), given["mid.ground.text_pooled"]),
        ("filters", filters.repeat_interleave(frames, 0), given["mid.ground.filter"]),
        ("pixels before filters", caught["grounding.filters.before"][0], given["mid.ground.dyn_conv"]),
        ("pixels times filters", caught["grounding.filters.after.in"][0][0], given["mid.ground.modulated"]),
        ("pixels behind filters", caught["grounding.filters.after"][0], given["mid.ground.pool_conv"]),
        ("residual", caught["grounding.out.in"][0][0], given["mid.ground.sum"]),
        ("f_early", caught["grounding.out"][0], given["mid.ground.out"]),
        ("reconstruction", caught["reconstruction"][0][None], given["mid.sentence.out"]),
    ]


def _decoder_pairs(caught: dict[str, list[Any]], given: Arrays) -> list[Pair]:
    frames, queries = given["in.pad_mask"].shape[1], given["mid.decoder.tgt"].shape[1]
    found = caught["decoder"][0]
    points = caught["decoder.reference_points"][0].sigmoid()

    def repeated(x: Tensor) -> Tensor:
        return x.repeat_interleave(frames, 0)[:, None].expand(-1, queries, -1)

    pairs = [
        ("e and e'", repeated(caught["fused_text.mix.in"][0][0]), given["mid.mixer.in"]),
        ("mixed text", repeated(caught["fused_text.mix"][0]), given["mid.mixer.out"]),
        ("fused text", repeated(caught["fused_text"][0]), given["mid.decoder.tgt"]),
        (
            "first references",
            points.expand(len(found.states[0]), -1, -1),
            given["mid.decoder.reference_points"],
        ),
        ("decoder states", found.states, given["mid.decoder.hs"]),
        ("refined boxes", found.boxes, given["mid.decoder.references"]),
        (
            "references, layer 0",
            found.references[0].unflatten(0, (-1, frames)),
            given["out.reference_points"],
        ),
    ]
    parameters = caught["mask_head.controller"][0]
    for layer, name in enumerate(("mid.controller", "mid.controller1")):
        pairs.append((f"controller, layer {layer}", parameters[layer], given[name]))
    return pairs


def negative_rows() -> list[Row]:
    """A sentence of another video: its embeddings, and the classifier on both pairs."""
    given, model = read("r2vos_nano_case_single"), published_model()
    with padded_pixels_normed(), torch.no_grad():
        right, wrong = (
            model.from_features(expressions=tokens_of(given, prefix), **features_of(given))
            for prefix in ("in.", "in.negative_")
        )
    logits = torch.stack([right.alignment_logits, wrong.alignment_logits])
    pairs = [
        ("sentence", wrong.sentence, given["out.neg_sentence_feature"]),
        ("reconstructed sentence", wrong.reconstructed, given["out.neg_pseudo_sentence_feature"][0]),
        ("alignment logits of both", logits, given["out.pair_logits"]),
        ("probability of the true one", logits[:1].sigmoid(), given["out.eval_pair_probability"]),
    ]
    return [row_of(f"negative: {item}", ours, theirs, OUTPUT) for item, ours, theirs in pairs]


def clip_rows() -> list[Row]:
    """Both clips of *batch* on their own, at the length that the batch padded their words to."""
    given, model = read("r2vos_nano_case_batch"), published_model()
    rows = []
    for clip in range(2):
        one = slice(clip, clip + 1)
        with padded_pixels_normed(), padded_words_pooled(), torch.no_grad():
            tokens = tokens_of(given, clips=one)
            out = model.from_features(expressions=tokens, **features_of(given, one))
        for item, ours, theirs in output_pairs(out, given, one):
            tolerance = MASKS if "masks" in item else OUTPUT
            rows.append(row_of(f"model batch, clip {clip} alone: {item}", ours, theirs, tolerance))
    return rows
