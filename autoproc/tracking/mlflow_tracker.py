"""The record of a job in MLflow: one parent run, and one finished child for each rung, trial and verdict.

Everything goes through an explicit client; MLflow's active run and its global tracking address are not used.
What MLflow does not take waits in a queue and is written when it answers again: a job never stops for its record.
"""

import logging
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import final

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import DatasetInput, InputTag, Metric
from mlflow.exceptions import MlflowException
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from autoproc.errors import AutoprocError, HomeError, PlanError
from autoproc.results import ColumnKind, Direction, Problem
from autoproc.tracking import names
from autoproc.tracking.home import Home
from autoproc.tracking.tracker import Child, JobStatus, Value
from autoproc.tracking.views import save_view, view_path

MAX_FAILURES = 3
CREATE_SECONDS = 120
UNREACHABLE = (MlflowException, OSError, SQLAlchemyError)
UNUSABLE = (*UNREACHABLE, sqlite3.Error, ImportError, ValueError)
REFUSED = "INVALID_PARAMETER_VALUE"
MISSING = "RESOURCE_DOES_NOT_EXIST"

_MLFLOW_TYPES: dict[ColumnKind, str] = {"numeric": "double", "boolean": "boolean", "datetime": "datetime"}


@final
class MlflowTracker:
    """A `Tracker` whose job is the run `run_id`; `open_tracker` makes it."""

    def __init__(
        self, client: MlflowClient, experiment_id: str, run_id: str, home: Home, warn: Callable[[str], None]
    ) -> None:
        self._client = client
        self._experiment_id = experiment_id
        self._run_id = run_id
        self._home = home
        self._warn = warn
        self._lock = home.lock(run_id)
        self._queue: deque[Callable[[], None]] = deque()
        self._failures = 0
        self._lock.acquire()

    @property
    def run_id(self) -> str:
        return self._run_id

    @property
    def view_path(self) -> str:
        """What follows the server's address in the link to this job's own view."""
        return view_path(self._experiment_id, self._run_id)

    def record(self, child: Child) -> None:
        """Write one finished child, in one go."""
        self._write(_ChildWrite(self._client, self._experiment_id, self._run_id, child))

    def describe(
        self,
        markdown: str,
        *,
        parameters: Mapping[str, Value],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> None:
        """Replace the job's description and add to its parameters, metrics and tags.

        MLflow takes a parameter once: another value for it later is refused, with a warning.
        """
        told = _tags({names.DESCRIPTION: markdown, **tags})
        points = list(_final_metrics(metrics, _now_in_milliseconds()))
        self._write(lambda: self._client.log_batch(self._run_id, metrics=points, tags=told))
        if parameters:
            self._write(lambda: self._client.log_batch(self._run_id, params=_parameters(parameters)))

    def attach(self, path: Path, folder: str = "") -> None:
        """Keep a file, or a folder with all it holds, with the job (under `folder`)."""
        self._write(lambda: self._client.log_artifact(self._run_id, str(path), folder or None))

    def log_table(self, name: str, source: str, fingerprint: str, n_rows: int, problem: Problem) -> None:
        """Note the data set as the job's input, without holding its rows."""
        table = DatasetInput(
            _dataset(name, source, fingerprint, n_rows, problem), [InputTag("mlflow.data.context", "training")]
        )
        self._write(lambda: self._client.log_inputs(self._run_id, [table]))

    def save_view(self, title: str, direction: Direction) -> None:
        """Keep a view of this job's children, the best first, for the MLflow UI."""
        self._write(lambda: save_view(self._client, self._experiment_id, self._run_id, title, direction))

    def finish(self, status: JobStatus) -> None:
        """Close the job's record, with a last try for what could not be written; nothing may follow."""
        self._queue.append(lambda: self._client.set_terminated(self._run_id, status))
        for _ in range(MAX_FAILURES):
            self._flush()
        self._lock.release()
        if not self._queue:
            self._home.forget(self._run_id)
            return
        self._warn(
            f"MLflow's record of this job is incomplete: {len(self._queue)} entries could not be written. "
            f"The job itself is complete in {self._home.job(self._run_id)}."
        )

    def _write(self, entry: Callable[[], None]) -> None:
        self._queue.append(entry)
        if self._failures < MAX_FAILURES:
            self._flush()

    def _flush(self) -> None:
        """Write what waits, in order, until MLflow fails. An entry that it refuses for good is dropped."""
        while self._queue:
            try:
                self._queue[0]()
            except UNREACHABLE as error:
                if not (isinstance(error, MlflowException) and error.error_code == REFUSED):
                    self._failed(error)
                    return
                self._warn(f"MLflow refused an entry of the record, which is left out: {_cause(error)}")
            self._queue.popleft()
            self._failures = 0
        self._show_alive()

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == 1:
            self._warn(
                f"MLflow could not be written to: {_cause(error)}. The job goes on, and the record is completed "
                "when MLflow answers again."
            )
        elif self._failures == MAX_FAILURES:
            self._warn(
                f"MLflow failed {MAX_FAILURES} times in a row: tracking is switched off until the end of the job, "
                "when the record is tried once more."
            )

    def _show_alive(self) -> None:
        """The lock file's time tells a later job when this one was last alive, should it be killed."""
        if self._lock.is_locked:
            os.utime(self._lock.lock_file)

    def close_stopped_jobs(self) -> None:
        """Mark the jobs of this home as killed that died without closing their record."""
        for run_id in self._home.stopped_jobs():
            self._write(lambda run_id=run_id: _close_stopped(self._client, self._home, run_id))  # type: ignore[misc]


class _ChildWrite:
    """One child on its way to MLflow: called again after an error, it goes on with the run it has created."""

    def __init__(self, client: MlflowClient, experiment_id: str, parent: str, child: Child) -> None:
        self._client = client
        self._experiment_id = experiment_id
        self._parent = parent
        self._child = child
        self._run_id: str | None = None

    def __call__(self) -> None:
        child = self._child
        started, ended = _milliseconds(child.started_at), _milliseconds(child.ended_at)
        if self._run_id is None:
            self._run_id = self._create(started)
        metrics = [*_curve_metrics(child.curves, started, ended), *_final_metrics(child.metrics, ended)]
        self._client.log_batch(self._run_id, metrics=metrics, params=_parameters(child.parameters))
        # FINISHED in every state: MLflow shows KILLED as an error, and a pruned trial is none.
        self._client.set_terminated(self._run_id, "FINISHED", ended)

    def _create(self, started: int) -> str:
        child = self._child
        color = next((color for state, color in names.STATE_COLORS.items() if state == child.state), None)
        tags = {**child.tags, **_origin(), names.PARENT: self._parent}
        tags |= {names.STAGE: child.stage, names.STATE: child.state, **({names.COLOR: color} if color else {})}
        legal = {tag.key: tag.value for tag in _tags(tags)}
        run = self._client.create_run(self._experiment_id, started, legal, names.as_title(child.name))
        return str(run.info.run_id)


def open_tracker(
    home: Home,
    tracking_uri: str | None,
    experiment: str,
    job_name: str,
    tags: Mapping[str, str],
    *,
    warn: Callable[[str], None],
) -> MlflowTracker:
    """Start the record of a job, in `home`'s own database or on the server `tracking_uri`.

    Jobs of this home that died without closing their record are marked as killed. Raises HomeError or
    PlanError when the database or the server cannot be used.
    """
    # MLflow logs each database error with its traceback; the user gets one warning of ours instead.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    try:
        # Two processes that create the database at once make each other fail.
        with FileLock(home.path / "mlflow.lock", timeout=CREATE_SECONDS):
            client = _connect(tracking_uri or home.tracking_uri)
            experiment_id = _find_experiment(client, names.as_title(experiment), None if tracking_uri else home)
        job_tags = {**tags, **_origin(), names.STAGE: names.JOB_STAGE}
        legal = {tag.key: tag.value for tag in _tags(job_tags)}
        run = client.create_run(experiment_id, tags=legal, run_name=names.as_title(job_name))
    except UNUSABLE as error:
        raise _unusable(home, tracking_uri, error) from None
    tracker = MlflowTracker(client, experiment_id, str(run.info.run_id), home, warn)
    tracker.close_stopped_jobs()
    return tracker


def _connect(uri: str) -> MlflowClient:
    if uri.startswith("sqlite:"):
        # MLflow tries for minutes to open a database that is damaged or locked away; SQLite tells at once.
        with closing(sqlite3.connect(make_url(uri).database or "")) as database:
            database.execute("BEGIN IMMEDIATE")
    # The registry's address too: without it MLflow takes a global one.
    return MlflowClient(uri, registry_uri=uri)


def _find_experiment(client: MlflowClient, name: str, home: Home | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        return str(client.create_experiment(name, artifact_location=home.artifacts.as_uri() if home else None))
    if found.lifecycle_stage == "deleted":
        raise PlanError(f"The experiment {name!r} was deleted in MLflow. Restore it there, or name another one.")
    return str(found.experiment_id)


def _unusable(home: Home, tracking_uri: str | None, error: Exception) -> AutoprocError:
    if tracking_uri:
        return PlanError(
            f"The record cannot be kept at {tracking_uri!r}: {_cause(error)}. It must be the address of an MLflow "
            "server that answers, or of its database. Start the server, or leave out --tracking-uri to keep the "
            "record in the home folder."
        )
    return HomeError(
        f"MLflow's database {home.database} cannot be used: {_cause(error)}. Mend it or move it away, or choose "
        "another place with --home."
    )


def _close_stopped(client: MlflowClient, home: Home, run_id: str) -> None:
    """Jobs that the server does not know are another server's, and left alone."""
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code == MISSING:
            return
        raise
    if run.info.status == "RUNNING":
        last_alive = _milliseconds(home.last_alive(run_id))
        client.set_tag(run_id, names.REASON, "the process ended before the job did")
        client.set_terminated(run_id, "KILLED", last_alive)
    home.forget(run_id)


def _curve_metrics(curves: Mapping[str, object], started: int, ended: int) -> Iterator[Metric]:
    raise NotImplementedError
