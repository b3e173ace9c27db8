"""Finished jobs, each made once for all tests and all workers, and the ways to run further ones."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from autoproc.cli.app import run
from autoproc.tracking import names
from autoproc.tracking.tracker import MemoryTracker
from tests.end_to_end import tables

ROOT = Path(__file__).parents[2]
# MLflow's own use of SQLAlchemy, which we cannot mend.
MLFLOWS_WARNING = "ignore:The ``noload`` loader strategy:DeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings(MLFLOWS_WARNING))


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Finished:
    """A finished job in the folder where its table and plan lie; `run` is its parent run in MLflow."""

    folder: Path
    ended: Ended

    @property
    def result(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.ended.out)
        return content

    @property
    def home(self) -> Path:
        return self.folder / "mlruns"

    @property
    def job(self) -> Path:
        return self.home / "jobs" / str(self.result["run_id"])

    @property
    def model(self) -> Path:
        return self.job / "model"

    @property
    def record(self) -> "Record":
        return Record(self.home)


@dataclass(frozen=True)
class Record:
    """What MLflow holds of the jobs of a home folder."""

    home: Path

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(f"sqlite:///{(self.home / 'mlflow.db').as_posix()}")

    @property
    def runs(self) -> list[Run]:
        """All runs, oldest first."""
        experiments = [experiment.experiment_id for experiment in self.client.search_experiments()]
        return list(self.client.search_runs(experiments, order_by=["attributes.start_time ASC"], max_results=1000))

    @property
    def parents(self) -> list[Run]:
        return [run for run in self.runs if names.PARENT not in run.data.tags]

    def children(self, run_id: str, stage: str) -> list[Run]:
        """The children of a job of one stage, in the order of their names."""
        found = [run for run in self.runs if run.data.tags.get(names.PARENT) == run_id]
        return sorted((run for run in found if run.data.tags[names.STAGE] == stage), key=lambda run: run.info.run_name)

    def curve(self, run: Run, name: str) -> list[float]:
        points = self.client.get_metric_history(run.info.run_id, name)
        assert [point.step for point in points] == list(range(1, len(points) + 1))
        return [point.value for point in points]


@pytest.fixture(scope="session")
def process() -> Callable[..., Ended]:
    """Runs a command in a process of its own, in `folder`."""

    def start(folder: Path, *arguments: object) -> Ended:
        done = subprocess.run(
            command(*arguments), cwd=folder, env=environment(), capture_output=True, text=True, encoding="utf-8"
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return start


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "autoproc", *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="session")
def database(once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """An empty MLflow database: making one takes seconds."""

    def make(folder: Path) -> None:
        MlflowClient(f"sqlite:///{(folder / 'mlflow.db').as_posix()}").search_experiments()

    return once("database", make) / "mlflow.db"


@pytest.fixture
def folder(tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a user who has run no job yet."""
    (tmp_path / "mlruns").mkdir()
    shutil.copy(database, tmp_path / "mlruns" / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_here(*arguments: object) -> Ended:
    """Run a command in this process and folder."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    out.flush()
    return Ended(code, out.buffer.getvalue().decode("utf-8"), err.getvalue())  # type: ignore[attr-defined]


class Recording(MemoryTracker):
    """Keeps the record of a job in lists, without MLflow."""

    experiment_id = "1"

    def log_table(self, *told: object) -> None: ...

    def save_views(self, *told: object) -> None: ...

    def log_model(self, *told: object) -> None: ...

    def wait(self) -> None: ...

    told: tuple[str, ...] = ()


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Recording]:
    """The records of the jobs that the test runs in this process, which do without MLflow."""
    records: list[Recording] = []

    def open_tracker(*told: object, **more: object) -> Recording:
        records.append(Recording(f"run{len(records)}"))
        return records[-1]

    monkeypatch.setattr("autoproc.running.open_tracker", open_tracker)
    monkeypatch.setattr("autoproc.job.write_mlflow_model", lambda *made: None)  # nobody would look at it
    return records


@pytest.fixture(scope="session")
def here() -> Callable[..., Ended]:
    return run_here


def options(task: str) -> list[str]:
    return ["table.csv", "--target", ",".join(tables.TARGETS[task]), "--config", "small.yaml", "--json"]


@pytest.fixture(scope="session")
def jobs(
    once: Callable[[str, Callable[[Path], None]], Path], database: Path, process: Callable[..., Ended]
) -> Callable[[str], Finished]:
    """The finished job of a task: binary from an empty folder in a process of its own, the others in this one."""

    def make(task: str, folder: Path) -> None:
        tables.write(tables.table(task), folder / "table.csv")
        tables.write_plan(folder)
        if task == "binary":
            ended = process(folder, "tune", *options(task))
        else:
            (folder / "mlruns").mkdir()
            shutil.copy(database, folder / "mlruns" / "mlflow.db")
            with contextlib.chdir(folder):
                ended = run_here("tune", *options(task))
        (folder / "ended.json").write_text(json.dumps(vars(ended)), encoding="utf-8")

    def get(task: str) -> Finished:
        folder = once(task, lambda made: make(task, made))
        ended = Ended(**json.loads((folder / "ended.json").read_text(encoding="utf-8")))
        assert ended.code == 0, ended.err
        return Finished(folder, ended)

    return get


@pytest.fixture(scope="session")
def binary(jobs: Callable[[str], Finished]) -> Finished:
    return jobs("binary")
