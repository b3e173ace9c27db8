"""The order of rows: what it tells, and which features count it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoproc.data.metrics import Target
from autoproc.data.order import order_score, tell_counters, tell_order
from autoproc.results import Problem

RANDOM = np.random.default_rng(0)
N = 600
LINES = np.sort(RANDOM.permutation(800)[:N]) + 2
BINARY = Problem("binary", ("y",), ("a", "b"), (N // 2, N // 2), (), "")
NUMBER = Problem("regression", ("y",), (), (), (), "")
BY_CLASS = np.repeat([0, 1], N // 2)
RISING = np.arange(N) + 60 * RANDOM.normal(size=N)


@pytest.mark.parametrize(("targets", "problem"), [(BY_CLASS, BINARY), (RISING, NUMBER)])
def test_the_order_tells_a_sorted_target_and_no_other(targets: Target, problem: Problem) -> None:
    place = LINES.astype(float)
    assert order_score(place, targets, problem) > 0.8
    assert order_score(-place, targets, problem) > 0.8
    assert order_score(place, RANDOM.permutation(targets), problem) < 0.3


def test_classes_in_more_than_one_stretch_are_told_too() -> None:
    classes = np.repeat([0, 1, 2, 1, 0, 2], N // 6)
    problem = replace(BINARY, task="multiclass", classes=("a", "b", "c"))
    assert order_score(LINES.astype(float), classes, problem) > 0.7


def test_likeness_of_neighbouring_rows_alone_is_no_order() -> None:
    household = np.repeat(RANDOM.normal(size=N // 3), 3)
    assert order_score(LINES.astype(float), household, NUMBER) < 0.3
    assert order_score(LINES.astype(float), (household > 0).astype(int), BINARY) < 0.3


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_rows_in_random_order_tell_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    assert order_score(LINES.astype(float), random.normal(size=N), NUMBER) < 0.5
    assert order_score(LINES.astype(float), (random.random(N) < 0.1).astype(int), BINARY) < 0.5


def test_of_several_targets_the_one_that_is_told_counts() -> None:
    both = np.column_stack([RANDOM.normal(size=N), RISING])
    problem = replace(NUMBER, task="vector_regression", targets=("noise", "y"))
    assert order_score(LINES.astype(float), both, problem) > 0.8
    [told] = tell_order(LINES, both, problem)
    assert told.startswith("The rows stand in an order that tells 'noise' or 'y' (R² 0.")


@pytest.mark.parametrize("place", [LINES / 7, -3.0 * LINES, LINES + RANDOM.normal(size=N)])
def test_a_feature_that_follows_the_rows_is_told(place: np.ndarray) -> None:
    numbers = {"x": RANDOM.normal(size=N), "place": place}
    [told] = tell_counters(numbers, LINES, BY_CLASS, BINARY)
    assert told.startswith("Feature 'place' follows the order of the rows (rank correlation ")
    assert "tells 'y' (balanced accuracy beyond chance " in told
    assert list(tell_counters(numbers, LINES, RANDOM.permutation(BY_CLASS), BINARY)) == []


def test_numbers_that_count_rows_are_told_where_the_rows_were_shuffled_later() -> None:
    count = RANDOM.permutation(N).astype(float)
    by_count = (count > N / 2).astype(int)
    [told] = tell_counters({"nr": count}, LINES, by_count, BINARY)
    assert told.startswith("Feature 'nr' counts rows (whole numbers, all different, few left out), and this order")
    for other in (count / 2, count // 2, count * 9, np.where(count > 9, count, np.nan)):
        assert list(tell_counters({"nr": other}, LINES, by_count, BINARY)) == []


def test_few_rows_or_few_of_a_class_tell_nothing() -> None:
    few = slice(None, None, 4)
    assert list(tell_order(LINES[few], BY_CLASS[few], BINARY)) == []
    assert list(tell_counters({"nr": LINES[few] / 1}, LINES[few], BY_CLASS[few], BINARY)) == []
    rare = (np.arange(N) < 15).astype(int)
    assert order_score(LINES.astype(float), rare, BINARY) == 0
