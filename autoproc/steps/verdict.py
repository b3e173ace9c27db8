"""Verdict: the holdout is scored once, with the final model, after everything has been decided."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoproc.data.dummy import dummy_score
from autoproc.data.metrics import ChosenMetric, Metric, Target, at_threshold, expected_cost
from autoproc.data.problem import encode_target
from autoproc.data.table import Table
from autoproc.data.vectorize import Schema
from autoproc.optimism import to_holdout
from autoproc.outcomes import Estimate, Finalist, Receipt, ReferenceVerdict, Verdict
from autoproc.plan import CostPlan
from autoproc.results import FittedReference, FloatArray, Problem

_RESAMPLES, _FEWEST_RESAMPLES = 1000, 200
_RESAMPLED_ROWS = 20_000_000  # in all: keeps a very large holdout from taking minutes
_LEVEL = 0.95

Matrix = NDArray[np.float32]
Groups = NDArray[np.int64] | None
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
    table: Table,
    receipt: Receipt,
    model: FinalModel,
    chosen: ChosenMetric,
    winner: Finalist,
    development_targets: Target,
    references: Sequence[FittedReference],
    seed: int,
    group: str | None = None,
) -> Verdict:
    """Score the final model and the references on the holdout's rows, which `receipt` has opened; rows with one value
    in the column `group` hang together."""
    groups = None if group is None else table.cells(group).codes
    targets = encode_target(table, model.problem)
    matrix = model.schema.matrix(table)
    predictions = model.predict(matrix)
    measures, stratified = _measures(chosen, model.threshold, model.cost), model.problem.is_classification
    estimates = bootstrap(measures, targets, predictions, stratified, seed, groups)
    score, validated = estimates.pop(chosen.metric.name), (winner.fresh or winner.trained).score
    return Verdict(
        metric=chosen.metric.name,
        holdout=score,
        cross_validated=winner.trained.score,
        fresh=winner.fresh.score if winner.fresh else None,
        optimism=to_holdout(validated, score, chosen.metric),
        dummy=dummy_score(development_targets, targets, model.problem, chosen.metric),
        n_rows=table.n_rows,
        threshold=model.threshold,
        beside=estimates,
        receipt=receipt,
        references=tuple(
            ReferenceVerdict(
                fitted.reference.name,
                *compare(chosen.metric, targets, predictions, fitted.predict(matrix), stratified, seed, groups),
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
    groups: Groups = None,
) -> tuple[Estimate, Estimate]:
    """A reference's score, and the network's lead over it, on the same resamples."""

    def measure(targets: Target, predictions: NDArray[np.floating]) -> dict[str, float]:
        mine, theirs = (metric.one(targets, predictions[:, i]) for i in (0, 1))
        return {"holdout": theirs, "lead": float(metric.gain(mine, theirs))}

    both = np.stack([network, reference], axis=1)
    estimates = bootstrap(measure, targets, both, stratified, seed, groups)
    return estimates["holdout"], estimates["lead"]


def bootstrap(
    measures: Measures,
    targets: Target,
    predictions: NDArray[np.floating],
    stratified: bool,
    seed: int,
    groups: Groups = None,
) -> dict[str, Estimate]:
    """Each measure with its 95 % percentile interval over 1,000 resamples of the rows, or fewer (at least 200)
    where there are more than 20,000 rows (Efron and Tibshirani 1993, chapter 13).

    `stratified` resamples each class by itself, so that no resample lacks one. Rows of one of the `groups` (n,) hang
    together: then whole groups are resampled, and a resample on which a measure is not defined is left out.
    """
    generator = np.random.default_rng(seed)
    strata = [np.flatnonzero(targets == c) for c in np.unique(targets)] if stratified else [np.arange(len(targets))]
    together = [] if groups is None else [np.flatnonzero(groups == group) for group in np.unique(groups)]
    scores = measures(targets, predictions)
    resampled: dict[str, list[float]] = {name: [] for name in scores}
    n_resamples = int(np.clip(_RESAMPLED_ROWS // len(targets), _FEWEST_RESAMPLES, _RESAMPLES))
    for _ in range(n_resamples):
        if together:
            rows = np.concatenate([together[drawn] for drawn in generator.integers(len(together), size=len(together))])
        else:
            rows = np.concatenate([generator.choice(stratum, len(stratum)) for stratum in strata])
        for name, score in measures(targets[rows], predictions[rows]).items():
            resampled[name].append(score)
    return {name: Estimate(score, _interval(np.array(resampled[name]))) for name, score in scores.items()}


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
