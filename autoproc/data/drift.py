"""What training saw of each column, and whether rows to predict are far outside of it.

Rows are odd in a column where its cell is missing or cannot be read, where its category is unknown, or where its number
or date lies beyond the training rows' range. A column is told of where all of this holds:

- at least 3 rows are odd,
- their share is more than 5 points of percent above that of the training rows,
- if all rows came from one table, so many of the odd ones would be among those to predict with a probability of
  1 % at most, all columns and signs counted (Bonferroni).

The probability is that of a hypergeometric draw, by Chernoff's bound (Hoeffding 1963, theorem 4), which holds for few
rows as for many: it is never too small, so that the rule errs on the silent side.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, Strict, TypeAdapter, ValidationError

from autoproc.data.columns import MIN_CATEGORY_ROWS
from autoproc.data.encoders import (
    CARD_RULES,
    FIRST_CODE,
    MISSING_CODE,
    UNKNOWN_CODE,
    BooleanColumn,
    CategoryColumn,
    Encoder,
    day_of,
)
from autoproc.data.vectorize import Schema
from autoproc.errors import BundleError
from autoproc.format import format_count

LEVELS = (0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0)
"""Of the quantiles that are kept of a column of numbers."""

LEAST_ROWS = 3
FAR = 0.05
CHANCE = 0.01

Sign = Literal["missing", "unseen", "beyond"]
_Count = Annotated[int, Strict(), Field(ge=0)]
_Number = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class SeenColumn:
    """Of a column's cells in the training rows: how many were missing; of categories, in how many rows the category
    would be unknown to a vocabulary made without that row, which is how many unseen ones are to be expected among as
    many others; of numbers the quantiles at `LEVELS`, of dates the same in days since the start of 2000."""

    __pydantic_config__: ClassVar[ConfigDict] = CARD_RULES
    name: str
    n_missing: _Count
    n_rare: _Count | None = None
    quantiles: Annotated[tuple[_Number, ...], Field(min_length=len(LEVELS), max_length=len(LEVELS))] | None = None


@dataclass(frozen=True)
class Seen:
    """What training saw: `n_rows` rows of columns in the schema's order."""

    __pydantic_config__: ClassVar[ConfigDict] = CARD_RULES
    n_rows: _Count
    columns: tuple[SeenColumn, ...]

    @classmethod
    def of(cls, schema: Schema, matrix: NDArray[np.float32]) -> "Seen":
        """Of the rows whose matrix (n, n_columns) the schema made."""
        columns = zip(schema.encoders, schema.first_columns, strict=True)
        return cls(len(matrix), tuple(_seen(encoder, matrix[:, start]) for encoder, start in columns))

    @classmethod
    def from_json(cls, content: object, schema: Schema) -> "Seen":
        """Raises BundleError for what `to_json` would not have written of the schema's columns."""
        try:
            seen = _CARD.validate_python(content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise BundleError(f"what training saw is damaged at {_place(first['loc'])}: {first['msg']}.") from None
        if tuple(column.name for column in seen.columns) != schema.columns:
            raise BundleError("what training saw is of other columns than those that the model needs.")
        return seen

    def to_json(self) -> dict[str, Any]:
        content: dict[str, Any] = _CARD.dump_python(self, mode="json", exclude_none=True)
        return content


_CARD = TypeAdapter(Seen)


@dataclass(frozen=True, eq=False)
class OddCells:
    """Of `n_rows` rows to predict, how many are odd in each column (n_columns,), by sign."""

    n_rows: int
    missing: NDArray[np.int64]
    unseen: NDArray[np.int64]
    beyond: NDArray[np.int64]

    def __add__(self, other: "OddCells") -> "OddCells":
        return OddCells(
            self.n_rows + other.n_rows,
            self.missing + other.missing,
            self.unseen + other.unseen,
            self.beyond + other.beyond,
        )


@dataclass(frozen=True)
class DriftHint:
    """`n_odd` of `n_cells` cells of a column are odd, where `expected` is their share among training rows; as a
    sentence in `text`."""

    column: str
    sign: Sign
    n_odd: int
    n_cells: int
    expected: float
    text: str

    @property
    def share(self) -> float:
        return self.n_odd / self.n_cells


def count_odd(schema: Schema, seen: Seen, matrix: NDArray[np.float32]) -> OddCells:
    """The odd cells of rows whose matrix (n, n_columns) the schema made."""
    counts = np.zeros((3, len(seen.columns)), dtype=np.int64)
    columns = zip(schema.encoders, schema.first_columns, seen.columns, strict=True)
    for place, (encoder, start, column) in enumerate(columns):
        cells = matrix[:, start]
        if isinstance(encoder, CategoryColumn):
            counts[0, place] = np.count_nonzero(cells == MISSING_CODE)
            counts[1, place] = np.count_nonzero(cells == UNKNOWN_CODE)
        else:
            counts[0, place] = np.count_nonzero(np.isnan(cells))
        if column.quantiles:
            low, high = np.float32(column.quantiles[0]), np.float32(column.quantiles[-1])
            counts[2, place] = np.count_nonzero((cells < low) | (cells > high))  # NaN is neither
    return OddCells(len(matrix), *counts)


def drift_hints(schema: Schema, seen: Seen, odd: OddCells) -> tuple[DriftHint, ...]:
    """The columns that are far outside of what training saw, in the schema's order."""
    found: list[DriftHint] = []
    chance = CHANCE / (2 * len(seen.columns))  # a column has two signs at most
    for place, (encoder, column) in enumerate(zip(schema.encoders, seen.columns, strict=True)):
        n_seen = seen.n_rows - column.n_missing
        n_present = odd.n_rows - int(odd.missing[place])
        checks: list[tuple[Sign, int, int, int, int]] = [
            ("missing", int(odd.missing[place]), odd.n_rows, column.n_missing, seen.n_rows),
            ("unseen", int(odd.unseen[place]), n_present, column.n_rare or 0, n_seen),
            ("beyond", int(odd.beyond[place]), n_present, 0, n_seen),
        ]
        for sign, n_odd, n_cells, n_seen_odd, n_seen_cells in checks:
            if _is_far(n_odd, n_cells, n_seen_odd, n_seen_cells, chance):
                expected = n_seen_odd / n_seen_cells
                text = _text(column, encoder.kind == "datetime", sign, n_odd, n_cells, expected)
                found.append(DriftHint(column.name, sign, n_odd, n_cells, expected, text))
    return tuple(found)


def _seen(encoder: Encoder, cells: NDArray[np.float32]) -> SeenColumn:
    if isinstance(encoder, CategoryColumn):
        counts = np.bincount(cells.astype(np.int64), minlength=encoder.n_codes)
        known = counts[FIRST_CODE:]
        n_rare = counts[UNKNOWN_CODE] + known[known <= MIN_CATEGORY_ROWS].sum()
        return SeenColumn(encoder.name, int(counts[MISSING_CODE]), int(n_rare))
    present = cells[~np.isnan(cells)]
    n_missing = len(cells) - len(present)
    if isinstance(encoder, BooleanColumn) or not present.size:
        return SeenColumn(encoder.name, n_missing)
    quantiles = np.quantile(present, LEVELS, method="inverted_cdf")
    return SeenColumn(encoder.name, n_missing, quantiles=tuple(float(str(number)) for number in quantiles))


def _is_far(n_odd: int, n_cells: int, n_seen_odd: int, n_seen: int, chance: float) -> bool:
    if n_odd < LEAST_ROWS or not n_seen or n_odd / n_cells <= n_seen_odd / n_seen + FAR:
        return False
    return _log_chance(n_odd, n_cells, n_odd + n_seen_odd, n_cells + n_seen) <= math.log(chance)


def _log_chance(n_found: int, n_drawn: int, n_marked: int, n_all: int) -> float:
    """Of the probability that of `n_all` balls, `n_marked` of them marked, as many as `n_found` marked ones or more are
    among `n_drawn`: an upper bound. Drawn and marked may change places, and the lower of both bounds counts."""
    by_drawn = n_drawn * _divergence(n_found / n_drawn, n_marked / n_all)
    by_marked = n_marked * _divergence(n_found / n_marked, n_drawn / n_all)
    return -max(by_drawn, by_marked)


def _divergence(share: float, of: float) -> float:
    """Kullback and Leibler's, of two coins."""
    heads = share * math.log(share / of) if share else 0.0
    tails = (1 - share) * math.log((1 - share) / (1 - of)) if share < 1 else 0.0
    return heads + tails


def _text(column: SeenColumn, is_date: bool, sign: Sign, n_odd: int, n_cells: int, expected: float) -> str:
    of = f"{column.name!r}: {format_count(n_odd)} of {format_count(n_cells)}"
    share = f"({_percent(n_odd / n_cells)})"
    if sign == "missing":
        return f"{of} cells {share} are missing or cannot be read, in training {_percent(expected)}"
    if sign == "unseen":
        return f"{of} categories {share} are unknown to the model, {_percent(expected)} were to be expected"
    assert column.quantiles
    low, high = (_end(number, is_date) for number in (column.quantiles[0], column.quantiles[-1]))
    return f"{of} {'dates' if is_date else 'numbers'} {share} lie beyond what training saw, {low} to {high}"


def _end(number: float, is_date: bool) -> str:
    return str(day_of(number)) if is_date else f"{number:,.6g}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def _place(loc: Sequence[object]) -> str:
    return ".".join(map(str, loc)) or "its top"
