"""Rows, groups and stretches of time that are kept apart."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from autoproc.data.draw import draw_groups, from_time, group_folds

few = settings(max_examples=40, deadline=None)
SEED = st.integers(0, 2**32 - 1)


def made_up(sizes: list[int], seed: int):
    """Rows of groups of these sizes, in any order, and two strata that groups share out."""
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    return groups, groups % 2


@few
@given(sizes=st.lists(st.integers(1, 9), min_size=5, max_size=60), n_folds=st.integers(2, 5), seed=SEED)
def test_folds_of_groups_partition_the_rows_and_share_no_group(sizes: list[int], n_folds: int, seed: int) -> None:
    groups, strata = made_up(sizes, seed)
    folds = group_folds(groups, strata, n_folds, seed)
    assert sorted(np.concatenate(folds)) == list(range(len(groups)))
    assert sum(len(np.unique(groups[rows])) for rows in folds) == len(sizes)
    again = group_folds(groups, strata, n_folds, seed)
    assert all(map(np.array_equal, folds, again))


@few
@given(
    sizes=st.lists(st.integers(1, 4), min_size=60, max_size=90),
    share=st.sampled_from([0.1, 0.2, 0.5, 0.8]),
    seed=SEED,
)
def test_about_the_share_of_rows_and_strata_is_drawn_in_whole_groups(sizes: list[int], share: float, seed: int) -> None:
    groups, strata = made_up(sizes, seed)
    drawn = draw_groups(groups, strata, share, seed)
    assert not set(groups[drawn]) & set(groups[~drawn])
    assert abs(drawn.mean() - share) < 0.06
    assert abs(strata[drawn].mean() - strata.mean()) < 0.2


def test_many_strata_or_rare_ones_are_no_reason_to_fail() -> None:
    groups = np.repeat(np.arange(40), 5)
    for strata in (np.arange(200), np.array([1] + [0] * 199), np.full(200, -1)):
        folds = group_folds(groups, strata, 4, 0)
        assert {len(rows) for rows in folds} == {50}


@given(
    times=st.lists(st.integers(0, 20), min_size=2, max_size=50).filter(lambda t: len(set(t)) > 1),
    share=st.floats(0.01, 0.99),
)
def test_rows_lie_on_both_sides_of_a_cut_that_is_as_near_as_equal_times_allow(times: list[int], share: float) -> None:
    moments = np.array(times, dtype=float)
    cut = from_time(moments, share)
    later = moments >= cut
    assert 0 < later.sum() < len(times)
    assert cut in moments
    # What more is taken than asked for has the time of the cut, unless the first rows share it.
    assert (moments > cut).sum() <= max(round(share * len(times)), 1) or cut == np.unique(moments)[1]
