"""The record of a job in MLflow: one parent run, and one finished child for each rung, trial and verdict.

Everything goes through an explicit client; MLflow's active run and its global tracking address are not used.
What MLflow does not take waits in a backlog and is written when it answers again: a job never stops for its record.
"""

import logging
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import final

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.engine import make_url

from autoproc.data.openings import receipts_of
from autoproc.errors import AutoprocError, PlanError
from autoproc.results import Problem
from autoproc.tracking import entities, names
from autoproc.tracking.backlog import UNREACHABLE, Backlog, cause
from autoproc.tracking.children import receipt_tags
from autoproc.tracking.database import make_database, unusable
from autoproc.tracking.home import KILLED, Home
from autoproc.tracking.tracker import Child, JobStatus, Value
from autoproc.tracking.views import JobView, view_tags

CREATE_SECONDS = 120
LAST_TRIES = 2
MISSING = "RESOURCE_DOES_NOT_EXIST"
UNUSABLE = (*UNREACHABLE, sqlite3.Error, ImportError, ValueError)


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
        self._backlog = Backlog(warn)
        self._lock = home.hold(run_id)

    @property
    def run_id(self) -> str:
        return self._run_id

    @property
    def experiment_id(self) -> str:
        return self._experiment_id

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
        told = entities.tags({**tags, names.DESCRIPTION: markdown})
        points = entities.final_metrics(metrics, entities.now_in_milliseconds())
        # Parameters by themselves: one that is refused does not take the rest with it.
        for batch in (*entities.batches(points, (), told), *entities.batches((), entities.parameters(parameters))):
            self._write(_BatchWrite(self._client, self._run_id, batch))

    def attach(self, path: Path, folder: str = "") -> None:
        """Keep a file, or a folder with all it holds, with the job (under `folder`)."""
        self._write(lambda: self._client.log_artifact(self._run_id, str(path), folder or None))

    def log_table(self, name: str, source: str, fingerprint: str, n_rows: int, problem: Problem) -> None:
        """Note the data set as the job's input, without holding its rows."""
        table = entities.table_input(name, source, fingerprint, n_rows, problem)
        self._write(lambda: self._client.log_inputs(self._run_id, [table]))

    def save_views(self, view: JobView) -> None:
        """Keep views of this job's children for the MLflow UI: the best first, and as charts."""
        for key, text in view_tags(self._run_id, view).items():
            self._write(partial(self._client.set_experiment_tag, self._experiment_id, key, text))

    def close_stopped_jobs(self) -> None:
        """Close the records of this home's jobs whose process has ended without doing so: most were killed."""
        for run_id in self._home.stopped_jobs():
            self._write(_Closing(self._client, self._home, run_id))

    def finish(self, status: JobStatus) -> None:
        """Close the job's record, with a last try for what could not be written; nothing may follow."""
        self._write(lambda: self._client.set_terminated(self._run_id, status))
        for _ in range(LAST_TRIES):
            self._backlog.flush()
        if self._backlog:
            self._home.note_outcome(self._run_id, status)
            self._warn(
                f"MLflow's record of this job is incomplete: {len(self._backlog)} entries could not be written. "
                f"The job itself is complete in {self._home.job(self._run_id)}."
            )
        self._lock.release()
        if not self._backlog:
            self._home.forget(self._run_id)

    def _write(self, entry: Callable[[], None]) -> None:
        self._backlog.write(entry)
        self._home.show_alive(self._run_id)


@final
class _BatchWrite:
    """One batch on its way to a run."""

    def __init__(self, client: MlflowClient, run_id: str, batch: entities.Batch) -> None:
        self._client = client
        self._run_id = run_id
        self._batch = batch

    def __call__(self) -> None:
        self._client.log_batch(self._run_id, self._batch.metrics, self._batch.params, self._batch.tags)


@final
class _ChildWrite:
    """One child on its way to MLflow: called again after an error, it goes on with the run it has created."""

    def __init__(self, client: MlflowClient, experiment_id: str, parent: str, child: Child) -> None:
        self._client = client
        self._experiment_id = experiment_id
        self._parent = parent
        self._child = child
        self._run_id: str | None = None

    def __call__(self) -> None:
        if self._run_id is None:
            self._run_id = self._create()
        for batch in entities.child_batches(self._child):
            _BatchWrite(self._client, self._run_id, batch)()
        # FINISHED in every state: MLflow shows KILLED as an error, and a pruned trial is none.
        self._client.set_terminated(self._run_id, "FINISHED", entities.milliseconds(self._child.ended_at))

    def _create(self) -> str:
        child = self._child
        started, tags = entities.milliseconds(child.started_at), entities.child_tags(child, self._parent)
        run = self._client.create_run(self._experiment_id, started, tags, names.as_title(child.name))
        return str(run.info.run_id)


@final
class _Closing:
    """The record of another job, whose process has ended, on its way to being closed."""

    def __init__(self, client: MlflowClient, home: Home, run_id: str) -> None:
        self._client = client
        self._home = home
        self._run_id = run_id

    def __call__(self) -> None:
        status = self._status()
        if status == "RUNNING":
            outcome = self._home.outcome(self._run_id)
            why = "the process ended before the job did" if outcome == KILLED else "MLflow was away when the job ended"
            self._client.set_tag(self._run_id, names.REASON, why)
            self._tell_openings()
            last_alive = entities.milliseconds(self._home.last_alive(self._run_id))
            self._client.set_terminated(self._run_id, outcome, last_alive)
        if status is not None:
            self._home.forget(self._run_id)

    def _tell_openings(self) -> None:
        """A job may have been killed before it could tell MLflow of its receipt."""
        for receipt in receipts_of(self._home.path, self._run_id):
            self._client.log_batch(self._run_id, tags=entities.tags(receipt_tags(receipt)))
            self._client.log_artifact(self._run_id, receipt.path, names.RECEIPT_FOLDER)

    def _status(self) -> str | None:
        """None for a job that MLflow does not know: it is another server's, and left alone."""
        try:
            return str(self._client.get_run(self._run_id).info.status)
        except MlflowException as error:
            if error.error_code == MISSING:
                return None
            raise


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
            if not tracking_uri:
                make_database(home.database)
            client = _connect(tracking_uri or home.tracking_uri)
            experiment_id = _find_experiment(client, names.as_title(experiment), None if tracking_uri else home)
        job_tags = {**tags, **entities.origin(), names.STAGE: names.JOB_STAGE}
        legal = entities.as_dict(entities.tags(job_tags))
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
            f"The record cannot be kept at {tracking_uri!r}: {cause(error)}. It must be the address of an MLflow "
            "server that answers, or of its database. Start the server, or leave out --tracking-uri to keep the "
            "record in the home folder."
        )
    return unusable(home.database, cause(error))
