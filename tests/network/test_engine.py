"""The contract of `interface.Engine`, held by every implementation, and what is the stack engine's own."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from autoproc.data.metrics import METRICS
from autoproc.deadline import Deadline
from autoproc.errors import PlanError
from autoproc.network.arrays import TARGET_STATISTICS
from autoproc.network.engine import StackEngine, choose_device
from autoproc.network.interface import train_together
from autoproc.network.passes import Network
from autoproc.network.stack import Stack
from autoproc.results import Fold, Trained
from autoproc.spec import Candidate, NetworkSpec, TrainSpec
from tests.network.sample_data import TASKS, sample
from tests.oracle.plain_training import PlainEngine


def candidate(depth=1, width=4, **train):
    return Candidate(
        NetworkSpec(depth, width), TrainSpec(**{"max_epochs": 3, "patience": 0, "batch_size": 16, **train})
    )


def standings(engine, n_epochs):
    """What the engine tells after each of the epochs."""
    return [engine.train_epoch() for _ in range(n_epochs)]


def fill(engine, configuration, first=0):
    """Start candidates as long as there is room, and return how many that were."""
    n_started = 0
    while engine.has_room(configuration.network, configuration.train.batch_size):
        engine.start(first + n_started, configuration)
        n_started += 1
    return n_started


@pytest.mark.parametrize("kind", [StackEngine, PlainEngine])
class TestContract:
    def test_knows_its_folds(self, kind):
        engine = sample().engine(kind)
        assert engine.n_folds == 3
        assert engine.n_train_rows == 32

    def test_there_is_room_for_anything_where_nothing_runs(self, kind):
        engine = sample().engine(kind)
        assert engine.has_room(NetworkSpec(1, 4), 16)
        assert engine.has_room(NetworkSpec(8, 4096), 1024)
        train_together(engine, [candidate()])
        assert engine.has_room(NetworkSpec(8, 4096), 1024)

    def test_there_is_not_always_room_for_one_more(self, kind):
        assert 1 <= fill(sample().engine(kind), candidate()) <= 12

    def test_nothing_runs_at_first(self, kind):
        assert sample().engine(kind).train_epoch() == ()

    def test_tells_how_each_candidate_stands(self, kind):
        engine = sample().engine(kind)
        engine.start(5, candidate())
        engine.start(9, candidate(depth=2))
        told = standings(engine, 3)
        assert [[(s.key, s.epoch) for s in epoch] for epoch in told] == [[(5, e), (9, e)] for e in (1, 2, 3)]
        assert [[s.finished for s in epoch] for epoch in told] == [[False] * 2, [False] * 2, [True] * 2]
        assert told[0][0].validation.shape == (3,)

    def test_the_best_is_the_mean_of_each_members_best_so_far(self, kind):
        engine = sample().engine(kind)
        engine.start(0, candidate(max_epochs=6, learning_rate=0.1))
        told = [epoch[0] for epoch in standings(engine, 6)]
        seen = np.array([standing.validation for standing in told])
        for e, standing in enumerate(told):
            assert standing.best == pytest.approx(seen[: e + 1].min(axis=0).mean())  # log loss: lower is better

    def test_a_candidate_joins_later_and_has_epochs_of_its_own(self, kind):
        engine = sample().engine(kind)
        engine.start(0, candidate(max_epochs=9))
        standings(engine, 2)
        engine.start(1, candidate(max_epochs=9))
        assert [(s.key, s.epoch) for s in engine.train_epoch()] == [(0, 3), (1, 1)]

    def test_a_finished_candidate_stands_still_until_it_is_collected(self, kind):
        engine = sample().engine(kind)
        engine.start(0, candidate(max_epochs=2))
        told = [epoch[0] for epoch in standings(engine, 4)]
        assert [standing.epoch for standing in told] == [1, 2, 2, 2]
        np.testing.assert_array_equal(told[1].validation, told[3].validation)
        assert engine.collect(0).curves.train_loss.shape == (3, 2)
        assert engine.train_epoch() == ()

    def test_a_running_candidate_may_be_taken_out(self, kind):
        engine = sample().engine(kind)
        engine.start(0, candidate(max_epochs=9))
        engine.start(1, candidate(max_epochs=9, learning_rate=0.1))
        standings(engine, 2)
        taken = engine.collect(0)
        assert taken.curves.train_loss.shape == (3, 2)
        assert [(s.key, s.epoch) for s in engine.train_epoch()] == [(1, 3)]

    def test_a_key_may_be_used_again(self, kind):
        engine = sample().engine(kind)
        first, second = (train_together(engine, [candidate()])[0] for _ in range(2))
        np.testing.assert_array_equal(first.curves.train_loss, second.curves.train_loss)

    def test_what_is_collected_agrees_with_what_was_told(self, kind):
        engine = sample().engine(kind)
        configuration = candidate(max_epochs=5, learning_rate=0.1)
        engine.start(0, configuration)
        told = [epoch[0] for epoch in standings(engine, 5)]
        trained = engine.collect(0)
        assert trained.candidate == configuration
        assert trained.failed is None
        np.testing.assert_allclose(trained.curves.validation_score, np.array([s.validation for s in told]).T)
        assert trained.score.mean == pytest.approx(told[-1].best)
        for k, epoch in enumerate(trained.best_epochs):
            assert trained.score.folds[k] == trained.curves.validation_score[k, epoch - 1]
            assert trained.train_score.folds[k] == trained.curves.train_score[k, epoch - 1]
        assert trained.curves.learning_rate.shape == (3, 5)

    def test_members_stop_by_themselves_and_their_curves_end(self, kind):
        engine = sample(seed=4).engine(kind)
        [trained] = train_together(engine, [candidate(max_epochs=60, patience=2, learning_rate=0.05, width=16)])
        lengths = np.isfinite(trained.curves.train_loss).sum(axis=1)
        assert lengths.tolist() == [epoch + 2 for epoch in trained.best_epochs]
        assert len(set(lengths)) > 1
        for k, length in enumerate(lengths):
            assert np.isnan(trained.curves.validation_loss[k, length:]).all()
            assert np.isfinite(trained.curves.learning_rate[k, :length]).all()

    def test_a_candidate_that_diverges_fails_and_the_others_go_on(self, kind):
        engine = sample("regression").engine(kind)
        engine.start(0, candidate(learning_rate=1e25, optimizer="adam"))
        engine.start(1, candidate())
        told = standings(engine, 3)[-1]
        assert [standing.finished for standing in told] == [True, True]
        wild, calm = engine.collect(0), engine.collect(1)
        assert wild.failed.startswith("fold 1 diverged in epoch ")
        assert np.isnan(wild.score.mean)
        assert calm.failed is None
        [alone] = train_together(sample("regression").engine(kind), [candidate()])
        np.testing.assert_allclose(calm.curves.train_loss, alone.curves.train_loss, rtol=1e-5)

    def test_one_member_that_diverges_fails_its_candidate(self, kind):
        problem = sample("regression")
        problem.targets[problem.folds[1].validation[0]] = 1e25  # beyond what a squared float32 can hold, for fold 2
        engine = problem.engine(kind)
        engine.start(0, candidate(max_epochs=9))
        assert engine.train_epoch()[0].finished
        trained = engine.collect(0)
        assert trained.failed == "fold 2 diverged in epoch 1: the loss is inf"
        assert trained.best_epochs == (1, 0, 1)
        assert np.isnan(trained.score.folds).all()
        assert np.isfinite(trained.train_score.folds).tolist() == [True, False, True]

    @pytest.mark.parametrize("task", TASKS)
    def test_predictions_of_left_out_rows_give_the_scores(self, kind, task):
        problem = sample(task)
        engine = problem.engine(kind)
        for trained in train_together(engine, [candidate(), candidate(averaging=0.5)]):
            predicted = engine.out_of_fold(trained)
            for k, fold in enumerate(problem.folds):
                score = problem.metric(problem.targets[fold.validation], predicted[k][None])[0]
                assert score == pytest.approx(trained.score.folds[k], rel=1e-5)

    def test_the_seed_decides_everything(self, kind):
        def losses(seed):
            return train_together(sample().engine(kind, seed=seed), [candidate()])[0].curves.train_loss

        np.testing.assert_array_equal(losses(1), losses(1))
        assert not np.allclose(losses(1), losses(2))

    def test_training_learns(self, kind):
        problem = replace(sample("binary", n_rows=64), metric=METRICS["roc_auc"])
        [trained] = train_together(problem.engine(kind), [candidate(max_epochs=30, learning_rate=0.03, width=8)])
        assert trained.score.mean > 0.75
        assert trained.curves.train_score[:, -1].mean() > 0.95


def test_one_fold_is_enough():
    problem = replace(sample(), folds=(Fold(np.arange(30), np.arange(30, 47)),))
    [trained] = train_together(problem.engine(StackEngine), [candidate()])
    assert len(trained.score.folds) == 1
    assert np.isnan(trained.score.standard_error)


def test_a_candidate_that_is_taken_out_untrained_keeps_its_start():
    engine = sample().engine(StackEngine)
    engine.start(0, candidate())
    trained = engine.collect(0)
    assert trained.curves.train_loss.shape == (3, 0)
    assert np.isnan(trained.score.mean)
    assert trained.weights["hidden.0.weight"].shape[0] == 3


SMALL, LARGE = candidate(), candidate(depth=2, width=700)


def test_more_small_networks_than_large_ones_are_trained_at_once():
    assert fill(sample().engine(), SMALL) == 12, "as many as the search can learn from"
    assert fill(sample().engine(), LARGE) == 2, "so many that no core is idle"


def test_candidates_of_unlike_shapes_share_the_room():
    """One large network takes half of it."""
    engine = sample().engine()
    engine.start(100, LARGE)
    assert fill(engine, SMALL) == 6
    assert not engine.has_room(LARGE.network, 16)


def test_members_that_have_left_make_room_for_others():
    engine = sample().engine()
    n_started = fill(engine, candidate(max_epochs=1))
    engine.train_epoch()
    assert fill(engine, SMALL, first=100) == 12, "those that have finished but were not collected take none"
    for key in range(n_started):
        engine.collect(key)
    engine.collect(100)
    assert engine.has_room(SMALL.network, 16)
    assert fill(engine, SMALL, first=200) == 1


@pytest.mark.usefixtures("two_threads")
def test_more_threads_have_room_for_more():
    n_started = []
    for n_threads in (1, 3):
        torch.set_num_threads(n_threads)
        n_started.append(fill(sample().engine(), candidate(depth=2, width=400)))
    assert n_started[0] < n_started[1]


# Memory


@pytest.fixture
def no_memory_used(monkeypatch):
    """Whatever the limit is, all of it is left for training."""
    monkeypatch.setattr("autoproc.network.engine.device_memory.used", lambda device: 0)


def within(memory_limit):
    return sample().engine(partial(StackEngine, memory_limit=memory_limit))


CANDIDATES = [
    candidate(max_epochs=3),
    candidate(max_epochs=2, dropout=0.4, optimizer="sgd"),
    candidate(max_epochs=4, depth=2, width=9),
    candidate(max_epochs=2, learning_rate=0.1),
]


def assert_same_candidates(trained, expected):
    for one, other in zip(trained, expected, strict=True):
        assert one.candidate == other.candidate
        assert one.failed == other.failed
        assert one.best_epochs == other.best_epochs
        for name, curve in vars(other.curves).items():
            np.testing.assert_allclose(getattr(one.curves, name), curve, rtol=1e-5, atol=1e-6, err_msg=name)
        for name, array in other.weights.items():
            np.testing.assert_allclose(one.weights[name], array, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.usefixtures("no_memory_used")
@pytest.mark.parametrize("memory_limit", [1, 40_000, 80_000, 10**9])
def test_candidates_wait_for_memory_and_are_all_trained_in_the_end(memory_limit):
    trained = train_together(within(memory_limit), CANDIDATES)
    assert_same_candidates(trained, train_together(sample().engine(), CANDIDATES))


@pytest.mark.usefixtures("no_memory_used")
def test_when_time_is_over_each_one_that_waited_still_has_an_epoch():
    trained = train_together(within(1), CANDIDATES, Deadline.after(0.0))
    assert [one.curves.train_loss.shape for one in trained] == [(3, 1)] * 4
    assert not any(one.failed for one in trained)


@pytest.mark.usefixtures("no_memory_used")
def test_those_that_wait_have_no_standing_until_they_are_let_in_in_their_order():
    engine = within(1)
    for key, configuration in enumerate(CANDIDATES):
        engine.start(key, configuration)
    told = []
    for _ in range(11):
        told.append([(standing.key, standing.epoch) for standing in engine.train_epoch()])
        for key, epoch in told[-1]:
            if epoch == CANDIDATES[key].train.max_epochs:
                engine.collect(key)
    assert told == [[(key, epoch)] for key, n_epochs in enumerate((3, 2, 4, 2)) for epoch in range(1, n_epochs + 1)]
    assert engine.train_epoch() == ()


@pytest.mark.usefixtures("no_memory_used")
def test_the_more_memory_the_more_are_trained_at_once():
    n_at_once = []
    for memory_limit in (1, 40_000, 60_000, 10**9):
        engine = within(memory_limit)
        for key in range(6):
            engine.start(key, SMALL)
        n_at_once.append(len(engine.train_epoch()))
    assert n_at_once[0] == 1
    assert n_at_once[-1] == 6
    assert n_at_once == sorted(n_at_once)
    assert len(set(n_at_once)) > 2


@pytest.mark.usefixtures("no_memory_used")
def test_without_memory_there_is_no_room_for_one_more():
    engine = within(1)
    assert fill(engine, SMALL) == 1
    engine.start(1, SMALL)
    engine.collect(0)
    assert not engine.has_room(SMALL.network, 16), "one waits already"


@pytest.mark.usefixtures("no_memory_used")
def test_nobody_overtakes_one_that_waits():
    engine = within(10**6)
    engine.start(0, SMALL)
    assert engine.has_room(SMALL.network, 16)
    engine.start(1, LARGE)
    assert not engine.has_room(SMALL.network, 16)
    engine.start(2, SMALL)
    assert [standing.key for standing in engine.train_epoch()] == [0]


@pytest.mark.usefixtures("no_memory_used")
def test_one_that_is_taken_out_while_it_waits_never_trained():
    engine = within(1)
    engine.start(0, SMALL)
    engine.start(1, LARGE)
    engine.train_epoch()
    waited = engine.collect(1)
    assert waited.failed == "it never trained"
    assert waited.candidate == LARGE
    assert waited.curves.train_loss.shape == (3, 0)
    assert np.isnan(waited.score.folds).all()
    assert waited.best_epochs == (0, 0, 0)
    assert [standing.key for standing in engine.train_epoch()] == [0]
    assert engine.collect(0).failed is None


@pytest.mark.usefixtures("no_memory_used")
def test_one_that_leaves_early_lets_the_next_one_in():
    engine = within(1)
    for key in (0, 1):
        engine.start(key, SMALL)
    engine.train_epoch()
    engine.collect(0)
    told = [engine.train_epoch() for _ in range(4)]
    assert [standing.epoch for epoch in told for standing in epoch if standing.key == 1][:3] == [1, 2, 3]


def test_a_limit_that_leaves_nothing_for_training_is_refused():
    with pytest.raises(PlanError, match=r"The memory limit must leave room for training, but is 1 MB.*memory-limit"):
        within(10**6)


def test_without_a_limit_half_of_the_machine_is_taken(monkeypatch):
    monkeypatch.setattr("autoproc.network.engine.device_memory.total", lambda device: 2 * 10**6)
    with pytest.raises(PlanError, match="is 1 MB, and before any training"):
        sample().engine()


def test_what_was_allowed_estimated_and_taken_is_told():
    engine = within(10**10)
    before = engine.memory
    assert before.limit == 10**10
    assert 0 < before.estimated <= before.peak * 1.01
    engine.start(0, LARGE)
    one = engine.memory.estimated
    engine.start(1, LARGE)
    two = engine.memory.estimated
    assert before.estimated + 3 * 700 * 700 * 4 * 4 < one < two
    train_together(engine, [])
    for key in (0, 1):
        engine.collect(key)
    assert engine.memory.estimated == two, "the most at any time"


def test_members_that_do_not_fit_fail_their_candidate_and_a_smaller_network_goes_on(monkeypatch):
    passed = Network.forward

    def forward(network, batch, dropout=None):
        if network._output_weight.shape[2] > 9:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return passed(network, batch, dropout)

    engine = sample().engine()
    monkeypatch.setattr(Network, "forward", forward)
    engine.start(0, candidate(width=50))
    engine.start(1, SMALL)
    told = engine.train_epoch()
    assert [(standing.key, standing.finished) for standing in told] == [(0, True), (1, False)]
    failed = engine.collect(0)
    assert failed.failed == "fold 1 does not fit into the memory"
    assert np.isnan(failed.score.mean)
    engine.train_epoch()
    engine.train_epoch()
    assert_same_candidates([engine.collect(1)], train_together(sample().engine(), [SMALL]))


# Dropout


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_dropout_hangs_neither_on_the_neighbours_nor_on_the_number_of_threads(n_threads):
    dropped = candidate(depth=2, width=9, dropout=0.4)
    others = [
        candidate(depth=2, width=9, dropout=0.7, optimizer="rmsprop"),
        candidate(depth=2, width=9),
        candidate(dropout=0.2),
    ]
    torch.set_num_threads(1)
    alone = train_together(sample().engine(), [dropped])
    torch.set_num_threads(n_threads)
    among = [train_together(sample().engine(), [*others[:k], dropped, *others[k:]])[k] for k in range(4)]
    for trained in among:
        assert_same_candidates([trained], alone)


def test_devices():
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type in ("cpu", "cuda")
    with pytest.raises(PlanError, match=r"The device 'cuda:99' is not available .*; there is .*cpu.*\."):
        choose_device("cuda:99")


def test_auto_leaves_a_device_without_float64_to_those_who_ask_for_it(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    assert choose_device("auto").type == "cpu"
    assert choose_device("mps").type == "mps"


@pytest.mark.parametrize(
    "change",
    [
        lambda y: 1.7e9 + 60 * y,
        lambda y: 1e8 + y,
        lambda y: 1e45 * y,
        lambda y: 1e-50 * y,
    ],
    ids=["time stamps", "large offset", "beyond float32", "below float32"],
)
def test_an_offset_or_a_size_of_the_target_does_not_change_its_score(change):
    problem = replace(sample("regression", n_rows=80), metric=METRICS["r2"])
    configuration = candidate(max_epochs=25, learning_rate=0.03, width=8)
    [plain] = train_together(problem.engine(), [configuration])
    assert plain.score.mean > 0.5
    changed = replace(problem, targets=change(problem.targets))
    engine = changed.engine()
    [trained] = train_together(engine, [configuration])
    assert trained.failed is None
    assert trained.score.mean == pytest.approx(plain.score.mean, abs=0.02)
    for k, predicted in enumerate(engine.out_of_fold(trained)):
        rows = changed.folds[k].validation
        assert predicted.dtype == np.float64
        assert changed.metric(changed.targets[rows], predicted[None])[0] == pytest.approx(trained.score.folds[k])


@pytest.mark.parametrize("task", TASKS)
def test_statistics_of_targets_are_float64_and_all_else_is_float32(task):
    [trained] = train_together(sample(task).engine(), [candidate()])
    kinds = {name: array.dtype for name, array in trained.weights.items()}
    assert {name for name, kind in kinds.items() if kind == np.float64} == set(TARGET_STATISTICS)
    assert set(kinds.values()) == {np.dtype(np.float32), np.dtype(np.float64)}


def test_a_fold_without_a_score_fails_its_candidate_with_the_reason():
    """The second fold validates one class alone, for which ROC AUC is not defined."""
    problem = replace(sample(), metric=METRICS["roc_auc"])
    positive = np.flatnonzero(problem.targets == 1)[:5]
    folds = (problem.folds[0], Fold(np.setdiff1d(np.arange(47), positive), positive))
    [trained] = train_together(replace(problem, folds=folds).engine(), [candidate()])
    assert trained.failed == "fold 2 has no score: roc_auc is not defined on its validation rows"
    assert np.isnan(trained.score.mean)


def test_a_closed_engine_has_no_threads(two_threads):
    before = set(threading.enumerate())
    engine = sample().engine()
    train_together(engine, [candidate()])
    started = set(threading.enumerate()) - before
    assert started
    engine.close()
    assert not any(thread.is_alive() for thread in started)


def test_a_closed_engine_gives_its_memory_back_at_once(two_threads):
    """The next engine of a job finds it free, and needs no pass of the garbage collector over all of the libraries."""
    engine = sample().engine()
    train_together(engine, [replace(candidate(), train=TrainSpec(max_epochs=2, dropout=0.5))])
    engine.start(0, candidate())  # and one that is still running
    engine.train_epoch()
    stacks = [stack for stacks in engine._shards._stacks.values() for stack in stacks]
    held = [weakref.ref(thing) for thing in (engine._data, engine._shards, *stacks)]
    gc.collect()
    gc.disable()
    try:
        del stacks
        engine.close()
        assert [reference() for reference in held] == [None] * len(held)
    finally:
        gc.enable()


FRESH = Candidate(NetworkSpec(2, 4), TrainSpec(max_epochs=3, patience=0, batch_size=16, dropout=0.3))
PROGRAM = f"""
from autoproc.network.interface import train_together
from autoproc.spec import *
from tests.network.sample_data import sample
[trained] = train_together(sample().engine(), [{FRESH!r}])
print(trained.curves.validation_loss.tobytes().hex())
"""


def test_the_same_seed_gives_the_same_numbers_in_a_fresh_process(pytestconfig):
    environment = {**os.environ, "PYTHONHASHSEED": "123", "PYTHONPATH": str(pytestconfig.rootpath)}
    fresh = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    ).stdout
    [trained] = train_together(sample().engine(), [FRESH])
    assert fresh.strip() == trained.curves.validation_loss.tobytes().hex()


def test_a_candidate_for_whose_parameters_there_is_no_memory_fails_and_the_others_go_on(monkeypatch):
    """Also where some of its members were let in before memory ran out."""
    reserve = Stack._reserve

    def scarce(stack, n_members):
        if stack._network == LARGE.network and n_members > 1:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        reserve(stack, n_members)

    monkeypatch.setattr(Stack, "_reserve", scarce)
    small, large = train_together(sample().engine(), [SMALL, LARGE])
    assert large.failed == "fold 1 does not fit into the memory"
    assert np.isnan(large.score.mean)
    assert large.weights == {}
    assert small.failed is None
    [alone] = train_together(sample().engine(), [SMALL])
    np.testing.assert_array_equal(small.curves.train_loss, alone.curves.train_loss)


# Sets of folds


def test_a_candidate_trains_on_its_own_set_of_folds_and_a_shared_one_gives_the_same() -> None:
    """What a set gives does not hang on which others there are, but for the seeds, which follow the fold's number."""
    problem = sample("binary")
    other = tuple(Fold(fold.train[::-1][: len(fold.train) // 2][::-1], fold.validation) for fold in problem.folds)
    both = replace(problem, folds=(*problem.folds, *other)).engine(n_fold_sets=2)
    spec = TrainSpec(max_epochs=4, patience=0, batch_size=16, learning_rate=0.01)
    alone = trained_on(problem.engine(), spec, 0)
    first, second = trained_on(both, spec, 0), trained_on(both, spec, 1)
    assert (both.n_folds, both.n_fold_sets) == (len(problem.folds), 2)
    assert (first.fold_set, second.fold_set) == (0, 1)
    np.testing.assert_allclose(first.score.folds, alone.score.folds, rtol=1e-5)
    for name, array in alone.weights.items():
        assert first.weights[name].shape == second.weights[name].shape == array.shape
    assert (second.weights["input.center"] != first.weights["input.center"]).any(), "scaled by its own training rows"
    for fold, predicted in zip(other, both.out_of_fold(second), strict=True):
        assert len(predicted) == len(fold.validation)


def test_a_fold_that_fails_is_numbered_within_its_set() -> None:
    problem = sample("regression")
    engine = replace(problem, folds=problem.folds * 2).engine(n_fold_sets=2)
    wild = TrainSpec(max_epochs=4, patience=0, batch_size=16, learning_rate=1e30, optimizer="sgd")
    failed = trained_on(engine, wild, 1).failed
    assert failed and failed.startswith(("fold 1 ", "fold 2 ", "fold 3 "))


def trained_on(engine: StackEngine, spec: TrainSpec, fold_set: int) -> Trained:
    engine.start(0, Candidate(NetworkSpec(1, 4), spec), fold_set)
    while not engine.train_epoch()[0].finished:
        pass
    return engine.collect(0)
