"""Frames by number: the same as in a sequential decode, and few others decoded on the way."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rvos_edu.data import read_video, video_frames
from rvos_edu.data.video_frames import frame_count, read_frames
from rvos_edu.errors import DataError

COUNT, KEYS = 60, 20  # frames, and frames from one key frame to the next


def write(
    path: Path,
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    gaps: list[int] | None = None,
    count: int = COUNT,
) -> Path:
    """A video whose grey value tells the frame, 4 * k, over a fixed pattern; `gaps`: ticks between frames."""
    pattern = np.random.default_rng(0).integers(0, 12, (32, 48, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.gop_size, stream.max_b_frames, stream.bit_rate = KEYS, 3, 2_000_000
        stream.options = options or {}
        stream.codec_context.time_base = Fraction(1, 1000)
        time = 0
        for k in range(count):
            frame = av.VideoFrame.from_ndarray(pattern + np.uint8(4 * k), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            time += 40 if gaps is None else gaps[k % len(gaps)]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


X264 = {"sc_threshold": "0", "x264-params": f"keyint={KEYS}:min-keyint={KEYS}:bframes=3:b-adapt=0"}
OPEN = {**X264, "x264-params": X264["x264-params"] + ":open-gop=1"}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("film") / "x.mp4", options=X264)


@pytest.fixture
def count_decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of frames that each packet completed."""
    counts: list[int] = []
    real = video_frames.decoded

    def counted(packet: av.Packet, path: str | Path) -> list[av.VideoFrame]:
        frames = real(packet, path)
        counts.append(len(frames))
        return frames

    monkeypatch.setattr(video_frames, "decoded", counted)
    return counts


def test_the_film_is_a_hard_one(film: Path) -> None:
    """Key frames are sparse, and most frames are stored in another order than they are shown in."""
    with av.open(str(film)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    assert [i for i, p in enumerate(packets) if p.is_keyframe] == [0, 20, 40]
    assert sum(p.pts != p.dts for p in packets) > 40
    assert [p.pts for p in packets] != sorted(p.pts for p in packets)


@pytest.mark.parametrize(
    ("name", "making"),
    [
        ("x.mp4", {"options": X264}),
        ("open.mp4", {"options": OPEN}),  # frames that are shown before the key frame they need
        ("rate.mp4", {"options": X264, "gaps": [13, 200, 40, 41, 7]}),
        ("x.mkv", {"options": X264, "gaps": [40, 80]}),
        ("part4.mp4", {"codec": "mpeg4"}),
        ("part4.avi", {"codec": "mpeg4"}),  # without time stamps: counted
        ("one.mp4", {"options": X264, "count": 1}),
    ],
)
def test_every_frame_is_that_of_a_sequential_decode(tmp_path: Path, name: str, making: dict) -> None:
    path = write(tmp_path / name, **making)
    frames = list(read_video(path))
    assert frame_count(path) == len(frames) == making.get("count", COUNT)
    for k, frame in enumerate(frames):
        np.testing.assert_array_equal(read_frames(path, [k])[0], frame)
        assert abs(float(frame.mean()) - (4 * k + 5.5)) < 3  # and that is frame k, not a neighbour


def test_a_window_with_repeated_edges(film: Path) -> None:
    frames = list(read_video(film))
    indices = (0, 0, 0, 1, 2, 3)
    np.testing.assert_array_equal(read_frames(film, indices), np.stack([frames[k] for k in indices]))
    indices = (57, 58, 59, 59, 59)
    np.testing.assert_array_equal(read_frames(film, indices), np.stack([frames[k] for k in indices]))
    across = (41, 19, 38, 20)  # over two key frames, in another order
    np.testing.assert_array_equal(read_frames(film, across), np.stack([frames[k] for k in across]))


@pytest.mark.parametrize(("first", "last"), [(0, 7), (26, 33), (52, 59), (41, 41), (20, 20)])
def test_only_what_is_needed_is_decoded(film: Path, first: int, last: int, count_decoded: list[int]) -> None:
    """From the key frame before the window to its last frame; 5 more at most, because of the order stored."""
    read_frames(film, range(first, last + 1))
    needed = last + 1 - first // KEYS * KEYS
    assert needed <= sum(count_decoded) <= needed + 5 < COUNT


def test_a_file_is_looked_through_once(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video_frames._look_through.cache_clear()
    opened: list[str] = []
    real = video_frames.open_stream
    monkeypatch.setattr(video_frames, "open_stream", lambda path: opened.append(str(path)) or real(path))
    for k in (5, 50):
        read_frames(film, [k])
    assert len(opened) == 3 and frame_count(film) == COUNT and len(opened) == 3


def test_a_file_that_was_replaced_is_another_one(tmp_path: Path) -> None:
    path = write(tmp_path / "x.mp4", options=X264)
    assert frame_count(path) == COUNT
    write(path, options=X264, count=7)
    assert frame_count(path) == 7


def test_beginning_cut_off_by_an_edit_list(film: Path, tmp_path: Path) -> None:
    """A clip that was cut without encoding it anew: frames before the cut are decoded, never shown."""
    path = tmp_path / "cut.mp4"
    with av.open(str(film)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        begin = 7 * int(Fraction(1, 25) / source.streams.video[0].time_base)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - begin, packet.dts - begin, stream
                target.mux(packet)
    frames, whole = list(read_video(path)), list(read_video(film))
    assert frame_count(path) == len(frames)
    shift = len(whole) - len(frames)
    for k in (0, 1, 12, 13, 14, len(frames) - 1):
        np.testing.assert_array_equal(read_frames(path, [k])[0], frames[k])
        np.testing.assert_array_equal(frames[k], whole[k + shift])


# ---------------------------------------------------------------------------------------------- bad input


def test_numbers_that_are_not_there(film: Path) -> None:
    with pytest.raises(DataError, match=r"x\.mp4 has 60 frames from number 0 on, asked for 55 to 60"):
        read_frames(film, [55, 60])
    with pytest.raises(DataError, match="asked for -1 to 3"):
        read_frames(film, [-1, 3])
    with pytest.raises(ValueError, match="at least one frame number"):
        read_frames(film, [])


@pytest.mark.parametrize("content", [b"", b"this is not a video" * 50])
def test_no_video(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.mp4").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.mp4 cannot be read as a video"):
        read_frames(tmp_path / "x.mp4", [0])
    with pytest.raises(DataError, match=r"gone\.mp4 is missing"):
        frame_count(tmp_path / "gone.mp4")


@pytest.mark.parametrize("faststart", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_truncated(tmp_path: Path, share: float, faststart: bool) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (20, 32, 32, 3), np.uint8)
    path = tmp_path / "x.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"} if faststart else {}) as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width = stream.height = 32
        for frame in noise:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"x\.mp4 .*(cut short|damaged)"):
        read_frames(path, [19])
