"""A file's rows, some at a time, for tables that do not fit into memory: cell by cell what `read_table` reads."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from autoproc.data.delimited import find_format
from autoproc.data.table import existing_file, is_parquet, not_parquet, parquet_errors, plain, unreadable

_BLOCK_BYTES = 2**20


@dataclass(frozen=True, eq=False)
class Chunk:
    """Rows that follow each other (`frame` has a plain index and text names), and which share of the file has been read
    with them, about."""

    frame: pd.DataFrame
    share: float


def read_chunks(path: Path, n_rows: int) -> Iterator[Chunk]:
    """The rows of a CSV, TSV or Parquet file in their order, `n_rows` of them at a time and the rest at last.

    How a cell is read is decided for the whole file, and does not hang on `n_rows`. Raises DataError where `read_table`
    raises it: for a line that is no row, where it comes to that.
    """
    path = existing_file(path)
    return _of_parquet(path, n_rows) if is_parquet(path) else _of_text(path, n_rows)


def _of_text(path: Path, n_rows: int) -> Iterator[Chunk]:
    try:
        found = find_format(path)
        n_lines = _count_lines(path)
        for part in found.parts(n_rows):
            yield Chunk(part.frame, min(int(part.lines[-1]) / n_lines, 1.0))
    except OSError as error:
        raise unreadable(path, error) from None


def _count_lines(path: Path) -> int:
    """About, which is enough to tell how far one is; at least 1."""
    with path.open("rb") as file:
        blocks = iter(lambda: file.read(_BLOCK_BYTES), b"")
        return max(sum(max(block.count(b"\n"), block.count(b"\r")) for block in blocks), 1)


def _of_parquet(path: Path, n_rows: int) -> Iterator[Chunk]:
    try:
        with pq.ParquetFile(path) as file:
            n_all, n_read = file.metadata.num_rows, 0
            floats = _whole_with_missing(file)
            for table in _tables(file, n_rows):
                n_read += table.num_rows
                frame, _ = plain(_as_floats(table, floats).to_pandas(), str(path))
                yield Chunk(frame, n_read / max(n_all, 1))
    except parquet_errors() as error:
        raise not_parquet(path, error) from None


def _tables(file: pq.ParquetFile, n_rows: int) -> Iterator[pa.Table]:
    """Tables of `n_rows` rows, however the file itself is cut; of an empty file one without rows."""
    waiting = pa.Table.from_batches([], file.schema_arrow)
    if not file.metadata.num_rows:
        yield waiting
    for batch in file.iter_batches(n_rows):
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
        while waiting.num_rows >= n_rows:
            yield waiting.slice(0, n_rows)
            waiting = waiting.slice(n_rows)
    if waiting.num_rows:
        yield waiting


def _whole_with_missing(file: pq.ParquetFile) -> set[str]:
    """The columns of whole numbers in which a cell is missing anywhere: of such a column pandas makes floats, and must
    do so of each part of it, or the spelling of a number would hang on the rows near it."""
    described = (file.schema_arrow.pandas_metadata or {}).get("columns", [])
    kept = {
        column["name"] for column in described if str(column["numpy_type"])[:1].isupper()
    }  # Int64: takes missing cells
    names = [field.name for field in file.schema_arrow if pa.types.is_integer(field.type) and field.name not in kept]
    whole = [name for name in names if file.schema_arrow.names.count(name) == 1]
    counts = dict.fromkeys(whole, 0)
    for batch in file.iter_batches(columns=whole) if whole else ():
        for name in whole:
            counts[name] += batch.column(name).null_count
    return {name for name, count in counts.items() if count}


def _as_floats(table: pa.Table, names: set[str]) -> pa.Table:
    for place, field in enumerate(table.schema):
        if field.name in names:
            column = table.column(place).cast(pa.float64(), safe=False)
            table = table.set_column(place, field.with_type(pa.float64()), column)
    return table
