"""How a cell is read: its one spelling, whether it is missing, and the number that it stands for.

A value has the same spelling wherever it comes from, so that a file and a data frame of the same
content are the same table: 1, 1.0, "1" and "1.0" are all `1`, and True and "True" are both `True`.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from operator import is_

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.errors import DataError

MISSING = frozenset({"", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "<NA>", "NaT"})
PLACEHOLDERS = frozenset({"None", "none", "?", "-", "."})
"""Missing in a column that otherwise holds numbers or dates; a category of its own among categories."""

_WHOLE = re.compile(r"([+-]?\d+)\.0+")


@dataclass(frozen=True, eq=False)
class Cells:
    """One column of n rows: `values` are its distinct spellings in order of appearance, `codes` (n,) points
    into them, -1 where the cell is missing."""

    codes: NDArray[np.int64]
    values: tuple[str, ...]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Rows of each value."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values)).astype(np.int64)

    @property
    def n_present(self) -> int:
        return int(np.count_nonzero(self.codes >= 0))

    @property
    def n_missing(self) -> int:
        return len(self.codes) - self.n_present

    def spread(self, by_value: NDArray[np.float64]) -> NDArray[np.float64]:
        """One float a row (n,) from one a value; NaN where the cell is missing."""
        return np.append(by_value, np.nan)[self.codes]

    def without(self, spellings: Collection[str]) -> "Cells":
        """The same rows, with the cells spelled like one of `spellings` missing."""
        if frozenset(spellings).isdisjoint(self.values):
            return self
        kept = [i for i, value in enumerate(self.values) if value not in spellings]
        new_code = np.full(len(self.values) + 1, -1, dtype=np.int64)
        new_code[kept] = np.arange(len(kept))
        return Cells(new_code[self.codes], tuple(self.values[i] for i in kept))


def spelling(value: object) -> str:
    """The one spelling of a value.

    Durations are their seconds, and bytes the text in them.

    >>> spelling(1.0), spelling(" 1.0 "), spelling(0.5), spelling(True)
    ('1', '1', '0.5', 'True')
    """
    if isinstance(value, str):
        text = value.strip()
        whole = _WHOLE.fullmatch(text) if text.endswith("0") else None
        return whole[1] if whole else text
    if isinstance(value, (float, np.floating)):
        return str(int(value)) if float(value).is_integer() and abs(float(value)) < 1e16 else str(value)
    if isinstance(value, timedelta):  # pandas' own are such, too
        return spelling(value.total_seconds())
    if isinstance(value, Decimal):
        return spelling(str(value))
    if isinstance(value, bytes):
        return spelling(value.decode("utf-8", "backslashreplace"))
    return value.isoformat().removesuffix("T00:00:00") if isinstance(value, pd.Timestamp) else str(value).strip()


def read_cells(series: pd.Series, missing: Sequence[str] = ()) -> Cells:
    """The cells of one column; `missing` are further spellings of a missing cell.

    Raises DataError where the cells are lists, dictionaries or the like.
    """
    if len(series) == 1:
        return _read_one(series, missing)
    array = series.array  # a series makes an index of its values, which takes as long as finding them
    try:
        raw_codes, raw_values = pd.factorize(
            array.to_numpy() if isinstance(array, pd.arrays.NumpyExtensionArray) else array
        )
    except TypeError:
        raise _no_cells(series) from None
    raw: NDArray[np.object_] = np.asarray(raw_values.astype(object))
    spelled = _spellings(raw, isinstance(series.dtype, pd.StringDtype))
    if all(map(is_, raw, spelled)):  # which is most columns of text, and saves half of the time
        cells = Cells(raw_codes.astype(np.int64), tuple(spelled))
    else:
        codes, values = pd.factorize(np.array(spelled, dtype=object))
        by_raw_code = np.append(codes, -1).astype(np.int64)
        cells = Cells(by_raw_code[raw_codes], tuple(map(str, values)))
    return cells.without(MISSING | {spelling(word) for word in missing})


def _spellings(raw: NDArray[np.object_], are_texts: bool) -> list[str]:
    """The spelling of each value; of texts nearly all are as they stand, which is found out in half of the time."""
    if not are_texts:
        return [spelling(value) for value in raw]
    return [spelling(text) if text[-1:] == "0" else text for text in map(str.strip, raw)]


def _read_one(series: pd.Series, missing: Sequence[str]) -> Cells:
    """The same of a single cell, in a twentieth of the time: a row that is predicted alone has many of them."""
    value = series.to_numpy(object)[0]
    try:
        hash(value)
    except TypeError:
        raise _no_cells(series) from None
    text = "" if pd.isna(value) else spelling(value)
    is_missing = text in MISSING or text in map(spelling, missing)
    return Cells(np.array([-1 if is_missing else 0]), () if is_missing else (text,))


def _no_cells(series: pd.Series) -> DataError:
    return DataError(
        f"Column {series.name!r} holds values such as lists or dictionaries, but a cell must be a number, a text, "
        "a truth value or a date. Spread the values over columns of their own, or leave the column out with "
        f"--ignore {series.name}."
    )


def read_numbers(values: "Sequence[str] | pd.Series[str]") -> NDArray[np.float64]:
    """The number that each spelling stands for; NaN for one that is no number, infinite where it says so."""
    return np.asarray(pd.to_numeric(np.array(values, dtype=object), errors="coerce"), dtype=np.float64)


def column_numbers(series: pd.Series, missing: Sequence[str] = ()) -> NDArray[np.float64]:
    """The number in each cell (n,); NaN where there is none."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf":  # soon, for a row that is predicted alone
        numbers = series.to_numpy().astype(np.float64)
    elif pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype):
        numbers = series.to_numpy(np.float64, na_value=np.nan, copy=True)
    elif isinstance(series.dtype, pd.StringDtype) and len(series) > 1:
        numbers = read_numbers(series.str.strip()).copy()
    else:
        cells = read_cells(series, missing)
        return cells.spread(read_numbers(cells.values))
    if missing:
        marked = read_numbers(missing)
        numbers[np.isin(numbers, marked[~np.isnan(marked)])] = np.nan
    return numbers
