"""Segmenting whole videos: windows, votes, files, odd and bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from PIL import Image

from rvos_edu.config import ExperimentConfig, R2VOSExperimentConfig, R2VOSInferenceConfig
from rvos_edu.data.video import VideoWriter
from rvos_edu.engine import segment as module
from rvos_edu.engine import segment_output, spool
from rvos_edu.engine.inference import settings_for
from rvos_edu.engine.segment import judge, segment
from rvos_edu.engine.segment_output import verdict
from rvos_edu.errors import ConfigError, DataError, RVOSError
from rvos_edu.models import MTTR
from rvos_edu.postprocess import postprocess
from rvos_edu.structures import MTTROutput, Segmentation
from tests.engine.oracle import ColourModel, rectangles, samples
from tests.tiny import tiny_r2vos

CONFIG = ExperimentConfig()
CONFIG.data.short_side, CONFIG.data.max_side = 16, 32
CONFIG.inference.max_frames, CONFIG.inference.overlap = 6, 3

PLACES = [[t % 8 for t in range(20)], [7 - t % 8 for t in range(20)], [None] * 9 + [3] * 11]
TRUTH = rectangles(PLACES).numpy()


class Restless(ColourModel):
    """Numbers its queries anew in every window."""

    def forward(self, frames: torch.Tensor, expressions: list[str]) -> MTTROutput:
        out = super().forward(frames, expressions)
        order = torch.randperm(3, generator=torch.Generator().manual_seed(int(frames.sum().abs() * 100)))
        return MTTROutput(out.mask_logits[:, :, :, order], out.reference_logits[:, :, :, order])


class Judging(ColourModel):
    """Also says how little the sentence fits, another logit in every window."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = list(logits)

    def forward(self, frames: torch.Tensor, expressions: list[str]) -> SimpleNamespace:  # type: ignore[override]
        out = super().forward(frames, expressions)
        logits = torch.tensor([self.logits.pop(0)])
        return SimpleNamespace(
            mask_logits=out.mask_logits, reference_logits=out.reference_logits, alignment_logits=logits
        )


JUDGING = R2VOSExperimentConfig()
JUDGING.data.short_side, JUDGING.data.max_side = 16, 32
JUDGING.inference.max_frames, JUDGING.inference.overlap = 8, 2  # 20 frames: windows from 0, 6 and 12 on


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Besides real models, let `segment` take the colour model."""
    real = module.load_model
    monkeypatch.setattr(
        module, "load_model", lambda m: (m.eval(), CONFIG) if isinstance(m, ColourModel) else real(m)
    )


@pytest.fixture
def frames() -> np.ndarray:
    return video(PLACES)


@pytest.fixture
def tiny_model(tiny: ExperimentConfig, text_encoder: Path) -> MTTR:
    torch.manual_seed(0)
    return MTTR(tiny.model, tokenizer=text_encoder).eval()


def video(places: list[list[int | None]]) -> np.ndarray:
    return samples("clip", places, [("object one", 0, None, None)])[0].frames.permute(0, 2, 3, 1).numpy()


def test_a_short_video_is_one_window(frames: np.ndarray) -> None:
    model = ColourModel()
    result = segment(model, frames[:6], "Object  TWO")
    np.testing.assert_array_equal(result.masks, TRUTH[1, :6])
    assert model.clips_encoded == 1
    assert (result.query, result.expression, result.aligned) == (1, "object two", None)
    assert result.probabilities.shape == (3, 6) and result.votes.shape == (3,)
    np.testing.assert_allclose(result.votes, result.probabilities.sum(1))
    assert result.probabilities[1, 0] == pytest.approx(1 / (1 + np.exp(-5.0)))


@pytest.mark.parametrize("word", [0, 1])
def test_windows_are_linked_although_queries_change_places(frames: np.ndarray, word: int) -> None:
    result = segment(Restless(), frames, f"object {('one', 'two')[word]}")
    np.testing.assert_array_equal(result.masks, TRUTH[word])
    assert result.probabilities[result.query].min() > 0.99  # one linked sequence has the votes of all frames


def test_one_vote_over_all_windows_keeps_a_late_object(frames: np.ndarray) -> None:
    result = segment(ColourModel(), frames, "object three")
    np.testing.assert_array_equal(result.masks, TRUTH[2])
    alone = segment(ColourModel(), frames, "object three", voting=False)
    np.testing.assert_array_equal(alone.masks[9:], TRUTH[2, 9:])
    np.testing.assert_array_equal(alone.masks[:9], TRUTH[0, :9])  # per frame, query 0 wins while it is absent


@pytest.mark.parametrize(("length", "overlap"), [(1, 0), (4, 0), (5, 4), (19, 2), (20, 5)])
def test_any_window_gives_the_same_masks(frames: np.ndarray, length: int, overlap: int) -> None:
    result = segment(ColourModel(), frames, "object two", max_frames=length, overlap=overlap)
    np.testing.assert_array_equal(result.masks, TRUTH[1])


@pytest.mark.parametrize(
    ("logits", "mean", "aligned"),
    [((5.0, -1.0, -1.0), 1.0, False), ((-5.0, 1.0, 1.0), -1.0, True), ((0.0, 0.0, 0.0), 0.0, False)],
)
def test_one_decision_for_the_whole_video_from_the_mean_logit(
    frames: np.ndarray, logits: tuple[float, ...], mean: float, aligned: bool
) -> None:
    model = Judging(*logits)  # neither the last window nor most of them decide
    result = segment(model, frames, "object two", config=JUDGING)
    assert model.clips_encoded == 3 and not model.logits
    assert result.mismatch == pytest.approx(1 / (1 + np.exp(-mean)))
    assert (result.aligned, result.rejected) == (aligned, not aligned)
    np.testing.assert_array_equal(result.masks, TRUTH[1] if aligned else np.zeros_like(TRUTH[1]))
    assert result.query == 1 and result.votes[1] > 19  # the vote is as without the filter


def test_threshold_and_filter_are_those_of_the_settings(frames: np.ndarray) -> None:
    lenient = replace(JUDGING, inference=replace(JUDGING.inference, align_threshold=0.9))
    result = segment(Judging(2.0, 2.0, 2.0), frames, "object two", config=lenient)  # p = 0.88
    assert result.aligned and result.masks.any()
    off = replace(JUDGING, inference=replace(JUDGING.inference, align_filter=False))
    result = segment(Judging(2.0, 2.0, 2.0), frames, "object two", config=off)
    assert (result.aligned, result.rejected) == (False, False)
    np.testing.assert_array_equal(result.masks, TRUTH[1])
    assert (
        verdict(result)
        == "the sentence does not fit: p(does not match) 0.88; the filter is off, masks are kept"
    )


def test_threshold_and_filter_as_arguments_go_before_the_settings(frames: np.ndarray) -> None:
    model = Judging(*[2.0] * 9)  # p = 0.88 in every window
    kept = segment(model, frames, "object two", config=JUDGING, align_threshold=0.9)
    assert kept.aligned and kept.masks.any()
    strict = segment(model, frames, "object two", config=JUDGING, align_threshold=0.0)
    assert strict.rejected and not strict.masks.any()
    off = segment(model, frames, "object two", config=JUDGING, align_filter=False)
    assert (off.aligned, off.rejected) == (False, False) and off.masks.any()
    assert (JUDGING.inference.align_threshold, JUDGING.inference.align_filter) == (0.5, True)  # untouched


def test_settings_of_alignment_for_the_wrong_model_or_out_of_range(frames: np.ndarray) -> None:
    for options in ({"align_threshold": 0.9}, {"align_filter": False}):
        with pytest.raises(
            ConfigError, match="are for R2-VOS: this model does not say whether a sentence fits"
        ):
            segment(ColourModel(), frames, "object one", **options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"align_threshold must be a probability, in 0..1, got 50"):
        segment(Judging(0.0), frames, "object one", config=JUDGING, align_threshold=50)


def test_a_config_of_mttr_does_not_switch_the_filter_of_r2vos_off(frames: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this config is one of MTTR: it does not say"):
        segment(tiny_r2vos(), frames, "the red circle", config=CONFIG, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_judgement_by_hand() -> None:
    settings = R2VOSInferenceConfig()
    assert judge([np.log(3.0)], settings) == (pytest.approx(0.75), False)
    assert judge([-np.log(9.0), 0.0], settings) == (pytest.approx(0.25), True)
    assert judge([], settings) == judge([1.0], CONFIG.inference) == (None, None)


def test_verdict_in_words() -> None:
    def said(*judgement: object) -> str:
        zeros = np.zeros(1)
        aligned, mismatch, rejected = judgement
        return verdict(Segmentation(zeros, zeros, zeros, 0, aligned, "x", mismatch, rejected))  # type: ignore[arg-type]

    assert said(None, None, False) == ""
    assert said(True, 0.031, False) == "the sentence fits: p(does not match) 0.03"
    assert said(False, 0.93, True) == "sentence rejected: p(does not match) 0.93, all masks are empty"


def test_the_probability_is_that_of_the_model() -> None:
    model = tiny_r2vos()
    seen: list[float] = []
    model.register_forward_hook(lambda _, args, out: seen.append(float(out.alignment_logits[0])))
    pixels = np.random.default_rng(0).integers(0, 255, (3, 32, 48, 3), dtype=np.uint8)
    config = replace(JUDGING, data=replace(JUDGING.data, short_side=32, max_side=48))
    result = segment(model, pixels, "the red circle", config=config)
    assert result.mismatch == pytest.approx(1 / (1 + np.exp(-seen[0])), abs=1e-6)
    assert result.aligned == (seen[0] < 0)


@pytest.mark.parametrize(("logit", "rejected"), [(3.0, True), (-3.0, False)])
def test_files_say_whether_the_sentence_was_rejected(
    frames: np.ndarray, tmp_path: Path, logit: float, rejected: bool
) -> None:
    result = segment(Judging(*[logit] * 3), frames, "object two", config=JUDGING, out=tmp_path / "out")
    votes = json.loads((tmp_path / "out" / "votes.json").read_text())
    assert (votes["aligned"], votes["rejected"]) == (not rejected, rejected)
    assert votes["mismatch"] == pytest.approx(result.mismatch, abs=1e-4)
    assert votes["query"] == 1 and len(list((tmp_path / "out" / "masks").iterdir())) == 20
    with av.open(str(tmp_path / "out" / "overlay.mp4")) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert (first[10:].min(-1) > 60).any() == rejected  # grey letters; the objects there are red


@pytest.mark.parametrize("order", ["threshold-first", "resize-first"])
def test_masks_are_those_of_postprocess(tiny_model: MTTR, tiny: ExperimentConfig, order: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3, 50, 61, 3), dtype=np.uint8)
    config = replace(tiny, inference=replace(tiny.inference, order=order))
    seen: list[tuple[torch.Tensor, MTTROutput]] = []
    tiny_model.register_forward_hook(lambda _, args, out: seen.append((args[0], out)))
    result = segment(tiny_model, pixels, "the red square", config=config)
    [(shown, out)] = seen
    size = (shown.shape[-2], shown.shape[-1])
    assert size == (32, 39)
    [expected] = postprocess(
        out.mask_logits[-1][:, :, result.query],
        padded_size=size,
        sizes=[size],
        original_sizes=[(50, 61)],
        order=order,
    )
    np.testing.assert_array_equal(result.masks, expected.numpy())


def test_large_results_stay_on_disk(frames: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY_BYTES", 100)
    result = segment(ColourModel(), frames, "object one")
    assert isinstance(result.masks, np.memmap)
    np.testing.assert_array_equal(result.masks, TRUTH[0])


def test_files(frames: np.ndarray, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4", fps=12, size=(16, 32)) as writer:
        for frame in frames:
            writer.write(frame)
    out = tmp_path / "result"
    result = segment(ColourModel(), tmp_path / "clip.mp4", "object two", out=out)
    assert sorted(p.name for p in out.iterdir()) == ["masks", "overlay.mp4", "votes.json", "votes.png"]
    assert sorted(p.name for p in (out / "masks").iterdir()) == [f"{t:05d}.png" for t in range(20)]
    stored = np.stack([np.asarray(Image.open(out / "masks" / f"{t:05d}.png")) for t in range(20)])
    np.testing.assert_array_equal(stored, result.masks * np.uint8(255))
    votes = json.loads((out / "votes.json").read_text())
    assert votes["query"] == result.query == 1 and votes["voting"] is True
    assert (votes["aligned"], votes["mismatch"], votes["rejected"]) == (None, None, False)
    assert np.shape(votes["probabilities"]) == (3, 20)
    with av.open(str(out / "overlay.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.frames, stream.average_rate) == (32, 16, 20, 12)


def test_a_failure_keeps_the_earlier_result(
    frames: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "result"
    segment(ColourModel(), frames, "object one", out=out)
    before = (out / "votes.json").read_bytes()

    def full_disk(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(segment_output, "voting_chart", full_disk)
    with pytest.raises(RVOSError, match="the disk is full"):
        segment(ColourModel(), frames, "object two", out=out)
    assert (out / "votes.json").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["result"]


def test_other_folders_are_not_replaced(frames: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"dear")
    with pytest.raises(DataError, match="holds other files"):
        segment(ColourModel(), frames, "object one", out=tmp_path)
    assert (tmp_path / "photo.jpg").read_bytes() == b"dear"


@pytest.mark.parametrize(
    "shape", [(1, 20, 30, 3), (2, 1, 1, 3), (2, 33, 57, 3), (2, 33, 57), (2, 9, 9, 4), (2, 9, 9, 1)]
)
def test_odd_but_valid_arrays(tiny_model: MTTR, tiny: ExperimentConfig, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8)
    result = segment(tiny_model, pixels, "the red square", config=tiny)
    assert result.masks.shape == shape[:3] and result.masks.dtype == bool
    channels_first = torch.from_numpy(pixels).movedim(-1, 1) if pixels.ndim == 4 else torch.from_numpy(pixels)
    if shape[1] not in (1, 3, 4):
        again = segment(tiny_model, channels_first, "the red square", config=tiny)
        np.testing.assert_array_equal(again.masks, result.masks)


@pytest.mark.parametrize("mode", ["L", "RGBA", "RGB"])
def test_a_folder_of_images(tiny_model: MTTR, tiny: ExperimentConfig, mode: str, tmp_path: Path) -> None:
    for t in range(3):
        Image.new(mode, (40, 30)).save(tmp_path / f"frame{t}.png")
    result = segment(tiny_model, tmp_path, "the red square", config=tiny, out=tmp_path / "out")
    assert result.masks.shape == (3, 30, 40)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((0, 8, 8, 3), np.uint8), "no frames"),
        (np.zeros((2, 8, 8, 3), np.float32), "frames must be uint8 with values 0..255, got float32"),
        (np.zeros((2, 8, 8, 2), np.uint8), r"got shape \(2, 8, 8, 2\)"),
        ("nowhere.mp4", "nowhere.mp4 does not exist"),
        (3, "expected the path of a video or an array of frames, got int"),
    ],
)
def test_bad_frames(given: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        segment(ColourModel(), given, "object one")  # type: ignore[arg-type]


def test_bad_sentences(tiny_model: MTTR, frames: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="empty: expected at least one word"):
        segment(tiny_model, frames, " \n ", out=tmp_path / "out")
    with pytest.raises(DataError, match="has 1000 words"):
        segment(tiny_model, frames, "red " * 1000, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bad_windows(frames: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="overlap must be less than max_frames, in 0..3, got 4"):
        segment(ColourModel(), frames, "object one", max_frames=4, overlap=4)
    with pytest.raises(ConfigError, match="max_frames must be at least 1, got 0"):
        segment(ColourModel(), frames, "object one", max_frames=0)


def test_a_model_of_other_sizes_gets_the_papers_settings(tiny_model: MTTR) -> None:
    config = settings_for(tiny_model)
    assert (config.data.short_side, config.data.max_side, config.inference.max_frames) == (360, 640, 36)
