"""Estimates follow the shapes, and are near what stacks really take."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.network.costs import Costs
from autoproc.network.layers import ParameterTable
from autoproc.network.sizes import InputSizes
from autoproc.spec import NetworkSpec, TrainSpec
from tests.network.sample_data import sample

SHAPES = [(1, 4, 16), (2, 64, 32), (4, 16, 1000), (2, 256, 64)]
"""Depth, width and batch size."""


def costs(depth=2, width=16, batch_size=64, n_dense=10, n_outputs=1, evaluated=100):
    table = ParameterTable.of(NetworkSpec(depth, width), InputSizes(n_dense, n_dense, ()), n_outputs)
    return Costs(table, NetworkSpec(depth, width), batch_size, 200, 0, evaluated, evaluated)


def trained_stack(problem, depth, width, batch_size):
    """Six members after an epoch that needs all that a step can need."""
    stack = problem.stack(NetworkSpec(depth, width), batch_size)
    for key in (0, 1):
        stack.add(key, TrainSpec(batch_size=batch_size, patience=0, dropout=0.3, l1=1e-4), range(3))
    stack.train_epoch()
    return stack


@pytest.mark.parametrize("larger", [{"depth": 3}, {"width": 64}, {"batch_size": 256}, {"n_dense": 100}])
def test_more_of_anything_costs_more_and_fills_a_stack_with_fewer(larger):
    small, large = costs(), costs(**larger)
    assert large.step_seconds > small.step_seconds
    assert large.step_bytes > small.step_bytes
    assert large.slots < small.slots


@given(st.integers(1, 6), st.integers(1, 4096), st.integers(1, 10_000))
def test_there_is_always_a_slot(depth, width, batch_size):
    estimate = costs(depth, width, batch_size)
    assert estimate.slots >= 1
    assert estimate.step_seconds > 0


def test_one_large_network_fills_a_stack():
    assert costs(depth=4, width=2048, batch_size=512).slots == 1


def test_rows_that_are_scored_at_once_take_memory_but_no_time_of_steps():
    few, many = costs(batch_size=8, evaluated=8), costs(batch_size=8, evaluated=512)
    assert many.step_bytes > few.step_bytes
    assert many.step_seconds == few.step_seconds


@pytest.mark.parametrize("shape", SHAPES)
def test_what_a_member_keeps_is_exactly_what_its_stack_reserves(shape):
    stack = trained_stack(sample(), *shape)
    assert stack._states.nbytes == 6 * sample().costs(NetworkSpec(*shape[:2]), shape[2]).kept_bytes


@pytest.mark.parametrize("n_rows", [60, 3000])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_a_step_takes_is_about_what_is_estimated(shape, n_rows):
    problem = sample("multiclass", n_rows=n_rows)
    stack = trained_stack(problem, *shape)
    n_rows_at_once = max(min(problem.fold_data().n_train_rows, shape[2]), stack._costs.at_once)
    of_a_step = replace(stack._costs, batch_size=n_rows_at_once, rows=0, evaluated=0)
    estimated = of_a_step.step_bytes
    assert 0.5 < estimated / (stack._scratch.n_bytes / 6) < 2


@pytest.mark.parametrize("n_rows", [60, 3000, 12_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_member_takes_no_more_in_an_epoch_than_is_estimated(shape, n_rows):
    """Beside what a step computes it reads rows, targets and patterns, which are there for a whole epoch."""
    problem = sample("multiclass", n_rows=n_rows)
    stack = trained_stack(problem, *shape)
    epoch = stack._data.epoch([(member.fold, 1) for member in stack.members], shape[2])
    taken = stack._scratch.n_bytes + sum(tensor.nbytes for tensor in vars(epoch).values())
    assert taken / 6 < 1.3 * stack._costs.step_bytes


def test_an_epoch_of_more_members_is_more_work():
    stack = sample().stack(NetworkSpec(1, 4), 12)
    assert stack.work == 0
    spec = TrainSpec(batch_size=12)
    stack.add(0, spec, range(3))
    third = stack.work
    stack.add(1, spec, range(3))
    assert stack.work == pytest.approx(2 * third)
    assert third == pytest.approx(3 * 3 * stack._costs.step_seconds), "three members, three steps"
