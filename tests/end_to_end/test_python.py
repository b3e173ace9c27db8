"""The same from Python: `tune` takes a frame or a file, `load` gives what predicts, errors are AutoprocErrors."""

import gc
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import autoproc
from autoproc.errors import AutoprocError, DataError, NoSignalError, PlanError
from tests.end_to_end import tables
from tests.end_to_end.conftest import Record, Recording


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Keywords for a job of seconds, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return {**tables.SMALL, "trials": 2, "home": tmp_path / "jobs", "quiet": True}


def test_a_frame_is_tuned_and_its_model_predicts(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    frame = tables.table("multiclass").assign(new=np.arange(tables.N_ROWS) % 3 == 0)
    before = frame.copy()
    result = autoproc.tune(frame, "grade", quiet=True, **{**tables.SMALL, "trials": 2, "force": True})
    assert capfd.readouterr() == ("", "")
    pd.testing.assert_frame_equal(frame, before)
    assert result.to_json()["problem"]["n_features"] == 6
    assert result.home == folder / "mlruns"
    assert result.model_path == folder / "mlruns" / "jobs" / result.run_id / "model"
    predicted = autoproc.load(result.model_path).predict(frame.drop(columns="grade"))
    assert set(predicted["grade"]) <= {0, 1, 2}
    [parent] = Record(result.home).parents
    assert (parent.info.run_id, parent.info.status) == (result.run_id, "FINISHED")


def test_a_frame_and_its_file_are_the_same_table(recorded: list[Recording], quick: dict[str, Any]) -> None:
    frame = tables.table("regression")
    path = tables.write(frame, Path("table.csv"))
    first = autoproc.tune(frame, "price", **quick).to_json()
    again = autoproc.tune(path, ["price"], **quick, reopen_holdout="to compare").to_json()
    assert first["data"]["fingerprint"] == again["data"]["fingerprint"]
    for step in ("problem", "metric", "protocol", "baseline", "growth", "search"):
        assert first[step] == again[step], step
    assert again["verdict"]["receipt"]["opening"] == 2


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not tell what is open")
def test_jobs_one_after_the_other_leave_no_threads_or_files_open(folder: Path) -> None:
    """With MLflow, whose connections are what would stay; the first job loads what is there for good."""
    least = {**tables.SMALL, "trials": 1, "growth": {**tables.SMALL["growth"], "rungs": [[1, 4]]}, "force": True}
    counts = []
    for seed in range(3):
        autoproc.tune(tables.table("regression", seed=seed), "price", quiet=True, **least)
        gc.collect()
        counts.append((threading.active_count(), sorted(os.readlink(each) for each in open_files())))
    assert counts[1] == counts[2]


def open_files() -> list[Path]:
    """But for the one that lists them."""
    return [each for each in Path("/proc/self/fd").iterdir() if each.exists()]


def test_several_targets_and_columns_that_are_numbers(recorded: list[Recording], quick: dict[str, Any]) -> None:
    frame = tables.table("vector_regression").rename(columns={"heat": 7, "cold": 8})
    result = autoproc.tune(frame, [7, 8], **quick)  # type: ignore[list-item]
    predicted = autoproc.load(str(result.model_path)).predict(frame)
    assert list(predicted.columns) == ["7", "8"]


def test_decisions_are_told_on_standard_error(
    recorded: list[Recording], quick: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    autoproc.tune(tables.table("regression"), "price", **{**quick, "quiet": False})
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("start       loading the libraries\ntable       frame: 240 rows")
    assert "\nholdout     opened once" in err


@pytest.mark.parametrize(
    ("data", "asked", "kind", "message"),
    [
        (tables.table(), {"target": "fialed"}, DataError, "Did you mean 'failed'?"),
        (tables.table(), {"trails": 3}, PlanError, "Did you mean 'trials'?"),
        (tables.table(), {"target": []}, PlanError, "No target is named"),
        ("nowhere.csv", {}, DataError, "There is no file nowhere.csv"),
        (Path("nowhere.csv"), {}, DataError, "There is no file nowhere.csv"),
        (np.zeros((20, 3)), {}, DataError, "must be a file or a pandas DataFrame, but are a ndarray"),
        (tables.table()["load"], {}, DataError, "but are a Series"),
        (None, {}, PlanError, "No table was named"),
        (pd.DataFrame(), {}, DataError, "is empty"),
        (tables.table().iloc[:0], {}, DataError, "is empty"),
    ],
)
def test_what_the_user_can_mend_is_an_error_of_ours(
    quick: dict[str, Any], data: Any, asked: dict[str, Any], kind: type[AutoprocError], message: str
) -> None:
    with pytest.raises(kind, match=message.replace("?", r"\?")) as caught:
        autoproc.tune(data, **{**quick, "target": "failed", **asked})
    assert isinstance(caught.value, AutoprocError)
    assert "\n" not in str(caught.value)
    assert not (quick["home"] / "jobs").exists()


def test_no_signal_is_an_error_too(recorded: list[Recording], quick: dict[str, Any]) -> None:
    with pytest.raises(NoSignalError, match="does not beat the dummy"):
        autoproc.tune(tables.noise(), "y", **quick)
    assert recorded[0].status == "FAILED"


def test_ctrl_c_reaches_the_caller(
    recorded: list[Recording], quick: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("autoproc.steps.growth.grow_until_overfit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        autoproc.tune(tables.table(), "failed", **quick)
    assert recorded[0].status == "KILLED"
    [job] = (quick["home"] / "jobs").iterdir()
    assert "interrupted" in (job / "job.log").read_text()
