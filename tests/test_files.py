"""Writing is all or nothing."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from rvos_edu.errors import RVOSError
from rvos_edu.files import StorageError, atomic_dir, atomic_write, remove_temporary


def names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def test_write_makes_parents_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.json"
    for text in ("old", "new"):
        with atomic_write(path) as temporary:
            assert temporary.parent == path.parent and temporary.suffix == ".json"
            temporary.write_text(text)
        assert path.read_text() == text
    assert names(path.parent) == ["b.json"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_failed_write_keeps_the_old_file(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(type(error)), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old" and names(tmp_path) == ["x.txt"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_full_disk_names_path_and_free_space(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")
    message = r"x\.txt was not written: the disk is full \([\d.]+ MiB free\)"
    with pytest.raises(StorageError, match=message), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise error
    assert issubclass(StorageError, RVOSError)
    assert path.read_text() == "old" and names(tmp_path) == ["x.txt"]


def test_other_os_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "x"):
        (tmp_path / "missing").read_text()
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "x"):
        pass  # nothing was written
    assert names(tmp_path) == []


def test_real_full_disk() -> None:
    """/dev/full answers every write with ENOSPC."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with pytest.raises(StorageError), atomic_write(Path("/dev/shm/rvos-edu-full-test")) as temporary:
        temporary.write_bytes(b"")
        with open("/dev/full", "wb", buffering=0) as full:
            full.write(b"x")
    assert not Path("/dev/shm/rvos-edu-full-test").exists()


def test_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    for index in range(2):
        with atomic_dir(path) as temporary:
            (temporary / "sub").mkdir()
            (temporary / "sub" / f"{index}.txt").write_text(str(index))
    assert names(path / "sub") == ["1.txt"] and names(tmp_path) == ["checkpoint"]


def test_failed_folder_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    with atomic_dir(path) as temporary:
        (temporary / "a").write_text("old")
    with pytest.raises(StorageError), atomic_dir(path) as temporary:
        (temporary / "a").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (path / "a").read_text() == "old" and names(tmp_path) == ["checkpoint"]


def test_failed_rename_puts_the_old_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint"
    with atomic_dir(path) as temporary:
        (temporary / "a").write_text("old")
    import rvos_edu.files as files

    real, calls = files.os.replace, []

    def second_fails(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    monkeypatch.setattr(files.os, "replace", second_fails)
    with pytest.raises(StorageError), atomic_dir(path) as temporary:
        (temporary / "a").write_text("new")
    assert (path / "a").read_text() == "old" and names(tmp_path) == ["checkpoint"]


def test_remove_temporary(tmp_path: Path) -> None:
    (tmp_path / ".tmp-1-x").mkdir()
    (tmp_path / ".tmp-2-y").write_text("half")
    (tmp_path / "keep").write_text("whole")
    remove_temporary(tmp_path)
    assert names(tmp_path) == ["keep"]
