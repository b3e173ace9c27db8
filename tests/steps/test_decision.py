"""What out-of-fold predictions settle: calibration, threshold, and the scores of every metric."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import f1_score, log_loss, root_mean_squared_error

from autoproc.calibration import tempered
from autoproc.data.metrics import METRICS, cheapest_threshold, choose_metric, expected_cost
from autoproc.plan import CostPlan, Plan
from autoproc.results import Fold, Problem
from autoproc.steps.decision import choose_threshold, decide

FOLDS = (Fold(np.arange(200, 400), np.arange(200)), Fold(np.arange(200), np.arange(200, 400)))
AUC = METRICS["roc_auc"]
DEAR = CostPlan(false_negative=20.0, false_positive=1.0)


def binary(positives: int, n_rows: int = 100) -> Problem:
    return Problem("binary", ("y",), ("no", "yes"), (n_rows - positives, positives), (), "")


# The threshold


def test_a_threshold_is_one_half_unless_the_positive_class_is_rare() -> None:
    targets, half = np.arange(100) % 2, Fold(np.arange(50), np.arange(50, 100))
    found = choose_threshold(binary(20), AUC, targets, (half,), (np.full(50, 0.1, np.float32),), None)
    assert found is not None and found.value == 0.5
    assert found.reason == "the positive class is not rare, and no costs were named"


def test_a_rare_class_gets_the_threshold_of_the_best_f1_on_the_rows_that_validated() -> None:
    targets = np.zeros(100, dtype=np.int64)
    targets[::10] = 1
    folds = (Fold(np.arange(50, 100), np.arange(50)), Fold(np.arange(50), np.arange(50, 100)))
    # The first fold's network parts the classes at 0.2, the second's says nothing below that.
    out_of_fold = tuple(np.where(targets[f.validation] == 1, 0.3, 0.1).astype(np.float32) for f in folds)
    found = choose_threshold(binary(10), AUC, targets, folds, out_of_fold, None)
    assert found is not None and found.value == pytest.approx(0.2)
    assert found.costs is None


@pytest.mark.parametrize("name", ["balanced_accuracy", "accuracy", "mcc"])
def test_labels_are_decided_where_the_metric_that_was_asked_for_counts_them(name: str) -> None:
    targets = (np.arange(100) % 10 == 0).astype(np.int64)
    fold, out_of_fold = Fold(np.arange(0), np.arange(100)), (np.where(targets, 0.3, 0.1).astype(np.float32),)
    found = choose_threshold(binary(10), METRICS[name], targets, (fold,), out_of_fold, None)
    assert found is not None and found.value == 0.5
    assert found.reason == f"{name.replace('_', ' ')} counts labels at it"
    best = choose_threshold(binary(10), METRICS["f1"], targets, (fold,), out_of_fold, None)
    assert best is not None and best.value == pytest.approx(0.2)


def test_out_of_fold_predictions_belong_to_their_own_rows() -> None:
    targets = np.array([1, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    folds = (Fold(np.array([1, 2, 3]), np.array([0, 9])), Fold(np.array([0, 9]), np.arange(1, 9)))
    out_of_fold = (np.array([0.9, 0.8], np.float32), np.full(8, 0.4, np.float32))
    found = choose_threshold(binary(1, 10), AUC, targets, folds, out_of_fold, None)
    assert found is not None and found.value == pytest.approx(0.6)


@pytest.mark.parametrize("positives", [50, 5])
def test_costs_choose_the_threshold_whether_the_class_is_rare_or_not(positives: int) -> None:
    random = np.random.default_rng(0)
    y = random.permutation(np.arange(400) < 4 * positives).astype(np.int64)
    parts = tuple(expit(2 * y[fold.validation] - 1 + random.normal(size=200)).astype(np.float32) for fold in FOLDS)
    found = choose_threshold(binary(positives), AUC, y, FOLDS, parts, DEAR)
    assert found is not None and found.value < 0.5
    p = np.concatenate(parts)
    first, second = ((y[fold.validation], part.astype(float)) for fold, part in zip(FOLDS, parts, strict=True))
    assert found.value == cheapest_threshold(y, p.astype(float), DEAR)
    costs = found.costs
    assert costs is not None
    mine = [
        expected_cost(*scored, cheapest_threshold(*chosen, DEAR), DEAR)
        for scored, chosen in ((first, second), (second, first))
    ]
    assert costs.at_threshold == pytest.approx(np.mean(mine))
    assert costs.at_half == pytest.approx(expected_cost(y, p, 0.5, DEAR))
    assert costs.all_negative == pytest.approx(20 * np.mean(y == 1))
    assert costs.all_positive == pytest.approx(np.mean(y == 0))
    assert costs.saving.over == ("positive" if costs.all_positive < costs.all_negative else "negative")
    cheaper = min(costs.all_negative, costs.all_positive)
    assert costs.saving.by.score == pytest.approx(cheaper - costs.at_threshold)
    assert found.reason == "lowest cost out of fold, 20 a false negative, 1 a false positive"


@pytest.mark.parametrize("n_folds", [1, 5])
@pytest.mark.parametrize("signal", [0.0, 1.5])
def test_only_where_there_is_a_signal_decisions_are_cheaper_beyond_noise(signal: float, n_folds: int) -> None:
    """On noise, a threshold chosen by the rows that pay at it is nearly always cheaper than one class for all."""
    cost, n_cheaper = CostPlan(false_negative=5.0, false_positive=1.0), 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        y = (random.random(800) < 0.15).astype(np.int64)
        p = expit(random.normal(-1.7, 0.5, 800) + signal * y)
        folds = [Fold.validating(np.arange(k, 800, max(n_folds, 2)), 800) for k in range(n_folds)]
        found = choose_threshold(binary(15), AUC, y, folds, [p[fold.validation] for fold in folds], cost)
        assert found is not None and found.costs is not None
        n_cheaper += found.costs.saving.by.interval[0] > 0
    assert n_cheaper >= 38 if signal else n_cheaper <= 3


@pytest.mark.parametrize("task", ["multiclass", "regression", "vector_regression"])
def test_other_problems_have_no_threshold(task: str) -> None:
    problem = Problem(task, ("y",), (), (), (), "")  # type: ignore[arg-type]
    assert choose_threshold(problem, AUC, np.zeros(3, dtype=np.int64), (), (), None) is None


# All of it


def overconfident() -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    random = np.random.default_rng(0)
    logits = random.normal(0, 1.5, 400)
    y = (random.random(400) < expit(logits)).astype(np.int64)
    return y, tuple(expit(4 * logits[fold.validation]) for fold in FOLDS)


def test_scores_and_threshold_are_those_of_calibrated_probabilities() -> None:
    y, parts = overconfident()
    chosen = choose_metric(binary(50), Plan(metric=("log_loss", "f1")))
    found = decide(binary(50), chosen, y, FOLDS, parts, DEAR)
    assert found.calibration is not None and found.calibration.used and found.calibration.temperature > 2
    calm = [tempered(part, found.calibration.temperature) for part in parts]
    expected = [log_loss(y[fold.validation], part) for fold, part in zip(FOLDS, calm, strict=True)]
    assert list(found.scores) == ["log_loss", "f1", "roc_auc", "average_precision"]
    assert found.scores["log_loss"].folds == pytest.approx(expected)
    expected = [f1_score(y[fold.validation], part >= 0.5) for fold, part in zip(FOLDS, calm, strict=True)]
    assert found.scores["f1"].folds == pytest.approx(expected)
    assert found.threshold == choose_threshold(binary(50), AUC, y, FOLDS, calm, DEAR)
    assert found.threshold != choose_threshold(binary(50), AUC, y, FOLDS, parts, DEAR)


def test_what_is_calibrated_already_stays_as_it_is() -> None:
    """Of the rows with 80 % exactly 80 % are positive, in each fold, so that no temperature is better than 1."""
    p, y = np.tile([0.8, 0.2], 200), np.tile([1, 0, 1, 0, 1, 0, 1, 0, 0, 1], 40)
    parts = tuple(p[fold.validation] for fold in FOLDS)
    found = decide(binary(50), choose_metric(binary(50), Plan(metric=("log_loss",))), y, FOLDS, parts, None)
    assert found.calibration is not None and not found.calibration.used
    assert found.calibration.temperature == pytest.approx(1, abs=1e-3)
    assert found.scores["log_loss"] == found.calibration.log_loss_before


def test_values_have_scores_alone() -> None:
    y = np.random.default_rng(0).normal(size=(400, 1))
    problem = Problem("regression", ("y",), (), (), (), "")
    parts = tuple(y[fold.validation] + 1 for fold in FOLDS)
    found = decide(problem, choose_metric(problem, Plan()), y, FOLDS, parts, None)
    assert found.calibration is found.threshold is None
    assert found.scores["rmse"].mean == pytest.approx(root_mean_squared_error(y, y + 1))
    assert found.scores["rmse"].standard_error == pytest.approx(0, abs=1e-12)
