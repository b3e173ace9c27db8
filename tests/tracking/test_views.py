import json
from typing import Any

import pytest
from mlflow import MlflowClient

from autoproc.tracking import names
from autoproc.tracking.mlflow_tracker import MlflowTracker
from autoproc.tracking.tracker import Child
from autoproc.tracking.views import MAX_VIEW, VIEW_TAG, view_key, view_path


def saved_view(client: MlflowClient, tracker: MlflowTracker) -> dict[str, Any]:
    experiment = client.get_experiment(client.get_run(tracker.run_id).info.experiment_id)
    text = experiment.tags[VIEW_TAG + view_key(tracker.run_id)]
    assert len(text) <= MAX_VIEW
    view: dict[str, Any] = json.loads(text)
    assert set(view) == {"name", "createdAt", "updatedAt", "state"}
    return view


def test_a_view_is_json_in_json_with_the_columns_that_matter(tracker: MlflowTracker, client: MlflowClient) -> None:
    tracker.save_view('a "title"', "maximize")
    view = saved_view(client, tracker)
    state = json.loads(view["state"])
    assert view["name"] == 'a "title"'
    assert f"metrics.`{names.SCORE}`" in state["selectedColumns"]
    assert "params.`learning_rate`" in state["selectedColumns"]
    sections = {section["uuid"] for section in state["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in state["compareRunCharts"]} <= sections
    assert len({chart["uuid"] for chart in state["compareRunCharts"]}) == len(state["compareRunCharts"])


@pytest.mark.parametrize(("direction", "best_first"), [("maximize", [0.9, 0.5, 0.1]), ("minimize", [0.1, 0.5, 0.9])])
def test_mlflow_reads_the_views_filter_and_order(
    direction: Any, best_first: list[float], tracker: MlflowTracker, client: MlflowClient
) -> None:
    for score in (0.5, 0.9, 0.1):
        tracker.record(Child("t", "trial", "complete", 0, 1, metrics={names.SCORE: score}))
    tracker.save_view("view", direction)
    state = json.loads(saved_view(client, tracker)["state"])
    order = f"{state['orderByKey']} {'ASC' if state['orderByAsc'] else 'DESC'}"
    experiment_id = client.get_run(tracker.run_id).info.experiment_id
    runs = client.search_runs([experiment_id], state["searchFilter"], order_by=[order])
    assert [run.data.metrics[names.SCORE] for run in runs] == best_first


def test_the_link_opens_the_jobs_own_view(tracker: MlflowTracker, client: MlflowClient) -> None:
    experiment_id = client.get_run(tracker.run_id).info.experiment_id
    assert tracker.view_path == view_path(experiment_id, tracker.run_id)
    assert tracker.view_path == (
        f"/#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey=autoproc-{tracker.run_id}"
    )
