"""Files that are written whole or not at all, whatever happens meanwhile."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which is at `path` when the block has come to its end, and not before, even after a power
    failure. What was there stays until then. Raises OSError."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    unfinished.unlink(missing_ok=True)  # of a process that was killed, or somebody's link to another place
    try:
        with unfinished.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text file whole or not at all. Raises OSError."""
    with whole_file(path) as file:
        file.write(text.encode("utf-8"))


def append_line(path: Path, line: str, *, secure: bool = False) -> None:
    """Add a line to a file of ASCII lines; then it survives this process, and a power failure where it shall be
    `secure`. Raises OSError, and then the file is as before."""
    content = f"{line}\n".encode("ascii")
    # Without a buffer, which would write what was refused once more as it closes.
    with path.open("ab", buffering=0) as file:
        end = file.tell()
        try:
            if file.write(content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if secure:
                os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                file.truncate(end)
            raise


def cause(error: OSError) -> str:
    """What the system means by an error of reading or writing, in a few words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{error.filename or 'it'} is read-only for this user"
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"the file {error.filename} is in the way"
    return error.strerror or str(error)
