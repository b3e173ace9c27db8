"""Jobs that are interrupted and go on: they end like undisturbed ones, and nothing is recorded or opened twice."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient

import autoproc
from autoproc.errors import PlanError
from autoproc.job import Job
from autoproc.network.engine import StackEngine
from autoproc.resuming import find_stopped
from autoproc.tracking.home import Home
from tests.end_to_end import tables
from tests.end_to_end.conftest import Ended, Finished, command, environment
from tests.tracking.records import TIMES, content

TUNE = ("tune", "table.csv", "--target", "failed", "--config", "small.yaml", "--json")
_OF_A_RUN = ("seconds", "run_id", "home", "path", "opened_at", "memory", "told", "seconds_an_epoch")


@pytest.fixture
def asked(folder: Path) -> Path:
    """A folder with the table and the plan of the finished binary job."""
    tables.write(tables.table(), folder / "table.csv")
    tables.write_plan(folder)
    return folder


def alike(result: Any) -> Any:
    """What a result says apart from times, places and ids."""
    if isinstance(result, dict):
        return {key: alike(value) for key, value in result.items() if key not in _OF_A_RUN}
    return [alike(value) for value in result] if isinstance(result, list) else result


def latest(client: MlflowClient, run_id: str) -> dict[str, Any]:
    """A job's record, with its own metrics as they stand in the end: earlier values stay in their history."""
    record = content(client, run_id, without=TIMES)
    metrics = {name: value for name, value in client.get_run(run_id).data.metrics.items() if name not in TIMES}
    return {**record, "job": {**record["job"], "metrics": metrics}}


def job(folder: Path) -> Path:
    [only] = (folder / "mlruns" / "jobs").iterdir()
    return only


def interrupted(place: str, after: int = 0) -> AbstractContextManager[None]:
    """Ctrl-C, which nobody heeds any more, comes in the call of `place` that follows on so many."""

    def interrupt(number: int) -> None:
        if number > after:
            raise KeyboardInterrupt

    return calling(place, interrupt, after)


@contextmanager
def asked_to_end(place: str) -> Iterator[None]:
    """A first Ctrl-C comes in the first call of `place`."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
    try:
        with calling(place, lambda number: signal.raise_signal(signal.SIGINT) if number == 1 else None):
            yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def calling(place: str, act: Callable[[int], None], after: int = 0) -> Iterator[None]:
    """Each call of `place`, of which there must be more than `after`, does something else before; it is told its
    number, from 1."""
    module, _, name = place.rpartition(".")
    target = {"StackEngine": StackEngine, "Job": Job}.get(module) or sys.modules[module]
    inner, calls = getattr(target, name), []

    def interrupt(*arguments: Any, **options: Any) -> Any:
        calls.append(name)
        act(len(calls))
        return inner(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, name, interrupt)
        yield
    assert len(calls) > after, "the job did not come so far"


def test_a_job_that_is_interrupted_in_every_step_ends_like_an_undisturbed_one(
    binary: Finished, asked: Path, here: Callable[..., Ended]
) -> None:
    """Baseline, growth, search, fresh folds, export, verdict, and the end."""
    stops = [
        ("StackEngine.train_epoch", 5),
        ("StackEngine.train_epoch", 30),
        ("StackEngine.train_epoch", 8),
        ("StackEngine.train_epoch", 10),
        ("autoproc.job.export_bundle", 0),
        ("autoproc.steps.verdict.encode_target", 0),
        ("autoproc.job.write_mlflow_model", 0),
    ]
    import autoproc.job
    import autoproc.steps.verdict

    arguments: tuple[str, ...] = TUNE
    steps = []
    for place, after in stops:
        with interrupted(place, after):
            ended = here(*arguments)
        assert (ended.code, ended.out) == (130, ""), ended.err
        assert f"`autoproc resume {job(asked).name}` goes on from here" in ended.err
        told = [line.split()[0] for line in ended.err.splitlines() if line[:1].isalpha()]
        steps.append(told[len(told) - told[::-1].index("resume") - 2])
        arguments = ("resume", "last", "--json")
    ended = here(*arguments)
    assert ended.code == 0, ended.err
    assert steps == ["note", "references", "growth", "search", "calibration", "calibration", "model"]
    assert alike(json.loads(ended.out)) == alike(binary.result)
    finished, undisturbed = job(asked), binary.record
    record = Finished(asked, ended).record
    expected = content(undisturbed.client, str(binary.result["run_id"]), without=TIMES)
    assert content(record.client, finished.name, without=TIMES) == expected
    assert len(list((asked / "mlruns" / "receipts").iterdir())) == 1
    assert not (finished / "journal").exists() and list((asked / "mlruns" / "running").iterdir()) == []
    frame = tables.table()
    pd.testing.assert_frame_equal(
        autoproc.load(finished / "model").predict(frame), autoproc.load(binary.model).predict(frame)
    )


def test_a_job_that_is_stopped_on_its_way_to_an_early_end_goes_on_as_if_none_had_been_asked_for(
    binary: Finished, asked: Path, here: Callable[..., Ended]
) -> None:
    with asked_to_end("Job.tell_trial"), interrupted("autoproc.job.export_bundle"):
        ended = here(*TUNE)
    assert ended.code == 130 and "by the user" in ended.err, ended.err
    resumed = here("resume", "--json")
    assert resumed.code == 0 and "asked for" not in resumed.err, resumed.err
    assert alike(json.loads(resumed.out)) == alike(binary.result)
    record, undisturbed = (
        latest(finished.record.client, str(finished.result["run_id"]))
        for finished in (Finished(asked, resumed), binary)
    )
    assert record == undisturbed


def test_a_job_that_has_opened_its_holdout_comes_to_the_early_end_that_was_asked_for(
    binary: Finished, asked: Path, here: Callable[..., Ended]
) -> None:
    with asked_to_end("Job.tell_trial"), interrupted("autoproc.job.write_mlflow_model"):
        assert here(*TUNE).code == 130
    scored = json.loads((job(asked) / "result.json").read_text())["verdict"]["score"]
    resumed = here("resume", "--json")
    result = json.loads(resumed.out)
    assert (result["search"]["stopped_by"], result["verdict"]["score"]) == ("user", scored)
    assert len(list((asked / "mlruns" / "receipts").iterdir())) == 1
    told = [run.info.run_name for run in Finished(asked, resumed).record.children(result["run_id"], "trial")]
    assert len(told) == len(set(told)) == result["search"]["n_trials"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_job_that_is_killed_ends_like_an_undisturbed_one_too(
    binary: Finished, asked: Path, here: Callable[..., Ended]
) -> None:
    started = start(*TUNE, folder=asked)
    read_until(started, "growth")
    started.kill()
    started.communicate()
    ended = here("resume", "--json")
    assert ended.code == 0, ended.err
    assert alike(json.loads(ended.out)) == alike(binary.result)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_the_first_signal_ends_the_search_and_the_job_comes_to_its_end(asked: Path) -> None:
    tables.write_plan(asked, trials=100_000)
    started = start(*TUNE, folder=asked)
    read_until(started, "growth")
    started.send_signal(signal.SIGINT)
    out, rest = started.communicate(timeout=120)
    assert started.returncode == 0, rest
    assert "\nThe job comes to its end with what it has. Once more stops at once" in rest
    assert "\nstop        asked for: what trains is ended as it stands" in rest and "by the user" in rest
    result = json.loads(out)
    assert result["search"]["stopped_by"] == "user" and result["verdict"]["score"] > 0
    assert "for want of time" not in result["selection"]["reason"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_two_signals_stop_a_job_that_can_be_resumed(asked: Path) -> None:
    tables.write_plan(asked, trials=100_000)
    started = start(*TUNE, folder=asked)
    read_until(started, "growth")
    started.send_signal(signal.SIGINT)
    read_until(started, "The job comes to its end")
    started.send_signal(signal.SIGINT)
    out, rest = started.communicate(timeout=120)
    assert (started.returncode, out) == (130, ""), rest
    assert "goes on from where its end was asked for, with all trials" in rest and "Traceback" not in rest
    assert list((asked / "mlruns" / "receipts").iterdir()) == []
    assert find_stopped(Home(asked / "mlruns"), "last").run_id == job(asked).name


def start(*arguments: object, folder: Path) -> "subprocess.Popen[str]":
    def listen_to_ctrl_c() -> None:
        """What a shell starts in the background ignores Ctrl-C, and so do its children."""
        signal.signal(signal.SIGINT, signal.default_int_handler)

    return subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listen_to_ctrl_c,
    )


def read_until(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stderr
    for line in process.stderr:
        if line.startswith(word):
            return
    raise AssertionError(f"no line began with {word!r}")


@pytest.fixture
def stopped(asked: Path, here: Callable[..., Ended]) -> Path:
    """A job that was interrupted in the baseline."""
    with interrupted("StackEngine.train_epoch", 3):
        assert here(*TUNE).code == 130
    return asked


def test_the_same_request_again_offers_to_go_on(stopped: Path, here: Callable[..., Ended]) -> None:
    earlier = job(stopped).name
    with interrupted("StackEngine.train_epoch", 0):
        told = here(*TUNE).err
    assert f"`autoproc resume {earlier}` goes on with it; this one begins anew" in told
    with interrupted("StackEngine.train_epoch", 0):
        assert earlier not in here(*TUNE, "--seed", 3).err


def test_a_job_goes_on_with_the_rungs_that_had_room_when_it_began(stopped: Path, here: Callable[..., Ended]) -> None:
    head = job(stopped) / "journal" / "job.json"
    content = json.loads(head.read_text())
    assert content["n_rungs"] == len(tables.SMALL["growth"]["rungs"]) > 1
    head.write_text(json.dumps({**content, "n_rungs": 1}))
    result = json.loads(here("resume", "--json").out)
    assert len(result["growth"]["rungs"]) == 1


def test_a_job_is_resumed_by_one_process_at_a_time(stopped: Path, here: Callable[..., Ended]) -> None:
    lock = Home(stopped / "mlruns").hold(job(stopped).name)
    try:
        ended = here("resume")
    finally:
        lock.release()
    assert (ended.code, ended.out) == (2, "")
    assert "is still running" in ended.err


def test_a_table_that_has_changed_since_is_refused(stopped: Path, here: Callable[..., Ended]) -> None:
    tables.write(tables.table(seed=1), stopped / "table.csv")
    ended = here("resume", job(stopped).name[:6])
    assert (ended.code, ended.out) == (2, "")
    assert "must go on with the table that it began with" in ended.err
    tables.write(tables.table(), stopped / "table.csv")
    assert here("resume", "--quiet").code == 0
    again = here("resume")
    assert again.code == 2 and "has come to its end, so that there is nothing to resume" in again.err


def test_a_home_may_be_moved_before_its_job_goes_on(stopped: Path, here: Callable[..., Ended]) -> None:
    (stopped / "mlruns").rename(stopped / "elsewhere")
    ended = here("resume", "--home", "elsewhere", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["home"] == str(stopped / "elsewhere")


def test_a_job_of_a_data_frame_goes_on_in_python_with_that(asked: Path, here: Callable[..., Ended]) -> None:
    plan = {**tables.SMALL, "target": "failed"}
    with interrupted("StackEngine.train_epoch", 3), pytest.raises(KeyboardInterrupt):
        autoproc.tune(tables.table(), quiet=True, **plan)
    ended = here("resume")
    assert ended.code == 2 and "autoproc.resume(run, frame) in Python" in ended.err
    with pytest.raises(PlanError, match="must go on with the table"):
        autoproc.resume(frame=tables.table(seed=1), quiet=True)
    assert autoproc.resume(frame=tables.table(), quiet=True).content["verdict"]["score"] > 0


def test_without_a_journal_there_is_nothing_to_resume(asked: Path, here: Callable[..., Ended]) -> None:
    assert "There is no job in" in here("resume").err
    tables.write(tables.noise(), asked / "table.csv")
    assert here("tune", "table.csv", "--target", "y", "--config", "small.yaml").code == 3
    ended = here("resume")
    assert ended.code == 2 and "it has no journal" in ended.err
