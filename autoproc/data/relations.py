"""How rows hang together: the group that each belongs to, and when it was."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoproc.data.cells import PLACEHOLDERS, Cells, read_numbers
from autoproc.data.dates import find_date_format, read_moments
from autoproc.data.table import Table
from autoproc.errors import DataError
from autoproc.plan import Plan

_STRETCHES = 10


@dataclass(frozen=True, eq=False)
class Relations:
    """Of n rows: `groups` (n,) numbers the group of each, from 0, and `times` (n,) rises with time; None where the
    plan names no column for it."""

    groups: NDArray[np.int64] | None = None
    times: NDArray[np.float64] | None = None

    @property
    def n_groups(self) -> int:
        return 0 if self.groups is None else len(np.unique(self.groups))

    def take(self, rows: NDArray[np.bool_]) -> "Relations":
        """Those of some rows."""
        return Relations(
            None if self.groups is None else self.groups[rows], None if self.times is None else self.times[rows]
        )


UNRELATED = Relations()


def resampled_together(relations: Relations) -> NDArray[np.int64] | None:
    """Numbers (n,) of rows whose errors may be alike, and which a bootstrap therefore draws as one: whole groups, or
    else at most ten stretches of time (Schmeiser 1982: more tell little more of the noise, and are more alike), of
    sqrt(n) rows at least, in which one time is never parted. None where each row stands for itself."""
    if relations.groups is not None or relations.times is None:
        return relations.groups
    _, moment, counts = np.unique(relations.times, return_inverse=True, return_counts=True)
    first, n_rows = np.cumsum(counts) - counts, len(moment)
    return np.asarray(first // max(round(np.sqrt(n_rows)), -(-n_rows // _STRETCHES)), dtype=np.int64)[moment]


def read_relations(table: Table, plan: Plan) -> Relations:
    """The columns that the plan names, `--group` and `--time`.

    Raises DataError where a row has no group or time, where all rows or none share one, and for times that are
    neither numbers nor dates.
    """
    groups = None if plan.group is None else _read_groups(table, plan.group)
    times = None if plan.time is None else read_times(table, plan.time)
    return Relations(groups, times)


def unseen(groups: NDArray[np.int64] | None, train: NDArray[np.bool_], rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Those of the `rows` (n,) whose group has no row in `train` (n,); all of them where there are no groups."""
    return rows if groups is None else rows & ~np.isin(groups, groups[train])


def _read_groups(table: Table, name: str) -> NDArray[np.int64]:
    cells = table.cells(name)
    _must_be_complete(table, name, cells, "group")
    if len(cells.values) == 1:
        raise DataError(
            f"The group column {name!r} must tell groups of rows apart, but holds {cells.values[0]!r} in every "
            "row. Name another column, or leave --group out."
        )
    if len(cells.values) == table.n_rows:
        raise DataError(
            f"The group column {name!r} must hold rows together, but has a value of its own in each row. Name another "
            "column, or leave --group out."
        )
    return cells.codes


def read_times(table: Table, name: str) -> NDArray[np.float64]:
    """Numbers (n,) that rise with the time in a column: the numbers in it, or the seconds of its dates."""
    cells = table.cells(name).without(PLACEHOLDERS)
    _must_be_complete(table, name, cells, "time")
    by_value = _moments(cells)
    strays = np.flatnonzero(~np.isfinite(by_value))
    if strays.size:
        rows = np.flatnonzero(np.isin(cells.codes, strays))
        raise DataError(
            f"The time column {name!r} must hold dates or numbers, but in {rows.size:,} of {table.n_rows:,} rows it "
            f"does not: {cells.values[strays[0]]!r} ({table.places(rows)}). Mend the cells, or name another column."
        )
    if len(np.unique(by_value)) < 2:
        raise DataError(
            f"The time column {name!r} must tell earlier rows from later ones, but is {cells.values[0]!r} in every "
            "row. Name another column, or leave --time out."
        )
    return cells.spread(by_value)


def _moments(cells: Cells) -> NDArray[np.float64]:
    """A number that rises with time for each value; NaN for what is no time."""
    numbers = read_numbers(cells.values)
    date_format = None if np.isfinite(numbers).all() else find_date_format(cells)
    if date_format is None:
        return numbers
    moments = read_moments(cells.values, date_format.format)
    seconds = moments.astype("datetime64[us]").astype(np.int64) / 1e6  # nanoseconds reach from 1677 to 2262 alone
    return np.where(np.isnat(moments), np.nan, seconds)


def _must_be_complete(table: Table, name: str, cells: Cells, what: str) -> None:
    rows = np.flatnonzero(cells.codes < 0)
    if rows.size:
        raise DataError(
            f"The {what} column {name!r} must have a value in every row, but {rows.size:,} of {table.n_rows:,} lack "
            f"one ({table.places(rows)}). Fill the cells, remove the rows, or leave --{what} out."
        )
