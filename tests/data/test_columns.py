from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from autoproc.data.columns import describe_columns
from autoproc.data.table import read_table
from autoproc.errors import DataError
from autoproc.results import Column, ColumnKind

_N = 60
_MEASURED = pd.Series(np.random.default_rng(0).normal(size=_N))


def _describe(values: object, name: str = "x", missing: tuple[str, ...] = (), ignore: tuple[str, ...] = ()) -> Column:
    """The first of two columns, so that there is always one to learn from."""
    frame = pd.DataFrame({name: values, "other": _MEASURED})
    return describe_columns(read_table(frame, missing), (), ignore)[0]


def _cycle(*values: object) -> list[object]:
    return [values[i % len(values)] for i in range(_N)]


_DAYS = pd.Series(pd.date_range("2020-01-25", periods=_N))


@pytest.mark.parametrize(
    ("values", "kind", "note"),
    [
        (_MEASURED, "numeric", "numbers"),
        (_MEASURED.astype("str"), "numeric", "numbers"),
        (_cycle(1, 2, 3), "numeric", "numbers"),
        (_cycle("1", "2", "?", "None", "-"), "numeric", "numbers, 36 missing"),
        (_cycle(1.5, None), "numeric", "numbers, 30 missing"),
        (_cycle("1", "1"), "constant", "'1' in every row"),
        (_cycle(None), "constant", "every cell is missing"),
        (_cycle(0, 1), "boolean", "0 or 1"),
        (_cycle(True, False), "boolean", "False or True"),
        (_cycle("yes", "No", None), "boolean", "No or yes, 20 missing"),
        (_cycle("a", "b", "c"), "categorical", "3 categories"),
        (_cycle("a", None), "categorical", "1 category, 30 missing"),
        (_cycle("None", "b", "c"), "categorical", "3 categories"),
        (_cycle("?", "b"), "categorical", "2 categories"),
        (pd.Categorical(_cycle(1, 2, 3)), "categorical", "3 categories"),
        (_DAYS, "datetime", "dates such as 2020-01-25"),
        (_DAYS.dt.strftime("%d.%m.%Y"), "datetime", "dates such as 25.01.2020"),
        ([*_DAYS.dt.strftime("%Y-%m-%d")[:-2], "-", ""], "datetime", "dates such as 2020-01-25, 2 missing"),
        ([f"u{i}" for i in range(_N)], "id", "a value of its own in each row"),
        ([f"u{i // 2}" for i in range(_N)], "id", "no value stands in 3 rows or more"),
        ([f"the long story of row {i // 2}" for i in range(_N)], "text", "free text, which is not used yet"),
        (list(range(1, _N + 1)), "id", "a number of its own in each row"),
    ],
)  # fmt: skip
def test_what_a_column_holds(values: object, kind: ColumnKind, note: str) -> None:
    used = kind in ("numeric", "boolean", "categorical", "datetime")
    assert _describe(values) == Column("x", kind, used, note)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("id", "id"), ("userId", "id"), ("UDI", "id"), ("row_key", "id"), ("paid", "numeric"), ("load", "numeric")],
)
def test_whole_numbers_without_order_are_an_id_by_their_name(name: str, kind: ColumnKind) -> None:
    shuffled = np.random.default_rng(0).permutation(_N)
    assert _describe(shuffled, name).kind == kind


def test_numbers_that_rise_with_time_are_no_id() -> None:
    assert _describe(list(range(1950, 1950 + _N)), "year").kind == "numeric"


def test_day_and_month_in_doubt_are_told() -> None:
    days = _cycle("01/02/2020", "03/04/2020")
    assert _describe(days).note == "dates such as 01/02/2020; day and month could be swapped, the month was read first"


def test_a_column_is_left_out_on_request() -> None:
    assert _describe(_MEASURED, ignore=("x",)) == Column("x", "ignored", False, "left out on request")


def test_targets_are_not_described() -> None:
    table = read_table(pd.DataFrame({"y": _MEASURED, "x": _MEASURED}))
    assert [column.name for column in describe_columns(table, ("y",), ())] == ["x"]


def test_a_few_strays_among_numbers_are_named_with_their_places() -> None:
    values = [str(i / 7) for i in range(_N)]
    values[3], values[9] = "12 kg", "oops"
    message = (
        r"Column 'x' holds numbers, but 2 of its 60 cells are not: '12 kg', 'oops' \(rows 3, 9\)\. Mend the cells, or "
        r"count the spelling as missing with --missing '12 kg', or leave the column out with --ignore x\."
    )
    with pytest.raises(DataError, match=message):
        _describe(values)
    assert _describe(values, missing=("12 kg", "oops")).note == "numbers, 2 missing"
    assert _describe(values, ignore=("x",)).kind == "ignored"


def test_one_stray_among_dates_is_named() -> None:
    values = [*_DAYS.dt.strftime("%Y-%m-%d")[:-1], "soon"]
    with pytest.raises(DataError, match=r"Column 'x' holds dates, but 1 of its 60 cells is not: 'soon' \(row 59\)"):
        _describe(values)


def test_many_strays_make_a_column_one_of_words() -> None:
    assert _describe(_cycle("1", "2", "low")).kind == "categorical"


@pytest.mark.parametrize("typed", [True, False])
def test_infinite_numbers_are_refused(typed: bool) -> None:
    values = pd.Series([*_MEASURED[:-2], np.inf, -np.inf])
    with pytest.raises(DataError, match=r"Column 'x' holds 2 infinite values \(rows 58, 59\).*--missing inf"):
        _describe(values if typed else values.astype("str"))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"y": [1, 2], "a": [3, 3], "b": ["p", "p"]}), r"\(a: '3' in every row; b: 'p' in every row\)"),
        (pd.DataFrame({"y": [1, 2]}), r"\(the target is the only column\)"),
    ],
)
def test_a_table_without_a_column_to_learn_from_is_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=f"No column is left to learn from {message}"):
        describe_columns(read_table(frame), ("y",), ())


def test_the_group_is_not_learned_from() -> None:
    table = read_table(pd.DataFrame({"who": [1, 1, 2, 2], "x": [1.5, 2.5, 3.5, 1.5], "y": [0, 1, 0, 1]}))
    who, x = describe_columns(table, ("y",), (), group="who")
    assert (who.kind, who.used, x.used) == ("group", False, True)


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda value: f"${value:,.2f}", "'$1,000.50'"),
        (lambda value: f"{value:.1f} %", "'1000.5 %'"),
        (lambda value: f"'{value}'", "\"'1000.5'\""),
        (lambda value: f"{value}\u200b", "'1000.5\\u200b'"),
    ],
)
def test_numbers_in_disguise_are_no_categories(write: Callable[[float], str], told: str) -> None:
    with pytest.raises(
        DataError, match=r"^Column 'x' holds numbers, but 60 cells of 60 are not written as such: "
    ) as error:
        _describe([write(1000.5 + i) for i in range(_N)])
    assert told in str(error.value) and "--ignore x" in str(error.value)
    assert _describe(_cycle(*(write(1000.5 + i) for i in range(5)))).kind == "categorical"


def test_numbers_beyond_what_a_float_tells_apart_are_ids_all_the_same() -> None:
    assert _describe([str(2**70 + i) for i in range(_N)], "user_id").kind == "id"


def test_a_stray_of_many_letters_is_told_in_few() -> None:
    with pytest.raises(DataError, match="Column 'x' holds numbers, but 1 of its 60 cells is not") as error:
        _describe([*_MEASURED.astype(str)[:-1], "x" * 5_000])
    assert len(str(error.value)) < 600
