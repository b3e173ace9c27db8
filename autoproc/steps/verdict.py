"""Verdict: the holdout is scored once, with the final model, after everything has been decided."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoproc.data.dummy import dummy_score
from autoproc.data.holdout import OpenHoldout
from autoproc.data.metrics import ChosenMetric, Metric, Target, at_threshold, expected_cost
from autoproc.data.problem import encode_target
from autoproc.data.vectorize import Schema
from autoproc.optimism import to_holdout
from autoproc.outcomes import (
    CONSTANTS,
    ClassName,
    Estimate,
    Finalist,
    ReferenceVerdict,
    Saving,
    SingleNetworks,
    Verdict,
)
from autoproc.plan import CostPlan
from autoproc.resampling import Limits, Measures, Resampling
from autoproc.results import FittedReference, FloatArray, Problem

_COST, _SAVING = "expected_cost", "saving"
_LIMITS: dict[str, Limits] = {"mcc": (-1.0, 1.0), "r2": (-np.inf, 1.0)}

Matrix = NDArray[np.float32]
Predictions = NDArray[np.floating]


@dataclass(frozen=True)
class FinalModel:
    """What is exported and judged: `predict` maps the schema's matrix (n, n_columns) to probabilities of
    the positive class (n,), class probabilities (n, C) or values (n, t). `single_are` says which of the winner's
    networks stand beside it one by one."""

    schema: Schema
    problem: Problem
    predict: Callable[[Matrix], Predictions]
    threshold: float | None
    cost: CostPlan | None = None
    single_are: SingleNetworks = "fold networks"


def score_holdout(
    holdout: OpenHoldout,
    model: FinalModel,
    alone: Callable[[Matrix], Predictions],
    chosen: ChosenMetric,
    winner: Finalist,
    development_targets: Target,
    references: Sequence[FittedReference],
    seed: int,
) -> Verdict:
    """Score the final model, the winner's K single networks, each of which predicts `alone`, and the references."""
    metric, targets = chosen.metric, encode_target(holdout.table, model.problem)
    resampling = Resampling.of(targets, model.problem.is_classification, holdout.relations, seed)
    matrix = model.schema.matrix(holdout.table)
    predictions = model.predict(matrix)
    constant = None if model.cost is None else _cheaper_constant(targets, model.cost)
    measures = _measures(chosen, model.threshold, model.cost, constant)
    estimates = resampling.estimate(measures, predictions, _limits((metric, *chosen.beside)))
    members = np.moveaxis(alone(matrix), 0, 1)
    single = resampling.estimate(_mean_of_members(metric), members, {"single": _limits_of(metric)})["single"]
    score, saving = estimates.pop(metric.name), estimates.pop(_SAVING, None)
    return Verdict(
        metric=metric.name,
        holdout=score,
        cross_validated=winner.trained.score,
        fresh=winner.rescored.score if winner.rescored else None,
        single=single,
        single_are=model.single_are,
        optimism=to_holdout(winner.least_chosen.score, single, metric),
        dummy=dummy_score(development_targets, targets, model.problem, metric),
        n_rows=holdout.table.n_rows,
        threshold=model.threshold,
        beside=estimates,
        saving=Saving(saving, constant) if saving and constant else None,
        resamples=resampling.described(predictions.size),
        receipt=holdout.receipt,
        references=tuple(
            ReferenceVerdict(each.reference.name, *compare(metric, resampling, predictions, each.predict(matrix)))
            for each in references
        ),
    )


def compare(
    metric: Metric, resampling: Resampling, network: Predictions, reference: Predictions
) -> tuple[Estimate, Estimate]:
    """A reference's score, and the network's lead over it, on the same resamples."""

    def measure(targets: Target, predictions: Predictions) -> dict[str, FloatArray]:
        mine, theirs = (metric(targets, predictions[:, :, i]) for i in (0, 1))
        return {"holdout": theirs, "lead": metric.gain(mine, theirs)}

    both = np.stack([network, reference], axis=1)
    estimates = resampling.estimate(measure, both, {"holdout": _limits_of(metric)})
    return estimates["holdout"], estimates["lead"]


def _mean_of_members(metric: Metric) -> Measures:
    """The mean score of K networks, each by itself, whose predictions are (S, n, K, ...)."""

    def measure(targets: Target, predictions: Predictions) -> dict[str, FloatArray]:
        networks = np.moveaxis(predictions, 2, 1)  # (S, K, n, ...)
        scores = metric(targets, networks.reshape(-1, *networks.shape[2:]))
        return {"single": scores.reshape(networks.shape[:2]).mean(axis=1)}

    return measure


def _measures(
    chosen: ChosenMetric, threshold: float | None, cost: CostPlan | None, constant: ClassName | None
) -> Measures:
    """The metric, those beside it, and for binary problems those at the threshold; if costs are known the expected one,
    and what is saved over taking every row for the class `constant`."""

    def measure(targets: Target, predictions: Predictions) -> dict[str, FloatArray]:
        scores = {metric.name: metric(targets, predictions) for metric in (chosen.metric, *chosen.beside)}
        if threshold is None:
            return scores
        y, probability = targets.astype(np.int64), predictions.astype(np.float64)
        scores |= at_threshold(y, probability, threshold)
        if cost is None or constant is None:
            return scores
        mine = expected_cost(y, probability, threshold, cost)
        return scores | {_COST: mine, _SAVING: expected_cost(y, probability, CONSTANTS[constant], cost) - mine}

    return measure


def _cheaper_constant(targets: Target, cost: CostPlan) -> ClassName:
    y = targets.astype(np.int64)
    return min(CONSTANTS, key=lambda taken_for: float(expected_cost(y, np.zeros(len(y)), CONSTANTS[taken_for], cost)))


def _limits(metrics: Iterable[Metric]) -> dict[str, Limits]:
    """What measures of the holdout can be, by name."""
    shares = dict.fromkeys(("precision", "recall", "f1_at_threshold"), (0.0, 1.0))
    return {**shares, _COST: (0.0, np.inf), **{metric.name: _limits_of(metric) for metric in metrics}}


def _limits_of(metric: Metric) -> Limits:
    """A score of 1 is the best that can be, an error of 0."""
    return _LIMITS.get(metric.name, (0.0, 1.0) if metric.direction == "maximize" else (0.0, np.inf))
