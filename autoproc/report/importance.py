"""Permutation importance of the columns: how much worse a network is when a column's cells are shuffled (Breiman 2001,
"Random forests", section 10), measured on rows that it was not trained on."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoproc.network.predictor import Predictor
from autoproc.optimism import of_mean
from autoproc.outcomes import Finalist
from autoproc.prepared import Prepared
from autoproc.report.evidence import ColumnImportance, Importance
from autoproc.report.text import visible
from autoproc.results import FloatArray, Score, Weights

_MOST_REPEATS = 5
_MOST_ROWS, _FEWEST_ROWS = 5_000, 500  # of all folds together
_MOST_WORK = 1e10  # products: about a second of one core
_OVERHEAD = 20_000  # products that a row is worth beside those of the network
_MOST_FLOATS = 2**22  # in the rows of several columns that are predicted in one go
_PARTS = 5  # of a single split, as its folds

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    n_columns: int
    n_rows: int
    n_repeats: int


def affordable(n_columns: int, n_rows: int, n_weights: int) -> Effort:
    """As much as takes a second or so, by the sizes alone, so that the same job gives the same numbers: first repeats
    give way, then rows, then the last columns.

    >>> affordable(6, 8_000, 20_000), affordable(1_000, 8_000, 200_000)
    (Effort(n_columns=6, n_rows=5000, n_repeats=5), Effort(n_columns=90, n_rows=500, n_repeats=1))
    """
    rows = min(n_rows, _MOST_ROWS)
    passes = _MOST_WORK / (n_weights + _OVERHEAD)  # rows that can be predicted
    repeats = int(np.clip(passes / (n_columns * rows), 1, _MOST_REPEATS))
    rows = int(np.clip(passes / (n_columns * repeats), min(_FEWEST_ROWS, rows), rows))
    return Effort(int(np.clip(passes / (rows * repeats), 1, n_columns)), rows, repeats)


def permutation_importance(prepared: Prepared, winner: Finalist, seed: int) -> Importance:
    """What the score of the winner's networks loses by each column, each network on its own fold's validation rows: the
    mean over the folds of the first repeat, or over five parts of a single split's rows."""
    trained = winner.least_chosen
    folds = prepared.protocol.once(trained)
    columns = prepared.schema.columns
    n_all = sum(len(fold.validation) for fold in folds)
    n_weights = sum(array[0].size for array in trained.weights.values())
    effort = affordable(len(columns), n_all, n_weights)
    random = np.random.default_rng(seed)
    losses: list[FloatArray] = []
    for k, fold in enumerate(folds):
        n_drawn = max(1, round(effort.n_rows * len(fold.validation) / n_all))
        rows = random.permutation(fold.validation)[:n_drawn]
        network = _network(prepared, trained.weights, k)
        parts = [rows] if len(folds) > 1 else np.array_split(rows, _PARTS)
        losses += [_losses(prepared, network, part, effort, random) for part in parts]
    scored = [_scored(visible(name), mine) for name, mine in zip(columns, np.transpose(losses), strict=False)]
    return Importance(
        columns=sorted(scored, key=lambda each: -(each.loss or 0.0)),
        n_columns=len(columns),
        n_rows=effort.n_rows,
        n_all=n_all,
        n_repeats=effort.n_repeats,
    )


def _network(prepared: Prepared, weights: Weights, k: int) -> Predictor:
    member = {name: array[[k]] for name, array in weights.items()}
    return Predictor(prepared.problem.task, prepared.schema.layout, member)


def _losses(
    prepared: Prepared, network: Predictor, rows: NDArray[np.int64], effort: Effort, random: np.random.Generator
) -> FloatArray:
    """By how much the network's score on the rows is worse with each column shuffled, (n_columns,): the mean over the
    repeats."""
    metric, truth, matrix = prepared.chosen.metric, prepared.targets[rows], prepared.matrix[rows]
    whole = metric.one(truth, network.mean(matrix))
    losses = []
    for shuffled in _shuffled(matrix, prepared, effort, random):
        predictions = network.mean(shuffled.reshape(-1, matrix.shape[1]))
        scores = metric(truth, predictions.reshape(len(shuffled), len(rows), *predictions.shape[1:]))
        losses.append(metric.gain(whole, scores).reshape(-1, effort.n_repeats).mean(axis=1))
    return np.concatenate(losses)


def _shuffled(
    matrix: Matrix, prepared: Prepared, effort: Effort, random: np.random.Generator
) -> Iterator[NDArray[np.float32]]:
    """Copies of the rows (copies, n, n_columns) with one column shuffled in each, several columns and their repeats at
    a time. A date's columns of the matrix stay together."""
    bounds = [*prepared.schema.first_columns, matrix.shape[1]]
    at_once = max(1, _MOST_FLOATS // (matrix.size * effort.n_repeats))
    for first in range(0, effort.n_columns, at_once):
        columns = range(first, min(first + at_once, effort.n_columns))
        copies: NDArray[np.float32] = np.repeat(matrix[None], len(columns) * effort.n_repeats, axis=0)
        for copy, column in zip(copies, np.repeat(columns, effort.n_repeats), strict=True):
            mine = slice(bounds[column], bounds[column + 1])
            copy[:, mine] = matrix[random.permutation(len(matrix)), mine]
        yield copies


def _scored(name: str, losses: FloatArray) -> ColumnImportance:
    """The mean over the parts in which the metric is defined, with its interval; none of which need be known."""
    known = losses[np.isfinite(losses)]
    if not known.size:
        return ColumnImportance(name, None, None, None)
    score = Score.of(known)
    low, high = (bound if np.isfinite(bound) else None for bound in of_mean(score))
    return ColumnImportance(name, score.mean, low, high)
