"""Signs that features know what they should not: checked on development rows, before anything trains.

None of them proves a leak; each is told with its evidence, and people decide.
"""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.metrics import r2_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from autoproc.data.cells import Cells, read_numbers
from autoproc.data.metrics import Target
from autoproc.data.table import Table
from autoproc.results import Column, FloatArray, Problem

_MANY_COPIES = 0.01  # share of the rows
_NEARLY_PERFECT = 0.99  # R², or balanced accuracy between chance and 1
_MOST_ROWS = 4_000  # that a single feature is tried on
_FEWEST_ROWS = 40
_AFTERWARDS = {
    "outcome", "result", "results", "actual", "final", "closed", "resolved", "refunded", "cancelled", "canceled",
    "discharge", "discharged", "death", "diagnosis", "payout", "settled",
}  # fmt: skip


def find_leaks(
    development: Table, matrix: NDArray[np.float32], targets: Target, problem: Problem, split_at_random: bool = True
) -> tuple[str, ...]:
    """What was found, a sentence or two each. `matrix` (n, n_columns) and `targets` are those of the rows. Copies of
    rows are looked for where rows are `split_at_random`: by group or time they are different things, or later ones."""
    used = [column for column in problem.columns if column.used]
    copies = _copies(matrix, targets) if split_at_random else ()
    leaks = [*copies, *_tellers(development, targets, problem, used)]
    return tuple([*leaks, *_names(used)])


def _copies(matrix: NDArray[np.float32], targets: Target) -> Iterator[str]:
    """Rows that are equal in every feature."""
    # Adding 0 makes 0.0 of -0.0, and all missing numbers look alike.
    rows = np.where(np.isnan(matrix), np.float32(np.nan), matrix + np.float32(0))
    _, number, counts = np.unique(_as_bytes(rows), return_inverse=True, return_counts=True)
    n_copies = int(counts[counts > 1].sum())
    if n_copies < max(2, _MANY_COPIES * len(matrix)):
        return
    with_targets = np.unique(np.column_stack([number, targets]), axis=0)
    same = "with the same target" if len(with_targets) == len(counts) else "not all with the same target"
    yield (
        f"{n_copies:,} of {len(matrix):,} development rows ({n_copies / len(matrix):.1%}) are equal to another one in "
        f"every feature as a network reads it, where rare categories are one, {same}. Split at random, copies train "
        "and validate, and stand in the holdout. If they are one and the same thing, leave all but one out, or name "
        "what they share with --group."
    )


def _as_bytes(rows: NDArray[np.float32]) -> NDArray[np.void]:
    """Each row as one value."""
    packed = np.ascontiguousarray(rows)
    return packed.view(np.dtype((np.void, packed.shape[1] * packed.itemsize))).ravel()


def _tellers(table: Table, targets: Target, problem: Problem, used: list[Column]) -> Iterator[str]:
    """Single features that tell the target: one by one, or nearly always."""
    values = targets if targets.ndim == 1 else targets[:, 0]
    single = len(problem.targets) == 1
    for column in used if single else ():
        cells = table.cells(column.name)
        if _is_bijection(cells, values):
            yield (
                f"Feature {column.name!r} tells the target one by one: each of its values stands beside one value of "
                f"{problem.targets[0]!r}, and the other way round. Unless it is known before the target, leave it out "
                "with --ignore."
            )
        elif (score := _alone(column, cells, values, problem)) >= _NEARLY_PERFECT:
            measure = "balanced accuracy beyond chance" if problem.is_classification else "R² of values or ranks"
            yield (
                f"Feature {column.name!r} alone predicts {problem.targets[0]!r} nearly perfectly ({measure} "
                f"{score:.3f}, on rows that a tree of it has not seen). Unless it is known before the target, leave it "
                "out with --ignore."
            )


def _is_bijection(cells: Cells, values: NDArray[np.generic]) -> bool:
    """Whether cells and target values go together one by one, and repeat, so that this is no chance."""
    if cells.n_missing or 2 * len(cells.values) > len(values):
        return False
    _, codes = np.unique(values, return_inverse=True)
    n_values = int(codes.max()) + 1
    n_pairs = len(np.unique(cells.codes * n_values + codes))
    return n_pairs == n_values == len(cells.values)


def _alone(column: Column, cells: Cells, values: NDArray[np.generic], problem: Problem) -> float:
    """How well a tree of this feature alone does on every second row: 1 is perfect, 0 is chance."""
    if len(values) < _FEWEST_ROWS:
        return 0.0
    step = -(-len(values) // _MOST_ROWS)
    feature = np.nan_to_num(_numbers(column, cells), nan=-1.0)[::step, None]
    wanted = values[::step]
    kind = DecisionTreeClassifier if problem.is_classification else DecisionTreeRegressor
    tree = kind(random_state=0).fit(feature[::2], wanted[::2])
    predicted, truth = tree.predict(feature[1::2]), wanted[1::2]
    if not problem.is_classification:
        explained = float(r2_score(truth, predicted)) if np.ptp(truth) else 0.0
        return max(explained, _of_ranks(feature[:, 0], wanted))
    classes = np.unique(truth)
    if len(classes) < 2:
        return 0.0
    recall = float(np.mean([np.mean(predicted[truth == each] == each) for each in classes]))
    return (recall - 1 / len(classes)) / (1 - 1 / len(classes))


def _of_ranks(feature: FloatArray, wanted: NDArray[np.generic]) -> float:
    """R² of the ranks, which a leak by any rising or falling function keeps; 0 where either does not vary."""
    if np.ptp(feature) == 0 or len(np.unique(wanted)) < 2:
        return 0.0
    return float(spearmanr(feature, wanted).statistic ** 2)


def _numbers(column: Column, cells: Cells) -> FloatArray:
    if column.kind == "numeric":
        return cells.spread(read_numbers(cells.values))
    return cells.codes.astype(np.float64)


def _names(used: list[Column]) -> Iterator[str]:
    named = [column.name for column in used if set(re.findall(r"[a-z]+", column.name.lower())) & _AFTERWARDS]
    if named:
        shown = ", ".join(map(repr, named[:5]))
        yield f"By their names some features may be known only after the target ({shown}). If so, leave them out."
