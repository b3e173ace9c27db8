"""How much of the time limit is left."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock, or never (None)."""

    at: float | None

    @classmethod
    def after(cls, seconds: float | None, since: float | None = None) -> "Deadline":
        """The moment `seconds` from now, or from the moment `since`; None: never."""
        return cls(None if seconds is None else (time.monotonic() if since is None else since) + seconds)

    @property
    def remaining(self) -> float:
        """Seconds left, at least 0; infinite without a limit."""
        return float("inf") if self.at is None else max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        return self.remaining == 0

    def share(self, part: float) -> "Deadline":
        """The moment at which `part` of the time that is left will be over."""
        return Deadline(None if self.at is None else time.monotonic() + part * self.remaining)

    def at_least(self, seconds: float) -> "Deadline":
        """This moment, or the one that is `seconds` from now if that is later."""
        return Deadline(None if self.at is None else max(self.at, time.monotonic() + seconds))


NEVER = Deadline(None)
