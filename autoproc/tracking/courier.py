"""Delivers a job's outbox in a thread of its own, while training goes on: nobody waits for MLflow."""

import time
from collections.abc import Callable
from threading import Condition, Thread
from typing import final

from autoproc.tracking.database import is_locked
from autoproc.tracking.delivery import Delivery
from autoproc.tracking.failures import cause
from autoproc.tracking.outbox import Outbox

MAX_PAUSE_SECONDS = 60.0


def pause(n_failures: int) -> float:
    """Seconds for which MLflow is left alone after so many failures in a row.

    >>> [pause(1), pause(2), pause(9)]
    [1.0, 2.0, 60.0]
    """
    return min(2.0 ** (n_failures - 1), MAX_PAUSE_SECONDS)


@final
class Courier:
    """Delivers what waits in `outbox` as soon as `wake` is called, and tries again after a pause where MLflow fails.

    `before` is done first, and `after` last; the user is warned of failures once.
    """

    def __init__(
        self,
        outbox: Outbox,
        delivery: Delivery,
        warn: Callable[[str], None],
        *,
        before: Callable[[], None] = lambda: None,
        after: Callable[[], None] = lambda: None,
        pause: Callable[[int], float] = pause,
    ) -> None:
        self._outbox = outbox
        self._delivery = delivery
        self._warn = warn
        self._before, self._after = before, after
        self._pause = pause
        self._changed = Condition()
        self._n_failures = 0
        self._retry_at = float("-inf")
        self._give_up_at: float | None = None  # not None: the job has ended
        self._is_settled = self._has_warned = self._waits_for_others = False
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
            self._before()
            while self._may_deliver():
                self._deliver()
            self._deliver()
            if self._waits_for_others:  # each try waits for a locked database, but for no longer than 20 seconds
                self._deliver()
        except BaseException as error:
            self._bug = error  # comes out at the end of the job, which it must not stop
        finally:
            self._settle()
            self._after()

    def _may_deliver(self) -> bool:
        """Wait until there is something to deliver: True; or until the job has ended."""
        with self._changed:
            while self._give_up_at is None:
                rest = self._retry_at - time.monotonic()
                if self._outbox and rest <= 0:
                    return True
                self._settle()
                self._changed.wait(rest if self._outbox else None)
            return False

    def _deliver(self) -> None:
        error = self._delivery.empty(self._outbox, self._warn, self._is_late)
        self._waits_for_others = error is not None and is_locked(error)
        if error is None:
            self._n_failures = 0
            return
        self._outbox.secure()
        self._n_failures += 1
        self._retry_at = time.monotonic() + self._pause(self._n_failures)
        if not self._has_warned:
            self._has_warned = True
            self._warn(
                f"MLflow could not be written to: {cause(error)}. The job goes on, and the record is completed "
                "when MLflow answers again."
            )

    def _is_late(self) -> bool:
        return self._give_up_at is not None and time.monotonic() > self._give_up_at

    def _settle(self) -> None:
        with self._changed:
            self._is_settled = True
            self._changed.notify_all()
