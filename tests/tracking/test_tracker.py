"""The contract of a tracker, run on every implementation."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient

from autoproc.tracking import names
from autoproc.tracking.mlflow_tracker import MlflowTracker
from autoproc.tracking.tracker import Child, MemoryTracker, SilentTracker, Tracker

KINDS = ("silent", "memory", "mlflow")


@dataclass(frozen=True)
class Record:
    """What a tracker has kept."""

    description: str
    children: dict[str, dict[str, str]]
    metrics: dict[str, float]
    tags: dict[str, str]
    status: str | None
    n_attached: int


@dataclass(frozen=True)
class Subject:
    tracker: Tracker
    read: Callable[[], Record | None]


def _read_memory(tracker: MemoryTracker) -> Record:
    children = {child.name: {key: str(value) for key, value in child.parameters.items()} for child in tracker.children}
    return Record(tracker.description, children, tracker.metrics, tracker.tags, tracker.status, len(tracker.attached))


def _read_mlflow(client: MlflowClient, run_id: str) -> Record:
    job = client.get_run(run_id)
    children = client.search_runs([job.info.experiment_id], f"tags.`{names.PARENT}` = '{run_id}'")
    return Record(
        job.data.tags.get(names.DESCRIPTION, ""),
        {child.info.run_name: child.data.params for child in children},
        job.data.metrics,
        job.data.tags,
        None if job.info.status == "RUNNING" else job.info.status,
        len(client.list_artifacts(run_id)),
    )


@pytest.fixture(params=KINDS)
def subject(request: pytest.FixtureRequest) -> Subject:
    if request.param == "silent":
        return Subject(SilentTracker(), lambda: None)
    if request.param == "memory":
        memory = MemoryTracker()
        return Subject(memory, lambda: _read_memory(memory))
    tracker: MlflowTracker = request.getfixturevalue("tracker")
    client: MlflowClient = request.getfixturevalue("client")
    return Subject(tracker, lambda: _read_mlflow(client, tracker.run_id))


def test_the_run_id_stays(subject: Subject, child: Child) -> None:
    before = subject.tracker.run_id
    subject.tracker.record(child)
    assert before
    assert subject.tracker.run_id == before


def test_what_is_told_is_kept(subject: Subject, child: Child, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("kept")
    subject.tracker.record(child)
    subject.tracker.describe("first", parameters={"seed": 3}, metrics={"dummy/score": 0.1}, tags={"a": "1"})
    subject.tracker.describe("second", parameters={}, metrics={"holdout/score": 0.5}, tags={"b": "2"})
    subject.tracker.attach(note)
    subject.tracker.finish("FINISHED")
    record = subject.read()
    if record is not None:
        assert record.description == "second"
        assert record.children["trial 7"] == {
            "depth": "2",
            "learning_rate": "0.1",
            "scheduler": "none",
            "nested": "True",
        }
        assert record.metrics == {"dummy/score": 0.1, "holdout/score": 0.5}
        assert (record.tags["a"], record.tags["b"]) == ("1", "2")
        assert record.status == "FINISHED"
        assert record.n_attached == 1


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_a_job_ends_in_any_state(subject: Subject, status: str) -> None:
    subject.tracker.finish(status)
    record = subject.read()
    assert record is None or record.status == status


def test_nothing_that_the_data_hold_stops_the_job(subject: Subject) -> None:
    odd = "a|b\n\x00<i>\ud800/../%[]😀" * 40
    curves = {odd: [], "c": [float("nan")]}
    child = Child(odd, "trial", odd, 2.0, 1.0, {odd: odd, "": ""}, {odd: float("inf")}, curves, {odd: odd})
    subject.tracker.record(child)
    subject.tracker.record(Child("", "growth", "", 0.0, 0.0))
    subject.tracker.describe(odd * 50, parameters={odd: 1}, metrics={odd: float("nan")}, tags={odd: odd})
    subject.tracker.attach(Path("no such file"))
    subject.tracker.finish("FAILED")
    record = subject.read()
    assert record is None or (len(record.children) == 2 and record.status == "FAILED")
