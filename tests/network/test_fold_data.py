from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autoproc.network.fold_data import FoldData, generator, seed_of
from autoproc.results import Fold
from tests.network.sample_data import LAYOUT, TASKS, sample


def with_folds(problem, *pairs):
    folds = tuple(Fold(np.asarray(train), np.asarray(validation)) for train, validation in pairs)
    return replace(problem, folds=folds).fold_data()


@given(
    n_rows=st.integers(4, 47),
    fewer=st.integers(0, 3),
    batch_size=st.integers(1, 60),
    epoch=st.integers(1, 5),
)
def test_batches_hold_each_training_row_once_in_equal_parts(n_rows, fewer, batch_size, epoch):
    data = with_folds(sample(), (range(n_rows), [46]), (range(n_rows - fewer), [45]))
    shapes = set()
    for k, fold in enumerate(data.folds):
        rows, weights = data.batches(k, epoch, batch_size)
        shapes.add(tuple(rows.shape))
        assert rows.shape == weights.shape
        assert set(weights.unique().tolist()) <= {0.0, 1.0}
        assert sorted(rows[weights > 0].tolist()) == fold.train.tolist()
        sizes = weights.sum(dim=1)
        assert sizes.max() - sizes.min() <= 1
        assert sizes.max() <= batch_size
    assert len(shapes) == 1, "all folds take the same number of steps"


def test_the_order_follows_from_seed_fold_and_epoch():
    data, again, other = sample().fold_data(1), sample().fold_data(1), sample().fold_data(2)
    first = data.batches(0, 1, 8)[0]
    assert torch.equal(first, again.batches(0, 1, 8)[0])
    for rows in (other.batches(0, 1, 8)[0], data.batches(0, 2, 8)[0]):
        assert not torch.equal(first, rows)
    assert data.n_folds == 3
    assert data.n_train_rows == 32


def test_generators_differ_in_every_seed():
    draws = [
        torch.rand(1, generator=generator(*seeds)).item() for seeds in ((1, 2), (2, 1), (1,), (1, 2, 0), (0, 1, 2))
    ]
    assert len(set(draws)) == 5
    assert torch.rand(1, generator=generator(1, 2)).item() == draws[0]


@given(st.lists(st.integers(0, 2**32), min_size=1, max_size=5))
def test_a_seed_is_one_that_torch_takes_and_is_that_of_the_generator(seeds):
    assert seed_of(*seeds) == generator(*seeds).initial_seed()
    assert seed_of(*seeds) != seed_of(*seeds, 0)


@pytest.mark.parametrize("task", TASKS)
def test_statistics_come_from_each_folds_training_rows_alone(task):
    problem = sample(task)
    left_out = problem.folds[1].validation
    matrix, targets = problem.matrix.copy(), problem.targets.copy()
    matrix[left_out] = np.where(np.arange(LAYOUT.n_columns) % 2, 0, 1e6)
    targets[left_out] = targets[left_out] * 0
    changed = replace(problem, matrix=matrix, targets=targets).fold_data()
    data = problem.fold_data()
    for name in ("center", "spread"):
        assert torch.equal(getattr(data, name)[1], getattr(changed, name)[1])
    for name in ("target_center", "target_spread"):  # rounded after a shift that all rows have in common
        torch.testing.assert_close(getattr(data, name)[1], getattr(changed, name)[1], rtol=1e-13, atol=0)
    assert not torch.equal(data.center[0], changed.center[0])


def test_targets_of_classes_stay_as_they_are():
    binary, multiclass = sample("binary").fold_data(), sample("multiclass").fold_data()
    _, targets = binary.rows(torch.tensor([0, 2]), torch.tensor([[3, 4], [5, 6]]))
    assert targets.dtype == torch.float32
    assert targets.tolist() == sample("binary").targets[[[3, 4], [5, 6]]].tolist()
    _, targets = multiclass.rows(torch.tensor([0]), torch.arange(47)[None])
    assert targets.dtype == torch.int64
    assert targets[0].tolist() == sample("multiclass").targets.tolist()


@pytest.mark.parametrize("task", ["regression", "vector_regression"])
def test_targets_of_regression_are_standardised_by_fold(task):
    data = sample(task).fold_data()
    for k, fold in enumerate(data.folds):
        _, targets = data.rows(torch.tensor([k]), torch.from_numpy(fold.train)[None])
        torch.testing.assert_close(targets.mean(dim=1), torch.zeros(1, targets.shape[2]), atol=1e-5, rtol=0)
        torch.testing.assert_close(targets.std(dim=1, correction=0), torch.ones(1, targets.shape[2]))


@pytest.mark.parametrize("task", ["regression", "vector_regression"])
def test_target_statistics_are_exact_whatever_the_units(task):
    problem = sample(task)
    for values in (problem.targets, problem.targets + 1.7e9, problem.targets * 1e45, problem.targets * 1e-50):
        data = replace(problem, targets=values).fold_data()
        assert data.target_center.dtype == data.target_spread.dtype == torch.float64
        for k, fold in enumerate(problem.folds):
            np.testing.assert_allclose(data.target_center[k], values[fold.train].mean(axis=0), rtol=1e-12)
            np.testing.assert_allclose(data.target_spread[k], values[fold.train].std(axis=0), rtol=1e-6)


def test_an_offset_or_a_size_of_the_target_changes_nothing_that_is_learned():
    problem, everyone = sample("regression"), torch.arange(47)[None]
    _, plain = problem.fold_data().rows(torch.tensor([1]), everyone)
    for values in (1.7e9 + 60 * problem.targets, 1e8 + problem.targets, 1e45 * problem.targets):
        _, moved = replace(problem, targets=values).fold_data().rows(torch.tensor([1]), everyone)
        torch.testing.assert_close(moved, plain, rtol=0, atol=1e-5)


def test_an_outlier_that_a_fold_leaves_out_changes_nothing_that_it_learns():
    problem = sample("regression")
    rows = torch.from_numpy(problem.folds[1].train)[None]
    _, plain = problem.fold_data().rows(torch.tensor([1]), rows)
    targets = problem.targets.copy()
    targets[problem.folds[1].validation[0]] = 1e25
    _, beside = replace(problem, targets=targets).fold_data().rows(torch.tensor([1]), rows)
    torch.testing.assert_close(beside, plain, rtol=0, atol=1e-5)


def test_a_constant_target_is_only_centred():
    problem = sample("regression")
    data = replace(problem, targets=np.full((47, 1), 3.5)).fold_data()
    _, targets = data.rows(torch.tensor([0]), torch.arange(47)[None])
    assert (targets == 0).all()


def test_rows_are_scaled_as_their_fold_sees_them():
    data = sample().fold_data()
    inputs, _ = data.rows(torch.tensor([2, 0]), torch.tensor([[1, 2], [1, 2]]))
    assert inputs.dense.shape == (2, 2, 11)
    assert not torch.equal(inputs.dense[0], inputs.dense[1])
    assert torch.equal(inputs.codes[0], inputs.codes[1])


def test_evaluation_rows_are_padded_to_the_longest_fold():
    data = sample().fold_data()
    for rows, folds in ((data.validation.rows, [f.validation for f in data.folds]), (data.train_sample.rows, None)):
        assert [len(part) for part in rows] == [16, 16, 15]
        if folds:
            assert all(np.array_equal(part, fold) for part, fold in zip(rows, folds, strict=True))
    assert data.validation.inputs.dense.shape == (3, 16, 11)
    assert data.validation.targets.shape == (3, 16)


def test_the_training_sample_is_of_training_rows_and_fixed():
    data = sample().fold_data()
    for rows, fold in zip(data.train_sample.rows, data.folds, strict=True):
        assert set(rows) <= set(fold.train)
        assert len(set(rows)) == len(rows)
    again = sample().fold_data()
    assert all(map(np.array_equal, data.train_sample.rows, again.train_sample.rows))


def test_a_fold_without_validation_rows_still_has_a_training_sample():
    data = with_folds(sample(), (range(47), np.arange(0)))
    assert data.validation.inputs.dense.shape[:2] == (1, 0)
    assert len(data.train_sample.rows[0]) == 47


def test_the_matrix_is_not_changed():
    problem = sample()
    before = problem.matrix.copy()
    FoldData(problem.matrix, problem.targets, LAYOUT, problem.folds, "binary", 0, torch.device("cpu")).batches(0, 1, 8)
    np.testing.assert_array_equal(problem.matrix, before)
