"""A job's record on a real MLflow server: whole, although the server goes away in the middle; and never mixed up."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from autoproc.job import Job
from autoproc.tracking import names
from autoproc.tracking.home import open_home
from autoproc.tracking.mlflow_tracker import MlflowTracker, open_tracker
from autoproc.tracking.tracker import Child
from tests.end_to_end import tables
from tests.end_to_end.conftest import run_here
from tests.integration.conftest import Server
from tests.tracking.records import TIMES, content

N_JOBS, N_TRIALS = 10, 8
PASSWORD = "s3cret"


def tune(folder: Path, uri: str, *options: str) -> dict[str, Any]:
    """A small job in its own working folder; how it ended."""
    folder.mkdir()
    tables.write(tables.table(), folder / "table.csv")
    tables.write_plan(folder)
    ended = run_here(
        "tune", folder / "table.csv", "--target", "failed", "--config", folder / "small.yaml", "--json",
        "--home", folder / "home", "--tracking-uri", uri, *options,
    )  # fmt: skip
    assert ended.code == 0, ended.err
    return {"result": json.loads(ended.out), "err": ended.err}


@pytest.fixture
def dies_in_the_middle(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The server is killed when growth has ended, and is there again after the test."""
    tell_growth = Job.tell_growth

    def kill_first(self: Job, *told: Any) -> None:
        server.kill()
        tell_growth(self, *told)

    monkeypatch.setattr(Job, "tell_growth", kill_first)
    yield
    if not server.answers():
        server.start()


@pytest.fixture(scope="module")
def undisturbed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A job whose address names a user and a password, which this server does not ask for."""
    folder = tmp_path_factory.mktemp("undisturbed") / "folder"
    address = f"http://ann:{PASSWORD}@{urlsplit(server.uri).netloc}"
    job = tune(folder, address, "--experiment", "undisturbed", "--register")
    return {**job, "folder": folder}


def test_a_job_is_on_the_server_with_its_files_and_its_model(server: Server, undisturbed: dict[str, Any]) -> None:
    run_id = undisturbed["result"]["run_id"]
    found = content(server.client, run_id)
    assert found["job"]["status"] == "FINISHED"
    assert {"plan.yaml", "space.yaml", "result.json", "model/card.json"} <= set(found["files"])
    assert found["n_models"] == 1
    version = server.client.get_model_version_by_alias("undisturbed", names.CHAMPION)
    assert version.run_id == run_id
    [output] = server.client.get_run(run_id).outputs.model_outputs
    assert "MLmodel" in {file.path for file in server.client.list_logged_model_artifacts(output.model_id)}
    assert not list((undisturbed["folder"] / "home" / "jobs" / run_id).glob("outbox*"))


def test_a_password_is_in_nothing_that_is_kept_or_told(
    server: Server, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    run_id = undisturbed["result"]["run_id"]
    server.client.download_artifacts(run_id, "", str(tmp_path))
    files = [*tmp_path.rglob("*"), *(undisturbed["folder"] / "home").rglob("*")]
    assert not [file for file in files if file.is_file() and PASSWORD.encode() in file.read_bytes()]
    assert PASSWORD not in str(content(server.client, run_id))
    assert PASSWORD not in undisturbed["err"]


def test_a_server_that_dies_in_the_middle_of_a_job_has_the_same_record_in_the_end(
    server: Server, undisturbed: dict[str, Any], dies_in_the_middle: None, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    job = tune(folder, server.uri, "--experiment", "disturbed", "--register")
    run_id, home = job["result"]["run_id"], folder / "home"
    last = " ".join(job["err"].split("warning")[-1].split())
    assert "records wait in" in last and f"autoproc sync {run_id} --home {home}" in last
    away = run_here("sync", "last", "--home", home)
    assert away.code == 2 and "is not complete" in away.err and server.uri in away.err
    server.start()
    ended = run_here("sync", "--home", home)
    assert ended.code == 0 and "records delivered" in ended.out, ended.err
    assert "version 1 of 'disturbed' is the champion" in ended.out
    expected = content(server.client, undisturbed["result"]["run_id"], without=TIMES)
    assert content(server.client, run_id, without=TIMES) == expected
    assert run_here("sync", "--home", home).out == "Nothing waits.\n"


def test_ten_jobs_at_once_on_one_server_do_not_lose_or_mix_anything(server: Server, tmp_path: Path) -> None:
    jobs = [f"job {i}" for i in range(N_JOBS)]

    def start(job: str) -> MlflowTracker:
        return open_tracker(open_home(tmp_path / job), server.uri, "shared", job, {"job": job}, warn=pytest.fail)

    with ThreadPoolExecutor(N_JOBS) as pool:  # all of them want to make the experiment
        trackers = list(pool.map(start, jobs))
    for number in range(N_TRIALS):
        for job, tracker in zip(jobs, trackers, strict=True):
            values = {"final/score": number / N_TRIALS}
            tracker.record(Child(f"{job} {number}", "trial", "complete", 1.0, 2.0, {"of": job}, values))
    for tracker in trackers:
        tracker.finish("FINISHED")
    assert len({tracker.run_id for tracker in trackers}) == N_JOBS
    for job, tracker in zip(jobs, trackers, strict=True):
        found = content(server.client, tracker.run_id)
        assert (found["job"]["status"], found["job"]["tags"]["job"]) == ("FINISHED", job)
        assert sorted(child["name"] for child in found["children"]) == [f"{job} {i}" for i in range(N_TRIALS)]
        assert {child["parameters"]["of"] for child in found["children"]} == {job}
