import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from autoproc.data.metrics import METRICS, Metric
from autoproc.network.fold_data import FoldData
from autoproc.network.passes import Network
from autoproc.network.scratch import Scratch
from autoproc.results import Fold
from autoproc.spec import NetworkSpec, StepLR, TrainSpec
from tests.network.sample_data import TASKS, sample

NETWORK = NetworkSpec(2, 6)
CALM = TrainSpec(max_epochs=20, patience=0, batch_size=12, learning_rate=3e-3, optimizer="adamw", weight_decay=0.01)
OTHER = TrainSpec(max_epochs=20, patience=0, batch_size=12, learning_rate=1e-2, optimizer="rmsprop", l1=1e-3)
DROPPED = TrainSpec(max_epochs=20, patience=0, batch_size=12, learning_rate=1e-2, optimizer="sgd", dropout=0.4)
AVERAGED = TrainSpec(max_epochs=20, patience=0, batch_size=12, learning_rate=1e-2, averaging=0.1)
WILD = TrainSpec(max_epochs=20, patience=0, batch_size=12, learning_rate=1e25, optimizer="adam")


def make_stack(task="binary", metric=None, width=100, **data):
    """`data` says how the rows are made."""
    problem = sample(task)
    if metric:
        problem = replace(problem, metric=metric)
    return problem.stack(NETWORK, 12, width, problem.fold_data(**data))


def rows_of(stack, key):
    return [row for row, member in enumerate(stack.members) if member.key == key]


def train(stack, n_epochs):
    for _ in range(n_epochs):
        stack.train_epoch()


def trained_alone(spec, n_epochs, task="binary", **data):
    stack = make_stack(task, **data)
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
    whole = replace(problem, folds=(Fold(np.arange(47), np.arange(0)),), metric=METRICS["rmse"])
    stack = whole.stack(NETWORK, 12)
    stack.add(0, TrainSpec(max_epochs=5, patience=2, batch_size=12), range(1))
    train(stack, 5)
    [member] = stack.members
    assert (member.best_epoch, member.finished, member.failed) == (5, True, None)
    assert np.isnan(member.validation_score).all()
    assert np.isfinite(member.train_score).all()


def test_dropout_acts_in_training_only_and_follows_from_the_seed():
    plain = TrainSpec(max_epochs=9, patience=0, batch_size=12)
    dropped = replace(plain, dropout=0.5)
    first, second, without = (trained_alone(spec, 3) for spec in (dropped, dropped, plain))
    np.testing.assert_array_equal(curves_of(first, 0), curves_of(second, 0))
    assert not np.allclose(curves_of(first, 0), curves_of(without, 0))
    assert not np.allclose(curves_of(first, 0), curves_of(trained_alone(dropped, 3, seed=1), 0))


def test_dropout_is_not_that_of_the_epoch_before():
    picked = [make_stack()._data.batches(0, epoch, 12).patterns for epoch in (1, 2)]
    assert not torch.equal(*picked)


@pytest.mark.parametrize("spec", [CALM, DROPPED, AVERAGED], ids=["plain", "with dropout", "averaged"])
def test_a_member_is_the_same_alone_and_in_any_company(spec):
    """Dropout and averages of others neither change one that has none nor one that has its own."""
    stack = make_stack()
    stack.add(1, OTHER, range(3))
    stack.add(0, spec, range(3))
    stack.add(2, replace(CALM, dropout=0.5, averaging=1.0), range(3))
    train(stack, 3)
    assert_same_members(stack, 0, trained_alone(spec, 3))


def test_an_average_that_joins_those_without_one_or_is_left_behind_changes_nobody():
    stack = make_stack()
    stack.add(0, CALM, range(3))
    train(stack, 2)
    stack.add(1, AVERAGED, range(3))
    train(stack, 2)
    assert_same_members(stack, 1, trained_alone(AVERAGED, 2))
    train(stack, 2)
    assert_same_members(stack, 0, trained_alone(CALM, 6))


@pytest.mark.parametrize("width", [1, 2, 3, 100])
def test_it_does_not_matter_how_many_train_in_one_step(width):
    stack = make_stack(width=width)
    for key, spec in enumerate((CALM, DROPPED, OTHER)):
        stack.add(key, spec, range(3))
    train(stack, 3)
    assert_same_members(stack, 1, trained_alone(DROPPED, 3))
    assert_same_members(stack, 2, trained_alone(OTHER, 3))
    assert_same_members(stack, 0, trained_alone(CALM, 3))


@pytest.mark.parametrize(
    ("n_members", "width", "sizes"),
    [(0, 3, []), (3, 3, [3]), (4, 3, [2, 2]), (7, 3, [2, 2, 3]), (5, 1, [1] * 5), (2, 100, [2])],
)
def test_groups_are_equal_parts_of_all_members(n_members, width, sizes):
    stack = make_stack(width=width)
    for key in range(n_members):
        stack.add(key, CALM, [0])
    groups = stack._groups()
    assert [group.stop - group.start for group in groups] == sizes
    assert [row for group in groups for row in range(group.start, group.stop)] == list(range(n_members))


@pytest.mark.parametrize("task", ["multiclass", "vector_regression"])
def test_members_that_scale_as_they_read_train_as_those_whose_rows_were_scaled_beforehand(task):
    copied, scaled = (trained_alone(DROPPED, 3, task, most_copied=limit) for limit in (2**20, 0))
    assert_same_members(scaled, 0, copied)


# Memory


@contextmanager
def memory_for(n_members, where="forward", message="DefaultCPUAllocator: can't allocate memory") -> Iterator[list[int]]:
    """No step of more than so many members finds memory, in the passes or already where it is reserved; yields the
    sizes of all that were tried."""
    tried: list[int] = []
    passed, taken = Network.forward, Scratch.take

    def check(size):
        tried.append(size)
        if size > n_members:
            raise RuntimeError(f"[enforce fail] {message}")

    def forward(network, batch, dropout=None):
        check(len(batch.dense))
        return passed(network, batch, dropout)

    def take(scratch, name, *shape):
        check(shape[0])
        return taken(scratch, name, *shape)

    with pytest.MonkeyPatch.context() as patch:
        if where == "forward":
            patch.setattr(Network, "forward", forward)
        else:
            patch.setattr(Scratch, "take", take)
        yield tried


def three_candidates(width=100):
    stack = make_stack(width=width)
    for key, spec in enumerate((CALM, DROPPED, OTHER)):
        stack.add(key, spec, range(3))
    return stack


@pytest.mark.parametrize("where", ["forward", "take"])
@pytest.mark.parametrize("n_members", [8, 5, 2, 1])
def test_where_there_is_no_memory_for_all_they_train_in_parts(n_members, where):
    stack, undisturbed = three_candidates(), three_candidates()
    with memory_for(n_members, where):
        train(stack, 3)
    train(undisturbed, 3)
    assert not any(member.failed for member in stack.members)
    for key in range(3):
        alone = make_stack()
        alone.add(0, undisturbed.members[3 * key].spec, range(3))
        train(alone, 3)
        assert_same_members(stack, key, alone)


def test_a_size_that_did_not_fit_is_not_tried_again():
    stack = three_candidates()
    with memory_for(4) as tried:
        stack.train_epoch()
        assert set(tried) == {9, 3}, "three parts of at most half of the members"
        tried.clear()
        train(stack, 2)
        assert max(tried) <= 4


def test_what_was_reserved_is_given_back_before_a_smaller_part_is_tried():
    stack = three_candidates()
    stack.train_epoch()
    before = stack._scratch.n_bytes
    with memory_for(4):
        stack.train_epoch()
    assert stack._scratch.n_bytes < 0.6 * before


def test_what_a_failed_try_held_is_free_before_a_smaller_part_is_tried():
    stack = three_candidates()
    alive, held = [], []

    def act(group):
        alive.append(sum(each() is not None for each in held))
        taken = torch.zeros(group.stop - group.start, 1000)
        held.append(weakref.ref(taken))
        if group.stop - group.start > 4:
            raise torch.OutOfMemoryError

    stack._within_memory(act, slice(0, 9))
    assert alive == [0, 0, 0, 0]


def test_members_that_lose_the_memory_in_the_middle_of_an_epoch_fail_and_the_others_go_on():
    """Trained on, they would have taken the first steps twice."""
    stack, undisturbed = three_candidates(width=3), three_candidates(width=3)
    passed, n_passes = Network.forward, []

    def forward(network, batch, dropout=None):
        n_passes.append(len(batch.dense))
        if len(n_passes) == 2:
            raise RuntimeError("CUDA error: out of memory")
        return passed(network, batch, dropout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Network, "forward", forward)
        stack.train_epoch()
    train(undisturbed, 1)
    assert [member.failed for member in stack.members] == ["does not fit into the memory"] * 3 + [None] * 6
    for key in (1, 2):
        np.testing.assert_array_equal(curves_of(stack, key), curves_of(undisturbed, key))


def test_no_further_step_is_taken_once_it_is_to_stop():
    stack = three_candidates()
    stack._stopping.set()
    before = stack._states[0, :9].clone()
    stack.train_epoch()
    assert torch.equal(stack._states[0, :9], before)


@pytest.mark.parametrize("where", ["forward", "take"])
def test_a_member_that_does_not_fit_alone_fails(where):
    stack = three_candidates()
    starts = stack._states[1, :9].clone()
    with memory_for(0, where):
        stack.train_epoch()
    assert {member.failed for member in stack.members} == {"does not fit into the memory"}
    assert all(member.finished and member.best_epoch == 0 for member in stack.members)
    assert all(np.isnan(member.validation_score).all() for member in stack.members)
    assert torch.equal(stack._states[1, :9], starts)


def test_members_that_were_there_when_memory_ended_keep_their_best():
    stack = three_candidates()
    train(stack, 2)
    expected = [member.best_epoch for member in stack.members]
    with memory_for(0):
        stack.train_epoch()
    assert [member.best_epoch for member in stack.members] == expected
    assert {member.failed for member in stack.members} == {"does not fit into the memory"}


@pytest.mark.parametrize("where", ["forward", "take"])
def test_any_other_error_is_raised(where):
    stack = three_candidates()
    with memory_for(2, where, "mat1 and mat2 shapes cannot be multiplied"), pytest.raises(RuntimeError, match="mat1"):
        stack.train_epoch()


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_every_kind_of_lack_of_memory_is_met(monkeypatch, error):
    stack, passed = three_candidates(), Network.forward

    def forward(network, batch, dropout=None):
        if len(batch.dense) > 4:
            raise error
        return passed(network, batch, dropout)

    monkeypatch.setattr(Network, "forward", forward)
    train(stack, 2)
    assert_same_members(stack, 0, trained_alone(CALM, 2))


# Device


class Watch(TorchDispatchMode):
    """Notes what every operation is called and where its tensors are, once it is told to."""

    def __init__(self):
        super().__init__()
        self.on = False
        self.called, self.devices = [], set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        # The one operation that torch cannot go through without numbers; it returns nothing.
        result = None if function is torch.ops.aten._fused_sgd_.default else function(*args, **kwargs)
        if self.on:
            self.called.append(function.name())
            leaves = tree_leaves((args, kwargs, result))
            self.devices |= {leaf.device.type for leaf in leaves if isinstance(leaf, torch.Tensor)}
        return result


READING = {"aten::_local_scalar_dense", "aten::item", "aten::nonzero", "aten::equal", "aten::is_nonzero"}
"""Operations that wait for the device, because their result is a number or has a size that hangs on numbers."""


@pytest.mark.parametrize("most_copied", [0, 2**20], ids=["scaling as they read", "scaled beforehand"])
@pytest.mark.parametrize("task", TASKS)
def test_the_steps_of_an_epoch_stay_on_the_device_and_read_no_number_back(monkeypatch, task, most_copied):
    """torch's `meta` device has shapes but no numbers: whatever asks for one raises. A step that waited for a number
    would leave a GPU idle until the next one is asked for."""
    stack = make_stack(task, device="meta", most_copied=most_copied)
    for key, spec in enumerate((CALM, OTHER, DROPPED, WILD)):
        stack.add(key, spec, range(3))
    watch, dense = Watch(), FoldData.dense

    def first_of_a_step(data, places, scratch):
        watch.on = True
        return dense(data, places, scratch)

    monkeypatch.setattr(FoldData, "dense", first_of_a_step)
    with watch:
        stack._train(slice(0, 12))
    assert watch.devices == {"meta"}
    assert not READING & set(watch.called)
    moves = [name for name in watch.called if name.startswith("aten::_fused")]
    assert len(moves) == 3 * 4, "three steps, in each of which every kind of optimiser moves its members"


def test_a_step_that_reads_a_number_would_be_noticed(monkeypatch):
    stack, backward = make_stack(device="meta"), Network.backward
    stack.add(0, CALM, range(3))

    def reading(network, batch, slopes, dropout=None):
        backward(network, batch, slopes, dropout)
        slopes.sum().item()

    monkeypatch.setattr(Network, "backward", reading)
    with pytest.raises(RuntimeError, match="meta"), Watch():
        stack._train(slice(0, 3))
