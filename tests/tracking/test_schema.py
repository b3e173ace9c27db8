"""Databases of an older and a newer MLflow."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from autoproc.errors import HomeError
from autoproc.tracking import server
from autoproc.tracking.home import Home
from autoproc.tracking.mlflow_tracker import open_tracker
from autoproc.tracking.schema import _revisions, check_schema
from autoproc.tracking.sync import sync

OLDER, NEWER = "bd07f7e963c5", "feedfacefeed"


def set_revision(home: Home, revision: str) -> None:
    with closing(sqlite3.connect(home.database)) as database:
        database.execute("UPDATE alembic_version SET version_num = ?", [revision])
        database.commit()


def start(home: Home) -> None:
    open_tracker(home, None, "e", "job", {}, warn=pytest.fail)


def browse(home: Home) -> None:
    server.check_database(home)


def test_the_installed_mlflow_tells_which_schema_it_needs(home: Home) -> None:
    latest, known = _revisions()
    with closing(sqlite3.connect(home.database)) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [(latest,)]
    assert OLDER in known and NEWER not in known
    check_schema(home.database)


@pytest.mark.parametrize("use", [start, browse])
@pytest.mark.parametrize(
    ("revision", "words"),
    [(OLDER, "older MLflow.*Make a copy.*`mlflow db upgrade sqlite:///"), (NEWER, "newer MLflow.*Install the version")],
)
def test_a_database_of_another_mlflow_is_refused_with_advice_and_left_as_it_is(
    home: Home, use: Callable[[Home], None], revision: str, words: str
) -> None:
    start(home)
    set_revision(home, revision)
    before = home.database.read_bytes()
    with pytest.raises(HomeError, match=words):
        use(home)
    assert home.database.read_bytes() == before


def test_what_waits_for_such_a_database_goes_on_waiting(home: Home) -> None:
    open_tracker(home, None, "e", "job", {}, warn=pytest.fail)._lock.release()
    [run_id] = home.stopped_jobs()
    set_revision(home, OLDER)
    with pytest.raises(HomeError, match="older MLflow"):
        sync(home, run_id)
    assert home.stopped_jobs() == [run_id]
