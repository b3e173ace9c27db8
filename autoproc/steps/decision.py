"""Decision: what the best trial's out-of-fold predictions settle before the model is exported.

Probabilities are calibrated and the threshold is chosen on rows that did not train the networks which predict them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autoproc.calibration import apart, calibrate, parted, tempered
from autoproc.data.metrics import (
    ChosenMetric,
    Metric,
    Target,
    best_threshold,
    cheapest_threshold,
    expected_cost,
    has_rare_positive,
    wants_best_f1,
)
from autoproc.data.scores import THRESHOLD
from autoproc.optimism import of_mean
from autoproc.outcomes import CONSTANTS, ClassName, DecisionCosts, DecisionThreshold, Estimate, OutOfFold, Saving
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
    class_weights: float = 0.0,
) -> OutOfFold:
    """Calibration, threshold and scores from each member's `predictions` of its own fold's validation rows; the members
    weighed rare classes with the power `class_weights`."""
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
    threshold = choose_threshold(problem, chosen.metric, targets, folds, predictions, cost)
    return OutOfFold(scores, calibration, threshold, class_weights)


def choose_threshold(
    problem: Problem,
    metric: Metric,
    targets: Target,
    folds: Sequence[Fold],
    out_of_fold: Predictions,
    cost: CostPlan | None,
) -> DecisionThreshold | None:
    """Decision threshold of a binary problem, from the validation rows of all folds: the lowest expected cost where
    costs are known, or else the best F1 where the positive class is rare and the metric counts no labels by another
    measure, or else 0.5. None for other problems."""
    if problem.task != "binary":
        return None
    y = np.concatenate([targets[fold.validation] for fold in folds]).astype(np.int64)
    probability: FloatArray = np.concatenate(out_of_fold).astype(np.float64)
    if cost is not None:
        threshold = cheapest_threshold(y, probability, cost)
        prices = f"{cost.false_negative:g} a false negative, {cost.false_positive:g} a false positive"
        costs = decision_costs(targets.astype(np.int64), folds, out_of_fold, cost)
        return DecisionThreshold(threshold, f"lowest cost out of fold, {prices}", costs)
    if wants_best_f1(problem, metric):
        return DecisionThreshold(best_threshold(y, probability), "best F1 out of fold, as the positive class is rare")
    if has_rare_positive(problem):
        return DecisionThreshold(THRESHOLD, f"{metric.name.replace('_', ' ')} counts labels at it")
    return DecisionThreshold(THRESHOLD, "the positive class is not rare, and no costs were named")


def decision_costs(
    targets: NDArray[np.int64], folds: Sequence[Fold], out_of_fold: Predictions, cost: CostPlan
) -> DecisionCosts:
    """Costs as means over the folds, of which none pays at a threshold that its own rows have chosen: of noise, that
    would nearly always be cheaper than to take every row for one class."""
    truth, parts = parted(targets, folds, out_of_fold)
    rows = [(y, part.astype(np.float64)) for y, part in zip(truth, parts, strict=True)]

    def by_fold(thresholds: Sequence[float]) -> FloatArray:
        return np.array([expected_cost(y, p, at, cost) for (y, p), at in zip(rows, thresholds, strict=True)])

    mine = by_fold([_cheapest([rows[j] for j in others], cost) for others in apart(folds)])
    half, negative, positive = (by_fold([at] * len(rows)) for at in (0.5, CONSTANTS["negative"], CONSTANTS["positive"]))
    over: ClassName = "negative" if negative.mean() < positive.mean() else "positive"
    saved = Score.of((negative if over == "negative" else positive) - mine)
    return DecisionCosts(
        at_threshold=float(mine.mean()),
        at_half=float(half.mean()),
        all_negative=float(negative.mean()),
        all_positive=float(positive.mean()),
        saving=Saving(Estimate(saved.mean, of_mean(saved)), over),
    )


def _cheapest(rows: Sequence[tuple[NDArray[np.int64], FloatArray]], cost: CostPlan) -> float:
    y, probability = map(np.concatenate, zip(*rows, strict=True))
    return cheapest_threshold(y, probability, cost)
