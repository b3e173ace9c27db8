import errno
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from datetime import datetime, tzinfo
from pathlib import Path
from typing import IO

import pytest

from autoproc.errors import HomeError, PlanError
from autoproc.tracking import home as home_module
from autoproc.tracking.home import Home, open_home

ROOT = Path(__file__).parents[2]

HOLDER = """
import sys
import tempfile
from pathlib import Path
from typing import IO
from autoproc.tracking.home import Home
lock = Home(Path(sys.argv[1])).hold("job")
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def fresh(tmp_path: Path) -> Home:
    return open_home(tmp_path / "a home" / "größe #1")


def test_a_home_is_made_with_its_folders(fresh: Home) -> None:
    folders = {path.name for path in fresh.path.iterdir()}
    assert folders == {"jobs", "receipts", "artifacts", "running"}
    assert open_home(fresh.path) == fresh


@pytest.mark.parametrize("name", ["50%", "what?"])
def test_a_path_that_mlflow_would_misread_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="must not contain"):
        open_home(tmp_path / name)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeError, match="is in the way"):
        open_home(tmp_path / "file")
    with pytest.raises(HomeError, match="is in the way"):
        open_home(tmp_path / "file" / "below")


@pytest.mark.parametrize("name", ["", "jobs", "receipts", "artifacts", "running"])
def test_each_folder_is_tried_before_the_job_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    make = tempfile.TemporaryFile

    def fail(dir: Path) -> IO[bytes]:
        if dir == tmp_path / name:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(dir))
        return make(dir=dir)

    monkeypatch.setattr(home_module.tempfile, "TemporaryFile", fail)
    with pytest.raises(HomeError, match=re.escape(f"{tmp_path / name} is read-only")):
        open_home(tmp_path)


def test_a_full_disk_is_noticed_before_the_job_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(home_module.shutil, "disk_usage", lambda path: usage(100, 99, 1_000_000))
    with pytest.raises(HomeError, match="full"):
        open_home(tmp_path)


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only"), (errno.EIO, "rror")]
)
def test_the_systems_errors_are_told_in_words(
    number: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**options: object) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path))

    monkeypatch.setattr(home_module.tempfile, "TemporaryFile", fail)
    with pytest.raises(HomeError, match=words):
        open_home(tmp_path)


def test_jobs_are_found_by_last_run_id_and_prefix(fresh: Home) -> None:
    for run_id in ("beef11", "beef22", "cafe33"):
        fresh.start_job(run_id)
    assert fresh.run_ids() == ["beef11", "beef22", "cafe33"]
    assert fresh.find_job("last").name == "cafe33"
    assert fresh.find_job("beef11") == fresh.jobs / "beef11"
    assert fresh.find_job("cafe").name == "cafe33"


def test_a_clock_that_is_set_back_does_not_make_a_new_job_an_old_one(
    fresh: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Back(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime(1999, 1, 1, tzinfo=tz)

    fresh.start_job("before")
    monkeypatch.setattr(home_module, "datetime", Back)
    fresh.start_job("after")
    assert fresh.run_ids() == ["before", "after"]
    assert fresh.find_job("last").name == "after"
    with pytest.raises(PlanError, match=r"there are after \(1999-01-01 \d\d:00\), before"):
        fresh.find_job("nobody")


def test_jobs_of_earlier_versions_come_before_others_by_their_time(fresh: Home) -> None:
    fresh.start_job("new")
    for name, year in (("older", 2031), ("oldest", 2030), ("unknown", 0)):
        fresh.make_job(name)
        if year:
            (fresh.job(name) / "started_at").write_text(f"{year}-05-01T12:00:00+00:00")
    assert fresh.run_ids() == ["unknown", "oldest", "older", "new"]


@pytest.mark.parametrize(
    ("asked", "words"), [("beef", "names 2 jobs"), ("caf", "at least 4 characters"), ("dead", "There is no job")]
)
def test_a_job_that_is_not_named_well_is_refused(asked: str, words: str, fresh: Home) -> None:
    for run_id in ("beef11", "beef22", "cafe33"):
        fresh.start_job(run_id)
    with pytest.raises(PlanError, match=words):
        fresh.find_job(asked)


def test_of_many_jobs_the_newest_few_are_listed_with_their_time(fresh: Home) -> None:
    for number in range(10, 22):
        folder = fresh.start_job(f"beef{number}")
        (folder / "started_at").write_text(f"2031-05-{number}T12:00:00")
    with pytest.raises(PlanError) as refused:
        fresh.find_job("dead")
    listed = "beef21 (2031-05-21 12:00), beef20 (2031-05-20 12:00), beef19 (2031-05-19 12:00) and 9 older."
    assert str(refused.value).endswith(f"there are {listed}")
    (fresh.job("beef21") / "started_at").unlink()
    with pytest.raises(PlanError, match=r"names 2 jobs: beef20 \(2031-05-20 12:00\), beef21\. Give more"):
        fresh.find_job("beef2")


def test_a_home_without_jobs_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="autoproc tune"):
        Home(tmp_path / "missing").find_job("last")


def test_a_job_is_running_as_long_as_it_holds_its_lock(fresh: Home) -> None:
    lock = fresh.hold("job")
    assert fresh.stopped_jobs() == []
    lock.release()
    assert fresh.stopped_jobs() == ["job"]
    assert fresh.stopped_jobs() == ["job"]  # looking has not changed anything
    fresh.forget("job")
    assert fresh.stopped_jobs() == []
    assert list(fresh.running.iterdir()) == []
    fresh.forget("job")


def test_a_job_whose_process_is_killed_has_stopped(fresh: Home) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", HOLDER, str(fresh.path)]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert fresh.stopped_jobs() == []
        holder.kill()
        holder.wait()
    assert fresh.stopped_jobs() == ["job"]


def test_a_job_is_running_while_its_process_holds_it(fresh: Home) -> None:
    assert not fresh.is_running("job")
    assert fresh.stopped_jobs() == []
    assert list(fresh.running.iterdir()) == []  # nor does asking leave a lock
    lock = fresh.hold("job")
    assert fresh.is_running("job")
    lock.release()
    assert not fresh.is_running("job")
    assert fresh.stopped_jobs() == ["job"]  # looking has not changed anything


def test_of_a_home_that_cannot_be_written_to_nobody_knows_what_runs(fresh: Home) -> None:
    fresh.hold("job").release()
    (fresh.running / "job.lock").unlink(missing_ok=True)
    (fresh.running / "job.lock").mkdir()  # which no lock can be taken on
    assert not fresh.is_running("job")


def test_looking_at_a_stopped_job_does_not_change_when_it_was_last_alive(fresh: Home) -> None:
    fresh.hold("job").release()
    then = time.time() - 1_000
    os.utime(fresh.running / "job.alive", (then, then))
    fresh.stopped_jobs()
    assert fresh.last_alive("job") == pytest.approx(then, abs=2)
    fresh.show_alive("job")
    assert fresh.last_alive("job") > then + 500


def test_the_lock_of_a_stopped_job_is_taken_by_one_alone(fresh: Home) -> None:
    lock = fresh.hold("job")
    assert fresh.seize("job") is None
    lock.release()
    taken = fresh.seize("job")
    assert taken is not None
    assert fresh.seize("job") is None
    taken.release()


def test_traces_that_somebody_removed_stop_nothing(fresh: Home) -> None:
    lock = fresh.hold("job")
    (fresh.running / "job.alive").unlink()
    fresh.show_alive("job")
    assert abs(fresh.last_alive("job") - time.time()) < 3600
    lock.release()
