"""What may have been read otherwise than it was meant: notes, on the evidence of development rows.

Numbers that were read as something else, or as other numbers, cost a score without a sign. None of the notes changes
anything.
"""

import re
from itertools import islice

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.data.cells import PLACEHOLDERS, read_numbers
from autoproc.data.columns import MAX_LABELS, MIN_CATEGORY_ROWS
from autoproc.data.encoders import MAX_CATEGORIES
from autoproc.data.table import Table
from autoproc.data.vectorize import Schema
from autoproc.errors import shown
from autoproc.results import Column, Problem

_MOST = 5
_ROWS = 5_000  # that tell how a column is written
_MIXED_SHARE = 0.5  # numbers in a column of words, from which on it may be one of numbers
_PARTED = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")
_FEWEST_PARTED = 30  # decimals written out have three digits each by chance in at most one column of twenty
_MOST_DIGITS = 15  # that every number keeps


def find_doubts(development: Table, problem: Problem, schema: Schema, matrix: NDArray[np.float32]) -> tuple[str, ...]:
    """A sentence or two each: how a column was read, why that may be wrong, and what to do then. `matrix`
    (n, n_columns) is that of the rows, which says what need not be looked at."""
    first_rows = development.take(np.arange(min(development.n_rows, _ROWS)))
    read = {name: matrix[:, place] for name, place in zip(schema.columns, schema.first_columns, strict=True)}
    none = np.empty(0, np.float32)
    doubts = (_doubt(development, first_rows, column, read.get(column.name, none)) for column in problem.columns)
    return tuple(islice(filter(None, doubts), _MOST))


def _doubt(table: Table, first_rows: Table, column: Column, read: NDArray[np.float32]) -> str:
    """The first thing to be said of a column, whose cells were `read` (n,) so; nothing where there is none."""
    if column.kind == "numeric":
        numbers = read[~np.isnan(read)]
        has_decimals = bool((numbers != np.trunc(numbers)).any())
        is_long = np.abs(numbers).max(initial=0.0) >= 10**_MOST_DIGITS
        return (_parted(first_rows, column) if has_decimals else "") or (_cut_off(table, column) if is_long else "")
    if column.kind in ("categorical", "id", "text"):
        return _mixed(first_rows, column) or (_vocabulary(table, column) if column.used else "")
    return ""


def _mixed(table: Table, column: Column) -> str:
    """Words in half of the cells or fewer, where the others are many different numbers."""
    cells = table.cells(column.name).without(PLACEHOLDERS)
    is_number = ~np.isnan(read_numbers(cells.values))
    share = cells.counts[is_number].sum() / max(cells.n_present, 1)
    if share < _MIXED_SHARE or is_number.sum() <= MAX_LABELS or is_number.all():
        return ""
    other = cells.values[int(np.argmin(is_number))]
    return (
        f"Column {column.name!r} was read as words, because only {share:.0%} of its cells are numbers. If it should "
        f"hold numbers, mend the other cells, such as {shown(other)}, or count them as missing with --missing."
    )


def _parted(table: Table, column: Column) -> str:
    """Three digits behind each point and none without three, as where points part thousands."""
    raw = table.frame[column.name]
    if not isinstance(raw.dtype, pd.StringDtype):
        return ""
    values = list(raw.dropna().str.strip().unique())
    with_point = [value for value in values if "." in value and value not in PLACEHOLDERS]
    whole = [value for value in values if re.fullmatch(r"[+-]?\d{1,3}", value)]
    if len(with_point) < _FEWEST_PARTED or not whole or not all(map(_PARTED.fullmatch, with_point)):
        return ""
    return (
        f"Column {column.name!r} may part thousands with a point: {with_point[0]!r} was read with decimals, but stands "
        f"beside {whole[0]!r}, and no cell has fewer or more of them. Write such numbers without points."
    )


def _vocabulary(table: Table, column: Column) -> str:
    """More categories than the network tells apart."""
    counts = table.cells(column.name).counts
    if len(counts) <= MAX_CATEGORIES:
        return ""
    n_kept = min(int((counts >= MIN_CATEGORY_ROWS).sum()), MAX_CATEGORIES)
    return (
        f"Column {column.name!r} has {len(counts):,} categories in {counts.sum():,} cells; the {n_kept:,} most "
        "frequent are told apart, and all others are one. If it should hold numbers, write them as such."
    )


def _cut_off(table: Table, column: Column) -> str:
    """Whole numbers with more digits than are kept, of which some are the same without the last."""
    long = [value for value in table.cells(column.name).values if value.isdigit() and len(value) > _MOST_DIGITS]
    n_kept = len(np.unique(read_numbers(long))) if long else 0
    if n_kept == len(long):
        return ""
    return (
        f"Column {column.name!r} holds whole numbers of more than {_MOST_DIGITS} digits, of which the last are cut "
        f"off: {len(long):,} different ones become {n_kept:,}. If they are names of something, leave it out."
    )
