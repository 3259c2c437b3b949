"""The protocol of Ref-DAVIS17 with a model whose answers are known, folders of results, and bad input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from rvos_edu.config import ExperimentConfig, R2VOSExperimentConfig, R2VOSInferenceConfig
from rvos_edu.data import layout_of, load
from rvos_edu.data.images import read_mask
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.palette import write_ids
from rvos_edu.engine import evaluate as module
from rvos_edu.engine.davis_protocol import compete, score_davis_folder, segment_sequences
from rvos_edu.engine.davis_table import davis_lines, davis_parts, davis_table
from rvos_edu.engine.evaluate import run
from rvos_edu.engine.summary import Spread
from rvos_edu.engine.train import train
from rvos_edu.errors import DataError
from tests.engine.oracle import HEIGHT, WIDTH, ColourModel, Judging, rectangles

CONFIG = ExperimentConfig()
CONFIG.data.short_side, CONFIG.data.max_side = 16, 32
CONFIG.inference.max_frames, CONFIG.inference.overlap = 3, 1
SAID = [  # per slot what is said of object 1 and of object 2
    ("object one", "object two"),
    ("object two", "object one"),  # exchanged
    ("object one", "object one"),  # the first of equals keeps the pixels
    ("object one", "object two"),
]
NAMES = ("Davis17_annot1", "Davis17_annot1_full_video", "Davis17_annot2", "Davis17_annot2_full_video")


@pytest.fixture
def davis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sequences of four frames; squares of red value 50 and 100, a void stripe below."""
    monkeypatch.setenv("RVOS_EDU_HOME", str(tmp_path / "home"))
    root, videos = tmp_path / "davis", {}
    for video, places in (("a", [[0, 1, 2, 3], [5, 5, 5, 5]]), ("b", [[1, 1, 1, 1], [4, 5, 6, 7]])):
        masks = rectangles(places)  # type: ignore[arg-type]
        for t in range(4):
            ids, image = np.zeros((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH, 3), np.uint8)
            for k, mask in enumerate(masks.numpy()):
                ids[mask[t]], image[mask[t], 0] = k + 1, 50 * (k + 1)
            ids[-1] = 255
            for kind in ("JPEGImages", "Annotations"):
                (root / "valid" / kind / video).mkdir(parents=True, exist_ok=True)
            frame = root / "valid/JPEGImages" / video / f"{t:05d}.jpg"
            Image.fromarray(image).save(frame, quality=100, subsampling=0)
            write_ids(root / "valid/Annotations" / video / f"{t:05d}.png", ids)
        expressions = {
            str(4 * k + slot): {"exp": SAID[slot][k], "obj_id": str(k + 1)}
            for k in range(2)
            for slot in range(4)
        }
        videos[video] = {"expressions": expressions, "frames": [f"{t:05d}" for t in range(4)]}
    path = root / "meta_expressions/valid/meta_expressions.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"videos": videos}))
    return root


@pytest.fixture
def masks(davis: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "masks"
    data = load("ref-davis17", split="valid", root=davis)
    model = ColourModel()
    found = segment_sequences(model, data, folder, config=CONFIG, progress=False)  # type: ignore[arg-type]
    assert found == ["a", "b"]
    assert model.clips_encoded == 2 * 4 * 2  # sequences, annotators, clips of 3 and of 1 frames
    return folder


def test_exchanged_identities_cost_nothing_only_by_the_official_matching(davis: Path, masks: Path) -> None:
    result = score_davis_folder(masks, davis, progress=False)
    hungarian, strict = ([score.jf for score in result.scores[match]] for match in ("hungarian", "id"))
    assert hungarian == [1.0, 1.0, 0.5, 1.0] and strict == [1.0, 0.0, 0.5, 1.0]
    figures = result.figures()
    assert figures["davis.hungarian.mean.jf"] == 87.5 and figures["davis.id.mean.jf"] == 62.5
    assert figures["davis.id.anno_1.j"] == figures["davis.id.anno_1.f"] == 0.0
    assert len(figures) == 2 * 5 * 3


def test_the_masks_written(masks: Path) -> None:
    assert sorted(p.relative_to(masks).as_posix() for p in masks.glob("*/*")) == [
        f"anno_{slot}/{video}" for slot in range(4) for video in "ab"
    ]
    image = Image.open(masks / "anno_1/a/00001.png")
    assert image.mode == "P"
    ids = np.asarray(image)
    truth = rectangles([[1], [5]])[:, 0].numpy()
    np.testing.assert_array_equal(ids, 2 * truth[0] + 1 * truth[1])


def test_pixels_go_to_the_most_probable_object() -> None:
    first, second = np.array([[[0.9, 0.6, 0.5, 0.4, 0.7]]]), np.array([[[0.6, 0.9, 0.49, 0.45, 0.7]]])
    assert compete([first, second], [3, 8]).tolist() == [[[3, 8, 3, 0, 3]]]


def test_both_families_of_folder_names(davis: Path, masks: Path) -> None:
    expected = score_davis_folder(masks, davis, progress=False).figures()
    for slot, name in enumerate(NAMES):
        (masks / f"anno_{slot}").rename(masks / name)
    assert score_davis_folder(masks, davis, progress=False).figures() == expected
    only = score_davis_folder(masks, davis, sequences=["b"], progress=False)
    assert [score.objects for score in only.scores["id"]] == [2] * 4


def test_void_is_not_scored(davis: Path, masks: Path) -> None:
    path = masks / "anno_0/a/00000.png"
    ids = np.array(read_mask(path))
    ids[-1] = 1
    write_ids(path, ids)
    assert score_davis_folder(masks, davis, progress=False).scores["id"][0].jf == 1.0
    ids[-2] = 1
    write_ids(path, ids)
    assert score_davis_folder(masks, davis, progress=False).scores["id"][0].jf < 1.0


def test_faulty_results(davis: Path, masks: Path, tmp_path: Path) -> None:
    def fails(words: str, **options: object) -> None:
        with pytest.raises(DataError) as error:
            score_davis_folder(masks, davis, progress=False, **options)  # type: ignore[arg-type]
        assert words in str(error.value)

    path = masks / "anno_2/a/00001.png"
    write_ids(path, np.full((HEIGHT, WIDTH), 21, np.uint8))
    fails("anno_2/a: the prediction has the id 21; at most 20 proposals")
    write_ids(path, np.zeros((HEIGHT, WIDTH + 1), np.uint8))
    fails("anno_2/a/00001.png is 16x33 (height x width), its frame is 16x32")
    path.write_bytes(path.read_bytes()[:-30])
    fails("anno_2/a/00001.png cannot be read")
    path.unlink()
    fails("anno_2/a/00001.png is missing")
    shutil.rmtree(masks / "anno_2/a")
    fails("anno_2/a is missing")
    fails("has no sequence 'c' in its split 'valid'", sequences=["c"])
    shutil.rmtree(masks / "anno_2")
    fails("anno_2 is missing: results need all four annotators")
    shutil.rmtree(masks / "anno_0")
    fails("holds neither anno_0, anno_1")


def test_the_command_tells_both_ways_apart(
    davis: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "load_model", lambda name: (ColourModel(), CONFIG))
    out = tmp_path / "out"
    run("x", data="ref-davis17", root=str(davis), split="valid", out=str(out), limit=1)
    table, page = (out / "table.txt").read_text(), (out / "index.html").read_text()
    lines = [line.split() for line in table.splitlines()]
    assert ["DAVIS,", "hungarian", "DAVIS,", "strict", "identity"] in lines
    assert ["Davis17_annot1_full_video", *["100.0"] * 3, *["0.0"] * 3] in lines
    assert ["mean", *["87.5"] * 3, *["62.5"] * 3] in lines
    assert "<th>DAVIS, hungarian</th>" in page and "<th>DAVIS, strict identity</th>" in page
    figures = json.loads((out / "evaluation.json").read_text())["figures"]
    assert figures["davis.hungarian.mean.jf"]["mean"] == 87.5 and figures["davis.id.mean.jf"]["mean"] == 62.5
    assert sorted(p.name for p in (out / "masks").iterdir()) == [f"anno_{slot}" for slot in range(4)]
    assert [p.name for p in (out / "masks/anno_0").iterdir()] == ["a"]


class JudgingLength(ColourModel):
    """Says of every sentence about fewer frames than a window that it does not fit."""

    def ground(self, features: Any, expressions: list[str], *, clips: torch.Tensor) -> Any:
        out = super().ground(features, expressions, clips=clips)
        wrong = torch.full((len(expressions),), 3.0 if features.stride4.shape[1] < 3 else -3.0)
        return SimpleNamespace(
            mask_logits=out.mask_logits, reference_logits=out.reference_logits, alignment_logits=wrong
        )


@pytest.mark.parametrize(
    ("model", "on", "jf", "rejected"),
    [
        (Judging, True, (50.0, 37.5), 37.5),  # 3 of 8 sentences say "two"
        (Judging, False, (87.5, 62.5), None),
        (JudgingLength, True, (87.5, 62.5), 0.0),  # of the clips of one frame it would reject everything
        (ColourModel, True, (87.5, 62.5), None),
    ],
)
def test_the_filter_decides_once_per_video(
    davis: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any, on: bool, jf: Any, rejected: Any
) -> None:
    config = R2VOSExperimentConfig(data=CONFIG.data, inference=R2VOSInferenceConfig(align_filter=on))
    config.inference.max_frames, config.inference.overlap = 3, 1
    monkeypatch.setattr(module, "load_model", lambda name: (model(), config))
    report = run("x", data="ref-davis17", root=str(davis), split="valid", out=str(tmp_path / "o"), limit=1)
    figures = report.results[0].figures()
    assert (figures["davis.hungarian.mean.jf"], figures["davis.id.mean.jf"]) == jf
    assert figures.get("davis.rejected") == rejected
    told = "DAVIS figures are with the filter 1(A), judged once per video: "
    lines = [line for line in report.table().splitlines() if line.startswith(told)]
    assert lines == ([] if rejected is None else [f"{told}{rejected:.1f} % of the sentences are emptied"])
    ids = read_mask(tmp_path / "o/masks/anno_0/a/00003.png")
    assert set(np.unique(ids)) == ({0, 1} if model is Judging and on else {0, 1, 2})


def test_no_table_without_the_protocol() -> None:
    assert davis_table({"overall.jf": Spread(1, 1, 1)}) == []
    slots = ("mean", *(f"anno_{slot}" for slot in range(4)))
    keys = [f"davis.{m}.{s}.{k}" for m in ("hungarian", "id") for s in slots for k in ("jf", "j", "f")]
    rows = davis_table({key: Spread(5.25, 5, 6) for key in keys})
    assert len(rows) == 6 and len({len(row) for row in rows}) == 1
    assert len({len(line) for line in davis_lines(rows)}) == 1
    hungarian, identity = davis_parts(rows)
    assert (
        hungarian[0] == ["DAVIS, hungarian", "J&F", "J", "F"] and identity[0][0] == "DAVIS, strict identity"
    )
    assert [hungarian[-1], identity[-1]] == [["mean", *rows[-1][1:4]], ["mean", *rows[-1][4:]]]


@pytest.mark.parametrize("name, valid", [("ref-davis17", "valid"), ("mevis", "valid_u")])
def test_train_and_evaluate_an_export(
    tmp_path: Path, tiny: ExperimentConfig, monkeypatch: pytest.MonkeyPatch, name: str, valid: str
) -> None:
    monkeypatch.setenv("RVOS_EDU_HOME", str(tmp_path / "home"))
    shapes = make(tmp_path / "shapes", level="1", train=4, valid=2, test=1, workers=1)
    layout = layout_of(name)
    assert layout.make is not None
    root = layout.make(shapes, tmp_path / "made")
    tiny.data.name, tiny.data.root, tiny.data.valid_split = name, str(root), valid
    tiny.train.steps, tiny.train.evaluate_every = 2, 2
    tiny.inference.max_frames, tiny.inference.overlap = 5, 1
    if name == "mevis":
        tiny.data.valid_split = "valid"
        with pytest.raises(
            DataError, match="'valid' of mevis has no masks to evaluate against: choose another"
        ):
            train(tiny, out=tmp_path / "run")
        tiny.data.valid_split = valid
    train(tiny, out=tmp_path / "run")
    report = run(str(tmp_path / "run"), data=name, root=str(root), split=valid, out=str(tmp_path / "out"))
    assert report.results[0].overall.count == len(load(name, split=valid, root=root))
    assert ("davis.id.mean.jf" in report.spread()) == (name == "ref-davis17")
