"""What the user asks for: one frozen, validated value, read from YAML and overridden by flags.

Every default of the process stands here, each with what it decides. The resolved plan is saved with
the job and can be run again as it is.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from autoproc.errors import PlanError, did_you_mean, shown
from autoproc.paths import POSSIBLE, why_impossible
from autoproc.spec import Optimizer

Task = Literal["binary", "multiclass", "regression", "vector_regression"]
ProtocolKind = Literal["validation_split", "k_fold", "repeated_k_fold"]
FinalKind = Literal["folds", "refit", "refits", "ensemble"]
REFITS: tuple[Literal["refit"], Literal["refits"]] = ("refit", "refits")
"""The kinds whose networks are trained on all rows, after the search."""
ShippedRows = Literal["development", "all-rows"]

_RULES = {
    "model_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list",
    "string_type": "must be text (YAML reads yes, no, on and off as truth values unless they are quoted)",
    "missing": "must have a value more",
}
_MOST_BYTES = 2**62
_MOST = 1_000_000_000  # of anything that is counted
_MOST_TOLD = 5  # errors of a plan
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}


def parse_duration(value: object) -> object:
    """Seconds from a number, or from text with units such as `90s`, `3m` or `1h30m`.

    >>> parse_duration("1h30m")
    5400.0
    """
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if not re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text):
        raise ValueError("must be a duration such as 90s, 3m or 1h30m")
    return sum(float(n) * _SECONDS[unit] for n, unit in re.findall(r"(\d+(?:\.\d+)?)([smhd])", text))


def parse_size(value: object) -> object:
    """Bytes from a number, or from text with a unit such as `500MB`, `4GB` or `1.5GiB`.

    >>> parse_size("1.5GB")
    1500000000
    """
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]i?b)", value.strip().lower())
    if not found:
        raise ValueError("must be a size such as 500MB, 4GB or 1.5GiB")
    size = float(found[1]) * _BYTES[found[2]]
    if size > _MOST_BYTES:
        raise ValueError("must be a size such as 500MB, 4GB or 1.5GiB that a machine can have")
    return int(size)


def _as_names(value: object) -> object:
    """One name or a list of names."""
    return (value,) if isinstance(value, str | int | float) else value


def _as_no_names(value: object) -> object:
    """Null as no name at all."""
    return () if value is None else value


_DEVICES = ("auto", "cpu", "mps", "cuda", "cuda:0")


def _check_device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise ValueError("must be auto, cpu, mps, cuda or cuda:N with a number N")
    return name


def _check_folder(path: str) -> str:
    why = why_impossible(path)
    if why is not None:
        raise ValueError(f"must be {POSSIBLE} ({why})")
    return path


Duration = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
Size = Annotated[int, BeforeValidator(parse_size), Field(gt=0, le=_MOST_BYTES)]
Folder = Annotated[str, AfterValidator(_check_folder)]
Device = Annotated[str, AfterValidator(_check_device)]


def _rising(rungs: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Each (depth, width) at least as large as the one before, in both, and not the same."""
    for (depth, width), larger in pairwise(rungs):
        if larger == (depth, width) or larger[0] < depth or larger[1] < width:
            raise ValueError("must rise: each (depth, width) at least as large as the one before, and not the same")
    return rungs


# Beyond what anyone trains, and within what can be counted in 64 bits.
Depth = Annotated[int, Field(ge=1, le=100)]
Width = Annotated[int, Field(ge=1, le=100_000)]
Many = Annotated[int, Field(ge=1, le=_MOST)]
Rate = Annotated[float, Field(gt=0, le=1e9)]
Penalty = Annotated[float, Field(ge=0, le=1e9)]
Cost = Annotated[float, Field(ge=0, le=1e12)]
Rates = Annotated[tuple[Rate, ...], Field(min_length=1)]
Names = Annotated[tuple[str, ...], BeforeValidator(_as_names)]
NamesOrNull = Annotated[Names, BeforeValidator(_as_no_names)]


class _Section(BaseModel):
    # Columns, classes and missing cells are text, but 7 and -999 need no quotes in a plan file.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True)


class ProtocolPlan(_Section):
    """How development rows are split; `kind` null lets the number of rows decide."""

    kind: ProtocolKind | None = None
    folds: int | None = Field(None, ge=2, le=50, description="Folds of K-fold; null: 5.")
    repeats: int | None = Field(None, ge=1, le=20, description="Repeats of K-fold; null: 2 for few rows, else 1.")
    few_rows: Many = Field(1_000, description="Below this many development rows K-fold is repeated.")
    many_rows: Many = Field(50_000, description="From this many on one validation split is enough.")
    validation_share: float = Field(0.2, gt=0, lt=1, description="Validation share of a single split ...")
    most_validation: Many = Field(50_000, description="... and the most rows that it validates on.")
    reshuffle: bool = Field(False, description="Folds of its own for each trial of the search.")


MOST_PIECES = 64
"""Pieces of a number, at most."""


class InputsPlan(_Section):
    """How networks read their inputs, beside scaling the numbers."""

    pieces: int | None = Field(
        None, ge=0, le=MOST_PIECES, description="Pieces that each number is cut into; 0: none; null: by rows."
    )
    scale: bool = Field(True, description="A learned factor for each input of a network.")


class TrainPlan(_Section):
    """The default configuration, an early trial of every search, and the limits of all training."""

    max_epochs: Many = 200
    patience: Many = Field(16, description="Epochs without a better validation score before a member stops.")
    batch_size: Many | None = Field(None, description="Null: by the number of training rows.")
    optimizer: Optimizer = "adamw"
    learning_rate: Rate | None = Field(None, description="Null: by what growth found.")
    dropout: float = Field(0.0, ge=0, lt=1)
    l1: Penalty = 0.0
    weight_decay: Penalty = 1e-2
    averaging: float = Field(
        0.1, ge=0, le=1, description="Share of the steps so far over which parameters are averaged; 0: none."
    )
    factor_rate: float = Field(
        3.0, gt=0, le=1e4, description="How many times faster than the rest the inputs' factors learn."
    )
    class_weights: float | None = Field(
        None,
        ge=0,
        le=1,
        description="How much rows of rare classes count for more: 0 not at all, 1 until all classes count as much. "
        "Null: by the metric.",
    )


class CostPlan(_Section):
    """What a wrong decision of a binary problem costs; a right one costs nothing."""

    false_negative: Cost = Field(1.0, description="A positive row that is taken for a negative one.")
    false_positive: Cost = Field(1.0, description="A negative row that is taken for a positive one.")

    @model_validator(mode="after")
    def _costs_something(self) -> Self:
        if not (self.false_negative or self.false_positive):
            raise ValueError("must have a cost above 0")
        return self


class BaselinePlan(_Section):
    """The small unregularised network that has to beat the dummy."""

    depth: Depth = 1
    width: Width = 16
    learning_rates: Rates = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
    max_epochs: Many = 60
    time_share: float = Field(0.15, gt=0, lt=1, description="Share of the time limit that the baseline may take.")


class GrowthPlan(_Section):
    """The ladder of capacities and when a rung is given up."""

    rungs: Annotated[tuple[tuple[Depth, Width], ...], Field(min_length=1), AfterValidator(_rising)] | None = Field(
        None, description="(depth, width) of each; null: by the number of training rows."
    )
    learning_rate_factors: Rates = Field(
        (1.0, 0.3), description="Times the baseline's learning rate: tried by each rung."
    )
    max_epochs: Many = 200
    patience: int = Field(
        20, ge=5, le=_MOST, description="Epochs after the best one that the overfit verdict looks at."
    )
    most_flat: Many = Field(3, description="Rungs in a row that may validate no better before growth ends.")
    time_share: float = Field(0.3, gt=0, lt=1, description="Share of the time then left that growth may take.")


class Plan(_Section):
    """The whole request. Fields that are null are decided from the data, with the reason on record."""

    data: str | None = Field(None, description="Table file; null when a data frame was passed.")
    target: Names = Field((), description="Target column(s).")
    task: Task | None = None
    metric: NamesOrNull = Field((), description="The first decides, others are recorded; null: by task and balance.")
    cost: CostPlan | None = Field(None, description="Costs that choose the decision threshold; null: no costs.")
    positive: str | None = Field(None, description="Positive class of a binary problem.")
    ignore: Names = Field((), description="Columns to leave out.")
    missing: Names = Field((), description="More spellings of a missing cell, beside empty, NA, NaN, null, ...")
    group: str | None = Field(None, description="Column whose rows of one value stay on one side of every split.")
    time: str | None = Field(None, description="Column of times: the last rows are sealed, folds validate forward.")
    holdout: str | None = Field(None, description="File with the holdout rows; then all of `data` is development.")
    holdout_share: float = Field(0.2, gt=0, lt=1)
    reopen_holdout: str | None = Field(None, description="Reason to open again a holdout that was opened before.")
    protocol: ProtocolPlan = ProtocolPlan()
    space: str = Field("default", description="Name of a shipped search space, or path of a YAML file.")
    trials: Many = 100
    time_limit: Duration | None = Field(300.0, description="Seconds for the whole job; null: no limit.")
    seed: int = Field(0, ge=0, lt=2**32)
    device: Device = "auto"
    memory_limit: Size | None = Field(None, description="Bytes that the process may take; null: half of the machine's.")
    strict: bool = Field(False, description="Stop at any sign that a feature knows what it should not.")
    force: bool = Field(False, description="Go on when the baseline does not beat the dummy.")
    final: FinalKind | None = Field(
        None, description="Kind of the final model; null: an ensemble, but by time a refit, and folds if reshuffled."
    )
    ship: ShippedRows = Field(
        "development",
        description="Rows that the exported model learns from; the scored one never knows the holdout.",
    )
    inputs: InputsPlan = InputsPlan()
    train: TrainPlan = TrainPlan()
    baseline: BaselinePlan = BaselinePlan()
    growth: GrowthPlan = GrowthPlan()
    home: Folder = Field("mlruns", description="Folder of the jobs, receipts and, without a server, MLflow's data.")
    tracking_uri: str | None = Field(None, description="MLflow server; null: a database in `home`.")
    experiment: str | None = Field(None, description="Name of the MLflow experiment; null: from data and target.")
    register_model: bool = Field(False, description="Register the model with MLflow, under the experiment's name.")

    def to_yaml(self) -> str:
        """The plan as a file that `tune --config` reads back to an equal plan."""
        import yaml  # which prediction does without

        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def make_plan(
    config: str | Path | None = None, overrides: Mapping[str, Any] | None = None, flags: Mapping[str, str] | None = None
) -> Plan:
    """The plan of the YAML file `config`, with `overrides` on top (nested mappings are merged).

    `flags` names what the user typed for a key (`{"protocol.folds": "--folds"}`): errors name that in its place.
    Raises PlanError for a file that cannot be read, an unknown key (with a suggestion) or a bad value.
    """
    values = _merge(_read_yaml(Path(config)) if config else {}, overrides or {})
    try:
        return Plan.model_validate(values)
    except ValidationError as error:
        raise PlanError(_explain(error, config, overrides or {}, flags or {})) from None


def _plan_in(config: str | Path | None) -> str:
    """The plan by the name of its file, if it has one."""
    return f"The plan {config}" if config else "The plan"


def _read_yaml(path: Path) -> dict[str, Any]:
    from autoproc.yaml_file import parse_yaml, read_yaml_text  # its library is one which prediction does without

    what = _plan_in(path)
    values = parse_yaml(read_yaml_text(path, what), what)
    if not isinstance(values, dict | None):
        raise PlanError(f"{what} must be a mapping of keys to values, but is a {type(values).__name__}.")
    return values or {}


def _merge(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _explain(
    error: ValidationError, config: str | Path | None, overrides: Mapping[str, Any], flags: Mapping[str, str]
) -> str:
    def plan_of(place: tuple[int | str, ...]) -> str:
        return _plan_in(None if _holds(overrides, place) else config)

    details = error.errors()
    places = [detail["loc"] for detail in details]
    # A list whose items are wrong is also reported as too short: say only what is wrong with them.
    inner = {place[:-1] for place in places} | {place[:-2] for place in places}
    told = [d for d in details if not (d["type"] == "too_short" and d["loc"] in inner)]
    more = f" There are {len(told) - _MOST_TOLD:,} more errors." if len(told) > _MOST_TOLD else ""
    return " ".join(_explain_one(d, plan_of(d["loc"]), flags) for d in told[:_MOST_TOLD]) + more


def _holds(values: object, location: tuple[int | str, ...]) -> bool:
    """Whether nested mappings say something of the place."""
    for name in location:
        if not isinstance(values, Mapping):
            return True
        if name not in values:
            return False
        values = values[name]
    return True


def _explain_one(detail: ErrorDetails, plan: str, flags: Mapping[str, str]) -> str:
    location, kind, message, found = detail["loc"], detail["type"], detail["msg"], detail["input"]
    path = ".".join(map(str, location))
    flag = _flag_of(path, flags)
    if kind in ("extra_forbidden", "invalid_key"):
        known = list(_section_at(location[:-1]).model_fields)
        name = str(location[-1])
        lacks = f"{plan} has no key {path!r}" if flag is None else f"{flag.split()[0]} knows no {name!r}"
        return f"{lacks}; there are {', '.join(known)}.{did_you_mean(name, known)}"
    choices = re.findall(r"'([^']+)'", message) if kind == "literal_error" else _DEVICES if path == "device" else ()
    what = f"{plan}'s {path!r}" if flag is None else flag
    return f"{what} {_rule(kind, message)}, but is {_shown(found)}.{did_you_mean(str(found), choices)}"


def _flag_of(path: str, flags: Mapping[str, str]) -> str | None:
    """What was typed for a key, for one of its items, or for a key within it; None where nothing was."""
    for given, flag in flags.items():
        if path == given or path.startswith(f"{given}."):
            return flag
        if given.startswith(f"{path}."):
            return flag.split()[0]
    return None


def _shown(found: object) -> str:
    """What was found, as people write it: a section by its keys."""
    return (
        ", ".join(f"{key}={shown(value)}" for key, value in found.items()) if isinstance(found, dict) else shown(found)
    )


def _rule(kind: str, message: str) -> str:
    """What must hold, from pydantic's words for it."""
    if kind in _RULES:
        return _RULES[kind]
    rule = re.sub(r"^\w+ should ", "must ", message.removeprefix("Value error, "))
    return re.sub(r" after validation, not \d+|, (unable|got) .*", "", rule)


def _section_at(location: tuple[int | str, ...]) -> type[BaseModel]:
    section: type[BaseModel] = Plan
    for name in location:
        inner = section.model_fields[str(name)].annotation
        kinds = (inner, *get_args(inner))  # a section that may be null has two
        [section] = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return section
