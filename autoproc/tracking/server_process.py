"""The process that runs MLflow's server for `autoproc ui`, and ends it when `autoproc ui` has died.

    python -m autoproc.tracking.server_process LOCK OPTIONS...

OPTIONS go to `mlflow server`. Whoever starts this holds LOCK; however that process dies, the system releases
the lock, and then this process ends itself and the server that it has started.

`mlflow server` loads all of MLflow to read its options, and then starts uvicorn in a process that loads all of it once
more. Here uvicorn runs in the first of the two: that halves the seconds until the first page, and the memory. Where an
MLflow starts its server in another way, it does so as it always does.
"""

import os
import runpy
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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
    _keep_in_this_process()
    sys.argv = ["mlflow", "server", *options]
    runpy.run_module("mlflow", run_name="__main__", alter_sys=True)


def _keep_in_this_process() -> None:
    """Have MLflow run uvicorn here in place of another process."""
    import uvicorn  # noqa: F401  # MLflow guards its pages' hosts where this was there before it
    from mlflow import server

    start = getattr(server, "_exec_cmd", None)
    if start is None:
        return

    def run(command: Sequence[str], **asked: Any) -> Any:
        if list(command[:3]) != [sys.executable, "-m", "uvicorn"]:
            return start(command, **asked)
        os.environ.update(asked.get("extra_env") or {})
        sys.argv = list(command[2:])
        return runpy.run_module("uvicorn", run_name="__main__", alter_sys=True)

    setattr(server, "_exec_cmd", run)  # noqa: B010


if __name__ == "__main__":
    main(sys.argv[1:])
