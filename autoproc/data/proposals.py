"""What the plan might have said about the rows, and did not: proposals, on the evidence of development rows.

None of them changes anything. A split that is at odds with how rows hang together flatters the score, and only people
know which rows the model will meet.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from shlex import quote

import numpy as np
from numpy.typing import NDArray

from autoproc.data.cells import PLACEHOLDERS, Cells
from autoproc.data.columns import words_of
from autoproc.data.dates import find_date_format, read_moments
from autoproc.data.table import Table
from autoproc.plan import Plan
from autoproc.results import Column, Problem

_MOST = 2  # proposals of each kind
_SAMPLE_ROWS = 2_000  # that are looked at before all are
_FEW_PAIRS = 8  # of these rows, which rule out nearly all columns
_MORE_PAIRS = 64  # which rule out nearly all of those that have few values
_FEWEST_GROUPS = 10
_MOST_COMMON = 0.9  # share of the rows with one value: beyond it a column is constant within a group by chance
_FEWEST_CONSTANT = 2  # other columns that never vary in a group: a group has attributes of its own
_GROUP_WORDS = {
    "id", "ids", "uid", "uuid", "user", "patient", "person", "subject", "customer", "client", "member", "student",
    "household", "family", "session", "query", "account", "device", "machine", "site", "store", "group", "cluster",
}  # fmt: skip


def propose(development: Table, problem: Problem, plan: Plan) -> tuple[str, ...]:
    """A sentence or two each: what was seen, what it would change, and the option that does."""
    groups = _group_proposals(development, problem) if plan.group is None else iter(())
    times = _time_proposals(development, problem) if plan.time is None else iter(())
    return (*islice(groups, _MOST), *islice(times, _MOST))


@dataclass(frozen=True, eq=False)
class _Values:
    """What is to be known of a column's cells, in little memory however many values it has: which one stands in each
    row (n,), -1 for none, how many there are, in how many rows the commonest stands, and whether they are whole numbers
    without a sign."""

    codes: NDArray[np.int32]
    n_values: int
    most: int
    whole: bool

    @classmethod
    def of(cls, cells: Cells) -> "_Values":
        whole = all(re.fullmatch(r"\d+", value) for value in cells.values)
        most = int(cells.counts.max(initial=0))
        return cls(cells.codes.astype(np.int32), len(cells.values), most, whole)


def _group_proposals(table: Table, problem: Problem) -> Iterator[str]:
    """Some rows are looked at first: what is at odds with a group there is so in the whole table."""
    step = -(-table.n_rows // _SAMPLE_ROWS)
    some = table.take(np.arange(0, table.n_rows, step)) if step > 1 else table
    names = [column.name for column in problem.columns]
    sample = {name: _Values.of(some.cells(name)) for name in names}
    codes = np.stack([values.codes for values in sample.values()], axis=1)
    whole = cache(lambda name: sample[name] if some is table else _Values.of(table.cells(name)))
    for column in problem.columns:
        if not (_may_be_key(column, sample[column.name]) and _may_be_key(column, groups := whole(column.name))):
            continue
        if not _FEWEST_GROUPS <= groups.n_values <= table.n_rows / 2:
            continue
        near = [names[place] for place in _constant_within(sample[column.name].codes, codes)]
        constant = [name for name in near if name != column.name and _is_attribute(groups, whole(name))]
        named = _is_named_like_group(column.name)
        if len(constant) < _FEWEST_CONSTANT and not named:
            continue
        evidence = f"{groups.n_values:,} values in {table.n_rows:,} rows"
        if constant:
            evidence += f", and {_listed(constant)} never {'varies' if len(constant) == 1 else 'vary'} within one"
        yield (
            f"Column {column.name!r} looks like a group ({evidence}). If the model will meet groups that it was not "
            f"trained on, --group {quote(column.name)} keeps each on one side of every split; without it the scores "
            "may flatter."
        )


def _may_be_key(column: Column, values: _Values) -> bool:
    """Whether each row has a value, and none is a measure."""
    if column.kind not in ("numeric", "categorical", "id", "text") or (values.codes < 0).any():
        return False
    return column.kind != "numeric" or values.whole


def _is_named_like_group(name: str) -> bool:
    words = words_of(name)
    return bool(words) and bool({words[0], words[-1]} & _GROUP_WORDS)


def _constant_within(groups: NDArray[np.int32], columns: NDArray[np.int32]) -> NDArray[np.int64]:
    """Which of the columns (n, d) have one value, or none, within each group (n,): there may be thousands of both."""
    order = np.argsort(groups, kind="stable")
    first = np.flatnonzero(np.diff(groups[order]) == 0)
    one, next_one = order[first], order[first + 1]  # pairs of a group
    maybe = np.flatnonzero((columns[one[:_FEW_PAIRS]] == columns[next_one[:_FEW_PAIRS]]).all(axis=0))
    for pairs in (slice(_FEW_PAIRS, _MORE_PAIRS), slice(_MORE_PAIRS, None)):  # of ever fewer columns
        equal = columns[np.ix_(one[pairs], maybe)] == columns[np.ix_(next_one[pairs], maybe)]
        maybe = maybe[equal.all(axis=0)]
    return maybe


def _is_attribute(groups: _Values, other: _Values) -> bool:
    """Whether the other column has one value within each group, fewer values than there are groups, and more than
    chance would give."""
    if not 2 <= other.n_values < groups.n_values:
        return False
    pairs = groups.codes.astype(np.int64) * (other.n_values + 1) + other.codes  # a missing cell is -1
    n_pairs = len(np.unique(pairs))
    return n_pairs == groups.n_values and other.most < _MOST_COMMON * len(other.codes)


def _time_proposals(table: Table, problem: Problem) -> Iterator[str]:
    for column in problem.columns:
        if column.kind != "datetime":
            continue
        cells = table.cells(column.name).without(PLACEHOLDERS)
        found = find_date_format(cells)
        if found is None or cells.n_missing:
            continue
        moments = read_moments(cells.values, found.format)
        first, last = (np.datetime_as_string(moment, unit="D") for moment in (np.nanmin(moments), np.nanmax(moments)))
        yield (
            f"Column {column.name!r} holds times, from {first} to {last}. If the model will predict later rows, "
            f"--time {quote(column.name)} seals the last ones and validates forward in time; without it the scores may "
            "flatter."
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:3]))
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
