import errno
import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.data.table import Table, read_table
from autoproc.errors import DataError

_FRAME = pd.DataFrame({"a": [1, 2, 3, 4], "b": ["x", "y", None, "x"], "c": [0.5, 1.0, float("nan"), 2.0]})


def _csv(folder: Path, frame: pd.DataFrame, name: str = "some.csv") -> Path:
    frame.to_csv(folder / name, index=False)
    return folder / name


def test_a_file_keeps_its_cells_as_text_and_knows_its_lines(tmp_path: Path) -> None:
    table = read_table(_csv(tmp_path, _FRAME))
    assert table.frame["a"].tolist() == ["1", "2", "3", "4"]
    assert (table.name, table.source) == ("some", str(tmp_path / "some.csv"))
    assert (table.n_rows, table.columns) == (4, ("a", "b", "c"))
    assert table.places(np.array([0, 2])) == "lines 2, 4"


def test_a_frame_is_taken_as_it_is() -> None:
    table = read_table(_FRAME)
    assert (table.name, table.source) == ("frame", "data frame")
    assert table.places(np.array([3])) == "row 3"
    assert table.notices == ()


def test_many_places_are_cut_short() -> None:
    table = read_table(pd.DataFrame({"a": range(9)}))
    assert table.places(np.arange(6)) == "rows 0, 1, 2, 3, 4, ..."


def test_the_same_content_has_the_same_fingerprint_wherever_it_comes_from(tmp_path: Path) -> None:
    frame = _FRAME.astype({"b": "category"}).set_index(pd.Index([7, 8, 9, 10]))
    frame.to_parquet(tmp_path / "other.parquet")
    sources = [_FRAME, frame, _csv(tmp_path, _FRAME), str(tmp_path / "other.parquet"), _FRAME.convert_dtypes()]
    assert len({read_table(source).fingerprint for source in sources}) == 1


@pytest.mark.parametrize(
    "other",
    [
        _FRAME.rename(columns={"a": "A"}),
        _FRAME[["b", "a", "c"]],
        _FRAME.iloc[::-1],
        _FRAME.iloc[:3],
        _FRAME.assign(a=[1, 2, 3, 5]),
        _FRAME.assign(b=["x", "y", "z", "x"]),
    ],
    ids=["name", "order of columns", "order of rows", "fewer rows", "a number", "a missing cell"],
)
def test_other_content_has_another_fingerprint(other: pd.DataFrame) -> None:
    assert read_table(other).fingerprint != read_table(_FRAME).fingerprint


@given(st.lists(st.integers(0, 3), min_size=1, unique=True))
def test_rows_are_taken_with_their_places(rows: list[int]) -> None:
    table = read_table(_FRAME).take(np.array(rows))
    assert table.frame["a"].tolist() == [row + 1 for row in rows]
    assert table.frame.index.tolist() == list(range(len(rows)))
    assert table.lines.tolist() == rows


def test_spellings_of_missing_belong_to_the_table(tmp_path: Path) -> None:
    for source in (_FRAME, _csv(tmp_path, _FRAME)):
        table = read_table(source, missing=["x", "4"])
        assert table.cells("b").n_missing == 3
        assert table.take(np.array([3])).cells("a").n_missing == 1


def test_notices_gather() -> None:
    table = read_table(_FRAME).with_notice("one").with_notice("two")
    assert table.notices == ("one", "two")


def test_a_named_index_is_left_out_with_a_notice() -> None:
    table = read_table(_FRAME.set_index("a"))
    assert table.columns == ("b", "c")
    assert table.notices == ("The index (a) is not a column and is left out.",)


def test_names_become_text() -> None:
    assert read_table(pd.DataFrame([[1, 2, 3]], columns=[0, " b ", ""])).columns == ("0", "b", "column 3")


def _several_levels() -> pd.DataFrame:
    return pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame(), "The data frame is empty: 0 rows and 0 columns"),
        (_FRAME.iloc[:0], "The data frame is empty: 0 rows and 3 columns"),
        (pd.DataFrame([[1, 2]], columns=["a", "a "]), "more than one column named 'a'"),
        (_several_levels(), "columns of several levels"),
    ],
    ids=["nothing", "no row", "names twice", "levels"],
)
def test_frames_that_are_no_table_are_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(frame)


def test_a_missing_file_is_told_with_its_neighbour(tmp_path: Path) -> None:
    _csv(tmp_path, _FRAME)
    with pytest.raises(DataError, match=r"There is no file .*sone\.csv\. Did you mean '.*some\.csv'\?"):
        read_table(tmp_path / "sone.csv")
    with pytest.raises(DataError, match=r"There is no file .*x\.csv\.$"):
        read_table(tmp_path / "nowhere" / "x.csv")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder, but the data must be one file"):
        read_table(tmp_path)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="cannot be read: "):
        read_table(name)


def test_a_tilde_is_a_user_or_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(_csv(tmp_path, _FRAME, "~nobody.csv").parent)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("~nobody.csv", "./~nobody.csv", "~/~nobody.csv"):
        assert read_table(name).n_rows == 4
    with pytest.raises(DataError, match=r"There is no file ~no-such-user/x\.csv"):
        read_table("~no-such-user/x.csv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for pipe in (tmp_path / "pipe.csv", Path(os.devnull)):
        with pytest.raises(DataError, match=r"is a pipe or a device, .* Save it as a file\."):
            read_table(pipe)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _csv(tmp_path, _FRAME)

    def fail(*told: object, **more: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    for broken in ("autoproc.data.table.read_delimited", "pathlib.Path.open"):
        with monkeypatch.context() as patched, pytest.raises(DataError, match="cannot be read: Input/output error"):
            patched.setattr(broken, fail)
            read_table(path)


def _parquet(folder: Path, cells: pa.Array) -> Table:
    pq.write_table(pa.table({"x": cells, "y": list(range(len(cells)))}), folder / "x.parquet")
    return read_table(folder / "x.parquet")


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (pa.array([Decimal("1.50"), Decimal("2.00"), None]), ("1.50", "2")),
        (pa.array([Decimal(10) ** 60, None], pa.decimal256(70, 2)), ("1" + "0" * 60,)),
        (pa.array([90_000, 1_500, None], pa.duration("ms")), ("90", "1.5")),
        (pa.array([b"ab", b"\xff", None]), ("ab", "\\xff")),
        (pa.array(["a", "b", "a", None]).dictionary_encode(), ("a", "b")),
        (pa.array([2**64 - 1, 2**64 - 2], pa.uint64()), ("18446744073709551615", "18446744073709551614")),
        (pa.array([-719162, 2932896], pa.date32()), ("0001-01-01", "9999-12-31")),
        (pa.array([1_600_000_000], pa.timestamp("s", "Europe/Zurich")), ("2020-09-13T14:26:40+02:00",)),
        (pa.array([0.5, None], pa.float32()), ("0.5",)),
        (pa.array([True, None]), ("True",)),
        (pa.nulls(2), ()),
    ],
    ids=str,
)  # fmt: skip
def test_types_of_parquet_become_cells(tmp_path: Path, cells: pa.Array, values: tuple[str, ...]) -> None:
    assert _parquet(tmp_path, cells).cells("x").values == values


@pytest.mark.parametrize(
    "cells",
    [pa.array([[1], [2]]), pa.array([{"a": 1}, None]), pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64()))],
    ids=["list", "struct", "map"],
)
def test_nested_types_of_parquet_are_no_cells(tmp_path: Path, cells: pa.Array) -> None:
    with pytest.raises(DataError, match="Column 'x' holds values such as lists or dictionaries"):
        _parquet(tmp_path, cells).cells("x")


def test_names_twice_in_parquet_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"more than one column named 'a'|cannot be read as Parquet"):
        read_table(tmp_path / "x.parquet")


def test_damaged_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1" + bytes(40))
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_table(path)


def test_parquet_is_known_by_its_content_not_its_name(tmp_path: Path) -> None:
    _FRAME.to_parquet(tmp_path / "x.csv")
    table: Table = read_table(tmp_path / "x.csv")
    assert table.unit == "row"
    pd.testing.assert_frame_equal(table.frame, _FRAME, check_dtype=False)


def test_rows_of_another_table_follow_with_its_lines_and_without_its_further_columns() -> None:
    first = read_table(pd.DataFrame({"a": [1, 2], "b": pd.Categorical(["x", "y"])}))
    other = read_table(pd.DataFrame({"c": [0, 0], "b": pd.Categorical(["z", "x"]), "a": [3, 4]}))
    both = first.with_rows(other)
    assert both.columns == ("a", "b") and both.n_rows == 4
    assert both.frame["a"].tolist() == [1, 2, 3, 4] and both.frame["b"].tolist() == ["x", "y", "z", "x"]
    assert both.lines.tolist() == [0, 1, 0, 1]
    assert first.n_rows == 2


def test_a_column_that_the_other_table_lacks_is_missing_there() -> None:
    both = read_table(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})).with_rows(read_table(pd.DataFrame({"a": [3]})))
    assert both.cells("b").n_missing == 1
