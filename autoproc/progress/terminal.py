"""The progress of a job on standard error: a live display where a person watches, plain lines elsewhere."""

import math
import os
import sys
import time
from textwrap import wrap
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from autoproc.progress import STEP_WIDTH, WARNING, Status, layout
from autoproc.progress.encoding import encodable

if TYPE_CHECKING:
    from rich.text import Text

_QUIET_SECONDS = 30.0
_DRAWINGS_A_SECOND = 5
_SPINNERS = ("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "-\\|/")
_ROWS = 3  # of a part, at most: the display is to be taken in at a glance
_NO = ("", "0", "false")


class TerminalProgress:
    """Lines on `stream` (standard error), with a live display below them where a person watches.

    Piped, or with CI or TERM=dumb in the environment, it writes plain lines without control codes, and what is going on
    only at the start, and after half a minute without any other line. NO_COLOR takes the colours alone. Details are
    shown to those who asked to be told more (`verbose`).
    Use it in a `with` block, which takes the display away at the end.
    """

    def __init__(self, stream: TextIO | None = None, verbose: bool = False) -> None:
        stream = stream or sys.stderr
        self._verbose = verbose
        self._screen: _Screen = _LiveScreen(stream) if is_watched(stream) else _PlainScreen(stream)
        self._lock = Lock()  # the record warns from a thread of its own

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._screen.close()

    def say(self, step: str, text: str) -> None:
        with self._lock:
            self._screen.write(step, text, style="bold")

    def warn(self, text: str) -> None:
        with self._lock:
            self._screen.write(WARNING, text, style="bold yellow")

    def update(self, status: Status) -> None:
        with self._lock:
            self._screen.show(status)

    def detail(self, step: str, text: str) -> None:
        if self._verbose:
            with self._lock:
                self._screen.write(step, text, style="dim")


class _Screen(Protocol):
    """Where finished lines stay, and the status stands below them for as long as it holds."""

    def write(self, step: str, text: str, style: str) -> None: ...

    def show(self, status: Status) -> None: ...

    def close(self) -> None: ...


class _PlainScreen:
    """Lines alone; a status is one of them at the start, and where nothing else was to be written for long."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._written_at = -math.inf  # nobody should wonder whether it has begun

    def write(self, step: str, text: str, style: str) -> None:
        print(encodable(layout(step, text), _encoding(self._stream)), file=self._stream, flush=True)
        self._written_at = time.monotonic()

    def show(self, status: Status) -> None:
        if time.monotonic() - self._written_at >= _QUIET_SECONDS:
            self.write(status.step, "; ".join(status.parts), style="")

    def close(self) -> None: ...


class _LiveScreen:
    """Lines above a display that is drawn again and again by a thread of its own, so that showing a status costs the
    job nothing. What others write to the terminal meanwhile comes above it too."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._encoding = _encoding(stream)
        self._spinner = _SPINNERS[encodable(_SPINNERS[0], self._encoding) != _SPINNERS[0]]
        self._status: Status | None = None
        self._console = Console(file=stream, force_terminal=True, force_interactive=True, highlight=False)
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=_DRAWINGS_A_SECOND,
            transient=True,
            # Not what goes elsewhere, into a file or to a program.
            redirect_stdout=sys.stdout is stream or sys.stdout.isatty(),
            redirect_stderr=sys.stderr is stream,
        )

    def write(self, step: str, text: str, style: str) -> None:
        self._status = None
        if self._live.is_started:
            self._live.refresh()  # or what was going on would stand below the line that ends it
        line = self._text(layout(step, encodable(text, self._encoding), self._console.width))
        line.stylize(style, 0, len(step))
        self._console.print(line, soft_wrap=True)

    def show(self, status: Status) -> None:
        self._status = status
        if not self._live.is_started:
            self._live.start(refresh=True)
            # A cursor that is hidden would stay so where the job is killed, or stopped by Ctrl-Z.
            self._console.show_cursor(True)

    def close(self) -> None:
        self._status = None
        self._live.stop()

    def _draw(self) -> "Text":
        """What stands below the lines just now; no row is wider than the window, or the terminal would break it."""
        status = self._status
        if status is None:
            return self._text("")
        room = max(self._console.width - STEP_WIDTH - 2, 20)
        frame = self._spinner[int(time.monotonic() * _DRAWINGS_A_SECOND) % len(self._spinner)]
        rows = [row for part in status.parts for row in wrap(encodable(part, self._encoding), room, max_lines=_ROWS)]
        marked = [f"{' ' if number else frame} {row}" for number, row in enumerate(rows)]
        return self._text(layout(status.step, "\n".join(marked)))

    def _text(self, text: str) -> "Text":
        from rich.text import Text

        return Text(text, no_wrap=True, overflow="ellipsis")


def _encoding(stream: TextIO) -> str | None:
    return getattr(stream, "encoding", None)


def is_watched(stream: TextIO) -> bool:
    """Whether a person may be taken to watch the stream."""
    environment = os.environ.get
    plain = environment("CI", "").lower() not in _NO or environment("TERM") in ("dumb", "unknown")
    return stream.isatty() and not plain
