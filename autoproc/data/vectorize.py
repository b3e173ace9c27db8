"""The vectoriser: a schema fixed on development rows, and the one matrix that it makes of any rows.

The schema knows which columns there are, how each is read, and which categories are known: nothing
of the target, and no statistic of a number. Cells that do not fit it become missing or unknown.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ConfigDict, FailFast, Field, TypeAdapter, ValidationError

from autoproc.data.encoders import (
    CARD_RULES,
    FIRST_CODE,
    BooleanColumn,
    CategoryColumn,
    Encoder,
    fit_block,
    fit_encoder,
)
from autoproc.data.names import column_names
from autoproc.data.table import Table
from autoproc.errors import BundleError, DataError, nearest
from autoproc.results import FloatArray, Problem

MAX_ONE_HOT = 8
"""A column of more known categories than this is embedded."""

_SUGGESTED = 3
_NAMED = 20
_COMPARED = 100  # lacking columns that are compared with the others, in a table that may have thousands of both
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Layout:
    """What the input layer needs to know of the matrix's columns.

    `numeric` are scaled per fold, `passthrough` stand on a fixed scale already; both hold NaN where missing, and
    `indicators` (some of both) had missing cells in development. `one_hot` and `embedded` are pairs of (column,
    number of codes): code 0 is missing, 1 unknown, 2 and up the known categories.
    """

    n_columns: int
    numeric: tuple[int, ...]
    passthrough: tuple[int, ...]
    indicators: tuple[int, ...]
    one_hot: tuple[tuple[int, int], ...]
    embedded: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Schema:
    """How each column that the network sees becomes columns of the matrix.

    `missing` are the user's further spellings of a missing cell.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CARD_RULES
    encoders: Annotated[tuple[Annotated[Encoder, Field(discriminator="kind")], ...], Field(min_length=1), FailFast()]
    missing: Annotated[tuple[str, ...], FailFast()] = ()

    def __post_init__(self) -> None:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("the names of the columns must differ")

    @classmethod
    def fit(cls, development: Table, problem: Problem) -> "Schema":
        """The schema of the columns that the problem uses."""
        used = [column for column in problem.columns if column.used]
        return cls(tuple(fit_encoder(development, c.name, c.kind) for c in used), development.missing)

    @classmethod
    def fit_matrix(cls, development: Table, problem: Problem) -> tuple["Schema", NDArray[np.float32]]:
        """The schema, and the matrix of the rows that it was fitted on, of which each cell is read once for both."""
        used = [column for column in problem.columns if column.used]
        encoders, blocks = [], []
        for column in used:
            encoder, block = fit_block(development, column.name, column.kind)
            encoders.append(encoder)
            blocks.append(_as_floats(block))
        return cls(tuple(encoders), development.missing), np.concatenate(blocks, axis=1)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rows must have."""
        return tuple(encoder.name for encoder in self.encoders)

    @property
    def first_columns(self) -> tuple[int, ...]:
        """The first column of each encoder in the matrix: those that follow in a date are functions of it."""
        return self._starts()[:-1]

    @property
    def layout(self) -> Layout:
        *starts, n_columns = self._starts()
        placed = tuple(zip(self.encoders, starts, strict=True))
        categories = tuple((start, e.n_codes) for e, start in placed if isinstance(e, CategoryColumn))
        return Layout(
            n_columns=n_columns,
            numeric=tuple(start for e, start in placed if e.kind in ("numeric", "datetime")),
            passthrough=tuple(column for e, start in placed for column in _passthrough(e, start)),
            indicators=tuple(start for e, start in placed if not isinstance(e, CategoryColumn) and e.indicator),
            one_hot=tuple(pair for pair in categories if pair[1] <= FIRST_CODE + MAX_ONE_HOT),
            embedded=tuple(pair for pair in categories if pair[1] > FIRST_CODE + MAX_ONE_HOT),
        )

    def matrix(self, data: Table | pd.DataFrame) -> NDArray[np.float32]:
        """The matrix (n, n_columns) of the rows, whose columns may stand in any order and beside others.

        Raises DataError, naming them all, where columns are missing.
        """
        frame = data.frame if isinstance(data, Table) else data
        positions = find_columns(frame, self.columns)
        labels = frame.columns.tolist()
        *starts, n_columns = self._starts()
        matrix = np.empty((len(frame), n_columns), dtype=np.float32)
        for encoder, position, start in zip(self.encoders, positions, starts, strict=True):
            column = frame[labels[position]]  # which takes pandas a third of the time of `iloc`
            matrix[:, start : start + encoder.width] = _as_floats(encoder.block(column, self.missing))
        return matrix

    def to_json(self) -> dict[str, Any]:
        """The schema in JSON's own types; `from_json` reads it back to an equal schema."""
        card: dict[str, Any] = _CARD.dump_python(self, mode="json")
        return card

    @classmethod
    def from_json(cls, card: object) -> "Schema":
        """The schema of a card that may come from anywhere.

        Raises BundleError for whatever `to_json` would not have written.
        """
        try:
            return _CARD.validate_python(card)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = f" at {'.'.join(map(str, first['loc']))}" if first["loc"] else ""
            rule = first["msg"].removeprefix("Value error, ")
            raise BundleError(
                f"The schema of the model, how its columns are read, is damaged{place}: {rule}."
            ) from None

    def _starts(self) -> tuple[int, ...]:
        """The first column of each encoder in the matrix, and behind the last the number of columns."""
        return tuple(accumulate((encoder.width for encoder in self.encoders), initial=0))


_CARD = TypeAdapter(Schema)


def _as_floats(block: FloatArray) -> NDArray[np.float32]:
    return np.clip(block, -_LARGEST, _LARGEST).astype(np.float32)


def _passthrough(encoder: Encoder, start: int) -> range:
    """A truth value, and behind the days of a date the waves of its cycles."""
    return range(start if isinstance(encoder, BooleanColumn) else start + 1, start + encoder.width)


def _lacks(lacking: Sequence[str], needed: Sequence[str], others: Sequence[str]) -> str:
    n_more = len(lacking) - _NAMED
    listed = ", ".join(map(repr, lacking[:_NAMED])) + (f" and {n_more:,} more" if n_more > 0 else "")
    what, remedy = f"lack {len(lacking)} of the", "Add them, or give them back the names that they had"
    if len(lacking) == len(needed):
        what, remedy = (
            "have none of the",
            "Name a table or a model that go together, or give the columns back their names",
        )
    return (
        f"The data {what} {len(needed)} columns that the model was trained on: {listed}. {remedy}."
        f"{_renamed(lacking, others)}"
    )


def _renamed(lacking: Sequence[str], others: Sequence[str]) -> str:
    """Which of the other columns the lacking ones may be: the first few that have a like of their own."""
    likes = {name: nearest(name, others) for name in lacking[:_COMPARED]}
    count = Counter(likes.values())
    pairs = [f"{like!r} for {name!r}" for name, like in likes.items() if like is not None and count[like] == 1]
    more = ", ..." if len(pairs) > _SUGGESTED else ""
    return f" Did you mean {', '.join(pairs[:_SUGGESTED])}{more}?" if pairs else ""


def find_columns(frame: pd.DataFrame, needed: Sequence[str]) -> tuple[int, ...]:
    """The position of each needed column. Raises DataError where one is missing, or is there twice."""
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError("The data frame has columns of several levels, but a name must be one text. Flatten them.")
    names = column_names(frame.columns)
    count = Counter(names)
    if lacking := [name for name in needed if not count[name]]:
        raise DataError(_lacks(lacking, needed, [name for name in names if name not in needed]))
    if twice := [repr(name) for name in needed if count[name] > 1]:
        raise DataError(
            f"The data have more than one column named {', '.join(twice)}, but names must differ. Rename them."
        )
    position = {name: place for place, name in enumerate(names)}
    return tuple(position[name] for name in needed)
