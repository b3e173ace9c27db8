import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.format import format_count, format_mean, format_score, format_seconds


@given(st.floats(min_value=1e-4, max_value=1e12), st.booleans())
def test_a_score_is_rounded_by_less_than_a_percent(size: float, negative: bool) -> None:
    value = -size if negative else size
    shown = float(format_score(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=0.01)


@given(st.floats(min_value=0, max_value=1, exclude_max=True))
def test_a_score_below_1_is_not_shown_as_1_unless_it_is_very_near(value: float) -> None:
    assert float(format_score(value)) < 1 or value > 0.9999


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (-0.0, "0"), (1.0, "1.000"), (0.5, "0.500"), (12.345, "12.35"), (123.45, "123.5"), (-0.25, "-0.250"),
     (math.inf, "infinite"), (-math.inf, "-infinite"), (math.nan, "not known")],
)  # fmt: skip
def test_scores_by_example(value: float, shown: str) -> None:
    assert format_score(value) == shown


@given(st.floats(), st.floats(min_value=0))
def test_any_mean_and_error_give_a_line_without_nan(mean: float, error: float) -> None:
    text = format_mean(mean, error)
    assert "nan" not in text
    assert ("±" in text) == (math.isfinite(mean) and math.isfinite(error))


@pytest.mark.parametrize(
    ("error", "shown"), [(0.0212, "0.021"), (0.000123, "0.00012"), (1.26, "1.3"), (1234.5, "1,234"), (0.0, "0")]
)
def test_an_error_has_two_digits(error: float, shown: str) -> None:
    assert format_mean(0.742, error) == f"0.742 ± {shown}"


def test_counts_have_separators() -> None:
    assert format_count(1_234_567) == "1,234,567"


@given(st.floats(min_value=0, max_value=1e7))
def test_a_duration_is_never_60_of_anything(seconds: float) -> None:
    shown = format_seconds(seconds)
    assert not re.search(r"\b60 (s|min)\b", shown)
