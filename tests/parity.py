"""Parity with the published MTTR: `python -m tests.parity` prints item, max abs error, tolerance."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pycocotools import mask as coco_mask
from torch import Tensor

from rvos_edu.checkpoints import load_reference_mttr
from rvos_edu.checkpoints.kinetics import sum_over_time
from rvos_edu.config import TemporalEncoderConfig
from rvos_edu.matching import match_sequences
from rvos_edu.models import MTTR, MTTRCriterion, VisualFeatures
from rvos_edu.nn.position import sine_positions
from rvos_edu.nn.temporal_encoder import TemporalEncoder
from rvos_edu.postprocess import postprocess
from rvos_edu.structures import MTTROutput, Target
from rvos_edu.voting import reference_probabilities, temporal_segment_vote

GOLDEN = Path(__file__).parent / "data" / "golden"
OUTPUT, LOSS, GRADIENT, PATCH, EXACT = 1e-4, 1e-5, 1e-6, 5e-6, 0.0


@dataclass(frozen=True)
class Row:
    """One line of the table; `LOSS` errors are relative, the others absolute."""

    item: str
    error: float
    tolerance: float


def read(name: str) -> dict[str, Tensor]:
    """Arrays of a golden file."""
    with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def read_json(name: str) -> Any:
    """Content of a golden json file."""
    return json.loads((GOLDEN / f"{name}.json").read_text())


@cache
def published_model() -> MTTR:
    """The golden checkpoint through our loader."""
    return load_reference_mttr(read("mttr_nano_weights"), heads=4, text_heads=4)


def model_rows(case: str) -> list[Row]:
    """Outputs and intermediate values of the whole model."""
    given, model = read(f"mttr_nano_case_{case}"), published_model()
    frames, padding = given["in.frames"].transpose(0, 1), given["in.pad_mask"][0]
    tokens = {"input_ids": given["in.input_ids"], "attention_mask": given["in.attention_mask"]}
    caught: dict[str, Any] = {}
    hooks = [
        part.register_forward_hook(lambda _m, _i, out, name=name: caught.__setitem__(name, out))
        for name, part in (
            ("stages", model.temporal_encoder),
            ("text", model.text_encoder),
            ("words", model.text_projection),
            ("transformer", model.transformer),
            ("spatial", model.spatial_decoder),
        )
    ]
    with torch.no_grad():
        features = model.encode_frames(frames, padding, given["in.valid_indices"])
        out = model.ground(features, tokens)
        kernels = model.mask_head.kernels(caught["transformer"].states)
    for hook in hooks:
        hook.remove()
    batch, count = len(frames), len(given["in.valid_indices"])

    def frame_first(x: Tensor, axis: int = 0) -> Tensor:
        return x.unflatten(axis, (batch, count)).transpose(axis, axis + 1).flatten(axis, axis + 1)

    pixels = features.pixels.shape[2]
    real = tokens["attention_mask"].bool()
    memory = frame_first(caught["transformer"].memory)
    words = memory[:, pixels:].unflatten(0, (count, batch))[:, real]
    expected = given["mid.encoder_memory"].transpose(0, 1)
    expected_words = expected[:, pixels:].unflatten(0, (count, batch))[:, real]
    positions = features.positions.repeat(count, 1, 1)
    pairs = [
        ("text", caught["text"].words[real], given["mid.text_last_hidden_state"][real]),
        ("text projected", caught["words"][real], given["mid.text_projected"].transpose(0, 1)[real]),
        ("pixels projected", frame_first(features.pixels.flatten(0, 1)), _rows(given["mid.vid_embed_proj"])),
        ("padding at stride 16", _padding(features), given["mid.backbone_mask3"][0].flatten(1)),
        ("positions", positions, given["mid.vid_pos_embed"].flatten(1, 2)),
        ("memory, pixels", memory[:, :pixels], expected[:, :pixels]),
        ("memory, words", words, expected_words),
        (
            "decoder states",
            frame_first(caught["transformer"].states, 1).transpose(1, 2),
            given["mid.decoder_hs"],
        ),
        ("pixel features", frame_first(caught["spatial"]), given["mid.spatial_decoder"]),
        ("kernels", frame_first(kernels, 1).unflatten(1, (count, batch)), given["mid.instance_kernels"]),
    ]
    for number, stage in enumerate(caught["stages"], 1):
        pairs.append((f"stage {number}", stage.permute(1, 0, 4, 2, 3), given[f"mid.backbone_stage{number}"]))
    for layer in range(len(out.mask_logits)):
        name = "out" if layer == len(out.mask_logits) - 1 else f"out.aux{layer}"
        label = "" if name == "out" else f", layer {layer}"
        masks, scores = out.mask_logits[layer].transpose(0, 1), out.reference_logits[layer].transpose(0, 1)
        pairs.append((f"masks{label}", masks, given[f"{name}.pred_masks"]))
        pairs.append((f"references{label}", scores, given[f"{name}.pred_is_referred"]))
    return [row_of(f"model {case}: {item}", ours, theirs, OUTPUT) for item, ours, theirs in pairs]


def criterion_inputs(case: str) -> tuple[dict[str, Tensor], list[str], MTTROutput, list[Target]]:
    """Golden arrays, layer names (last one last), predictions that require gradients, and truths."""
    given = read(f"mttr_criterion_{case}")
    layers = sorted(k.split(".")[1] for k in given if k.startswith("in.aux") and k.endswith("masks")) + [
        "final"
    ]
    masks = torch.stack([given[f"in.{layer}.pred_masks"].transpose(0, 1) for layer in layers])
    scores = torch.stack([given[f"in.{layer}.pred_is_referred"].transpose(0, 1) for layer in layers])
    targets = []
    for clip, referred in enumerate(given["in.referred_instance_idx"].tolist()):
        truth = given[f"in.target{clip}.masks"].bool().transpose(0, 1)
        visible = torch.ones(truth.shape[1], dtype=torch.bool)
        if "in.is_ref_inst_visible" in given:
            visible = given["in.is_ref_inst_visible"][clip].bool()
        targets.append(Target(truth, referred, visible))
    return given, layers, MTTROutput(masks.requires_grad_(), scores.requires_grad_()), targets


def criterion_rows(case: str) -> list[Row]:
    """Matches, losses, total and gradients of the published normalisation."""
    given, layers, out, targets = criterion_inputs(case)
    losses = MTTRCriterion(normalise="reference")(out, targets)
    losses.total.backward()
    rows = []
    wrong = 0
    for number, layer in enumerate(layers):
        pairs = match_sequences(
            out.mask_logits[number], out.reference_logits[number], targets, count_padding=True
        )
        for clip, (queries, instances) in enumerate(pairs):
            expected = given[f"out.{layer}.match{clip}.query"], given[f"out.{layer}.match{clip}.target"]
            wrong += not (torch.equal(queries, expected[0]) and torch.equal(instances, expected[1]))
        suffix = "" if layer == "final" else f"_{layer.removeprefix('aux')}"
        for name, ours in (
            ("dice", losses.dice), ("sigmoid_focal", losses.focal), ("is_referred", losses.reference),
        ):  # fmt: skip
            theirs = given[f"out.loss_{name}{suffix}"]
            error = float(((ours[number] - theirs) / theirs).abs().detach())
            rows.append(Row(f"criterion {case}: loss {name}, {layer} (relative)", error, LOSS))
        for name, tensor in (("masks", out.mask_logits), ("is_referred", out.reference_logits)):
            assert tensor.grad is not None
            ours = tensor.grad[number].transpose(0, 1)
            item = f"criterion {case}: gradient of {name}, {layer}"
            rows.append(row_of(item, ours, given[f"grad.{layer}.pred_{name}"], GRADIENT))
    error = float(((losses.total - given["out.total"]) / given["out.total"]).abs().detach())
    rows.append(Row(f"criterion {case}: total (relative)", error, LOSS))
    return [Row(f"criterion {case}: wrong matches", float(wrong), EXACT), *rows]


def postprocess_rows() -> list[Row]:
    """Masks, run-length codes, scores and chosen sequences."""
    given, sizes = read("mttr_postprocess"), read_json("mttr_postprocess")
    arguments: dict[str, Any] = {
        "padded_size": tuple(sizes["padded_size"]),
        "sizes": [tuple(s) for s in sizes["resized_sizes"]],
        "original_sizes": [tuple(s) for s in sizes["original_sizes"]],
    }
    masks = postprocess(given["a2d.in.pred_masks"], **arguments)
    scores = reference_probabilities(given["a2d.in.pred_is_referred"])
    rows, wrong = [], 0
    for clip, ours in enumerate(masks):
        rows.append(
            row_of(f"postprocess a2d: masks {clip}", ours, given[f"a2d.out{clip}.masks"][:, 0].bool(), EXACT)
        )
        rows.append(
            row_of(f"postprocess a2d: scores {clip}", scores[clip], given[f"a2d.out{clip}.scores"], GRADIENT)
        )
        for mask, code in zip(ours.numpy(), sizes["a2d_rle"][clip], strict=True):
            wrong += (
                coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
                != code["counts"]
            )
    rows.append(Row("postprocess a2d: wrong run-length codes", float(wrong), EXACT))
    logits = given["rvos.in.pred_masks"].transpose(0, 1)
    queries, votes = temporal_segment_vote(given["rvos.in.pred_is_referred"].transpose(0, 1))
    mean = votes / logits.shape[1]
    rows.append(row_of("postprocess rvos: chosen query", queries, given["rvos.out.chosen_query"], EXACT))
    rows.append(row_of("postprocess rvos: mean votes", mean, given["rvos.out.trajectory_scores"], GRADIENT))
    chosen = torch.stack([clip[:, query] for clip, query in zip(logits, queries, strict=True)])
    for clip, ours in enumerate(postprocess(chosen, **arguments)):
        theirs = given[f"rvos.out{clip}.masks"][:, 0].bool()
        rows.append(row_of(f"postprocess rvos: masks {clip}", ours, theirs, EXACT))
    return rows


def position_rows() -> list[Row]:
    """Sine positions of padded maps."""
    given = read("mttr_position_encoding")
    rows = []
    for key in sorted(k for k in given if k.endswith(".in.mask")):
        case = key.split(".")[0]
        ours = sine_positions(given[key].bool(), int(given[f"{case}.in.hidden_dim"]))
        rows.append(row_of(f"positions: {case}", ours, given[f"{case}.out"], OUTPUT))
    return rows


def patch_rows() -> list[Row]:
    """The 2x4x4 patch embedding as a 1x4x4 one (section C.1)."""
    given = read("mttr_patch_embed")
    width = len(given["in.weight"])
    encoder = TemporalEncoder(TemporalEncoderConfig(embed_dim=width, depths=[1, 1, 1], heads=[1, 1, 1]))
    kernel = sum_over_time(given["in.weight"])
    encoder.patch_embed.load_state_dict(
        {
            "proj.weight": kernel,
            "proj.bias": given["in.bias"],
            "norm.weight": given["in.norm_weight"],
            "norm.bias": given["in.norm_bias"],
        }
    )
    with torch.no_grad():
        ours = encoder.patch_embed(given["in.frames"]).permute(0, 4, 1, 2, 3)
    return [
        row_of("patch embedding: summed kernel", kernel, given["out.weight"], PATCH),
        row_of("patch embedding: 1x4x4", ours, given["out.embedded_converted"], PATCH),
        row_of("patch embedding: every frame twice", ours, given["out.embedded_from_doubled"], PATCH),
    ]


def all_rows() -> list[Row]:
    """The whole table."""
    rows = patch_rows() + position_rows()
    for case in ("short", "long"):
        rows += model_rows(case)
    for case in ("video", "image"):
        rows += criterion_rows(case)
    return rows + postprocess_rows()


def row_of(item: str, ours: Tensor, theirs: Tensor, tolerance: float) -> Row:
    """The largest absolute difference of two tensors of one shape."""
    assert ours.shape == theirs.shape, f"{item}: {tuple(ours.shape)} against {tuple(theirs.shape)}"
    return Row(item, float((ours.double() - theirs.double()).abs().max()), tolerance)


def print_rows(rows: list[Row]) -> None:
    """Print the table."""
    print("| item | max abs error | tolerance |\n|---|---|---|")
    for row in rows:
        print(f"| {row.item} | {row.error:.1e} | {row.tolerance:.0e} |")


def _padding(features: VisualFeatures) -> Tensor:
    nothing = torch.zeros(features.positions.shape[:2], dtype=torch.bool)
    return nothing if features.padding is None else features.padding


def _rows(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)


if __name__ == "__main__":
    print_rows(all_rows())
