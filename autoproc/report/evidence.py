"""What a job keeps for its report: curves, trials, and summaries of what it predicted out of fold.

It is one file of the job, from which the page is drawn then and later. It holds counts and summaries alone: no row of
the table, and of the holdout nothing but the verdict's numbers.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from autoproc.errors import HomeError
from autoproc.results import Direction, TrialState

FILE = "report.json"
_FORM = 1
"""Number of the file's form: another one is of another version of autoproc."""
_RULES = ConfigDict(extra="forbid", ser_json_inf_nan="null")

Number = float | None
"""None where it is not known."""
Tone = Literal["good", "neutral", "bad"]


@dataclass(frozen=True, config=_RULES)
class Card:
    """A number that the page begins with."""

    title: str
    value: str
    note: str = ""


@dataclass(frozen=True, config=_RULES)
class Remark:
    """One reason to trust the score, or not to."""

    tone: Tone
    text: str


@dataclass(frozen=True, config=_RULES)
class ColumnFacts:
    """A column beside the target; `missing` counts its missing cells in development rows, None if it is not used."""

    name: str
    kind: str
    used: bool
    note: str
    missing: int | None


@dataclass(frozen=True, config=_RULES)
class Histogram:
    """Counts between `edges`, of which there is one more."""

    name: str
    edges: list[float]
    counts: list[int]


@dataclass(frozen=True, config=_RULES)
class DataFacts:
    """The development rows: `classes` with their rows, or a histogram of each target."""

    n_development: int
    n_holdout: int
    classes: list[tuple[str, int]]
    targets: list[Histogram]
    columns: list[ColumnFacts]


@dataclass(frozen=True, config=_RULES)
class Curve:
    """Means over folds, one an epoch, of a training; `spread` is the standard error of validation."""

    training: list[Number]
    validation: list[Number]
    spread: list[Number]


@dataclass(frozen=True, config=_RULES)
class RungFacts:
    """A rung of growth, with the curve that its verdict is about: of `measure`."""

    name: str
    score: Number
    standard_error: Number
    train_score: Number
    chosen: bool
    overfit: bool
    epoch: int
    measure: str
    summary: str
    curve: Curve


@dataclass(frozen=True, config=_RULES)
class TrialFacts:
    """A trial; `values` are its parameters, of which those of other schedulers are missing."""

    number: int
    state: TrialState
    score: Number
    standard_error: Number
    n_epochs: int
    reason: str
    values: dict[str, str | int | float]


@dataclass(frozen=True, config=_RULES)
class TrainingFacts:
    """A finalist's training: its curve of the metric, and the learning rates of each fold by epoch."""

    name: str
    scheduler: str
    curve: Curve
    best_epoch: float
    learning_rates: list[list[Number]]


@dataclass(frozen=True, config=_RULES)
class FoldScores:
    """What a model scored on each fold."""

    name: str
    scores: list[Number]


@dataclass(frozen=True, config=_RULES)
class Point:
    """A score with its 95 % interval."""

    name: str
    score: Number
    low: Number
    high: Number


@dataclass(frozen=True, config=_RULES)
class Line:
    """A curve through points; `area` is what lies under it."""

    name: str
    x: list[float]
    y: list[float]
    area: Number


@dataclass(frozen=True, config=_RULES)
class Reliability:
    """Rows in groups of rising probability: the mean of it, and how often it came true, with 95 % intervals."""

    predicted: list[float]
    observed: list[float]
    low: list[float]
    high: list[float]
    rows: list[int]


@dataclass(frozen=True, config=_RULES)
class ClassPredictions:
    """Out-of-fold predictions of classes: `confusion` has a row for each true class. Curves are of the positive class,
    or of each of the `n_drawn` most frequent ones against the rest."""

    kind: Literal["classes"]
    n_rows: int
    threshold: Number
    confusion: list[list[int]]
    roc: list[Line]
    precision_recall: list[Line]
    base_rate: Number
    reliability: Reliability
    n_drawn: int


@dataclass(frozen=True, config=_RULES)
class ValuePredictions:
    """Out-of-fold predictions of one target: `density` counts rows by predicted (rows) and true value (columns) between
    `edges`, which both have; `residuals` is true less predicted."""

    name: str
    edges: list[float]
    density: list[list[int]]
    residuals: Histogram
    outside: int


@dataclass(frozen=True, config=_RULES)
class TargetPredictions:
    """Out-of-fold predictions of values."""

    kind: Literal["values"]
    n_rows: int
    targets: list[ValuePredictions]


Predictions = Annotated[ClassPredictions | TargetPredictions, Field(discriminator="kind")]


@dataclass(frozen=True, config=_RULES)
class ColumnImportance:
    """How much worse the score is on average when a column's cells are shuffled, with its 95 % interval over folds."""

    name: str
    loss: Number
    low: Number
    high: Number


@dataclass(frozen=True, config=_RULES)
class Importance:
    """Permutation importance of the first `columns` of `n_columns`, the most important first, on `n_rows` of `n_all`
    rows."""

    columns: list[ColumnImportance]
    n_columns: int
    n_rows: int
    n_all: int
    n_repeats: int


@dataclass(frozen=True, config=_RULES)
class SearchFacts:
    """The trials, which of them won, and which the search itself preferred."""

    trials: list[TrialFacts]
    best: int
    winner: int | None


@dataclass(frozen=True, config=_RULES)
class Evidence:
    """Everything that a report is drawn from; None or empty for what did not happen."""

    run_id: str
    finished: str
    table: str
    targets: list[str]
    task: str
    metric: str
    direction: Direction
    story: str
    cards: list[Card]
    remarks: list[Remark]
    data: DataFacts
    settings: dict[str, str | int | float]
    seconds: float
    folds: list[FoldScores] = Field(default_factory=list)
    rungs: list[RungFacts] = Field(default_factory=list)
    search: SearchFacts | None = None
    trainings: list[TrainingFacts] = Field(default_factory=list)
    worth: list[Point] = Field(default_factory=list)
    exported: Point | None = None
    others: list[Point] = Field(default_factory=list)
    receipt: str | None = None
    predictions: Predictions | None = None
    importance: Importance | None = None
    form: int = _FORM

    def to_json(self) -> str:
        """The file's text; numbers that are not finite are null."""
        return _FILE.dump_json(self).decode("utf-8", "replace") + "\n"


_FILE = TypeAdapter(Evidence)


def read_evidence(job: Path) -> Evidence | None:
    """What a job has kept for its report; None where it has no such file. Raises HomeError for a damaged one, and for
    that of another version."""
    path = job / FILE
    try:
        evidence = _FILE.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HomeError(f"{path}, which the report is drawn from, cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "its beginning"
        raise HomeError(
            f"{path}, which the report is drawn from, is damaged or of another version of autoproc: at {place} "
            f"{first['msg'][:1].lower()}{first['msg'][1:]}."
        ) from None
    if evidence.form != _FORM:
        raise HomeError(
            f"{path}, which the report is drawn from, has form {evidence.form}, but this version of autoproc reads "
            f"form {_FORM}. Use the version that ran the job."
        )
    return evidence
