"""The protocol of A2D- and JHMDB-Sentences: ids, mAP against pycocotools, edges of P@K, training, scores."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rvos_edu.config import ExperimentConfig
from rvos_edu.data import load
from rvos_edu.data.centre_windows import CentreWindows
from rvos_edu.data.coco_truth import coco_ground_truth
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.moving_shapes.a2d_export import export_a2d
from rvos_edu.data.moving_shapes.jhmdb_export import export_jhmdb
from rvos_edu.engine.evaluate import evaluate, run
from rvos_edu.engine.inference import Geometry, Prediction, load_model, predict
from rvos_edu.engine.scoring import ImageScores
from rvos_edu.engine.summary import summarise_images
from rvos_edu.engine.train import train
from rvos_edu.metrics import AveragePrecision
from rvos_edu.structures import VideoSample
from tests.data.a2d_tree import OTHER, TRAIN, mask_of, write_a2d
from tests.data.jhmdb_tree import ODD, PLAIN, SHORT, write_jhmdb, write_list


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Moving Shapes in both layouts."""
    root = tmp_path_factory.mktemp("single")
    shapes = make(root / "shapes", level="full", seed=11, train=4, valid=0, test=2)
    return {
        "a2d-sentences": export_a2d(shapes, root / "a2d"),
        "jhmdb-sentences": export_jhmdb(shapes, root / "jhmdb"),
    }


def windows(name: str, root: Path, split: str = "test", window: int = 8) -> CentreWindows:
    dataset = load(name, root=root, split=split, window=window)
    assert isinstance(dataset, CentreWindows)
    return dataset


# ------------------------------------------------------------------------------------- truth as a COCO file


def test_the_truth_as_a_coco_file(tmp_path: Path) -> None:
    truth = coco_ground_truth(windows("a2d-sentences", write_a2d(tmp_path / "a2d"), "train"))
    names = [f"v_{TRAIN}_f_1_i_0", f"v_{TRAIN}_f_6_i_0", f"v_{TRAIN}_f_6_i_2", f"v_{TRAIN}_f_12_i_0"]
    names += [f"v_{OTHER}_f_2_i_4", f"v_{OTHER}_f_3_i_4"]
    assert truth["categories"] == [{"id": 1, "name": "dummy_class"}]
    assert truth["images"] == [{"id": name, "height": 24, "width": 40} for name in names]
    assert [a["id"] for a in truth["annotations"]] == [1, 2, 3, 4, 5, 6]
    assert [a["image_id"] for a in truth["annotations"]] == names
    third = truth["annotations"][2]  # rows 2..5, columns 16..19
    assert (third["area"], third["bbox"], third["iscrowd"], third["category_id"]) == (
        16.0,
        [16, 2, 4, 4],
        0,
        1,
    )
    assert third["segmentation"]["size"] == [24, 40]
    np.testing.assert_array_equal(coco_mask.decode(third["segmentation"]), mask_of(2, 0))
    assert json.loads(json.dumps(truth)) == truth


def test_ids_without_an_instance(tmp_path: Path) -> None:
    write_list(write_jhmdb(tmp_path), [(ODD, 4), (PLAIN, 2), (PLAIN, 1), (SHORT, 1)])
    truth = coco_ground_truth(windows("jhmdb-sentences", tmp_path))
    names = [f"v_{ODD}_f_4", f"v_{PLAIN}_f_1", f"v_{PLAIN}_f_2", f"v_{SHORT}_f_1"]
    assert [image["id"] for image in truth["images"]] == names


def by_pycocotools(truth: Path, predictions: Path) -> list[float]:
    """As the published evaluation runs it: all masks, categories not used."""
    with contextlib.redirect_stdout(io.StringIO()):
        expected = COCO(str(truth))
        evaluation = COCOeval(expected, expected.loadRes(str(predictions)), "segm")
        evaluation.params.useCats = 0
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats]


@pytest.mark.parametrize("name", ["a2d-sentences", "jhmdb-sentences"])
def test_map_is_that_of_pycocotools_on_the_files(name: str, exports: dict[str, Path], tmp_path: Path) -> None:
    """The shipped model, once through the report, once by way of COCO files of truth and predictions."""
    model, config = load_model("nano-mttr")
    dataset = windows(name, exports[name])
    result = evaluate(model, dataset, config=config, progress=False)
    assert result.images is not None and result.images.count == len(dataset)
    predictions, best = [], []
    for clip in range(len(dataset.clips)):
        samples = dataset.load_clip(clip)
        for sample, answer in zip(samples, predict(model, [samples], config=config)[0], strict=True):
            (masks,) = answer.candidates([0])
            for query, mask in enumerate(masks):
                runs = coco_mask.encode(np.asfortranarray(mask, np.uint8))
                runs["counts"] = runs["counts"].decode("ascii")
                about = {"image_id": dataset.image_of(sample), "category_id": 1, "segmentation": runs}
                predictions.append({**about, "score": float(answer.probabilities[query, 0])})
                best += predictions[-1:] if query == answer.query else []
    truth = coco_ground_truth(dataset)
    assert {p["image_id"] for p in predictions} == {image["id"] for image in truth["images"]}
    for file, content in (("truth", truth), ("all", predictions), ("best", best)):
        (tmp_path / f"{file}.json").write_text(json.dumps(content))
    of_all = by_pycocotools(tmp_path / "truth.json", tmp_path / "all.json")
    of_best = by_pycocotools(tmp_path / "truth.json", tmp_path / "best.json")
    assert result.images.mean_average_precision == pytest.approx(100 * of_all[0], abs=1e-9)
    assert result.images.mean_average_precision_best == pytest.approx(100 * of_best[0], abs=1e-9)
    assert 20 < 100 * of_best[0] < 100 * of_all[0] < 95  # no trivial case


# ----------------------------------------------------------------------------------------- P@K and the IoUs


def answer(mask: np.ndarray) -> Prediction:
    """A prediction of one query."""
    geometry = Geometry(mask.shape[-2:], mask.shape[-2:], mask.shape[-2:])
    logits = torch.from_numpy(mask[:, None].astype(np.float32) * 20 - 10)
    return Prediction(mask, mask, np.ones((1, 1), np.float32), 0, logits, geometry, "threshold-first")


def pixels(sample: VideoSample, *places: tuple[slice, slice]) -> np.ndarray:
    mask = np.zeros((1, *sample.original_size), bool)
    for rows, columns in places:
        mask[0, rows, columns] = True
    return mask


def test_edges_by_hand(tmp_path: Path) -> None:
    """Truths of 4 pixels in row `number`, columns 3..6; one truth is empty."""
    write_list(write_jhmdb(tmp_path), [(ODD, 1), (ODD, 2), (ODD, 3), (PLAIN, 1), (SHORT, 1)])
    data = windows("jhmdb-sentences", tmp_path, window=3)
    samples = list(data)
    empty = samples[4].target
    assert empty is not None and empty.visible is not None
    empty.masks.zero_()
    empty.visible.zero_()
    images = ImageScores(AveragePrecision(), data)
    row = slice(1, 2), slice(3, 7)
    two = slice(2, 3), slice(3, 5)
    wide = slice(3, 4), slice(3, 13)
    images.add(samples[0], answer(pixels(samples[0], row)))  # IoU 4/4
    images.add(samples[1], answer(pixels(samples[1], two)))  # exactly 2/4
    images.add(samples[2], answer(pixels(samples[2], wide)))  # 4/10
    images.add(samples[3], answer(pixels(samples[3])))  # nothing: 0/4
    images.add(samples[4], answer(pixels(samples[4])))  # nothing, as there should be: 1, 0 pixels
    summary = summarise_images(images.voted, images.precision)
    assert summary is not None and summary.count == 5
    assert summary.precision == [40.0] * 5  # an IoU of 0.5 is not above 0.5
    assert summary.mean_iou == pytest.approx(100 * (1 + 0.5 + 0.4 + 0 + 1) / 5)
    assert summary.overall_iou == pytest.approx(100 * (4 + 2 + 4) / (4 + 4 + 10 + 4))
    images.add(samples[1], answer(pixels(samples[1], row)))  # a sampler's padding: the first answer counts
    again = summarise_images(images.voted, images.precision)
    assert again == summary and images.names == {data.image_of(s) for s in samples}


def test_frames_of_one_video_are_images_of_their_own(tmp_path: Path) -> None:
    """All have the same place in their windows."""
    data = windows("a2d-sentences", write_a2d(tmp_path / "a2d"), "train")
    images = ImageScores(AveragePrecision(), data)
    for sample in data:
        assert sample.target is not None
        images.add(sample, answer(sample.target.masks[sample.target.referred].numpy()))
    summary = summarise_images(images.voted, images.precision)
    assert summary is not None and summary.count == 6 and images.precision is not None
    assert len(images.precision) == 6 and summary.mean_average_precision == pytest.approx(100)


# ------------------------------------------------------------------------------------------------ end to end


def test_training_and_both_evaluations(
    tiny: ExperimentConfig, exports: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An epoch on the exported A2D-Sentences, scores on its test split and on JHMDB-Sentences."""
    tiny.data.name, tiny.data.root = "a2d-sentences", str(exports["a2d-sentences"])
    tiny.data.valid_split = "test"
    tiny.train.steps, tiny.train.epochs, tiny.train.evaluate_every = None, 1, None
    train(tiny, out=tmp_path / "run")
    records = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    clips = len(windows("a2d-sentences", exports["a2d-sentences"], "train", 4).clips)
    assert max(r["step"] for r in records) == clips // 2
    assert any("J&F" in r for r in records)
    capsys.readouterr()
    for name, root in exports.items():
        out = tmp_path / f"scores-{name}"
        report = run(str(tmp_path / "run"), data=name, root=str(root), split="test", out=str(out))
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith(f"run on {name} (test): ")
        assert lines[2].split()[:4] == ["images", "mAP", "mAP_best", "P@0.5"]
        figures = report.spread()
        (images, *cells) = lines[4].split()
        assert int(images) == len(windows(name, root, window=4)) == figures["images.count"].mean
        assert cells[0] == f"{figures['images.mean_average_precision'].mean:.1f}"
        assert not any("mAP " in line or "late" in line for line in lines[5:])
        truth = json.loads((out / "coco_truth.json").read_text())
        assert [image["id"] for image in truth["images"]] and len(truth["images"]) == len(
            truth["annotations"]
        )
        page = (out / "index.html").read_text()
        assert "mAP_best" in page and page.count("data:image/png;base64,") == 1
