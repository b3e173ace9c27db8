"""Splits by group and forward in time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoproc.data.protocol import choose_protocol
from autoproc.data.related_splits import grouped_folds, timed_folds
from autoproc.data.relations import Relations
from autoproc.errors import DataError, PlanError
from autoproc.plan import Plan
from autoproc.results import Problem

few = settings(max_examples=30, deadline=None)
NUMBERS = Problem("regression", ("t",), (), (), (), "made up")
CLASSES = Problem("binary", ("t",), ("no", "yes"), (1, 1), (), "made up")


def plan(**asked: object) -> Plan:
    protocol = {key: asked.pop(key) for key in ("kind", "folds", "repeats") if key in asked}
    return Plan.model_validate({"target": "t", "protocol": protocol, **asked})


@few
@given(n_groups=st.integers(5, 40), repeats=st.integers(1, 2), seed=st.integers(0, 99))
def test_no_group_trains_and_validates_and_each_row_validates_once_a_repeat(
    n_groups: int, repeats: int, seed: int
) -> None:
    groups = np.random.default_rng(seed).permutation(np.arange(4 * n_groups) % n_groups)
    y = np.arange(4.0 * n_groups)[:, None]
    asked = plan(group="who", folds=5, repeats=repeats, seed=seed)
    protocol = choose_protocol(y, NUMBERS, asked, 7, Relations(groups))
    for fold in protocol.splits:
        assert not set(groups[fold.train]) & set(groups[fold.validation])
        assert sorted([*fold.train, *fold.validation]) == list(range(len(y)))
    assert (np.bincount(np.concatenate([fold.validation for fold in protocol.splits])) == repeats).all()
    assert f"keep the {n_groups} groups of 'who' together" in protocol.reason


@few
@given(n_rows=st.integers(40, 200), n_folds=st.integers(2, 6), n_times=st.integers(30, 200), seed=st.integers(0, 99))
def test_folds_forward_in_time_train_on_all_that_is_earlier(n_rows: int, n_folds: int, n_times: int, seed: int) -> None:
    times = np.random.default_rng(seed).integers(0, n_times, n_rows).astype(float)
    folds = timed_folds(np.zeros((n_rows, 1)), Relations(times=times), NUMBERS, n_folds)
    assert len(folds) == n_folds
    for fold in folds:
        assert times[fold.train].max() < times[fold.validation].min()
        assert len(fold.train) == np.sum(times < times[fold.validation].min())
    validated = np.concatenate([fold.validation for fold in folds])
    assert len(set(validated)) == len(validated) == n_rows - len(folds[0].train)
    assert times[folds[-1].validation].max() == times.max()


def test_by_group_and_time_only_groups_that_are_new_validate() -> None:
    times = np.arange(100.0)
    groups = np.arange(100) // 7  # each lasts a week
    folds = timed_folds(np.zeros((100, 1)), Relations(groups, times), NUMBERS, 3)
    for fold in folds:
        assert times[fold.train].max() < times[fold.validation].min()
        assert not set(groups[fold.train]) & set(groups[fold.validation])
    assert sum(len(fold.validation) for fold in folds) > 30


@pytest.mark.parametrize("by", ["who", "when"])
def test_one_split_keeps_about_the_share_for_validation(by: str) -> None:
    relations = Relations(np.arange(200) // 4) if by == "who" else Relations(times=np.arange(200.0))
    asked = plan(kind="validation_split", **({"group": "who"} if by == "who" else {"time": "when"}))
    protocol = choose_protocol(np.zeros((200, 1)), NUMBERS, asked, 7, relations)
    [fold] = protocol.splits
    assert len(fold.validation) == 40
    if by == "when":
        assert fold.validation.tolist() == list(range(160, 200))
        assert "one split forward in time by 'when'" in protocol.reason


def test_classes_are_spread_over_folds_of_groups() -> None:
    groups = np.arange(400) // 4
    y = (groups % 4 == 0).astype(np.int64)
    folds = grouped_folds(y, groups, CLASSES, 5, 0)
    assert [int(y[fold.validation].sum()) for fold in folds] == [20] * 5


def test_few_rows_are_no_reason_to_repeat_folds_forward_in_time() -> None:
    protocol = choose_protocol(np.zeros((60, 1)), NUMBERS, plan(time="when"), 7, Relations(times=np.arange(60.0)))
    assert (protocol.kind, protocol.folds, protocol.repeats) == ("k_fold", 5, 1)
    assert protocol.reason == (
        "5 folds forward in time by 'when': each validates on rows later than those that it trains on"
    )


@pytest.mark.parametrize("asked", [{"repeats": 2}, {"kind": "repeated_k_fold"}])
def test_repeats_make_no_sense_forward_in_time(asked: dict[str, object]) -> None:
    with pytest.raises(PlanError, match="repeats have no meaning with --time"):
        choose_protocol(np.zeros((60, 1)), NUMBERS, plan(time="when", **asked), 7, Relations(times=np.arange(60.0)))


def test_where_times_are_few_there_are_as_many_folds_as_they_part() -> None:
    years = Relations(times=np.repeat(np.arange(5.0), 20))
    protocol = choose_protocol(np.zeros((100, 1)), NUMBERS, plan(time="year"), 7, years)
    assert (protocol.folds, len(protocol.splits)) == (3, 3)
    assert [len(fold.train) for fold in protocol.splits] == [40, 60, 80]
    assert protocol.reason.startswith("3 folds forward in time")
    with pytest.raises(DataError, match=r"4 folds forward .* but 'year' parts it into 3. Ask for --folds 3, or leave"):
        choose_protocol(np.zeros((100, 1)), NUMBERS, plan(time="year", folds=4), 7, years)


def test_too_few_groups_times_or_rows_of_a_class_are_refused() -> None:
    y, groups = np.zeros((30, 1)), np.arange(30) % 3
    with pytest.raises(DataError, match="5 folds need at least 5 groups among the development rows"):
        grouped_folds(y, groups, NUMBERS, 5, 0)
    with pytest.raises(DataError, match=r"there must be at least 2 rows in the validation rows of the split"):
        timed_folds(y, Relations(times=np.append(np.zeros(29), 1.0)), NUMBERS, 3)
    late = (np.arange(40) >= 38).astype(np.int64)
    with pytest.raises(DataError, match="Each class must stand in the training rows of fold 1, but 'yes' does not"):
        timed_folds(late, Relations(times=np.arange(40.0)), CLASSES, 3)
