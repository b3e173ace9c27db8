"""The saved views of a job in the MLflow UI: its trainings, best first, with the columns that matter; and its charts.

MLflow keeps a shared view as an experiment tag of JSON. The format is not documented, so a view is an extra:
where MLflow does not know it, the link still opens the experiment's runs.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from autoproc.results import Direction
from autoproc.tracking import names

VIEW_TAG = "mlflow.sharedViewState."
MAX_VIEW = 20_000
METRICS = (names.SCORE, names.STANDARD_ERROR, names.EPOCHS, names.TRAIN_SCORE)
# Of more parameters the charts would be too many to look at.
MAX_SCATTERS = 6

# MLflow adds a chart for each metric that has none: for those that our charts have beside another one it must not, and
# the sections of the others are closed at first.
_DRAWN = (names.TRIAL_NUMBER, names.TRIAL_SCORE, names.SEARCH_SCORE, names.GROWTH_TRAIN, names.LEADER_TRAIN)
_CLOSED = ("curves", "final", "fold", "holdout", "dummy")

# In pixels; MLflow's own 100 cut our names off.
_WIDE, _NARROW = 155, 95
_RUN_NAME, _RUN_NAME_WIDTH = "attributes.`Run Name`", 310


class Link(NamedTuple):
    """What a page is called, and its address."""

    title: str
    address: str


@dataclass(frozen=True)
class JobView:
    """What the views of a job show: `searched` are the parameters that the search changes, those that matter most
    first; `conditional` those that only some trials have."""

    title: str
    direction: Direction
    searched: Sequence[str]
    conditional: Sequence[str] = ()


def view_key(run_id: str) -> str:
    """The key of a job's own view: one a job, so that no job touches another's."""
    return f"autoproc-{run_id}"


def charts_key(run_id: str) -> str:
    """The key of a job's charts."""
    return f"{view_key(run_id)}-charts"


def view_links(server: str, experiment_id: str, run_id: str) -> tuple[Link, Link]:
    """The links to the views of job `run_id` at the address `server`; "." gives them as MLflow's own pages see them."""
    # Without the workflow type MLflow opens the experiment in its GenAI mode.
    runs = f"{server.rstrip('/')}/#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey="
    charts = f"{runs}{charts_key(run_id)}&compareRunsMode=CHART"
    return Link("all trainings, best first", runs + view_key(run_id)), Link("charts", charts)


def view_tags(run_id: str, view: JobView) -> dict[str, str]:
    """The experiment's tags that keep the views of job `run_id`. MLflow has no room for one that is too long."""
    states = {
        view_key(run_id): (view.title, _leaderboard(run_id, view)),
        charts_key(run_id): (f"{view.title}: charts", _charts(run_id, view)),
    }
    tags = {VIEW_TAG + key: _saved(title, state) for key, (title, state) in states.items()}
    return {key: text for key, text in tags.items() if len(text) <= MAX_VIEW}


def _saved(title: str, state: Mapping[str, Any]) -> str:
    now = int(time.time() * 1000)
    return json.dumps({"name": title, "createdAt": now, "updatedAt": now, "state": json.dumps(state)})


def _leaderboard(run_id: str, view: JobView) -> dict[str, Any]:
    """The job's trainings, best first. Its overview is no training."""
    widths = {
        _RUN_NAME: _RUN_NAME_WIDTH,
        **{f"tags.`{tag}`": _WIDE for tag in (names.STAGE, names.STATE)},
        **{f"metrics.`{metric}`": _NARROW if metric in (names.SCORE, names.EPOCHS) else _WIDE for metric in METRICS},
        **{f"params.`{name}`": _NARROW for name in view.searched},
        **{f"params.`{name}`": _WIDE for name in view.conditional},
    }
    columns = [column for column in widths if column != _RUN_NAME]
    order = {"orderByKey": f"metrics.`{names.SCORE}`", "orderByAsc": view.direction == "minimize"}
    own = f"{_children(run_id)} AND tags.`{names.STAGE}` != '{names.OVERVIEW_STAGE}'"
    shown = {"selectedColumns": columns, "columnOrder": [*widths], "columnWidths": widths}
    return {**_state(own), **order, **shown}


def _charts(run_id: str, view: JobView) -> dict[str, Any]:
    """The charts of the job's search and growth. MLflow draws what it lists, at most 100 runs at first: those of the
    overview, which have the best trials' scores, stand before others."""
    order = {"orderByKey": f"metrics.`{names.TRIAL_SCORE}`", "orderByAsc": view.direction == "minimize"}
    sections = [(f"section-{number}", *section) for number, section in enumerate(_sections(view))]
    fixed = {"isReordered": False, "deleted": False, "isGenerated": False}
    return {
        **_state(_children(run_id)),
        **order,
        "selectedColumns": [f"metrics.`{names.TRIAL_SCORE}`"],
        "isAccordionReordered": True,  # else MLflow sorts the sections by name
        "compareRunSections": [
            *({"uuid": key, "name": name, "columns": n, "display": True, **fixed} for key, name, n, _ in sections),
            *({"uuid": name, "name": name, "display": False, **fixed} for name in _CLOSED),
        ],
        "compareRunCharts": [
            {"uuid": f"{key}-{number}", "metricSectionId": key, "deleted": False, "isGenerated": False, **chart}
            for key, _, _, charts in sections
            for number, chart in enumerate(charts)
        ],
    }


def _sections(view: JobView) -> Iterator[tuple[str, int, list[dict[str, Any]]]]:
    """The titles of the sections, how many charts stand beside each other, and the charts."""
    over_trials = _line(names.SEARCH_BEST, names.SEARCH_SCORE)
    yield "Search", 2, [over_trials, _scatter("METRIC", names.TRIAL_NUMBER), *map(_left_out, _DRAWN)]
    if view.searched:
        yield "Parameters side by side", 1, [_parallel(view.searched)]
        yield "Parameters against the score", 3, [_scatter("PARAM", name) for name in view.searched[:MAX_SCATTERS]]
    yield "Best trials", 2, [_line(names.LEADER_VALIDATION, names.LEADER_TRAIN)]
    yield "Growth, rung by rung", 2, [_line(names.GROWTH_VALIDATION, names.GROWTH_TRAIN)]


def _parallel(searched: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "PARALLEL",
        "selectedParams": [*searched],
        "selectedMetrics": [names.TRIAL_SCORE],
        "showAllRuns": True,
        "runsCountToCompare": 100,
    }


def _scatter(kind: str, key: str) -> dict[str, Any]:
    """The trials' score over one of their values."""
    axes = {"xaxis": {"key": key, "type": kind}, "yaxis": {"key": names.TRIAL_SCORE, "type": "METRIC"}}
    return {"type": "SCATTER", **axes, "runsCountToCompare": 100}


def _left_out(metric: str) -> dict[str, Any]:
    """A chart that MLflow would add by itself."""
    return {"type": "LINE", "metricKey": metric, "deleted": True, "isGenerated": True}


def _line(*curves: str) -> dict[str, Any]:
    return {
        "type": "LINE",
        "metricKey": curves[0],
        "selectedMetricKeys": [*curves],
        "runsCountToCompare": 100,
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "lineSmoothness": 0,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
        "ignoreOutliers": False,
        "range": {},
    }


def _children(run_id: str) -> str:
    return f"tags.`{names.PARENT}` = '{run_id}'"


def _state(search_filter: str) -> dict[str, Any]:
    """What MLflow wants to know of each view."""
    return {
        "searchFilter": search_filter,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "columnOrder": [],
        "columnWidths": {},
        "runsHiddenMode": "SHOW_ALL",
        "runsPinned": [],
        "runsHidden": [],
        "runsExpanded": {},
        "runsVisibilityMap": {},
        "groupBy": None,
        "groupsExpanded": {},
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": False,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "autoRefreshEnabled": True,
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
    }
