"""Every way in which a server rejects a submission, each with its message; names and counts of the splits."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rvos_edu.cli import main
from rvos_edu.data.refer_youtube_vos import read_split
from rvos_edu.data.submission import validate_submission
from rvos_edu.data.submission_format import FORMATS, submission_format
from rvos_edu.data.submission_report import KINDS, Findings, SubmissionReport
from rvos_edu.errors import DataError, SplitError
from tests.fixtures import LONG, SHORT, SIZES, TEST, write_expressions, write_frame

FRAMES = {LONG: ["00005", "00010", "00020"], SHORT: ["00000", "00005"], TEST: ["00000"]}
MASK = np.zeros(SIZES[LONG], np.uint8)
MASK[2:9, 3:9] = 255


def asked(*videos: str) -> dict[str, object]:
    return {v: {"expressions": {"0": {"exp": "x"}, "1": {"exp": "y"}}, "frames": FRAMES[v]} for v in videos}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two valid videos of different sizes, two expressions each: ten PNG; the valid JSON has a test video."""
    folder = tmp_path / "data"
    write_expressions(folder, "valid", asked(LONG, SHORT, TEST))
    write_expressions(folder, "test", asked(TEST))
    for video in (LONG, SHORT):
        for name in FRAMES[video]:
            write_frame(folder, "valid", video, name, 1)
    return folder


def png(pixels: np.ndarray, mode: str | None = None) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(buffer, format="png")
    return buffer.getvalue()


def masks(folder: str = "Annotations/", videos: Iterable[str] = (LONG, SHORT)) -> dict[str, bytes]:
    """A right submission: names and files."""
    return {
        f"{folder}{v}/{e}/{f}.png": png(np.resize(MASK, SIZES[v]))
        for v in videos
        for e in "01"
        for f in FRAMES[v]
    }


def write(path: Path, files: dict[str, bytes] | list[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, content)
    return path


def validated(root: Path, files: dict[str, bytes] | list[tuple[str, bytes]]) -> SubmissionReport:
    return validate_submission(write(root.parent / "submission.zip", files), root, "valid")


def only(report: SubmissionReport) -> str:
    """The message of the one problem there is."""
    assert [p.message for p in report.problems] == [report.problems[0].message] and not report.ok
    return report.problems[0].message


def test_a_right_submission(root: Path) -> None:
    report = validated(root, masks())
    assert report.ok and report.problems == []
    assert report.expected == report.found == {"videos": 2, "expressions": 4, "PNG": 10}
    assert str(report).endswith("No problems found: it can be handed in.")
    assert "PNG                   10        10" in str(report)
    assert report.notes == ["this split asks for 10 PNG, the published one for 22046"]


def test_empty_masks_and_folders_are_right_and_counted(root: Path) -> None:
    files = {"Annotations/": b"", f"Annotations/{LONG}/": b"", **masks()}
    for name in list(masks())[:4]:
        files[name] = png(np.zeros(SIZES[LONG], np.uint8))
    report = validated(root, files)
    assert report.ok and report.notes[0] == "4 of 10 masks are empty"
    nothing = {name: png(np.zeros(SIZES[name.split("/")[1]], np.uint8)) for name in masks()}
    assert validated(root, nothing).notes[0] == "10 of 10 masks are empty (all of them)"


def test_not_a_zip_and_a_truncated_one(root: Path) -> None:
    path = write(root.parent / "submission.zip", masks())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    report = validate_submission(path, root, "valid")
    assert only(report) == (
        "truncated zip: 1 file cut off: its table of contents, at its end, is missing: "
        "it begins with b'PK\\x03\\x04'"
    )
    assert report.found == {"videos": 0, "expressions": 0, "PNG": 0}
    for content in (b"", b"Rar!\x1a\x07", b"nothing of the kind" * 99):
        path.write_bytes(content)
        assert only(validate_submission(path, root, "valid")).startswith("not a zip: 1 file that is no zip: ")


@pytest.mark.parametrize(
    ("folder", "where"),
    [
        ("valid/", "the folder valid/"),
        ("", "the top of the zip"),
        ("submission/Annotations/", "the folder submission/Annotations/"),
        ("Annotations/valid/", "the folder Annotations/valid/"),
    ],
)
def test_wrong_root(root: Path, folder: str, where: str) -> None:
    report = validated(root, masks(folder))
    assert only(report) == (
        f"wrong root: 10 PNG in the wrong folder: {where} instead of the folder Annotations/"
    )
    assert report.found == report.expected  # nothing of it is called missing as well


def test_nested_zip(root: Path) -> None:
    inner = write(root.parent / "inner.zip", masks())
    report = validated(root, {"submission/inner.zip": inner.read_bytes()})
    assert [p.kind for p in report.problems] == ["nested zip", "missing video"]
    assert report.problems[0].message == (
        "nested zip: 1 zip inside the zip, which the server does not open: submission/inner.zip"
    )


def without(start: str) -> dict[str, bytes]:
    return {name: content for name, content in masks().items() if not name.startswith(start)}


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (f"Annotations/{LONG}/", f"missing video: 1 video without a single PNG: {LONG}"),
        (
            f"Annotations/{SHORT}/1/",
            f"missing expression: 1 expression without a single PNG, of videos that have others: {SHORT}/1",
        ),
        (
            f"Annotations/{SHORT}/0/00005",
            "missing frame: 1 PNG not there, of expressions that have others; empty ones count too: "
            f"{SHORT}/0/00005.png",
        ),
    ],
)
def test_missing(root: Path, start: str, message: str) -> None:
    assert only(validated(root, without(start))) == message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "Annotations/0123456789/0/00000.png",
            "surplus video: 1 video that the split does not have: 0123456789",
        ),
        (
            f"Annotations/{LONG}/2/00005.png",
            f"surplus expression: 1 expression that the split does not ask: {LONG}/2",
        ),
        (
            f"Annotations/{LONG}/0/00015.png",
            f"surplus frame: 1 frame that the split does not list: {LONG}/0/00015.png",
        ),
        ("Annotations/readme.txt", "surplus file: 1 file not belonging there: Annotations/readme.txt"),
        (
            f"__MACOSX/Annotations/{LONG}/0/._00005.png",
            f"surplus file: 1 file not belonging there: __MACOSX/Annotations/{LONG}/0/._00005.png",
        ),
    ],
)
def test_surplus(root: Path, name: str, message: str) -> None:
    assert only(validated(root, {**masks(), name: png(MASK)})) == message


def test_surplus_is_counted_by_video_and_expression_not_by_file(root: Path) -> None:
    more = {f"Annotations/{v}/{e}/{f:05d}.png": b"" for v in "abcde" for e in "01" for f in range(3)}
    more |= {f"Annotations/{LONG}/7/{f:05d}.png": b"" for f in range(3)}
    report = validated(root, {**masks(), **more})
    assert [(p.kind, p.count) for p in report.problems] == [("surplus video", 5), ("surplus expression", 1)]
    assert report.problems[0].message.endswith(": a, b, c, ... and 2 more")


def test_expressions_of_test_videos(root: Path) -> None:
    files = masks() | {f"Annotations/{TEST}/{e}/00000.png": png(MASK) for e in "01"}
    assert only(validated(root, files)) == (
        f"test video: 1 video of the test split, not part of this submission: {TEST}"
    )


def test_without_the_test_json_the_report_says_how_to_leave_its_videos_out(root: Path) -> None:
    (root / "meta_expressions" / "test" / "meta_expressions.json").unlink()
    report = validated(root, masks())
    assert [(p.kind, p.count) for p in report.problems] == [("missing video", 1)]
    assert any("lists the test videos: put the test JSON at" in note for note in report.notes)
    (root / "meta_expressions" / "valid" / "ids.txt").write_text(f"{LONG}\n{SHORT}\n")
    assert validated(root, masks()).ok


FIRST = f"Annotations/{LONG}/0/00005.png"


def sixteen_bits() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(MASK.astype(np.uint16)).save(buffer, format="png")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (png(MASK, "RGB"), f"wrong mode: 1 PNG not of mode L (8-bit grey): {FIRST} (RGB)"),
        (png(MASK, "P"), f"wrong mode: 1 PNG not of mode L (8-bit grey): {FIRST} (P)"),
        (png(MASK, "1"), f"wrong mode: 1 PNG not of mode L (8-bit grey): {FIRST} (1)"),
        (sixteen_bits(), f"wrong mode: 1 PNG not of mode L (8-bit grey): {FIRST} (I;16)"),
        (
            png(MASK // 255),
            f"0/1 mask: 1 PNG with the values 0 and 1 instead of 0 and 255: multiply by 255: {FIRST}",
        ),
        (png(MASK // 2), f"wrong value: 1 PNG with values other than 0 and 255: {FIRST} (127)"),
        (
            png(MASK.T.copy()),
            f"wrong size: 1 PNG not as large as the frame: {FIRST} (57x33, its frame is 33x57)",
        ),
        (b"no picture", f"damaged PNG: 1 file unreadable as PNG: {FIRST} (no PNG)"),
    ],
)
def test_pixels(root: Path, content: bytes, message: str) -> None:
    assert only(validated(root, {**masks(), FIRST: content})) == message


def test_a_jpeg_by_another_name_is_no_png(root: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(MASK).save(buffer, format="jpeg")
    report = validated(root, {**masks(), FIRST: buffer.getvalue()})
    assert only(report).startswith("damaged PNG: 1 file unreadable as PNG: ")


def test_a_png_that_ends_early_and_one_that_was_damaged_in_the_zip(root: Path) -> None:
    noise = np.random.default_rng(0).choice(np.array([0, 255], np.uint8), SIZES[LONG])
    report = validated(root, {**masks(), FIRST: png(noise)[:-60]})
    assert re.search(r"damaged PNG: 1 file unreadable as PNG: .*00005\.png \(.+\)$", only(report))
    path = write(root.parent / "submission.zip", {**masks(), FIRST: png(noise)})
    content = bytearray(path.read_bytes())
    content[content.index(png(noise)) + 80] ^= 255
    path.write_bytes(content)
    assert "Bad CRC-32" in only(validate_submission(path, root, "valid"))


def test_a_large_picture_in_a_small_file_is_not_decoded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = png(np.zeros((4000, 4000), np.uint8))
    monkeypatch.setattr(Image.Image, "histogram", None)  # would be called after decoding
    files = {name: content for name in masks()}
    [problem] = validated(root, files).problems
    assert (problem.kind, problem.count) == ("wrong size", 10)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_members(root: Path) -> None:
    files = [*masks().items(), (FIRST, png(MASK)), (FIRST, png(MASK))]
    assert only(validated(root, files)) == f"duplicate: 1 name standing in the zip more than once: {FIRST}"


@pytest.mark.parametrize(
    "name", ["../x.png", "/etc/x.png", "Annotations/../../x.png", "C:/x.png", "..\\x.png"]
)
def test_members_that_climb_out(root: Path, name: str) -> None:
    report = validated(root, {**masks(), name: png(MASK)})
    assert only(report) == (
        f"name climbs out: 1 name leading out of the folder that the zip is unpacked in: {name}"
    )


def test_links_and_backslashes(root: Path) -> None:
    link = zipfile.ZipInfo("Annotations/link.png")
    link.external_attr = 0o120777 << 16
    path = write(root.parent / "submission.zip", masks())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/somewhere")
        archive.writestr("Annotations\\x\\0\\00000.png", b"")
    kinds = {p.kind: p.message for p in validate_submission(path, root, "valid").problems}
    assert kinds["name climbs out"].endswith("Annotations/link.png (a link)")
    assert "1 name with \\ between folders, expected /" in kinds["backslash"] and len(kinds) == 2


def test_all_kinds_are_listed_with_their_counts(root: Path) -> None:
    files = without(f"Annotations/{SHORT}/1/") | {"../out.png": b"", "Annotations/notes.txt": b""}
    long = [name for name in files if f"{LONG}/0/" in name]
    files |= {long[0]: png(MASK // 255), long[1]: png(MASK, "P"), long[2]: png(MASK // 2)}
    report = validated(root, files)
    assert [(p.kind, p.count) for p in report.problems] == [
        ("name climbs out", 1), ("surplus file", 1), ("missing expression", 1), ("wrong mode", 1),
        ("0/1 mask", 1), ("wrong value", 1),
    ]  # fmt: skip
    assert "6 kinds of problems, do not hand it in" in str(report)


def test_frames_that_are_not_on_disk_leave_the_size_unchecked(root: Path) -> None:
    gone = root / "valid" / "JPEGImages" / SHORT / "00005.jpg"
    gone.unlink()
    (root / "valid" / "JPEGImages" / SHORT / "00000.jpg").write_bytes(b"damaged")
    report = validated(root, masks())
    assert report.ok
    assert report.notes[0].startswith("sizes not checked for 2 frames: ")


def test_the_command(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(root.parent / "submission.zip", masks())
    line = ["data", "submission", str(path), "--root", str(root)]
    assert main(line) == 0
    assert "No problems found: it can be handed in." in capsys.readouterr().out
    write(path, masks("valid/"))
    assert main([*line, "--data", "refer-youtube-vos", "--split", "valid"]) == 1
    assert "wrong root: 10 PNG" in capsys.readouterr().out
    for bad, message in (
        (["nowhere.zip", "--root", str(root)], "nowhere.zip is missing"),
        ([str(root), "--root", str(root)], "is a folder: zip what is in it"),
        ([str(path), "--root", str(root / "nowhere")], "does not exist"),
        ([str(path), "--root", str(root), "--split", "vaild"], "unknown split 'vaild'"),
        ([str(path), "--root", str(root), "--data", "refcoco"], "'refcoco' has no server to submit to"),
    ):
        assert main(["data", "submission", *bad]) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["data", "submission", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "the whole valid split has 22,046 PNG in Refer-YouTube-VOS and 138,719 in MeViS" in text


# MeViS: every frame, names of twelve hex digits, nothing above the videos; its JSON lies beside the frames.


@pytest.fixture
def mevis(tmp_path: Path) -> Path:
    folder = tmp_path / "mevis"
    frames = ["00000", "00001", "00002"]
    videos = {
        v: {"expressions": {"0": {"exp": "The two birds"}, "1": {"exp": "x"}}, "frames": frames, "vid_id": 4}
        for v in ("aa11bb22cc33", "00ff00ff00ff")
    }
    for video in videos:
        for name in frames:
            path = folder / "valid" / "JPEGImages" / video / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.zeros((9, 16, 3), np.uint8)).save(path)
    (folder / "valid" / "meta_expressions.json").write_text(json.dumps({"videos": videos}))
    return folder


def of_mevis(folder: str = "") -> dict[str, bytes]:
    return {
        f"{folder}{v}/{e}/{t:05d}.png": png(np.zeros((9, 16), np.uint8))
        for v in ("aa11bb22cc33", "00ff00ff00ff")
        for e in "01"
        for t in range(3)
    }


def test_mevis(mevis: Path) -> None:
    path = write(mevis.parent / "m.zip", of_mevis())
    report = validate_submission(path, mevis, "valid", "mevis")
    assert report.ok and report.found == {"videos": 2, "expressions": 4, "PNG": 12}
    write(path, of_mevis("Annotations/"))
    assert only(validate_submission(path, mevis, "valid", "mevis")) == (
        "wrong root: 12 PNG in the wrong folder: the folder Annotations/ instead of the top of the zip"
    )
    with pytest.raises(SplitError, match=r"valid_u.meta_expressions\.json is missing"):
        validate_submission(path, mevis, "valid_u", "mevis")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda videos: videos["aa11bb22cc33"].pop("expressions"), "no frames or no expressions"),
        (lambda videos: videos.update({"../x": videos["aa11bb22cc33"]}), "the video id is '../x'"),
        (lambda videos: videos["aa11bb22cc33"]["frames"].append("../7"), "is '../7', expected a plain name"),
    ],
)
def test_a_damaged_json_of_mevis(mevis: Path, change: Callable[[dict], object], message: str) -> None:
    path = mevis / "valid" / "meta_expressions.json"
    content = json.loads(path.read_text())
    change(content["videos"])
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=re.escape(message)):
        validate_submission(write(mevis.parent / "m.zip", of_mevis()), mevis, "valid", "mevis")


def test_names_of_members() -> None:
    assert submission_format("refer-youtube-vos").member("v", "0", "00005") == "Annotations/v/0/00005.png"
    assert submission_format("mevis").member("v", "0", "00005") == "v/0/00005.png"
    assert FORMATS["refer-youtube-vos"].images == {"valid": 22046}
    assert FORMATS["mevis"].images == {"valid": 138719}


def test_a_kind_that_nobody_knows_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="unknown kind of problem 'ugly'"):
        Findings().add("ugly", "x")
    assert len(KINDS) == 20


def test_the_competition_validation_is_valid_minus_test(tmp_path: Path) -> None:
    """507 videos and 2,096 expressions, of which 305 and 1,262 are of the test: 202 and 834 remain."""
    counts = {f"{v:010x}": 5 if v < 26 else 4 for v in range(202)}  # 834
    counts |= {f"{v:010x}": 5 if v < 244 else 4 for v in range(202, 507)}  # 42 more than 4 * 305: 1,262
    videos = {
        v: {"expressions": {str(e): {"exp": f"x {e}"} for e in range(n)}, "frames": ["00000"]}
        for v, n in counts.items()
    }
    assert (len(videos), sum(counts.values())) == (507, 2096)
    write_expressions(tmp_path, "valid", videos)
    write_expressions(tmp_path, "test", dict(list(videos.items())[202:]))
    records = read_split(tmp_path, "valid")
    assert (len(records), sum(len(r.expressions) for r in records)) == (202, 834)
    test = read_split(tmp_path, "test")
    assert (len(test), sum(len(r.expressions) for r in test)) == (305, 1262)
    names = submission_format("refer-youtube-vos").names(tmp_path, "valid")
    assert sum(len(v.expressions) for v in names) == 834
    assert replace(names[0], frames=()).frames == ()  # plain data
