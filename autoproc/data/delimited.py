"""Text tables (CSV, TSV and their like): encoding and separator are found, every cell is kept as text."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.errors import DataError

if TYPE_CHECKING:
    from _csv import Reader

_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE_ROWS = 200
_CHUNK_ROWS = 20_000
_DECIMAL_COMMA = r"^\s*([+-]?\d+),(\d+)\s*$"
_BINARY_STARTS = {b"PK\x03\x04": "a zip archive or an Excel file", b"\x1f\x8b": "a gzip archive"}


@dataclass(frozen=True, eq=False)
class TextTable:
    """Cells as text, the line of the file at which each row starts, and what the user should know."""

    frame: pd.DataFrame
    lines: NDArray[np.int64]
    notices: tuple[str, ...]


def read_delimited(path: Path) -> TextTable:
    """Raises DataError for a file that is empty, not text, or not a table."""
    text, notices = _decode(path.read_bytes(), path)
    separator = _find_separator(text, path)
    rows = _numbered_rows(text, separator, path)
    names, unnamed = _read_header(next(rows)[1], path)
    frame, lines = _read_rows(rows, names, path)
    if separator != "," and _writes_decimal_commas(frame):
        frame = frame.apply(lambda column: column.str.replace(_DECIMAL_COMMA, r"\1.\2", regex=True))
        notices = (*notices, f"{path.name} writes numbers with a decimal comma; they were read as such.")
    return TextTable(frame, lines, (*notices, *unnamed))


def _decode(raw: bytes, path: Path) -> tuple[str, tuple[str, ...]]:
    if not raw.strip():
        raise DataError(f"{path} is empty; a table needs a line with the names of its columns, and rows below it.")
    for start, kind in _BINARY_STARTS.items():
        if raw.startswith(start):
            raise DataError(f"{path} is {kind}, but a table must be CSV, TSV or Parquet. Export it as one of them.")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decode_as("utf-16", raw, path), ()
    try:
        return _must_be_text(raw.decode("utf-8-sig"), path), ()
    except UnicodeDecodeError:
        text = _must_be_text(_decode_as("cp1252", raw, path), path)
    return text, (f"{path.name} is not UTF-8; it was read as Windows-1252. Save it as UTF-8 if letters look wrong.",)


def _decode_as(encoding: str, raw: bytes, path: Path) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        raise _not_text(path) from None


def _must_be_text(text: str, path: Path) -> str:
    n_control = sum(text.count(chr(code)) for code in range(32) if chr(code) not in "\t\n\r\f\v")
    if "\0" in text or n_control > len(text) / 1_000:
        raise _not_text(path)
    return text


def _not_text(path: Path) -> DataError:
    return DataError(f"{path} is not a text file (its bytes are no text), but a table must be CSV, TSV or Parquet.")


def _reader(text: str, separator: str) -> "Reader":
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)


def _find_separator(text: str, path: Path) -> str:
    """The separator that gives most rows the width of the header; of equals, the one with most columns."""
    preferred = ("\t", *_SEPARATORS) if path.suffix.lower() in (".tsv", ".tab") else _SEPARATORS
    return max(preferred, key=lambda separator: _fit(text, separator))


def _fit(text: str, separator: str) -> tuple[float, int]:
    widths: list[int] = []
    n_broken = 0
    try:
        for row in islice(_reader(text, separator), _SAMPLE_ROWS):
            widths += [len(row)] if row else []
    except csv.Error:
        n_broken = 1  # the rows before it still tell, and the line is named when it is read
    if not widths or widths[0] == 1:
        return 0.0, 1
    return sum(width == widths[0] for width in widths) / (len(widths) + n_broken), widths[0]


def _numbered_rows(text: str, separator: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each row, the header first, with the line it starts at; blank lines are passed over."""
    reader = _reader(text, separator)
    line, width = 1, 0
    try:
        for row in reader:
            blank = len(row) < 2 and not any(map(str.strip, row))
            if not blank:
                width = width or len(row)
                _must_fit(row, width, line, separator, path)
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"Line {line} of {path} cannot be read as part of a table separated by {separator!r}: {error}. Often a "
            "quotation mark is opened and never closed: mend the quotes."
        ) from None


def _must_fit(row: list[str], width: int, line: int, separator: str, path: Path) -> None:
    if len(row) != width:
        raise DataError(
            f"Line {line} of {path} has {len(row)} {'cell' if len(row) == 1 else 'cells'}, but the header has {width} "
            f"(separated by {separator!r}). Every row must have one cell a column: mend the line, and quote cells "
            "that hold the separator."
        )


def _read_header(header: list[str], path: Path) -> tuple[list[str], tuple[str, ...]]:
    cells = [cell.strip() for cell in header]
    names = [cell or f"column {i}" for i, cell in enumerate(cells, start=1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"{path} has more than one column named {', '.join(map(repr, twice))}, but names must differ. Rename them."
        )
    unnamed = [name for name, cell in zip(names, cells, strict=True) if not cell]
    return names, (f"A column without a name is called by its place: {', '.join(unnamed)}.",) if unnamed else ()


def _read_rows(
    rows: Iterator[tuple[int, list[str]]], names: list[str], path: Path
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    chunks: list[pd.DataFrame] = []
    lines: list[int] = []
    while chunk := list(islice(rows, _CHUNK_ROWS)):
        columns = zip(*(row for _, row in chunk), strict=True)
        chunks.append(
            pd.DataFrame({name: pd.array(cells, dtype="str") for name, cells in zip(names, columns, strict=True)})
        )
        lines.extend(line for line, _ in chunk)
    if not chunks:
        raise DataError(f"{path} has a line with the names of {len(names)} columns, but no row below it.")
    return pd.concat(chunks, ignore_index=True), np.array(lines, dtype=np.int64)


def _writes_decimal_commas(frame: pd.DataFrame) -> bool:
    """Whether the first rows hold numbers such as 1,5 and none such as 1.5."""
    sample = frame.head(_SAMPLE_ROWS).stack()
    commas = sample.str.fullmatch(_DECIMAL_COMMA).any()
    return bool(commas and not sample.str.fullmatch(r"\s*[+-]?\d*\.\d+\s*").any())
