"""MLflow's database comes into being whole, or not at all; what earlier kills have left half-made is made anew."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from mlflow import MlflowClient
from mlflow.store.tracking.dbmodels import initial_models

from autoproc.errors import HomeError, PlanError
from autoproc.tracking import database as module
from autoproc.tracking.database import holds_record, make_database
from autoproc.tracking.home import Home, open_home
from autoproc.tracking.mlflow_tracker import open_tracker
from autoproc.tracking.server import check_database

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_in_memory", module._in_memory.make)


# The process is killed where MLflow's migrations have copied the table of experiments, but not put it in its place.
KILLED_BETWEEN = """
import os, sys
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.engine import Engine

@event.listens_for(Engine, "before_cursor_execute")
def kill(connection, cursor, statement, parameters, context, many):
    if statement.strip() == "DROP TABLE experiments":
        os._exit(9)

"""
MAKE_IN_PLACE = """
from mlflow import MlflowClient
MlflowClient("sqlite:///" + Path(sys.argv[1]).as_posix())
"""
START_JOB = """
from autoproc.tracking.home import open_home
from autoproc.tracking.mlflow_tracker import open_tracker
open_tracker(open_home(sys.argv[1]), None, "e", "job", {}, warn=print)
"""


@pytest.fixture
def locking(home: Home) -> Iterator[sqlite3.Connection]:
    """Another program that has locked the database."""
    with closing(sqlite3.connect(home.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield other


def test_a_locked_database_is_waited_for_and_that_is_told(
    home: Home, locking: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TOLD_SECONDS", 0.0)
    told: list[str] = []

    def warn(text: str) -> None:
        told.append(text)
        locking.rollback()

    tracker = open_tracker(home, None, "e", "job", {}, warn=warn)
    tracker.finish("FINISHED")
    assert MlflowClient(home.tracking_uri).get_run(tracker.run_id).info.status == "FINISHED"
    [warning] = told
    assert f"{home.database} is locked by another program; it is waited for" in warning


def test_a_database_that_stays_locked_is_not_to_be_mended_but_unlocked(
    home: Home, locking: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TOLD_SECONDS", 0.0)
    monkeypatch.setattr(module, "LOCKED_SECONDS", 0.0)
    with pytest.raises(HomeError, match="another program keeps it locked") as refused:
        open_tracker(home, None, "e", "job", {}, warn=lambda text: None)
    assert "move it away" not in str(refused.value)


def kill_between_migrations(script: str, path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", KILLED_BETWEEN + script, str(path)], env=environment, capture_output=True, check=False
    )
    assert ended.returncode == 9, ended.stderr


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def open_and_close(home: Home) -> str:
    """A job's record, its run id."""
    tracker = open_tracker(home, None, "e", "job", {}, warn=pytest.fail)
    tracker.finish("FINISHED")
    return tracker.run_id


@pytest.fixture(scope="session")
def killed_in_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that MLflow could not complete in its place."""
    path = tmp_path_factory.mktemp("killed") / "mlflow.db"
    kill_between_migrations(MAKE_IN_PLACE, path)
    return path


@pytest.fixture
def half_made(killed_in_place: Path, tmp_path: Path) -> Home:
    home = open_home(tmp_path / "half-made")
    for file in killed_in_place.parent.glob("mlflow.db*"):
        shutil.copy(file, home.path)
    return home


def test_a_job_killed_between_migrations_leaves_no_database_and_the_next_one_starts(tmp_path: Path) -> None:
    kill_between_migrations(START_JOB, tmp_path)
    assert list(tmp_path.glob("*mlflow.db*")) == []
    run_id = open_and_close(home := open_home(tmp_path))
    assert MlflowClient(home.tracking_uri).get_run(run_id).info.status == "FINISHED"


def test_a_database_left_half_made_is_made_anew(half_made: Home) -> None:
    assert "_alembic_tmp_experiments" in tables(half_made.database)
    run_id = open_and_close(half_made)
    assert MlflowClient(half_made.tracking_uri).get_run(run_id).info.status == "FINISHED"
    assert "_alembic_tmp_experiments" not in tables(half_made.database)


def test_a_database_has_what_mlflow_gives_it_under_any_settings_for_servers(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW", "5")
    make_database(path := tmp_path / "mlflow.db")
    assert os.environ["MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW"] == "5"
    assert [file.name for file in tmp_path.iterdir()] == ["mlflow.db"]
    assert holds_record(path)
    assert tables(path) == tables(database)


def test_a_database_of_an_earlier_version_is_upgraded_and_keeps_its_rows(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    engine = sqlalchemy.create_engine(home.tracking_uri)
    initial_models.Base.metadata.create_all(engine)
    engine.dispose()
    with closing(sqlite3.connect(home.database)) as old:
        old.execute("INSERT INTO experiments VALUES (0, 'kept', 'nowhere', 'active')")
        old.commit()
    open_and_close(home)
    assert MlflowClient(home.tracking_uri).get_experiment("0").name == "kept"


@pytest.fixture
def ready(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's work is done."""
    monkeypatch.setattr(module, "_in_memory", lambda: closing(sqlite3.connect(database)))


@pytest.mark.usefixtures("ready")
def test_a_kill_before_the_database_is_in_place_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "mlflow.db"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("os.replace", kill)
        make_database(path)
    assert not path.exists()
    for unfinished in tmp_path.iterdir():
        unfinished.write_bytes(b"cut off")
    make_database(path)
    assert [file.name for file in tmp_path.iterdir()] == ["mlflow.db"]
    assert holds_record(path)


@pytest.mark.usefixtures("ready")
def test_a_journal_of_another_database_is_not_taken_for_the_new_ones(tmp_path: Path) -> None:
    for name in ("mlflow.db", "mlflow.db-journal", "mlflow.db-wal", "mlflow.db-shm"):
        (tmp_path / name).touch()
    make_database(tmp_path / "mlflow.db")
    assert [file.name for file in tmp_path.iterdir()] == ["mlflow.db"]


@pytest.mark.usefixtures("ready")
def test_a_database_with_a_row_stays(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE _alembic_tmp_experiments (name TEXT)")
        make_database(path)
        assert "experiments" in tables(path), "it held nothing"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE mine (name TEXT)")
        make_database(path)
        assert "mine" in tables(path)


def test_the_user_interface_leaves_a_half_made_database_alone(half_made: Home) -> None:
    before = half_made.database.read_bytes()
    with pytest.raises(PlanError, match=r"nothing to show.*autoproc tune"):
        check_database(half_made)
    assert half_made.database.read_bytes() == before


def test_the_user_interface_tells_of_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database " * 100)
    with pytest.raises(HomeError, match=r"not a database.*move it away"):
        check_database(Home(tmp_path))
