"""What a record says, apart from its times and ids: two jobs alike have records alike."""

import json
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run

from autoproc.tracking import names
from autoproc.tracking.views import VIEW_TAG, view_key

TIMES = (names.SECONDS, names.PEAK_MEMORY, names.DESCRIPTION, names.RECEIPT_OPENED, names.REGISTERED)
"""What hangs on the time of day, the seconds that something took, or how much memory was in use."""


def content(client: MlflowClient, run_id: str, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The job with its children, inputs, outputs, files and view; metrics and tags named in `without` are left out."""
    job = client.get_run(run_id)
    found = client.search_runs([job.info.experiment_id], f"tags.`{names.PARENT}` = '{run_id}'", max_results=1000)
    children = [_run(client, child, run_id, without) for child in found]
    view = client.get_experiment(job.info.experiment_id).tags.get(VIEW_TAG + view_key(run_id))
    return {
        "job": _run(client, job, run_id, without),
        "children": sorted(children, key=lambda child: json.dumps(child, sort_keys=True)),
        "inputs": [{**table.dataset.to_dictionary(), "source": ""} for table in job.inputs.dataset_inputs],
        "n_models": len(job.outputs.model_outputs) if job.outputs else 0,
        "files": sorted(_files(client, run_id)),
        "view": view and json.loads(view)["state"].replace(run_id, "the job"),
    }


def _run(client: MlflowClient, run: Run, job: str, without: tuple[str, ...]) -> dict[str, Any]:
    is_job = run.info.run_id == job
    histories = {
        key: [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, key)]
        for key in run.data.metrics
        if key not in without
    }
    tags = {
        key: value.replace(job, "the job")
        for key, value in run.data.tags.items()
        if key not in (names.ENTRY, "mlflow.runName", *without)
    }
    return {
        "name": "the job" if is_job else run.info.run_name,
        "status": run.info.status,
        "parameters": run.data.params,
        "tags": tags,
        "metrics": {key: sorted(set(points)) for key, points in histories.items()},
        # The job's own values are told anew with each description.
        "n_points": {} if is_job else {key: len(points) for key, points in histories.items()},
    }


def _files(client: MlflowClient, run_id: str, folder: str | None = None) -> list[str]:
    found: list[str] = []
    for entry in client.list_artifacts(run_id, folder):
        found += _files(client, run_id, entry.path) if entry.is_dir else [Path(entry.path).as_posix()]
    return found
