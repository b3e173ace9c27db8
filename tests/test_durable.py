"""Files that are written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from autoproc import durable
from autoproc.durable import append_line, cause, whole_file, write_whole


def fail(*arguments: object) -> None:
    raise OSError(errno.EIO, "broken")


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_whole(path, "old")
    write_whole(path, "größe\n")
    assert path.read_bytes() == "größe\n".encode()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_write_that_fails_leaves_the_old_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "result.json"
    write_whole(path, "old")
    monkeypatch.setattr(durable.os, step, fail)
    with pytest.raises(OSError, match="broken"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_fails_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "arrays"
    write_whole(path, "old")
    with pytest.raises(KeyError), whole_file(path) as file:
        file.write(b"half")
        raise KeyError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_somebodys_link_under_the_unfinished_name_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("theirs")
    (tmp_path / f".mine.{os.getpid()}.unfinished").symlink_to(other)
    write_whole(tmp_path / "mine", "ours")
    assert other.read_text() == "theirs"
    assert (tmp_path / "mine").read_text() == "ours"


def test_lines_follow_each_other(tmp_path: Path) -> None:
    path = tmp_path / "events"
    append_line(path, "one")
    append_line(path, "two", secure=True)
    assert path.read_text() == "one\ntwo\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_is_told() -> None:
    with pytest.raises(OSError) as told:
        append_line(Path("/dev/full"), "one")
    assert cause(told.value) == "the disk is full"


def test_a_line_that_does_not_last_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events"
    append_line(path, "one")
    monkeypatch.setattr(durable.os, "fsync", fail)
    with pytest.raises(OSError, match="broken"):
        append_line(path, "two", secure=True)
    assert path.read_text() == "one\n"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "x"), "the disk is full"),
        (OSError(errno.EROFS, "x", "a/b"), "a/b is read-only for this user"),
        (PermissionError(errno.EACCES, "x", "a/b"), "a/b is read-only for this user"),
        (NotADirectoryError(errno.ENOTDIR, "x", "a"), "the file a is in the way"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (OSError("no number"), "no number"),
    ],
)
def test_what_the_system_means(error: OSError, told: str) -> None:
    assert cause(error) == told
