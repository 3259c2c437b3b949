"""Videos of every kind, and files that are not whole."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from rvos_edu.data import VideoWriter, read_video
from rvos_edu.data import video as video_module
from rvos_edu.errors import DataError
from rvos_edu.files import StorageError


def write(path: Path, size: tuple[int, int] = (34, 58), count: int = 6, fps: float = 10) -> Path:
    """An mp4 whose grey value tells the index of the frame: 30 * index."""
    with VideoWriter(path, fps=fps, size=size) as writer:
        for index in range(count):
            writer.write(np.full((*size, 3), 30 * index, np.uint8))
    return path


def write_noise(path: Path) -> Path:
    """Thirty frames that do not compress: half of the file holds about half of the frames."""
    noise = np.random.default_rng(0).integers(0, 255, (30, 32, 32, 3), np.uint8)
    with VideoWriter(path, fps=5, size=(32, 32)) as writer:
        for frame in noise:
            writer.write(frame)
    return path


def greys(frames: Iterator[np.ndarray]) -> list[int]:
    return [round(float(frame.mean()) / 30) for frame in frames]


@pytest.mark.parametrize(
    ("size", "stored"), [((34, 58), (34, 58)), ((33, 57), (34, 58)), ((1, 1), (2, 2)), ((64, 3), (64, 4))]
)
def test_written_video_is_read_back(tmp_path: Path, size: tuple[int, int], stored: tuple[int, int]) -> None:
    reader = read_video(write(tmp_path / "sub" / "x.mp4", size))
    assert (reader.size, reader.fps, reader.frame_count) == (stored, 10, 6)
    for _ in range(2):  # every iteration starts anew
        frames = list(reader)
        assert frames[0].shape == (*stored, 3) and frames[0].dtype == np.uint8
        assert greys(iter(frames)) == [0, 1, 2, 3, 4, 5]
    assert [p.name for p in (tmp_path / "sub").iterdir()] == ["x.mp4"]


@pytest.mark.parametrize("fps", [Fraction(30000, 1001), 6, 23.976, 60, 0.5])
def test_frame_rate_is_kept(tmp_path: Path, fps: float) -> None:
    assert float(read_video(write(tmp_path / "x.mp4", fps=fps)).fps) == pytest.approx(float(fps), rel=1e-6)


def test_odd_sides_repeat_the_last_row_and_column(tmp_path: Path) -> None:
    frame = np.zeros((33, 57, 3), np.uint8)
    frame[:, -9:] = 200
    with VideoWriter(tmp_path / "x.mp4", fps=5, size=(33, 57)) as writer:
        writer.write(frame)
    (read,) = read_video(tmp_path / "x.mp4")
    assert read[:, -4:].min() > 180 and read[:, :40].max() < 20


def test_player_formats(tmp_path: Path) -> None:
    with av.open(str(write(tmp_path / "x.mp4"))) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")


def test_colours_survive(tmp_path: Path) -> None:
    frame = np.zeros((32, 48, 3), np.uint8)
    frame[:, :16], frame[:, 16:32], frame[:, 32:] = (200, 30, 30), (30, 180, 40), (40, 60, 220)
    with VideoWriter(tmp_path / "x.mp4", fps=5, size=(32, 48)) as writer:
        writer.write(frame)
    (read,) = read_video(tmp_path / "x.mp4")
    assert np.abs(read[16, [8, 24, 40]].astype(int) - frame[16, [8, 24, 40]]).max() < 12


def test_frames_are_decoded_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(5):
        Image.fromarray(np.full((3, 3), 30 * index, np.uint8)).save(tmp_path / f"{index}.png")
    reader, decoded = read_video(tmp_path), []
    real = video_module.read_frame

    def counted(path: Path) -> np.ndarray:
        decoded.append(path.name)
        return real(path)

    monkeypatch.setattr(video_module, "read_frame", counted)
    frames = iter(reader)
    assert greys(iter([next(frames), next(frames)])) == [0, 1] and decoded == ["0.png", "1.png"]


def test_good_frames_come_before_the_damage(tmp_path: Path) -> None:
    path = write_noise(tmp_path / "x.mp4")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    frames, read = iter(read_video(path)), 0
    with pytest.raises(DataError):
        while True:
            next(frames)
            read += 1
    assert 5 < read < 20


def test_rotated_like_a_phone(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    frame = np.zeros((32, 48, 3), np.uint8)
    frame[:8] = 255  # the stored top
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.set_display_rotation(90)  # counter-clockwise
        container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    reader = read_video(path)
    (read,) = reader
    assert reader.size == (48, 32) and read.flags.c_contiguous
    assert read[:, :6].min() > 200 and read[:, 12:].max() < 50  # the top has become the left


# -------------------------------------------------------------------------------------- GIF and folders


def write_gif(path: Path, delay: int | list[int] = 100) -> Path:
    images = [Image.fromarray(np.full((33, 57, 3), 30 * i, np.uint8)) for i in range(4)]
    images[0].save(path, save_all=True, append_images=images[1:], duration=delay)
    return path


def test_gif(tmp_path: Path) -> None:
    reader = read_video(write_gif(tmp_path / "x.gif", [40, 40, 40, 80]))
    assert (reader.size, reader.fps, reader.frame_count) == ((33, 57), 20, 4)
    assert greys(iter(reader)) == greys(iter(reader)) == [0, 1, 2, 3]
    Image.fromarray(np.full((1, 1), 90, np.uint8)).save(tmp_path / "one.gif")
    one = read_video(tmp_path / "one.gif")
    assert (one.size, one.fps, one.frame_count, greys(iter(one))) == ((1, 1), 10, 1, [3])


def test_folder_of_images_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number, (suffix, mode) in enumerate([("png", "L"), ("jpg", "RGB"), ("png", "RGBA")]):
        image = Image.fromarray(np.full((5, 7), 30 * number, np.uint8)).convert(mode)
        image.save(tmp_path / f"frame{[2, 9, 10][number]}.{suffix}")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "._frame1.png").write_text("what a Mac leaves behind")
    reader = read_video(tmp_path)
    assert (reader.size, reader.fps, reader.frame_count) == ((5, 7), 6, 3)
    assert greys(iter(reader)) == [0, 1, 2]
    assert read_video(tmp_path, fps=25).fps == 25
    assert read_video(tmp_path / "frame9.jpg").frame_count == 1


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["00010", "00005", "00000"], ["00000", "00005", "00010"]),
        (["b10", "b9", "a11"], ["a11", "b9", "b10"]),
        (["2_10", "10_2", "2_9"], ["2_9", "2_10", "10_2"]),
    ],
)
def test_order_of_names(tmp_path: Path, names: list[str], order: list[str]) -> None:
    for name in names:
        Image.fromarray(np.full((1, 1), 30 * order.index(name), np.uint8)).save(tmp_path / f"{name}.png")
    assert greys(iter(read_video(tmp_path))) == [0, 1, 2]


# ---------------------------------------------------------------------------------------------- bad input


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.mp4 does not exist"):
        read_video(tmp_path / "x.mp4")
    with pytest.raises(DataError, match="holds no frames"):
        read_video(tmp_path)


@pytest.mark.parametrize("name", ["x.mp4", "x.gif", "x.jpg", "x.webm"])
@pytest.mark.parametrize("content", [b"", b"this is not a video" * 50])
def test_files_that_are_no_videos(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name} cannot be read"):
        read_video(tmp_path / name)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.99])
def test_truncated_mp4(tmp_path: Path, share: float) -> None:
    path = write_noise(tmp_path / "x.mp4")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"x\.mp4 .*(cut short|damaged)"):
        list(read_video(path))


def test_truncated_gif(tmp_path: Path) -> None:
    path = write_gif(tmp_path / "x.gif")
    path.write_bytes(path.read_bytes()[:-150])
    with pytest.raises(DataError, match=r"x\.gif cannot be read as a GIF"):
        list(read_video(path))


def test_video_without_frames(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "x.mp4"), "w") as container:  # sound only
        stream = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 44100
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(DataError, match=r"x\.mp4 holds no video, only 1 other streams"):
        read_video(tmp_path / "x.mp4")


def test_frames_of_two_sizes(tmp_path: Path) -> None:
    for name, size in (("a", (4, 6)), ("b", (4, 7))):
        Image.fromarray(np.zeros(size, np.uint8)).save(tmp_path / f"{name}.png")
    with pytest.raises(DataError, match=r"frame 1 is 4x7 \(height x width\), the first one 4x6"):
        list(read_video(tmp_path))


def test_damaged_image_in_a_folder(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:-30])
    with pytest.raises(DataError, match=r"b\.png cannot be read as an image"):
        list(read_video(tmp_path))


# ------------------------------------------------------------------------------------------------- writing


def test_an_error_keeps_the_old_file(tmp_path: Path) -> None:
    path = write(tmp_path / "x.mp4", (34, 58))
    with pytest.raises(KeyError), VideoWriter(path, fps=5, size=(8, 8)) as writer:
        writer.write(np.zeros((8, 8, 3), np.uint8))
        raise KeyError
    assert read_video(path).size == (34, 58) and [p.name for p in tmp_path.iterdir()] == ["x.mp4"]


def test_no_frames_leave_no_file(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="no frame came"),
        VideoWriter(tmp_path / "x.mp4", fps=5, size=(8, 8)),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_full_disk(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match=r"x\.mp4 was not written: the disk is full"),
        VideoWriter(tmp_path / "x.mp4", fps=5, size=(8, 8)) as writer,
    ):
        writer.write(np.zeros((8, 8, 3), np.uint8))
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "frame", [np.zeros((8, 9, 3), np.uint8), np.zeros((8, 8, 3)), np.zeros((8, 8), np.uint8)]
)
def test_frames_that_do_not_fit(tmp_path: Path, frame: np.ndarray) -> None:
    with (
        pytest.raises(ValueError, match="frames must be uint8 8x8x3, got"),
        VideoWriter(tmp_path / "x.mp4", fps=5, size=(8, 8)) as writer,
    ):
        writer.write(frame)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_impossible_rates(tmp_path: Path, fps: float) -> None:
    with pytest.raises(ValueError, match="fps must be a number above 0"):
        VideoWriter(tmp_path / "x.mp4", fps=fps, size=(8, 8))
    with pytest.raises(ValueError, match="at least 1x1, got 0x8"):
        VideoWriter(tmp_path / "x.mp4", fps=5, size=(0, 8))
