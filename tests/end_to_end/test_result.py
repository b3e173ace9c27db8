"""What a finished job leaves behind, for each task: its JSON, its folder, and a model to use."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import autoproc
from autoproc.progress import layout
from tests.end_to_end import tables
from tests.end_to_end.conftest import Ended, Finished

KEYS: dict[str, set[str]] = {
    "": {
        "run_id", "experiment", "home", "problem", "metric", "protocol", "baseline", "references", "growth", "search",
        "verdict", "model", "seconds",
    },
    "problem": {"task", "target", "n_rows", "n_features", "columns"},
    "metric": {"name", "direction", "reason"},
    "protocol": {"kind", "folds", "repeats", "reason", "n_development", "n_holdout"},
    "baseline": {"dummy", "network", "beats_dummy"},
    "growth": {"rungs", "verdict"},
    "growth.verdict": {"overfit", "rung", "epoch", "evidence", "reason"},
    "search": {"n_trials", "n_pruned", "n_failed", "best"},
    "search.best": {"params", "score", "standard_error"},
    "verdict": {"metric", "score", "interval", "cross_validated", "dummy", "receipt"},
    "model": {"path"},
}  # fmt: skip
METRIC = {
    "binary": "average_precision",
    "multiclass": "accuracy",
    "regression": "rmse",
    "vector_regression": "rmse",
}


@pytest.fixture(params=tables.TARGETS)
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def finished(jobs: Callable[[str], Finished], task: str) -> Finished:
    return jobs(task)


def test_the_result_has_every_key_that_was_promised(finished: Finished) -> None:
    for place, keys in KEYS.items():
        section = finished.result
        for name in filter(None, place.split(".")):
            section = section[name]
        assert keys <= section.keys(), place


def test_the_result_file_equals_what_was_printed(finished: Finished) -> None:
    assert json.loads((finished.job / "result.json").read_text(encoding="utf-8")) == finished.result


def test_the_task_its_metric_and_its_columns_are_found(finished: Finished, task: str) -> None:
    problem = finished.result["problem"]
    assert (problem["task"], problem["target"]) == (task, list(tables.TARGETS[task]))
    assert (problem["n_rows"], problem["n_features"]) == (tables.N_ROWS, len(tables.FEATURES))
    kinds = {column["name"]: column["kind"] for column in problem["columns"]}
    assert list(kinds) == list(tables.FEATURES)
    assert list(kinds.values()) == ["numeric", "numeric", "categorical", "categorical", "datetime"]
    assert finished.result["metric"]["name"] == METRIC[task] == finished.result["verdict"]["metric"]


def test_rows_are_divided_as_asked(finished: Finished) -> None:
    protocol = finished.result["protocol"]
    assert (protocol["kind"], protocol["folds"], protocol["repeats"]) == ("k_fold", 3, 1)
    assert (protocol["n_development"], protocol["n_holdout"]) == (192, 48)
    assert finished.result["verdict"]["n_rows"] == 48


def test_networks_are_better_than_the_dummy_and_the_numbers_hang_together(finished: Finished) -> None:
    result, sign = finished.result, 1 if finished.result["metric"]["direction"] == "maximize" else -1
    baseline, search, verdict = result["baseline"], result["search"], result["verdict"]
    assert baseline["beats_dummy"] and sign * (baseline["network"] - baseline["dummy"]) > 0
    assert sign * (search["best"]["score"] - baseline["dummy"]) > 0
    assert sign * (verdict["score"] - verdict["dummy"]) > 0
    low, high = verdict["interval"]
    assert low <= verdict["score"] <= high
    selection = result["selection"]
    assert selection["finalists"][0]["score"] == search["best"]["score"]
    assert selection["winner"] in selection["finalists"] and all(each["fresh"] for each in selection["finalists"])
    assert verdict["cross_validated"] == selection["winner"]["score"]
    assert verdict["fresh"] == selection["winner"]["fresh"]
    assert verdict["optimism"]["score"] == pytest.approx(
        sign * (verdict["fresh"]["score"] - verdict["single"]["score"])
    )
    assert search["n_trials"] == 5
    assert [rung["number"] for rung in result["growth"]["rungs"]] == [0, 1]
    assert result["growth"]["verdict"]["reason"]


def test_every_step_has_its_seconds(finished: Finished) -> None:
    seconds = finished.result["seconds"]
    assert {"baseline", "growth", "search", "holdout", "export", "report"} <= seconds.keys()
    assert all(isinstance(value, float) and value >= 0 for value in seconds.values())


def test_a_job_folder_holds_plan_log_model_and_result(finished: Finished) -> None:
    assert {path.name for path in finished.job.iterdir()} == {
        "started_at", "plan.yaml", "job.log", "model", "result.json", "report.json", "report.html",
        "space.yaml",
    }  # fmt: skip
    assert finished.result["model"]["path"] == str(finished.model)
    assert finished.result["home"] == str(finished.home)
    log = (finished.job / "job.log").read_text(encoding="utf-8")
    steps = ("table", "problem", "metric", "protocol", "baseline", "references", "growth", "search", "fresh folds",
             "holdout", "model")  # fmt: skip
    for step in steps:
        assert f" {step} " in log


def test_one_receipt_says_that_the_holdout_was_opened_once(finished: Finished) -> None:
    receipt = finished.result["verdict"]["receipt"]
    [path] = (finished.home / "receipts").iterdir()
    assert (receipt["path"], receipt["opening"], receipt["reason"]) == (str(path), 1, None)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert (written["key"], written["run_id"]) == (receipt["key"], finished.result["run_id"])


def test_the_models_card_has_the_verdict(finished: Finished) -> None:
    card = json.loads((finished.model / "card.json").read_text(encoding="utf-8"))
    assert card["verdict"] == finished.result["verdict"]
    assert card["winner"] == finished.result["selection"]["winner"]


def test_the_models_readme_tells_the_verdict_and_what_training_saw(finished: Finished, task: str) -> None:
    text = (finished.model / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---\n")[1])
    [result] = front["model-index"][0]["results"]
    verdict = finished.result["verdict"]
    assert (result["metrics"][0]["type"], result["metrics"][0]["value"]) == (verdict["metric"], verdict["score"])
    assert "this model, on the holdout" in text and "| town | categories | town " in text
    assert autoproc.load(finished.model).drift(tables.table(task)) == ()


def test_nothing_is_left_that_says_a_job_is_running(finished: Finished) -> None:
    assert list((finished.home / "running").iterdir()) == []
    assert not [path for path in finished.home.rglob("*") if path.name.endswith(".tmp") or "unfinished" in path.name]


def test_the_model_predicts_the_holdout_as_well_as_the_verdict_says(finished: Finished, task: str) -> None:
    model = autoproc.load(finished.result["model"]["path"])
    predicted = model.predict(tables.table(task))
    assert len(predicted) == tables.N_ROWS
    assert list(predicted.columns[: len(tables.TARGETS[task])]) == list(tables.TARGETS[task])
    truth = tables.table(task)[list(tables.TARGETS[task])]
    if task in ("binary", "multiclass"):
        assert predicted.dtypes.iloc[0] == truth.dtypes.iloc[0]
        hits = predicted.iloc[:, 0] == truth.iloc[:, 0]  # by class, for a rare one has a threshold of its own
        assert hits.groupby(truth.iloc[:, 0]).mean().mean() > 1 / truth.iloc[:, 0].nunique() + 0.15
    else:
        errors = predicted.to_numpy() - truth.to_numpy()
        assert (np.square(errors).mean(axis=0) < truth.var().to_numpy()).all()


def test_standard_error_tells_the_steps_and_nothing_else(finished: Finished, task: str) -> None:
    steps = [line.split()[0] for line in finished.ended.err.splitlines() if not line.startswith(" ")]
    assert steps == [
        "start", "table", "problem", "metric", "protocol", "note", "baseline", "references", "growth", "search",
        "fresh", *(["calibration"] if task in ("binary", "multiclass") else []), "holdout", "result", "model", "next",
    ]  # fmt: skip
    assert "Column 'sold' holds times" in finished.ended.err
    assert "\x1b" not in finished.ended.err


def test_show_tells_the_result_again(binary: Finished, here: Callable[..., Ended]) -> None:
    shown = here("show", "--home", binary.home)
    assert shown.code == 0 and shown.err == ""
    assert binary.result["run_id"] in shown.out
    told = [layout(each["step"], each["text"]) for each in binary.result["told"]]
    seen = "\n".join(told)
    assert seen in shown.out
    assert binary.ended.err.partition("\n")[2].startswith(f"{seen}\nnext"), "all that the terminal said"
    assert binary.result["warnings"] == [each["text"] for each in binary.result["told"] if each["step"] == "warning"]
    as_json = here("show", binary.result["run_id"][:6], "--json", "--home", binary.home)
    assert json.loads(as_json.out) == binary.result


def test_predictions_of_a_file_are_written_where_they_are_wanted(
    binary: Finished, here: Callable[..., Ended], folder: Path
) -> None:
    table = tables.table().drop(columns="failed")[["town", *(set(tables.FEATURES) - {"town"})]].assign(more=1)
    table.to_csv("new.csv", index=False)
    table.to_parquet("new.parquet")
    printed = here("predict", "last", "new.csv", "--home", binary.home)
    assert printed.code == 0 and printed.err == ""
    assert here("predict", binary.model, "new.parquet", "-o", "p.parquet").code == 0
    assert here("predict", binary.result["run_id"], "new.csv", "-o", "p.csv", "--home", binary.home).code == 0
    with open("p.csv", encoding="utf-8", newline="") as file:
        assert file.read() == printed.out
    wanted = autoproc.load(binary.model).predict(table)
    pd.testing.assert_frame_equal(pd.read_parquet("p.parquet"), wanted)
    pd.testing.assert_frame_equal(pd.read_csv("p.csv"), wanted)


@pytest.mark.parametrize("name", ["mine", "mine.zip"])
def test_an_exported_model_stands_on_its_own(
    binary: Finished, here: Callable[..., Ended], folder: Path, name: str
) -> None:
    assert here("export", "last", name, "--home", binary.home).code == 0
    assert here("export", "last", name, "--home", binary.home).code == 2
    assert here("export", "last", name, "--home", binary.home, "--overwrite").code == 0
    rows = tables.table().drop(columns="failed")
    pd.testing.assert_frame_equal(autoproc.load(name).predict(rows), autoproc.load(binary.model).predict(rows))


def test_inspect_agrees_with_what_was_then_done(binary: Finished, here: Callable[..., Ended]) -> None:
    arguments = ("inspect", binary.folder / "table.csv", "--target", "failed", "--folds", 3, "--protocol", "k_fold")
    seen = json.loads(here(*arguments, "--json").out)
    assert {step: binary.result[step] for step in ("problem", "metric", "protocol")} == {
        step: seen[step] for step in ("problem", "metric", "protocol")
    }
    told = here(*arguments)
    assert told.code == 0 and told.err == ""
    assert binary.result["metric"]["reason"] in told.out
