"""Splits partition the development rows, are stratified and repeatable, and say why they are as they are."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from autoproc.data.protocol import choose_protocol
from autoproc.data.relations import Relations
from autoproc.errors import DataError, PlanError
from autoproc.plan import Plan, make_plan
from autoproc.results import Fold, Problem, Protocol

few = settings(max_examples=40, deadline=None)


def _plan(seed: int = 0, **protocol: object) -> Plan:
    return make_plan(overrides={"seed": seed, "protocol": protocol})


def _classes(*counts: int, seed: int = 0) -> NDArray[np.int64]:
    y = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    return np.random.default_rng(seed).permutation(y)


def _split(y: NDArray[np.int64] | NDArray[np.float64], plan: Plan) -> Protocol:
    if y.ndim == 2:
        problem = Problem("regression", ("t",), (), (), (), "made up")
    else:
        counts = tuple(map(int, np.bincount(y)))
        names = tuple(f"c{i}" for i in range(len(counts)))
        problem = Problem("binary" if len(counts) == 2 else "multiclass", ("t",), names, counts, (), "made up")
    return choose_protocol(y, problem, plan, n_holdout=7)


def _rows(protocol: Protocol) -> list[list[int]]:
    return [fold.validation.tolist() for fold in protocol.splits]


@few
@given(
    counts=st.lists(st.integers(4, 30), min_size=2, max_size=4),
    folds=st.integers(2, 4),
    repeats=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_folds_partition_the_rows_and_keep_the_classes_in_proportion(
    counts: list[int], folds: int, repeats: int, seed: int
) -> None:
    y = _classes(*counts)
    protocol = _split(y, _plan(seed, folds=folds, repeats=repeats))
    assert len(protocol.splits) == folds * repeats
    for repeat in range(repeats):
        one = protocol.splits[repeat * folds : (repeat + 1) * folds]
        assert sorted(np.concatenate([fold.validation for fold in one])) == list(range(len(y)))
        sizes = [len(fold.validation) for fold in one]
        assert max(sizes) - min(sizes) <= 1
        by_class = np.stack([np.bincount(y[fold.validation], minlength=len(counts)) for fold in one])
        assert by_class.min() >= 1
        assert np.ptp(by_class, axis=0).max() <= 1


@few
@given(n_rows=st.integers(10, 80), folds=st.integers(2, 5), seed=st.integers(0, 2**32 - 1))
def test_each_fold_is_two_disjoint_rising_index_arrays_of_all_rows(n_rows: int, folds: int, seed: int) -> None:
    protocol = _split(np.arange(float(n_rows))[:, None], _plan(seed, kind="k_fold", folds=folds))
    for fold in protocol.splits:
        assert fold.train.dtype == fold.validation.dtype == np.int64
        assert (np.diff(fold.train) > 0).all() and (np.diff(fold.validation) > 0).all()
        assert sorted([*fold.train, *fold.validation]) == list(range(n_rows))
    sizes = [len(fold.validation) for fold in protocol.splits]
    assert max(sizes) - min(sizes) <= 1


@few
@given(
    counts=st.lists(st.integers(1, 40), min_size=2, max_size=5),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 2**32 - 1),
)
def test_both_parts_of_a_validation_split_have_every_class_or_it_is_refused(
    counts: list[int], share: float, seed: int
) -> None:
    y = _classes(*counts)
    try:
        protocol = _split(y, _plan(seed, kind="validation_split", validation_share=share))
    except DataError:
        smaller = min(round(share * len(y)), len(y) - round(share * len(y)))
        assert smaller < 2 or min(counts) * smaller < len(y)
        return
    (fold,) = protocol.splits
    assert len(fold.validation) == round(share * len(y))
    assert sorted([*fold.train, *fold.validation]) == list(range(len(y)))
    assert np.bincount(y[fold.train], minlength=len(counts)).min() >= 1
    assert np.bincount(y[fold.validation], minlength=len(counts)).min() >= 1


@pytest.mark.parametrize(
    ("n_rows", "asked", "kind", "folds", "repeats"),
    [
        (99, {}, "repeated_k_fold", 5, 2),
        (100, {}, "k_fold", 5, 1),
        (499, {}, "k_fold", 5, 1),
        (500, {}, "validation_split", 1, 1),
        (99, {"folds": 3}, "repeated_k_fold", 3, 2),
        (500, {"folds": 3}, "k_fold", 3, 1),
        (99, {"repeats": 1}, "k_fold", 5, 1),
        (500, {"repeats": 3}, "repeated_k_fold", 5, 3),
        (99, {"kind": "validation_split"}, "validation_split", 1, 1),
        (99, {"kind": "validation_split", "repeats": 1}, "validation_split", 1, 1),
        (99, {"kind": "k_fold", "folds": 4}, "k_fold", 4, 1),
        (500, {"kind": "repeated_k_fold"}, "repeated_k_fold", 5, 2),
    ],
)
def test_the_number_of_rows_decides_what_was_not_asked_for(
    n_rows: int, asked: dict[str, object], kind: str, folds: int, repeats: int
) -> None:
    y = np.arange(float(n_rows))[:, None]
    protocol = _split(y, _plan(few_rows=100, many_rows=500, **asked))
    assert (protocol.kind, protocol.folds, protocol.repeats) == (kind, folds, repeats)
    assert len(protocol.splits) == folds * repeats
    assert (protocol.n_development, protocol.n_holdout) == (n_rows, 7)


@pytest.mark.parametrize(
    ("n_rows", "asked", "reason"),
    [
        (90, {}, "90 development rows are few (below 100): 2 times 5 folds, so that chance counts for less"),
        (200, {}, "5 folds: each of 200 development rows validates once"),
        (500, {}, "500 development rows are many (from 500): one split with 100 rows for validation"),
        (500, {"kind": "k_fold"}, "5 folds, as asked (500 development rows)"),
        (90, {"kind": "validation_split"}, "one split with 18 rows for validation, as asked (90 development rows)"),
        (500, {"repeats": 3}, "3 times 5 folds, as asked (500 development rows)"),
    ],
)
def test_the_reason_gives_the_figures(n_rows: int, asked: dict[str, object], reason: str) -> None:
    y = np.arange(float(n_rows))[:, None]
    assert _split(y, _plan(few_rows=100, many_rows=500, **asked)).reason == reason


def test_the_reason_says_that_classes_are_stratified() -> None:
    assert _split(_classes(60, 60), _plan(few_rows=1)).reason.startswith("5 stratified folds: each of 120")


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ({"kind": "k_fold", "repeats": 2}, "ask for --protocol repeated_k_fold"),
        ({"kind": "repeated_k_fold", "repeats": 1}, "needs 2 repeats or more"),
        ({"kind": "validation_split", "folds": 5}, "--folds has no meaning"),
        ({"kind": "validation_split", "repeats": 2}, "--repeats has no meaning"),
        ({"few_rows": 10, "many_rows": 5}, "few_rows"),
    ],
)
def test_a_request_that_contradicts_itself_is_refused(asked: dict[str, object], match: str) -> None:
    with pytest.raises(PlanError, match=match):
        _split(_classes(30, 30), _plan(**asked))


@pytest.mark.parametrize(
    ("y", "asked", "match"),
    [
        (np.arange(9.0)[:, None], {}, r"5 folds need at least 10 .* there are 9\. Ask for --folds 4, or add rows"),
        (np.arange(3.0)[:, None], {}, r"there are 3\. Add rows"),
        (_classes(30, 4), {}, r"'c1' has 4\. Ask for --folds 4, or add rows of the class"),
        (_classes(1, 30, 30), {"folds": 3}, r"'c0' has 1\. Add rows of the class, merge"),
        (np.arange(5.0)[:, None], {"kind": "validation_split"}, "leaves 1 for one of them"),
        (_classes(100, 4), {"kind": "validation_split"}, "'c1' has only 4"),
    ],
)
def test_too_few_rows_are_refused_with_what_to_do(
    y: NDArray[np.int64] | NDArray[np.float64], asked: dict[str, object], match: str
) -> None:
    with pytest.raises(DataError, match=match):
        _split(y, _plan(**asked))


@pytest.mark.parametrize("kind", ["k_fold", "validation_split"])
@pytest.mark.parametrize("y", [_classes(40, 40), np.arange(80.0)[:, None]])
def test_another_seed_gives_other_splits(y: NDArray[np.int64] | NDArray[np.float64], kind: str) -> None:
    assert _rows(_split(y, _plan(1, kind=kind))) != _rows(_split(y, _plan(2, kind=kind)))


def test_repeats_differ_and_the_first_is_that_of_k_fold() -> None:
    y = _classes(40, 40)
    once, twice = _rows(_split(y, _plan(kind="k_fold"))), _rows(_split(y, _plan(repeats=2)))
    assert once == twice[:5]
    assert once != twice[5:]


_SCRIPT = """
import numpy as np
from autoproc.data.protocol import choose_protocol
from autoproc.plan import Plan
from autoproc.results import Problem
y = np.arange(60) % 3
problem = Problem("multiclass", ("t",), ("a", "b", "c"), (20, 20, 20), (), "")
print([fold.validation.tolist() for fold in choose_protocol(y, problem, Plan(seed=5), 0).splits])
"""


def test_a_fresh_process_makes_the_same_splits() -> None:
    fresh = subprocess.run([sys.executable, "-c", _SCRIPT], check=True, capture_output=True, text=True)
    assert fresh.stdout.strip() == str(_rows(_split(np.arange(60) % 3, _plan(5))))


def _sets(folds: tuple[Fold, ...]) -> set[tuple[int, ...]]:
    return {tuple(fold.validation) for fold in folds}


@pytest.mark.parametrize("y", [_classes(60, 40), np.arange(100.0)[:, None]])
@pytest.mark.parametrize(
    "asked",
    [{"kind": "k_fold"}, {"kind": "repeated_k_fold", "repeats": 3}, {"kind": "validation_split"}, {"folds": 7}],
)
def test_fresh_folds_are_of_the_same_kind_and_none_of_those_that_choose(
    y: NDArray[np.int64] | NDArray[np.float64], asked: dict[str, object]
) -> None:
    protocol = _split(y, _plan(**asked))
    sizes = [sorted(len(fold.validation) for fold in folds) for folds in (protocol.splits, protocol.fresh)]
    assert sizes[0] == sizes[1] and protocol.again == 1
    assert not _sets(protocol.splits) & _sets(protocol.fresh)


@few
@given(seed=st.integers(0, 2**32 - 1), repeats=st.integers(2, 20))
def test_no_repeat_that_can_be_asked_for_has_the_fresh_folds(seed: int, repeats: int) -> None:
    protocol = _split(_classes(20, 20), _plan(seed=seed, kind="repeated_k_fold", repeats=repeats))
    assert not _sets(protocol.splits) & _sets(protocol.fresh)


def test_fresh_folds_forward_in_time_are_cut_elsewhere_and_those_by_group_keep_groups_together() -> None:
    y, problem = np.arange(120.0)[:, None], Problem("regression", ("t",), (), (), (), "made up")
    times, groups = np.arange(120) // 2, np.arange(120) % 12
    timed = choose_protocol(y, problem, Plan(time="when"), 7, Relations(None, times.astype(float)))
    assert (len(timed.splits), len(timed.fresh), timed.again) == (5, 6, 1.2)
    for fold in timed.fresh:
        assert times[fold.train].max() < times[fold.validation].min()
    assert not {fold.validation[0] for fold in timed.splits[1:]} & {fold.validation[0] for fold in timed.fresh[1:]}
    grouped = choose_protocol(y, problem, Plan(group="who"), 7, Relations(groups, None))
    for fold in grouped.fresh:
        assert not set(groups[fold.train]) & set(groups[fold.validation])
    assert not _sets(grouped.splits) & _sets(grouped.fresh)


def test_where_rows_can_be_split_in_one_way_only_there_are_no_fresh_folds() -> None:
    y, problem = np.arange(120.0)[:, None], Problem("regression", ("t",), (), (), (), "made up")
    plan = make_plan(overrides={"time": "when", "protocol": {"kind": "validation_split"}})
    protocol = choose_protocol(y, problem, plan, 7, Relations(None, np.arange(120.0)))
    assert (protocol.fresh, protocol.again) == ((), 0)


@few
@given(
    counts=st.lists(st.integers(12, 60), min_size=2, max_size=4),
    is_regression=st.booleans(),
    share=st.floats(0.15, 0.4),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_single_fresh_split_validates_on_rows_that_did_not_validate(
    counts: list[int], is_regression: bool, share: float, seed: int
) -> None:
    y = np.arange(float(sum(counts)))[:, None] if is_regression else _classes(*counts)
    protocol = _split(y, _plan(seed, kind="validation_split", validation_share=share))
    [searched], [fresh] = protocol.splits, protocol.fresh
    assert not np.isin(fresh.validation, searched.validation).any()
    assert len(fresh.validation) == len(searched.validation)
    assert sorted([*fresh.train, *fresh.validation]) == list(range(len(y)))
    if not is_regression:
        drawn = np.bincount(y[fresh.validation], minlength=len(counts))
        assert (abs(drawn - np.array(counts) * len(fresh.validation) / len(y)) < 2).all()


@few
@given(n_groups=st.integers(6, 30), share=st.floats(0.15, 0.3), seed=st.integers(0, 2**32 - 1))
def test_by_group_it_validates_on_groups_that_did_not(n_groups: int, share: float, seed: int) -> None:
    groups = np.random.default_rng(seed).permutation(np.arange(n_groups * 5) % n_groups)
    y, problem = np.arange(float(len(groups)))[:, None], Problem("regression", ("t",), (), (), (), "made up")
    asked = {"kind": "validation_split", "validation_share": share}
    plan = make_plan(overrides={"seed": seed, "group": "who", "protocol": asked})
    protocol = choose_protocol(y, problem, plan, 7, Relations(groups, None))
    [searched], [fresh] = protocol.splits, protocol.fresh
    assert not set(groups[fresh.validation]) & {*groups[fresh.train], *groups[searched.validation]}
    assert abs(len(fresh.validation) - len(searched.validation)) <= 5 * max(1, n_groups // 6)


@pytest.mark.parametrize(("counts", "share"), [((60, 40), 0.5), ((60, 40), 0.7), ((60, 3), 0.4)])
def test_where_too_few_rows_are_left_it_is_drawn_from_all(counts: tuple[int, ...], share: float) -> None:
    protocol = _split(_classes(*counts), _plan(kind="validation_split", validation_share=share))
    [searched], [fresh] = protocol.splits, protocol.fresh
    assert len(fresh.validation) == len(searched.validation)
    assert np.isin(fresh.validation, searched.validation).any()


def test_reshuffled_sets_are_as_many_as_trials_all_different_and_of_the_same_kind() -> None:
    y = _classes(60, 40)
    plan = make_plan(overrides={"trials": 4, "protocol": {"folds": 5, "reshuffle": True}})
    protocol = _split(y, plan)
    assert len(protocol.fold_sets) == 4 and protocol.fold_sets[0] is protocol.splits
    everything = [fold for folds in (*protocol.fold_sets, protocol.fresh) for fold in _sets(folds)]
    assert len(set(everything)) == len(everything) == sum(map(len, (*protocol.fold_sets, protocol.fresh)))
    for folds in protocol.reshuffled:
        assert sorted(row for fold in folds for row in fold.validation) == sorted(list(range(100)) * protocol.repeats)
    assert len(_split(y, make_plan(overrides={"trials": 500, "protocol": {"reshuffle": True}})).reshuffled) == 100


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ({"time": "when", "protocol": {"reshuffle": True}}, "--reshuffle has no meaning with --time"),
        ({"final": "ensemble", "protocol": {"reshuffle": True}}, "Leave --reshuffle out, or ask for another --final"),
    ],
)
def test_reshuffling_is_refused_where_it_means_nothing(asked: dict[str, object], match: str) -> None:
    with pytest.raises(PlanError, match=match):
        _split(_classes(60, 40), make_plan(overrides=asked))


def test_a_single_split_validates_on_no_more_rows_than_tell_all_there_is_to_know() -> None:
    y = _classes(300, 200)
    for most, expected in ((40, 40), (1_000, 100)):
        protocol = _split(y, _plan(kind="validation_split", most_validation=most))
        assert [len(fold.validation) for fold in (*protocol.splits, *protocol.fresh)] == [expected, expected]
        assert len(protocol.splits[0].train) == 500 - expected
    assert Plan().protocol.most_validation == 50_000
