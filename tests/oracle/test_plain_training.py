"""Networks trained side by side in one stack are those that plain torch trains one by one."""

from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp, ttest_ind

from autoproc.data.vectorize import Layout
from autoproc.network.arrays import TARGET_STATISTICS
from autoproc.network.engine import StackEngine
from autoproc.network.interface import train_together
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


def candidates(
    max_epochs=4,
    patience=0,
    depth=2,
    width=6,
    dropout=(0.0,),
    input_scale=False,
    averaging=(0.0,),
    factor_rate=(1.0,),
    class_weights=(None,),
):
    """Every optimiser with every scheduler, at several rates and with several penalties; what is given several values
    goes round them."""
    rates = (3e-3, 1e-2, 3e-2)
    calmer = {"sgd": 0.3}  # whose steps grow with the slopes: a member near divergence would magnify roundings
    return [
        Candidate(
            NetworkSpec(depth, width, input_scale),
            TrainSpec(
                max_epochs=max_epochs,
                patience=patience,
                batch_size=12,
                optimizer=optimizer,
                learning_rate=rates[i % len(rates)] * calmer.get(optimizer, 1),
                scheduler=scheduler,
                dropout=dropout[i % len(dropout)],
                averaging=averaging[i % len(averaging)],
                factor_rate=factor_rate[i % len(factor_rate)],
                class_weights=class_weights[i % len(class_weights)],
                l1=PENALTIES[i % len(PENALTIES)][0],
                weight_decay=PENALTIES[i % len(PENALTIES)][1],
            ),
        )
        for i, (optimizer, scheduler) in enumerate(product(OPTIMIZERS, SCHEDULERS))
    ]


def assert_same(trained, expected, tolerance=1e-4):
    """Weights, scores and curves agree within what float32 allows."""
    assert trained.candidate == expected.candidate
    assert trained.failed == expected.failed
    assert trained.best_epochs == expected.best_epochs
    assert set(trained.weights) == set(expected.weights)
    for name, array in expected.weights.items():
        assert trained.weights[name].dtype == (np.float64 if name in TARGET_STATISTICS else np.float32)
        np.testing.assert_allclose(trained.weights[name], array, rtol=tolerance, atol=tolerance, err_msg=name)
    for name in vars(expected.curves):
        curve = getattr(trained.curves, name)
        np.testing.assert_allclose(curve, getattr(expected.curves, name), rtol=tolerance, atol=tolerance, err_msg=name)
    np.testing.assert_allclose(trained.score.folds, expected.score.folds, rtol=1e-4)
    np.testing.assert_allclose(trained.train_score.folds, expected.train_score.folds, rtol=1e-4)


def assert_stack_trains_as_plain_torch(problem, configurations, tolerance=1e-4, n_pieces=0):
    """Returns what the stack trained."""
    together = train_together(problem.engine(StackEngine, n_pieces=n_pieces), configurations)
    alone = train_together(problem.engine(PlainEngine, n_pieces=n_pieces), configurations)
    for trained, expected in zip(together, alone, strict=True):
        assert_same(trained, expected, tolerance)
    return together


@pytest.mark.parametrize("task", TASKS)
def test_all_kinds_side_by_side_equal_each_alone(task):
    assert_stack_trains_as_plain_torch(sample(task), candidates())


@pytest.mark.parametrize("task", TASKS)
def test_with_the_same_units_dropped_all_kinds_equal_each_alone(task):
    """Members without dropout are among them. Of few units left, more slopes are so near 0 that Adam, which divides
    them by their size, makes rounding visible."""
    configurations = candidates(dropout=(0.0, 0.2, 0.5), width=9)[::2]
    trained = assert_stack_trains_as_plain_torch(sample(task), configurations, tolerance=5e-4)
    without = train_together(
        sample(task).engine(), [replace(c, train=replace(c.train, dropout=0.0)) for c in configurations]
    )
    for configuration, dropped, plain in zip(configurations, trained, without, strict=True):
        same = np.allclose(dropped.curves.train_loss, plain.curves.train_loss, rtol=1e-3)
        assert same == (configuration.train.dropout == 0)


def test_running_averages_equal_those_of_torch():
    """Members without one are among them."""
    configurations = candidates(averaging=(0.1, 0.0, 1.0))[::2]
    assert_stack_trains_as_plain_torch(sample("multiclass"), configurations)
    averaged = candidates(max_epochs=14, patience=2, averaging=(0.2,))[::4]
    assert_stack_trains_as_plain_torch(sample("regression"), averaged)


def test_early_stopping_with_dropout_equals_that_of_each_alone():
    configurations = candidates(max_epochs=14, patience=2, depth=1, width=9, dropout=(0.3, 0.6))[::3]
    assert_stack_trains_as_plain_torch(sample("multiclass", seed=3), configurations)


@pytest.mark.parametrize("task", TASKS)
def test_networks_that_see_numbers_cut_into_pieces_equal_each_alone(task):
    assert_stack_trains_as_plain_torch(sample(task), candidates(dropout=(0.0, 0.3))[::3], n_pieces=4)


@pytest.mark.parametrize("task", TASKS)
def test_networks_with_factors_of_the_inputs_equal_each_alone(task):
    configurations = candidates(dropout=(0.0, 0.3), input_scale=True, factor_rate=(1.0, 5.0, 0.2))[::2]
    assert_stack_trains_as_plain_torch(sample(task), configurations)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_networks_that_weigh_rare_classes_equal_each_alone(task):
    configurations = candidates(dropout=(0.0, 0.3), class_weights=(1.0, None, 0.5, 0.0, 0.2))[1::2]
    assert_stack_trains_as_plain_torch(sample(task), configurations)


@pytest.mark.parametrize(
    ("layout", "columns"),
    [
        (Layout(3, (0, 1, 2), (), (), (), ()), [0, 4, 6]),
        (Layout(2, (), (), (), (), ((0, 5), (1, 6))), [1, 5]),
        (Layout(2, (0,), (), (), (), ((1, 6),)), [0, 5]),
    ],
    ids=["numbers alone", "embedded codes alone", "one of each"],
)
def test_tables_that_lack_a_kind_of_column_equal_each_alone(layout, columns):
    problem = sample("binary")
    matrix = np.nan_to_num(problem.matrix[:, columns])
    narrow = replace(problem, layout=layout, matrix=matrix)
    assert_stack_trains_as_plain_torch(narrow, candidates(dropout=(0.0, 0.3))[::3])


def test_the_candidates_differ_and_learn():
    """Without this the comparison above could agree on nothing having happened."""
    trained = train_together(sample("regression").engine(StackEngine), candidates(max_epochs=8))
    finals = {round(float(t.curves.train_loss[0, -1]), 6) for t in trained}
    assert len(finals) == len(trained)
    assert all(t.curves.train_loss[:, -1].mean() < t.curves.train_loss[:, 0].mean() for t in trained)


@pytest.mark.parametrize("task", ["binary", "vector_regression"])
def test_early_stopping_and_best_weights_equal_those_of_each_alone(task):
    configurations = candidates(max_epochs=14, patience=2, depth=1, width=5)[::2]
    together = assert_stack_trains_as_plain_torch(sample(task, seed=3), configurations)
    lengths = {int(np.isfinite(t.curves.train_loss).sum(axis=1)[k]) for t in together for k in range(3)}
    assert len(lengths) > 2, "members must stop at different epochs"


def test_shapes_and_batch_sizes_may_be_mixed():
    configurations = [
        Candidate(NetworkSpec(depth, width), TrainSpec(max_epochs=2, patience=0, batch_size=batch_size))
        for depth, width, batch_size in ((1, 4, 8), (1, 4, 64), (3, 7, 8), (1, 1, 1))
    ]
    assert_stack_trains_as_plain_torch(sample("multiclass"), configurations)


def test_folds_of_very_unlike_sizes_equal_each_alone():
    problem, rows = sample("binary"), np.arange(47)
    folds = (Fold(rows[:40], rows[40:]), Fold(rows[30:], rows[:30]), Fold(rows[::2], rows[1:4:2]))
    assert_stack_trains_as_plain_torch(replace(problem, folds=folds), candidates(dropout=(0.0, 0.3)))


def test_training_without_validation_rows_keeps_the_last_weights():
    refit = replace(sample("regression"), folds=(Fold(np.arange(47), np.arange(0)),))
    for trained in assert_stack_trains_as_plain_torch(refit, candidates()):
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


def final_losses(kind, dropout):
    """Training losses (60,) at the end of as many trainings, which differ by their seed: that of the first parameters,
    of the batches' order and of the units dropped."""
    problem = replace(sample("regression", n_rows=64), folds=(Fold(np.arange(56), np.arange(56, 64)),))
    spec = TrainSpec(max_epochs=6, patience=0, batch_size=28, optimizer="adam", learning_rate=2e-2, dropout=dropout)
    losses = []
    for seed in range(60):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            [trained] = train_together(problem.engine(kind, seed=seed), [Candidate(NetworkSpec(2, 24), spec)])
        losses.append(trained.curves.train_loss[0, -1])
    return np.array(losses)


def test_dropout_by_patterns_trains_as_torchs_own_dropout_does():
    """In distribution: units that torch drops afresh for each row of each batch, against the patterns of stacks.

    Each test would reject one in 10,000 choices of the seeds if the distributions were equal; the seeds are fixed, so
    that it always comes out the same. That it would notice another rate shows that it has power.
    """
    alpha = 1e-4
    by_stack, by_torch = final_losses(StackEngine, 0.4), final_losses(partial(PlainEngine, torchs_dropout=True), 0.4)
    assert not np.isclose(by_stack, by_torch, rtol=1e-3).any(), "the units dropped differ"
    at_another_rate = final_losses(StackEngine, 0.2)
    for test in (ks_2samp, ttest_ind):
        assert test(by_stack, by_torch).pvalue > alpha
        assert test(at_another_rate, by_torch).pvalue < alpha
