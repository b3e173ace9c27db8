import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

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
    return Shards(lambda signature, shard: Stack(*signature, problem.n_outputs, data, problem.metric, shard), n_threads)


def test_members_are_dealt_out_evenly() -> None:
    dealt = shards(2)
    first, second = (dealt.add(SIGNATURE, key, CALM, range(3)) for key in (0, 1))
    [stacks] = dealt._stacks.values()
    assert [len(stack.members) for stack in stacks] == [3, 3]
    assert sorted(member.fold for member in first + second) == [0, 0, 1, 1, 2, 2]


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
        Candidate(NetworkSpec(depth, 4), replace(CALM, learning_rate=rate, l1=1e-4))
        for depth in (1, 2)
        for rate in (1e-3, 1e-2)
    ]
    trained = []
    for n_threads in (1, 2, 3):
        torch.set_num_threads(n_threads)
        trained.append(train_together(sample().engine(StackEngine), candidates))
    for one, *others in zip(*trained, strict=True):
        for other in others:
            assert other.best_epochs == one.best_epochs
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
