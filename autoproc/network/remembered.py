"""What is made once for several to use, as long as it is not too much to keep."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, Protocol, TypeVar


class _Measured(Protocol):
    @property
    def nbytes(self) -> int: ...


_Kept = TypeVar("_Kept", bound=_Measured)


class Remembered(Generic[_Kept]):
    """Values by key: those that were asked for last, `most_bytes` together. Threads may share it."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._lock = Lock()
        self.nbytes = 0

    def get(self, key: Hashable, make: Callable[[], _Kept]) -> _Kept:
        """The value of a key; `make` makes it where it is not there (any more)."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()  # while other threads go on
        with self._lock:
            if key in self._kept:  # one of them was faster
                return self._kept[key]
            self._kept[key] = made
            self.nbytes += made.nbytes
            while self.nbytes > self._most_bytes:
                self.nbytes -= self._kept.popitem(last=False)[1].nbytes
        return made
