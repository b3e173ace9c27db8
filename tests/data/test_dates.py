from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoproc.data.cells import read_cells
from autoproc.data.dates import FORMATS, ISO, DateFormat, column_moments, find_date_format, read_moments

_MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2049, 12, 31)).map(lambda m: m.replace(second=0, microsecond=0))


def _find(*values: str) -> DateFormat | None:
    return find_date_format(read_cells(pd.Series(values, dtype="str")))


@pytest.mark.parametrize("date_format", [name for name in FORMATS if name != ISO and "%y" not in name])
def test_each_format_is_found_and_reads_back_what_it_wrote(date_format: str) -> None:
    moments = pd.date_range("2019-01-13 00:30", "2021-12-30", periods=60).floor("min")
    text = pd.Series(moments.strftime(date_format), dtype="str")
    found = find_date_format(read_cells(text))
    assert found is not None
    assert not found.ambiguous
    wanted = pd.to_datetime(text, format=date_format).to_numpy("datetime64[us]")
    np.testing.assert_array_equal(column_moments(text, found.format), wanted)


@settings(max_examples=10)
@given(st.lists(_MOMENTS, min_size=1, max_size=8))
def test_iso_text_and_datetime_dtype_give_the_same_moments(moments: list[datetime]) -> None:
    text = pd.Series([moment.isoformat() for moment in moments], dtype="str")
    typed = pd.Series(pd.to_datetime(moments))
    found = find_date_format(read_cells(text))
    assert found == find_date_format(read_cells(typed)) == DateFormat(ISO, False)
    np.testing.assert_array_equal(column_moments(text, ISO), column_moments(typed, ISO))


@pytest.mark.parametrize(
    "text",
    ["2020-05-06", "2020-05-06T07:08", "2020-05-06 07:08:09", "2020-05-06 07:08:09.25", "2020-05", "2020-05-06T07:08Z"],
)
def test_iso_in_its_lengths(text: str) -> None:
    assert _find(text) == DateFormat(ISO, False)


def test_zones_are_turned_into_utc() -> None:
    moments = read_moments(["2020-05-06T07:00+02:00", "2020-05-06 05:00"], ISO)
    assert moments[0] == moments[1]
    typed = pd.Series(pd.to_datetime(["2020-05-06 07:00"])).dt.tz_localize("Europe/Berlin")
    assert column_moments(typed, ISO)[0] == moments[0]


def test_where_day_and_month_could_be_swapped_the_month_is_read_first() -> None:
    assert _find("01/02/2020", "03/04/2020") == DateFormat("%m/%d/%Y", True)


@pytest.mark.parametrize(("decider", "date_format"), [("13/02/2020", "%d/%m/%Y"), ("02/13/2020", "%m/%d/%Y")])
def test_one_value_far_behind_the_sample_decides_between_day_and_month(decider: str, date_format: str) -> None:
    days = [f"{month:02}/{day:02}/2020" for month in range(1, 13) for day in range(1, 13)]
    assert _find(*days, decider) == DateFormat(date_format, False)


@pytest.mark.parametrize(
    "values", [(), ("a", "b"), ("1", "2"), ("20200506",), ("1.5", "2.5"), ("12:30", "13:45"), ("3-4-5-6-7-8",)]
)
def test_what_is_no_date(values: tuple[str, ...]) -> None:
    assert _find(*values) is None


def test_a_few_strays_do_not_hide_the_format_and_are_no_moments() -> None:
    assert _find("2020-05-06", "2020-05-07", "soon") == DateFormat(ISO, False)
    assert np.isnat(read_moments(["2020-05-06", "soon", "2020-13-01"], ISO)).tolist() == [False, True, True]


@pytest.mark.parametrize("typed", [False, True])
def test_the_user_has_further_spellings_of_a_missing_date(typed: bool) -> None:
    series = pd.Series(["1900-01-01", "2020-05-06"], dtype="str")
    moments = column_moments(pd.to_datetime(series) if typed else series, ISO, ["1900-01-01"])
    assert np.isnat(moments).tolist() == [True, False]
