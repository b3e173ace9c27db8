"""A job's outbox: the entries of its record, in a file of its folder until MLflow has them.

    outbox.jsonl        a line for the job and its server, then an entry a line, in the order of handing over
    outbox.delivered    how many of them MLflow has been given; then the numbers of those that it did not take

Both are gone when the record is complete. An entry is in the file before anybody tries to deliver it, so that neither a
server that is away nor a job that is killed loses it; `secure` makes it survive a power failure, too. One thread may
write while another delivers; both belong to the process that holds the job's lock.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import BinaryIO, final

from autoproc.durable import append_line
from autoproc.errors import HomeError
from autoproc.tracking.entries import Entry, from_json, to_json

ENTRIES, DELIVERED = "outbox.jsonl", "outbox.delivered"
FORMAT = 1


@dataclass(frozen=True)
class Address:
    """Where a job's record is kept: its run in an experiment of the server `uri`, which holds no secret; None for the
    home's own database."""

    run_id: str
    experiment_id: str
    uri: str | None


@dataclass(frozen=True)
class Waiting:
    """An entry that waits; None in place of one that is damaged. Its number is its own in the job."""

    number: int
    entry: Entry | None


@final
class Outbox:
    """The entries of one job; `Outbox.make` and `Outbox.open` get one. One that MLflow does not take may be set aside,
    so that those after it do not wait for it."""

    def __init__(self, folder: Path, address: Address, n_entries: int, n_given: int, aside: tuple[int, ...]) -> None:
        self.address = address
        self._entries, self._delivered = folder / ENTRIES, folder / DELIVERED
        self._n_entries, self._n_given = n_entries, n_given
        self._aside = aside
        self._offset: int | None = None  # of the first entry that is due
        self._lock = Lock()

    @classmethod
    def make(cls, folder: Path, address: Address) -> "Outbox":
        """The empty outbox of a job. Raises OSError."""
        (folder / DELIVERED).unlink(missing_ok=True)  # of one that could not be removed whole
        (folder / ENTRIES).write_text(json.dumps({"format": FORMAT, **asdict(address)}) + "\n", encoding="utf-8")
        return cls(folder, address, 0, 0, ())

    @classmethod
    def open(cls, folder: Path) -> "Outbox | None":
        """What an ended job has left; None where there is nothing. Raises HomeError where it cannot be read."""
        path = folder / ENTRIES
        try:
            with path.open("rb") as file:
                head = json.loads(file.readline())
                n_entries = sum(line.endswith(b"\n") for line in file)  # a last line without an end was torn
            if head.pop("format") != FORMAT:
                raise ValueError("it is of another version of autoproc")
            n_given, *aside = _numbers_in(folder / DELIVERED)
            n_given = min(n_given, n_entries)
            return cls(folder, Address(**head), n_entries, n_given, tuple(n for n in aside if 0 < n <= n_given))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise HomeError(
                f"The outbox {path} cannot be read: {error}. It must be as the job left it. What waits in it cannot be "
                "delivered; remove the file to give that up."
            ) from None

    def mend(self) -> None:
        """Remove a last line that was torn, so that others may follow. Raises OSError."""
        with self._entries.open("rb+") as file:
            whole = file.read().rfind(b"\n") + 1
            file.truncate(whole)

    def __len__(self) -> int:
        """How many entries wait."""
        return self._n_entries - self._n_given + len(self._aside)

    @property
    def is_due(self) -> bool:
        """Whether an entry waits that is not set aside."""
        return self._n_entries > self._n_given

    @property
    def aside(self) -> tuple[int, ...]:
        """The numbers of the entries that are set aside."""
        return self._aside

    def append(self, entry: Entry) -> None:
        """Add an entry; then it survives this process. Raises OSError, and then the outbox is as before."""
        with self._lock:
            append_line(self._entries, to_json(entry))
            self._n_entries += 1

    def first(self) -> Waiting:
        """The entry to deliver next, of those that are due. Raises OSError."""
        with self._entries.open("rb") as file:
            self._seek(file)
            return _parsed(self._n_given + 1, file.readline())

    def entry(self, number: int) -> Waiting:
        """The entry of that number. Raises OSError."""
        with self._entries.open("rb") as file:
            return _parsed(number, next(islice(file, number, None), b""))

    def mark_delivered(self) -> None:
        """MLflow has the first entry that is due. Where that cannot be noted, it is found there the next time."""
        offset = None  # unless it is known it is looked for the next time
        with suppress(OSError), self._entries.open("rb") as file:
            self._seek(file)
            file.readline()
            offset = file.tell()
        self._offset = offset
        self._n_given += 1
        self._note()

    def set_aside(self) -> None:
        """MLflow does not take the first entry that is due: it goes on waiting, and is due no more."""
        self._aside += (self._n_given + 1,)
        self.mark_delivered()

    def mark_aside_delivered(self, number: int) -> None:
        """MLflow has an entry that was set aside."""
        self._aside = tuple(n for n in self._aside if n != number)
        self._note()

    def secure(self) -> None:
        """Make what waits survive a power failure, too."""
        with suppress(OSError), self._entries.open("ab") as file:
            os.fsync(file.fileno())

    def remove(self) -> None:
        """The record is complete."""
        for path in (self._entries, self._delivered):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _note(self) -> None:
        with suppress(OSError):
            self._delivered.write_text("".join(f"{n}\n" for n in (self._n_given, *self._aside)), encoding="ascii")

    def _seek(self, file: BinaryIO) -> None:
        """Go to the first entry that is due."""
        if self._offset is None:
            for _ in range(1 + self._n_given):
                file.readline()
            self._offset = file.tell()
        file.seek(self._offset)


def _parsed(number: int, line: bytes) -> Waiting:
    try:
        return Waiting(number, from_json(line.decode("ascii")))
    except (ValueError, KeyError, TypeError):
        return Waiting(number, None)


def _numbers_in(path: Path) -> list[int]:
    """What `Outbox` notes. A count that was lost counts as none: what is delivered again is found to be there."""
    try:
        numbers = [int(line) for line in path.read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        return [0]
    return numbers if numbers and numbers[0] >= 0 else [0]
