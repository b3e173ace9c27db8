"""A job's journal: what came of all that trains, and when, in the order in which it happened.

    journal/job.json        the job's request, written first: whoever resumes it asks for the same
    journal/events.jsonl    an event a line: what it was, when in the job's time, and what came of it
    journal/<n>.npz         arrays that came of event n, from 1
    journal/<n>.forgettable.npz    ... of which the job may say that it does not need them any more
    journal/end-taken-back         the user had asked for an end, and then stopped the job all the same

A job that is resumed carries out the same steps from their start. What stands in the journal is not done once more but
taken from there, with the time at which it was done, so that the same is decided; where the journal ends, the job goes
on. The journal goes when the job has come to its end.
"""

import json
import shutil
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from autoproc.deadline import MonotonicClock, StopRequest
from autoproc.durable import append_line, cause, whole_file, write_whole
from autoproc.errors import HomeError

FOLDER = "journal"
FORMAT = 2
_HEAD, _EVENTS, _TAKEN_BACK = "job.json", "events.jsonl", "end-taken-back"
_FORGET = "forget "

Arrays = Mapping[str, NDArray[Any]]


class MisfitError(HomeError):
    """The journal is of another job than the one that follows it: to resume it once more would not help."""


@dataclass(frozen=True)
class Head:
    """What a job was asked for: `plan` as JSON without secrets and with paths that hold from any folder, for the table
    with this `fingerprint` and the holdout with this key, by a `version` of autoproc. `n_rungs` found room in memory
    when it began."""

    plan: Mapping[str, Any]
    fingerprint: str
    holdout_key: str
    version: str
    n_rungs: int = field(compare=False)
    format: int = FORMAT


@dataclass(frozen=True)
class _Event:
    what: str
    at: float
    over: bool
    came: Any
    arrays: bool


@final
class Journal:
    """The journal in `folder`; `Journal.begin` and `Journal.resume` open one. It is the job's clock, too, which stands
    still between two events."""

    def __init__(
        self, folder: Path, started: float, request: StopRequest, recorded: Sequence[_Event] = (), size: int = 0
    ) -> None:
        self._folder = folder
        self._request = request
        self._recorded = deque(recorded)
        self.n_events = 0
        """How many events there have been."""
        self._has_arrays = False
        self._now, self._over = 0.0, False
        self.begins_at = recorded[-1].at if recorded else 0.0
        """The job's time at which this process goes on with it."""
        self._lay_still = bool(recorded)
        self.stopwatch = MonotonicClock(started - self.begins_at)
        """The job's time as it goes on, for those who only show it."""
        with _journal_errors(folder), (folder / _EVENTS).open("ab") as file:
            file.truncate(size)

    @classmethod
    def begin(cls, folder: Path, head: Head, started: float, request: StopRequest) -> "Journal":
        """The journal of a new job, in a new folder; `started` is when the job began, on the monotonic clock. Raises
        HomeError where it cannot be written."""
        with _journal_errors(folder):
            folder.mkdir(parents=True)
        journal = cls(folder, started, request)
        with _journal_errors(folder):
            write_whole(folder / _HEAD, json.dumps(asdict(head)))
        return journal

    @classmethod
    def resume(cls, folder: Path, started: float, request: StopRequest, keeps_request: bool) -> "Journal":
        """The journal of a job that goes on, from its first event; `started` is when this process began with it. What
        was torn or damaged is left out, with all that came after; and so is, unless the job `keeps_request`, what was
        done after its user had asked for an end. Raises HomeError where it cannot be read or written.
        """
        with _journal_errors(folder):
            recorded, size = _read_events(folder, keeps_request)
        journal = cls(folder, started, request, recorded, size)
        with _journal_errors(folder):
            (folder / _TAKEN_BACK).unlink(missing_ok=True)
        return journal

    @property
    def is_replaying(self) -> bool:
        """Whether what comes next was done before."""
        return bool(self._recorded)

    @property
    def now(self) -> float:
        """Seconds that the job had taken at the latest event, without the time that it lay still."""
        return self._now

    @property
    def is_over(self) -> bool:
        """Whether the user had asked for an end by then, which holds from then on."""
        return self._over

    def tick(self) -> None:
        self.once("tick", lambda number: None)

    def once(self, what: str, act: Callable[[int], Any]) -> Any:
        """What came of `act`, as JSON gives it back: of its first time, if that stands in the journal, or else of now.
        It is given the event's number, for which it may `keep` arrays.

        Raises MisfitError where something else was done at this point, and HomeError where it cannot be written.
        """
        number = self.n_events + 1
        if self._recorded:
            event = self._recorded.popleft()
            if event.what != what:
                raise MisfitError(self._misfit(event.what, what))
        else:
            if self._lay_still:
                self.go_on()
            self._has_arrays = False
            event = self._append(what, act(number))
        self.n_events = number
        self._now, self._over = event.at, event.over
        return event.came

    def go_on(self) -> None:
        """Let the job's time go on from the latest event: what it took to get there once more does not count, or a
        single epoch would seem to have taken all of it."""
        self._lay_still = False
        self.stopwatch.set(self._now)

    def keep(self, number: int, arrays: Arrays, forgettable: Arrays) -> None:
        """Write the arrays of the event that goes on just now. Raises HomeError."""
        with _journal_errors(self._folder):
            _write_arrays(self._folder / _arrays_name(number), arrays)
            _write_arrays(self._folder / _forgettable_name(number), forgettable)
        self._has_arrays = True

    def arrays(self, number: int) -> tuple[Arrays, Arrays]:
        """The arrays of an event, and its forgettable ones; none of these where they were forgotten."""
        forgettable = self._folder / _forgettable_name(number)
        with _journal_errors(self._folder):
            kept = _read_arrays(forgettable) if forgettable.exists() else {}
            return _read_arrays(self._folder / _arrays_name(number)), kept

    def forget(self, number: int) -> None:
        """Remove the forgettable arrays of an event, unless this may be taken back."""
        self.once(f"{_FORGET}{number}", lambda _: None)
        if not self._over:
            with suppress(OSError):
                (self._folder / _forgettable_name(number)).unlink(missing_ok=True)

    def take_back(self) -> None:
        """Note that the user stops the job who had asked for its end before: when it goes on, it is as if nobody had
        asked. Raises nothing: without the note it comes to that end."""
        with suppress(OSError):
            (self._folder / _TAKEN_BACK).touch()

    def remove(self) -> None:
        """The job has come to its end. The head goes first: without it nobody resumes what is left."""
        with suppress(OSError):
            (self._folder / _HEAD).unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _append(self, what: str, came: Any) -> _Event:
        at, over = max(self.stopwatch.now, self._now), self._over or self._request.is_made
        entry = {"what": what, "at": at, "over": over, "came": came, "arrays": self._has_arrays}
        line = json.dumps(entry)
        with _journal_errors(self._folder):
            # What took long survives a power failure, too, and what is removed is known to be.
            append_line(self._folder / _EVENTS, line, secure=self._has_arrays or what.startswith(_FORGET))
        return _Event(**json.loads(line))  # what is gone on with is what will be read back

    def _misfit(self, found: str, wanted: str) -> str:
        return (
            f"The journal {self._folder} does not fit the job: event {self.n_events + 1:,} is {found!r} where the job "
            f"comes to {wanted!r}. It must be unchanged, and followed by the version of autoproc and of the libraries "
            "that wrote it. `autoproc tune --config` with the job's plan.yaml begins anew."
        )


def is_taken_back(folder: Path) -> bool:
    """Whether the end that a job's user had asked for was taken back when the job was stopped."""
    return (folder / _TAKEN_BACK).exists()


def read_head(folder: Path) -> Head | None:
    """What the job with the journal in `folder` was asked for; None where there is nothing to resume. Raises HomeError
    for the journal of another version, or a damaged one."""
    path = folder / _HEAD
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] == FORMAT:
            return Head(**content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise HomeError(f"The journal's head {path} cannot be read: {error}. It must be as the job left it.") from None
    raise HomeError(
        f"The journal {folder} is of format {content['format']}, of autoproc {content.get('version')}; this version "
        f"reads format {FORMAT}. Resume the job with that version, or begin anew by `autoproc tune --config` with its "
        "plan.yaml."
    )


def _read_events(folder: Path, keeps_request: bool) -> tuple[list[_Event], int]:
    """The events from the first up to what is torn, damaged or not kept, and how many bytes they take."""
    events: list[_Event] = []
    ends = [0]
    with (folder / _EVENTS).open("rb") as file:
        for line in file:
            try:
                event = _Event(**json.loads(line)) if line.endswith(b"\n") else None
            except (ValueError, TypeError):
                event = None
            if event is None or (event.over and not keeps_request):
                break
            events.append(event)
            ends.append(ends[-1] + len(line))
    n_whole = _n_whole(folder, events)
    return events[:n_whole], ends[n_whole]


def _n_whole(folder: Path, events: Sequence[_Event]) -> int:
    """How many events can be taken, from the first: those before one whose arrays are lost. What later events have
    forgotten is lost, too, where these cannot be taken."""
    is_intact = cache(_is_intact)
    n_events = len(events)
    while True:
        taken = events[:n_events]
        forgotten = {event.what.removeprefix(_FORGET) for event in taken if event.what.startswith(_FORGET)}
        for number, event in enumerate(taken, start=1):
            names = [_arrays_name(number), *([] if str(number) in forgotten else [_forgettable_name(number)])]
            if event.arrays and not all(is_intact(folder / name) for name in names):
                n_events = number - 1
                break
        else:
            return n_events


def _arrays_name(number: int) -> str:
    return f"{number}.npz"


def _forgettable_name(number: int) -> str:
    return f"{number}.forgettable.npz"


def _write_arrays(path: Path, arrays: Arrays) -> None:
    with whole_file(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stubs take a name for the flag before it


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    # A file of its own: NumPy leaves that of a damaged archive open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _is_intact(path: Path) -> bool:
    try:
        _read_arrays(path)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
        return False
    return True


@contextmanager
def _journal_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HomeError(
            f"The journal {folder} cannot be used: {cause(error)}. Without it a job cannot be resumed. Make room, or "
            "make the folder writable, and resume the job; or choose another place with --home."
        ) from None
