"""How well one number tells a target."""

import numpy as np
import pytest

from autoproc.data.single_feature import rank_correlation, tree_score

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=400)
UNSEEN = np.arange(400) % 2 == 1


@pytest.mark.parametrize("classify", [True, False])
def test_a_step_is_told_and_noise_is_not(classify: bool) -> None:
    step = (X > 0.3).astype(int)
    assert tree_score(X, step, UNSEEN, classify) > 0.95
    assert abs(tree_score(X, RANDOM.permutation(step), UNSEEN, classify, leaf=50)) < 0.3


def test_a_rare_class_counts_as_much_as_a_frequent_one() -> None:
    rare = (X > 1.5).astype(int)  # in a leaf of 40 it is never the most frequent one
    assert 10 < rare.sum() < 40
    assert tree_score(X, rare, UNSEEN, classify=True, leaf=40) > 0.7
    assert abs(tree_score(np.zeros(400), rare, UNSEEN, classify=True)) < 1e-9


def test_one_value_has_no_score() -> None:
    assert tree_score(X, np.ones(400), UNSEEN, classify=False) == 0
    assert tree_score(X, np.zeros(400, int), UNSEEN, classify=True) == 0


def test_ranks_keep_a_rising_or_falling_function_and_what_does_not_vary_tells_nothing() -> None:
    assert rank_correlation(X, np.exp(X)) == pytest.approx(1)
    assert rank_correlation(X, -(X**3)) == pytest.approx(-1)
    assert rank_correlation(X, np.ones(400)) == rank_correlation(np.ones(400), X) == 0
