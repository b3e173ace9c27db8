from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.data.cells import Cells, column_numbers, read_cells, read_numbers, spelling
from autoproc.errors import DataError


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (1, "1"),
        (1.0, "1"),
        ("1.0", "1"),
        ("1.000", "1"),
        (" 1 ", "1"),
        ("-2.0", "-2"),
        (0.5, "0.5"),
        ("0.50", "0.50"),
        (np.float32(2), "2"),
        (np.int64(3), "3"),
        (1e300, "1e+300"),
        (float("inf"), "inf"),
        (True, "True"),
        ("True", "True"),
        (" a b ", "a b"),
        ("1.0.0", "1.0.0"),
        (pd.Timestamp("2020-01-02"), "2020-01-02"),
        (pd.Timestamp("2020-01-02 03:04"), "2020-01-02T03:04:00"),
        (date(2020, 1, 2), "2020-01-02"),
        (timedelta(minutes=2), "120"),
        (pd.Timedelta("1.5s"), "1.5"),
        (Decimal("2.00"), "2"),
        (Decimal("2.50"), "2.50"),
        (b" ab ", "ab"),
        (b"\xff", "\\xff"),
    ],
)
def test_a_value_has_one_spelling(value: object, spelled: str) -> None:
    assert spelling(value) == spelled


@given(st.integers(-(10**15), 10**15))
def test_a_whole_number_is_spelled_alike_in_every_type(number: int) -> None:
    assert {spelling(v) for v in (number, float(number), str(number), str(float(number)))} == {str(number)}


def test_a_column_becomes_codes_into_its_values_in_order_of_appearance() -> None:
    cells = read_cells(pd.Series(["b", "a", "b ", None, "", "NA", "c"]))
    assert cells.values == ("b", "a", "c")
    assert cells.codes.tolist() == [0, 1, 0, -1, -1, -1, 2]
    assert cells.counts.tolist() == [2, 1, 1]
    assert (cells.n_present, cells.n_missing) == (4, 3)


@pytest.mark.parametrize("word", ["", " ", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "<NA>", "NaT"])
def test_the_usual_spellings_are_missing(word: str) -> None:
    assert read_cells(pd.Series([word, "x"])).values == ("x",)


@pytest.mark.parametrize("word", ["None", "none", "?", "-", "."])
def test_placeholders_are_values_until_they_are_taken_out(word: str) -> None:
    cells = read_cells(pd.Series([word, "x", word]))
    assert cells.values == (word, "x")
    assert cells.without({word}).codes.tolist() == [-1, 0, -1]


def test_the_user_has_further_spellings_of_missing() -> None:
    assert read_cells(pd.Series([1.0, -999.0, 2.0]), ["-999"]).codes.tolist() == [0, -1, 1]
    assert read_cells(pd.Series(["1", "-999.0", "2"]), ["-999"]).codes.tolist() == [0, -1, 1]


def test_without_nothing_is_the_same_cells() -> None:
    cells = read_cells(pd.Series(["a", "b"]))
    assert cells.without({"c"}) is cells


def test_values_spread_over_rows_with_nan_where_missing() -> None:
    cells = Cells(np.array([1, -1, 0]), ("a", "b"))
    np.testing.assert_array_equal(cells.spread(np.array([10.0, 20.0])), [20.0, np.nan, 10.0])


@pytest.mark.parametrize("dtype", ["bool", "boolean", "object", "category"])
def test_truth_values_are_spelled_alike_in_every_dtype(dtype: str) -> None:
    cells = read_cells(pd.Series([True, False, True]).astype(dtype))
    assert cells.values == ("True", "False")
    assert cells.codes.tolist() == [0, 1, 0]


@pytest.mark.parametrize("values", [[[1], [2]], [{"a": 1}, {"b": 2}]])
def test_lists_and_dictionaries_are_refused(values: list[object]) -> None:
    with pytest.raises(DataError, match=r"Column 'x' holds values such as lists.*--ignore x"):
        read_cells(pd.Series(values, name="x"))


def test_numbers_of_spellings() -> None:
    numbers = read_numbers(["1", "-2.5", "1e3", "inf", "a", "True", "", "1,5"])
    np.testing.assert_array_equal(numbers, [1, -2.5, 1000, np.inf, *[np.nan] * 4])


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1.0, 2.5, np.nan, -9.0]),
        pd.Series([1.0, 2.5, None, -9.0], dtype="Float64"),
        pd.Series(["1", "\u00a02.5 ", "", "-9"], dtype="str"),
        pd.Series(["1", "2.50", "?", "-9.0"], dtype="object"),
        pd.Series([1.0, 2.5, np.nan, -9.0]).astype("category"),
        pd.to_timedelta(pd.Series([1.0, 2.5, np.nan, -9.0]), unit="s"),
    ],
    ids=["float", "nullable", "text", "object", "category", "duration"],
)
def test_a_column_of_any_type_gives_the_same_numbers(series: pd.Series) -> None:
    before = series.copy()
    np.testing.assert_array_equal(column_numbers(series), [1, 2.5, np.nan, -9])
    np.testing.assert_array_equal(column_numbers(series, ["-9"]), [1, 2.5, np.nan, np.nan])
    pd.testing.assert_series_equal(series, before)


@given(st.lists(st.floats(allow_nan=False) | st.none(), min_size=1, max_size=20))
def test_numbers_survive_being_written_as_text(values: list[float | None]) -> None:
    typed = column_numbers(pd.Series(values, dtype="float64"))
    text = column_numbers(pd.Series(["" if v is None else repr(v) for v in values], dtype="str"))
    np.testing.assert_allclose(text, typed, rtol=1e-15)


_ONE_BY_ONE = [
    None, float("nan"), pd.NA, pd.NaT, "", "  ", "NA", "None", "?", "1.0", " 1 ", "word", "ключ",
    True, np.True_, 1, 1.5, 1e300,
    np.float32(0.1), np.int8(3), float("inf"), pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-01 10:00", tz="UTC"),
    date(2020, 1, 2), (1, 2), frozenset({1}), b"bytes",
]  # fmt: skip


@pytest.mark.parametrize("value", _ONE_BY_ONE, ids=repr)
@pytest.mark.parametrize("dtype", [None, "object", "str", "string", "category", "float32", "Int64", "bool", "boolean"])
def test_a_cell_alone_reads_as_it_does_among_others(value: object, dtype: str | None) -> None:
    try:
        many = pd.Series([value, value], dtype=dtype)
    except (TypeError, ValueError, OverflowError, IndexError, RuntimeWarning):
        return  # no cell of such a column
    for missing in ((), ("?", "1.00")):
        alone, among = read_cells(many.iloc[:1], missing), read_cells(many, missing)
        assert (alone.values, alone.codes.tolist()) == (among.values, among.codes[:1].tolist())
        assert alone.codes.dtype == among.codes.dtype
        np.testing.assert_array_equal(column_numbers(many.iloc[:1], missing), column_numbers(many, missing)[:1])


def test_a_list_is_no_cell_on_its_own_either() -> None:
    with pytest.raises(DataError, match="lists or dictionaries"):
        read_cells(pd.Series([[1, 2]]))
