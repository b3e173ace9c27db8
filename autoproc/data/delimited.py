"""Text tables (CSV, TSV and their like): encoding and separator are found, every cell is kept as text.

What hangs on the whole file is decided once, before its rows are read: so they may be read a part at a time.
"""

import codecs
import csv
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.data.names import column_names, must_name
from autoproc.data.notation import Notation, find_notation, plain
from autoproc.errors import DataError

if TYPE_CHECKING:
    from _csv import Reader

_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE_ROWS = 200
_CHUNK_ROWS = 20_000
_BLOCK_BYTES = 2**20
_BINARY_STARTS = {b"PK\x03\x04": "a zip archive or an Excel file", b"\x1f\x8b": "a gzip archive"}
# Of the wider encoding first: its mark begins with that of the other.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
_SEPARATOR_LINE = re.compile('"?sep=(.)"?', re.IGNORECASE)  # which spreadsheets write and read
_MOST_TOLD = 10
_MARK = "\ufeff"  # stands within a file where others were put together
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
    notations: Mapping[str, Notation]
    notices: tuple[str, ...]

    def parts(self, n_rows: int) -> Iterator[TextTable]:
        """The rows, at most `n_rows` of them at a time, without notices. Raises DataError for a line that does not fit,
        where it comes to that."""
        with closing(_numbered_rows(self.path, self.encoding, self.separator)) as rows:
            next(rows)  # the header
            while chunk := list(islice(rows, n_rows)):
                frame, lines = _frame(chunk, self.names)
                frame = frame.assign(**{name: plain(frame[name], told) for name, told in self.notations.items()})
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
    cells = dict(zip(names, zip(*(row for _, row in sample), strict=True), strict=True))
    written = find_notation(cells, path.name, separator)
    return TextFormat(path, encoding, separator, names, written.notations, (*notices, *written.notices, *unnamed))


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
        for mark, encoding in _MARKS.items():
            if start.startswith(mark):
                _check_encoding(path, blocks, encoding)
                return encoding, ()
        return _utf8_or_windows(path, blocks)


def _check_encoding(path: Path, blocks: Iterator[bytes], encoding: str) -> None:
    """Raises DataError where not all of the file is text in the encoding that its mark tells."""
    decoder = codecs.getincrementaldecoder(encoding)()
    is_blank = True
    for block in chain(blocks, (b"",)):
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError:
            raise _not_text(path) from None
        if "\0" in text:
            raise _not_text(path)
        is_blank &= not text.strip()
    if is_blank:
        raise _empty(path)


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
    if has_zero:
        raise _not_text(path, "it holds NUL bytes, as what was cut off does, or UTF-16 without its mark")
    if n_control > (n_characters if is_utf8 else n_bytes) / 1_000 or not (is_utf8 or is_windows):
        raise _not_text(path)
    if is_utf8:
        return "utf-8-sig", ()
    return "cp1252", (
        f"{path.name} is not UTF-8; it was read as Windows-1252. Save it as UTF-8 if letters look wrong.",
    )


def _empty(path: Path) -> DataError:
    return DataError(f"{path} is empty; a table needs a line with the names of its columns, and rows below it.")


def _not_text(path: Path, why: str = "its bytes are no text in UTF-8, UTF-16 or Windows-1252") -> DataError:
    return DataError(
        f"{path} is not a text file ({why}), but a table must be CSV, TSV or Parquet. Save it as CSV in UTF-8."
    )


def _reader(file: TextIO, separator: str) -> "Reader":
    return csv.reader(file, delimiter=separator, skipinitialspace=True, strict=True)


def _find_separator(path: Path, encoding: str) -> str:
    """The separator that the first line tells, or else the one that gives most rows the width of the header; of equals,
    the one with most columns."""
    with path.open(encoding=encoding, newline="") as file:
        if told := _told_separator(file):
            return told
    preferred = ("\t", *_SEPARATORS) if path.suffix.lower() in (".tsv", ".tab") else _SEPARATORS
    return max(preferred, key=lambda separator: _fit(path, encoding, separator))


def _told_separator(file: TextIO) -> str:
    """The separator in a line such as `sep=;`, which is passed over; nothing where the file does not begin with one."""
    if found := _SEPARATOR_LINE.fullmatch(file.readline(_MOST_TOLD).rstrip("\r\n")):
        return found[1]
    file.seek(0)
    return ""


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
    header: list[str] = []
    with path.open(encoding=encoding, newline="") as file:
        n_above = 1 if _told_separator(file) else 0
        line, reader = n_above + 1, _reader(file, separator)
        try:
            for row in reader:
                blank = len(row) < 2 and not any(map(str.strip, row))
                if not blank:
                    if header:
                        _must_fit(row, header, line, separator, path)
                    header = header or row
                    yield line, row
                line = n_above + reader.line_num + 1
        except csv.Error as error:
            raise DataError(
                f"Line {line} of {path} cannot be read as part of a table separated by {separator!r}: {error}. Often a "
                "quotation mark is opened and never closed: mend the quotes."
            ) from None


def _must_fit(row: list[str], header: list[str], line: int, separator: str, path: Path) -> None:
    if len(row) != len(header):
        above = " If the table begins further down, remove the lines above it." if len(header) == 1 else ""
        raise DataError(
            f"Line {line} of {path} has {len(row)} {'cell' if len(row) == 1 else 'cells'}, but the header has "
            f"{len(header)} (separated by {separator!r}). Every row must have one cell a column: mend the line, and "
            f"quote cells that hold the separator.{above}"
        )
    if row[1:] == header[1:] and row[0].lstrip(_MARK) == header[0] and len(row) > 1:
        raise DataError(
            f"Line {line} of {path} repeats the names of the columns, as where files are put together, but rows must "
            "hold cells. Remove the line."
        )


def _read_header(header: list[str], path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = column_names(header)
    must_name(names, str(path))
    unnamed = [name for name, cell in zip(names, header, strict=True) if name not in cell]
    listed = ", ".join(unnamed[:_MOST_TOLD]) + (", ..." if len(unnamed) > _MOST_TOLD else "")
    return tuple(names), (f"A column without a name is called by its place: {listed}.",) if unnamed else ()


def _frame(rows: list[tuple[int, list[str]]], names: Sequence[str]) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    columns = zip(*(row for _, row in rows), strict=True)
    cells = {name: pd.array(column, dtype="str") for name, column in zip(names, columns, strict=True)}
    return pd.DataFrame(cells), np.array([line for line, _ in rows], dtype=np.int64)
