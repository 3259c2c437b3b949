"""Clips and sentences of the tiny Refer-YouTube-VOS."""

from __future__ import annotations

import json
import os
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rvos_edu.data import ClipKey, VideoDataset, load
from rvos_edu.data import presence as presence_module
from rvos_edu.errors import DataError
from rvos_edu.structures import Target, VideoSample
from tests.fixtures import (
    LONG,
    LONG_FRAMES,
    SHORT,
    SIZES,
    TEST,
    VALID,
    edit_expressions,
    write_expressions,
    write_frame,
    write_mask,
)


def target_of(sample: VideoSample) -> Target:
    assert sample.target is not None and sample.target.visible is not None
    return sample.target


def places(sample: VideoSample) -> list[int]:
    """Which frame of the video each frame is, told by its grey value."""
    return [round(float(frame.float().mean()) / 20) for frame in sample.frames]


def test_windows_and_dropped_sentences(tree: Path) -> None:
    data = load("refer-youtube-vos", split="train", root=tree, window=4)
    assert data.clips == [ClipKey(LONG, 0), ClipKey(LONG, 4), ClipKey(LONG, 6), ClipKey(SHORT, 0)]
    assert [[data[i].expression_id for i in data.samples_of(c)] for c in range(4)] == [
        ["0", "2"],
        ["0"],
        ["0"],
        ["0"],
    ]
    assert len(data) == 5 and data.category_counts == {"place": 3, "motion": 1}
    assert [places(data.load_clip(c)[0]) for c in range(4)] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [6, 7, 8, 9],
        [0, 1, 1, 1],
    ]


def test_sample_of_a_window(tree: Path) -> None:
    first, second = VideoDataset(tree, split="train", window=4).load_clip(0)
    assert first.frames is second.frames and target_of(first).masks is target_of(second).masks
    assert first.frames.shape == (4, 3, 33, 57) and first.frames.dtype == torch.uint8
    assert (first.expression, first.raw_expression) == (
        "a bright square on the left",
        "A  bright square\ton the LEFT ",
    )
    assert (first.video, first.category, first.candidates) == (LONG, "place", 2)
    assert second.candidates is None
    assert first.frame_names == tuple(LONG_FRAMES[:4]) and first.annotated == (0, 1, 2, 3)
    assert first.original_size == (33, 57)
    masks = target_of(second).masks
    assert masks.shape == (2, 4, 33, 57) and target_of(second).referred == 1
    assert masks[1, 0, 1:6, 7:11].all() and masks.sum((2, 3)).tolist() == [[20] * 4, [20] * 4]


def test_item_equals_the_one_of_its_clip(tree: Path) -> None:
    data = VideoDataset(tree, split="train", window=4)
    for clip in range(len(data.clips)):
        for index, sample in zip(data.samples_of(clip), data.load_clip(clip), strict=True):
            assert torch.equal(data[index].frames, sample.frames)
            assert torch.equal(target_of(data[index]).masks, target_of(sample).masks)
            assert data[index].expression == sample.expression


def test_repeated_frames_repeat_names_and_masks(tree: Path) -> None:
    (sample,) = VideoDataset(tree, split="train", window=4).load_clip(3)
    assert sample.frame_names == ("00000", "00005", "00005", "00005")
    assert target_of(sample).masks.sum((2, 3)).tolist() == [[20] * 4]


def test_whole_videos_keep_every_sentence(tree: Path) -> None:
    data = VideoDataset(tree, split="train")
    assert data.clips == [ClipKey(LONG, 0), ClipKey(SHORT, 0)] and len(data) == 4
    always, leaves, never = data.load_clip(0)
    assert [s.expression_id for s in (always, leaves, never)] == ["0", "2", "10"]  # in the order of numbers
    assert always.frame_names == tuple(LONG_FRAMES) and always.annotated == tuple(range(10))
    assert target_of(leaves).visible.tolist() == [True] * 4 + [False] * 6  # type: ignore[union-attr]
    assert target_of(never).masks.shape[0] == 3 and target_of(never).referred == 2
    assert not target_of(never).masks[2].any() and not target_of(never).visible.any()  # type: ignore[union-attr]


def test_valid_leaves_test_videos_out_and_has_no_targets(tree: Path) -> None:
    data = VideoDataset(tree, split="valid")
    assert [clip.video for clip in data.clips] == [VALID] and len(data) == 2
    assert data[0].target is None and data[0].frame_names == ("00005", "00010", "00020")
    assert [clip.video for clip in VideoDataset(tree, split="test").clips] == [TEST]


def test_valid_without_the_test_json(tree: Path) -> None:
    (tree / "meta_expressions/test/meta_expressions.json").unlink()
    with pytest.raises(DataError, match=r"4e4e4e4e4e/00005\.jpg is missing.*test JSON at .*ids\.txt"):
        VideoDataset(tree, split="valid")
    (tree / "meta_expressions/valid/ids.txt").write_text(f"{VALID}\n")
    assert [clip.video for clip in VideoDataset(tree, split="valid").clips] == [VALID]
    (tree / "meta_expressions/valid/ids.txt").write_text("nobody\n")
    with pytest.raises(DataError, match="names the video 'nobody'"):
        VideoDataset(tree, split="valid")


def test_masks_of_valid_are_used_where_they_are(tree: Path) -> None:
    edit_expressions(tree, "valid", lambda videos: videos[VALID]["expressions"]["0"].update(obj_id="1"))
    for name in ("00005", "00010", "00020"):
        mask = write_mask(tree, VALID, name, [1])
        place = tree / "valid/Annotations" / VALID / mask.name
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(mask, place)
    known, unknown = VideoDataset(tree, split="valid").load_clip(0)
    assert target_of(known).masks.shape == (1, 3, 24, 18) and unknown.target is None


def test_meta_json_is_not_needed_and_not_read(tree: Path) -> None:
    assert not (tree / "train/meta.json").exists()
    (tree / "train/meta.json").write_text("not JSON")
    assert len(VideoDataset(tree, split="train")) == 4


def test_transform_sees_items_only(tree: Path) -> None:
    def mark(sample: VideoSample, rng: random.Random) -> VideoSample:
        return VideoSample(**{**sample.__dict__, "expression": f"{sample.expression} {rng.random()}"})

    data = load("refer-youtube-vos", split="train", root=tree, transform=mark)
    torch.manual_seed(0)
    first = data[0].expression
    assert first != data[0].expression  # another draw each time ...
    torch.manual_seed(0)
    assert first == data[0].expression  # ... that torch's seed decides
    assert data.load_clip(0)[0].expression == "a bright square on the left"


@pytest.mark.parametrize("size", [(1, 1), (33, 57)])
def test_one_object_one_frame_odd_sizes(
    tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SIZES, "v", size)
    about = {"expressions": {"0": {"exp": "it", "obj_id": 1}}, "frames": ["00000"]}
    write_expressions(tmp_path / "d", "train", {"v": about})
    write_frame(tmp_path / "d", "train", "v", "00000", 3)
    path = write_mask(tmp_path / "d", "v", "00000", [])
    Image.fromarray(np.ones(size, np.uint8)).save(path)
    for window, frames in ((None, 1), (3, 3)):
        sample = VideoDataset(tmp_path / "d", split="train", window=window)[0]
        assert sample.frames.shape == (frames, 3, *size) and target_of(sample).masks.all()


# ---------------------------------------------------------------------------------------------- presence


def test_masks_are_read_once_per_dataset(tree: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = VideoDataset(tree, split="train", window=4)
    assert len(list((home / "index").glob("*.json"))) == 1
    kept = json.loads(next((home / "index").glob("*.json")).read_text())
    assert kept[LONG] == [[1, 2]] * 4 + [[1]] * 6

    def fail(*_: object) -> None:
        raise AssertionError("a mask was read again")

    with monkeypatch.context() as patch:
        patch.setattr(presence_module, "read_mask", fail)
        assert VideoDataset(tree, split="train", window=4).clips == data.clips
    write_mask(tree, LONG, "99999", [])  # a folder that was written to is read again
    with monkeypatch.context() as patch:
        patch.setattr(presence_module, "read_mask", fail)
        with pytest.raises(AssertionError):
            VideoDataset(tree, split="train", window=4)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"0a0a0a0a0a": []}'])
def test_a_damaged_index_is_made_again(tree: Path, home: Path, content: str) -> None:
    clips = VideoDataset(tree, split="train", window=4).clips
    (index,) = (home / "index").glob("*.json")
    index.write_text(content)
    assert VideoDataset(tree, split="train", window=4).clips == clips
    assert LONG in json.loads(index.read_text())


def test_an_index_that_cannot_be_written_is_no_error(tree: Path, home: Path) -> None:
    home.write_text("a file where the folder should be")
    assert len(VideoDataset(tree, split="train", window=4)) == 5


def test_dataset_travels_to_worker_processes(tree: Path) -> None:
    data = pickle.loads(pickle.dumps(VideoDataset(tree, split="train", window=4)))
    assert places(data[0]) == [0, 1, 2, 3]


# --------------------------------------------------------------------------------------------- bad input


def test_missing_and_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere does not exist; expected <split>/JPEGImages"):
        VideoDataset(tmp_path / "nowhere", split="train")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no sentences"):
        VideoDataset(tmp_path / "empty", split="train")


@pytest.mark.parametrize("split", ["dev", "../train", ""])
def test_unknown_split(tree: Path, split: str) -> None:
    with pytest.raises(DataError, match="unknown split .* expected one of test, train, valid"):
        VideoDataset(tree, split=split)


@pytest.mark.parametrize("content", ["{", "", "\udcff", "[" * 100_000, "[]", '{"videos": []}', "{}"])
def test_malformed_json(tree: Path, content: str) -> None:
    path = tree / "meta_expressions/train/meta_expressions.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(DataError, match=r"train/meta_expressions\.json (cannot be read as JSON|must hold)"):
        VideoDataset(tree, split="train")


def test_no_videos(tree: Path) -> None:
    write_expressions(tree, "train", {})
    with pytest.raises(DataError, match="leaves no videos for the split 'train'"):
        VideoDataset(tree, split="train")


@pytest.mark.parametrize("video", ["../x", "/etc", "a/b", "..", ".", "", "a\\b", "C:x", "a\0b"])
def test_video_ids_that_climb_out_of_the_root(tree: Path, video: str) -> None:
    edit_expressions(tree, "train", lambda videos: videos.update({video: videos[SHORT]}))
    with pytest.raises(DataError, match="the video id is .* expected a plain name"):
        VideoDataset(tree, split="train")


@pytest.mark.parametrize("frame", ["../../x", "/etc/passwd", "", 5, None])
def test_frame_names_that_climb_out_of_the_root(tree: Path, frame: object) -> None:
    edit_expressions(tree, "train", lambda videos: videos[SHORT]["frames"].append(frame))
    with pytest.raises(DataError, match=f"the frame of video '{SHORT}' is .* expected a plain name"):
        VideoDataset(tree, split="train")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(frames=[]), "has no list of frames"),
        (lambda v: v.pop("frames"), "has no list of frames"),
        (lambda v: v["frames"].append("00005"), "lists a frame twice: 00005"),
        (lambda v: v.pop("expressions"), "is this the file of another split"),
        (lambda v: v["expressions"].update(a={"exp": "x"}), "has the expression id 'a'"),
        (lambda v: v["expressions"]["0"].update(exp=" \t "), "expression 0 of video '1b1b1b1b1b' is empty"),
        (lambda v: v["expressions"]["0"].pop("exp"), 'the sentence in "exp"'),
        (lambda v: v["expressions"]["0"].update(obj_id="0"), "obj_id '0', expected a number from 1 to 255"),
        (lambda v: v["expressions"]["0"].update(obj_id="dog"), "obj_id 'dog'"),
        (lambda v: v["expressions"]["0"].update(obj_id=True), "obj_id True"),
        (lambda v: v["expressions"]["0"].update(category=3), "the category 3"),
        (lambda v: v["expressions"]["0"].update(candidates="2"), "candidates '2'"),
    ],
)
def test_inconsistent_json(tree: Path, change: object, message: str) -> None:
    edit_expressions(tree, "train", lambda videos: change(videos[SHORT]))  # type: ignore[operator]
    with pytest.raises(DataError, match=message) as caught:
        VideoDataset(tree, split="train")
    assert "meta_expressions.json" in str(caught.value)


def test_missing_frame_and_mask(tree: Path) -> None:
    (tree / "train/Annotations" / SHORT / "00005.png").unlink()
    with pytest.raises(DataError, match=r"1b1b1b1b1b/00005\.png is missing.*\(1 files in all\)"):
        VideoDataset(tree, split="train")
    edit_expressions(tree, "train", lambda videos: videos[LONG]["frames"].append("00085"))
    with pytest.raises(DataError, match=r"0a0a0a0a0a/00085\.jpg is missing.*\(3 files in all\)"):
        VideoDataset(tree, split="train", window=4)


@pytest.mark.parametrize("kind", ["JPEGImages/1b1b1b1b1b/00005.jpg", "Annotations/1b1b1b1b1b/00005.png"])
def test_damaged_frame_and_mask(tree: Path, kind: str) -> None:
    path = tree / "train" / kind
    path.write_bytes(path.read_bytes()[:-60])
    data = VideoDataset(tree, split="train")
    with pytest.raises(DataError, match=f"{path.name} cannot be read as an image"):
        data[3]


def test_frames_and_masks_of_other_sizes(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, SHORT, (8, 9))
    write_mask(tree, SHORT, "00005", [1])
    with pytest.raises(DataError, match=r"00005\.png is 8x9 \(height x width\), its frame is 20x30"):
        VideoDataset(tree, split="train")[3]
    write_frame(tree, "train", SHORT, "00005", 1)
    with pytest.raises(DataError, match=r"00005\.jpg is 8x9 .* 00000\.jpg of the same video is 20x30"):
        VideoDataset(tree, split="train")[3]


def test_windows_without_masks(tree: Path) -> None:
    with pytest.raises(DataError, match="valid/Annotations is missing: training windows need masks"):
        VideoDataset(tree, split="valid", window=4)


def test_windows_in_which_nothing_is_referred_to(tree: Path) -> None:
    def forget(videos: dict) -> None:
        for about in videos.values():
            for expression in about["expressions"].values():
                expression["obj_id"] = "9"

    edit_expressions(tree, "train", forget)
    with pytest.raises(DataError, match="no window of the split 'train' .* shows a referred object"):
        VideoDataset(tree, split="train", window=4)
