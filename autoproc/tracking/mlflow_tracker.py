"""The record of a job in MLflow: one parent run, and one finished child for each rung, trial and verdict.

Everything goes through an explicit client; MLflow's active run and its global tracking address are not used. What is
handed over goes into the job's outbox, and from there to MLflow in a thread of its own: a job neither waits nor stops
for its record.
"""

import shlex
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import final

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from autoproc.errors import PlanError
from autoproc.results import Problem
from autoproc.tracking import entities, names
from autoproc.tracking.addresses import public_address
from autoproc.tracking.connection import connect, connection_errors
from autoproc.tracking.courier import Courier, pause
from autoproc.tracking.database import await_unlocked, make_database
from autoproc.tracking.delivery import Delivery
from autoproc.tracking.entries import (
    BatchEntry,
    EndEntry,
    Entry,
    ExperimentTagEntry,
    FileEntry,
    ModelEntry,
    ResumeEntry,
    Standing,
)
from autoproc.tracking.failures import EXISTS, cause
from autoproc.tracking.home import Home, home_errors
from autoproc.tracking.outbox import Address, Outbox
from autoproc.tracking.recovery import Recovery, complete
from autoproc.tracking.tracker import Child, JobStatus, Value
from autoproc.tracking.views import JobView, view_tags

CREATE_SECONDS = 120
WAIT_SECONDS = 10.0
"""The longest that a job waits for its receipt to be in MLflow; it is in the outbox before."""
LAST_SECONDS = 30.0
"""... and, at its end, for what still waits."""
GRACE_SECONDS = 15.0
"""... and for an answer that is due: more than a request may take."""


@final
class MlflowTracker:
    """A `Tracker` whose job is the run of `address`; `open_tracker` makes it."""

    def __init__(
        self,
        client: MlflowClient,
        address: Address,
        home: Home,
        warn: Callable[[str], None],
        pause: Callable[[int], float] = pause,
        resume: ResumeEntry | None = None,
    ) -> None:
        self._client = client
        self._address = address
        self._home = home
        self._warn = warn
        self._told: list[str] = []
        self._unkept: deque[Entry] = deque()  # what the disk has not taken, in order
        self._has_warned = False
        self._n_children: Counter[str] = Counter()  # of each name
        self._lock = home.hold(address.run_id)
        with home_errors(home.path):
            folder = home.job(address.run_id)
            home.make_job(address.run_id)
            waiting = Outbox.open(folder) if resume else None  # of what the job has told before
            if waiting:
                waiting.mend()
            self._outbox = waiting or Outbox.make(folder, address)
        # What a resumed job tells again is there.
        self._delivery = Delivery(client, address, home.path, self._told.append, looks_always=bool(resume))
        recovery = Recovery(client, home, address.uri)
        self._courier = Courier(
            self._outbox, self._delivery, warn, meanwhile=recovery.go_on, after=self._close, pause=pause
        )
        if resume:
            self._hand(resume)

    @property
    def run_id(self) -> str:
        return self._address.run_id

    @property
    def told(self) -> list[str]:
        """What came of registering the model; nothing before that is known."""
        return list(self._told)

    @property
    def experiment_id(self) -> str:
        return self._address.experiment_id

    def record(self, child: Child) -> None:
        """Write one finished child, in one go."""
        self._n_children[child.name] += 1
        self._hand(entities.run_entry(child, self._n_children[child.name]))

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
        self._hand(BatchEntry(entities.final_points(metrics, entities.now_in_milliseconds()), {}, told))
        if parameters:  # by themselves: one that is refused does not take the rest with it
            self._hand(BatchEntry(parameters=entities.parameters(parameters)))

    def attach(self, path: Path, folder: str = "") -> None:
        """Keep a file, or a folder with all it holds, with the job (under `folder`). It must stay where it is."""
        self._hand(FileEntry(self._relative(path), folder))

    def log_table(self, name: str, source: str, fingerprint: str, n_rows: int, problem: Problem) -> None:
        """Note the data set as the job's input, without holding its rows."""
        self._hand(entities.table_entry(name, source, fingerprint, n_rows, problem))

    def log_model(self, path: Path, experiment: str, asked: bool, standing: Standing, note: str = "") -> None:
        """Keep the folder `path` as the job's MLflow model. It is registered under the experiment's name where that was
        `asked` for, or where it beats the champion there; `note` is what else there is to know of its score."""
        self._hand(ModelEntry(self._relative(path), names.model_name(experiment), asked, standing, note))

    def save_views(self, view: JobView) -> None:
        """Keep views of this job's children for the MLflow UI: the best first, and as charts."""
        for key, text in view_tags(self.run_id, view).items():
            self._hand(ExperimentTagEntry(key, text))

    def wait(self) -> None:
        """Return when all that was handed over is in MLflow, or safely waits because that does not answer."""
        self._outbox.secure()
        self._courier.wait(WAIT_SECONDS)

    def finish(self, status: JobStatus) -> None:
        """Close the job's record, with a last try for what waits; nothing may follow."""
        self._hand(EndEntry(status, entities.now_in_milliseconds()))
        try:
            self._courier.close(LAST_SECONDS, GRACE_SECONDS)
        finally:
            if n_waiting := len(self._outbox):
                self._outbox.secure()
                self._warn(_undelivered(n_waiting, self.run_id, self._home))

    def _hand(self, entry: Entry) -> None:
        self._unkept.append(entry)
        try:
            while self._unkept:
                self._outbox.append(self._unkept[0])
                self._unkept.popleft()
        except OSError as error:
            if not self._has_warned:
                self._has_warned = True
                self._warn(
                    f"The record cannot be kept in {self._home.job(self.run_id)} just now: {cause(error)}. The job "
                    "goes on, and tries again; what cannot be kept until its end is lacking."
                )
            return
        self._home.show_alive(self.run_id)
        self._courier.wake()

    def _relative(self, path: Path) -> str:
        path = path.absolute()
        return path.relative_to(self._home.path).as_posix() if path.is_relative_to(self._home.path) else str(path)

    def _close(self) -> None:
        """Nobody delivers any more."""
        is_complete = False
        try:
            is_complete = not (self._outbox or self._unkept) and complete(self._outbox, self._delivery)
        finally:
            self._lock.release()
            if is_complete:
                self._home.forget(self.run_id)


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

    Jobs of this home that died without closing their record are marked as killed, a moment later. Raises HomeError or
    PlanError when the database or the server cannot be used.
    """
    with connection_errors(home, tracking_uri):
        # Two processes that create the database at once make each other fail.
        with FileLock(home.path / "mlflow.lock", timeout=CREATE_SECONDS):
            if not tracking_uri:
                if home.database.exists():
                    await_unlocked(home.database, warn)
                make_database(home.database)
            client = connect(tracking_uri or home.tracking_uri)
            experiment_id = _find_experiment(client, names.as_title(experiment), None if tracking_uri else home)
        legal = entities.tags({**tags, **entities.origin(), names.STAGE: names.JOB_STAGE})
        run = client.create_run(experiment_id, tags=legal, run_name=names.as_title(job_name))
    address = Address(str(run.info.run_id), experiment_id, tracking_uri and public_address(tracking_uri))
    return MlflowTracker(client, address, home, warn)


def reopen_tracker(
    home: Home, tracking_uri: str | None, run_id: str, keeps_hurried: bool, *, warn: Callable[[str], None]
) -> MlflowTracker:
    """Go on with the record of a job that did not come to its end, without its hurried children, unless it keeps these.
    Raises HomeError where another process does, and HomeError or PlanError when the database or the server
    cannot be used."""
    with connection_errors(home, tracking_uri):
        if not tracking_uri and home.database.exists():
            await_unlocked(home.database, warn)
        client = connect(tracking_uri or home.tracking_uri)
        address = _kept_address(client, home, run_id, tracking_uri)
    return MlflowTracker(client, address, home, warn, resume=ResumeEntry(keeps_hurried))


def _kept_address(client: MlflowClient, home: Home, run_id: str, tracking_uri: str | None) -> Address:
    """Where the record of a job is that goes on: what waits says it, also while its server is away, or else MLflow."""
    outbox = Outbox.open(home.job(run_id))
    if outbox is not None:
        return outbox.address
    experiment_id = str(client.get_run(run_id).info.experiment_id)
    return Address(run_id, experiment_id, tracking_uri and public_address(tracking_uri))


def _find_experiment(client: MlflowClient, name: str, home: Home | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=home.artifacts.as_uri() if home else None))
        except MlflowException as error:
            if error.error_code != EXISTS:
                raise
        return _find_experiment(client, name, home)  # a job of another home has just made it
    if found.lifecycle_stage == "deleted":
        raise PlanError(f"The experiment {name!r} was deleted in MLflow. Restore it there, or name another one.")
    return str(found.experiment_id)


def _undelivered(n_waiting: int, run_id: str, home: Home) -> str:
    records = "1 record waits" if n_waiting == 1 else f"{n_waiting:,} records wait"
    return (
        f"MLflow's record of this job is not complete yet: {records} in {home.job(run_id)}. As soon as MLflow takes "
        f"them, `{sync_command(run_id, home)}` delivers what waits."
    )


def sync_command(run_id: str, home: Home) -> str:
    """What to type to complete a job's record."""
    return f"autoproc sync {run_id} --home {shlex.quote(str(home.path))}"
