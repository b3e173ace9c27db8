from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from sklearn.preprocessing import RobustScaler

from autoproc.data.vectorize import Layout
from autoproc.network.inputs import fit_edges, fit_scaling, scale_, widen
from autoproc.network.sizes import EMBEDDING_SIZE, InputSizes
from tests.network.sample_data import LAYOUT, sample

CPU = torch.device("cpu")
CELLS = st.floats(width=32, allow_nan=True, allow_infinity=False)
NUMBERS = nps.arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(0, 3)), elements=CELLS)


def test_sizes_follow_from_the_layout():
    sizes = InputSizes.of(LAYOUT)
    assert sizes == InputSizes(n_dense=3 + 2 + 2 + 4, n_numeric=3, vocabularies=(5, 6))
    assert sizes.width == 11 + 2 * EMBEDDING_SIZE


def test_widening_puts_each_kind_of_column_in_its_place():
    layout = Layout(
        n_columns=5, numeric=(4,), passthrough=(0,), indicators=(0, 4), one_hot=((1, 3),), embedded=((3, 4), (2, 2))
    )
    matrix = np.array([[1, 2, 0, 3, 7], [np.nan, 0, 1, 1, np.nan]], dtype=np.float32)
    inputs = widen(matrix, layout, CPU)
    expected = [[7, 1, 0, 0, 0, 0, 1], [np.nan, 0, 1, 1, 1, 0, 0]]
    np.testing.assert_array_equal(inputs.dense, np.array(expected, dtype=np.float32))
    assert inputs.codes.tolist() == [[3, 4], [1, 5]]
    assert (inputs.dense.dtype, inputs.codes.dtype) == (torch.float32, torch.int64)


def test_widening_agrees_with_the_sizes():
    inputs = widen(sample().matrix, LAYOUT, CPU)
    assert inputs.dense.shape == (47, InputSizes.of(LAYOUT).n_dense)
    assert inputs.codes.shape == (47, 2)
    assert not torch.isnan(inputs.dense[:, 3:]).any()


def test_a_table_may_lack_any_kind_of_column():
    only_codes = Layout(1, (), (), (), (), ((0, 3),))
    inputs = widen(np.array([[2.0], [0.0]], dtype=np.float32), only_codes, CPU)
    assert inputs.dense.shape == (2, 0)
    assert inputs.codes.tolist() == [[2], [0]]
    only_numbers = Layout(1, (0,), (), (), (), ())
    assert widen(np.ones((2, 1), dtype=np.float32), only_numbers, CPU).codes.shape == (2, 0)


def test_no_rows_can_be_widened():
    assert widen(np.zeros((0, LAYOUT.n_columns), dtype=np.float32), LAYOUT, CPU).dense.shape == (0, 11)


def test_scaling_is_scikit_learns_robust_scaling():
    numbers = sample().matrix[:, list(LAYOUT.numeric)]
    center, spread = fit_scaling(numbers)
    judge = RobustScaler().fit(numbers)
    np.testing.assert_allclose(center, judge.center_, rtol=1e-5)
    np.testing.assert_allclose(spread, judge.scale_, rtol=1e-5)


@pytest.mark.parametrize(
    ("cells", "center", "spread"),
    [
        ([3, 3, 3], 3, 1),
        ([0, 0, 0, 0, 0, 0, 0, 0, 8, 2], 0, 4),
        ([np.nan, np.nan], 0, 1),
        ([np.nan, 5], 5, 1),
        ([1, 2, 3, 4, 5], 3, 2),
    ],
)
def test_columns_without_a_range_between_quartiles(cells, center, spread):
    fitted = fit_scaling(np.array(cells, dtype=np.float32)[:, None])
    assert (fitted[0].item(), fitted[1].item()) == (center, spread)


@given(numbers=NUMBERS, n_pieces=st.integers(1, 4))
def test_columns_are_fitted_together_as_each_is_alone(numbers, n_pieces):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autoproc.network.inputs._BLOCK_CELLS", 2 * len(numbers))  # two columns at once
        center, spread = fit_scaling(numbers)
        edges = fit_edges(numbers, center, spread, n_pieces)
    for column in range(numbers.shape[1]):
        alone = numbers[:, [column]]
        np.testing.assert_array_equal(fit_scaling(alone), (center[[column]], spread[[column]]))
        np.testing.assert_array_equal(
            fit_edges(alone, center[[column]], spread[[column]], n_pieces), edges[:, [column]]
        )


def uncut(n_numeric: int) -> torch.Tensor:
    """The edges of numbers that are not cut into pieces."""
    return torch.zeros(1, 1, n_numeric)


@given(numbers=NUMBERS)
def test_scaled_numbers_are_finite_and_within_three(numbers):
    center, spread = fit_scaling(numbers)
    assert np.isfinite(center).all()
    assert (spread > 0).all()
    assert np.isfinite(spread).all()
    dense = torch.from_numpy(numbers.copy())[None]
    scaled = scale_(dense, torch.from_numpy(center)[None], torch.from_numpy(spread)[None], uncut(numbers.shape[1]))
    assert torch.isfinite(scaled).all()
    assert (scaled.abs() <= 3.001).all()
    assert (scaled[0][torch.from_numpy(np.isnan(numbers))] == 0).all()


def test_scaling_follows_its_formula_for_each_member_in_place_and_spares_the_rest():
    dense = torch.tensor([[[2.0, 5.0], [8.0, torch.nan]], [[2.0, 5.0], [8.0, 7.0]]])
    before = dense.clone()
    scaled = scale_(dense, torch.tensor([[2.0], [5.0]]), torch.tensor([[2.0], [1.0]]), torch.zeros(2, 1, 1))
    z = torch.tensor([[0.0, 3.0], [-3.0, 3.0]])
    assert scaled is dense
    torch.testing.assert_close(scaled[..., 0], z / (1 + (z / 3) ** 2).sqrt())
    torch.testing.assert_close(scaled[..., 1], before[..., 1], equal_nan=True)


def test_without_numbers_there_is_nothing_to_scale():
    dense = torch.ones(2, 3, 1)
    assert torch.equal(scale_(dense, torch.zeros(2, 0), torch.ones(2, 0), torch.zeros(2, 4, 0)), torch.ones(2, 3, 1))


def test_order_is_kept():
    scaled = scale_(torch.linspace(-50, 50, 201)[None, :, None], torch.zeros(1, 1), torch.ones(1, 1), uncut(1))
    assert (scaled.flatten().diff() > 0).all()


# Pieces


def cut(numbers: np.ndarray, n_pieces: int, fitted_on: np.ndarray | None = None) -> np.ndarray:
    """The pieces (n, n_pieces, d) of numbers (n, d), fitted on themselves or on others."""
    rows = numbers if fitted_on is None else fitted_on
    center, spread = fit_scaling(rows)
    edges = fit_edges(rows, center, spread, n_pieces)
    n_rows, n_columns = numbers.shape
    dense = np.concatenate([numbers, np.full((n_rows, n_columns * n_pieces), np.nan, np.float32)], axis=1)
    scaled = scale_(*(torch.from_numpy(array)[None] for array in (dense, center, spread, edges)))
    return scaled[0, :, n_columns:].view(n_rows, n_pieces, n_columns).numpy()


def test_a_number_is_cut_at_the_quantiles_of_the_rows_that_it_is_fitted_on():
    """By the formula in the raw units: how far a number is through each piece, from 0 to 1."""
    random = np.random.default_rng(0)
    fitted_on = random.exponential(100, (500, 1)).astype(np.float32)
    numbers = np.concatenate([random.exponential(100, (50, 1)), [[-10.0], [1e7]]]).astype(np.float32)
    pieces = cut(numbers, 4, fitted_on)[:, :, 0]
    edges = np.quantile(fitted_on.astype(np.float64), np.linspace(0, 1, 5))
    for number, found in zip(numbers[:, 0].astype(np.float64), pieces, strict=True):
        expected = [min(max((number - low) / (high - low), 0), 1) for low, high in pairwise(edges)]
        np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_array_equal(pieces[-2:], [[0] * 4, [1] * 4])


@given(numbers=NUMBERS, n_pieces=st.integers(1, 6))
def test_pieces_fill_up_one_after_the_other_and_a_missing_number_has_none(numbers, n_pieces):
    pieces = cut(numbers, n_pieces)
    assert np.isfinite(pieces).all() and pieces.min(initial=0) >= 0 and pieces.max(initial=0) <= 1
    assert (pieces[np.isnan(numbers)[:, None].repeat(n_pieces, axis=1)] == 0).all()
    for column in range(numbers.shape[1]):
        used = pieces[:, pieces[:, :, column].max(axis=0) > 0, column]
        for before, after in zip(used.T[:-1], used.T[1:], strict=True):
            assert (before[after > 0] == 1).all(), "a piece begins where the one before is full"


def test_of_two_values_there_is_one_piece_and_of_one_there_is_none():
    numbers = np.array([[0, 7], [1, 7], [1, 7], [0, 7]], dtype=np.float32)
    pieces = cut(numbers, 3)
    assert pieces[:, :, 0].tolist() == [[0, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert not pieces[:, :, 1].any()


def test_pieces_are_counted_among_the_dense_inputs():
    plain, cut_up = InputSizes.of(LAYOUT), InputSizes.of(LAYOUT, 5)
    assert cut_up.n_dense == plain.n_dense + 5 * 3
    assert cut_up.n_widened == plain.n_widened == plain.n_dense
