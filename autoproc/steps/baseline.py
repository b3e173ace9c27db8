"""Baseline: a small unregularised network that has to beat the dummy beyond noise."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor

from autoproc.data.metrics import Metric
from autoproc.network.interface import Engine
from autoproc.overfit import paired_noise
from autoproc.plan import Plan
from autoproc.results import Baseline, FloatArray, Fold, Problem, Score, Trained
from autoproc.spec import Candidate, NetworkSpec, TrainSpec


def train_baseline(
    engine: Engine, targets: NDArray[np.int64] | NDArray[np.float64], folds: Sequence[Fold], problem: Problem, metric: Metric, plan: Plan
) -> Baseline:
    """Train the small network at several learning rates side by side, and compare the best with the dummy."""
    dummy = Score.of(np.array([dummy_score(targets[f.train], targets[f.validation], problem, metric) for f in folds]))
    tried = _train_at_each_rate(engine, plan)
    usable = [trained for trained in tried if not trained.failed]
    if not usable:
        network = tried[0]
        gain = Score.of(np.full(len(folds), np.nan))
        return Baseline(dummy, network, gain, False, f"every learning rate diverged ({network.failed})", tried)
    network = usable[metric.argbest(np.array([trained.score.mean for trained in usable]))]
    gains = metric.gain(np.array(network.score.folds), np.array(dummy.folds))
    beats, reason = _compare(gains, metric)
    return Baseline(dummy, network, Score.of(gains), beats, reason, tried)


def dummy_score(
    train: NDArray[np.int64] | NDArray[np.float64], test: NDArray[np.int64] | NDArray[np.float64], problem: Problem, metric: Metric
) -> float:
    """Score on `test` of scikit-learn's dummy fitted on `train`: class shares, or the targets' means."""
    nothing = np.zeros((len(train), 1)), np.zeros((len(test), 1))
    if not problem.is_classification:
        values = DummyRegressor().fit(nothing[0], train).predict(nothing[1])
        return float(metric(test, values.reshape(1, *test.shape))[0])
    shares = np.zeros((len(test), len(problem.classes)))
    dummy = DummyClassifier(strategy="prior").fit(nothing[0], train)
    shares[:, dummy.classes_] = dummy.predict_proba(nothing[1])
    return float(metric(test, (shares[:, 1] if problem.task == "binary" else shares)[None])[0])


def _train_at_each_rate(engine: Engine, plan: Plan) -> tuple[Trained, ...]:
    network = NetworkSpec(plan.baseline.depth, plan.baseline.width)
    rates = plan.baseline.learning_rates
    for key, rate in enumerate(rates):
        engine.start(key, Candidate(network, unregularised(plan, engine.n_train_rows, rate, plan.baseline.max_epochs)))
    running = set(range(len(rates)))
    results: dict[int, Trained] = {}
    while running:
        for progress in engine.train_epoch():
            if progress.finished:
                results[progress.key] = engine.collect(progress.key)
                running.remove(progress.key)
    return tuple(results[key] for key in range(len(rates)))


def unregularised(plan: Plan, n_train_rows: int, learning_rate: float, max_epochs: int) -> TrainSpec:
    ...


def _compare(gains: FloatArray, metric: Metric) -> tuple[bool, str]:
    """Whether the mean gain over the dummy exceeds the noise of the paired fold differences."""
    mean, noise = float(np.mean(gains)), paired_noise(gains)
    beats = mean > (0 if np.isnan(noise) else noise)
    ...
