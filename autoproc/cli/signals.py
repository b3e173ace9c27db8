"""What Ctrl-C and SIGTERM mean to a job: the first asks it to come to its end, the second stops it."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from autoproc.deadline import StopRequest

TERM_SECONDS = 8.0
"""What a job has to come to its end after SIGTERM: those who send it kill after ten seconds, as a rule."""
_STANDARD_ERROR = 2
_ASKED = b"\nThe job comes to its end with what it has. Once more stops at once, and `autoproc resume` goes on.\n"


class Terminated(KeyboardInterrupt):
    """SIGTERM, handled like Ctrl-C so that a job can close its record."""


def terminate(signal_number: int, frame: FrameType | None) -> None:
    raise Terminated


@contextmanager
def ending_early() -> Iterator[StopRequest]:
    """The request that the first Ctrl-C or SIGTERM makes of a job that listens. Whatever comes later, and one that
    finds nobody listening, raises KeyboardInterrupt in the main thread; after SIGTERM that comes by itself in the end.
    """
    request = StopRequest()

    def ask(number: int, frame: FrameType | None) -> None:
        if request.is_made or not request.is_heard:
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
        request.is_made = True
        if number == signal.SIGTERM:
            timer = threading.Timer(TERM_SECONDS, os.kill, (os.getpid(), signal.SIGTERM))
            timer.daemon = True
            timers.append(timer)
            timer.start()
        with suppress(OSError):  # nobody may listen any more
            os.write(_STANDARD_ERROR, _ASKED)  # not by a stream, which may be writing just now

    timers: list[threading.Timer] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    is_listening = threading.current_thread() is threading.main_thread()
    if is_listening:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:  # as of what a shell starts in the background
                signal.signal(number, ask)
    try:
        yield request
    finally:
        for timer in timers:
            timer.cancel()
        if is_listening:
            for number, handler in before.items():
                signal.signal(number, handler)
