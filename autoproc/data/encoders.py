"""Encoders: how the cells of one column become columns of the matrix.

An encoder is fixed on development rows and holds a vocabulary or a format, never a statistic of a
number. A cell that does not fit it is missing, or an unknown category.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import ConfigDict, FailFast, Field, Strict

from autoproc.data.cells import PLACEHOLDERS, Cells, column_numbers, read_cells
from autoproc.data.columns import MIN_CATEGORY_ROWS, TRUTH_WORDS
from autoproc.data.dates import FORMATS, Moments, column_moments, find_date_format
from autoproc.data.table import Table
from autoproc.results import ColumnKind, FloatArray

MAX_CATEGORIES = 256
MISSING_CODE = 0
UNKNOWN_CODE = 1
FIRST_CODE = 2

Cycle = Literal["year", "week", "day"]
_CYCLES: tuple[Cycle, ...] = ("year", "week", "day")
_EPOCH = np.datetime64("2000-01-01", "us")
_DAY = np.timedelta64(1, "D")
_SINCE_MONDAY = 5  # the epoch is a Saturday

# What is read back from a card must be exactly what was written: no other keys, no 1 for true.
Flag = Annotated[bool, Strict()]
CARD_RULES = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class NumberColumn:
    """Finite numbers as they are; `indicator` says that cells were missing in development."""

    __pydantic_config__: ClassVar[ConfigDict] = CARD_RULES
    name: str
    indicator: Flag
    kind: Literal["numeric"] = "numeric"

    @property
    def width(self) -> int:
        """Columns of the matrix that it fills."""
        return 1

    def block(self, series: pd.Series, missing: Sequence[str]) -> FloatArray:
        """Its columns (n, width) of the matrix, where `missing` are further spellings of a missing cell."""
        numbers = column_numbers(series, missing)
        return np.where(np.isfinite(numbers), numbers, np.nan)[:, None]


@dataclass(frozen=True)
class BooleanColumn:
    """1 for true, -1 for false, in whichever words or numbers they are written."""

    __pydantic_config__: ClassVar[ConfigDict] = CARD_RULES
    name: str
    indicator: Flag
    kind: Literal["boolean"] = "boolean"

    @property
    def width(self) -> int:
        return 1

    def block(self, series: pd.Series, missing: Sequence[str]) -> FloatArray:
        cells = read_cells(series, missing)
        truths = [2.0 * TRUTH_WORDS.get(value.lower(), np.nan) - 1.0 for value in cells.values]
        return cells.spread(np.array(truths, dtype=np.float64))[:, None]


@dataclass(frozen=True)
class CategoryColumn:
    """Codes: 0 missing, 1 unknown, from 2 on the known categories, the most frequent first."""

    __pydantic_config__: ClassVar[ConfigDict] = CARD_RULES
    name: str
    categories: Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_CATEGORIES), FailFast()]
    kind: Literal["categorical"] = "categorical"

    def __post_init__(self) -> None:
        if len(set(self.categories)) < len(self.categories):
            raise ValueError("the categories must differ")

    @property
    def width(self) -> int:
        return 1

    @property
    def n_codes(self) -> int:
        return FIRST_CODE + len(self.categories)

    def block(self, series: pd.Series, missing: Sequence[str]) -> FloatArray:
        cells = read_cells(series, missing)
        codes = {category: code for code, category in enumerate(self.categories, start=FIRST_CODE)}
        by_value = [codes.get(value, UNKNOWN_CODE) for value in cells.values]
        return np.array([*by_value, MISSING_CODE], dtype=np.float64)[cells.codes][:, None]


@dataclass(frozen=True)
class DateColumn:
    """Days since the start of 2000 (UTC), then sine and cosine of the moment's place in each of its cycles."""

    __pydantic_config__: ClassVar[ConfigDict] = CARD_RULES
    name: str
    format: str
    cycles: Annotated[tuple[Cycle, ...], FailFast()]
    indicator: Flag
    kind: Literal["datetime"] = "datetime"

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"there is no date format {self.format!r}")
        if len(set(self.cycles)) < len(self.cycles):
            raise ValueError("the cycles must differ")

    @property
    def width(self) -> int:
        return 1 + 2 * len(self.cycles)

    def block(self, series: pd.Series, missing: Sequence[str]) -> FloatArray:
        moments = column_moments(series, self.format, missing)
        angles = [2 * np.pi * _phase(cycle, moments) for cycle in self.cycles]
        waves = [wave for angle in angles for wave in (np.sin(angle), np.cos(angle))]
        return np.stack([(moments - _EPOCH) / _DAY, *waves], axis=1)


Encoder = NumberColumn | BooleanColumn | CategoryColumn | DateColumn


def day_of(number: float) -> np.datetime64:
    """The day of a date in the matrix, which counts days since the start of 2000."""
    return np.datetime64((_EPOCH + math.floor(number) * _DAY).astype("datetime64[D]"))


def fit_encoder(table: Table, name: str, kind: ColumnKind) -> Encoder:
    """The encoder of a column of development rows."""
    return fit_block(table, name, kind)[0]


def fit_block(table: Table, name: str, kind: ColumnKind) -> tuple[Encoder, FloatArray]:
    """The encoder of a column of development rows, and the rows' columns (n, width) of the matrix."""
    encoder: Encoder
    if kind == "categorical":
        encoder = CategoryColumn(name, _vocabulary(table.cells(name)))
    elif kind == "datetime":
        encoder = _fit_dates(table, name)
    else:
        encoder = (BooleanColumn if kind == "boolean" else NumberColumn)(name, indicator=False)
    block = encoder.block(table.frame[name], table.missing)
    if isinstance(encoder, NumberColumn | BooleanColumn):
        encoder = replace(encoder, indicator=bool(np.isnan(block).any()))
    return encoder, block


def _vocabulary(cells: Cells) -> tuple[str, ...]:
    """The most frequent values first; of equally frequent ones in the order of their spelling."""
    ranked = sorted(zip(-cells.counts, cells.values, strict=True))
    return tuple(value for count, value in ranked[:MAX_CATEGORIES] if -count >= MIN_CATEGORY_ROWS)


def _fit_dates(table: Table, name: str) -> DateColumn:
    """Only the cycles in which the moments differ: no time of day where there is none."""
    found = find_date_format(table.cells(name).without(PLACEHOLDERS))
    assert found is not None  # or the column would not be one of dates
    moments = column_moments(table.frame[name], found.format, table.missing)
    present = moments[~np.isnat(moments)]
    cycles = tuple(cycle for cycle in _CYCLES if len(np.unique(_phase(cycle, present))) > 1)
    return DateColumn(name, found.format, cycles, indicator=len(present) < len(moments))


def _phase(cycle: Cycle, moments: Moments) -> FloatArray:
    """Where in the cycle each moment stands, in [0, 1): the day of the year or week, or the time of day."""
    days = moments.astype("datetime64[D]")
    if cycle == "day":
        return np.asarray((moments - days) / _DAY, dtype=np.float64)
    if cycle == "week":
        return np.asarray(np.mod((days - _EPOCH) / _DAY + _SINCE_MONDAY, 7) / 7, dtype=np.float64)
    # Each month takes a twelfth, so that a date has the same place in every year.
    months = moments.astype("datetime64[M]")
    month = (months - moments.astype("datetime64[Y]").astype("datetime64[M]")) / np.timedelta64(1, "M")
    return np.asarray((month + (days - months.astype("datetime64[D]")) / _DAY / 31) / 12, dtype=np.float64)
