"""Splits for rows that hang together: by group, forward in time, or both."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from autoproc.data.draw import draw_groups, from_time, group_folds
from autoproc.data.metrics import Target
from autoproc.data.relations import Relations, unseen
from autoproc.errors import DataError
from autoproc.results import Fold, Problem

FIRST_TRAINED = 0.5
"""Share of the rows, the earliest, that every fold forward in time trains on; the folds validate on the others."""
MIN_VALIDATION_ROWS = 2
"""A fold with fewer validation rows has no R²; as many training rows have to be left."""


def grouped_folds(y: Target, groups: NDArray[np.int64], problem: Problem, n_folds: int, seed: int) -> tuple[Fold, ...]:
    """K folds of whole groups; each row validates once. Raises DataError where groups, or rows of a class, are too
    few."""
    n_groups = len(np.unique(groups))
    if n_groups < n_folds:
        raise DataError(
            f"{n_folds} folds need at least {n_folds} groups among the development rows, one for each fold's "
            f"validation, but there are {n_groups}. Ask for fewer --folds, add rows, or leave --group out."
        )
    folds = group_folds(groups, _strata(y, problem), n_folds, seed)
    return _checked(tuple(Fold.validating(rows, len(y)) for rows in folds), y, problem)


def grouped_split(y: Target, groups: NDArray[np.int64], problem: Problem, share: float, seed: int) -> tuple[Fold, ...]:
    """One split of whole groups, with about `share` of the rows for validation. Raises as `grouped_folds`."""
    if len(np.unique(groups)) < 2:
        raise DataError("A validation split by group needs two groups among the development rows. Leave --group out.")
    return _checked((Fold.validating(draw_groups(groups, _strata(y, problem), share, seed), len(y)),), y, problem)


def timed_folds(y: Target, relations: Relations, problem: Problem, n_folds: int) -> tuple[Fold, ...]:
    """K folds forward in time, or as many as there are times to part them: each trains on all rows before a time, and
    validates on those up to the next one. Where there are groups, rows of those that it has trained on do not validate.
    Raises DataError where there are too few rows, or rows of a class."""
    assert relations.times is not None
    shares = [1 - FIRST_TRAINED - (1 - FIRST_TRAINED) * fold / n_folds for fold in range(n_folds)]
    cuts = [*sorted({from_time(relations.times, share) for share in shares}), np.inf]
    return _checked(tuple(_forward(relations, *pair) for pair in pairwise(cuts)), y, problem)


def timed_split(y: Target, relations: Relations, problem: Problem, share: float) -> tuple[Fold, ...]:
    """One split, with the last rows, about `share` of them, for validation. Raises as `timed_folds`."""
    assert relations.times is not None
    return _checked((_forward(relations, from_time(relations.times, share), np.inf),), y, problem)


def _forward(relations: Relations, start: float, end: float) -> Fold:
    assert relations.times is not None
    train = relations.times < start
    validation = unseen(relations.groups, train, (relations.times >= start) & (relations.times < end))
    return Fold(np.flatnonzero(train), np.flatnonzero(validation))


def _checked(folds: tuple[Fold, ...], y: Target, problem: Problem) -> tuple[Fold, ...]:
    """Raises DataError where a fold cannot be trained or scored."""
    for number, fold in enumerate(folds, start=1):
        for part, rows in (("training", fold.train), ("validation", fold.validation)):
            where = f"in the {part} rows of fold {number}" if len(folds) > 1 else f"in the {part} rows of the split"
            if len(rows) < MIN_VALIDATION_ROWS:
                raise DataError(
                    f"By group or time there must be at least {MIN_VALIDATION_ROWS} rows {where}, but there are "
                    f"{len(rows)}. Ask for fewer --folds, add rows, or leave --group or --time out."
                )
            if problem.is_classification:
                _check_classes(y[rows], problem, where)
    return folds


def _check_classes(y: Target, problem: Problem, where: str) -> None:
    counts = np.bincount(y, minlength=len(problem.classes))
    if counts.min() == 0:
        raise DataError(
            f"Each class must stand {where}, but {problem.classes[int(np.argmin(counts))]!r} does not: its rows belong "
            "to too few groups or times. Ask for fewer --folds, merge the class with another, or add rows of it."
        )


def _strata(y: Target, problem: Problem) -> NDArray[np.int64]:
    return y.astype(np.int64) if problem.is_classification else np.zeros(len(y), dtype=np.int64)
