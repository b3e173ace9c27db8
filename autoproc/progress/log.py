"""A job's log: what was said, each line with its time, in a file that does not grow without end."""

import os
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import final

MAX_BYTES = 4_000_000
"""Of the file; then it becomes `job.log.1`, in the place of the one before it, and a new one is begun."""


@final
class JobLog:
    """The log at `path`, to which several threads may write; it is opened for each entry, so that whoever moves it away
    or makes room on the disk does not have to end the job first."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._lock = Lock()

    def write(self, text: str) -> None:
        """Append lines. Raises OSError."""
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        entry = "".join(f"{now} {line}\n" for line in text.splitlines())
        with self._lock:
            self._make_room(len(entry))
            with self.path.open("a", encoding="utf-8") as log:
                log.write(entry)

    def _make_room(self, more: int) -> None:
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return
        if size and size + more > self._max_bytes:
            os.replace(self.path, self.path.with_name(f"{self.path.name}.1"))
