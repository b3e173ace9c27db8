"""Decision: what the best trial's out-of-fold predictions settle before the model is exported.

Probabilities are calibrated and the threshold is chosen on rows that did not train the networks which predict them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autoproc.calibration import calibrate, tempered
from autoproc.data.metrics import (
    ChosenMetric,
    Target,
    best_threshold,
    cheapest_threshold,
    expected_cost,
    has_rare_positive,
)
from autoproc.outcomes import DecisionCosts, DecisionThreshold, OutOfFold
from autoproc.plan import CostPlan
from autoproc.results import FloatArray, Fold, Problem, Score

Predictions = Sequence[NDArray[np.floating]]


def decide(
    problem: Problem,
    chosen: ChosenMetric,
    targets: Target,
    folds: Sequence[Fold],
    predictions: Predictions,
    cost: CostPlan | None,
) -> OutOfFold:
    """Calibration, threshold and scores from each member's `predictions` of its own fold's validation rows."""
    calibration = None
    if problem.is_classification:
        calibration = calibrate(targets.astype(np.int64), folds, predictions)
        if calibration.used:
            predictions = [tempered(part, calibration.temperature) for part in predictions]
    truth = [targets[fold.validation] for fold in folds]
    scores = {
        metric.name: Score.of(np.array([metric.one(y, part) for y, part in zip(truth, predictions, strict=True)]))
        for metric in (chosen.metric, *chosen.beside)
    }
    threshold = choose_threshold(problem, targets, folds, predictions, cost)
    return OutOfFold(scores, calibration, threshold)


def choose_threshold(
    problem: Problem, targets: Target, folds: Sequence[Fold], out_of_fold: Predictions, cost: CostPlan | None
) -> DecisionThreshold | None:
    """Decision threshold of a binary problem, from the validation rows of all folds: the lowest expected cost where
    costs are known, or else the best F1 where the positive class is rare, or else 0.5. None for other problems."""
    if problem.task != "binary":
        return None
    y = np.concatenate([targets[fold.validation] for fold in folds]).astype(np.int64)
    probability: FloatArray = np.concatenate(out_of_fold).astype(np.float64)
    if cost is not None:
        threshold = cheapest_threshold(y, probability, cost)
        prices = f"{cost.false_negative:g} a false negative, {cost.false_positive:g} a false positive"
        costs = [expected_cost(y, probability, where, cost) for where in (threshold, 0.5, np.inf, -np.inf)]
        return DecisionThreshold(threshold, f"lowest cost out of fold, {prices}", DecisionCosts(*costs))
    if has_rare_positive(problem):
        return DecisionThreshold(best_threshold(y, probability), "best F1 out of fold, as the positive class is rare")
    return DecisionThreshold(0.5, "the positive class is not rare, and no costs were named")
