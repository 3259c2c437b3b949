"""A2D-Sentences by hand: windows, masks, tables, and what is wrong with damaged ones."""

from __future__ import annotations

import logging
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from rvos_edu.config import DataConfig
from rvos_edu.data import GroupedClips, a2d_masks, check, collate, eval_transform, load
from rvos_edu.data.a2d_masks import read_frame_masks
from rvos_edu.data.a2d_sentences import A2DSentences
from rvos_edu.data.registry import check_split
from rvos_edu.errors import DataError, SplitError
from tests.data.a2d_tree import (
    FRAMES,
    MISSED,
    OTHER,
    SENTENCES,
    SIZE,
    TEST,
    TRAIN,
    VIDEOS,
    mask_of,
    mask_path,
    write_a2d,
    write_masks,
    write_tables,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_a2d(tmp_path / "a2d")


def train(root: Path, window: int | None = 5, **options: object) -> A2DSentences:
    dataset = load("a2d-sentences", root=root, split="train", window=window, **options)  # type: ignore[arg-type]
    assert isinstance(dataset, A2DSentences)
    return dataset


def greys(frames: torch.Tensor, step: int = 20) -> list[int]:
    """The index of each frame, from its grey value."""
    return [round(float(frame.float().mean()) / step) for frame in frames]


# ------------------------------------------------------------------------------------------------- good input


def test_one_clip_per_annotated_frame_with_the_sentences_about_it(root: Path) -> None:
    data = train(root)
    starts = [(TRAIN, -2), (TRAIN, 3), (TRAIN, 9), (OTHER, -1), (OTHER, 0)]
    assert [(clip.video, clip.start) for clip in data.clips] == starts
    assert [(s.video, s.expression_id, s.frame_names[2]) for s in data] == [
        (TRAIN, "0", "00001"),
        (TRAIN, "0", "00006"),
        (TRAIN, "2", "00006"),
        (TRAIN, "0", "00012"),
        (OTHER, "4", "00002"),
        (OTHER, "4", "00003"),
    ]
    assert [s.expression for s in data.load_clip(1)] == ["the cat on the left", "duck"]
    assert [s.raw_expression for s in data.load_clip(1)] == ["The  cat on the LEFT ", " duck"]
    (only,) = load("a2d-sentences", root=root, split="test", window=1)
    assert (only.video, only.expression, only.annotated, only.frame_names) == (
        TEST,
        "a man",
        (0,),
        ("00003",),
    )


@pytest.mark.parametrize(
    ("window", "shown"),
    [
        (1, [[0], [5], [11]]),
        (4, [[0, 0, 0, 1], [3, 4, 5, 6], [9, 10, 11, 11]]),
        (5, [[0, 0, 0, 1, 2], [3, 4, 5, 6, 7], [9, 10, 11, 11, 11]]),
        (14, [[0] * 7 + [0, 1, 2, 3, 4, 5, 6], [0, 0, *range(12)], [*range(4, 12)] + [11] * 6]),
    ],
)
def test_windows_are_centred_and_repeat_edge_frames(root: Path, window: int, shown: list[list[int]]) -> None:
    """The labelled frame has place window // 2; pixels are those of that very frame of the file."""
    data = train(root, window)
    for clip, indices in enumerate(shown):
        (sample, *_) = data.load_clip(clip)
        assert sample.annotated == (window // 2,) and indices[window // 2] == (0, 5, 11)[clip]
        assert greys(sample.frames) == indices
        assert sample.frame_names == tuple(f"{i + 1:05d}" for i in indices)
        assert sample.frames.shape == (window, 3, *SIZE) and sample.original_size == SIZE


def test_masks_of_all_instances_by_id(root: Path) -> None:
    """(W, H) for one instance, (N, W, H) for more, and of one that is listed twice the first."""
    first, (cat, duck), last = (train(root).load_clip(clip) for clip in range(3))
    assert first[0].target is not None and cat.target is not None and last[0].target is not None
    np.testing.assert_array_equal(first[0].target.masks[:, 0], [mask_of(0, 0)])
    np.testing.assert_array_equal(cat.target.masks[:, 0], [mask_of(0, 1), mask_of(2, 0)])  # the file: 2, 0
    assert duck.target is not None and (cat.target.referred, duck.target.referred) == (0, 1)
    assert duck.target.masks.data_ptr() == cat.target.masks.data_ptr() and duck.frames is cat.frames
    np.testing.assert_array_equal(last[0].target.masks[:, 0], [mask_of(0, 0), mask_of(3, 1)])
    masks = read_frame_masks(mask_path(root, TRAIN, 12))
    assert (masks.ids, masks.repeated, masks.extra) == ((0, 3, 0), [0], 0)


def test_masks_without_an_instance_are_left_out(root: Path) -> None:
    with h5py.File(mask_path(root, TRAIN, 6), "a") as file:
        del file["instance"]
        file["instance"] = np.array([[7.0]])
    masks = read_frame_masks(mask_path(root, TRAIN, 6))
    assert (masks.ids, masks.masks.shape, masks.extra) == ((7,), (1, *SIZE), 1)
    np.testing.assert_array_equal(masks.masks[0], mask_of(2, 0))


def test_batches_as_the_training_loop_makes_them(root: Path) -> None:
    config = DataConfig(short_side=24, max_side=40)
    data = train(root)
    clips = GroupedClips(data, expressions_per_clip=2, transform=eval_transform(config), seed=0)
    batch = collate([clips[0], clips[1]])
    assert batch.frames.shape == (2, 5, 3, 24, 40) and batch.annotated.tolist() == [2]
    assert batch.clips.tolist() == [0, 1, 1] and batch.targets is not None
    assert [t.masks.shape[:2] for t in batch.targets] == [(1, 1), (2, 1), (2, 1)]
    again = pickle.loads(pickle.dumps(data))  # worker processes get it that way
    torch.testing.assert_close(again[1].frames, data[1].frames)


def test_image_ids_are_the_published_ones(root: Path) -> None:
    data = train(root)
    assert [data.image_of(s) for s in data] == [
        f"v_{TRAIN}_f_{f}_i_{i}" for f, i in ((1, 0), (6, 0), (6, 2), (12, 0))
    ] + [f"v_{OTHER}_f_2_i_4", f"v_{OTHER}_f_3_i_4"]


def test_the_other_name_of_the_folder(root: Path) -> None:
    (root / "Release/clips320H").rename(root / "Release/CLIPS320")
    assert len(train(root)) == 6


def test_lines_as_windows_writes_them(root: Path) -> None:
    for path in (root / "Release/videoset.csv", root / "text_annotations/a2d_annotation.txt"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(train(root)) == 6


def test_the_bad_row_is_left_out_and_logged(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        train(root)
    assert "a2d_annotation.txt:3 is left out: its instance is '1 (copy)'" in caplog.text


def test_missed_videos_need_no_file(root: Path) -> None:
    write_tables(root, [*SENTENCES, f"{MISSED},0,what nobody should read"])
    assert len(train(root)) == 6
    (root / "text_annotations/a2d_missed_videos.txt").unlink()
    with pytest.raises(DataError, match=f"{MISSED}.mp4 is missing"):
        train(root)
    write_tables(root)
    (root / "text_annotations/a2d_missed_videos.txt").unlink()
    assert len(train(root)) == 6


def test_a_table_that_was_cut(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who is neither described nor listed as missed has lost its rows; training says so and goes on."""
    path = root / "text_annotations/a2d_annotation.txt"
    path.write_text("\n".join(["video_id,instance_id,query", *SENTENCES[:4]]))
    report = check("a2d-sentences", root)
    gap = f"{path} has no sentence about 1 videos, {OTHER} for example, which a2d_missed_videos.txt does not"
    assert len(report.problems) == 1 and report.problems[0].startswith(f"train: {gap}")
    assert report.splits[0].bad == {}
    cut = f"train: {path} does not end with the end of a line: see whether the file is whole"
    assert report.notes.count(cut) == 1
    assert len(train(root)) == 4 and gap in caplog.text
    (root / "text_annotations/a2d_missed_videos.txt").write_text("\n")  # now nobody knows
    report = check("a2d-sentences", root)
    assert report.ok and f"train: {path} has no sentence about 2 videos, {MISSED} for example" in report.notes
    assert any("a2d_missed_videos.txt is empty: videos without sentences are left" in n for n in report.notes)


def test_a_row_that_is_left_out_is_no_gap(root: Path) -> None:
    write_tables(root, [*SENTENCES[:4], f"{OTHER},1 (copy),x"])
    assert check("a2d-sentences", root).ok
    write_tables(root, [*SENTENCES[:4], f"{OTHER},4, "])
    report = check("a2d-sentences", root)
    assert len(report.problems) == 1 and "the sentence about instance 4" in report.problems[0]


def test_masks_are_read_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = train(root)
    read: list[Path] = []
    real = a2d_masks.read_instances
    monkeypatch.setattr(a2d_masks, "read_instances", lambda path: read.append(path) or real(path))
    assert [f.number for f in train(root).annotated_frames] == [f.number for f in first.annotated_frames]
    assert read == []
    write_masks(root, TRAIN, 7, [0])
    assert len(train(root)) == 7 and len(read) == 6


def test_a_window_is_needed(root: Path) -> None:
    for window in (None, 0):
        with pytest.raises(DataError, match="a2d-sentences has single annotated frames: .*need a window"):
            train(root, window)


def test_unknown_split(root: Path) -> None:
    with pytest.raises(SplitError, match="unknown split 'valid' of a2d-sentences; expected train or test"):
        load("a2d-sentences", root=root, split="valid", window=4)


# -------------------------------------------------------------------------------------------------- the check


def test_counts_and_notes(root: Path) -> None:
    report = check("a2d-sentences", root)
    assert report.ok, report
    a, b = report.splits
    assert (a.videos, a.expressions, a.samples, a.frames, a.objects) == (2, 3, 6, FRAMES, 2.5)
    assert (b.videos, b.expressions, b.samples, b.frames, b.objects) == (1, 1, 1, FRAMES, 2.0)
    assert report.notes == [
        f"train: {root}/text_annotations/a2d_annotation.txt:3 is left out: its instance is '1 (copy)'",
        f"train: {mask_path(root, TRAIN, 12)} lists instance 0 more than once: the first is used",
        "train: found 2 videos and 3 expressions, the published split has 3017 and 5359",
        "test: found 1 videos and 1 expressions, the published split has 737 and 1295",
    ]
    assert "expected expressions    5359   1295" in str(report)


def test_files_of_masks_that_are_not_there(root: Path) -> None:
    """As many as the table says are expected; a column that is no number says nothing."""
    mask_path(root, TRAIN, 6).unlink()
    write_masks(root, TEST, 4, [0])
    report = check("a2d-sentences", root)
    text = f"than {root}/Release/videoset.csv has annotated frames (column 8), for example"
    counts = [
        f"train: 1 videos have fewer files of masks {text} {mask_path(root, TRAIN, 1).parent}: 2, expected 3",
        f"test: 1 videos have more files of masks {text} {mask_path(root, TEST, 1).parent}: 2, expected 1",
    ]
    assert report.ok and [note for note in report.notes if "column 8" in note] == counts
    write_tables(
        root, videos=[row.replace(",12,3,0", ",12,,0").replace(",12,1,1", ",12,2,1") for row in VIDEOS]
    )
    assert not [note for note in check("a2d-sentences", root).notes if "column 8" in note]


def change_ids(path: Path, ids: list[int]) -> None:
    """In place: neither the folder nor the size of the file tells."""
    with h5py.File(path, "r+") as file:
        file["instance"][...] = np.array(ids, np.float64).reshape(file["instance"].shape)


def test_instances_that_change_in_place(root: Path) -> None:
    """Reading such a file says so; a check lets the next start look at all files anew."""
    assert len(train(root)) == 6
    path = mask_path(root, TRAIN, 6)
    change_ids(path, [7, 0])
    with pytest.raises(DataError, match=r"00006\.h5 has no mask of instance 2, it holds \[0, 7\]; it held"):
        train(root)[2]
    assert check("a2d-sentences", root).ok
    assert [(s.expression_id, s.frame_names[2]) for s in train(root)] == [
        ("0", "00001"),
        ("0", "00006"),
        ("0", "00012"),
        ("4", "00002"),
        ("4", "00003"),
    ]


def sentence(text: str) -> Callable[[Path], None]:
    return lambda root: write_tables(root, [*SENTENCES, text])


def videos(*rows: str) -> Callable[[Path], None]:
    return lambda root: write_tables(root, videos=[*VIDEOS, *rows])


def gone(root: Path) -> None:
    (root / f"Release/clips320H/{TRAIN}.mp4").unlink()


def no_masks(root: Path) -> None:
    mask_path(root, TRAIN, 1).parent.rename(root / "elsewhere")


def cut_mp4(root: Path) -> None:
    path = root / f"Release/clips320H/{TRAIN}.mp4"
    path.write_bytes(path.read_bytes()[:-40])


def cut_masks(root: Path) -> None:
    path = mask_path(root, TRAIN, 6)
    path.write_bytes(path.read_bytes()[:-200])


def another(name: str, value: object) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        with h5py.File(mask_path(root, TRAIN, 6), "a") as file:
            del file[name]
            if value is not None:
                file[name] = value

    return change


def elsewhere(root: Path) -> None:
    """A link to data in another file, which is not followed."""
    another("reMask", None)(root)
    with h5py.File(mask_path(root, TRAIN, 6), "a") as file:
        file["reMask"] = h5py.ExternalLink(mask_path(root, TRAIN, 12).name, "reMask")


def misnamed(root: Path) -> None:
    mask_path(root, TRAIN, 6).rename(mask_path(root, TRAIN, 6).with_name("6.h5"))


FRAME = f"{TRAIN}/frame 00006"
FAULTS = [  # what is done, words of the one message, key, whether opening the split finds it
    (gone, f"{TRAIN}.mp4 (is missing|does not exist)", TRAIN, True),
    (cut_mp4, f"{TRAIN}.mp4 .*(cut short|damaged)", TRAIN, False),
    (no_masks, f"{TRAIN} is missing", TRAIN, True),
    (cut_masks, "00006.h5 cannot be read as HDF5: .*truncated", FRAME, True),
    (misnamed, "6.h5 is not named by the number of a frame", TRAIN, True),
    (another("instance", None), "00006.h5 has no 'instance'", FRAME, True),
    (another("instance", np.array([b"0", b"2"])), "h5: 'instance' is no array of numbers", FRAME, True),
    (another("instance", np.eye(2)), r"instance has the shape \(2, 2\), expected a row", FRAME, True),
    (another("instance", np.array([-1.0, 0])), r"00006.h5: instance holds \[-1.0, 0.0\]", FRAME, True),
    (another("instance", np.arange(3.0)), r"00006.h5: reMask has the shape \(2, 40, 24\)", FRAME, False),
    (another("reMask", None), "00006.h5 has no 'reMask'", FRAME, False),
    (elsewhere, "00006.h5 has no 'reMask'", FRAME, False),
    (
        lambda root: write_masks(root, TRAIN, 6, [2, 0], size=(26, 40)),
        "00006.h5 holds masks of 26x40 .*, frame 6 of the video -0a_bCd_fGh is 24x40",
        FRAME,
        False,
    ),
    (
        lambda root: write_masks(root, TRAIN, 13, [0]),
        "00013.h5 is of frame 13, the video -0a_bCd_fGh has 12",
        f"{TRAIN}/frame 00013",
        False,
    ),
    (sentence(f"{TRAIN},4,  "), "txt:7: the sentence about instance 4 of .* is empty", f"{TRAIN}/4", True),
    (sentence(f"{TRAIN},0,again"), f"txt:7 describes {TRAIN}/0 again, after line 2", f"{TRAIN}/0", True),
    (sentence(f"{TRAIN},one,x"), "txt:7 must have a video, the number of an instance", f"{TRAIN}/one", True),
    (sentence(f"{TRAIN},4"), "txt:7 must have a video, the number of an instance", f"{TRAIN}/", True),
    (sentence("aaaaaaaaaaa,0,x"), "txt:7 names the video 'aaaaaaaaaaa', which", "aaaaaaaaaaa", True),
    (videos(f"{TRAIN},1,2,3,4,5,6,7,0"), f"csv:5 lists the video '{TRAIN}' again", TRAIN, True),
    (videos("bbbbbbbbbbb,1,2,3,4,5,6,7,2"), "csv:5 must have 9 columns, the last 0", "bbbbbbbbbbb", True),
    (videos("bbbbbbbbbbb,0"), "csv:5 must have 9 columns", "bbbbbbbbbbb", True),
    (videos("../x,1,2,3,4,5,6,7,0"), "the video id in line 5 is '../x', expected", "../x", True),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "words", "key", "at_opening"), FAULTS)
def test_every_fault_is_reported_once_and_can_be_left_out(
    root: Path, spoil: Callable[[Path], None], words: str, key: str, at_opening: bool
) -> None:
    """In one split, with its path; loading stops there unless the faulty entry is to be left out."""
    spoil(root)
    report = check("a2d-sentences", root)
    assert [re.search(words, text) is not None for text in report.problems] == [True]
    assert str(root) in report.problems[0] and report.problems[0].startswith("train: ")
    assert list(report.splits[0].bad) == [key] and report.splits[1].bad == {}
    assert f"train: {report.splits[0].bad[key]}" == report.problems[0]
    with pytest.raises(DataError, match=words):
        data = train(root)
        assert not at_opening
        list(data)
    rest = train(root, skip_bad=True)
    assert rest.skipped == 1 and {(OTHER, "4")} <= {(s.video, s.expression_id) for s in rest}
    left_out = [s for s in rest if key in (s.video, f"{s.video}/{s.expression_id}")]
    assert left_out == [] and len(load("a2d-sentences", root=root, split="test", window=3)) == 1


def test_several_faults_of_one_video(root: Path) -> None:
    gone(root)
    cut_masks(root)
    write_masks(root, TRAIN, 1, [0], size=(9, 9))  # nothing to compare it with: the video is gone
    report = check("a2d-sentences", root)
    assert len(report.problems) == 2 and list(report.splits[0].bad) == [TRAIN, FRAME]


def test_left_out_entries_are_not_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_masks(root)
    assert len(check_split("a2d-sentences", root, "train").problems) == 1
    read: list[Path] = []
    real = a2d_masks.read_instances
    monkeypatch.setattr(a2d_masks, "read_instances", lambda path: read.append(path) or real(path))
    left = train(root, skip_bad=True)
    assert [(s.video, s.frame_names[2]) for s in left] == [
        (TRAIN, "00001"),
        (TRAIN, "00012"),
        (OTHER, "00002"),
        (OTHER, "00003"),
    ]
    assert [path.name for path in read] == ["00001.h5", "00012.h5", "00002.h5", "00003.h5"]


def empty_array(file: h5py.File, name: str) -> None:
    """As MATLAB v7.3 writes []: its shape, marked."""
    file[name] = np.zeros(2, np.uint64)
    file[name].attrs["MATLAB_empty"] = np.uint8(1)


@pytest.mark.parametrize("form", ["marked", "flat", "row"])
def test_a_frame_without_an_instance(root: Path, form: str, caplog: pytest.LogCaptureFixture) -> None:
    path = mask_path(root, TRAIN, 6)
    path.unlink()
    with h5py.File(path, "w") as file:
        if form == "marked":
            empty_array(file, "instance")
            empty_array(file, "reMask")
        else:
            file["instance"] = np.zeros((0,) if form == "flat" else (1, 0))
    masks = read_frame_masks(path)
    assert (masks.ids, masks.masks.shape, masks.extra) == ((), (0, 0, 0), 0)
    report = check("a2d-sentences", root)
    note = f"train: {path} holds no instance: there is no sample of this frame"
    assert report.ok and note in report.notes and report.splits[0].samples == 4
    with caplog.at_level(logging.INFO):
        assert [f.number for f in train(root).annotated_frames] == [1, 12, 2, 3]
    assert f"train: 1 files of masks hold no instance, there is no sample of them: {path}" in caplog.text
    twice = mask_path(root, TRAIN, 12)
    assert f"1 files of masks list an instance more than once, the first is used: {twice}" in caplog.text


def test_instances_whose_masks_are_empty(root: Path) -> None:
    with h5py.File(mask_path(root, TRAIN, 6), "a") as file:
        del file["reMask"]
        empty_array(file, "reMask")
    with pytest.raises(DataError, match=r"00006\.h5: reMask has the shape \(0,\), which does not hold 2"):
        read_frame_masks(mask_path(root, TRAIN, 6))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Release/videoset.csv", "videoset.csv is missing"),
        ("text_annotations/a2d_annotation.txt", "a2d_annotation.txt is missing"),
    ],
)
def test_missing_tables(root: Path, name: str, words: str) -> None:
    (root / name).unlink()
    with pytest.raises(DataError, match=words):
        train(root)
    report = check("a2d-sentences", root)
    assert report.problems == [f"train, test: {root / name} is missing"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "must begin with the line 'video_id,instance_id,query', got ''"),
        (b"video_id,query\n", "must begin with the line"),
        (b"video_id,instance_id,query\n", "holds no entries"),
        (b"\xff\xfe\x00", "cannot be read as text"),
    ],
)
def test_tables_that_are_none(root: Path, content: bytes, words: str) -> None:
    (root / "text_annotations/a2d_annotation.txt").write_bytes(content)
    with pytest.raises(DataError, match=f"a2d_annotation.txt .*{words}"):
        train(root)


def test_missing_folders(root: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere does not exist; expected Release/ and text_annotations/"):
        train(root / "nowhere")
    (root / "Release/clips320H").rename(root / "clips")
    with pytest.raises(DataError, match="Release/clips320H is missing: the videos belong there"):
        train(root)


def test_an_instance_that_is_never_there(root: Path) -> None:
    sentence(f"{TRAIN},9,the ghost")(root)
    report = check("a2d-sentences", root)
    where = f"train: {root / 'text_annotations/a2d_annotation.txt'}: instance 9 of {TRAIN}"
    assert report.ok and f"{where} is in no mask: no sample of it" in report.notes
    assert len(train(root)) == 6


def test_every_truncation_of_masks_is_a_data_error(root: Path) -> None:
    path = mask_path(root, TRAIN, 6)
    whole = path.read_bytes()
    for size in range(0, len(whole), 97):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"00006\.h5 cannot be read as HDF5"):
            read_frame_masks(path)


def test_damaged_bytes_of_masks_do_nothing_worse(root: Path) -> None:
    path = mask_path(root, TRAIN, 6)
    whole = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = whole.copy()
        for place in rng.integers(0, len(whole), 4):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            masks = read_frame_masks(path)
            assert masks.masks.shape[0] == len(masks.ids)
        except DataError as error:
            assert str(path) in str(error)
