"""MLflow's database of a home: it comes into being whole or not at all, even if the process that makes it is killed."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

from autoproc.errors import HomeError
from autoproc.tracking.privacy import make_file

TOLD_SECONDS, LOCKED_SECONDS = 5.0, 60.0
"""How long a locked database is waited for in silence, and then after it was told."""

_FILLED_WHEN_MADE = ("alembic_version", "workspaces")
_SIDECARS = ("-journal", "-wal", "-shm")
_POOL_SETTINGS = "MLFLOW_SQLALCHEMYSTORE_"
_POOL_CLASS = f"{_POOL_SETTINGS}POOLCLASS"


def holds_record(path: Path) -> bool:
    """Whether the database at `path` holds anything; False where there is none.

    MLflow gives each database an experiment at the end of making it. One without a row has been left half-made: it
    has some of the tables, which MLflow can neither use nor complete. Raises sqlite3.Error when the file is no
    database, is damaged, or cannot be read.
    """
    if not path.exists():
        return False
    with closing(sqlite3.connect(path)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return any(
            database.execute(f'SELECT EXISTS (SELECT 1 FROM "{name}")').fetchone()[0]
            for name in tables
            if name not in _FILLED_WHEN_MADE
        )


def make_database(path: Path) -> None:
    """Make MLflow's database at `path`, unless there is one that holds something.

    Only one process may do so at a time. Raises sqlite3.Error, OSError or what MLflow raises.
    """
    if holds_record(path):
        return
    with _in_memory() as content:
        _write(content, path)


def await_unlocked(path: Path, warn: Callable[[str], None] = lambda text: None) -> None:
    """Return when nobody keeps the database at `path` locked, and tell where that takes long; a missing one is made,
    empty. Raises sqlite3.Error: of a locked one after a minute."""
    try:
        _begin(path, TOLD_SECONDS)
    except sqlite3.OperationalError as error:
        if not is_locked(error):
            raise
        warn(f"MLflow's database {path} is locked by another program; it is waited for, a minute at most.")
        _begin(path, LOCKED_SECONDS)


def _begin(path: Path, seconds: float) -> None:
    """Begin to write, and leave it. MLflow would try for minutes to open a database that is damaged or locked away."""
    with closing(sqlite3.connect(path, timeout=seconds)) as database:
        database.execute("BEGIN IMMEDIATE")


def is_locked(error: BaseException) -> bool:
    """Whether somebody else just uses the database, so that it can be had a moment later."""
    return "database is locked" in str(error)


def unusable(path: Path, cause: str) -> HomeError:
    """The error of a home whose database cannot be used."""
    if "database is locked" in cause:
        return HomeError(
            f"MLflow's database {path} cannot be used: another program keeps it locked. Find out which one (a copy or "
            "backup that hangs, a database browser), end it and try again, or choose another place with --home."
        )
    return HomeError(
        f"MLflow's database {path} cannot be used: {cause}. Mend it or move it away: jobs, models and receipts do not "
        "lie in it, and the next job makes a new one. Or choose another place with --home."
    )


@contextmanager
def _in_memory() -> Iterator[sqlite3.Connection]:
    """A database as MLflow makes it. In memory its many migrations leave nothing half-done, and wait for no disk."""
    from mlflow import MlflowClient  # takes seconds to load, and whoever only asks for `holds_record` does without

    name = f"file:{uuid4().hex}?mode=memory&cache=shared"
    # It lives as long as a connection to it.
    with closing(sqlite3.connect(name, uri=True)) as content:
        with _one_connection():
            MlflowClient(address := f"sqlite:///{name}&uri=true", registry_uri=address)
        yield content


def _write(content: sqlite3.Connection, path: Path) -> None:
    """Put a database at `path`, where it is seen whole or not at all."""
    unfinished = path.with_name(f".{path.name}.new")
    _remove(unfinished)
    make_file(unfinished, path.parent)
    with closing(sqlite3.connect(unfinished)) as file:
        content.backup(file)
    # What belonged to another file of this name would be taken for this one's.
    _remove_sidecars(path)
    os.replace(unfinished, path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _remove_sidecars(path)


def _remove_sidecars(path: Path) -> None:
    for suffix in _SIDECARS:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextmanager
def _one_connection() -> Iterator[None]:
    """MLflow with one connection to its database; the environment's settings are meant for a server's."""
    settings = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_POOL_SETTINGS)}
    os.environ[_POOL_CLASS] = "SingletonThreadPool"
    try:
        yield
    finally:
        del os.environ[_POOL_CLASS]
        os.environ.update(settings)
