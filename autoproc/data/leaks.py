"""Signs that features know what they should not: checked on development rows, before anything trains.

None of them proves a leak; each is told with its evidence, and people decide.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.data.columns import words_of
from autoproc.data.copies import tell_copies
from autoproc.data.metrics import Target
from autoproc.data.order import tell_counters, tell_order
from autoproc.data.single_feature import Dependence, rank_correlation, tree_score
from autoproc.data.table import Table
from autoproc.data.vectorize import Schema
from autoproc.plan import Plan
from autoproc.results import FloatArray, Problem

_NEARLY_PERFECT = 0.99  # R², or balanced accuracy between chance and 1
_TELLS_SOMETHING = 0.1  # dependence of the target on a feature: of less a tree is not asked
_FEWEST_TOLD = 0.02  # share of the rarest class where that dependence is far more on a feature which tells it
_MOST_ROWS = 4_000  # that a single feature is tried on
_FEWEST_ROWS = 40
_LARGEST = 1e30  # of a cell: a tree, or a median, adds them up as float32
_AFTERWARDS = {
    "outcome", "result", "results", "actual", "final", "closed", "resolved", "refunded", "cancelled", "canceled",
    "discharge", "discharged", "death", "diagnosis", "payout", "settled",
}  # fmt: skip


@dataclass(frozen=True)
class Leaks:
    """What was found, a sentence or two each: `warnings` have evidence in the rows, `notes` are only hints."""

    warnings: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Features(Mapping[str, FloatArray]):
    """Features (n,) by name, each made when it is asked for: all at once would take twice the matrix."""

    matrix: NDArray[np.float32]
    columns: Mapping[str, int]

    def __getitem__(self, name: str) -> FloatArray:
        return self.matrix[:, self.columns[name]].astype(np.float64)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def find_leaks(
    development: Table, schema: Schema, matrix: NDArray[np.float32], targets: Target, problem: Problem, plan: Plan
) -> Leaks:
    """Signs of leaks. `matrix` (n, n_columns) and `targets` are those of the rows.

    Copies are looked for where rows are split at random: by group or time they are different things, or later ones. The
    order of rows is looked at where they are not split by time.
    """
    if max(np.fmax.reduce(matrix, axis=None), -np.fmin.reduce(matrix, axis=None)) > _LARGEST:
        matrix = np.clip(matrix, -_LARGEST, _LARGEST)
    features = _Features(matrix, dict(zip(schema.columns, schema.first_columns, strict=True)))
    warnings: list[str] = []
    notes: list[str] = []
    if plan.group is None and plan.time is None:
        warnings += tell_copies(development, schema, matrix, targets, problem, plan.seed)
    warnings += _tellers(features, targets, problem)
    if plan.time is None:
        names = [encoder.name for encoder in schema.encoders if encoder.kind == "numeric"]
        numbers = _Features(matrix, {name: features.columns[name] for name in names})
        counters = list(tell_counters(numbers, development.lines, targets, problem))
        warnings += counters
        notes += () if counters else tell_order(development.lines, targets, problem)
    return Leaks(tuple(warnings), (*notes, *_names(schema)))


def _tellers(features: Mapping[str, FloatArray], targets: Target, problem: Problem) -> Iterator[str]:
    """Single features (n,) that tell the target: one by one, or nearly always."""
    if len(problem.targets) > 1:
        return
    values = targets.ravel()
    alone = _Alone(values, problem.is_classification)
    for name, feature in features.items():
        if _is_bijection(feature, values):
            yield (
                f"Feature {name!r} tells the target one by one: each of its values stands beside one value of "
                f"{problem.targets[0]!r}, and the other way round. Unless it is known before the target, leave it out "
                "with --ignore."
            )
        elif (score := alone.score(feature)) >= _NEARLY_PERFECT:
            measure = "balanced accuracy beyond chance" if problem.is_classification else "R² of values or ranks"
            yield (
                f"Feature {name!r} alone predicts {problem.targets[0]!r} nearly perfectly ({measure} "
                f"{score:.3f}, on rows that a tree of it has not seen). Unless it is known before the target, leave it "
                "out with --ignore."
            )


def _is_bijection(feature: FloatArray, values: NDArray[np.generic]) -> bool:
    """Whether cells and target values go together one by one, and repeat, so that this is no chance."""
    if np.isnan(feature).any():
        return False
    n_cells, cells = _numbered(feature)
    n_values, numbers = _numbered(values)
    if n_cells != n_values or 2 * n_cells > len(values):
        return False
    return len(np.unique(cells * n_values + numbers)) == n_values


def _numbered(values: NDArray[np.generic]) -> tuple[int, NDArray[np.int64]]:
    """How many different values there are, none of them missing, and which each (n,) is, from 0."""
    numbers, different = pd.factorize(values)  # in a fifth of the time that sorting takes
    return len(different), numbers.astype(np.int64)


@final
class _Alone:
    """How well features do alone, on every second row, for what is wanted (n,)."""

    def __init__(self, values: NDArray[np.generic], classify: bool) -> None:
        self._step = -(-len(values) // _MOST_ROWS)
        self._classify = classify
        self._wanted = values[:: self._step]
        self._dependence = Dependence(self._wanted, classify)
        counts = np.unique(self._wanted, return_counts=True)[1]
        # False alarms that hardly count in a balanced score hide a class that is rarer.
        self._screens = not classify or counts.min() >= _FEWEST_TOLD * len(self._wanted)

    def score(self, feature: FloatArray) -> float:
        """Of one feature (n,): 1 is perfect, 0 is chance, or hardly more."""
        tried, wanted = feature[:: self._step], self._wanted
        if len(wanted) < _FEWEST_ROWS:
            return 0.0
        # Below all that are there, so that a tree can part them.
        missing = np.isnan(tried)
        lowest = float(np.min(tried, where=~missing, initial=0.0))
        tried = np.where(missing, lowest - 1, tried)
        if self._screens and self._dependence.on(tried) < _TELLS_SOMETHING:
            return 0.0
        score = tree_score(tried, wanted, np.arange(len(tried)) % 2 == 1, self._classify)
        # A leak by any rising or falling function keeps the ranks.
        return score if self._classify else max(score, rank_correlation(tried, wanted) ** 2)


def _names(schema: Schema) -> Iterator[str]:
    named = [name for name in schema.columns if set(words_of(name)) & _AFTERWARDS]
    if named:
        shown = ", ".join(map(repr, named[:5]))
        yield f"By their names some features may be known only after the target ({shown}). If so, leave them out."
