"""Baseline: a small unregularised network that has to beat the dummy beyond noise."""

from collections.abc import Sequence

import numpy as np

from autoproc.configurations import unregularised
from autoproc.data.dummy import dummy_score
from autoproc.data.metrics import Metric, Target
from autoproc.deadline import Deadline
from autoproc.format import format_score
from autoproc.network.interface import Engine, train_together
from autoproc.overfit import paired_noise
from autoproc.plan import Plan
from autoproc.results import Baseline, FloatArray, Fold, Problem, Score
from autoproc.spec import Candidate, NetworkSpec


def train_baseline(
    engine: Engine,
    targets: Target,
    folds: Sequence[Fold],
    problem: Problem,
    metric: Metric,
    plan: Plan,
    deadline: Deadline,
) -> Baseline:
    """Train the small network at several learning rates side by side, and compare the best with the dummy."""
    dummy = Score.of(np.array([dummy_score(targets[f.train], targets[f.validation], problem, metric) for f in folds]))
    tried = train_together(engine, _candidates(engine.n_train_rows, plan), deadline)
    means = np.array([trained.score.mean for trained in tried])
    if np.isnan(means).all():
        gain = Score.of(np.full(len(folds), np.nan))
        return Baseline(dummy, tried[0], gain, False, f"every learning rate failed ({tried[0].failed})", tried)
    network = tried[metric.argbest(means)]
    gains = metric.gain(np.array(network.score.folds), np.array(dummy.folds))
    beats, reason = _compare(gains)
    return Baseline(dummy, network, Score.of(gains), beats, reason, tried)


def _candidates(n_train_rows: int, plan: Plan) -> list[Candidate]:
    network = NetworkSpec(plan.baseline.depth, plan.baseline.width)
    epochs, patience = plan.baseline.max_epochs, plan.train.patience
    rates = plan.baseline.learning_rates
    return [Candidate(network, unregularised(plan, n_train_rows, rate, epochs, patience)) for rate in rates]


def _compare(gains: FloatArray) -> tuple[bool, str]:
    """Whether the mean gain over the dummy exceeds the noise of the paired fold differences.

    A single validation split has no paired noise; there any gain counts.
    """
    mean, noise = float(gains.mean()), paired_noise(gains)
    if np.isnan(noise):
        return mean > 0, f"better than the dummy by {format_score(mean)} on the one validation split"
    beats = mean > noise
    where = f"{'beyond' if beats else 'within'} noise ({format_score(noise)})"
    return beats, f"better than the dummy by {format_score(mean)}, {where}"
