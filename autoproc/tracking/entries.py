"""What a job hands to its record, as values that can wait in a file: each holds all that its delivery needs, in the
terms of MLflow, so that nothing has to be known by heart. A point of a metric is (key, value, time in ms, step)."""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from autoproc.format import finite_or_null
from autoproc.outcomes import Verdict
from autoproc.results import Direction

Point = tuple[str, float, int, int]
HURRIED = ".hurried"


@dataclass(frozen=True)
class RunEntry:
    """A finished child of the job, by its `key` among these, which ends with HURRIED where the job's user had asked for
    an end; times are in milliseconds since 1970."""

    key: str
    name: str
    started_at: int
    ended_at: int
    tags: dict[str, str]
    parameters: dict[str, str]
    metrics: tuple[Point, ...]


@dataclass(frozen=True)
class BatchEntry:
    """Values of the job's own run, few enough for one write."""

    metrics: tuple[Point, ...] = ()
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FileEntry:
    """A file or folder to keep with the job, under `folder`; `path` is relative to the home where it lies in it."""

    path: str
    folder: str


@dataclass(frozen=True)
class InputEntry:
    """The job's data set: the fields of MLflow's `Dataset`."""

    dataset: dict[str, str]


@dataclass(frozen=True)
class ExperimentTagEntry:
    """A tag of the experiment, such as a saved view."""

    key: str
    value: str


@dataclass(frozen=True)
class Standing:
    """What a model is measured by when it is to be the champion: its score on the holdout `key`, opened for the
    `opening`th time."""

    metric: str
    higher_is_better: bool
    score: float
    low: float
    high: float
    key: str
    opening: int

    @classmethod
    def of(cls, verdict: Verdict, direction: Direction) -> "Standing":
        holdout, receipt = verdict.holdout, verdict.receipt
        low, high = holdout.interval
        return cls(verdict.metric, direction == "maximize", holdout.score, low, high, receipt.key, receipt.opening)


@dataclass(frozen=True)
class ModelEntry:
    """The job's model, as a folder that MLflow can load, to be kept and, where `name` says so, to be registered:
    always if that was `asked` for, else where it beats the present champion. `note` is what else there is to know of
    its score."""

    path: str
    name: str
    asked: bool
    standing: Standing
    note: str = ""


@dataclass(frozen=True)
class ResumeEntry:
    """The job goes on that was interrupted. Unless it `keeps_hurried` children, those are gone that it made after its
    user had asked for an end."""

    keeps_hurried: bool = True


@dataclass(frozen=True)
class EndEntry:
    """How and when (in ms) the job ended."""

    status: str
    ended_at: int


Entry = RunEntry | BatchEntry | FileEntry | InputEntry | ExperimentTagEntry | ModelEntry | ResumeEntry | EndEntry
_KINDS: dict[str, type[Entry]] = {
    "run": RunEntry,
    "batch": BatchEntry,
    "file": FileEntry,
    "input": InputEntry,
    "experiment tag": ExperimentTagEntry,
    "model": ModelEntry,
    "resume": ResumeEntry,
    "end": EndEntry,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def to_json(entry: Entry) -> str:
    """One line of JSON; bounds that nobody knows become null."""
    return json.dumps(finite_or_null({"kind": _NAMES[type(entry)], **asdict(entry)}), allow_nan=False)


def from_json(line: str) -> Entry:
    """The entry in a line. Raises ValueError, KeyError or TypeError for what is none."""
    values: dict[str, Any] = json.loads(line)
    kind = _KINDS[values.pop("kind")]
    if "metrics" in values:
        values["metrics"] = tuple((str(key), value, at, step) for key, value, at, step in values["metrics"])
    if "standing" in values:
        standing: dict[str, Any] = {k: math.nan if v is None else v for k, v in values["standing"].items()}
        values["standing"] = Standing(**standing)
    return kind(**values)
