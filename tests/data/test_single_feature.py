"""How well one number tells a target."""

import numpy as np
import pytest
from scipy.stats import chatterjeexi, spearmanr

from autoproc.data.single_feature import Dependence, rank_correlation, tree_score

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


@pytest.mark.parametrize("wanted", [np.exp(X), (X > 0.3).astype(int), RANDOM.integers(0, 5, 400)])
def test_dependence_and_rank_correlation_are_those_of_scipy(wanted: np.ndarray) -> None:
    assert Dependence(wanted, classify=True).on(X) == pytest.approx(chatterjeexi(X, wanted).statistic)
    assert rank_correlation(X, wanted) == pytest.approx(spearmanr(X, wanted).statistic)


def test_dependence_is_near_one_for_any_function_and_near_zero_for_noise() -> None:
    codes = RANDOM.integers(0, 20, 400)
    of_each = RANDOM.normal(size=20)
    for feature, wanted in ((X, X**2), (X, np.sin(5 * X)), (codes, of_each[codes]), (codes, codes % 2)):
        assert Dependence(wanted, classify=False).on(feature.astype(float)) > 0.8
        assert abs(Dependence(wanted, classify=False).on(RANDOM.permutation(feature).astype(float))) < 0.15
    assert Dependence(np.ones(400), classify=False).on(X) == 0


def test_likeness_of_neighbouring_rows_is_no_dependence_on_a_feature_with_few_values() -> None:
    drift = np.sort(X)
    assert abs(Dependence(drift, classify=False).on(RANDOM.integers(0, 5, 400).astype(float))) < 0.15


def test_a_few_large_numbers_count_as_they_do_in_a_score() -> None:
    large = X.argsort()[-8:]
    wanted = RANDOM.normal(size=400)
    wanted[large] += 1_000 * np.arange(1, 9)
    feature = RANDOM.normal(size=400)
    feature[large] = wanted[large]
    assert Dependence(wanted, classify=True).on(feature) < 0.2 < 0.6 < Dependence(wanted, classify=False).on(feature)
