import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from autoproc.data.metrics import METRICS
from autoproc.optimism import between_folds, of_mean, to_holdout
from autoproc.outcomes import Estimate
from autoproc.results import Score

AUC, RMSE = METRICS["roc_auc"], METRICS["rmse"]


def score(*folds: float) -> Score:
    return Score.of(np.array(folds))


def test_optimism_is_positive_where_the_folds_that_chose_were_kinder() -> None:
    assert between_folds(score(0.9, 0.92), score(0.85, 0.87), AUC).score == pytest.approx(0.05)
    assert between_folds(score(9.0, 9.2), score(9.5, 9.7), RMSE).score == pytest.approx(0.5)
    assert to_holdout(score(9.0, 9.2), Estimate(8.0, (7.5, 8.5)), RMSE).score == pytest.approx(-1.1)


fold_scores = st.lists(st.floats(0.0, 1.0).map(lambda score: round(score, 3)), min_size=2, max_size=10)


@given(fold_scores, fold_scores)
def test_the_interval_between_folds_is_welchs(first: list[float], second: list[float]) -> None:
    """Also of as many folds on either side: where their spreads differ there are fewer degrees of freedom."""
    assume(np.ptp(first) > 0 and np.ptp(second) > 0)  # scipy warns of folds that are alike
    found = between_folds(score(*first), score(*second), AUC)
    oracle = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert found.interval == pytest.approx((oracle.low, oracle.high), rel=1e-6, abs=1e-9)


def test_folds_that_are_all_alike_leave_no_width() -> None:
    assert between_folds(score(0.9, 0.9), score(0.8, 0.8), AUC).interval == pytest.approx((0.1, 0.1))


@given(fold_scores)
def test_the_interval_of_a_mean_is_students(folds: list[float]) -> None:
    assume(np.ptp(folds) > 0)
    oracle = stats.ttest_1samp(folds, 0.0).confidence_interval(0.95)
    assert of_mean(score(*folds)) == pytest.approx((oracle.low, oracle.high), rel=1e-6, abs=1e-9)


def test_the_interval_to_the_holdout_adds_both_errors() -> None:
    folds = score(0.9, 0.92, 0.94)
    found = to_holdout(folds, Estimate(0.9, (0.861, 0.939)), AUC)
    error = math.hypot(folds.standard_error, 0.039 / 1.96)
    width = stats.t.ppf(0.975, 2) * error
    assert found.interval == pytest.approx((0.02 - width, 0.02 + width), rel=1e-3)


def test_a_single_split_has_no_interval() -> None:
    for found in (
        between_folds(score(0.9), score(0.8), AUC),
        to_holdout(score(0.9), Estimate(0.8, (0.7, 0.9)), AUC),
    ):
        assert found.score == pytest.approx(0.1) and np.isnan(found.interval).all()
    assert np.isnan(of_mean(score(0.9))).all()
