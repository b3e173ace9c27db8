"""Which rows are drawn to be kept apart: single rows, whole groups, or the last stretch of time."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

_MOST_STRATA = 50


def draw_rows(strata: NDArray[np.int64], n_drawn: int, seed: int) -> NDArray[np.bool_]:
    """Whether each row (n,) is among the `n_drawn`; each stratum gives its share of them, up or down to a whole row.

    Systematic sampling: rows stand in line, the strata in random order and so the rows in each, and every
    (n / n_drawn)-th is drawn from a random start. Where each row is a stratum of its own, this is a plain draw.
    """
    rng = np.random.default_rng(seed)
    n_rows = len(strata)
    rank = rng.permutation(strata.max() + 2)  # one more, for a stratum numbered -1
    line = rng.permutation(n_rows)
    line = line[np.argsort(rank[strata[line]], kind="stable")]
    reached = (np.arange(n_rows + 1) * n_drawn + rng.integers(n_rows)) // n_rows
    drawn = np.zeros(n_rows, dtype=bool)
    drawn[line[np.diff(reached) > 0]] = True
    return drawn


def draw_groups(groups: NDArray[np.int64], strata: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Whether each row (n,) belongs to one of the drawn groups, which together hold about `share` of the rows, and of
    each stratum as nearly as whole groups allow."""
    if share > 0.5:
        return ~draw_groups(groups, strata, 1 - share, seed)
    n_parts = min(max(round(1 / share), 2), int(groups.max()) + 1)
    parts = group_folds(groups, strata, n_parts, seed)
    drawn = np.zeros(len(groups), dtype=bool)
    drawn[min(parts, key=lambda rows: abs(len(rows) - share * len(groups)))] = True
    return drawn


def group_folds(
    groups: NDArray[np.int64], strata: NDArray[np.int64], n_folds: int, seed: int
) -> list[NDArray[np.int64]]:
    """The rows of each of `n_folds` parts, none of which shares a group with another; as equal as whole groups allow,
    in rows and in strata."""
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    return [rows for _, rows in splitter.split(groups, _common(strata, n_folds), groups)]


def _common(strata: NDArray[np.int64], fewest: int) -> NDArray[np.int64]:
    """The strata with those that cannot be spread evenly, being too many or of too few rows, put together."""
    names, number, counts = np.unique(strata, return_inverse=True, return_counts=True)
    if len(names) > _MOST_STRATA:
        return np.zeros_like(strata)
    return np.where(counts[number] < fewest, int(np.argmax(counts)), number)


def from_time(times: NDArray[np.float64], share: float) -> float:
    """The time from which on about `share` of the rows lie; rows of one time stay together, and some lie before it.

    >>> from_time(np.array([1.0, 2.0, 2.0, 3.0]), 0.25), from_time(np.array([1.0, 1.0, 1.0, 2.0]), 0.5)
    (3.0, 2.0)
    """
    rising = np.sort(times)
    cut = rising[min(round((1 - share) * len(rising)), len(rising) - 1)]
    return float(cut if cut > rising[0] else rising[rising > rising[0]][0])
