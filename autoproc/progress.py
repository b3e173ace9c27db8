"""What a person sees while a job runs: one line a decision on standard error, and the same in the job's log."""

import math
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from autoproc.errors import HomeError

if TYPE_CHECKING:
    from rich.status import Status

WARNING = "warning"
"""The step of a warning's line."""
_STEP_WIDTH = 12
_SPINNER_WIDTH = 3
_QUIET_SECONDS = 30.0


class Progress(Protocol):
    """Where the process tells what it decided."""

    def say(self, step: str, text: str) -> None:
        """Show one finished line; an empty `step` goes on with the one before."""
        ...

    def update(self, step: str, text: str) -> None:
        """Show what is going on just now, until the next line."""
        ...

    def warn(self, text: str) -> None:
        """Show what the user ought to know although the job goes on."""
        ...


class SilentProgress:
    """Shows nothing."""

    def say(self, step: str, text: str) -> None: ...

    def update(self, step: str, text: str) -> None: ...

    def warn(self, text: str) -> None: ...


def layout(step: str, text: str, width: int | None = None) -> str:
    """`text` to the right of the step's name, its further lines below; wrapped to `width` columns if given.

    >>> print(layout("metric", "average precision,\\nbecause failures are rare"))
    metric      average precision,
                because failures are rare
    """
    lines = text.splitlines() or [""]
    if width is not None:
        room = max(width - _STEP_WIDTH, 20)
        lines = [part for line in lines for part in textwrap.wrap(line, room, break_on_hyphens=False) or [""]]
    first = f"{step} ".ljust(_STEP_WIDTH)
    return "\n".join([first + lines[0], *(" " * _STEP_WIDTH + line for line in lines[1:])]).rstrip()


class TerminalProgress:
    """Lines on `stream` (standard error), with colour and a live status line where a person watches.

    Piped, or with NO_COLOR, CI or TERM=dumb in the environment, it writes plain lines without control codes, and
    what is going on only at the start, and after half a minute without any other line.
    Use it in a `with` block, which takes the status line away at the end.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = _is_watched(self._stream)
        self._status: Status | None = None
        self._printed_at = -math.inf  # nobody should wonder whether it has begun
        self._lock = Lock()  # the record warns from a thread of its own

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def say(self, step: str, text: str) -> None:
        with self._lock:
            self._clear()
            self._print(step, text, style="bold")

    def warn(self, text: str) -> None:
        with self._lock:
            self._clear()
            self._print(WARNING, text, style="bold yellow")

    def update(self, step: str, text: str) -> None:
        with self._lock:
            self._update(step, text)

    def _update(self, step: str, text: str) -> None:
        if not self._live:
            if time.monotonic() - self._printed_at >= _QUIET_SECONDS:
                self._print(step, text, style="")
            return
        from rich.console import Console
        from rich.status import Status
        from rich.text import Text

        line = Text(layout(step, " ".join(text.split())))
        line.truncate(shutil.get_terminal_size().columns - _SPINNER_WIDTH, overflow="ellipsis")
        if self._status is None:
            self._status = Status(line, console=Console(file=self._stream), refresh_per_second=5)
            self._status.start()
        else:
            self._status.update(line)

    def _clear(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _print(self, step: str, text: str, style: str) -> None:
        if not self._live:
            print(layout(step, text), file=self._stream, flush=True)
            self._printed_at = time.monotonic()
            return
        from rich.console import Console
        from rich.text import Text

        line = Text(layout(step, text, shutil.get_terminal_size().columns))
        line.stylize(style, 0, len(step))
        Console(file=self._stream).print(line, soft_wrap=True)


class ToldProgress:
    """Hands everything on to `inner` and remembers the finished lines: step and text, in the order in which they were
    told."""

    def __init__(self, inner: Progress) -> None:
        self.told: list[tuple[str, str]] = []
        self._inner = inner
        self._endures = False

    def endure(self) -> None:
        """From now on an `inner` that cannot write any more, as where its pipe is closed, ends nothing."""
        self._endures = True

    @property
    def warnings(self) -> list[str]:
        return [text for step, text in self.told if step == WARNING]

    def say(self, step: str, text: str) -> None:
        self.told.append((step, text))
        with self._enduring():
            self._inner.say(step, text)

    def warn(self, text: str) -> None:
        self.told.append((WARNING, text))
        with self._enduring():
            self._inner.warn(text)

    def update(self, step: str, text: str) -> None:
        with self._enduring():
            self._inner.update(step, text)

    @contextmanager
    def _enduring(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError):  # the latter of a stream that was closed on this side
            if not self._endures:
                raise


class LogProgress:
    """Hands everything on to `inner` and appends the finished lines, with their time, to the file `path`.

    Raises HomeError when the file cannot be written, but after `endure` warns of it, once.
    """

    def __init__(self, inner: Progress, path: Path) -> None:
        self._inner = inner
        self._path = path
        self._endures = self._has_warned = False

    def endure(self) -> None:
        """From now on a file that cannot be written ends nothing."""
        self._endures = True

    def say(self, step: str, text: str) -> None:
        self._inner.say(step, text)
        self._append(step, text)

    def warn(self, text: str) -> None:
        self._inner.warn(text)
        self._append(WARNING, text)

    def update(self, step: str, text: str) -> None:
        self._inner.update(step, text)

    def _append(self, step: str, text: str) -> None:
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        lines = layout(step, text).splitlines()
        try:
            with self._path.open("a", encoding="utf-8") as log:
                log.writelines(f"{now} {line}\n" for line in lines)
        except OSError as error:
            problem = f"The job's log {self._path} cannot be written: {error.strerror}."
            if not self._endures:
                raise HomeError(problem) from error
            if not self._has_warned:
                self._has_warned = True
                self._inner.warn(problem)


def _is_watched(stream: TextIO) -> bool:
    plain = os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not plain
