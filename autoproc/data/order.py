"""Whether the order of the rows tells the target, and which features follow that order.

In a table that was sorted, or put together class by class, any number that counts its rows is a leak; one in order of
time wants to be validated forward in time.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from autoproc.data.metrics import Target
from autoproc.data.single_feature import rank_correlation, tree_score
from autoproc.results import FloatArray, Problem

_FEWEST_ROWS = 200
_STRETCHES = 40  # of the rows; a tree sees every second one, so that likeness of neighbouring rows does not count
_FEWEST_OF_CLASS = 20
_TELLS = 0.5  # R², or balanced accuracy from chance to perfect
_FOLLOWS = 0.99  # rank correlation with the rows' places
_MOST_COMPARED = 2_000  # rows
_GAP = 4  # a number that counts rows skips at most so many for each


def tell_counters(
    numbers: Mapping[str, FloatArray], lines: NDArray[np.int64], targets: Target, problem: Problem
) -> Iterator[str]:
    """Of features that are used, `numbers` (n,) by name: those that count rows in an order that tells the target.
    `lines` (n,) is where each row stands in its source."""
    for name, cells in numbers.items():
        follows = _correlation(cells, lines)
        if len(lines) < _FEWEST_ROWS or not (follows >= _FOLLOWS or _counts(cells)):
            continue
        score = order_score(cells, targets, problem)
        if score >= _TELLS:
            yield (
                f"Feature {name!r} {_how(follows)}, and this order tells {_told(problem)} ({_evidence(score, problem)})"
                ", as where rows were sorted by it or put together from parts. Rows to come have no place in it: leave "
                "the feature out with --ignore, or, if it is a time, name it with --time."
            )


def tell_order(lines: NDArray[np.int64], targets: Target, problem: Problem) -> Iterator[str]:
    """That the rows stand in an order that tells the target."""
    if len(lines) < _FEWEST_ROWS:
        return
    score = order_score(lines.astype(np.float64), targets, problem)
    if score >= _TELLS:
        yield (
            f"The rows stand in an order that tells {_told(problem)} ({_evidence(score, problem)}). No number that is "
            "used counts them, so this is no leak by itself. If the order is that of time, and the model will predict "
            "later rows, name a column of times with --time."
        )


def order_score(place: FloatArray, targets: Target, problem: Problem) -> float:
    """How well a row's place alone tells the target, in stretches of rows that a tree of it has not seen: 1 is perfect,
    0 is chance. Of several targets the one that it tells best."""
    in_order = targets[np.argsort(place, kind="stable")].reshape(len(targets), -1)
    if problem.is_classification:
        counts = np.bincount(in_order[:, 0])
        in_order = in_order[counts[in_order[:, 0]] >= _FEWEST_OF_CLASS]
    n_rows = len(in_order)
    if n_rows < _FEWEST_ROWS:
        return 0.0
    ranks = np.arange(n_rows, dtype=np.float64)
    unseen = (ranks * _STRETCHES // n_rows).astype(np.int64) % 2 == 1
    leaf = n_rows // (2 * _STRETCHES)
    return max(tree_score(ranks, values, unseen, problem.is_classification, leaf) for values in in_order.T)


def _correlation(cells: FloatArray, lines: NDArray[np.int64]) -> float:
    """The size of the rank correlation with the rows' places, which rise; 0 where cells are missing or do not vary, or
    where it is far from 1."""
    if np.isnan(cells).any():
        return 0.0
    step = -(-len(lines) // _MOST_COMPARED)
    cells, lines = cells[::step], lines[::step]
    half = len(cells) // 2
    if 0.1 < np.mean(cells[:half] < cells[half : 2 * half]) < 0.9:
        return 0.0  # what follows the rows has nearly all of the first half below, or above, the second
    return abs(rank_correlation(cells, lines))


def _counts(cells: FloatArray) -> bool:
    """Whether cells are whole numbers, all different, with few left out, whichever order the rows stand in."""
    if np.isnan(cells).any() or (cells != np.floor(cells)).any():
        return False
    return bool(np.ptp(cells) <= _GAP * len(cells)) and len(np.unique(cells)) == len(cells)


def _how(follows: float) -> str:
    if follows >= _FOLLOWS:
        return f"follows the order of the rows (rank correlation {follows:.3f})"
    return "counts rows (whole numbers, all different, few left out)"


def _told(problem: Problem) -> str:
    return " or ".join(map(repr, problem.targets)) if len(problem.targets) < 4 else "a target"


def _evidence(score: float, problem: Problem) -> str:
    measure = "balanced accuracy beyond chance" if problem.is_classification else "R²"
    return f"{measure} {score:.2f} of a tree of the place alone, on stretches of rows that it has not seen"
