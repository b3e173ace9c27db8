"""The user's table: raw cells as they were found, immutable, with a fingerprint.

Nothing is typed here. What a column holds is decided on development rows alone, so that no holdout
cell can have a say in it.
"""

import hashlib
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from textwrap import shorten
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.data.cells import Cells, read_cells
from autoproc.data.delimited import read_delimited
from autoproc.data.names import column_names, must_name
from autoproc.errors import DataError, did_you_mean_file
from autoproc.paths import user_path

_SHOWN = 5
_WHY_LETTERS = 200


@dataclass(frozen=True, eq=False)
class Table:
    """Raw cells (`frame` has a plain index and text names; nobody writes to it).

    `lines` (n,) is where each row stands in its source: the line of a text file, or else the row, counted
    from 0. `missing` are the user's further spellings of a missing cell.
    """

    frame: pd.DataFrame = field(repr=False)
    name: str
    source: str
    lines: NDArray[np.int64] = field(repr=False)
    unit: Literal["line", "row"] = "row"
    missing: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        return len(self.frame)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.frame.columns)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the names and the cells in their order; its name, place and index have no part in it."""
        digest = hashlib.sha256(repr((self.n_rows, self.columns)).encode())
        for name in self.columns:
            cells = read_cells(self.frame[name])
            digest.update(repr(cells.values).encode())
            digest.update(cells.codes.astype("<i8").tobytes())
        return digest.hexdigest()

    def cells(self, column: str) -> Cells:
        return read_cells(self.frame[column], self.missing)

    def take(self, rows: NDArray[np.int64]) -> "Table":
        """The table of the given rows alone."""
        return replace(self, frame=self.frame.iloc[rows].reset_index(drop=True), lines=self.lines[rows])

    def with_rows(self, other: "Table") -> "Table":
        """The table followed by the rows of another one, of which further columns are left out."""
        below = other.frame.reindex(columns=list(self.columns))
        frame = pd.concat([self.frame, below], ignore_index=True)
        return replace(self, frame=frame, lines=np.concatenate([self.lines, other.lines]))

    def with_notice(self, notice: str) -> "Table":
        return replace(self, notices=(*self.notices, notice))

    def places(self, rows: NDArray[np.int64]) -> str:
        """Where the first few of the rows stand in the source, for a message: `lines 3, 17, 20, ...`."""
        shown = ", ".join(map(str, self.lines[rows[:_SHOWN]]))
        return f"{self.unit}{'s' if len(rows) > 1 else ''} {shown}{', ...' if len(rows) > _SHOWN else ''}"


def read_table(data: str | Path | pd.DataFrame, missing: Sequence[str] = ()) -> Table:
    """The table in a CSV, TSV or Parquet file, or of a data frame.

    Raises DataError for a file that is missing, empty, or not a table, and for names that are not distinct.
    """
    if isinstance(data, pd.DataFrame):
        frame, notices = plain(data, "The data frame")
        return Table(frame, "frame", "data frame", np.arange(len(frame)), missing=tuple(missing), notices=notices)
    if not isinstance(data, str | PathLike):
        raise DataError(f"The data must be a file or a pandas DataFrame, but are a {type(data).__name__}.")
    path = existing_file(data)
    if is_parquet(path):
        frame, notices = plain(_read_parquet(path), str(path))
        return Table(frame, path.stem, str(path), np.arange(len(frame)), missing=tuple(missing), notices=notices)
    try:
        text = read_delimited(path)
    except OSError as error:
        raise unreadable(path, error) from None
    return Table(text.frame, path.stem, str(path), text.lines, "line", tuple(missing), text.notices)


def existing_file(name: str | PathLike[str]) -> Path:
    """The path of a file, `~` for the user's own folder. Raises DataError where it is no file."""
    path = user_path(name)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"There is no file {path}.{did_you_mean_file(path)}") from None
    except (OSError, ValueError) as error:  # the latter of a name that no file can have
        raise unreadable(path, error) from None
    if stat.S_ISDIR(mode):
        raise DataError(f"{path} is a folder, but the data must be one file: CSV, TSV or Parquet.")
    if not stat.S_ISREG(mode):
        raise DataError(f"{path} is a pipe or a device, but tables are read more than once. Save it as a file.")
    return path


def parquet_errors() -> tuple[type[Exception], ...]:
    """What reading Parquet raises where a file is damaged, or holds types that pandas has not."""
    import pyarrow as pa  # which prediction from data frames does without

    return pa.ArrowException, ValueError, OSError


def unreadable(path: Path, error: Exception) -> DataError:
    why = error.strerror if isinstance(error, OSError) else error
    return DataError(f"{path} cannot be read: {why}. Name a file that can.")


def is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet files do, whatever it is called. Raises DataError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError as error:
        raise unreadable(path, error) from None


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except parquet_errors() as error:
        raise not_parquet(path, error) from None


def not_parquet(path: Path, error: Exception) -> DataError:
    why = shorten(str(error), _WHY_LETTERS, placeholder="...").rstrip(".")
    return DataError(f"{path} cannot be read as Parquet: {why}. Write the file again.")


def plain(data: pd.DataFrame, what: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The frame with a plain index and text names, and what is to be said of it. Raises DataError where it is empty or
    names are not distinct."""
    if isinstance(data.columns, pd.MultiIndex):
        raise DataError(f"{what} has columns of several levels, but a name must be one text. Flatten data.columns.")
    if data.empty:
        raise DataError(f"{what} is empty: {len(data)} rows and {data.shape[1]} columns.")
    names = column_names(data.columns)
    must_name(names, what)
    index = ", ".join(str(name) for name in data.index.names if name is not None)
    notices = (f"The index ({index}) is not a column and is left out.",) if index else ()
    return data.reset_index(drop=True).set_axis(names, axis="columns"), notices
