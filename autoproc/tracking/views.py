"""The saved view of a job: its trainings in the MLflow UI, best first, with the columns that matter.

MLflow keeps a shared view as an experiment tag of JSON. The format is not documented, so a view is an extra:
where MLflow does not know it, the link still opens the experiment's runs.
"""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autoproc.results import Direction
from autoproc.tracking import names

if TYPE_CHECKING:
    from mlflow import MlflowClient

VIEW_TAG = "mlflow.sharedViewState."
MAX_VIEW = 20_000
SEARCHED = (
    "depth",
    "width",
    "optimizer",
    "learning_rate",
    "scheduler",
    "dropout",
    "l1",
    "weight_decay",
)
METRICS = (names.SCORE, names.STANDARD_ERROR, names.TRAIN_SCORE, names.EPOCHS)


def view_key(run_id: str) -> str:
    """The key of a job's own view: one a job, so that no job touches another's."""
    return f"autoproc-{run_id}"


def view_path(experiment_id: str, run_id: str) -> str:
    """What follows the server's address in the link to a job's view."""
    # Without the workflow type MLflow opens the experiment in its GenAI mode.
    return f"/#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={view_key(run_id)}"


def save_view(client: "MlflowClient", experiment_id: str, run_id: str, title: str, direction: Direction) -> None:
    """Keep the view of job `run_id` with its experiment. Raises what the client raises."""
    now = int(time.time() * 1000)
    state = _state(run_id, direction, METRICS, SEARCHED)
    view = {"name": title, "createdAt": now, "updatedAt": now, "state": json.dumps(state)}
    text = json.dumps(view)
    if len(text) <= MAX_VIEW:
        client.set_experiment_tag(experiment_id, VIEW_TAG + view_key(run_id), text)


def _state(run_id: str, direction: Direction, metrics: Sequence[str], parameters: Sequence[str]) -> dict[str, Any]:
    columns = [f"tags.`{tag}`" for tag in (names.STAGE, names.STATE)]
    columns += [f"metrics.`{metric}`" for metric in metrics] + [f"params.`{name}`" for name in parameters]
    return {
        "searchFilter": f"tags.`{names.PARENT}` = '{run_id}'",
        "orderByKey": f"metrics.`{names.SCORE}`",
        "orderByAsc": direction == "minimize",
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": columns,
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
        **_charts(parameters),
    }


def _charts(parameters: Sequence[str]) -> dict[str, Any]:
    """What the view shows as charts: the search as parallel coordinates, then the curves."""
    section = "search"
    common = {"runsCountToCompare": 100, "metricSectionId": section, "deleted": False, "isGenerated": False}
    shown = {"display": True, "isReordered": False, "deleted": False, "isGenerated": False}
    parallel = {"selectedParams": list(parameters), "selectedMetrics": [names.SCORE], "showAllRuns": True}
    curves = (names.SCORE_VALIDATION, names.SCORE_TRAIN, names.LOSS_VALIDATION, names.LOSS_TRAIN)
    return {
        "compareRunSections": [{"uuid": section, "name": "Search", **shown}],
        "compareRunCharts": [
            {"uuid": "parallel", "type": "PARALLEL", **parallel, **common},
            *({"uuid": curve, "type": "LINE", **_line(curve), **common} for curve in curves),
        ],
    }


def _line(curve: str) -> dict[str, Any]:
    return {
        "metricKey": curve,
        "selectedMetricKeys": [curve],
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
        "displayPoints": None,
        "range": {},
    }
