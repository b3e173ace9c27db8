"""What all figures have in common."""

import math

import pytest

from autoproc.report.figures.base import MAX_LABEL, bars, error_bars, hover, label, log_axis, places
from tests.report.evidence_data import LONG


def test_long_names_are_cut_at_the_axis_and_whole_in_the_hover() -> None:
    assert len(label(LONG)) == MAX_LABEL
    assert hover(LONG).replace("<br>", "") == LONG


def test_the_same_name_twice_stands_at_two_places() -> None:
    axis = places(["a", "a"])
    assert (axis["tickvals"], axis["ticktext"]) == ([0, 1], ["a", "a"])
    assert bars(["a", "a"], [1, 2], "rows", ["1", "2"])["data"][0]["y"] == [0, 1]


def test_intervals_that_are_not_known_have_no_bars() -> None:
    made = error_bars([0.5, 0.5, None], [0.4, None, 0.1], [0.7, None, 0.2])
    assert made["arrayminus"] == [pytest.approx(0.1), 0, 0] and made["array"] == [pytest.approx(0.2), 0, 0]


@pytest.mark.parametrize(("low", "high"), [(1e-7, 0.3), (0.001, 0.03), (0.01, 0.02), (3.0, 3.1)])
def test_a_logarithmic_axis_reads_in_plain_numbers(low: float, high: float) -> None:
    axis = log_axis("rate", low, high)
    start, end = axis["range"]
    assert start < math.log10(low) <= math.log10(high) < end
    assert all(
        float(text) == pytest.approx(tick) for tick, text in zip(axis["tickvals"], axis["ticktext"], strict=True)
    )


def test_off_stands_below_the_lowest() -> None:
    axis = log_axis("L1", 1e-6, 1e-3, off=2e-7)
    assert (axis["ticktext"][0], axis["tickvals"][0]) == ("off", 2e-7)
    assert min(axis["tickvals"][1:]) > 4e-7 and axis["range"][0] < math.log10(2e-7)
