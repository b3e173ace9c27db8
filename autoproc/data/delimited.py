"""Text tables (CSV, TSV and their like): encoding and separator are found, every cell is kept as text.

What hangs on the whole file is decided once, before its rows are read: so they may be read a part at a time.
"""

import codecs
import csv
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.errors import DataError

if TYPE_CHECKING:
    from _csv import Reader

_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE_ROWS = 200
_CHUNK_ROWS = 20_000
_BLOCK_BYTES = 2**20
_DECIMAL_COMMA = r"^\s*([+-]?\d+),(\d+)\s*$"
_BINARY_STARTS = {b"PK\x03\x04": "a zip archive or an Excel file", b"\x1f\x8b": "a gzip archive"}
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\v"))
_UNDEFINED = b"\x81\x8d\x8f\x90\x9d"  # no characters of Windows-1252


@dataclass(frozen=True, eq=False)
class TextTable:
    """Cells as text, the line of the file at which each row starts, and what the user should know."""

    frame: pd.DataFrame
    lines: NDArray[np.int64]
    notices: tuple[str, ...]


@dataclass(frozen=True)
class TextFormat:
    """How a text table is to be read, whichever part of it, and what the user should know."""

    path: Path
    encoding: str
    separator: str
    names: tuple[str, ...]
    decimal_comma: bool
    notices: tuple[str, ...]

    def parts(self, n_rows: int) -> Iterator[TextTable]:
        """The rows, at most `n_rows` of them at a time, without notices. Raises DataError for a line that does not fit,
        where it comes to that."""
        with closing(_numbered_rows(self.path, self.encoding, self.separator)) as rows:
            next(rows)  # the header
            while chunk := list(islice(rows, n_rows)):
                frame, lines = _frame(chunk, self.names)
                if self.decimal_comma:
                    frame = frame.apply(lambda column: column.str.replace(_DECIMAL_COMMA, r"\1.\2", regex=True))
                yield TextTable(frame, lines, ())


def find_format(path: Path) -> TextFormat:
    """Raises DataError for a file that is empty, not text, or not a table."""
    encoding, notices = _find_encoding(path)
    separator = _find_separator(path, encoding)
    with closing(_numbered_rows(path, encoding, separator)) as rows:
        header = next(rows, None)
        if header is None:
            raise _empty(path)
        names, unnamed = _read_header(header[1], path)
        sample = list(islice(rows, _SAMPLE_ROWS))
    if not sample:
        raise DataError(f"{path} has a line with the names of {len(names)} columns, but no row below it.")
    decimal_comma = separator != "," and _writes_decimal_commas(_frame(sample, names)[0])
    if decimal_comma:
        notices = (*notices, f"{path.name} writes numbers with a decimal comma; they were read as such.")
    return TextFormat(path, encoding, separator, names, decimal_comma, (*notices, *unnamed))


def read_delimited(path: Path) -> TextTable:
    """The whole table. Raises DataError for a file that is empty, not text, or not a table."""
    found = find_format(path)
    parts = list(found.parts(_CHUNK_ROWS))
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    return TextTable(frame, np.concatenate([part.lines for part in parts]), found.notices)


def _find_encoding(path: Path) -> tuple[str, tuple[str, ...]]:
    """The encoding of the whole file, and what is to be said of it."""
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        for known, kind in _BINARY_STARTS.items():
            if start.startswith(known):
                raise DataError(f"{path} is {kind}, but a table must be CSV, TSV or Parquet. Export it as one of them.")
        blocks = iter(lambda: file.read(_BLOCK_BYTES), b"")
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            decoder = codecs.getincrementaldecoder("utf-16")()
            try:
                for block in chain(blocks, (b"",)):
                    decoder.decode(block, final=not block)
            except UnicodeDecodeError:
                raise _not_text(path) from None
            return "utf-16", ()
        return _utf8_or_windows(path, blocks)


def _utf8_or_windows(path: Path, blocks: Iterator[bytes]) -> tuple[str, tuple[str, ...]]:
    """UTF-8 where all of the file is that, else Windows-1252."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    is_utf8, is_windows, is_blank, has_zero = True, True, True, False
    n_bytes = n_characters = n_control = 0
    for block in chain(blocks, (b"",)):
        n_bytes += len(block)
        n_control += len(block) - len(block.translate(None, _CONTROL))
        has_zero |= b"\0" in block
        is_blank &= not block.strip()
        is_windows &= len(block) == len(block.translate(None, _UNDEFINED))
        if is_utf8:
            try:
                n_characters += len(decoder.decode(block, final=not block))
            except UnicodeDecodeError:
                is_utf8 = False
    if is_blank:
        raise _empty(path)
    if has_zero or n_control > (n_characters if is_utf8 else n_bytes) / 1_000 or not (is_utf8 or is_windows):
        raise _not_text(path)
    if is_utf8:
        return "utf-8-sig", ()
    return "cp1252", (
        f"{path.name} is not UTF-8; it was read as Windows-1252. Save it as UTF-8 if letters look wrong.",
    )


def _empty(path: Path) -> DataError:
    return DataError(f"{path} is empty; a table needs a line with the names of its columns, and rows below it.")


def _not_text(path: Path) -> DataError:
    return DataError(f"{path} is not a text file (its bytes are no text), but a table must be CSV, TSV or Parquet.")


def _reader(file: TextIO, separator: str) -> "Reader":
    return csv.reader(file, delimiter=separator, skipinitialspace=True, strict=True)


def _find_separator(path: Path, encoding: str) -> str:
    """The separator that gives most rows the width of the header; of equals, the one with most columns."""
    preferred = ("\t", *_SEPARATORS) if path.suffix.lower() in (".tsv", ".tab") else _SEPARATORS
    return max(preferred, key=lambda separator: _fit(path, encoding, separator))


def _fit(path: Path, encoding: str, separator: str) -> tuple[float, int]:
    widths: list[int] = []
    n_broken = 0
    with path.open(encoding=encoding, newline="") as file:
        try:
            for row in islice(_reader(file, separator), _SAMPLE_ROWS):
                widths += [len(row)] if row else []
        except csv.Error:
            n_broken = 1  # the rows before it still tell, and the line is named when it is read
    if not widths or widths[0] == 1:
        return 0.0, 1
    return sum(width == widths[0] for width in widths) / (len(widths) + n_broken), widths[0]


def _numbered_rows(path: Path, encoding: str, separator: str) -> Generator[tuple[int, list[str]]]:
    """Each row, the header first, with the line it starts at; blank lines are passed over."""
    line, width = 1, 0
    with path.open(encoding=encoding, newline="") as file:
        reader = _reader(file, separator)
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


def _read_header(header: list[str], path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    cells = [cell.strip() for cell in header]
    names = [cell or f"column {i}" for i, cell in enumerate(cells, start=1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"{path} has more than one column named {', '.join(map(repr, twice))}, but names must differ. Rename them."
        )
    unnamed = [name for name, cell in zip(names, cells, strict=True) if not cell]
    return tuple(names), (f"A column without a name is called by its place: {', '.join(unnamed)}.",) if unnamed else ()


def _frame(rows: list[tuple[int, list[str]]], names: Sequence[str]) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    columns = zip(*(row for _, row in rows), strict=True)
    cells = {name: pd.array(column, dtype="str") for name, column in zip(names, columns, strict=True)}
    return pd.DataFrame(cells), np.array([line for line, _ in rows], dtype=np.int64)


def _writes_decimal_commas(sample: pd.DataFrame) -> bool:
    """Whether the first rows hold numbers such as 1,5 and none such as 1.5."""
    cells = sample.stack()
    commas = cells.str.fullmatch(_DECIMAL_COMMA).any()
    return bool(commas and not cells.str.fullmatch(r"\s*[+-]?\d*\.\d+\s*").any())
