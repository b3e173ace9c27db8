"""Verdict: the holdout is scored once, with the final model, after everything has been decided."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoproc.data.dummy import dummy_score
from autoproc.data.holdout import OpenHoldout
from autoproc.data.metrics import ChosenMetric, Metric, Target, at_threshold, expected_cost
from autoproc.data.problem import encode_target
from autoproc.data.relations import resampled_together
from autoproc.data.vectorize import Schema
from autoproc.optimism import to_holdout
from autoproc.outcomes import Estimate, Finalist, ReferenceVerdict, Verdict
from autoproc.plan import CostPlan
from autoproc.results import FittedReference, FloatArray, Problem

_RESAMPLES, _FEWEST_RESAMPLES = 1000, 200
_RESAMPLED_ROWS = 20_000_000  # in all: keeps a very large holdout from taking minutes
_LEVEL = 0.95

Matrix = NDArray[np.float32]
Together = NDArray[np.int64] | None
Measures = Callable[[Target, NDArray[np.floating]], dict[str, float]]


@dataclass(frozen=True)
class FinalModel:
    """What is exported and judged: `predict` maps the schema's matrix (n, n_columns) to probabilities of
    the positive class (n,), class probabilities (n, C) or values (n, t)."""

    schema: Schema
    problem: Problem
    predict: Callable[[Matrix], Matrix]
    threshold: float | None
    cost: CostPlan | None = None


def score_holdout(
    holdout: OpenHoldout,
    model: FinalModel,
    alone: Callable[[Matrix], Matrix],
    chosen: ChosenMetric,
    winner: Finalist,
    development_targets: Target,
    references: Sequence[FittedReference],
    seed: int,
) -> Verdict:
    """Score the final model, the winner's K single networks, each of which predicts `alone`, and the references."""
    together, stratified = resampled_together(holdout.relations), model.problem.is_classification
    targets = encode_target(holdout.table, model.problem)
    matrix = model.schema.matrix(holdout.table)
    predictions = model.predict(matrix)
    measures = _measures(chosen, model.threshold, model.cost)
    estimates = bootstrap(measures, targets, predictions, stratified, seed, together)
    members = np.moveaxis(alone(matrix), 0, 1)
    single = bootstrap(_mean_of_members(chosen.metric), targets, members, stratified, seed, together)["single"]
    score = estimates.pop(chosen.metric.name)
    return Verdict(
        metric=chosen.metric.name,
        holdout=score,
        cross_validated=winner.trained.score,
        fresh=winner.rescored.score if winner.rescored else None,
        single=single,
        optimism=to_holdout(winner.least_chosen.score, single, chosen.metric),
        dummy=dummy_score(development_targets, targets, model.problem, chosen.metric),
        n_rows=holdout.table.n_rows,
        threshold=model.threshold,
        beside=estimates,
        receipt=holdout.receipt,
        references=tuple(
            ReferenceVerdict(
                fitted.reference.name,
                *compare(chosen.metric, targets, predictions, fitted.predict(matrix), stratified, seed, together),
            )
            for fitted in references
        ),
    )


def compare(
    metric: Metric,
    targets: Target,
    network: NDArray[np.floating],
    reference: NDArray[np.floating],
    stratified: bool,
    seed: int,
    together: Together = None,
) -> tuple[Estimate, Estimate]:
    """A reference's score, and the network's lead over it, on the same resamples."""

    def measure(targets: Target, predictions: NDArray[np.floating]) -> dict[str, float]:
        mine, theirs = (metric.one(targets, predictions[:, i]) for i in (0, 1))
        return {"holdout": theirs, "lead": float(metric.gain(mine, theirs))}

    both = np.stack([network, reference], axis=1)
    estimates = bootstrap(measure, targets, both, stratified, seed, together)
    return estimates["holdout"], estimates["lead"]


def bootstrap(
    measures: Measures,
    targets: Target,
    predictions: NDArray[np.floating],
    stratified: bool,
    seed: int,
    together: Together = None,
) -> dict[str, Estimate]:
    """Each measure with its 95 % percentile interval over 1,000 resamples of the rows, or fewer (at least 200)
    where there are more than 20,000 rows (Efron and Tibshirani 1993, chapter 13).

    `stratified` resamples each class by itself, so that no resample lacks one. Where rows hang `together` (n,), those
    with one number are drawn as one, and a resample on which a measure is not defined is left out; of a single number
    no interval can be known, and its bounds are NaN.
    """
    generator = np.random.default_rng(seed)
    strata = [np.flatnonzero(targets == c) for c in np.unique(targets)] if stratified else [np.arange(len(targets))]
    clusters = [] if together is None else [np.flatnonzero(together == number) for number in np.unique(together)]
    scores = measures(targets, predictions)
    resampled: dict[str, list[float]] = {name: [] for name in scores}
    n_resamples = int(np.clip(_RESAMPLED_ROWS // len(targets), _FEWEST_RESAMPLES, _RESAMPLES))
    if len(clusters) == 1:
        return {name: Estimate(score, (np.nan, np.nan)) for name, score in scores.items()}
    for _ in range(n_resamples):
        if clusters:
            rows = np.concatenate([clusters[drawn] for drawn in generator.integers(len(clusters), size=len(clusters))])
        else:
            rows = np.concatenate([generator.choice(stratum, len(stratum)) for stratum in strata])
        for name, score in measures(targets[rows], predictions[rows]).items():
            resampled[name].append(score)
    return {name: Estimate(score, _interval(np.array(resampled[name]))) for name, score in scores.items()}


def _mean_of_members(metric: Metric) -> Measures:
    """The mean score of K networks, each by itself, whose predictions are (n, K, ...)."""

    def measure(targets: Target, predictions: NDArray[np.floating]) -> dict[str, float]:
        return {"single": float(metric(targets, np.moveaxis(predictions, 1, 0)).mean())}

    return measure


def _interval(scores: FloatArray) -> tuple[float, float]:
    tail = (1 - _LEVEL) / 2
    low, high = np.nanquantile(scores, [tail, 1 - tail])
    return float(low), float(high)


def _measures(chosen: ChosenMetric, threshold: float | None, cost: CostPlan | None) -> Measures:
    """The metric, those beside it, and for binary problems those at the threshold, with the expected cost if known."""

    def measure(targets: Target, predictions: NDArray[np.floating]) -> dict[str, float]:
        scores = {metric.name: metric.one(targets, predictions) for metric in (chosen.metric, *chosen.beside)}
        if threshold is None:
            return scores
        y, probability = targets.astype(np.int64), predictions.astype(np.float64)
        scores |= at_threshold(y, probability, threshold)
        return scores if cost is None else scores | {"expected_cost": expected_cost(y, probability, threshold, cost)}

    return measure
