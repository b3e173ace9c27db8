"""Networks trained side by side in one stack are those that plain torch trains one by one."""

from itertools import product

import numpy as np
import pytest

from autoproc.network.engine import StackEngine
from autoproc.network.interface import train_together
from autoproc.network.predictor import TARGET_STATISTICS
from autoproc.results import Fold
from autoproc.spec import (
    OPTIMIZERS,
    Candidate,
    ExponentialLR,
    MultiStepLR,
    NetworkSpec,
    NoScheduler,
    ReduceLROnPlateau,
    StepLR,
    TrainSpec,
)
from tests.network.sample_data import LAYOUT, TASKS, sample
from tests.oracle.plain_training import PlainEngine

SCHEDULERS = (
    NoScheduler(),
    StepLR(2, 0.5),
    MultiStepLR((1, 3), 0.3),
    ExponentialLR(0.7),
    ReduceLROnPlateau(0.5, 0),
)
PENALTIES = ((0.0, 0.0), (1e-3, 0.0), (0.0, 0.1), (3e-3, 0.05))


def candidates(max_epochs=4, patience=0, depth=2, width=6):
    """Every optimiser with every scheduler, at several rates and with several penalties."""
    rates = (3e-3, 1e-2, 3e-2)
    return [
        Candidate(
            NetworkSpec(depth, width),
            TrainSpec(
                max_epochs=max_epochs,
                patience=patience,
                batch_size=12,
                optimizer=optimizer,
                learning_rate=rates[i % len(rates)],
                scheduler=scheduler,
                l1=PENALTIES[i % len(PENALTIES)][0],
                weight_decay=PENALTIES[i % len(PENALTIES)][1],
            ),
        )
        for i, (optimizer, scheduler) in enumerate(product(OPTIMIZERS, SCHEDULERS))
    ]


def assert_same(trained, expected):
    """Weights, scores and curves agree within what float32 allows."""
    assert trained.candidate == expected.candidate
    assert trained.failed == expected.failed
    assert trained.best_epochs == expected.best_epochs
    assert set(trained.weights) == set(expected.weights)
    for name, array in expected.weights.items():
        assert trained.weights[name].dtype == (np.float64 if name in TARGET_STATISTICS else np.float32)
        np.testing.assert_allclose(trained.weights[name], array, rtol=1e-4, atol=1e-4, err_msg=name)
    for name in vars(expected.curves):
        curve = getattr(trained.curves, name)
        np.testing.assert_allclose(curve, getattr(expected.curves, name), rtol=1e-4, atol=1e-4, err_msg=name)
    np.testing.assert_allclose(trained.score.folds, expected.score.folds, rtol=1e-4)
    np.testing.assert_allclose(trained.train_score.folds, expected.train_score.folds, rtol=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_all_kinds_side_by_side_equal_each_alone(task):
    problem = sample(task)
    together = train_together(problem.engine(StackEngine), candidates())
    alone = train_together(problem.engine(PlainEngine), candidates())
    for trained, expected in zip(together, alone, strict=True):
        assert_same(trained, expected)


def test_the_candidates_differ_and_learn():
    """Without this the comparison above could agree on nothing having happened."""
    trained = train_together(sample("regression").engine(StackEngine), candidates(max_epochs=8))
    finals = {round(float(t.curves.train_loss[0, -1]), 6) for t in trained}
    assert len(finals) == len(trained)
    assert all(t.curves.train_loss[:, -1].mean() < t.curves.train_loss[:, 0].mean() for t in trained)


@pytest.mark.parametrize("task", ["binary", "vector_regression"])
def test_early_stopping_and_best_weights_equal_those_of_each_alone(task):
    problem = sample(task, seed=3)
    configurations = candidates(max_epochs=14, patience=2, depth=1, width=5)[::2]
    together = train_together(problem.engine(StackEngine), configurations)
    alone = train_together(problem.engine(PlainEngine), configurations)
    for trained, expected in zip(together, alone, strict=True):
        assert_same(trained, expected)
    lengths = {int(np.isfinite(t.curves.train_loss).sum(axis=1)[k]) for t in together for k in range(3)}
    assert len(lengths) > 2, "members must stop at different epochs"


def test_shapes_and_batch_sizes_may_be_mixed():
    problem = sample("multiclass")
    configurations = [
        Candidate(NetworkSpec(depth, width), TrainSpec(max_epochs=2, patience=0, batch_size=batch_size))
        for depth, width, batch_size in ((1, 4, 8), (1, 4, 64), (3, 7, 8), (1, 1, 1))
    ]
    together = train_together(problem.engine(StackEngine), configurations)
    alone = train_together(problem.engine(PlainEngine), configurations)
    for trained, expected in zip(together, alone, strict=True):
        assert_same(trained, expected)


def test_folds_of_very_unlike_sizes_equal_each_alone():
    problem = sample("binary")
    rows = np.arange(47)
    folds = (Fold(rows[:40], rows[40:]), Fold(rows[30:], rows[:30]), Fold(rows[::2], rows[1:4:2]))
    uneven = type(problem)(problem.matrix, problem.targets, folds, problem.task, problem.n_outputs, problem.metric)
    together = train_together(uneven.engine(StackEngine), candidates())
    alone = train_together(uneven.engine(PlainEngine), candidates())
    for trained, expected in zip(together, alone, strict=True):
        assert_same(trained, expected)


def test_training_without_validation_rows_keeps_the_last_weights():
    problem = sample("regression")
    everything = (Fold(np.arange(47), np.arange(0)),)
    refit = type(problem)(problem.matrix, problem.targets, everything, problem.task, problem.n_outputs, problem.metric)
    together = train_together(refit.engine(StackEngine), candidates())
    alone = train_together(refit.engine(PlainEngine), candidates())
    for trained, expected in zip(together, alone, strict=True):
        assert_same(trained, expected)
        assert trained.best_epochs == (4,)


@pytest.mark.parametrize("task", TASKS)
def test_predictions_of_left_out_rows_equal_those_of_each_alone(task):
    problem = sample(task)
    engine = problem.engine(StackEngine)
    [trained] = train_together(engine, candidates()[:1])
    expected = problem.engine(PlainEngine).out_of_fold(trained)
    for predicted, plain in zip(engine.out_of_fold(trained), expected, strict=True):
        np.testing.assert_allclose(predicted, plain, rtol=1e-5, atol=1e-5)


def test_the_sample_has_every_kind_of_column():
    problem = sample()
    assert all((LAYOUT.numeric, LAYOUT.passthrough, LAYOUT.indicators, LAYOUT.one_hot, len(LAYOUT.embedded) > 1))
    assert np.isnan(problem.matrix[:, LAYOUT.indicators]).any(axis=0).all()
    assert len({len(fold.train) for fold in problem.folds}) > 1
