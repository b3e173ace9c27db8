"""Rows that are equal to another one in every feature, or nearly so: split at random, they stand on both sides."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from autoproc.data.metrics import Target
from autoproc.data.near_copies import FEWEST_ROWS, NearCopies, find_near_copies
from autoproc.data.table import Table
from autoproc.data.vectorize import Schema
from autoproc.results import FloatArray, Problem

_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that nothing of a hash is lost
_MANY_COPIES = 0.01  # share of the rows
_MANY_NEAR_COPIES = 0.08  # share of the rows that were looked at: over ten times what chance gives

Matrix = NDArray[np.float32]


def tell_copies(
    development: Table, schema: Schema, matrix: Matrix, targets: Target, problem: Problem, seed: int
) -> Iterator[str]:
    """What was found, with evidence and what helps. `matrix` (n, n_columns) and `targets` are those of the rows."""
    number, distinct = _numbered(matrix)
    yield from _copies(number, np.bincount(number), targets)
    if len(distinct) < FEWEST_ROWS:
        return
    is_category = np.array([encoder.kind == "categorical" for encoder in schema.encoders])
    found = find_near_copies(matrix[np.ix_(distinct, np.array(schema.first_columns))], is_category, seed)
    if len(found.rows) >= _MANY_NEAR_COPIES * found.n_looked_at:
        share = _share(found, "distinct" if found.n_looked_at == len(distinct) else "drawn")
        rows_of_pairs = np.column_stack([distinct[found.rows], distinct[found.nearest]])
        alike = _alike(rows_of_pairs, targets, problem)
        yield (
            f"{share}: the nearest agrees in {np.median(found.agreeing):.0f} of {len(is_category)} features (equal, "
            "or less than 1 % of the rows between), the first that is no copy in "
            f"{np.median(found.agreeing_with_next):.0f} (medians); {alike}. An example is "
            f"{development.places(np.sort(rows_of_pairs[0]))}. Split at random, near copies train and validate, and "
            "stand in the holdout, so the scores may flatter. Name what they share (a person, a machine, a series of "
            "measurements) with --group: then they stay on one side of every split."
        )


def _numbered(matrix: Matrix) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of the different rows each row (n,) is, from 0, and where each of these stands first, rising. Rows are
    different whose 64-bit hashes are, column by column: sorting whole rows would take several times the matrix."""
    hashes = np.zeros(len(matrix), dtype=np.uint64)
    for column in matrix.T:
        # Adding 0 makes 0.0 of -0.0, and all missing numbers look alike.
        cells = np.where(np.isnan(column), np.float32(np.nan), column + np.float32(0))
        hashes = pd.util.hash_array((hashes * _FACTOR) ^ cells.view(np.uint32))
    number = pd.factorize(hashes)[0].astype(np.int64)  # in the order in which they come
    return number, np.flatnonzero(np.diff(np.maximum.accumulate(number), prepend=-1))


def _copies(number: NDArray[np.int64], counts: NDArray[np.int64], targets: Target) -> Iterator[str]:
    """Rows that are equal in every feature: `number` (n,) says which are, `counts` how many there are of each."""
    n_rows, n_copies = len(number), int(counts[counts > 1].sum())
    if n_copies < max(2, _MANY_COPIES * n_rows):
        return
    with_targets = np.unique(np.column_stack([number, targets]), axis=0)
    same = "with the same target" if len(with_targets) == len(counts) else "not all with the same target"
    yield (
        f"{n_copies:,} of {n_rows:,} development rows ({n_copies / n_rows:.1%}) are equal to another one in "
        f"every feature as a network reads it, where rare categories are one, {same}. Split at random, copies train "
        "and validate, and stand in the holdout. If they are one and the same thing, leave all but one out, or name "
        "what they share with --group."
    )


def _share(found: NearCopies, which: str) -> str:
    n_found = len(found.rows)
    return (
        f"At least {n_found:,} of {found.n_looked_at:,} {which} development rows ({n_found / found.n_looked_at:.1%}) "
        "are nearly equal to another one, nearer than chance gives"
    )


def _alike(pairs: NDArray[np.int64], targets: Target, problem: Problem) -> str:
    """How alike the targets of near copies are, pairs of rows (m, 2)."""
    if problem.is_classification:
        one, other = targets[pairs].T
        shares = np.array(problem.class_counts) / sum(problem.class_counts)
        same, chance = float(np.mean(one == other)), float(np.sum(shares**2))
        return f"{same:.0%} of these pairs have the same target (by chance {chance:.0%})"
    each = [_rank_correlation(*values[pairs].T) for values in targets.T]
    if len(each) == 1:
        return f"the rank correlation of their targets is {each[0]}"
    named = [f"{correlation} ({name})" for name, correlation in zip(problem.targets, each, strict=True)]
    return f"the rank correlations of their targets are {', '.join(named)}"


def _rank_correlation(one: FloatArray, other: FloatArray) -> str:
    if min(np.ptp(one), np.ptp(other)) == 0:
        return "not defined, as they do not vary"
    return f"{spearmanr(one, other).statistic:.2f}"
