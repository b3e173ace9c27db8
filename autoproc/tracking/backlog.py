"""Writes that wait, in order, until MLflow takes them."""

import time
from collections import deque
from collections.abc import Callable
from typing import final

from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

UNREACHABLE = (MlflowException, OSError, SQLAlchemyError)
# After a failure MLflow is left alone for 20 times as long as that took: waiting for it costs at most 5 % of the job.
PAUSE_FACTOR = 20
MIN_PAUSE_SECONDS = 5.0
MAX_CAUSE = 300

_REFUSED = "INVALID_PARAMETER_VALUE"


@final
class Backlog:
    """Runs each write at once while MLflow answers; after a failure it keeps them, and tries again later.

    A write may be run again after it failed. The user is warned of failures once; `clock` gives seconds.
    """

    def __init__(self, warn: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._warn = warn
        self._clock = clock
        self._waiting: deque[Callable[[], None]] = deque()
        self._retry_at = float("-inf")
        self._has_warned = False

    def __len__(self) -> int:
        return len(self._waiting)

    def write(self, entry: Callable[[], None]) -> None:
        self._waiting.append(entry)
        if self._clock() >= self._retry_at:
            self.flush()

    def flush(self) -> None:
        """Write what waits, in order, until MLflow fails. What it will never take is dropped, with a warning."""
        while self._waiting:
            started = self._clock()
            try:
                self._waiting[0]()
            except UNREACHABLE as error:
                if not _is_refused(error):
                    self._pause(error, self._clock() - started)
                    return
                self._warn(f"MLflow refused an entry of the record, which is left out: {cause(error)}")
            self._waiting.popleft()

    def _pause(self, error: Exception, took: float) -> None:
        self._retry_at = self._clock() + max(MIN_PAUSE_SECONDS, PAUSE_FACTOR * took)
        if not self._has_warned:
            self._has_warned = True
            self._warn(
                f"MLflow could not be written to: {cause(error)}. The job goes on, and the record is completed "
                "when MLflow answers again."
            )


def cause(error: BaseException) -> str:
    """What went wrong, in one line.

    >>> cause(OSError(28, "No space left on device"))
    'No space left on device'
    """
    original = error.orig if isinstance(error, SQLAlchemyError) and hasattr(error, "orig") else None
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(original or error)
    told = text.partition("[SQL:")[0]  # MLflow adds the statement that failed
    line = " ".join(told.split()).rstrip(".") or type(error).__name__
    return line if len(line) <= MAX_CAUSE else f"{line[: MAX_CAUSE - 1]}…"


def _is_refused(error: Exception) -> bool:
    """Whether trying again is of no use: a value that MLflow does not take, or a file to keep that is gone."""
    refused = isinstance(error, MlflowException) and error.error_code == _REFUSED
    return refused or isinstance(error, FileNotFoundError)
