"""What each column holds, and whether a network can learn from it: decided on development rows alone."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.data.cells import PLACEHOLDERS, Cells, read_numbers
from autoproc.data.dates import DateFormat, find_date_format, read_moments
from autoproc.data.notation import disguised
from autoproc.data.table import Table
from autoproc.errors import DataError, shown
from autoproc.results import Column, ColumnKind

MIN_CATEGORY_ROWS = 3
"""A value in fewer development rows is not a category of the vocabulary."""
TRUTH_WORDS = {"0": 0, "false": 0, "f": 0, "no": 0, "n": 0, "1": 1, "true": 1, "t": 1, "yes": 1, "y": 1}

MAX_LABELS = 20
"""More different numbers than this are no classes or categories, unless the user says so."""

_TRUTH_PAIRS = ({"0", "1"}, {"false", "true"}, {"f", "t"}, {"no", "yes"}, {"n", "y"})
_TYPED_SHARE = 0.95
_TEXT_WORDS = 3
_TEXT_DISTINCT = 0.5
_ID_WORDS = {"id", "ids", "idx", "index", "uid", "uuid", "guid", "udi", "key", "rowid", "rownum"}
_TIME_WORDS = {"year", "month", "week", "day", "date", "time", "hour", "minute", "second", "timestamp", "age"}
_ROW_NUMBER_ROWS = 20
_ROW_NUMBER_GAP = 4


class _Judgement(NamedTuple):
    kind: ColumnKind
    used: bool
    note: str


_GROUP = _Judgement("group", False, "the rows' group: splits go by it, and rows to come are of other ones")


def describe_columns(
    table: Table, targets: Sequence[str], ignore: Sequence[str], group: str | None = None
) -> tuple[Column, ...]:
    """The kind of each column beside the targets, with a note on how it is seen or why it is left out.

    Raises DataError for infinite numbers, for a column of numbers or dates with a few cells that are
    neither, and when no column is left to learn from.
    """
    names = [name for name in table.columns if name not in targets]
    columns = tuple(Column(name, *(_GROUP if name == group else _judge(table, name, name in ignore))) for name in names)
    if not any(column.used for column in columns):
        notes = "; ".join(f"{column.name}: {column.note}" for column in columns) or "the target is the only column"
        raise DataError(f"No column is left to learn from ({notes}). Add columns that tell the rows apart.")
    return columns


def words_of(name: str) -> list[str]:
    """The words in a column's name.

    >>> words_of("UserID"), words_of("store_id 2")
    (['user', 'id'], ['store', 'id'])
    """
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def must_be_finite(table: Table, name: str, by_row: NDArray[np.float64]) -> None:
    """Raises DataError where a number of the column is infinite."""
    rows = np.flatnonzero(np.isinf(by_row))
    if rows.size:
        raise DataError(
            f"Column {name!r} holds {_count(rows.size, 'infinite value')} ({table.places(rows)}), but numbers must be "
            f"finite. Mend the cells, or count them as missing with --missing inf."
        )


def must_all_fit(table: Table, name: str, cells: Cells, fits: NDArray[np.bool_], what: str) -> None:
    """Raises DataError where values of a column of numbers or dates (`what`) are neither."""
    strays = [i for i, fit in enumerate(fits) if not fit]
    if not strays:
        return
    rows = np.flatnonzero(np.isin(cells.codes, strays))
    told = ", ".join(shown(cells.values[i]) for i in strays[:5])
    raise DataError(
        f"Column {name!r} holds {what}, but {rows.size} of its {cells.n_present:,} cells "
        f"{'is' if rows.size == 1 else 'are'} not: {told} ({table.places(rows)}). Mend the cells, or count "
        f"the spelling as missing with --missing {shown(cells.values[strays[0]])}, or leave the column out with "
        f"--ignore {name}."
    )


def must_be_plain(table: Table, name: str, cells: Cells, remedy: str) -> None:
    """Raises DataError where values are numbers in another way of writing, too many to be categories."""
    if len(cells.values) <= MAX_LABELS:
        return
    is_number = disguised(cells.values)
    if not _mostly(cells, is_number):
        return
    plain = ~np.isnan(read_numbers(cells.values))
    rows = np.flatnonzero(np.isin(cells.codes, np.flatnonzero(is_number & ~plain)))
    told = ", ".join(dict.fromkeys(shown(cells.values[code]) for code in cells.codes[rows[:5]]))
    raise DataError(
        f"Column {name!r} holds numbers, but {_count(rows.size, 'cell')} of {cells.n_present:,} "
        f"{'is' if rows.size == 1 else 'are'} not written as such: {told} ({table.places(rows)}). Write them as "
        "1234.5, in plain digits, thousands not apart, without signs of currency or percent and without quotes; or "
        f"{remedy}."
    )


def _judge(table: Table, name: str, ignored: bool) -> _Judgement:
    if ignored:
        return _Judgement("ignored", False, "left out on request")
    cells = table.cells(name)
    if not cells.values:
        return _Judgement("constant", False, "every cell is missing")
    if len(cells.values) == 1 and not cells.n_missing:
        return _Judgement("constant", False, f"{cells.values[0]!r} in every row")
    if _are_truths(cells.values):
        return _Judgement("boolean", True, _with_missing(" or ".join(sorted(cells.values)), cells))
    if isinstance(table.frame[name].dtype, pd.CategoricalDtype):
        return _judge_words(cells)
    judgement = _judge_numbers(table, name, cells) or _judge_dates(table, name, cells)
    if judgement is None:
        must_be_plain(table, name, cells.without(PLACEHOLDERS), f"leave the column out with --ignore {name}")
    return judgement or _judge_words(cells)


def _judge_numbers(table: Table, name: str, raw: Cells) -> _Judgement | None:
    cells = raw.without(PLACEHOLDERS)
    numbers = read_numbers(cells.values)
    fits = ~np.isnan(numbers)
    if not _mostly(cells, fits):
        return None
    must_all_fit(table, name, cells, fits, "numbers")
    by_row = cells.spread(numbers)
    must_be_finite(table, name, by_row)
    distinct = len(cells.values) == cells.n_present  # also where the numbers are beyond what a float tells apart
    if distinct and _is_number_id(name, by_row[~np.isnan(by_row)]):
        return _Judgement("id", False, "a number of its own in each row")
    return _Judgement("numeric", True, _with_missing("numbers", cells))


def _judge_dates(table: Table, name: str, raw: Cells) -> _Judgement | None:
    cells = raw.without(PLACEHOLDERS)
    found: DateFormat | None = find_date_format(cells)
    if found is None:
        return None
    fits = ~np.isnat(read_moments(cells.values, found.format))
    if not _mostly(cells, fits):
        return None
    must_all_fit(table, name, cells, fits, "dates")
    doubt = "; day and month could be swapped, the month was read first" if found.ambiguous else ""
    return _Judgement("datetime", True, _with_missing(f"dates such as {cells.values[0]}{doubt}", cells))


def _judge_words(cells: Cells) -> _Judgement:
    distinct = len(cells.values) / cells.n_present
    if distinct >= _TEXT_DISTINCT and np.median([len(value.split()) for value in cells.values]) >= _TEXT_WORDS:
        return _Judgement("text", False, "free text, which is not used yet")
    if len(cells.values) == cells.n_present:
        return _Judgement("id", False, "a value of its own in each row")
    if cells.counts.max() < MIN_CATEGORY_ROWS:
        return _Judgement("id", False, f"no value stands in {MIN_CATEGORY_ROWS} rows or more")
    return _Judgement("categorical", True, _with_missing(_count(len(cells.values), "category"), cells))


def _are_truths(values: Sequence[str]) -> bool:
    words: set[str] = set()
    for value in values:
        words.add(value.lower())
        if len(words) > 2:  # soon, where there are millions
            return False
    return words in _TRUTH_PAIRS


def _mostly(cells: Cells, fits: NDArray[np.bool_]) -> bool:
    return bool(fits.any()) and cells.counts[fits].sum() >= _TYPED_SHARE * cells.n_present


def _is_number_id(name: str, numbers: NDArray[np.float64]) -> bool:
    """Whether whole numbers, all different, are named like an id or count the rows in their order."""
    if not (numbers == np.floor(numbers)).all():
        return False
    words = words_of(name)
    if words and {words[0], words[-1]} & _ID_WORDS:
        return True
    counts_rows = (np.diff(numbers) > 0).all() and np.ptp(numbers) <= _ROW_NUMBER_GAP * len(numbers)
    return bool(counts_rows) and len(numbers) >= _ROW_NUMBER_ROWS and not _TIME_WORDS & set(words)


def _with_missing(note: str, cells: Cells) -> str:
    return f"{note}, {cells.n_missing:,} missing" if cells.n_missing else note


def _count(number: int, word: str) -> str:
    plural = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{number:,} {word if number == 1 else plural}"
