"""A file in parts is the file: no cell hangs on where it is cut."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoproc.data.cells import read_cells
from autoproc.data.chunks import read_chunks
from autoproc.data.table import read_table
from autoproc.errors import DataError

N_ROWS = 400
BIG = 2**53 + 1  # no float


def _frame() -> pd.DataFrame:
    """Cells that are read in another way where only a part of the column is looked at."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "whole": np.arange(N_ROWS),
            "big": BIG + 2 * np.arange(N_ROWS),
            "big with holes": pd.array(BIG + 2 * np.arange(N_ROWS), dtype="Int64"),
            "number": random.normal(size=N_ROWS),
            "flag": random.random(N_ROWS) < 0.5,
            "word": random.choice(["é", "b", "c,d", "two\nlines"], N_ROWS),
            "day": pd.date_range("2020-01-01", periods=N_ROWS, freq="7h"),
            "late": [None] * (N_ROWS - 1) + ["x"],
        }
    )
    frame.loc[300, ["big with holes", "number", "word", "day"]] = None
    return frame.assign(kind=frame["word"].astype("category"), plain=frame["big with holes"].astype(object))


def _csv(path: Path) -> None:
    _frame().to_csv(path, index=False)


def _decimal_commas(path: Path) -> None:
    _frame().to_csv(path, index=False, sep=";", decimal=",")


def _windows(path: Path) -> None:
    _frame().to_csv(path, index=False, encoding="cp1252", lineterminator="\r\n")


def _utf16(path: Path) -> None:
    _frame().to_csv(path, index=False, sep="\t", encoding="utf-16")


def _parquet(path: Path) -> None:
    _frame().to_parquet(path, row_group_size=90)


def _foreign_parquet(path: Path) -> None:
    """As other programs than pandas write it: whole numbers with missing cells, and no word of pandas."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(_frame(), preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, path, row_group_size=70)


_WRITERS = [_csv, _decimal_commas, _windows, _utf16, _parquet, _foreign_parquet]


@pytest.fixture(scope="module", params=_WRITERS, ids=[write.__name__.strip("_") for write in _WRITERS])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    write: Callable[[Path], None] = request.param
    path = tmp_path_factory.mktemp("written") / "table"
    write(path)
    return path


@settings(max_examples=12)
@given(n_rows=st.integers(1, N_ROWS + 1))
def test_no_cell_hangs_on_where_a_file_is_cut(written: Path, n_rows: int) -> None:
    whole = read_table(written).frame
    chunks = list(read_chunks(written, n_rows))
    assert [len(chunk.frame) for chunk in chunks[:-1]] == [n_rows] * (len(chunks) - 1)
    assert sum(len(chunk.frame) for chunk in chunks) == N_ROWS
    start = 0
    for chunk in chunks:
        assert list(chunk.frame.columns) == list(whole.columns)
        for name in whole:
            part = whole[name].iloc[start : start + len(chunk.frame)].reset_index(drop=True)
            found, wanted = read_cells(chunk.frame[name]), read_cells(part)
            assert found.values == wanted.values
            np.testing.assert_array_equal(found.codes, wanted.codes)
        start += len(chunk.frame)


def test_the_share_rises_to_all_of_the_file(written: Path) -> None:
    shares = [chunk.share for chunk in read_chunks(written, 50)]
    assert shares == sorted(shares)
    assert shares[0] < 0.3 and shares[-1] == pytest.approx(1, abs=0.01)


def test_a_line_that_is_no_row_is_named_when_it_is_reached(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + 300 * "1,2\n" + "1,2,3\n")
    chunks = read_chunks(path, 100)
    assert [len(next(chunks).frame) for _ in range(3)] == [100] * 3
    with pytest.raises(DataError, match=r"Line 302 of .* has 3 cells, but the header has 2"):
        next(chunks)


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"PAR1 and so on", b"\xef\xbb\xbf\n"])
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table"
    path.write_bytes(content)
    with pytest.raises(DataError, match="table"):
        list(read_chunks(path, 10))


def test_a_parquet_file_without_rows_is_refused(tmp_path: Path) -> None:
    _frame().head(0).to_parquet(tmp_path / "empty.parquet")
    with pytest.raises(DataError, match=r"empty\.parquet is empty: 0 rows"):
        list(read_chunks(tmp_path / "empty.parquet", 10))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no file"):
        list(read_chunks(tmp_path / "nowhere.csv", 10))
