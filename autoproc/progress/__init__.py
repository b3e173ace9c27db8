"""What a person sees while a job runs: one line a decision, and how the job stands just now."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Protocol

from autoproc.deadline import NEVER, Deadline
from autoproc.errors import HomeError
from autoproc.format import format_count, format_seconds
from autoproc.progress.log import JobLog

WARNING = "warning"
"""The step of a warning's line."""
STEP_WIDTH = 12


@dataclass(frozen=True)
class Status:
    """How a job stands just now: its step, how much of that is `done` and what is `running`, its `best` score, the
    `news` that came last, and the end of its time. `at_most` is 0 where the step has no parts to count."""

    step: str
    unit: str = ""
    done: int = 0
    at_most: int = 0
    running: str = ""
    per_minute: float | None = None
    best: str = ""
    news: str = ""
    deadline: Deadline = NEVER

    @property
    def parts(self) -> list[str]:
        """As text: what is done and running, the best so far, and what came last."""
        at_most = f"{format_count(self.at_most)} {self.unit}{'' if self.at_most == 1 else 's'}"
        counts = f"{format_count(self.done)} of at most {at_most}" if self.at_most else ""
        pace = "" if self.per_minute is None else f"{_pace(self.per_minute)} a minute"
        seconds = self.deadline.remaining
        left = f"{format_seconds(seconds)} left" if 0 < seconds < math.inf else ""
        going = [part for part in (counts, self.running, pace, left) if part]
        best = f"best {self.best}" if self.best else ""
        return [part for part in (", ".join(going), best, " ".join(self.news.split())) if part] or ["..."]


def _pace(per_minute: float) -> str:
    return f"{per_minute:.1f}" if per_minute < 10 else f"{per_minute:,.0f}"


class Progress(Protocol):
    """Where the process tells what it decided."""

    def say(self, step: str, text: str) -> None:
        """Show one finished line; an empty `step` goes on with the one before."""
        ...

    def update(self, status: Status) -> None:
        """Show what is going on just now, until the next line."""
        ...

    def warn(self, text: str) -> None:
        """Show what the user ought to know although the job goes on."""
        ...

    def detail(self, step: str, text: str) -> None:
        """Show what only those want to see who asked for more: a training, a step's seconds, what was built in."""
        ...


class SilentProgress:
    """Shows nothing."""

    def say(self, step: str, text: str) -> None: ...

    def update(self, status: Status) -> None: ...

    def warn(self, text: str) -> None: ...

    def detail(self, step: str, text: str) -> None: ...


def layout(step: str, text: str, width: int | None = None) -> str:
    """`text` to the right of the step's name, its further lines below; wrapped to `width` columns if given.

    >>> print(layout("metric", "average precision,\\nbecause failures are rare"))
    metric      average precision,
                because failures are rare
    """
    lines = text.splitlines() or [""]
    if width is not None:
        room = max(width - STEP_WIDTH, 20)
        lines = [part for line in lines for part in wrap(line, room, break_on_hyphens=False) or [""]]
    first = f"{step} ".ljust(STEP_WIDTH)
    return "\n".join([first + lines[0], *(" " * STEP_WIDTH + line for line in lines[1:])]).rstrip()


class KeptProgress:
    """Hands everything on to `inner`, and keeps the finished lines: step and text in `told`, and with their time in the
    job's log, once it has one, which has the details as well.

    Raises what `inner` raises, and HomeError when the log cannot be written. After `endure` neither ends anything: an
    `inner` that cannot write any more, as where its pipe is closed, is passed over, and the log is warned of, once.
    """

    def __init__(self, inner: Progress) -> None:
        self.told: list[tuple[str, str]] = []
        self._inner = inner
        self._log: JobLog | None = None
        self._endures = self._has_warned = False

    @property
    def warnings(self) -> list[str]:
        return [text for step, text in self.told if step == WARNING]

    def log_to(self, path: Path) -> None:
        """Append to the file `path` what was told so far, and what follows."""
        self._log = JobLog(path)
        for step, text in self.told:
            self._append(step, text)

    def endure(self) -> None:
        """From now on nobody who does not listen ends anything."""
        self._endures = True

    def say(self, step: str, text: str) -> None:
        self.told.append((step, text))
        with self._enduring():
            self._inner.say(step, text)
        self._append(step, text)

    def warn(self, text: str) -> None:
        self.told.append((WARNING, text))
        with self._enduring():
            self._inner.warn(text)
        self._append(WARNING, text)

    def update(self, status: Status) -> None:
        with self._enduring():
            self._inner.update(status)

    def detail(self, step: str, text: str) -> None:
        with self._enduring():
            self._inner.detail(step, text)
        self._append(step, text)

    def log(self, text: str) -> None:
        """Keep in the log alone what is no line of a step: an error, with its traceback."""
        self._write(text)

    @contextmanager
    def _enduring(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError):  # the latter of a stream that was closed on this side
            if not self._endures:
                raise

    def _append(self, step: str, text: str) -> None:
        self._write(layout(step, text))

    def _write(self, text: str) -> None:
        if self._log is None:
            return
        try:
            self._log.write(text)
        except OSError as error:
            problem = f"The job's log {self._log.path} cannot be written: {error.strerror}."
            if not self._endures:
                raise HomeError(f"{problem} A job goes on only where it can keep what it finds.") from error
            if not self._has_warned:
                self._has_warned = True
                self.warn(problem)
