"""Jobs that do not come to their end: no signal, an error of ours, Ctrl-C and SIGTERM."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import autoproc
from autoproc.errors import HomeError
from autoproc.finishing import winner_alone
from autoproc.tracking import names
from tests.end_to_end import tables
from tests.end_to_end.conftest import Ended, Record, command, environment

HURDLE = "The baseline network does not beat the dummy"


def job_folder(folder: Path) -> Path:
    [job] = (folder / "mlruns" / "jobs").iterdir()
    return job


def assert_closed(folder: Path, status: str) -> str:
    """The job's record is closed with `status`, and nothing runs any more: the job's description."""
    record = Record(folder / "mlruns")
    [parent] = record.parents
    assert parent.info.status == status
    assert parent.info.run_id == job_folder(folder).name
    assert {run.info.status for run in record.runs} <= {"FINISHED", status}
    assert list((folder / "mlruns" / "running").iterdir()) == []
    assert not (job_folder(folder) / "result.json").exists()
    return str(parent.data.tags[names.DESCRIPTION])


def test_a_target_without_signal_stops_the_job_with_advice(here: Callable[..., Ended], folder: Path) -> None:
    tables.write(tables.noise(), folder / "noise.csv")
    tables.write_plan(folder)
    ended = here("tune", "noise.csv", "--target", "y", "--config", "small.yaml", "--json")
    assert (ended.code, ended.out) == (3, "")
    assert "Traceback" not in ended.err
    last = ended.err.splitlines()[-1]
    assert last.startswith(f"autoproc: {HURDLE}") and "--force goes on anyway" in last
    text = assert_closed(folder, "FAILED")
    assert "**Stopped:** The baseline network does not beat the dummy" in text
    assert HURDLE in (job_folder(folder) / "job.log").read_text()
    assert list((folder / "mlruns" / "receipts").iterdir()) == []
    shown = here("show")
    assert shown.code == 2 and "has no result, because it did not come to its end" in shown.err
    assert HURDLE in shown.err and "--force goes on anyway" in shown.err
    predicted = here("predict", "last", "noise.csv")
    assert predicted.code == 2 and "has no model" in predicted.err and HURDLE in predicted.err


def test_force_goes_on_without_a_signal(here: Callable[..., Ended], folder: Path) -> None:
    tables.write(tables.noise(), folder / "noise.csv")
    tables.write_plan(folder)
    ended = here("tune", "noise.csv", "--target", "y", "--config", "small.yaml", "--quiet", "--force", "--trials", 2)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    [parent] = Record(folder / "mlruns").parents
    assert parent.info.status == "FINISHED"
    assert "**does not beat** the dummy" in parent.data.tags[names.DESCRIPTION]
    baseline = json.loads(here("show", "--json").out)["baseline"]
    assert not baseline["beats_dummy"] and baseline["reason"] in here("show").out
    [warning] = [text for text in json.loads(here("show", "--json").out)["warnings"] if HURDLE in text]
    assert "as --force asks" in warning
    assert "The baseline does not beat the dummy beyond noise" in (job_folder(folder) / "report.html").read_text()
    assert "**No signal:**" in (job_folder(folder) / "model" / "README.md").read_text()


def test_a_time_limit_that_leaves_nothing_for_training_is_told(here: Callable[..., Ended], folder: Path) -> None:
    tables.write(tables.table(), folder / "table.csv")
    tables.write_plan(folder, time_limit=0.01)
    ended = here("tune", "table.csv", "--target", "failed", "--config", "small.yaml", "--force", "--json")
    assert ended.code == 0, ended.err
    [warning] = [text for text in json.loads(ended.out)["warnings"] if text.startswith("Of the time limit of ")]
    assert "a longer --time-limit helps" in warning and warning in ended.err


def test_an_error_of_ours_keeps_its_traceback(
    here: Callable[..., Ended], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("the search is broken")

    monkeypatch.setattr("autoproc.steps.search.search_regularisation", broken)
    tables.write(tables.table(), folder / "table.csv")
    tables.write_plan(folder)
    ended = here("tune", "table.csv", "--target", "failed", "--config", "small.yaml", "--json")
    assert (ended.code, ended.out) == (1, "")
    assert "autoproc: this should not have happened; please report it" in ended.err
    assert "ZeroDivisionError: the search is broken" in ended.err
    log = (job_folder(folder) / "job.log").read_text()
    assert "Traceback (most recent call last)" in log and "ZeroDivisionError: the search is broken" in log
    last = ended.err.splitlines()[-1]
    assert last.startswith("The job's log has more: ") and f"{job_folder(folder) / 'job.log'}." in last
    assert f"`autoproc resume {job_folder(folder).name}` goes on from here." in last
    assert "**Stopped:** the search is broken" in assert_closed(folder, "FAILED")
    assert list((folder / "mlruns" / "receipts").iterdir()) == []


def test_an_error_while_the_holdout_is_scored_leaves_the_model(
    here: Callable[..., Ended], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("the holdout is broken")

    monkeypatch.setattr("autoproc.steps.verdict.score_holdout", broken)
    tables.write(tables.table(), folder / "table.csv")
    tables.write_plan(folder, trials=2)
    ended = here("tune", "table.csv", "--target", "failed", "--config", "small.yaml", "--json")
    assert (ended.code, ended.out) == (1, "")
    assert len(list((folder / "mlruns" / "receipts").iterdir())) == 1
    model = job_folder(folder) / "model"
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    assert "verdict" not in card and card["winner"]["score"] > 0
    assert len(autoproc.load(model).predict(tables.table())) == tables.N_ROWS
    assert here("predict", "last", "table.csv", "--out", "predicted.csv").code == 0
    assert "**Stopped:** the holdout is broken" in assert_closed(folder, "FAILED")


def test_the_model_and_all_that_is_scored_stand_before_the_receipt_is_written(
    here: Callable[..., Ended], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = []

    def noted(*arguments: Any) -> object:
        ready.append("the winner's networks")
        return winner_alone(*arguments)

    def broken(*arguments: object) -> None:
        assert (job_folder(folder) / "model" / "card.json").is_file()
        assert ready == ["the winner's networks"]
        raise ZeroDivisionError("no receipt")

    monkeypatch.setattr("autoproc.finishing.winner_alone", noted)
    monkeypatch.setattr("autoproc.process.write_receipt", broken)
    tables.write(tables.table(), folder / "table.csv")
    tables.write_plan(folder, trials=1)
    ended = here("tune", "table.csv", "--target", "failed", "--config", "small.yaml")
    assert ended.code == 1 and "ZeroDivisionError: no receipt" in ended.err
    assert list((folder / "mlruns" / "receipts").iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (HomeError("the disk is full"), 2, "FAILED"),
        (OSError("ours"), 1, "FAILED"),
        (KeyboardInterrupt(), 130, "KILLED"),
    ],
)
def test_an_error_before_the_job_has_its_folder_leaves_no_run_that_runs(
    error: BaseException,
    code: int,
    status: str,
    here: Callable[..., Ended],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("autoproc.tracking.home.Home.start_job", broken)
    tables.write(tables.table(), folder / "table.csv")
    tables.write_plan(folder)
    assert here("tune", "table.csv", "--target", "failed", "--config", "small.yaml").code == code
    assert [run.info.status for run in Record(folder / "mlruns").runs] == [status]
    assert list((folder / "mlruns" / "running").iterdir()) == []


def listen_to_ctrl_c() -> None:
    """What a shell starts in the background, these tests perhaps among it, ignores Ctrl-C, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_job_that_is_interrupted_closes_its_record(folder: Path, number: signal.Signals, code: int) -> None:
    tables.write(tables.table(), folder / "table.csv")
    tables.write_plan(folder, growth={**tables.SMALL["growth"], "max_epochs": 10**6, "patience": 10**6})
    arguments = command("tune", "table.csv", "--target", "failed", "--config", "small.yaml", "--json")
    job = subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listen_to_ctrl_c,
    )
    assert job.stdout and job.stderr
    told = ""
    for line in job.stderr:
        told += line
        if line.startswith("references"):  # what follows is growth that would take hours
            job.send_signal(number)
            break
    try:
        out, rest = job.communicate(timeout=120)
    finally:
        job.kill()
    assert (job.returncode, out) == (code, ""), told + rest
    assert "Traceback" not in rest and "Error" not in rest
    assert rest.splitlines()[-1] == "autoproc: interrupted"
    text = assert_closed(folder, "KILLED")
    assert "## Baseline" in text and "## Growth" not in text and "**Stopped:** interrupted" in text
    assert list((folder / "mlruns" / "receipts").iterdir()) == []
