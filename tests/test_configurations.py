from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.configurations import (
    choose_batch_size,
    choose_class_weights,
    choose_ladder,
    default_training,
    final_kind,
    ladder,
    unregularised,
)
from autoproc.plan import InputsPlan, Plan, make_plan
from autoproc.spec import NetworkSpec, TrainSpec


@given(st.integers(1, 10**7))
def test_the_batch_size_is_the_power_of_two_nearest_to_the_root_of_the_rows(n_rows: int) -> None:
    size = choose_batch_size(Plan(), n_rows)
    assert 16 <= size <= 512 and size & (size - 1) == 0
    if 16 < size < 512:
        assert size / 2**0.5 <= n_rows**0.5 <= size * 2**0.5


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_more_rows_never_make_smaller_batches(one: int, other: int) -> None:
    fewer, more = sorted((one, other))
    assert choose_batch_size(Plan(), fewer) <= choose_batch_size(Plan(), more)


def test_the_plans_batch_size_goes_first() -> None:
    plan = make_plan(None, {"train": {"batch_size": 7}})
    assert choose_batch_size(plan, 10**6) == 7
    assert unregularised(plan, 10**6, 1e-3, 10).batch_size == 7
    assert default_training(plan, 10**6, 1e-3).learning_rate == 1e-3
    assert default_training(plan, 10**6, 1e-3).batch_size == 7


def test_unregularised_training_has_neither_dropout_nor_penalties() -> None:
    plan = make_plan(
        None, {"train": {"dropout": 0.5, "l1": 0.1, "weight_decay": 0.1, "averaging": 0.3, "optimizer": "rmsprop"}}
    )
    spec = unregularised(plan, 6_400, 0.02, max_epochs=30)
    assert (spec.dropout, spec.l1, spec.weight_decay, spec.averaging) == (0, 0, 0, 0)
    assert (spec.optimizer, spec.learning_rate, spec.max_epochs, spec.patience) == ("rmsprop", 0.02, 30, 0)
    assert unregularised(plan, 6_400, 0.02, 30, patience=4).patience == 4
    assert spec.factor_rate == 1


@pytest.mark.parametrize(
    ("asked", "for_metric", "used"), [(None, 0.0, None), (None, 0.5, 0.5), (0.0, 1.0, 0.0), (0.3, 0.0, 0.3)]
)
def test_classes_weigh_as_the_plan_says_or_else_as_the_metric_wants(
    asked: float | None, for_metric: float, used: float | None
) -> None:
    plan = make_plan(None, {"train": {"class_weights": asked}})
    assert choose_class_weights(plan, for_metric) == used


@given(st.integers(1, 10**7))
def test_unregularised_batches_are_up_to_four_times_as_large(n_rows: int) -> None:
    usual, large = choose_batch_size(Plan(), n_rows), unregularised(Plan(), n_rows, 1e-3, 10).batch_size
    assert large in (usual, 2 * usual, 4 * usual) and large <= 512
    if large > usual:
        assert n_rows // large >= 16
    if large < 4 * usual:
        assert 2 * large > 512 or n_rows // (2 * large) < 16


@pytest.mark.parametrize(
    ("n_rows", "times"), [(200, 1), (1_500, 0.5**0.5), (6_400, 0.5), (90_000, 0.5**0.5), (10**6, 1)]
)
def test_the_learning_rate_goes_with_the_root_of_the_batch_size(n_rows: int, times: float) -> None:
    assert default_training(Plan(), n_rows, 0.02).learning_rate == pytest.approx(0.02 * times)


def test_the_default_is_the_plans() -> None:
    asked = {"max_epochs": 9, "patience": 3, "dropout": 0.3, "l1": 0.01, "weight_decay": 0.2, "averaging": 0.4}
    asked["factor_rate"] = 5
    spec = default_training(make_plan(None, {"train": asked}), 6_400, 0.02)
    assert spec == replace(TrainSpec(**asked), batch_size=64, learning_rate=0.01)  # type: ignore[arg-type]


@pytest.mark.parametrize(("asked", "used"), [(None, 0.01), (0.5, 0.5)])
def test_the_learning_rate_is_the_one_that_was_found_unless_the_plan_names_one(
    asked: float | None, used: float
) -> None:
    assert default_training(make_plan(None, {"train": {"learning_rate": asked}}), 6_400, 0.02).learning_rate == used


def test_the_ladder_is_the_plans() -> None:
    plan = make_plan(None, {"growth": {"rungs": [[1, 4], [3, 8]]}})
    assert ladder(plan) == (NetworkSpec(1, 4, input_scale=True), NetworkSpec(3, 8, input_scale=True))
    plain = plan.model_copy(update={"inputs": InputsPlan(scale=False)})
    assert ladder(plain) == (NetworkSpec(1, 4), NetworkSpec(3, 8))


@given(st.integers(1, 3_000), st.integers(1, 60), st.integers(1, 10**7))
def test_the_ladder_begins_at_the_largest_rung_with_no_more_weights_than_training_rows(
    n_inputs: int, n_outputs: int, n_rows: int
) -> None:
    chosen, whole = choose_ladder(Plan(), n_inputs, n_outputs, n_rows), ladder(Plan())
    first = whole.index(chosen.rungs[0])
    assert chosen.rungs == whole[first:]
    sizes = [network.n_weights(n_inputs, n_outputs) for network in whole]
    assert not first or sizes[first] <= n_rows
    assert all(size > n_rows for size in sizes[first + 1 :])
    assert (str(whole[first]) in chosen.reason) == bool(first)


def test_a_ladder_that_was_asked_for_is_climbed_whole() -> None:
    plan = make_plan(None, {"growth": {"rungs": [[1, 4], [3, 8]]}})
    assert choose_ladder(plan, 5, 1, 10**6) == (ladder(plan), "")


def test_the_usual_ladder_rises() -> None:
    rungs = ladder(Plan())
    sizes = [(rung.width, rung.depth) for rung in rungs]
    assert len(set(sizes)) == len(sizes)
    assert all(a.depth <= b.depth and a.width <= b.width for a, b in pairwise(rungs))


def test_the_final_model_is_the_fold_networks_but_forward_in_time_one_that_has_seen_the_latest_rows() -> None:
    assert final_kind(Plan()) == "ensemble"
    assert final_kind(make_plan(overrides={"protocol": {"reshuffle": True}})) == "folds"
    assert final_kind(Plan(time="day")) == "refits"
    assert final_kind(Plan(time="day", final="folds")) == "folds"
    assert final_kind(Plan(final="refit")) == "refit"
