"""What `autoproc sync` says; how it delivers stands in tests/tracking."""

import pytest

from autoproc.cli.app import run
from autoproc.tracking import sync as module
from autoproc.tracking.home import open_home
from autoproc.tracking.sync import Synced

RUN = "0123456789abcdef"


@pytest.fixture
def asked(empty_folder, monkeypatch):
    """What is asked for of a home with one job, which waits; the test says what comes of it in `outcome`."""
    open_home("mlruns").start_job(RUN)
    calls = []

    def deliver(home, run_id, tracking_uri):
        calls.append((home.path, run_id, tracking_uri))
        return deliver.outcome

    deliver.outcome = Synced(RUN, 3, 0, "http://host:5000", None, ())
    monkeypatch.setattr(module, "sync", deliver)
    monkeypatch.setattr(module, "undelivered_jobs", lambda home: [RUN])
    deliver.calls = calls
    return deliver


def test_all_jobs_that_wait_are_delivered(asked, empty_folder, capsys):
    assert run(["sync"]) == 0
    assert capsys.readouterr().out == f"{RUN}: 3 records delivered\n"
    assert asked.calls == [(empty_folder / "mlruns", RUN, None)]


def test_one_job_is_named_as_everywhere_and_its_server_by_another_address(asked, capsys):
    assert run(["sync", "0123", "--tracking-uri", "http://ann:s3cret@host:5000"]) == 0
    assert asked.calls[0][1:] == (RUN, "http://ann:s3cret@host:5000")


def test_what_came_of_registering_is_told(asked, capsys):
    asked.outcome = Synced(RUN, 1, 0, "x", None, ("version 1 of 'm' is the champion",))
    run(["sync", "last"])
    assert capsys.readouterr().out == f"{RUN}: 1 record delivered; version 1 of 'm' is the champion\n"


def test_a_server_that_fails_is_an_error_that_says_what_waits(asked, empty_folder, capsys):
    asked.outcome = Synced(RUN, 1, 2, "http://host:5000", "connection refused", ())
    assert run(["sync"]) == 2
    told = capsys.readouterr()
    assert told.out == f"{RUN}: 1 record delivered, 2 still wait\n"
    assert "http://host:5000 fails with: connection refused" in told.err and "--tracking-uri" in told.err
    assert f"remove {empty_folder / 'mlruns' / 'jobs' / RUN / 'outbox.jsonl'}." in told.err


def test_nothing_waits_in_a_home_without_jobs(capsys):
    assert run(["sync"]) == 0
    assert capsys.readouterr().out == "Nothing waits.\n"


def test_a_job_that_does_not_exist_is_an_error(asked, fails):
    assert "There is no job" in fails("sync", "ffff")
