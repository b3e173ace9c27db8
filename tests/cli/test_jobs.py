"""What `show` and `predict` say of a job that has no result, or no model."""

import json
import socket
import sys

import pytest

from autoproc.cli import jobs
from autoproc.cli.app import run
from autoproc.tracking.home import open_home

STOPPED = "2031-05-06T10:41:00+00:00 The baseline network does not beat the dummy; --force goes on anyway.\n"


@pytest.fixture
def job(empty_folder):
    """The folder of a job that has written nothing yet."""
    path = open_home("mlruns").job("abc123")
    path.mkdir()
    (empty_folder / "new.csv").write_text("a\n1\n", encoding="utf-8")
    return path


def test_a_job_without_a_result_says_where_to_look(fails, job):
    told = fails("show", "last")
    assert "The job abc123 has no result, because it did not come to its end. `autoproc tune` starts" in told
    (job / "plan.yaml").touch()
    told = fails("show", "last")
    assert "The job abc123 has no result, because it did not come to its end." in told
    assert "autoproc tune --config" in told and "The last line of" not in told and "model" not in told
    (job / "result.json").write_text("{", encoding="utf-8")
    assert "cannot be read" in fails("show", "last")


@pytest.mark.parametrize("found", ["{}", '{"told": []}', '{"told": null, "run_id": "abc123"}'])
def test_a_result_of_another_version_is_told_as_such(fails, job, found, capsys):
    (job / "result.json").write_text(found, encoding="utf-8")
    assert "is of another version of autoproc" in fails("show", "last")
    assert run(["show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(found)


def test_a_result_that_is_none_is_refused(fails, job):
    (job / "result.json").write_text("[1]", encoding="utf-8")
    assert "cannot be read: it is no JSON object" in fails("show", "last", "--json")


def test_a_job_without_a_result_says_how_it_ended(fails, job):
    (job / "job.log").write_text(f"2031-05-06T10:40:00+00:00 table  10 rows\n{STOPPED}\n", encoding="utf-8")
    told = fails("show", "last")
    assert "job.log: The baseline network does not beat the dummy; --force goes on anyway. `autoproc tune" in told
    (job / "job.log").write_text("Traceback\nZeroDivisionError: broken\n", encoding="utf-8")
    assert "job.log: ZeroDivisionError: broken. `autoproc tune" in fails("show", "last")


def test_a_job_without_a_result_says_that_it_can_go_on(fails, job):
    (job / "journal").mkdir()
    (job / "journal" / "job.json").touch()
    assert "did not come to its end. `autoproc resume abc123` goes on with it." in fails("show", "last")


def test_a_job_without_a_result_names_its_model_once(fails, job):
    (job / "model").mkdir()
    assert "Its model is exported all the same, without a holdout score: mlruns/jobs/abc123/model." in fails("show")
    (job / "job.log").write_text(f"2031-05-06T10:40:00+00:00 The model is in {job / 'model'}.\n", encoding="utf-8")
    assert fails("show").count("mlruns/jobs/abc123/model") == 1


@pytest.mark.parametrize("command", [("predict", "last", "new.csv"), ("export", "last", "mine")])
def test_a_job_without_a_model_says_how_it_ended(fails, job, command):
    (job / "job.log").write_text(STOPPED, encoding="utf-8")
    told = fails(*command)
    assert "The job abc123 has no model, because it did not come to its end." in told
    assert "does not beat the dummy" in told


def test_a_job_that_runs_says_so(fails, job):
    lock = open_home("mlruns").hold("abc123")
    assert "The job abc123 has no result yet: it is still running." in fails("show", "last")
    assert "The job abc123 has no model yet" in fails("predict", "last", "new.csv")
    lock.release()
    assert "did not come to its end" in fails("show", "last")


@pytest.fixture
def opened(monkeypatch):
    """What a browser is asked to open by `autoproc ui`, whose server is a stand-in."""
    asked = []
    links = [
        ("all trainings, best first", "http://127.0.0.1:5000/#/runs"),
        ("charts", "http://127.0.0.1:5000/#/charts"),
    ]
    monkeypatch.setattr("autoproc.tracking.server.serve", lambda home, place, on_ready: on_ready(links) or 0)
    monkeypatch.setattr(jobs.webbrowser, "open", asked.append)
    monkeypatch.setattr(jobs, "has_desktop", lambda: True)
    return asked


def test_ui_prints_the_links_and_opens_the_first_on_a_desktop(opened, capsys, monkeypatch):
    assert run(["ui"]) == 0
    assert opened == ["http://127.0.0.1:5000/#/runs"]
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "all trainings, best first: http://127.0.0.1:5000/#/runs"
    assert told[1] == "charts: http://127.0.0.1:5000/#/charts"
    assert run(["ui", "--no-browser"]) == 0
    monkeypatch.setattr(jobs, "has_desktop", lambda: False)
    assert run(["ui"]) == 0
    assert len(opened) == 1


def test_ui_warns_where_others_can_reach_it_and_not_on_this_machine(opened, capsys):
    for private in ("127.0.0.1", "localhost"):
        assert run(["ui", "--host", private]) == 0
        assert capsys.readouterr().err == ""
    assert run(["ui", "--host", "0.0.0.0", "--port", "5017"]) == 0
    told = capsys.readouterr().err
    assert told.startswith("warning: whoever can reach ") and f"{socket.gethostname()}:5017" in told
    assert "There is no password" in told and "ssh -L 5017:localhost:5017" in told


def test_ui_refuses_an_address_that_is_not_this_machines(opened, capsys):
    assert run(["ui", "--host", "no host at all"]) == 2
    assert "--host must be an address or a name of this machine" in capsys.readouterr().err


@pytest.mark.parametrize("display", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_a_desktop_has_a_display_and_someone_before_the_terminal(display, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert not jobs.has_desktop()
    monkeypatch.setenv(display, ":0")
    assert jobs.has_desktop()
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delenv(display)
    assert jobs.has_desktop()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    assert not jobs.has_desktop()
