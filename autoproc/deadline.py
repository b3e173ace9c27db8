"""How much of the time limit is left."""

import time
from dataclasses import dataclass, field, replace
from typing import Protocol, final

# What training may take of the time limit in any case: on a slow machine the libraries alone may take a short one.
_LEAST_SHARE = 0.25
# What the verdict, the export and the end of the record take, about, however short the limit is.
_LAST_SECONDS = 5.0


class Clock(Protocol):
    """Seconds since some moment. Whatever is decided by time reads one of these, so that a job that is resumed can read
    what it read before; that one stands still between two ticks."""

    @property
    def now(self) -> float: ...

    @property
    def is_over(self) -> bool:
        """Whether the user wants an end with what there is, whatever time is left."""
        ...

    def tick(self) -> None:
        """Let the clock go on to what time it is."""
        ...


@dataclass
class StopRequest:
    """What the user may ask of a job while it goes on: to come to its end with what it has. It listens as soon as it
    has something to end with (`is_heard`)."""

    is_made: bool = False
    is_heard: bool = False


@final
class MonotonicClock:
    """The system's clock, less what it showed at `origin`: always on time, and never over."""

    is_over = False

    def __init__(self, origin: float = 0.0) -> None:
        self._origin = origin

    @property
    def now(self) -> float:
        return time.monotonic() - self._origin

    def tick(self) -> None: ...

    def set(self, now: float) -> None:
        """Let it show `now`, and go on from there."""
        self._origin = time.monotonic() - now


_SYSTEM = MonotonicClock()


@dataclass(frozen=True)
class Deadline:
    """A moment on a clock, or never (None)."""

    at: float | None
    clock: Clock = field(default=_SYSTEM, repr=False)

    @classmethod
    def after(cls, seconds: float | None) -> "Deadline":
        """The moment `seconds` from now on the system's clock; None: never."""
        return cls(None if seconds is None else _SYSTEM.now + seconds)

    @property
    def now(self) -> float:
        """What its clock shows."""
        return self.clock.now

    @property
    def remaining(self) -> float:
        """Seconds left, at least 0; infinite without a limit."""
        if self.clock.is_over:
            return 0.0
        return float("inf") if self.at is None else max(0.0, self.at - self.now)

    @property
    def passed(self) -> bool:
        return self.remaining == 0

    def share(self, part: float) -> "Deadline":
        """The moment at which `part` of the time that is left will be over."""
        return replace(self, at=None if self.at is None else self.now + part * self.remaining)

    def at_least(self, seconds: float) -> "Deadline":
        """This moment, or the one that is `seconds` from now if that is later."""
        return replace(self, at=None if self.at is None else max(self.at, self.now + seconds))


def training_deadline(limit: float | None, clock: Clock) -> Deadline:
    """When training should be over for a job that has `limit` seconds and began at 0 of its clock."""
    if limit is None:
        return Deadline(None, clock)
    return Deadline(limit - _LAST_SECONDS, clock).at_least(_LEAST_SHARE * limit)


NEVER = Deadline(None)
