"""Baseline: a small unregularised network that has to beat the dummy beyond noise.

The network's best score is picked from all epochs of all learning rates, and the dummy has no such choice: on noise
alone the best one beats it nearly always. So what is compared with the dummy is picked without the rows that judge.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autoproc.configurations import unregularised
from autoproc.data.dummy import dummy_predictions, dummy_score
from autoproc.data.metrics import Metric, Target
from autoproc.deadline import Deadline
from autoproc.format import format_score
from autoproc.network.interface import Engine, train_together
from autoproc.overfit import paired_noise
from autoproc.picking import scores_picked_by_others
from autoproc.plan import Plan
from autoproc.results import Baseline, Fold, Problem, Score, carry_forward
from autoproc.spec import Candidate, NetworkSpec

_RESAMPLES = 200
_ALIKE = 1.2  # times as many training rows as the smallest fold
# Where noise is that of rows, not of folds. Of a single split, whose learning rate and epoch are picked by the rows
# that judge, the best of all of them lies beyond 3 standard errors on noise in about 2 % of the jobs
# (benchmarks/false_alarms.py).
_STANDARD_ERRORS = 3.0


class _Chance(NamedTuple):
    """What a fold scores by chance, and how far beyond that it may lie by chance."""

    score: float
    noise: float


def train_baseline(
    engine: Engine,
    targets: Target,
    folds: Sequence[Fold],
    problem: Problem,
    metric: Metric,
    plan: Plan,
    deadline: Deadline,
) -> Baseline:
    """Train the small network at several learning rates side by side, and compare it with the dummy.

    `network` of the result is the best learning rate's; `gain` is what is left of its lead when the folds that are
    scored have no say in learning rate and epoch.
    """
    dummy = Score.of(np.array([dummy_score(targets[f.train], targets[f.validation], problem, metric) for f in folds]))
    tried = train_together(engine, _candidates(engine.n_train_rows, plan), deadline)
    usable = [trained for trained in tried if not np.isnan(trained.score.mean)]
    if not usable:
        gain = Score.of(np.full(len(folds), np.nan))
        return Baseline(dummy, tried[0], gain, False, f"every learning rate failed: {tried[0].failed}", tried)
    network = usable[metric.argbest(np.array([trained.score.mean for trained in usable]))]
    if len(folds) == 1:
        scores, how = np.array(network.score.folds), "on the one validation split"
    else:
        n_epochs = max(trained.n_epochs for trained in usable)
        curves = [carry_forward(trained.curves.validation_score, n_epochs) for trained in usable]
        scores = scores_picked_by_others(np.concatenate(curves, axis=1), folds, metric)
        how = "with learning rate and epoch picked on other folds,"
    if metric.by_label:
        chances = [
            _chance(predicted, targets[fold.validation], metric, plan.seed)
            for predicted, fold in zip(engine.out_of_fold(network), folds, strict=True)
        ]
        noise = _noise_of_mean([chance.noise for chance in chances], folds)
        lifts = np.maximum(metric.gain(np.array([chance.score for chance in chances]), np.array(dummy.folds)), 0)
    else:
        if _are_alike(folds):
            overlap = max(len(fold.validation) / len(fold.train) for fold in folds)
            noise = paired_noise(metric.gain(scores, np.array(dummy.folds)), overlap)
        else:
            each = [
                _resampled_noise(predicted, targets, fold, problem, metric, plan.seed)
                for predicted, fold in zip(engine.out_of_fold(network), folds, strict=True)
            ]
            noise = _noise_of_mean(each, folds)
        lifts = np.array([_lift_of_chance(targets[fold.validation], metric) for fold in folds])
    gain = Score.of(metric.gain(scores, np.array(dummy.folds)) - lifts)
    beats, difference = _compare(gain.mean, noise)
    return Baseline(dummy, network, gain, beats, f"{how} it is {difference}", tried)


def _are_alike(folds: Sequence[Fold]) -> bool:
    """Whether folds differ by chance alone, so that their spread tells of noise. Those that go forward in time differ
    by what they have seen, and by what has come since."""
    sizes = [len(fold.train) for fold in folds]
    return len(folds) > 1 and max(sizes) <= _ALIKE * min(sizes)


def _candidates(n_train_rows: int, plan: Plan) -> list[Candidate]:
    network = NetworkSpec(plan.baseline.depth, plan.baseline.width, plan.inputs.scale)
    epochs, patience = plan.baseline.max_epochs, plan.train.patience
    rates = plan.baseline.learning_rates
    return [Candidate(network, unregularised(plan, n_train_rows, rate, epochs, patience)) for rate in rates]


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


def _chance(predictions: NDArray[np.floating], y: Target, metric: Metric, seed: int) -> _Chance:
    """What the same predictions score on rows in a random order, where they tell nothing of the targets."""
    generator = np.random.default_rng(seed)
    scores = [metric.one(y, predictions[generator.permutation(len(y))]) for _ in range(_RESAMPLES)]
    return _Chance(float(np.mean(scores)), _STANDARD_ERRORS * float(np.std(scores, ddof=1)))


def _noise_of_mean(each: Sequence[float], folds: Sequence[Fold]) -> float:
    """The noise of the folds' mean, from each fold's own. Repeats score the same rows, so they take nothing off."""
    validated = np.concatenate([fold.validation for fold in folds])
    n_repeats = len(validated) / len(np.unique(validated))
    return float(np.sqrt(np.mean(np.square(each)) * n_repeats / len(folds)))


def _resampled_noise(
    predictions: NDArray[np.floating], targets: Target, fold: Fold, problem: Problem, metric: Metric, seed: int
) -> float:
    """`_STANDARD_ERRORS` standard errors of the gain over the dummy, by a bootstrap over the validation rows."""
    y = targets[fold.validation]
    network_and_dummy = np.stack([predictions, dummy_predictions(targets[fold.train], len(y), problem)])
    generator = np.random.default_rng(seed)
    gains = []
    for _ in range(_RESAMPLES):
        rows = generator.integers(len(y), size=len(y))
        network, dummy = metric(y[rows], network_and_dummy[:, rows])
        gains.append(float(metric.gain(network, dummy)))
    return _STANDARD_ERRORS * float(np.nanstd(gains, ddof=1))


def _compare(gain: float, noise: float) -> tuple[bool, str]:
    """Whether the mean gain over the dummy exceeds the noise, and what to say of it."""
    if gain > noise:
        return True, f"better by {format_score(gain)}, beyond noise ({format_score(noise)})"
    if gain >= 0:
        return False, f"better by {format_score(gain)}, which is within noise ({format_score(noise)})"
    return False, f"worse by {format_score(-gain)}"
