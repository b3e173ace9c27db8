import numpy as np
import pytest

from autoproc.data.metrics import METRICS, Metric
from autoproc.network.stack import Stack
from autoproc.results import Fold
from autoproc.spec import NetworkSpec, StepLR, TrainSpec
from tests.network.sample_data import sample

NETWORK = NetworkSpec(2, 6)
CALM = TrainSpec(max_epochs=20, patience=0, batch_size=12, learning_rate=3e-3, optimizer="adamw", weight_decay=0.01)
OTHER = TrainSpec(max_epochs=20, patience=0, batch_size=12, learning_rate=1e-2, optimizer="rmsprop", l1=1e-3)
WILD = TrainSpec(max_epochs=20, patience=0, batch_size=12, learning_rate=1e25, optimizer="adam")


def make_stack(task="binary", metric=None):
    problem = sample(task)
    return Stack(NETWORK, 12, problem.n_outputs, problem.fold_data(), metric or problem.metric)


def rows_of(stack, key):
    return [row for row, member in enumerate(stack.members) if member.key == key]


def train(stack, n_epochs):
    for _ in range(n_epochs):
        stack.train_epoch()


def trained_alone(spec, n_epochs, task="binary"):
    stack = make_stack(task)
    stack.add(0, spec, range(3))
    train(stack, n_epochs)
    return stack


def curves_of(stack, key):
    members = [member for member in stack.members if member.key == key]
    return np.array([[m.train_loss, m.validation_loss, m.train_score, m.validation_score] for m in members])


def assert_same_members(stack, key, alone):
    np.testing.assert_allclose(curves_of(stack, key), curves_of(alone, 0), rtol=1e-5, atol=1e-6)
    kept, expected = stack.remove(rows_of(stack, key)), alone.remove(rows_of(alone, 0))
    for mine, theirs in zip(kept, expected, strict=True):
        for name, array in theirs.items():
            np.testing.assert_allclose(mine[name], array, rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_candidate_enters_with_a_member_a_fold():
    stack = make_stack()
    stack.add(7, CALM, range(3))
    stack.add(3, OTHER, range(3))
    assert [(member.key, member.fold) for member in stack.members] == [(7, 0), (7, 1), (7, 2), (3, 0), (3, 1), (3, 2)]
    assert all(member.epoch == 0 and not member.finished for member in stack.members)


def test_members_of_one_fold_start_alike():
    stack = make_stack()
    stack.add(0, CALM, range(3))
    stack.add(1, OTHER, range(3))
    starts = stack.remove(range(6))
    np.testing.assert_array_equal(starts[0]["hidden.0.weight"], starts[3]["hidden.0.weight"])
    assert not np.array_equal(starts[0]["hidden.0.weight"], starts[1]["hidden.0.weight"])


def test_each_epoch_adds_one_entry_to_every_curve():
    stack = trained_alone(CALM, 3)
    for member in stack.members:
        assert member.epoch == 3
        assert [len(c) for c in (member.train_score, member.validation_score, member.validation_loss)] == [3, 3, 3]
        assert member.learning_rate == [3e-3] * 3


def test_the_schedule_sets_the_rate_of_the_coming_epoch():
    spec = TrainSpec(batch_size=12, learning_rate=0.08, scheduler=StepLR(1, 0.5))
    assert trained_alone(spec, 3).members[0].learning_rate == pytest.approx([0.08, 0.04, 0.02])


@pytest.mark.parametrize("task", ["binary", "vector_regression"])
def test_members_that_join_and_leave_change_nobody(task):
    stack = make_stack(task)
    stack.add(1, OTHER, range(3))
    train(stack, 2)
    stack.add(0, CALM, range(3))
    train(stack, 2)
    stack.remove(rows_of(stack, 1))
    train(stack, 1)
    stack.add(2, OTHER, range(3))
    train(stack, 3)
    assert_same_members(stack, 0, trained_alone(CALM, 6, task))
    assert_same_members(stack, 2, trained_alone(OTHER, 3, task))


def test_one_member_may_leave_before_the_others():
    stack, alone = trained_alone(CALM, 2), trained_alone(CALM, 4)
    stack.remove([1])
    train(stack, 2)
    assert [member.fold for member in stack.members] == [0, 2]
    alone.remove([1])
    assert_same_members(stack, 0, alone)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_member_that_diverges_fails_and_leaves_its_neighbours_alone(task):
    stack = make_stack(task)
    for key, spec in enumerate((CALM, WILD, OTHER)):
        stack.add(key, spec, range(3))
    train(stack, 4)
    failed = {member.key for member in stack.members if member.failed}
    assert failed == {1}
    assert all(member.finished == (member.key == 1) for member in stack.members)
    for member in stack.members:
        if member.key == 1:
            assert member.failed.startswith("diverged in epoch ")
            assert "the loss is" in member.failed
    assert_same_members(stack, 2, trained_alone(OTHER, 4, task))
    assert_same_members(stack, 0, trained_alone(CALM, 4, task))


def scripted(*scores):
    """A metric that scores the K members of epoch e by `scores[e - 1]`, whatever they predict.

    An epoch asks for the training scores of all folds first, then for those of validation.
    """
    asked = iter([score for score in scores for _ in range(6)])

    def function(y, predictions):
        return np.full(len(predictions), next(asked))

    return Metric("scripted", "maximize", ("binary",), function, "a script")


def test_the_best_weights_are_those_of_the_best_epoch():
    stack = make_stack(metric=scripted(0.1, 0.9, 0.9, 0.5))
    stack.add(0, CALM, range(3))
    train(stack, 4)
    assert [member.best_epoch for member in stack.members] == [2, 2, 2], "the first of equals"
    assert [member.best_score for member in stack.members] == [0.9] * 3
    after_two = make_stack(metric=scripted(0.1, 0.9))
    after_two.add(0, CALM, range(3))
    train(after_two, 2)
    for kept, expected in zip(stack.remove(range(3)), after_two.remove(range(3)), strict=True):
        for name, array in expected.items():
            np.testing.assert_array_equal(kept[name], array)


def test_a_first_score_that_is_not_defined_gives_way_to_a_later_one():
    stack = make_stack(metric=scripted(float("nan"), float("nan"), 0.4, float("nan"), 0.3))
    stack.add(0, CALM, range(3))
    train(stack, 5)
    assert [member.best_epoch for member in stack.members] == [3, 3, 3]
    assert [member.best_score for member in stack.members] == [0.4] * 3


def test_an_error_is_best_where_it_is_lowest():
    falling = scripted(0.3, 0.2, 0.4)
    stack = make_stack(metric=Metric("error", "minimize", ("binary",), falling.function, "a script"))
    stack.add(0, CALM, range(3))
    train(stack, 3)
    assert [member.best_epoch for member in stack.members] == [2, 2, 2]


def test_patience_counts_epochs_without_a_better_score():
    stack = make_stack(metric=scripted(0.1, 0.2, 0.2, 0.2, 0.2))
    stack.add(0, TrainSpec(max_epochs=50, patience=2, batch_size=12), range(3))
    finished = []
    for _ in range(4):
        stack.train_epoch()
        finished.append(stack.members[0].finished)
    assert finished == [False, False, False, True]


def test_without_patience_all_epochs_are_trained():
    stack = make_stack(metric=scripted(*[0.5] * 6))
    stack.add(0, TrainSpec(max_epochs=6, patience=0, batch_size=12), range(3))
    finished = []
    for _ in range(6):
        stack.train_epoch()
        finished.append(stack.members[0].finished)
    assert finished == [False] * 5 + [True]


def test_without_validation_rows_the_last_epoch_is_best():
    problem = sample("regression")
    whole = type(problem)(
        problem.matrix, problem.targets, (Fold(np.arange(47), np.arange(0)),), "regression", 1, problem.metric
    )
    stack = Stack(NETWORK, 12, 1, whole.fold_data(), METRICS["rmse"])
    stack.add(0, TrainSpec(max_epochs=5, patience=2, batch_size=12), range(1))
    train(stack, 5)
    [member] = stack.members
    assert (member.best_epoch, member.finished, member.failed) == (5, True, None)
    assert np.isnan(member.validation_score).all()
    assert np.isfinite(member.train_score).all()


def test_dropout_acts_in_training_only_and_follows_from_the_seed():
    dropped = TrainSpec(max_epochs=9, patience=0, batch_size=12, dropout=0.5)
    plain = TrainSpec(max_epochs=9, patience=0, batch_size=12)
    first, second, without = (trained_alone(spec, 3) for spec in (dropped, dropped, plain))
    np.testing.assert_array_equal(curves_of(first, 0), curves_of(second, 0))
    assert not np.allclose(curves_of(first, 0), curves_of(without, 0))


@pytest.mark.parametrize(
    ("network", "batch_size", "shard", "seed"),
    [(NETWORK, 12, 1, 0), (NETWORK, 13, 0, 0), (NetworkSpec(2, 7), 12, 0, 0), (NETWORK, 12, 0, 1)],
)
def test_dropout_is_drawn_afresh_for_each_shard_shape_batch_size_and_seed(network, batch_size, shard, seed):
    def noise(network=NETWORK, batch_size=12, shard=0, seed=0):
        problem = sample()
        return Stack(network, batch_size, 1, problem.fold_data(seed), problem.metric, shard)._noise.initial_seed()

    assert noise() == noise()
    assert noise(network, batch_size, shard, seed) != noise()


def test_dropout_of_one_leaves_those_without_it_alone():
    stack = make_stack()
    stack.add(0, CALM, range(3))
    stack.add(1, TrainSpec(max_epochs=9, patience=0, batch_size=12, dropout=0.5), range(3))
    train(stack, 3)
    assert_same_members(stack, 0, trained_alone(CALM, 3))
