"""The files of a bundle, a folder or a zip archive, as something that nobody vouches for.

Names are never joined to a path before they are known to be plain, nothing is unpacked to the disk, and nothing is read
beyond what a file was found to hold. What an archive or a sparse file makes out of little is bounded.
"""

import io
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, final

from autoproc.errors import BundleError
from autoproc.export.strict_json import shown

CHUNK = 2**20
"""Bytes that are read at once."""

MOST_FILES = 64
_MOST_BYTES = 256 * 2**20  # from a small archive; larger models are as large packed, or nearly
_MOST_TIMES_PACKED = 4
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1 | 0x40  # by a password, strongly
_READ_ONLY = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
_UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, OverflowError, zipfile.BadZipFile, zlib.error)


class Member(NamedTuple):
    """An open file and how many bytes it holds."""

    stream: BinaryIO
    n_bytes: int


class Files(Protocol):
    """What a folder and an archive have in common. Both methods raise BundleError, naming the file."""

    def has(self, name: str) -> bool:
        """Whether there is a file of this plain name."""

    def open(self, name: str) -> Member:
        """A file of this plain name, for reading; the caller closes its stream."""


def is_plain(name: str) -> bool:
    """Whether a name is one of a file and no path.

    >>> is_plain("card.json"), is_plain("../card.json"), is_plain("C:card.json"), is_plain(".card")
    (True, False, False, False)
    """
    return _PLAIN_NAME.fullmatch(name) is not None and not name.endswith(".")


@contextmanager
def open_files(path: Path) -> Iterator[Files]:
    """The files of a folder or zip archive. Raises BundleError for anything else, and for an archive that has members
    which no bundle has."""
    with ExitStack() as stack:
        with reading("it"):
            if path.is_dir():
                files: Files = _Folder(path)
            elif path.is_file():
                stream = stack.enter_context(_Bounded(path))
                files = _Archive(stack.enter_context(zipfile.ZipFile(stream)))
            else:
                raise BundleError("it is neither a folder nor a file.")
        yield files


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Whatever a damaged file or archive makes the libraries raise becomes a BundleError that names the file."""
    try:
        yield
    except _UNREADABLE as error:
        raise BundleError(f"{name} cannot be read ({_cause(error)}).") from None


def read_whole(files: Files, name: str, most: int) -> bytes:
    """The content of a file that must not hold more than `most` bytes."""
    stream, n_bytes = files.open(name)
    with reading(name), stream:
        if n_bytes > most:
            raise BundleError(f"{name} has {n_bytes:,} bytes, but must not have more than {most:,}.")
        return stream.read(n_bytes)


def chunks(files: Files, name: str) -> Iterator[bytes]:
    """The content of a file, piece by piece; no more than it was found to hold."""
    stream, left = files.open(name)
    with reading(name), stream:
        while left > 0 and (chunk := stream.read(min(left, CHUNK))):
            left -= len(chunk)
            yield chunk


@final
class _Folder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def has(self, name: str) -> bool:
        return os.path.lexists(self._path / name)

    def open(self, name: str) -> Member:
        path = self._path / name
        with reading(name):
            found = path.lstat()
            if stat.S_ISLNK(found.st_mode):
                raise BundleError(f"{name} is a symbolic link, but must be a file. Copy what it links to in its place.")
            if not stat.S_ISREG(found.st_mode):
                raise BundleError(f"{name} must be a file, but is a folder, a pipe or a device.")
            # A file whose zeros are not stored may be larger than the disk. Not every system tells.
            _must_be_in_proportion(name, found.st_size, getattr(found, "st_blocks", found.st_size) * 512)
            stream = open(os.open(path, _READ_ONLY), "rb")  # noqa: SIM115  # the caller closes it
        return Member(stream, found.st_size)


@final
class _Archive:
    """`archive` is open, and stays so."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members: dict[str, zipfile.ZipInfo] = {}
        members = archive.infolist()
        if len(members) > MOST_FILES:
            raise BundleError(f"it has {len(members):,} members, but must not have more than {MOST_FILES}.")
        for member in members:
            _must_be_harmless(member)
            if member.filename in self._members:
                raise BundleError(f"{member.filename} is in it twice.")
            self._members[member.filename] = member
        _must_be_in_proportion("it", sum(m.file_size for m in members), sum(m.compress_size for m in members))

    def has(self, name: str) -> bool:
        return name in self._members

    def open(self, name: str) -> Member:
        with reading(name):
            member = self._members[name]
            return Member(self._archive.open(member), member.file_size)  # type: ignore[arg-type]  # an IO[bytes]


@final
class _Bounded(io.FileIO):
    """A file for `zipfile`, which reads the list of an archive's members whole, however many gigabytes it has."""

    def __init__(self, path: Path) -> None:
        io.FileIO.__init__(self, path)

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > CHUNK:
            raise zipfile.BadZipFile("the list of what is in it is too long")
        return io.FileIO.read(self, CHUNK if size is None or size < 0 else size)


def _must_be_harmless(member: zipfile.ZipInfo) -> None:
    name = member.filename
    if not is_plain(name) or member.orig_filename != name:
        raise BundleError(
            f"it has a member named {shown(member.orig_filename)}, but names must be plain ones, without folders."
        )
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise BundleError(f"{name} must be a file, but is a symbolic link, a folder or a device.")
    if member.flag_bits & _ENCRYPTED:
        raise BundleError(f"{name} is encrypted.")
    if member.compress_type not in _METHODS:
        raise BundleError(f"{name} is packed by method {member.compress_type}, but only plain zip (deflate) is read.")


def _must_be_in_proportion(name: str, n_bytes: int, packed: int) -> None:
    most = max(_MOST_BYTES, _MOST_TIMES_PACKED * packed)
    if n_bytes > most:
        raise BundleError(
            f"{name} has {n_bytes:,} bytes, made out of {packed:,}, but must not have more than {most:,}."
        )


def _cause(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error.args[0]) if error.args else type(error).__name__
