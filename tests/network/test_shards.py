import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autoproc.network.engine import StackEngine
from autoproc.network.interface import train_together
from autoproc.network.shards import Shards
from autoproc.network.stack import Stack
from autoproc.spec import Candidate, NetworkSpec, TrainSpec
from tests.network.sample_data import sample

CALM = TrainSpec(max_epochs=4, patience=0, batch_size=12, learning_rate=1e-2)
SIGNATURE = NetworkSpec(1, 4), 12


def shards(n_threads: int) -> Shards:
    problem = sample()
    data = problem.fold_data()
    return Shards(lambda signature: problem.stack(*signature, data=data), n_threads)


def sizes(dealt: Shards) -> list[list[int]]:
    """Members of each stack, signature by signature."""
    return [[len(stack) for stack in stacks] for stacks in dealt._stacks.values()]


def test_members_are_dealt_out_evenly() -> None:
    dealt = shards(2)
    first, second = (dealt.add(SIGNATURE, key, CALM, range(3)) for key in (0, 1))
    assert sizes(dealt) == [[3, 3]]
    assert sorted(member.fold for member in first + second) == [0, 0, 1, 1, 2, 2]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, 4))
def test_no_stack_has_more_than_one_member_more_than_another(n_members: list[int], n_threads: int) -> None:
    dealt = shards(n_threads)
    for key, count in enumerate(n_members):
        added = dealt.add(SIGNATURE, key, CALM, [fold % 3 for fold in range(count)])
        assert [member.fold for member in added] == [fold % 3 for fold in range(count)]
        [found] = sizes(dealt)
        assert max(found) - min(found) <= 1
    assert dealt.n_members(SIGNATURE) == sum(n_members)


def test_newcomers_fill_the_stack_that_others_have_left() -> None:
    dealt = shards(2)
    dealt.add(SIGNATURE, 0, CALM, range(3))
    dealt.add(SIGNATURE, 1, CALM, range(3))
    for stack in dealt._stacks[SIGNATURE][:1]:
        stack.remove(range(len(stack)))
    dealt.add(SIGNATURE, 2, CALM, range(3))
    assert sizes(dealt) == [[3, 3]]


def test_members_are_counted_by_signature() -> None:
    dealt, wide = shards(2), (NetworkSpec(1, 8), 12)
    assert dealt.signatures == ()
    assert dealt.n_members(SIGNATURE) == 0
    dealt.add(SIGNATURE, 0, CALM, range(3))
    dealt.add(wide, 1, CALM, [0])
    dealt.add(SIGNATURE, 2, CALM, [1])
    assert set(dealt.signatures) == {SIGNATURE, wide}
    assert (dealt.n_members(SIGNATURE), dealt.n_members(wide)) == (4, 1)
    list(dealt.remove(lambda member: member.key != 2))
    assert dealt.signatures == (SIGNATURE,)
    assert (dealt.n_members(SIGNATURE), dealt.n_members(wide)) == (1, 0)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_stack_with_the_most_work_is_trained_first(monkeypatch: pytest.MonkeyPatch, n_threads: int) -> None:
    dealt = shards(n_threads)
    narrow, wide, many = (NetworkSpec(1, 4), 12), (NetworkSpec(2, 64), 12), (NetworkSpec(1, 4), 6)
    for key, (signature, folds) in enumerate(((narrow, range(3)), (wide, range(3)), (many, range(3)))):
        dealt.add(signature, key, CALM, folds)
    begun: list[Stack] = []
    monkeypatch.setattr(Stack, "train_epoch", lambda stack: begun.append(stack))
    monkeypatch.setattr(dealt._pool, "map", lambda function, stacks: map(function, stacks))
    dealt.train_epoch()
    works = [stack.work for stack in begun]
    assert works == sorted(works, reverse=True)
    assert len(begun) == 3 * n_threads
    assert {member.key for member in begun[0].members} == {1}


def test_stacks_without_members_are_not_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    dealt = shards(2)
    dealt.add(SIGNATURE, 0, CALM, [0])
    begun: list[Stack] = []
    monkeypatch.setattr(Stack, "train_epoch", lambda stack: begun.append(stack))
    dealt.train_epoch()
    assert [len(stack) for stack in begun] == [1]


def test_members_leave_from_whichever_stack_they_are_in() -> None:
    dealt = shards(2)
    dealt.add(SIGNATURE, 0, CALM, range(3))
    dealt.add(SIGNATURE, 1, CALM, range(3))
    dealt.train_epoch()
    gone = [member for member, _ in dealt.remove(lambda member: member.key == 0)]
    assert [(member.key, member.epoch) for member in gone] == [(0, 1)] * 3
    assert len(list(dealt.remove(lambda member: True))) == 3
    assert dealt._stacks == {}


@pytest.mark.usefixtures("two_threads")
def test_the_number_of_threads_does_not_change_what_is_learned() -> None:
    candidates = [
        Candidate(NetworkSpec(depth, 4), replace(CALM, learning_rate=rate, l1=1e-4, dropout=dropout))
        for depth in (1, 2)
        for rate, dropout in ((1e-3, 0.0), (1e-2, 0.0), (1e-2, 0.4))
    ]
    trained = []
    for n_threads in (1, 2, 3):
        torch.set_num_threads(n_threads)
        trained.append(train_together(sample().engine(StackEngine), candidates))
    for one, *others in zip(*trained, strict=True):
        for other in others:
            assert other.best_epochs == one.best_epochs
            for name, curve in vars(one.curves).items():
                np.testing.assert_allclose(getattr(other.curves, name), curve, rtol=1e-5, atol=1e-6)
            for name, array in one.weights.items():
                np.testing.assert_allclose(other.weights[name], array, atol=1e-5)


def test_the_setting_of_the_process_comes_back() -> None:
    before = torch.get_num_threads()
    dealt = shards(2)
    dealt.add(SIGNATURE, 0, CALM, range(3))
    dealt.train_epoch()
    assert torch.get_num_threads() == before


def test_closing_lets_the_threads_go() -> None:
    before = set(threading.enumerate())
    dealt = shards(2)
    dealt.add(SIGNATURE, 0, CALM, range(3))
    dealt.train_epoch()
    started = set(threading.enumerate()) - before
    assert started
    dealt.close()
    assert not any(thread.is_alive() for thread in started)
    with pytest.raises(RuntimeError, match="shutdown"):
        dealt.train_epoch()


def test_an_error_in_one_stack_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    dealt = shards(2)
    dealt.add(SIGNATURE, 0, CALM, range(3))

    def fail(stack: Stack) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Stack, "train_epoch", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        dealt.train_epoch()


def test_stacks_even_out_when_members_leave_and_nobody_trains_otherwise_for_it() -> None:
    """The folds of a candidate may all end in the same stack."""

    def trained(n_threads: int) -> dict[tuple[int, int], list[float]]:
        dealt = shards(n_threads)
        members = [*dealt.add(SIGNATURE, 0, CALM, range(3)), *dealt.add(SIGNATURE, 1, CALM, range(3))]
        dealt.train_epoch()
        [stacks] = dealt._stacks.values()
        gone = {(member.key, member.fold) for member in stacks[0].members}
        list(dealt.remove(lambda member: n_threads > 1 and (member.key, member.fold) in gone))
        assert max(map(len, stacks)) - min(map(len, stacks)) <= 1
        assert sum(map(len, stacks)) == (3 if n_threads > 1 else 6)
        for _ in range(2):
            dealt.train_epoch()
        return {(member.key, member.fold): member.validation_loss for member in members if member.epoch == 3}

    uneven, alone = trained(2), trained(1)
    assert len(uneven) == 3
    for key, losses in uneven.items():
        np.testing.assert_allclose(losses, alone[key], rtol=1e-5)
