"""The process that runs MLflow's server for `autoproc ui`, and ends it when `autoproc ui` has died.

    python -m autoproc.tracking.server_process LOCK OPTIONS...

OPTIONS go to `mlflow server`. Whoever starts this holds LOCK; however that process dies, the system releases
the lock, and then this process ends itself and the server that it has started.
"""

import os
import runpy
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock

from autoproc.tracking.server import end_tree

POLL_SECONDS = 0.5


def watch(lock: Path, on_death: Callable[[], None]) -> threading.Thread:
    """Call `on_death` in a thread of its own as soon as nobody holds `lock` any more."""

    def wait() -> None:
        with FileLock(lock, thread_local=False).acquire(poll_interval=POLL_SECONDS):
            on_death()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def main(arguments: Sequence[str]) -> None:
    lock, *options = arguments
    # The leader of its own process group on POSIX; elsewhere the tree hangs on the process id.
    watch(Path(lock), lambda: end_tree(os.getpid()))
    sys.argv = ["mlflow", "server", *options]
    runpy.run_module("mlflow", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
