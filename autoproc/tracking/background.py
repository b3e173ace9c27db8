"""A record that is written while training goes on."""

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import final

from autoproc.results import Problem
from autoproc.tracking.mlflow_tracker import MlflowTracker
from autoproc.tracking.tracker import Child, JobStatus, Value
from autoproc.tracking.views import JobView


@final
class BackgroundTracker:
    """A `Tracker` that hands everything to `inner` in a thread of its own, in the order given.

    Files to attach must stay as they are until `finish`, which waits for everything to be written. An error that
    `inner` raises (none, by its contract) comes out at a later call.
    """

    def __init__(self, inner: MlflowTracker) -> None:
        self._inner = inner
        self._thread = ThreadPoolExecutor(1, "record")
        self._handed: deque[Future[None]] = deque()

    @property
    def run_id(self) -> str:
        return self._inner.run_id

    @property
    def experiment_id(self) -> str:
        return self._inner.experiment_id

    def record(self, child: Child) -> None:
        """Write one finished child, in one go."""
        self._hand(lambda: self._inner.record(child))

    def describe(
        self, markdown: str, *, parameters: Mapping[str, Value], metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> None:
        """Replace the job's description and add to its parameters, metrics and tags."""
        self._hand(lambda: self._inner.describe(markdown, parameters=parameters, metrics=metrics, tags=tags))

    def attach(self, path: Path, folder: str = "") -> None:
        """Keep a file, or a folder with all it holds, with the job (under `folder`)."""
        self._hand(lambda: self._inner.attach(path, folder))

    def log_table(self, name: str, source: str, fingerprint: str, n_rows: int, problem: Problem) -> None:
        """Note the data set as the job's input, without holding its rows."""
        self._hand(lambda: self._inner.log_table(name, source, fingerprint, n_rows, problem))

    def save_views(self, view: JobView) -> None:
        """Keep views of this job's children for the MLflow UI: the best first, and as charts."""
        self._hand(lambda: self._inner.save_views(view))

    def wait(self) -> None:
        """Return when all that was handed over is written, or waits because MLflow does not answer."""
        while self._handed:
            self._handed.popleft().result()

    def finish(self, status: JobStatus) -> None:
        """Close the job's record when all of it is written; nothing may follow."""
        self._thread.shutdown()
        # In this thread, which holds the job's lock.
        self._inner.finish(status)
        self.wait()

    def _hand(self, write: Callable[[], None]) -> None:
        while self._handed and self._handed[0].done():
            self._handed.popleft().result()
        self._handed.append(self._thread.submit(write))
