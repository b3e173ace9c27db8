"""Ranks and normalised scores, on goodness that can be checked by hand."""

import numpy as np

from benchmarks.peers.standing import mean_of_known, mean_ranks, normalised

CANNOT, NOT_RUN = -np.inf, np.nan


def test_equal_contenders_share_a_rank_and_who_has_no_score_is_last() -> None:
    goodness = np.array([[0.9, -1.0], [0.9, -2.0], [0.5, CANNOT]])
    assert mean_ranks(goodness).tolist() == [1.25, 1.75, 3.0]


def test_those_without_a_score_share_the_last_ranks() -> None:
    assert mean_ranks(np.array([[CANNOT], [CANNOT], [-7.0]])).tolist() == [2.5, 2.5, 1.0]


def test_a_set_that_was_not_run_counts_for_no_rank() -> None:
    goodness = np.array([[0.9, NOT_RUN], [0.8, 0.7], [0.7, 0.8]])
    assert mean_ranks(goodness).tolist() == [1.0, 2.0, 2.0]


def test_scores_are_shares_of_the_way_from_the_dummy_to_the_best() -> None:
    goodness = np.array([[0.5, -10.0], [0.9, -2.0], [0.7, -4.0], [0.4, CANNOT], [NOT_RUN, -1000.0]])
    shares = normalised(goodness, floor=np.array([0.5, -10.0]))
    np.testing.assert_allclose(shares, [[0, 0], [1, 1], [0.5, 0.75], [0, 0], [np.nan, 0]])


def test_without_a_dummy_the_worst_score_is_the_floor() -> None:
    shares = normalised(np.array([[-2.0], [-3.0], [-6.0], [CANNOT]]), floor=np.array([np.nan]))
    np.testing.assert_allclose(shares[:, 0], [1, 0.75, 0, 0])


def test_where_nobody_beats_the_dummy_all_have_zero() -> None:
    shares = normalised(np.array([[0.5], [0.4], [CANNOT]]), floor=np.array([0.5]))
    assert shares[:, 0].tolist() == [0, 0, 0]


def test_means_are_over_what_is_known() -> None:
    means = mean_of_known(np.array([[1.0, np.nan, 2.0], [np.nan, np.nan, np.nan]]))
    assert means[0] == 1.5
    assert np.isnan(means[1])
