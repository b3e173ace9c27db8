import json
from typing import Any

import pytest
from mlflow import MlflowClient

from autoproc.tracking import names
from autoproc.tracking.mlflow_tracker import MlflowTracker
from autoproc.tracking.tracker import Child
from autoproc.tracking.views import (
    MAX_SCATTERS,
    MAX_VIEW,
    VIEW_TAG,
    JobView,
    charts_key,
    view_key,
    view_links,
    view_tags,
)

SEARCHED = ("learning_rate", "dropout")
VIEW = JobView('a "title"', "maximize", SEARCHED, ("scheduler.gamma",))


def read(text: str) -> tuple[str, dict[str, Any]]:
    """A saved view's name and state."""
    assert len(text) <= MAX_VIEW
    view = json.loads(text)
    assert set(view) == {"name", "createdAt", "updatedAt", "state"}
    return view["name"], json.loads(view["state"])


def states(view: JobView = VIEW) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of the two views of the job `run`: the table and the charts."""
    tags = view_tags("run", view)
    return read(tags[VIEW_TAG + view_key("run")])[1], read(tags[VIEW_TAG + charts_key("run")])[1]


def charts_of(state: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [chart for chart in state["compareRunCharts"] if chart["type"] == kind and not chart["deleted"]]


def test_the_views_are_kept_with_the_experiment_as_json_in_json(tracker: MlflowTracker, client: MlflowClient) -> None:
    tracker.save_views(VIEW)
    tracker.wait()
    tags = client.get_experiment(tracker.experiment_id).tags
    assert read(tags[VIEW_TAG + view_key(tracker.run_id)])[0] == 'a "title"'
    assert read(tags[VIEW_TAG + charts_key(tracker.run_id)])[0] == 'a "title": charts'


def test_the_table_has_columns_for_what_was_searched_and_no_other_parameter() -> None:
    columns = states()[0]["selectedColumns"]
    assert columns[:4] == [
        f"tags.`{names.STAGE}`",
        f"tags.`{names.STATE}`",
        f"metrics.`{names.SCORE}`",
        f"metrics.`{names.STANDARD_ERROR}`",
    ]
    assert f"metrics.`{names.EPOCHS}`" in columns
    parameters = [column for column in columns if column.startswith("params.")]
    assert parameters == ["params.`learning_rate`", "params.`dropout`", "params.`scheduler.gamma`"]


def test_the_tables_columns_have_an_order_and_widths() -> None:
    state = states()[0]
    assert [column for column in state["columnOrder"] if column in state["selectedColumns"]] == state["selectedColumns"]
    assert state["columnWidths"].keys() == set(state["columnOrder"])


def test_each_chart_stands_in_a_section_of_the_view() -> None:
    state = states()[1]
    sections = {section["uuid"] for section in state["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in state["compareRunCharts"]} <= sections
    assert len({chart["uuid"] for chart in state["compareRunCharts"]}) == len(state["compareRunCharts"])


def test_the_charts_show_the_search_its_parameters_the_best_trials_and_growth() -> None:
    state = states()[1]
    (parallel,) = charts_of(state, "PARALLEL")
    assert (parallel["selectedParams"], parallel["selectedMetrics"]) == (list(SEARCHED), [names.TRIAL_SCORE])
    axes = [(chart["xaxis"]["key"], chart["yaxis"]["key"]) for chart in charts_of(state, "SCATTER")]
    assert axes == [(name, names.TRIAL_SCORE) for name in (names.TRIAL_NUMBER, *SEARCHED)]
    assert [chart["selectedMetricKeys"] for chart in charts_of(state, "LINE")] == [
        [names.SEARCH_BEST, names.SEARCH_SCORE],
        [names.LEADER_VALIDATION, names.LEADER_TRAIN],
        [names.GROWTH_VALIDATION, names.GROWTH_TRAIN],
    ]


def test_where_nothing_is_searched_there_are_no_charts_of_parameters() -> None:
    sections = states(JobView("t", "minimize", ()))[1]["compareRunSections"]
    assert [section["name"] for section in sections if section["display"]] == [
        "Search",
        "Best trials",
        "Growth, rung by rung",
    ]


def test_mlflow_adds_no_chart_of_its_own_but_in_closed_sections() -> None:
    """It adds one for each metric that no chart has first, into the section of the name's prefix."""
    state = states()[1]
    have_one = {chart["metricKey"] for chart in state["compareRunCharts"] if "metricKey" in chart}
    closed = {section["name"] for section in state["compareRunSections"] if not section["display"]}
    recorded = {value for name, value in vars(names).items() if name.isupper() and "/" in str(value)}
    job = {name for name in recorded if name.split("/")[0] in ("job", "fresh", "optimism", "calibration")}
    assert {name.split("/")[0] for name in recorded - have_one - job} <= closed


def test_of_many_parameters_the_first_have_a_chart_of_their_own() -> None:
    many = [f"parameter {number}" for number in range(20)]
    scatters = charts_of(states(JobView("t", "minimize", many))[1], "SCATTER")
    assert [chart["xaxis"]["key"] for chart in scatters[1:]] == many[:MAX_SCATTERS]


def test_a_view_that_mlflow_has_no_room_for_is_left_out() -> None:
    assert view_tags("run", JobView("t", "minimize", ["x" * MAX_VIEW])) == {}


@pytest.mark.parametrize(("direction", "best_first"), [("maximize", [0.9, 0.5, 0.1]), ("minimize", [0.1, 0.5, 0.9])])
def test_mlflow_reads_the_views_filter_and_order(
    direction: Any, best_first: list[float], tracker: MlflowTracker, client: MlflowClient
) -> None:
    for score in (0.5, 0.9, 0.1):
        metrics = {names.SCORE: score, names.TRIAL_SCORE: score}
        tracker.record(Child("t", "trial", "complete", 0, 1, metrics=metrics))
    best = {names.TRIAL_SCORE: best_first[0]}
    tracker.record(Child("o", "overview", "complete", 2, 2, metrics=best))
    tracker.save_views(JobView("view", direction, SEARCHED))
    tracker.wait()
    tags = client.get_experiment(tracker.experiment_id).tags

    def listed(key: str) -> list[Any]:
        _, state = read(tags[VIEW_TAG + key])
        order = f"{state['orderByKey']} {'ASC' if state['orderByAsc'] else 'DESC'}"
        return list(client.search_runs([tracker.experiment_id], state["searchFilter"], order_by=[order]))

    assert [run.data.metrics[names.SCORE] for run in listed(view_key(tracker.run_id))] == best_first
    # The charts list the overview, however many trials there are.
    assert "o" in [run.info.run_name for run in listed(charts_key(tracker.run_id))[:2]]


def test_the_links_open_the_jobs_own_views() -> None:
    runs, charts = view_links("http://host:5000/", "7", "abc")
    start = "http://host:5000/#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=autoproc-abc"
    assert runs.address == start
    assert charts.address == f"{start}-charts&compareRunsMode=CHART"
    assert view_links(".", "7", "abc")[0].address.startswith("./#/experiments/7/")
