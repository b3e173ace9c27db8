"""Which job can go on, and what is said of one that cannot."""

import json
from pathlib import Path

import pytest

from autoproc.deadline import StopRequest
from autoproc.errors import HomeError, PlanError
from autoproc.journal import FOLDER, Head, Journal
from autoproc.plan import make_plan
from autoproc.resuming import Beginning, StoppedJob, find_stopped, stopped_like
from autoproc.tracking.home import Home, open_home

PLAN = make_plan(None, {"data": "table.csv", "target": "y", "trials": 7, "space": "quick"})
HEAD = Head(PLAN.model_dump(mode="json"), "fingerprint", "key", "0.1.0", 9)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(tmp_path)


def stopped_job(home: Home, run_id: str, head: Head = HEAD) -> StoppedJob:
    folder = home.start_job(run_id)
    Journal.begin(folder / FOLDER, head, 0.0, StopRequest())
    return StoppedJob(folder, head)


def test_a_stopped_job_is_found_with_what_it_was_asked_for(home: Home) -> None:
    stopped_job(home, "one")
    found = find_stopped(home, "last")
    assert (found.run_id, found.plan) == ("one", PLAN)
    found.check_tables("fingerprint", "key")
    for which, tables in (("table", ("another", "other")), ("holdout", ("fingerprint", "other"))):
        with pytest.raises(PlanError, match=f"the {which} that it began with, but the cells of that have changed"):
            found.check_tables(*tables)


def test_its_space_is_the_one_it_began_with(home: Home) -> None:
    job = stopped_job(home, "one")
    with pytest.raises(HomeError, match=r"space\.yaml cannot be read"):
        _ = job.space
    (job.folder / "space.yaml").write_text("train:\n  dropout: {uniform: [0.1, 0.2]}\n", encoding="utf-8")
    assert "dropout" in job.space.searched


def test_a_request_that_is_no_plan_any_more_is_refused(home: Home) -> None:
    job = stopped_job(home, "one", Head({"trails": 7}, "fingerprint", "key", "9.0", 9))
    with pytest.raises(HomeError, match=r"Resume it with autoproc 9\.0"):
        _ = job.plan


def test_jobs_that_cannot_go_on_say_why_and_which_one_can(home: Home) -> None:
    stopped_job(home, "able")
    (home.start_job("done") / "result.json").write_text("{}", encoding="utf-8")
    home.start_job("empty")
    with pytest.raises(PlanError, match=r"done has come to its end.* The job able can be resumed\.$"):
        find_stopped(home, "done")
    with pytest.raises(PlanError, match=r"empty cannot be resumed: it has no journal.* The job able can be resumed\.$"):
        find_stopped(home, "empty")
    lock = home.hold("able")
    try:
        with pytest.raises(PlanError, match="able is still running"):
            find_stopped(home, "able")
        with pytest.raises(PlanError, match=r"nothing to resume. `autoproc show done` tells its result\.$"):
            find_stopped(home, "done")
    finally:
        lock.release()


def test_a_journal_of_another_version_is_refused(home: Home) -> None:
    job = stopped_job(home, "one")
    content = {**vars(HEAD), "format": 99}
    (job.folder / FOLDER / "job.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(HomeError, match="of format 99"):
        find_stopped(home, "one")
    assert list(stopped_like(home, HEAD)) == []


def test_jobs_of_the_same_request_are_found_newest_first(home: Home) -> None:
    for run_id in ("b", "a"):
        stopped_job(home, run_id)
    stopped_job(home, "c", Head(HEAD.plan, "another table", "key", "0.1.0", 9))
    home.start_job("d")
    assert list(stopped_like(home, HEAD)) == ["a", "b"]


def test_a_job_begins_now_and_unasked_unless_that_is_said() -> None:
    beginning = Beginning.of(None, None)
    assert beginning.started > 0 and not beginning.request.is_made and beginning.resumed is None
    request = StopRequest()
    assert Beginning.of(3.0, request) == Beginning(3.0, request)
