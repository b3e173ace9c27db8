"""Each fold is scored where the others say: its own luck has no part in it."""

import numpy as np

from autoproc.data.metrics import METRICS
from autoproc.picking import scores_picked_by_others
from autoproc.results import Fold

AUC, RMSE = METRICS["roc_auc"], METRICS["rmse"]
FOLDS = tuple(Fold.validating(np.arange(fold, 12, 3), 12) for fold in range(3))


def test_a_folds_score_is_that_of_the_column_at_which_the_others_are_best() -> None:
    curves = np.array([[0.5, 0.8, 0.15], [0.6, 0.2, 0.3], [0.1, 0.7, 0.5]])
    assert scores_picked_by_others(curves, FOLDS, AUC).tolist() == [0.8, 0.2, 0.1]
    assert scores_picked_by_others(curves, FOLDS, RMSE).tolist() == [0.5, 0.6, 0.5]


def test_folds_of_another_repeat_have_no_say_because_they_validate_the_same_rows() -> None:
    again = tuple(Fold.validating(np.arange(fold, 12, 2), 12) for fold in range(2))
    curves = np.array([[0.1, 0.4], [0.3, 0.2], [0.3, 0.2], [0.9, 0.0], [0.0, 0.9]])
    picked = scores_picked_by_others(curves, (*FOLDS, *again), AUC)
    assert picked.tolist() == [0.1, 0.2, 0.2, 0.0, 0.0]


def test_of_noise_the_best_column_flatters_and_the_one_that_others_pick_does_not() -> None:
    """On average over 300 draws of noise around 0.5, with standard deviation 0.1: the best of 20 is 0.187 too good, and
    what others pick is as good as any, give or take 0.01 (three standard errors of the average of 900)."""
    for metric, sign in ((AUC, 1), (RMSE, -1)):
        flattered, told = [], []
        for seed in range(300):
            curves = 0.5 + 0.1 * np.random.default_rng(seed).normal(size=(3, 20))
            flattered += [sign * (curve[metric.argbest(curve)] - 0.5) for curve in curves]
            told += [sign * (score - 0.5) for score in scores_picked_by_others(curves, FOLDS, metric)]
        assert 0.17 < np.mean(flattered) < 0.2
        assert abs(np.mean(told)) < 0.01
