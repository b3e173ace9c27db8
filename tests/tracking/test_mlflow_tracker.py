"""The record in MLflow, read back through its client; and jobs that go on although MLflow does not answer."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, PERMISSION_DENIED

from autoproc.data.receipts import write_receipt
from autoproc.errors import HomeError, PlanError
from autoproc.results import Column, Problem
from autoproc.tracking import entities, names
from autoproc.tracking.entries import ResumeEntry
from autoproc.tracking.home import Home, open_home
from autoproc.tracking.mlflow_tracker import MlflowTracker, open_tracker, reopen_tracker
from autoproc.tracking.tracker import Child
from tests.tracking.flaky_client import FlakyClient

ROOT = Path(__file__).parents[2]

ABANDONED_JOB = """
import os, sys
from autoproc.tracking.entries import ResumeEntry
from autoproc.tracking.home import Home, open_home
from autoproc.tracking.mlflow_tracker import open_tracker
from autoproc.tracking.tracker import Child
tracker = open_tracker(open_home(sys.argv[1]), None, "shared", "abandoned", {}, warn=print)
for number in range(5):
    tracker.record(Child(f"trial {number}", "trial", "complete", 1.0, 2.0, {"of": tracker.run_id}))
tracker.wait()
print(tracker.run_id, flush=True)
sys.stdin.readline()
os._exit(9)
"""


def children_of(client: MlflowClient, run_id: str) -> list[str]:
    experiment_id = client.get_run(run_id).info.experiment_id
    found = client.search_runs([experiment_id], f"tags.`{names.PARENT}` = '{run_id}'")
    return [run.info.run_id for run in found]


def test_a_job_is_one_run_with_its_name_tags_and_state(tracker: MlflowTracker, client: MlflowClient) -> None:
    run = client.get_run(tracker.run_id)
    assert (run.info.run_name, run.info.status) == ("job", "RUNNING")
    assert run.data.tags["autoproc.task"] == "binary"
    assert run.data.tags[names.STAGE] == names.JOB_STAGE
    tracker.finish("FINISHED")
    assert client.get_run(tracker.run_id).info.status == "FINISHED"


def test_a_child_is_a_finished_run_with_its_times_values_and_curves(
    tracker: MlflowTracker, client: MlflowClient, child: Child
) -> None:
    tracker.record(child)
    tracker.wait()
    (run_id,) = children_of(client, tracker.run_id)
    run = client.get_run(run_id)
    assert (run.info.run_name, run.info.status) == ("trial 7", "FINISHED")
    assert (run.info.start_time, run.info.end_time) == (1_000_000, 1_010_000)
    assert run.data.tags[names.STATE] == "pruned"
    assert run.data.params["learning_rate"] == "0.1"
    assert run.data.metrics == {"final/score": 0.75, "score/validation": 0.75, "loss/train": 0.125}
    curve = client.get_metric_history(run_id, "score/validation")
    assert [(point.step, point.value) for point in curve] == [(1, 0.5), (2, 0.7), (4, 0.75)]
    assert [point.timestamp for point in curve] == [1_002_500, 1_005_000, 1_010_000]


def test_a_usual_child_is_written_in_one_batch(flaky_tracker: MlflowTracker, flaky: FlakyClient, child: Child) -> None:
    flaky_tracker.record(child)
    flaky_tracker.wait()
    assert flaky.calls == ["create_run", "log_batch", "set_terminated"]


def test_a_long_child_is_written_whole(tracker: MlflowTracker, client: MlflowClient) -> None:
    curves = {"score/train": [float(e) for e in range(1, 1_201)], "loss/train": [0.5] * 900}
    tracker.record(Child("long", "growth", "overfits", 0, 10, {f"p{i}": i for i in range(150)}, {}, curves))
    tracker.wait()
    (run_id,) = children_of(client, tracker.run_id)
    assert [point.value for point in client.get_metric_history(run_id, "score/train")] == curves["score/train"]
    assert len(client.get_metric_history(run_id, "loss/train")) == 900
    assert len(client.get_run(run_id).data.params) == 150


def test_the_table_is_the_jobs_input(tracker: MlflowTracker, client: MlflowClient) -> None:
    problem = Problem("regression", ("y",), (), (), (Column("x", "numeric", True, ""),), "")
    tracker.log_table("table.csv", "/data/table.csv", "0123456789abcdef" * 4, 100, problem)
    tracker.wait()
    (table,) = client.get_run(tracker.run_id).inputs.dataset_inputs
    assert (table.dataset.name, table.dataset.digest) == ("table.csv", ("0123456789abcdef" * 4)[:36])
    assert [(tag.key, tag.value) for tag in table.tags] == [("mlflow.data.context", "training")]


def test_files_and_folders_are_kept_in_the_home(
    tracker: MlflowTracker, client: MlflowClient, home: Home, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "card.json").write_text("{}")
    tracker.attach(folder)
    tracker.attach(folder / "card.json", "cards")
    tracker.wait()
    assert sorted(entry.path for entry in client.list_artifacts(tracker.run_id)) == ["cards", "model"]
    assert [entry.path for entry in client.list_artifacts(tracker.run_id, "model")] == ["model/card.json"]
    assert len(list(home.artifacts.rglob("card.json"))) == 2


def test_jobs_of_one_table_share_an_experiment(
    home: Home, client: MlflowClient, tracker: MlflowTracker, warnings_told: list[str]
) -> None:
    first = client.get_run(tracker.run_id).info.experiment_id
    name = client.get_experiment(first).name
    other = open_tracker(home, None, name, "again", {}, warn=warnings_told.append)
    assert client.get_run(other.run_id).info.experiment_id == first
    assert other.run_id != tracker.run_id


def test_a_deleted_experiment_is_not_written_to(home: Home, client: MlflowClient) -> None:
    client.delete_experiment(client.create_experiment("gone"))
    with pytest.raises(PlanError, match="deleted"):
        open_tracker(home, None, "gone", "job", {}, warn=print)


def test_mlflows_global_state_is_left_alone(tracker: MlflowTracker, child: Child, tmp_path: Path) -> None:
    import mlflow

    tracker.record(child)
    tracker.finish("FINISHED")
    assert mlflow.active_run() is None
    assert not mlflow.is_tracking_uri_set()
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_the_record_is_completed_when_mlflow_answers_again(
    flaky_tracker: MlflowTracker,
    flaky: FlakyClient,
    client: MlflowClient,
    child: Child,
    warnings_told: list[str],
    unavailable: MlflowException,
) -> None:
    flaky.error = unavailable
    for _ in range(5):
        flaky_tracker.record(child)
    flaky_tracker.describe("told while away", parameters={"a": 1}, metrics={"m": 1.0}, tags={})
    flaky_tracker.wait()
    assert children_of(client, flaky_tracker.run_id) == []
    flaky.error = None
    flaky_tracker.finish("FINISHED")
    run = client.get_run(flaky_tracker.run_id)
    assert run.info.status == "FINISHED"
    assert (run.data.tags[names.DESCRIPTION], run.data.params, run.data.metrics) == (
        "told while away",
        {"a": "1"},
        {"m": 1.0},
    )
    assert len(children_of(client, flaky_tracker.run_id)) == 5
    assert len(warnings_told) == 1


def test_a_child_that_failed_half_way_is_not_written_twice(
    flaky_tracker: MlflowTracker, flaky: FlakyClient, client: MlflowClient, child: Child, unavailable: MlflowException
) -> None:
    flaky.error, flaky.failing = unavailable, frozenset({"set_terminated"})
    flaky_tracker.record(child)
    flaky_tracker.wait()
    flaky.error = None
    flaky_tracker.finish("FINISHED")
    (run_id,) = children_of(client, flaky_tracker.run_id)
    assert client.get_run(run_id).info.status == "FINISHED"
    assert len(client.get_metric_history(run_id, "score/validation")) == 3


def test_a_child_whose_making_was_not_answered_is_not_made_again(
    flaky_tracker: MlflowTracker, flaky: FlakyClient, client: MlflowClient, child: Child, unavailable: MlflowException
) -> None:
    flaky.error, flaky.failing, flaky.loses_answers = unavailable, frozenset({"create_run"}), True
    flaky_tracker.record(child)
    flaky_tracker.wait()
    flaky.error = None
    flaky_tracker.finish("FINISHED")
    (run_id,) = children_of(client, flaky_tracker.run_id)
    assert client.get_run(run_id).data.params["learning_rate"] == "0.1"


def test_a_child_whose_making_came_to_light_late_is_there_once(
    flaky_tracker: MlflowTracker, flaky: FlakyClient, client: MlflowClient, child: Child, unavailable: MlflowException
) -> None:
    flaky.error, flaky.failing = unavailable, frozenset({"create_run"})
    flaky_tracker.record(child)
    flaky_tracker.wait()
    flaky.error = None
    flaky_tracker.wait()
    key = {names.PARENT: flaky_tracker.run_id, names.ENTRY: f"{flaky_tracker.run_id}.{entities.run_entry(child).key}"}
    experiment_id = client.get_run(flaky_tracker.run_id).info.experiment_id
    # The lookup misses what the server makes only after it.
    flaky.before["set_terminated"] = lambda: client.create_run(experiment_id, tags=key)
    flaky_tracker.finish("FINISHED")
    (run_id,) = children_of(client, flaky_tracker.run_id)
    assert client.get_run(run_id).data.params["learning_rate"] == "0.1"


def test_a_server_that_stays_away_leaves_an_honest_word_and_the_next_job_completes_the_record(
    flaky_tracker: MlflowTracker,
    flaky: FlakyClient,
    client: MlflowClient,
    home: Home,
    child: Child,
    warnings_told: list[str],
    unavailable: MlflowException,
) -> None:
    flaky.error = unavailable
    flaky_tracker.record(child)
    flaky_tracker.finish("FINISHED")
    assert len(warnings_told) == 2
    assert "2 records wait" in warnings_told[1]
    assert f"autoproc sync {flaky_tracker.run_id} --home {home.path}" in warnings_told[1]
    assert client.get_run(flaky_tracker.run_id).info.status == "RUNNING"
    open_tracker(home, None, "next", "next job", {}, warn=warnings_told.append).finish("FINISHED")
    run = client.get_run(flaky_tracker.run_id)
    assert run.info.status == "FINISHED"
    assert names.REASON not in run.data.tags
    assert len(children_of(client, flaky_tracker.run_id)) == 1
    assert list(home.running.iterdir()) == []
    assert list(home.job(flaky_tracker.run_id).iterdir()) == []


def test_what_was_handed_over_before_a_kill_is_delivered_by_the_next_job(
    flaky_tracker: MlflowTracker,
    flaky: FlakyClient,
    client: MlflowClient,
    home: Home,
    child: Child,
    unavailable: MlflowException,
) -> None:
    flaky.error = unavailable
    flaky_tracker.record(child)
    flaky_tracker.wait()
    flaky_tracker._lock.release()  # as the system does when a process is killed
    open_tracker(home, None, "next", "next job", {}, warn=pytest.fail).finish("FINISHED")
    run = client.get_run(flaky_tracker.run_id)
    assert (run.info.status, len(children_of(client, run.info.run_id))) == ("KILLED", 1)


@pytest.mark.parametrize("keeps", [True, False])
def test_a_job_that_goes_on_loses_its_hurried_children_unless_it_keeps_them(
    tracker: MlflowTracker, client: MlflowClient, home: Home, child: Child, keeps: bool
) -> None:
    tracker.record(child)
    tracker.record(replace(child, name="second", hurried=True))
    tracker.finish("KILLED")
    again = reopen_tracker(home, None, tracker.run_id, keeps, warn=pytest.fail)
    again.record(child)
    again.record(replace(child, name="second", hurried=keeps, state="pruned"))
    again.finish("FINISHED")
    runs = [client.get_run(run_id) for run_id in children_of(client, tracker.run_id)]
    states = {str(run.info.run_name): run.data.tags[names.STATE] for run in runs}
    assert len(runs) == 2 and states == {child.name: child.state, "second": child.state if keeps else "pruned"}


def test_hurried_children_that_may_not_be_removed_are_marked(
    flaky_tracker: MlflowTracker, flaky: FlakyClient, client: MlflowClient, child: Child
) -> None:
    flaky_tracker.record(replace(child, hurried=True))
    flaky_tracker.wait()
    flaky.error, flaky.failing = MlflowException("no", PERMISSION_DENIED), frozenset({"delete_run"})
    flaky_tracker._hand(ResumeEntry(keeps_hurried=False))
    flaky_tracker.record(child)
    flaky_tracker.wait()
    runs = [client.get_run(run_id) for run_id in children_of(client, flaky_tracker.run_id)]
    assert sorted(run.data.tags[names.STATE] for run in runs) == sorted([child.state, "taken back"])


def test_a_record_that_cannot_be_handed_over_is_told_of_once_and_handed_over_as_soon_as_there_is_room(
    tracker: MlflowTracker, home: Home, client: MlflowClient, child: Child, warnings_told: list[str]
) -> None:
    tracker.wait()
    outbox = home.job(tracker.run_id) / "outbox.jsonl"
    outbox.rename(outbox.with_name("aside"))
    outbox.mkdir()
    tracker.record(child)
    tracker.record(replace(child, name="second"))
    [warning] = warnings_told
    assert "cannot be kept" in warning and "The job goes on" in warning
    outbox.rmdir()
    outbox.with_name("aside").rename(outbox)
    tracker.finish("FINISHED")
    kept = [client.get_run(run_id).info.run_name for run_id in children_of(client, tracker.run_id)]
    assert sorted(kept) == sorted([child.name, "second"])
    assert len(warnings_told) == 1 and not outbox.exists()


def test_a_killed_job_that_could_not_tell_of_its_receipt_shows_it_all_the_same(
    tracker: MlflowTracker, client: MlflowClient, home: Home, warnings_told: list[str]
) -> None:
    receipt = write_receipt(home.path, "0123456789abcdef", tracker.run_id, "fingerprint", None)
    tracker._lock.release()  # as the system does when a process is killed
    open_tracker(home, None, "next", "next job", {}, warn=warnings_told.append).finish("FINISHED")
    run = client.get_run(tracker.run_id)
    assert (run.info.status, warnings_told) == ("KILLED", [])
    assert run.data.tags[names.RECEIPT_KEY] == receipt.key
    assert run.data.tags[names.RECEIPT_OPENED] == receipt.opened_at
    kept = client.list_artifacts(tracker.run_id, names.RECEIPT_FOLDER)
    assert [file.path for file in kept] == [f"{names.RECEIPT_FOLDER}/{Path(receipt.path).name}"]


def test_what_mlflow_refuses_is_left_out_and_the_rest_is_written(
    flaky_tracker: MlflowTracker, flaky: FlakyClient, client: MlflowClient, child: Child, warnings_told: list[str]
) -> None:
    flaky.error = MlflowException("Changing param values is not allowed", INVALID_PARAMETER_VALUE)
    flaky_tracker.describe("lost", parameters={}, metrics={}, tags={})
    flaky_tracker.wait()
    flaky.error = None
    flaky_tracker.record(child)
    flaky_tracker.wait()
    assert len(children_of(client, flaky_tracker.run_id)) == 1
    assert len(warnings_told) == 1


def test_a_changed_parameter_is_refused_without_losing_the_description(
    tracker: MlflowTracker, client: MlflowClient, warnings_told: list[str]
) -> None:
    tracker.describe("first", parameters={"seed": 1}, metrics={}, tags={})
    tracker.describe("second", parameters={"seed": 2}, metrics={"m": 2.0}, tags={})
    tracker.wait()
    run = client.get_run(tracker.run_id)
    assert (run.data.params, run.data.metrics) == ({"seed": "1"}, {"m": 2.0})
    assert run.data.tags[names.DESCRIPTION] == "second"
    assert len(warnings_told) == 1


def test_a_running_job_is_not_taken_for_a_dead_one(
    tracker: MlflowTracker, client: MlflowClient, home: Home, warnings_told: list[str]
) -> None:
    open_tracker(home, None, "other", "job", {}, warn=warnings_told.append).finish("FINISHED")
    assert client.get_run(tracker.run_id).info.status == "RUNNING"


def test_a_stopped_job_of_another_server_is_left_alone(home: Home, client: MlflowClient) -> None:
    home.hold("0" * 32).release()
    tracker = open_tracker(home, None, "one", "job", {}, warn=pytest.fail)
    tracker.finish("FINISHED")
    assert home.stopped_jobs() == ["0" * 32]


def test_two_processes_open_a_fresh_home_at_once_and_once_killed_are_marked_so(tmp_path: Path) -> None:
    home = Home(tmp_path / "fresh")
    command = [sys.executable, "-c", ABANDONED_JOB, str(home.path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    jobs = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    run_ids = [job.stdout.readline().strip() for job in jobs if job.stdout]
    client = MlflowClient(home.tracking_uri)
    runs = [client.get_run(run_id) for run_id in run_ids]
    assert [run.info.status for run in runs] == ["RUNNING", "RUNNING"]
    assert len({run.info.experiment_id for run in runs}) == 1
    for run_id in run_ids:
        children = [client.get_run(child).data for child in children_of(client, run_id)]
        assert sorted(child.tags["mlflow.runName"] for child in children) == [f"trial {number}" for number in range(5)]
        assert {child.params["of"] for child in children} == {run_id}
    for job in jobs:
        job.communicate("die\n")
    tracker = open_tracker(open_home(home.path), None, "shared", "next", {}, warn=pytest.fail)
    tracker.finish("FINISHED")
    runs = [client.get_run(run_id) for run_id in run_ids]
    assert [run.info.status for run in runs] == ["KILLED", "KILLED"]
    assert all(run.info.end_time >= run.info.start_time for run in runs)
    assert list(home.running.iterdir()) == []


class _Broken(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(500)

    do_POST = do_GET

    def log_message(self, format: str, *values: object) -> None: ...


@pytest.fixture
def broken_server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Broken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_server_that_is_broken_from_the_start_is_the_users_to_mend(broken_server: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=f"'{broken_server}': it answers with error 500. It must"):
        open_tracker(open_home(tmp_path), broken_server, "e", "job", {}, warn=print)


def test_a_server_that_is_away_from_the_start_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(PlanError) as error:
        open_tracker(open_home(tmp_path), "http://127.0.0.1:9", "e", "job", {}, warn=print)
    assert str(error.value).startswith("The record cannot be kept at 'http://127.0.0.1:9': Connection refused. It must")
    assert "--tracking-uri" in str(error.value) and len(str(error.value)) < 300


def test_an_address_that_is_none_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="nonsense"):
        open_tracker(open_home(tmp_path), "nonsense://x", "e", "job", {}, warn=print)


def test_a_database_that_is_none_is_the_users_to_mend(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    home.database.write_text("this is no database " * 100)
    with pytest.raises(HomeError, match="not a database"):
        open_tracker(home, None, "e", "job", {}, warn=print)
