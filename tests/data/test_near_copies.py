"""Near copies: found where they are planted, and not where rows are alike by nature."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from autoproc.data.near_copies import FEWEST_ROWS, NearCopies, _candidates, find_near_copies

RANDOM = np.random.default_rng(0)
N = 400
NORMAL = RANDOM.normal(size=(N, 6))
MIXED = np.column_stack([RANDOM.normal(size=(N, 6)), RANDOM.integers(2, 6, size=(N, 4))])
CATEGORIES = RANDOM.integers(2, 7, size=(N, 30)).astype(float)


def found(values: NDArray[np.generic], n_categories: int = 0, seed: int = 0) -> NearCopies:
    rows = np.unique(values.astype(np.float32), axis=0)
    rows = rows[np.random.default_rng(1).permutation(len(rows))]
    return find_near_copies(rows, np.arange(rows.shape[1]) >= rows.shape[1] - n_categories, seed)


def share(values: NDArray[np.generic], n_categories: int = 0) -> float:
    near = found(values, n_categories)
    return len(near.rows) / near.n_looked_at


def shaken(values: NDArray[np.float64], n_copies: int) -> NDArray[np.float64]:
    """Each row and copies of it, with noise in the six numbers."""
    rows = np.repeat(values, n_copies + 1, axis=0)
    rows[:, :6] += 0.005 * RANDOM.normal(size=(len(rows), 6))
    return rows


def with_one_cell_changed(values: NDArray[np.float64], n_copies: int) -> NDArray[np.float64]:
    copies = np.repeat(values, n_copies, axis=0)
    changed = RANDOM.integers(values.shape[1], size=len(copies))
    copies[np.arange(len(copies)), changed] = values[RANDOM.integers(len(values), size=len(copies)), changed]
    return np.vstack([values, copies])


@pytest.mark.parametrize("n_copies", [1, 2])
@pytest.mark.parametrize(("values", "n_categories"), [(NORMAL, 0), (MIXED, 4)])
def test_copies_with_noise_in_their_numbers_are_found(
    values: NDArray[np.float64], n_categories: int, n_copies: int
) -> None:
    assert share(shaken(values, n_copies), n_categories) > 0.6


@pytest.mark.parametrize("n_copies", [1, 2])
@pytest.mark.parametrize(("values", "n_categories"), [(NORMAL, 0), (MIXED, 4), (CATEGORIES, 30)])
def test_copies_with_one_cell_changed_are_found(values: NDArray[np.float64], n_categories: int, n_copies: int) -> None:
    assert share(with_one_cell_changed(values, n_copies), n_categories) > 0.5


def test_a_few_copies_are_found_and_which_of_which() -> None:
    copies = NORMAL[:30] + 0.001
    rows = np.vstack([NORMAL, copies]).astype(np.float32)
    near = find_near_copies(rows, np.zeros(6, bool), seed=0)
    pairs = {frozenset(pair) for pair in zip(near.rows.tolist(), near.nearest.tolist(), strict=True)}
    planted = {frozenset((i, N + i)) for i in range(30)}
    assert len(pairs & planted) > 20
    assert len(pairs - planted) <= 4
    assert np.median(near.agreeing) == 6
    assert np.median(near.agreeing_with_next) < 3


def natural(name: str) -> NDArray[np.generic]:
    random = np.random.default_rng(3)
    match name:
        case "one number":
            return random.normal(size=(N, 1))
        case "few values":
            return random.poisson(2, size=(N, 6))
        case "redundant features":
            return random.normal(size=(N, 1)) + 0.01 * random.normal(size=(N, 20))
        case "clusters":
            return 5 * random.normal(size=(20, 6))[random.integers(20, size=N)] + random.normal(size=(N, 6))
        case "heavy tails":
            return random.standard_cauchy(size=(N, 6))
        case "mostly zero":
            return random.exponential(size=(N, 40)) * (random.random((N, 40)) < 0.05)
        case "walk":
            return np.cumsum(random.normal(size=(N, 10)), axis=0)
        case "design":
            return np.array(list(product(range(4), repeat=5)))
    raise ValueError(name)


@pytest.mark.parametrize(
    "name",
    ["one number", "few values", "redundant features", "clusters", "heavy tails", "mostly zero", "walk", "design"],
)
def test_rows_that_are_alike_by_nature_are_not(name: str) -> None:
    assert share(natural(name)) < 0.05


@pytest.mark.parametrize(("values", "n_categories"), [(NORMAL, 0), (MIXED, 4), (CATEGORIES, 30), (MIXED[:, 6:], 4)])
def test_independent_rows_are_not(values: NDArray[np.float64], n_categories: int) -> None:
    assert share(values, n_categories) < 0.04


def test_missing_cells_agree_with_each_other_alone() -> None:
    holes = np.where(RANDOM.random((N, 8)) < 0.2, np.nan, RANDOM.normal(size=(N, 8)))
    holes[:, 0] = np.nan
    assert share(holes) < 0.04
    assert share(np.vstack([holes, holes + 0.001])) > 0.6


def test_categories_are_the_same_or_not_however_near_their_codes() -> None:
    codes = RANDOM.integers(2, 150, size=(N, 8)).astype(float)
    assert share(np.vstack([codes, codes + 1]), n_categories=0) > 0.6
    assert share(np.vstack([codes, codes + 1]), n_categories=8) < 0.04


def test_of_many_rows_some_are_looked_at_and_compared_with_all() -> None:
    rows = np.repeat(RANDOM.normal(size=(1500, 6)), 2, axis=0)
    rows[1::2] += 0.001
    near = find_near_copies(rows.astype(np.float32), np.zeros(6, bool), seed=4)
    assert near.n_looked_at == 1_000
    assert len(near.rows) > 800
    assert np.mean(near.nearest == near.rows ^ 1) > 0.99
    again = find_near_copies(rows.astype(np.float32), np.zeros(6, bool), seed=4)
    assert np.array_equal(again.rows, near.rows) and np.array_equal(again.nearest, near.nearest)


@settings(max_examples=25, deadline=None)
@given(st.integers(FEWEST_ROWS, 90), st.integers(1, 5), st.integers(0, 5), st.sampled_from([2, 5, 1000]), st.data())
def test_any_table_is_taken(n_rows: int, n_numbers: int, n_categories: int, n_values: int, data: st.DataObject) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    numbers = random.integers(0, n_values, size=(n_rows, n_numbers)).astype(np.float32)
    numbers[random.random(numbers.shape) < data.draw(st.sampled_from([0, 0.3, 1]))] = np.nan
    values = np.column_stack([numbers, random.integers(0, 9, size=(n_rows, n_categories))]).astype(np.float32)
    is_category = np.arange(values.shape[1]) >= n_numbers
    near = find_near_copies(values, is_category, seed=0)
    assert near.n_looked_at == n_rows
    assert len(np.unique(near.rows)) == len(near.rows) == len(near.nearest)
    assert not np.any(near.rows == near.nearest)
    assert np.all((near.agreeing >= 0) & (near.agreeing <= values.shape[1]))


def test_of_a_wide_table_fewer_rows_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = []
    for most in (2**25, 100 * 12):  # a number takes two columns
        monkeypatch.setattr("autoproc.data.near_copies._MOST_COORDINATES", most)
        looked_at.append(found(NORMAL).n_looked_at)
    assert looked_at == [N, 100]


def test_of_very_many_features_some_are_searched_and_all_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row's copy is found by the drawn features, and told by how many of all agree."""
    monkeypatch.setattr("autoproc.data.near_copies._MOST_FEATURES", 40)
    sought: list[int] = []

    def candidates(coordinates: list[NDArray[np.float32]], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        sought.append(len(coordinates))
        return _candidates(coordinates, rows)

    monkeypatch.setattr("autoproc.data.near_copies._candidates", candidates)
    near = found(with_one_cell_changed(np.random.default_rng(0).normal(size=(200, 100)), 1))
    assert sought == [40]
    assert len(near.rows) / near.n_looked_at > 0.8
    assert np.median(near.agreeing) >= 99
    assert np.median(near.agreeing_with_next) < 20
