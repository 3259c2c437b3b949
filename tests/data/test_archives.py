"""Archives that mean harm, damaged ones, and good ones unpacked once."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from rvos_edu.data import archives
from rvos_edu.data.archives import is_unpacked, unpack
from rvos_edu.errors import DataError

GOOD = {"train/JPEGImages/-a_b/00000.jpg": b"frame", "train/meta.json": b"{}", "empty.txt": b""}


def write_zip(path: Path, members: dict[str, bytes], *, mode: int | None = None, pack: int = 8) -> Path:
    with zipfile.ZipFile(path, "w", compression=pack) as opened:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = pack
            if mode is not None:
                info.external_attr = mode << 16
            opened.writestr(info, content)
    return path


def write_tar(
    path: Path, members: dict[str, bytes], *, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> Path:
    pack = {".gz": "w:gz", ".xz": "w:xz"}.get(path.suffix, "w")
    with tarfile.open(path, pack) as opened:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mode = kind, link, 0o6777
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            opened.addfile(info, io.BytesIO(content))
    return path


def files_of(root: Path) -> dict[str, bytes]:
    """What a user sees: hidden marks aside."""
    found = (p for p in sorted(root.rglob("*")) if p.is_file())
    return {
        str(p.relative_to(root)): p.read_bytes()
        for p in found
        if not p.relative_to(root).parts[0].startswith(".")
    }


@pytest.mark.parametrize("name, write", [("a.zip", write_zip), ("a.tar", write_tar), ("a.tar.gz", write_tar)])
def test_unpacked_once(tmp_path: Path, name: str, write: Callable[..., Path]) -> None:
    archive, root = write(tmp_path / name, GOOD), tmp_path / "root"
    assert unpack(archive, root) == 3 and files_of(root) == GOOD and is_unpacked(archive, root)
    assert not (root / "train/meta.json").stat().st_mode & (stat.S_ISUID | stat.S_IXUSR)
    (root / "train/meta.json").write_bytes(b"edited")
    assert unpack(archive, root) == 0 and files_of(root)["train/meta.json"] == b"edited"
    os.utime(archive, (1, 1))  # another archive of that name
    assert unpack(archive, root) == 3 and files_of(root) == GOOD


def test_among_what_is_there(tmp_path: Path) -> None:
    root = tmp_path / "root"
    unpack(write_zip(tmp_path / "a.zip", GOOD), root)
    unpack(write_zip(tmp_path / "b.zip", {"train/JPEGImages/c/0.jpg": b"c", "valid/": b"", "x": b"1"}), root)
    assert set(files_of(root)) == {*GOOD, "train/JPEGImages/c/0.jpg", "x"} and (root / "valid").is_dir()
    with pytest.raises(DataError, match="train is in the way of the file train: it is a folder"):
        unpack(write_zip(tmp_path / "c.zip", {"train": b""}), root)
    with pytest.raises(DataError, match="x is in the way of the folder x: it is a file"):
        unpack(write_zip(tmp_path / "d.zip", {"x/y": b""}), root)


NAMES = ["../evil", "a/../../evil", "/evil", "a\\..\\evil", "C:evil", "a/..", ".unpacked/x.json"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("write, suffix", [(write_zip, "zip"), (write_tar, "tar.gz")])
def test_names_that_climb_out(tmp_path: Path, name: str, write: Callable[..., Path], suffix: str) -> None:
    archive = write(tmp_path / f"a.{suffix}", {"ok": b"1", name: b"2"})
    with pytest.raises(
        DataError, match="would leave the folder or is no proper name; the archive is refused"
    ):
        unpack(archive, tmp_path / "in/root")
    assert files_of(tmp_path / "in/root") == {} and not is_unpacked(archive, tmp_path / "in/root")
    assert not [p for p in tmp_path.rglob("*evil*")] and not list((tmp_path / "in/root").iterdir())


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_tar(tmp_path: Path, kind: bytes) -> None:
    archive = write_tar(tmp_path / "a.tar", {"way": b""}, kind=kind, link="../../etc")
    with pytest.raises(DataError, match="'way' is a link or device, such archives are refused"):
        unpack(archive, tmp_path / "root")
    assert list((tmp_path / "root").iterdir()) == []


def test_links_in_zip(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"way": b"/etc"}, mode=stat.S_IFLNK | 0o777)
    with pytest.raises(DataError, match="'way' is a link or device"):
        unpack(archive, tmp_path / "root")


@pytest.mark.parametrize("write, name", [(partial(write_zip, pack=14), "a.zip"), (write_tar, "a.tar.xz")])
def test_bombs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., Path], name: str
) -> None:
    """Of zeros: LZMA makes them thousands of times as small."""
    monkeypatch.setattr(archives, "_SMALL", 2**20)
    archive = write(tmp_path / name, {"x.json": b"0" * 8 * 2**20})
    assert archive.stat().st_size * archives.RATIO < 8 * 2**20
    with pytest.raises(DataError, match=r"1100 times its size: it is refused as a bomb \(at 'x.json'\)"):
        unpack(archive, tmp_path / "root")
    assert list((tmp_path / "root").iterdir()) == []


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_masks_shrink_to_hundredths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Real masks of A2D are 205 times as large as their archive."""
    monkeypatch.setattr(archives, "_SMALL", 2**20)
    write: Callable[..., Path] = write_zip if name.endswith("zip") else write_tar
    archive = write(tmp_path / name, {"masks.h5": bytes(8 * 2**20)})
    assert 205 < 8 * 2**20 / archive.stat().st_size < archives.RATIO
    assert unpack(archive, tmp_path / "root") == 1


def test_what_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "FREE", 2**60)
    with pytest.raises(DataError, match=r"does not fit on the disk: 0.0 GiB may be used"):
        unpack(write_zip(tmp_path / "a.zip", GOOD), tmp_path / "root")


def test_damaged_archives(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with pytest.raises(DataError, match=r"gone\.zip does not exist"):
        unpack(tmp_path / "gone.zip", root)
    (tmp_path / "text.zip").write_text("Please log in to download")
    with pytest.raises(DataError, match=r"text\.zip is neither a zip nor a tar archive"):
        unpack(tmp_path / "text.zip", root)
    noise = {"big": os.urandom(200_000)}
    for whole in (write_zip(tmp_path / "a.zip", noise), write_tar(tmp_path / "a.tar.gz", noise)):
        content = bytearray(whole.read_bytes())
        content[100_000:100_010] = b"0123456789"
        whole.write_bytes(content)
        with pytest.raises(DataError, match="cannot be unpacked"):
            unpack(whole, root)
    cut = write_tar(tmp_path / "b.tar.gz", noise)
    cut.write_bytes(cut.read_bytes()[:150_000])
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack(cut, root)
    assert list(root.iterdir()) == []


def test_a_name_that_is_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack(write_tar(tmp_path / "a.tar", {"a": b"1", "a/b": b"2"}), tmp_path / "root")


def test_after_an_interrupted_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while files are moved: the next call does all of it."""
    archive, root = write_zip(tmp_path / "a.zip", GOOD), tmp_path / "root"
    moved = []

    def stop(source: Path, target: Path) -> None:
        if moved:
            raise KeyboardInterrupt
        moved.append(source)
        os.rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(archives.os, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            unpack(archive, root)
    assert not is_unpacked(archive, root)
    assert unpack(archive, root) == 3 and files_of(root) == GOOD
    assert sorted(p.name for p in root.iterdir()) == [".unpacked", "empty.txt", "train"]
