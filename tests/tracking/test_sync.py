"""What jobs could not tell their server is delivered later: the record is that of a job whose server was never away."""

from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

from autoproc.errors import PlanError
from autoproc.results import Column, Problem
from autoproc.tracking import names
from autoproc.tracking import sync as module
from autoproc.tracking.entries import Standing
from autoproc.tracking.home import Home
from autoproc.tracking.mlflow_tracker import MlflowTracker
from autoproc.tracking.recovery import Recovery
from autoproc.tracking.sync import sync, undelivered_jobs
from autoproc.tracking.tracker import Child
from autoproc.tracking.views import JobView
from tests.tracking.conftest import tracker_on
from tests.tracking.flaky_client import FlakyClient
from tests.tracking.records import content

PROBLEM = Problem("regression", ("y",), (), (), (Column("x", "numeric", True, ""),), "")


def first_half(tracker: MlflowTracker, child: Child, note: Path) -> None:
    tracker.log_table("table", "/data/table.csv", "0" * 40, 100, PROBLEM)
    tracker.record(child)
    tracker.attach(note)
    tracker.describe("begun", parameters={"seed": 1}, metrics={"dummy/score": 0.1}, tags={})
    tracker.wait()


def second_half(tracker: MlflowTracker, child: Child, note: Path) -> None:
    for number in range(3):
        tracker.record(Child(f"trial {number}", "trial", "complete", 2.0, 3.0 + number, metrics={"final/score": 0.5}))
    tracker.record(child)
    tracker.attach(note, "again")
    tracker.describe("done", parameters={"late": 2}, metrics={"holdout/score": 0.9}, tags={"a": "b"})
    tracker.save_views(JobView("view", "maximize", ("dropout",)))
    tracker.finish("FINISHED")


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_text("kept")
    return path


@pytest.fixture
def undisturbed(home: Home, client: MlflowClient, child: Child, note: Path) -> dict[str, Any]:
    tracker = tracker_on(FlakyClient(client), home, pytest.fail)
    first_half(tracker, child, note)
    second_half(tracker, child, note)
    return content(client, tracker.run_id)


@pytest.mark.parametrize("loses_answers", [False, True])
def test_a_record_that_was_delivered_later_equals_an_undisturbed_one(
    undisturbed: dict[str, Any],
    flaky_tracker: MlflowTracker,
    flaky: FlakyClient,
    client: MlflowClient,
    home: Home,
    child: Child,
    note: Path,
    unavailable: MlflowException,
    loses_answers: bool,
) -> None:
    first_half(flaky_tracker, child, note)
    flaky.error, flaky.loses_answers = unavailable, loses_answers
    second_half(flaky_tracker, child, note)
    assert undelivered_jobs(home) == [flaky_tracker.run_id]
    done = sync(home, flaky_tracker.run_id)
    assert (done.n_delivered, done.n_waiting, done.failure) == (10, 0, None)
    assert content(client, flaky_tracker.run_id) == undisturbed
    assert undelivered_jobs(home) == []
    assert sync(home, flaky_tracker.run_id).n_delivered == 0
    assert content(client, flaky_tracker.run_id) == undisturbed


@pytest.mark.parametrize("refusing", ["log_artifact", "log_model_artifacts", "create_registered_model"])
def test_what_a_store_cannot_keep_holds_up_nothing_else_and_is_delivered_later(
    flaky_tracker: MlflowTracker,
    flaky: FlakyClient,
    client: MlflowClient,
    home: Home,
    child: Child,
    note: Path,
    warnings_told: list[str],
    unavailable: MlflowException,
    refusing: str,
) -> None:
    model = home.job(flaky_tracker.run_id) / "mlflow-model"
    model.mkdir()
    (model / "MLmodel").write_text("flavors: {}\n")
    flaky.error, flaky.failing = unavailable, frozenset({refusing})
    flaky_tracker.attach(note)
    flaky_tracker.log_model(model, "table: y", True, Standing("roc_auc", True, 0.9, 0.8, 0.95, "key", 1))
    flaky_tracker.record(child)
    flaky_tracker.describe("done", parameters={}, metrics={}, tags={})
    flaky_tracker.wait()
    flaky_tracker.finish("FINISHED")
    run = client.get_run(flaky_tracker.run_id)
    assert (run.info.status, run.data.tags[names.DESCRIPTION]) == ("FINISHED", "done")
    assert len(content(client, flaky_tracker.run_id)["children"]) == 1
    assert "could not keep a file or model" in warnings_told[0] and "1 record waits" in warnings_told[1]
    assert len(warnings_told) == 2
    done = sync(home, flaky_tracker.run_id)
    assert (done.n_delivered, done.n_waiting, done.failure) == (1, 0, None)
    kept = content(client, flaky_tracker.run_id)
    assert (kept["files"], kept["n_models"], len(kept["children"])) == (["note.txt"], 1, 1)
    assert client.get_model_version_by_alias("table, y", names.CHAMPION).run_id == flaky_tracker.run_id
    assert undelivered_jobs(home) == []


def test_a_killed_job_is_marked_so_though_a_store_keeps_its_files_from_it(
    flaky_tracker: MlflowTracker,
    flaky: FlakyClient,
    client: MlflowClient,
    home: Home,
    child: Child,
    note: Path,
    unavailable: MlflowException,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flaky.error, flaky.failing = unavailable, frozenset({"log_artifact"})
    flaky_tracker.attach(note)
    flaky_tracker.wait()
    flaky_tracker._lock.release()  # as the system does when a process is killed
    monkeypatch.setattr(module, "connect", lambda uri: flaky)
    done = sync(home, flaky_tracker.run_id)
    assert (done.n_delivered, done.n_waiting) == (0, 1)
    assert done.failure == "API request failed with error code 500"
    assert client.get_run(flaky_tracker.run_id).info.status == "KILLED"
    assert undelivered_jobs(home) == [flaky_tracker.run_id]


def test_a_dead_jobs_outbox_is_left_as_soon_as_it_is_enough_and_gone_on_with_later(
    flaky_tracker: MlflowTracker,
    flaky: FlakyClient,
    client: MlflowClient,
    home: Home,
    child: Child,
    unavailable: MlflowException,
) -> None:
    flaky.error = unavailable
    for _ in range(3):
        flaky_tracker.record(child)
    flaky_tracker.finish("FAILED")
    flaky.error = None
    answers = iter([False, False, True, True])
    recovery = Recovery(flaky, home, None)  # type: ignore[arg-type]
    assert not recovery.go_on(lambda: next(answers))
    assert client.get_run(flaky_tracker.run_id).info.status == "RUNNING"
    assert len(content(client, flaky_tracker.run_id)["children"]) == 1
    assert recovery.go_on(lambda: False)
    assert client.get_run(flaky_tracker.run_id).info.status == "FAILED"
    assert len(content(client, flaky_tracker.run_id)["children"]) == 3


def test_nothing_goes_to_a_server_that_does_not_know_the_job(
    flaky_tracker: MlflowTracker,
    flaky: FlakyClient,
    client: MlflowClient,
    home: Home,
    child: Child,
    unavailable: MlflowException,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flaky.error = unavailable
    flaky_tracker.record(child)
    flaky_tracker.finish("FAILED")
    experiment = client.get_run(flaky_tracker.run_id).info.experiment_id
    client.delete_run(flaky_tracker.run_id)
    monkeypatch.setattr(module, "connect", lambda uri: Forgetful(client))
    done = sync(home, flaky_tracker.run_id)
    assert done.n_delivered == 0 and done.n_waiting == 2
    assert done.failure and flaky_tracker.run_id in done.failure
    assert client.search_runs([experiment]) == []


class Forgetful:
    """A server with an experiment of the same number, but without the job."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def get_run(self, run_id: str) -> Any:
        raise MlflowException(f"Run with id={run_id} not found", RESOURCE_DOES_NOT_EXIST)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_it_goes_on_where_it_was_broken_off(
    flaky_tracker: MlflowTracker,
    flaky: FlakyClient,
    client: MlflowClient,
    home: Home,
    child: Child,
    unavailable: MlflowException,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flaky.error = unavailable
    for _ in range(3):
        flaky_tracker.record(child)
    flaky_tracker.finish("FAILED")
    monkeypatch.setattr(module, "connect", lambda uri: flaky)
    flaky.error, flaky.failing, flaky.loses_answers = unavailable, frozenset({"set_terminated"}), True
    for n_waiting in (4, 3, 2, 1):  # each time the first one turns out to be there
        done = sync(home, flaky_tracker.run_id)
        assert (done.n_waiting, done.failure) == (n_waiting, "API request failed with error code 500")
    flaky.error = None
    assert sync(home, flaky_tracker.run_id).n_waiting == 0
    run = client.get_run(flaky_tracker.run_id)
    assert run.info.status == "FAILED"
    assert len(client.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")) == 3


def test_a_job_that_was_killed_is_marked_so(tracker: MlflowTracker, client: MlflowClient, home: Home) -> None:
    tracker.wait()
    tracker._lock.release()  # as the system does when a process is killed
    sync(home, tracker.run_id)
    assert client.get_run(tracker.run_id).info.status == "KILLED"
    assert undelivered_jobs(home) == []


def test_a_running_job_delivers_by_itself(tracker: MlflowTracker, home: Home) -> None:
    assert undelivered_jobs(home) == []
    with pytest.raises(PlanError, match="still running"):
        sync(home, tracker.run_id)


def test_a_complete_record_needs_no_server_and_no_database(tracker: MlflowTracker, home: Home) -> None:
    tracker.finish("FINISHED")
    home.database.unlink()
    synced = sync(home, tracker.run_id)
    assert (synced.n_delivered, synced.n_waiting, synced.failure) == (0, 0, None)
    assert not home.database.exists()
