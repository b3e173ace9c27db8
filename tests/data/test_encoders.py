import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.data.encoders import (
    MAX_CATEGORIES,
    BooleanColumn,
    CategoryColumn,
    DateColumn,
    Encoder,
    NumberColumn,
    fit_encoder,
)
from autoproc.data.table import read_table
from autoproc.results import ColumnKind

NAN = float("nan")


def _fit(values: object, kind: ColumnKind, missing: tuple[str, ...] = ()) -> Encoder:
    return fit_encoder(read_table(pd.DataFrame({"x": values}), missing), "x", kind)


def _block(encoder: Encoder, values: object, missing: tuple[str, ...] = ()) -> list[list[float]]:
    block = encoder.block(pd.Series(values, name="x"), missing)
    assert block.dtype == np.float64
    assert block.shape[1] == encoder.width
    return block.tolist()


# Numbers and truth values


@pytest.mark.parametrize(
    ("values", "missing", "indicator"),
    [([1, 2, 3], (), False), ([1, None, 3], (), True), (["1", "?", "3"], (), True), ([1, 2, 3], ("2",), True)],
)
def test_missing_numbers_in_development_ask_for_an_indicator(
    values: object, missing: tuple[str, ...], indicator: bool
) -> None:
    assert _fit(values, "numeric", missing) == NumberColumn("x", indicator)


def test_what_is_no_finite_number_is_missing() -> None:
    block = _block(NumberColumn("x", False), ["1", "2.50", "", "?", "oops", "inf", "-inf", "-9", "1e300"], ("-9",))
    np.testing.assert_array_equal(np.ravel(block), [1, 2.5, *[NAN] * 6, 1e300])


@pytest.mark.parametrize(
    "values", [[True, False, None], ["Yes", "no", ""], [1, 0, NAN], ["1.0", "0", "?"], ["T", "F", "maybe"]]
)
def test_truth_is_1_and_falsehood_minus_1_in_all_words(values: object) -> None:
    np.testing.assert_array_equal(_block(BooleanColumn("x", True), values), [[1], [-1], [NAN]])


def test_truth_values_with_missing_cells_have_an_indicator() -> None:
    assert _fit(["yes", "no", None], "boolean") == BooleanColumn("x", True)
    assert _fit([0, 1, 1], "boolean") == BooleanColumn("x", False)


# Categories


def test_the_vocabulary_holds_the_frequent_values_and_ties_stand_by_spelling() -> None:
    values = ["b"] * 3 + ["rare"] * 2 + ["c"] * 4 + ["a"] * 3 + [None] * 5
    assert _fit(values, "categorical") == CategoryColumn("x", ("c", "a", "b"))


def test_the_vocabulary_has_an_end() -> None:
    values = [f"v{i:03}" for i in range(MAX_CATEGORIES + 20) for _ in range(3)] + ["v270"]
    encoder = _fit(values, "categorical")
    assert isinstance(encoder, CategoryColumn)
    assert encoder.categories == ("v270", *(f"v{i:03}" for i in range(MAX_CATEGORIES - 1)))


def test_a_category_spelled_none_is_a_category() -> None:
    assert _fit(["None", "a"] * 3 + ["None"], "categorical") == CategoryColumn("x", ("None", "a"))


def test_codes_of_missing_unknown_and_known_cells() -> None:
    encoder = CategoryColumn("x", ("a", "1", "True"))
    assert encoder.n_codes == 5
    assert _block(encoder, ["a", "z", None, "", "A", "1.0", "gone"], ("gone",)) == [[2], [1], [0], [0], [1], [3], [0]]
    assert _block(encoder, [1.0, 2.0, NAN]) == [[3], [1], [0]]
    assert _block(encoder, [True, False]) == [[4], [1]]


@given(st.lists(st.sampled_from(["a", "b", "c", "d", ""]), min_size=1, max_size=30))
def test_codes_name_their_category(values: list[str]) -> None:
    encoder = CategoryColumn("x", ("b", "a"))
    words = ("missing", "unknown", *encoder.categories)
    wanted = [value if value in ("a", "b") else "unknown" if value else "missing" for value in values]
    assert [words[int(code)] for (code,) in _block(encoder, values)] == wanted


# Dates


def test_a_date_is_days_and_waves() -> None:
    encoder = DateColumn("x", "ISO8601", ("year", "week", "day"), False)
    block = np.array(_block(encoder, ["2000-01-03", "2000-07-02T06:00", "2001-01-01 12:00", "", "x"]))
    np.testing.assert_allclose(block[:3, 0], [2, 183.25, 366.5])
    angle = 2 * np.pi * np.array([[2 / 31 / 12, 0, 0], [(6 + 1 / 31) / 12, 6 / 7, 0.25], [0, 0, 0.5]])
    np.testing.assert_allclose(block[:3, 1::2], np.sin(angle), atol=1e-12)
    np.testing.assert_allclose(block[:3, 2::2], np.cos(angle), atol=1e-12)
    assert np.isnan(block[3:]).all()


@given(st.datetimes(pd.Timestamp("1800-01-01").to_pydatetime(), pd.Timestamp("2200-01-01").to_pydatetime()))
def test_the_waves_agree_with_the_calendar(moment: object) -> None:
    stamp = pd.Timestamp(moment)  # type: ignore[arg-type]
    encoder = DateColumn("x", "ISO8601", ("year", "week"), False)
    block = np.ravel(_block(encoder, pd.Series([stamp])))
    year = 2 * np.pi * (stamp.month - 1 + (stamp.day - 1) / 31) / 12
    week = 2 * np.pi * stamp.day_of_week / 7
    np.testing.assert_allclose(block[1:], [np.sin(year), np.cos(year), np.sin(week), np.cos(week)], atol=1e-12)


@pytest.mark.parametrize(
    ("values", "cycles"),
    [
        (pd.date_range("2020-01-01", periods=10, freq="D"), ("year", "week")),
        (pd.date_range("2020-01-01", periods=10, freq="5h"), ("year", "week", "day")),
        (pd.date_range("2020-01-01", periods=10, freq="1h"), ("day",)),
        (pd.date_range("2020-01-01", periods=3, freq="7D"), ("year",)),
        (pd.DatetimeIndex(["2019-07-02", "2020-07-02"]), ("week",)),
        (pd.DatetimeIndex(["2020-07-06", "2026-07-06"]), ()),
    ],
)
def test_only_cycles_that_vary_are_used(values: pd.DatetimeIndex, cycles: tuple[str, ...]) -> None:
    fitted = _fit(values, "datetime")
    assert fitted == DateColumn("x", "ISO8601", cycles, False)  # type: ignore[arg-type]
    assert fitted == _fit(values.strftime("%Y-%m-%dT%H:%M:%S"), "datetime")


def test_dates_keep_their_format_and_know_of_missing_cells() -> None:
    encoder = _fit(["13.02.2020", "?", "14.02.2020"], "datetime")
    assert encoder == DateColumn("x", "%d.%m.%Y", ("year", "week"), True)
    days = [row[0] for row in _block(encoder, ["01.02.2000", "2000-02-01", "2000/02/01"])]
    np.testing.assert_array_equal(days, [31, 31, NAN])


@pytest.mark.parametrize("kind", ["numeric", "boolean", "categorical", "datetime"])
def test_a_block_of_no_rows(kind: ColumnKind) -> None:
    fitted: dict[ColumnKind, Encoder] = {
        "numeric": NumberColumn("x", True),
        "boolean": BooleanColumn("x", True),
        "categorical": CategoryColumn("x", ("a",)),
        "datetime": DateColumn("x", "%d.%m.%Y", ("day",), True),
    }
    encoder = fitted[kind]
    for dtype in ("str", "object", "float64", "datetime64[us]", "category"):
        block = encoder.block(pd.Series([], dtype=dtype), ())
        assert block.shape == (0, encoder.width)
