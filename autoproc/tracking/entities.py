"""Our values as entries for MLflow, and those as its entities: pure functions, with MLflow's limits kept.

NaN and infinity are left out, for MLflow would sort them as numbers. A curve's steps are epochs from 1, its
times spread evenly over the training; a final value stands at step 0.
"""

import getpass
import hashlib
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlflow.entities import Dataset, Metric, Param, RunTag

from autoproc.results import ColumnKind, Problem
from autoproc.tracking import names
from autoproc.tracking.entries import HURRIED, InputEntry, Point, RunEntry
from autoproc.tracking.tracker import Child, Value

# MLflow takes 1,000 entities in one write, of which 100 may be parameters and 100 tags.
METRICS_PER_BATCH = 800
OTHERS_PER_BATCH = 100
MAX_DIGEST = 36

_COLUMN_TYPES: dict[ColumnKind, str] = {"numeric": "double", "boolean": "boolean", "datetime": "datetime"}


@dataclass(frozen=True)
class Batch:
    """What one write to a run holds."""

    metrics: tuple[Metric, ...] = ()
    params: tuple[Param, ...] = ()
    tags: tuple[RunTag, ...] = ()


def batches(
    points: Sequence[Point] = (), parameters: Mapping[str, str] | None = None, tags: Mapping[str, str] | None = None
) -> Iterator[Batch]:
    """The fewest writes that MLflow takes, in order; none for nothing."""
    metrics = tuple(Metric(*point) for point in points)
    params = tuple(Param(*pair) for pair in (parameters or {}).items())
    run_tags = tuple(RunTag(*pair) for pair in (tags or {}).items())
    n_batches = max(
        math.ceil(len(metrics) / METRICS_PER_BATCH),
        math.ceil(len(params) / OTHERS_PER_BATCH),
        math.ceil(len(run_tags) / OTHERS_PER_BATCH),
    )
    for i in range(n_batches):
        some = slice(i * METRICS_PER_BATCH, (i + 1) * METRICS_PER_BATCH)
        few = slice(i * OTHERS_PER_BATCH, (i + 1) * OTHERS_PER_BATCH)
        yield Batch(metrics[some], params[few], run_tags[few])


def run_entry(child: Child, number: int = 1) -> RunEntry:
    """A child with its curves, final values and parameters, the job's `number`th of its name: one that a resumed job
    tells again has the key that it had."""
    started, ended = milliseconds(child.started_at), milliseconds(child.ended_at)
    own = {names.STAGE: child.stage, names.STATE: child.state}
    digest = hashlib.sha256(child.name.encode(errors="surrogatepass")).hexdigest()
    return RunEntry(
        key=f"{digest[:16]}.{number}{HURRIED if child.hurried else ''}",
        name=names.as_title(child.name),
        started_at=started,
        ended_at=ended,
        tags=tags({**child.tags, **origin(), **own, **_color(child.state)}),
        parameters=parameters(child.parameters),
        metrics=(*curve_points(child.curves, started, ended), *final_points(child.metrics, ended)),
    )


def curve_points(curves: Mapping[str, Sequence[float]], started: int, ended: int) -> Iterator[Point]:
    """One point an epoch and curve; `started` and `ended` are in milliseconds."""
    for name, curve in curves.items():
        key = names.legal_key(name)
        for epoch, value in enumerate(map(float, curve), start=1):
            if math.isfinite(value):
                yield key, value, started + round((ended - started) * epoch / len(curve)), epoch


def final_points(metrics: Mapping[str, float], timestamp: int) -> tuple[Point, ...]:
    finite = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
    return tuple((names.legal_key(name), value, timestamp, 0) for name, value in finite.items())


def parameters(values: Mapping[str, Value]) -> dict[str, str]:
    return {names.legal_key(name): names.as_value(value, names.MAX_PARAMETER) for name, value in values.items()}


def tags(values: Mapping[str, str]) -> dict[str, str]:
    return {names.legal_key(name): names.as_value(value, names.MAX_TAG) for name, value in values.items()}


def origin() -> dict[str, str]:
    """Where a run comes from, in the tags that MLflow shows as source and user."""
    return {names.SOURCE_NAME: "autoproc", names.SOURCE_TYPE: "LOCAL", names.USER: _user()}


def table_entry(name: str, source: str, fingerprint: str, n_rows: int, problem: Problem) -> InputEntry:
    """The data set as a run's input: what it is called, where it lies and its columns, but none of its cells."""
    dataset = Dataset(
        name=names.as_title(name),
        digest=fingerprint[:MAX_DIGEST],
        source_type="local",
        source=json.dumps({"uri": source}),
        schema=json.dumps({"mlflow_colspec": [*_column_specs(problem)]}),
        profile=json.dumps({"num_rows": n_rows, "num_columns": len(problem.columns) + len(problem.targets)}),
    )
    return InputEntry(dataset.to_dictionary())


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def now_in_milliseconds() -> int:
    return milliseconds(time.time())


def _column_specs(problem: Problem) -> Iterator[dict[str, str | bool]]:
    for column in problem.columns:
        yield {"name": column.name, "type": _COLUMN_TYPES.get(column.kind, "string"), "required": column.used}
    for target in problem.targets:
        yield {"name": target, "type": "string" if problem.is_classification else "double", "required": True}


def _color(state: str) -> dict[str, str]:
    """The mark of a run in MLflow's charts and lists; none for states that are not a trial's."""
    return {names.COLOR: names.STATE_COLORS[state]} if state in names.STATE_COLORS else {}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user id without a name, as in containers
        return "unknown"
