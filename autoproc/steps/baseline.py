"""Baseline: a small unregularised network that has to beat the dummy beyond noise.

The network's best score is picked from all epochs of all learning rates, and the dummy has no such choice: on noise
alone the best one beats it nearly always. So what is compared with the dummy is picked without the rows that judge.

Labels are no fair race against the dummy: where it takes every row for one class, labels at random beat it, and a
network that tells the classes apart may still take every row for the common one. So a network that is chosen by a
metric of labels is judged by the log loss of its probabilities, which has signal whenever they have any.

A network whose units have died predicts as the dummy does, whatever the rows hold. That it is stuck shows in training
beside the networks of the other folds, so that its learning rate is not among those that are picked from.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from autoproc.configurations import unregularised
from autoproc.data.dummy import dummy_predictions, dummy_score
from autoproc.data.metrics import METRICS, Metric, Target
from autoproc.data.relations import Relations, resampled_together
from autoproc.deadline import Deadline
from autoproc.format import format_score
from autoproc.network.interface import Engine, train_together
from autoproc.overfit import paired_noise
from autoproc.picking import scores_picked_by_others
from autoproc.plan import Plan
from autoproc.prepared import Prepared
from autoproc.results import Baseline, FloatArray, Fold, Score, Trained, carry_forward
from autoproc.spec import Candidate, NetworkSpec

_RESAMPLES = 200
# One-sided; 3 standard errors where there are many rows. Of a single split, whose learning rate and epoch are picked by
# the rows that judge, the best of all of them lies beyond it on noise in about 2 % of the jobs
# (benchmarks/false_alarms.py).
_CONFIDENCE = float(stats.norm.cdf(3.0))
_STUCK = 0.5  # of what the folds' networks have learned at the median, at one learning rate


class _Resampled(NamedTuple):
    """A fold's standard error by its rows, and the number of independent parts that they fall into."""

    error: float
    n_parts: int


def train_baseline(engine: Engine, prepared: Prepared, plan: Plan, deadline: Deadline) -> Baseline:
    """Train the small network at several learning rates side by side, and compare it with the dummy.

    `network` of the result is the best learning rate's; `gain` is what is left of its lead when the folds that are
    scored have no say in learning rate and epoch.
    """
    metric, folds = prepared.chosen.metric, prepared.protocol.splits
    dummy = _dummy(prepared, metric)
    tried = train_together(engine, _candidates(engine.n_train_rows, plan), deadline)
    usable = [trained for trained in tried if not np.isnan(trained.score.mean)]
    if not usable:
        gain = Score.of(np.full(len(folds), np.nan))
        return Baseline(dummy, tried[0], gain, False, f"every learning rate failed: {tried[0].failed}", tried)
    network = usable[metric.argbest(np.array([trained.score.mean for trained in usable]))]
    judge = METRICS["log_loss"] if metric.by_label else metric
    idle = _idle_losses(prepared)
    usable = [trained for trained in usable if not _is_stuck(trained, idle)] or usable
    curves = [each.curves.validation_score if judge is metric else each.curves.validation_loss for each in usable]
    unpicked = _scores(curves, folds, judge)
    leads = judge.gain(unpicked, np.array(_dummy(prepared, judge).folds))
    lifts = np.array([_lift_of_chance(prepared.targets[fold.validation], judge) for fold in folds])
    kept = [_of_kept_weights(curve, each) for curve, each in zip(curves, usable, strict=True)]
    judged = usable[judge.argbest(np.array(kept))]  # the network itself, where the metric judges
    gain, noise = Score.of(leads - lifts), _noise(engine, judged, leads, prepared, judge, plan.seed)
    beats, difference = _compare(gain.mean, noise)
    return Baseline(dummy, network, gain, beats, _reason(difference, len(folds), metric, judge, lifts), tried)


def _candidates(n_train_rows: int, plan: Plan) -> list[Candidate]:
    network = NetworkSpec(plan.baseline.depth, plan.baseline.width, plan.inputs.scale)
    epochs, patience = plan.baseline.max_epochs, plan.train.patience
    rates = plan.baseline.learning_rates
    return [Candidate(network, unregularised(plan, n_train_rows, rate, epochs, patience)) for rate in rates]


def _dummy(prepared: Prepared, metric: Metric) -> Score:
    """What the dummy scores on each fold."""
    targets, problem = prepared.targets, prepared.problem
    scores = [dummy_score(targets[f.train], targets[f.validation], problem, metric) for f in prepared.protocol.splits]
    return Score.of(np.array(scores))


def _idle_losses(prepared: Prepared) -> FloatArray:
    """The training loss of knowing only the target, of each fold (K,): of standardised values their variance."""
    folds, targets, problem = prepared.protocol.splits, prepared.targets, prepared.problem
    if not problem.is_classification:
        return np.ones(len(folds))
    return np.array([dummy_score(targets[f.train], targets[f.train], problem, METRICS["log_loss"]) for f in folds])


def _is_stuck(trained: Trained, idle: FloatArray) -> bool:
    """Whether a fold's network ends with much less learned of its training rows than those of other folds: with a
    smaller part of its idle loss (K,) gone."""
    learned = 1 - carry_forward(trained.curves.train_loss, trained.n_epochs)[:, -1] / idle
    typical = float(np.median(learned))
    return typical > 0 and bool(np.any(learned < _STUCK * typical))


def _scores(curves: Sequence[FloatArray], folds: Sequence[Fold], judge: Metric) -> FloatArray:
    """Each fold's score (K,) at the learning rate and epoch that the other folds pick, from a curve (K, E) of each
    learning rate; the best of a single split."""
    n_epochs = max(curve.shape[1] for curve in curves)
    columns = np.concatenate([carry_forward(curve, n_epochs) for curve in curves], axis=1)
    return np.array([judge.best(columns)]) if len(folds) == 1 else scores_picked_by_others(columns, folds, judge)


def _of_kept_weights(curve: FloatArray, trained: Trained) -> float:
    """The mean over folds of a curve (K, E) at the epochs whose weights are kept."""
    return float(curve[np.arange(len(curve)), np.array(trained.best_epochs) - 1].mean())


def _lift_of_chance(y: Target, metric: Metric) -> float:
    """How much better than the dummy an order at random is expected to score: 0 for all but average precision.

    The dummy orders nothing and scores the share of positives; of few rows in any order, the first ones lift the
    average. Its expectation is in Bestgen (2015), "Exact expected average precision of the random baseline".
    """
    if metric.name != "average_precision" or len(y) < 2:
        return 0.0
    n_rows, n_positive = len(y), int(np.count_nonzero(y))
    harmonic = float(np.sum(1 / np.arange(1, n_rows + 1)))
    expected = (harmonic + (n_positive - 1) / (n_rows - 1) * (n_rows - harmonic)) / n_rows
    return expected - n_positive / n_rows


def _noise(engine: Engine, judged: Trained, leads: FloatArray, prepared: Prepared, judge: Metric, seed: int) -> float:
    """How far the mean of the folds' leads over the dummy (K,) may lie above 0 by chance.

    Folds that differ by chance alone tell by their spread. Those that go forward in time differ by what they have
    seen, and by what has come since, and a single split has no spread: there rows are drawn again. NaN where all
    validation rows of every fold hang together.
    """
    folds = prepared.protocol.splits
    if len(folds) > 1 and prepared.relations.times is None:
        return paired_noise(leads, max(len(fold.validation) / len(fold.train) for fold in folds))
    each = [
        _resampled(predicted, prepared, fold, judge, seed)
        for predicted, fold in zip(engine.out_of_fold(judged), folds, strict=True)
    ]
    return _noise_of_mean([part for part in each if part.n_parts > 1 and not np.isnan(part.error)], folds)


def _noise_of_mean(each: Sequence[_Resampled], folds: Sequence[Fold]) -> float:
    """The noise of the folds' mean, from the standard errors of those that have one; few parts tell them badly, which
    Student's t takes care of. Repeats score the same rows, so they take nothing off."""
    if not each:
        return float("nan")
    validated = np.concatenate([fold.validation for fold in folds])
    n_repeats = len(validated) / len(np.unique(validated))
    error = np.sqrt(np.mean([part.error**2 for part in each]) * n_repeats / len(folds))
    freedom = sum(part.n_parts - 1 for part in each) / n_repeats
    return float(stats.t.ppf(_CONFIDENCE, freedom) * error)


def _resampled(
    predictions: NDArray[np.floating], prepared: Prepared, fold: Fold, metric: Metric, seed: int
) -> _Resampled:
    """The standard error of the gain over the dummy, by a bootstrap over the validation rows, in which those that hang
    together are drawn together. Draws for which the metric is not defined are left out."""
    targets, rows = prepared.targets, fold.validation
    y = targets[rows]
    network_and_dummy = np.stack([predictions, dummy_predictions(targets[fold.train], len(y), prepared.problem)])
    parts = _parts(prepared.relations, rows)
    generator = np.random.default_rng(seed)
    gains = []
    for _ in range(_RESAMPLES):
        chosen = generator.integers(len(parts), size=len(parts))
        drawn = np.concatenate([parts[part] for part in chosen]) if len(parts) < len(y) else chosen
        if metric.is_defined(y[drawn]):
            network, dummy = metric(y[drawn], network_and_dummy[:, drawn])
            gains.append(float(metric.gain(network, dummy)))
    few = np.sqrt(len(parts) / max(len(parts) - 1, 1))  # a bootstrap's variance is that of the parts, not of their mean
    return _Resampled(float(few * np.nanstd(gains, ddof=1)) if len(gains) > 1 else float("nan"), len(parts))


def _parts(relations: Relations, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The positions of the rows (n,) that hang together, part by part; each row by itself where none do."""
    groups = None if relations.groups is None else relations.groups[rows]
    together = resampled_together(Relations(groups, None if relations.times is None else relations.times[rows]))
    if together is None:
        together = np.arange(len(rows))
    order = np.argsort(together, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(together[order])) + 1)


def _compare(gain: float, noise: float) -> tuple[bool, str]:
    """Whether the mean gain over the dummy exceeds the noise, and what to say of it."""
    if gain > noise:
        return True, f"better by {format_score(gain)}, beyond noise ({format_score(noise)})"
    if gain < 0:
        return False, f"worse by {format_score(-gain)}"
    if np.isnan(noise):
        return False, f"better by {format_score(gain)}, but all rows that validate hang together, so noise is not known"
    return False, f"better by {format_score(gain)}, which is within noise ({format_score(noise)})"


def _reason(difference: str, n_folds: int, metric: Metric, judge: Metric, lifts: FloatArray) -> str:
    """By what and on which rows the network is judged, and what came of it."""
    measure = "" if judge is metric else "by log loss (labels at random can beat the dummy too), "
    how = "on the one validation split" if n_folds == 1 else "with learning rate and epoch picked on other folds,"
    lift = float(np.mean(lifts))
    less = f", not counting the {format_score(lift)} that an order at random gains" if lift > 0 else ""
    return f"{measure}{how} it is {difference}{less}"
