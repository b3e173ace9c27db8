"""Delivers a job's outbox in a thread of its own, while training goes on: nobody waits for MLflow."""

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Thread
from typing import final

from autoproc.errors import AutoprocError
from autoproc.tracking.database import is_locked
from autoproc.tracking.delivery import Delivery
from autoproc.tracking.failures import UploadError, cause
from autoproc.tracking.outbox import Outbox

MAX_PAUSE_SECONDS = 60.0


def pause(n_failures: int) -> float:
    """Seconds for which MLflow is left alone after so many failures in a row.

    >>> [pause(1), pause(2), pause(9)]
    [1.0, 2.0, 60.0]
    """
    return min(2.0 ** (n_failures - 1), MAX_PAUSE_SECONDS)


def _suppressing(warn: Callable[[str], None]) -> Callable[[str], None]:
    """Warns where that can be done: nothing is delivered any the less for it."""

    def tell(text: str) -> None:
        with suppress(AutoprocError, OSError, ValueError):
            warn(text)

    return tell


@final
class Courier:
    """Delivers what waits in `outbox` as soon as `wake` is called, and tries again after a pause where MLflow fails.

    The user is warned of failures once. While nothing waits, `meanwhile` is called until it returns True, for what else
    is to be delivered: it is to break off, and return False, as soon as what it is given says so. `after` is done last.
    """

    def __init__(
        self,
        outbox: Outbox,
        delivery: Delivery,
        warn: Callable[[str], None],
        *,
        meanwhile: Callable[[Callable[[], bool]], bool] = lambda enough: True,
        after: Callable[[], None] = lambda: None,
        pause: Callable[[int], float] = pause,
    ) -> None:
        self._outbox = outbox
        self._delivery = delivery
        self._warn = _suppressing(warn)
        self._meanwhile, self._after = meanwhile, after
        self._pause = pause
        self._changed = Condition()
        self._n_failures = 0
        self._retry_at = float("-inf")
        self._give_up_at: float | None = None  # not None: the job has ended
        self._is_settled = self._has_warned = self._has_done_others = self._waits_for_others = False
        self._bug: BaseException | None = None
        # It must not keep a process alive whose server does not answer: what waits is in a file.
        self._thread = Thread(target=self._work, name="record", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something waits."""
        with self._changed:
            self._is_settled = False
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Return when nothing waits, MLflow fails, or so much time has passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_settled or not self._thread.is_alive(), seconds)

    def close(self, seconds: float, grace: float) -> None:
        """Try once more at once to deliver what waits, for so long; a request that is under way has `grace` to end.

        Raises what went wrong that is none of MLflow's failures.
        """
        with self._changed:
            self._give_up_at = time.monotonic() + seconds
            self._changed.notify_all()
        self._thread.join(seconds + grace)
        if self._bug is not None:
            raise self._bug

    def _work(self) -> None:
        try:
            while task := self._next_task():
                task()
            self._deliver()
            if self._waits_for_others:  # each try waits for a locked database, but for no longer than 20 seconds
                self._deliver()
            if not self._outbox.is_due:
                self._delivery.retry(self._outbox, self._warn, self._is_late)
                self._meanwhile(self._is_late)
        except BaseException as error:
            self._bug = error  # comes out at the end of the job, which it must not stop
        finally:
            self._settle()
            self._after()

    def _next_task(self) -> Callable[[], None] | None:
        """Wait until there is something to do; None when the job has ended."""
        with self._changed:
            while self._give_up_at is None:
                rest = self._retry_at - time.monotonic()
                if self._outbox.is_due and rest <= 0:
                    return self._deliver
                self._settle()
                if not (self._outbox.is_due or self._has_done_others):
                    return self._deliver_others
                self._changed.wait(rest if self._outbox.is_due else None)
            return None

    def _deliver(self) -> None:
        error = self._delivery.empty(self._outbox, self._warn, self._is_late, self._tell_aside)
        self._waits_for_others = error is not None and is_locked(error)
        if error is None:
            self._n_failures = 0
            return
        self._outbox.secure()
        self._n_failures += 1
        self._retry_at = time.monotonic() + self._pause(self._n_failures)
        self._warn_once(
            f"MLflow could not be written to: {cause(error)}. The job goes on, and the record is completed "
            "when MLflow answers again."
        )

    def _deliver_others(self) -> None:
        self._has_done_others = self._meanwhile(lambda: self._outbox.is_due or self._give_up_at is not None)

    def _tell_aside(self, error: UploadError) -> None:
        self._outbox.secure()
        self._warn_once(
            f"MLflow could not keep a file or model of the job: {cause(error)}. The job goes on, and what could not be "
            "kept is tried again at its end."
        )

    def _warn_once(self, text: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            self._warn(text)

    def _is_late(self) -> bool:
        return self._give_up_at is not None and time.monotonic() > self._give_up_at

    def _settle(self) -> None:
        with self._changed:
            self._is_settled = True
            self._changed.notify_all()
