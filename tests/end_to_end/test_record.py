"""The job read back through MLflow's own client: one parent, and a finished child for each training."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from mlflow.entities import Run

from autoproc.data.table import read_table
from autoproc.tracking import names
from autoproc.tracking.views import VIEW_TAG, charts_key, view_key, view_links
from tests.end_to_end import tables
from tests.end_to_end.conftest import Finished, Record, run_here
from tests.served import load_served

CURVES = (names.SCORE_VALIDATION, names.SCORE_TRAIN, names.LOSS_VALIDATION, names.LOSS_TRAIN, names.LEARNING_RATE)
STAGES = ("baseline", "reference", "growth", "trial", "overview", "fresh folds", "verdict")


@pytest.fixture
def record(binary: Finished) -> Record:
    return binary.record


@pytest.fixture
def parent(binary: Finished, record: Record) -> Run:
    return record.client.get_run(binary.result["run_id"])


def children(record: Record, parent: Run, stage: str) -> list[Run]:
    return record.children(parent.info.run_id, stage)


def test_a_job_is_one_parent_run_in_the_tables_experiment(binary: Finished, record: Record, parent: Run) -> None:
    assert [run.info.run_id for run in record.parents] == [parent.info.run_id]
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name.startswith("table, ")
    experiment = record.client.get_experiment(parent.info.experiment_id)
    assert experiment.name == binary.result["experiment"] == "table: failed"
    tags = parent.data.tags
    assert (tags[names.STAGE], tags[names.TASK], tags[names.DATA]) == (names.JOB_STAGE, "binary", "table")


@pytest.mark.parametrize("task", tables.TARGETS)
def test_no_run_is_left_running(jobs: Callable[[str], Finished], task: str) -> None:
    assert {run.info.status for run in jobs(task).record.runs} == {"FINISHED"}


@pytest.mark.parametrize("task", tables.TARGETS)
def test_there_is_one_child_for_each_rate_rung_and_trial_and_the_verdict(
    jobs: Callable[[str], Finished], task: str
) -> None:
    finished = jobs(task)
    counts = [len(finished.record.children(finished.result["run_id"], stage)) for stage in STAGES]
    n_factors, n_rungs = len(tables.SMALL["growth"]["learning_rate_factors"]), len(finished.result["growth"]["rungs"])
    n_finalists = len(finished.result["selection"]["finalists"])
    n_rates = len(tables.SMALL["baseline"]["learning_rates"])
    assert counts == [n_rates, 3, n_factors * n_rungs, tables.SMALL["trials"], 1 + n_finalists, n_finalists, 1]
    assert len(finished.record.runs) == 1 + sum(counts)


@pytest.mark.parametrize("stage", ["baseline", "growth", "trial"])
def test_a_training_has_its_parameters_and_curves_as_long_as_its_epochs(
    record: Record, parent: Run, stage: str
) -> None:
    for run in children(record, parent, stage):
        assert {"depth", "width", "optimizer", "learning_rate", "dropout", "batch_size"} <= run.data.params.keys()
        n_epochs = run.data.metrics[names.EPOCHS]
        assert n_epochs >= 1
        assert {len(record.curve(run, name)) for name in CURVES} == {n_epochs}
        assert run.info.end_time >= run.info.start_time


def test_a_training_has_a_score_for_each_fold(record: Record, parent: Run) -> None:
    for stage in ("baseline", "growth", "trial"):
        for run in children(record, parent, stage):
            folds = [run.data.metrics[names.fold_score(fold)] for fold in (1, 2, 3)]
            assert names.fold_score(4) not in run.data.metrics
            assert run.data.metrics[names.SCORE] == pytest.approx(sum(folds) / 3)


def test_baseline_children_are_the_learning_rates(binary: Finished, record: Record, parent: Run) -> None:
    rates = [float(run.data.params["learning_rate"]) for run in children(record, parent, "baseline")]
    assert rates == tables.SMALL["baseline"]["learning_rates"]
    scores = [run.data.metrics[names.SCORE] for run in children(record, parent, "baseline")]
    assert max(scores) == binary.result["baseline"]["network"]


def test_growth_children_are_the_rungs_at_each_learning_rate(binary: Finished, record: Record, parent: Run) -> None:
    runs, rungs = children(record, parent, "growth"), binary.result["growth"]["rungs"]
    judged, others = ([run for run in runs if (", learning rate" in run.info.run_name) == other] for other in (0, 1))
    assert [run.info.run_name for run in judged] == ["growth 1: 1 x 4", "growth 2: 1 x 8"]
    for run, best in zip(others, judged, strict=True):
        rate = float(run.data.params["learning_rate"])
        assert run.info.run_name == f"{best.info.run_name}, learning rate {rate:g}"
        assert run.data.tags[names.STATE] == "not the rung's best"
        assert run.data.metrics[names.SCORE] <= best.data.metrics[names.SCORE]
        assert run.data.params["width"] == best.data.params["width"]
        assert rate != float(best.data.params["learning_rate"])
    for run, rung in zip(judged, rungs, strict=True):
        assert run.data.metrics[names.SCORE] == rung["score"]
        assert run.data.metrics[names.EPOCHS] == rung["n_epochs"]
        assert (run.data.tags[names.STATE] == "overfits") == rung["overfit"]
        assert run.data.tags[names.REASON] == rung["reason"]


def test_trial_children_have_their_states_and_the_best_is_among_them(
    binary: Finished, record: Record, parent: Run
) -> None:
    runs, search = children(record, parent, "trial"), binary.result["search"]
    assert [run.info.run_name for run in runs] == [f"trial {number}" for number in range(search["n_trials"])]
    states = [run.data.tags[names.STATE] for run in runs]
    assert (states.count("pruned"), states.count("failed")) == (search["n_pruned"], search["n_failed"])
    assert all(run.data.tags[names.REASON] for run, state in zip(runs, states, strict=True) if state != "complete")
    best = runs[search["best"]["number"]]
    assert best.data.tags[names.STATE] == "complete"
    assert best.data.metrics[names.SCORE] == search["best"]["score"]
    assert best.data.params == {name: str(value) for name, value in search["best"]["params"].items()}


def test_the_finalists_have_a_child_each_on_fresh_folds(binary: Finished, record: Record, parent: Run) -> None:
    runs = {run.info.run_name: run for run in children(record, parent, "fresh folds")}
    for finalist in binary.result["selection"]["finalists"]:
        run = runs[f"fresh folds: trial {finalist['number']}"]
        assert run.data.metrics[names.SCORE] == finalist["fresh"]["score"]
        assert run.data.params == {name: str(value) for name, value in finalist["params"].items()}


def test_the_verdict_stands_with_its_child_and_with_the_job(binary: Finished, record: Record, parent: Run) -> None:
    [child] = children(record, parent, "verdict")
    verdict = binary.result["verdict"]
    for run in (child, parent):
        assert run.data.metrics[names.HOLDOUT] == verdict["score"]
        assert [run.data.metrics[name] for name in (names.HOLDOUT_LOWER, names.HOLDOUT_UPPER)] == verdict["interval"]
        assert run.data.metrics["holdout/recall"] == verdict["beside"]["recall"]["score"]
    assert child.data.metrics[names.DUMMY] == verdict["dummy"]
    assert child.data.tags[names.RECEIPT_KEY] == verdict["receipt"]["key"]
    assert child.data.tags[names.RECEIPT_OPENING] == "1"
    winner = binary.result["selection"]["winner"]
    assert parent.data.metrics[names.SCORE] == winner["score"]
    assert parent.data.metrics[names.FRESH] == winner["fresh"]["score"]
    assert parent.data.metrics[names.OPTIMISM_HOLDOUT] == verdict["optimism"]["score"]


def test_the_description_tells_the_verdict_and_the_decisions(binary: Finished, parent: Run) -> None:
    text = parent.data.tags[names.DESCRIPTION]
    assert f"**{binary.result['verdict']['score']:.3f} (95 %:" in text
    for told in ("## Holdout", "## Use the model", "## Baseline", "## Growth", "## Search", "48 rows"):
        assert told in text
    assert "not complete" not in text and "Stopped" not in text
    assert str(binary.model) in text and "Took " in text


def test_the_record_keeps_plan_result_and_model(binary: Finished, record: Record, parent: Run, tmp_path: Path) -> None:
    kept = Path(record.client.download_artifacts(parent.info.run_id, "", str(tmp_path)))
    assert {"plan.yaml", "space.yaml", "result.json", "model", "report.html"} <= {path.name for path in kept.iterdir()}
    assert json.loads((kept / "result.json").read_text(encoding="utf-8")) == binary.result
    assert (kept / "plan.yaml").read_text() == (binary.job / "plan.yaml").read_text()
    files = {path.name: path.read_bytes() for path in (kept / "model").iterdir()}
    assert files == {path.name: path.read_bytes() for path in binary.model.iterdir()} and "README.md" in files
    assert yaml.safe_load((kept / "plan.yaml").read_text())["metric"] == [binary.result["metric"]["name"]]


def test_the_record_says_what_the_job_was_made_of(binary: Finished, parent: Run) -> None:
    tags = parent.data.tags
    assert tags[names.TABLE] == binary.result["data"]["fingerprint"]
    assert len(tags[names.SPLITS]) == 64
    assert "torch " in tags[names.VERSIONS] and tags[names.HARDWARE].startswith("cpu; ")


def test_the_model_is_one_that_mlflow_loads(binary: Finished, record: Record, parent: Run, tmp_path: Path) -> None:
    [output] = parent.outputs.model_outputs
    folder = record.client.get_logged_model(output.model_id).artifact_location
    served = load_served(folder)
    ended = run_here("predict", binary.model, binary.folder / "table.csv", "--out", tmp_path / "p.parquet")
    assert (ended.code, ended.err) == (0, f"{tmp_path / 'p.parquet'}: predictions of {tables.N_ROWS} rows\n")
    frame = read_table(str(binary.folder / "table.csv")).frame
    pd.testing.assert_frame_equal(served.predict(frame), pd.read_parquet(tmp_path / "p.parquet"))
    assert record.client.search_registered_models() == []
    assert {path.name for path in binary.job.iterdir()} == {
        "job.log", "model", "plan.yaml", "report.html", "report.json", "result.json", "space.yaml",
        "started_at",
    }  # fmt: skip


def test_the_table_is_the_jobs_input_without_its_cells(binary: Finished, parent: Run) -> None:
    [table] = parent.inputs.dataset_inputs
    assert table.dataset.name == "table"
    assert binary.result["data"]["fingerprint"].startswith(table.dataset.digest)
    assert json.loads(table.dataset.profile)["num_rows"] == tables.N_ROWS
    assert "town 1" not in str(table.to_dictionary())


def test_the_experiment_has_saved_views_of_the_job_which_its_page_links_to(record: Record, parent: Run) -> None:
    tags = record.client.get_experiment(parent.info.experiment_id).tags
    for key in (view_key(parent.info.run_id), charts_key(parent.info.run_id)):
        view = json.loads(tags[VIEW_TAG + key])
        assert parent.info.run_id in json.loads(view["state"])["searchFilter"]
    for link in view_links(".", parent.info.experiment_id, parent.info.run_id):
        assert f"]({link.address})" in parent.data.tags[names.DESCRIPTION]


def test_the_charts_are_of_the_best_trials_and_what_was_searched(binary: Finished, record: Record, parent: Run) -> None:
    tags = record.client.get_experiment(parent.info.experiment_id).tags
    state = json.loads(json.loads(tags[VIEW_TAG + charts_key(parent.info.run_id)])["state"])
    keys = {key for chart in state["compareRunCharts"] for key in chart.get("selectedMetricKeys", ())}
    *leaders, overview = children(record, parent, "overview")
    assert keys | {names.TRIAL_SCORE} == overview.data.metrics.keys() | leaders[0].data.metrics.keys()
    (parallel,) = (chart for chart in state["compareRunCharts"] if chart["type"] == "PARALLEL")
    assert set(parallel["selectedParams"]) <= children(record, parent, "trial")[0].data.params.keys()
    assert record.curve(overview, names.SEARCH_BEST)[-1] == pytest.approx(binary.result["search"]["best"]["score"])
