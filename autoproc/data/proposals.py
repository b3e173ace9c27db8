"""What the plan might have said about the rows, and did not: proposals, on the evidence of development rows.

None of them changes anything. A split that is at odds with how rows hang together flatters the score, and only people
know which rows the model will meet.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from shlex import quote

import numpy as np

from autoproc.data.cells import PLACEHOLDERS, Cells
from autoproc.data.columns import words_of
from autoproc.data.dates import find_date_format, read_moments
from autoproc.data.table import Table
from autoproc.plan import Plan
from autoproc.results import Column, Problem

_MOST = 2  # proposals of each kind
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


def _group_proposals(table: Table, problem: Problem) -> Iterator[str]:
    cells = cache(table.cells)
    for column in problem.columns:
        if not _may_be_group(column, groups := cells(column.name), table.n_rows):
            continue
        others = (each.name for each in problem.columns if each.name != column.name)
        constant = [name for name in others if _is_attribute(groups, cells(name))]
        named = _is_named_like_group(column.name)
        if len(constant) < _FEWEST_CONSTANT and not named:
            continue
        evidence = f"{len(groups.values):,} values in {groups.n_present:,} rows"
        if constant:
            evidence += f", and {_listed(constant)} never {'varies' if len(constant) == 1 else 'vary'} within one"
        yield (
            f"Column {column.name!r} looks like a group ({evidence}). If the model will meet groups that it was not "
            f"trained on, --group {quote(column.name)} keeps each on one side of every split; without it the scores "
            "may flatter."
        )


def _may_be_group(column: Column, groups: Cells, n_rows: int) -> bool:
    """Whether values repeat, are more than a few, and are not measures."""
    if column.kind not in ("numeric", "categorical", "id", "text") or groups.n_missing:
        return False
    if column.kind == "numeric" and not all(re.fullmatch(r"\d+", value) for value in groups.values):
        return False
    return _FEWEST_GROUPS <= len(groups.values) <= n_rows / 2


def _is_named_like_group(name: str) -> bool:
    words = words_of(name)
    return bool(words) and bool({words[0], words[-1]} & _GROUP_WORDS)


def _is_attribute(groups: Cells, other: Cells) -> bool:
    """Whether the other column has one value within each group, fewer values than there are groups, and more than
    chance would give."""
    if not 2 <= len(other.values) < len(groups.values):
        return False
    n_pairs = len(np.unique(groups.codes * (len(other.values) + 1) + other.codes))  # a missing cell is -1
    return n_pairs == len(groups.values) and bool(other.counts.max() < _MOST_COMMON * len(other.codes))


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
