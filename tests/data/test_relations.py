"""How rows hang together: reading groups and times, and who is new."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.data.relations import Relations, read_relations, resampled_together, unseen
from autoproc.data.table import read_table
from autoproc.errors import DataError
from autoproc.plan import Plan

FRAME = pd.DataFrame(
    {
        "y": [1, 2, 3, 4],
        "who": ["b", "a", "b", "c"],
        "day": ["2024-03-01", "2024-01-31", "2024-03-01", "2023-12-31"],
        "number": [3.5, -1, 3.5, 1e9],
        "spread": ["a", "b", "c", "d"],
        "same": [7, 7, 7, 7],
        "holes": ["a", None, "a", "b"],
        "mixed": ["2024-01-01", "2024-02-01", "soon", "2024-03-01"],
    }
)


def read(**asked: str):
    return read_relations(read_table(FRAME), Plan.model_validate({"target": "y", **asked}))


def test_rows_of_one_value_are_one_group() -> None:
    relations = read(group="who")
    assert relations.groups is not None
    assert relations.groups.tolist() == [0, 1, 0, 2]
    assert relations.n_groups == 3
    assert relations.times is None


@pytest.mark.parametrize("column", ["day", "number"])
def test_times_rise_with_dates_and_numbers(column: str) -> None:
    times = read(time=column).times
    assert times is not None
    assert times[0] == times[2]
    assert list(np.argsort(times, kind="stable")) == ([3, 1, 0, 2] if column == "day" else [1, 0, 2, 3])


def test_without_a_column_rows_do_not_hang_together() -> None:
    assert (read().groups, read().times, read().n_groups) == (None, None, 0)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"group": "same"}, r"The group column 'same' must tell groups .* '7' in every row. Name another column"),
        ({"group": "spread"}, r"The group column 'spread' must hold rows together, but has a value of its own"),
        ({"group": "holes"}, r"must have a value in every row, but 1 of 4 lack one \(row 1\).* leave --group out"),
        ({"time": "same"}, r"The time column 'same' must tell earlier rows from later ones"),
        ({"time": "holes"}, r"The time column 'holes' must have a value in every row"),
        ({"time": "mixed"}, r"must hold dates or numbers, but in 1 of 4 rows it does not: 'soon' \(row 2\)"),
        ({"time": "who"}, r"The time column 'who' must hold dates or numbers, but in 4 of 4 rows it does not: 'b'"),
    ],
)
def test_a_column_that_tells_nothing_is_refused(asked: dict[str, str], told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(**asked)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_unseen_rows_are_of_groups_without_training_rows(rows: list[tuple[int, bool, bool]]) -> None:
    groups, train, asked = map(np.array, zip(*rows, strict=True))
    new = unseen(groups.astype(np.int64), train, asked)
    known = {group for group, is_train, _ in rows if is_train}
    assert new.tolist() == [is_asked and group not in known for group, _, is_asked in rows]
    assert unseen(None, train, asked) is asked


@given(st.lists(st.integers(0, 40), min_size=1, max_size=300))
def test_a_bootstrap_draws_stretches_of_time_as_one(times: list[int]) -> None:
    moments = np.array(times, dtype=np.float64)
    together = resampled_together(Relations(times=moments))
    assert together is not None
    spans = [moments[together == number] for number in np.unique(together)]
    assert all(before.max() < after.min() for before, after in pairwise(spans)), "in order of time"
    assert len(spans) <= 10
    rows = max(round(np.sqrt(len(times))), -(-len(times) // 10))
    for span in spans:
        *_, last = np.unique(span, return_counts=True)
        assert len(span) - last[-1] < rows, "no longer than asked for, but for a last time of many rows"


def test_a_bootstrap_draws_whole_groups_or_else_single_rows() -> None:
    groups = np.array([0, 1, 0])
    assert resampled_together(Relations(groups, np.arange(3.0))) is groups
    assert resampled_together(Relations()) is None


def test_times_of_every_year_keep_their_order() -> None:
    days = ["2020-01-01", "9999-12-31", "0001-01-01", "1500-06-01"]
    relations = read_relations(read_table(FRAME.assign(day=days)), Plan.model_validate({"target": "y", "time": "day"}))
    assert relations.times is not None and np.argsort(relations.times).tolist() == [2, 3, 0, 1]
