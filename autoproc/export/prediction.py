"""A file's predictions, a part of its rows at a time, for tables that are larger than memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from autoproc.data.chunks import read_chunks
from autoproc.data.drift import DriftHint, OddCells
from autoproc.durable import whole_file
from autoproc.export.model import Model

PARQUET = (".parquet", ".pq")
CHUNK_ROWS = 8_192
"""A power of two, as the rows of a network's pass are: a row has the same neighbours in its pass, and so exactly the
same prediction, as where the whole table is predicted at once."""

Write = Callable[[pd.DataFrame], None]


@dataclass(frozen=True)
class Done:
    """What has been predicted so far: rows, and about which share of the file."""

    n_rows: int
    share: float


def predict_file(
    model: Model,
    path: Path,
    write: Write,
    on_done: Callable[[Done], None],
    proba: bool = False,
) -> tuple[DriftHint, ...]:
    """Write the predictions of each row of a CSV, TSV or Parquet file, with `proba` the probabilities alone, in the
    file's order and in parts; the columns that are far outside of what training saw.

    Raises DataError for what is no table or lacks a column, PlanError for probabilities of values, and what `write`
    raises.
    """
    predict = model.proba_of_matrix if proba else model.predict_matrix
    odd: OddCells | None = None
    n_rows = 0
    for chunk in read_chunks(path, CHUNK_ROWS):
        matrix = model.matrix(chunk.frame)
        write(predict(matrix, chunk.frame.index))
        more = model.count_odd(matrix)
        odd = odd + more if odd and more else more
        n_rows += len(chunk.frame)
        on_done(Done(n_rows, chunk.share))
    return model.drift_of(odd) if odd else ()


@contextmanager
def whole_table(out: Path) -> Iterator[Write]:
    """Writes parts of a table below each other, Parquet if `out` ends in .parquet or .pq, else CSV. The file has its
    place once all of it is written; otherwise nothing is left. Raises OSError."""
    with whole_file(out) as file:
        if out.suffix.lower() not in PARQUET:
            yield csv_lines(file.write)
            return
        with _parquet(file) as write:
            yield write


def csv_lines(write: Callable[[bytes], object]) -> Write:
    """Writes parts of a table as CSV, in UTF-8 whatever the terminal has; the names stand in the first line."""
    is_first = True

    def write_part(part: pd.DataFrame) -> None:
        nonlocal is_first
        write(part.to_csv(index=False, header=is_first, lineterminator="\n").encode())
        is_first = False

    return write_part


@contextmanager
def _parquet(file: BinaryIO) -> Iterator[Write]:
    writer: pq.ParquetWriter | None = None

    def write_part(part: pd.DataFrame) -> None:
        nonlocal writer
        table = pa.Table.from_pandas(part, preserve_index=False)
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table)

    try:
        yield write_part
    finally:
        if writer:
            writer.close()
