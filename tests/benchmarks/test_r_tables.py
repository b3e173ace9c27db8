import numpy as np
import pandas as pd
import pytest

from benchmarks.r_tables import TABLES, draw_test_rows


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_fifth_of_each_class_is_for_testing_and_at_least_one_row(task: str) -> None:
    classes = pd.Series(np.repeat(["common", "rarer", "rare"], [100, 20, 2]))
    test = draw_test_rows(classes, task, np.random.default_rng(0))
    assert classes[test].value_counts().to_dict() == {"common": 20, "rarer": 4, "rare": 1}


def test_a_fifth_of_all_values_is_for_testing_whatever_they_are() -> None:
    test = draw_test_rows(pd.Series([1.0] * 99 + [2.0]), "regression", np.random.default_rng(0))
    assert test.sum() == 20


def test_the_same_rows_are_drawn_again() -> None:
    values = pd.Series(np.arange(50.0))
    first, second = (draw_test_rows(values, "regression", np.random.default_rng(0)) for _ in range(2))
    assert np.array_equal(first, second)


def test_what_says_the_target_in_other_words_is_never_the_target() -> None:
    assert all(table.target not in table.without for table in TABLES.values())
