from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autoproc.data.vectorize import Layout
from autoproc.network import fold_data
from autoproc.network.dropout import N_PATTERNS, make_patterns
from autoproc.network.fold_data import FoldData
from autoproc.network.inputs import scale_, widen
from autoproc.network.layers import ParameterTable
from autoproc.network.scratch import Scratch
from autoproc.results import Fold
from autoproc.spec import NetworkSpec
from tests.network.sample_data import LAYOUT, TASKS, sample

CPU = torch.device("cpu")


def with_folds(problem, *pairs):
    folds = tuple(Fold(np.asarray(train), np.asarray(validation)) for train, validation in pairs)
    return replace(problem, folds=folds).fold_data()


def targets_of(data, fold, rows):
    """Targets (n,) or (n, t) as one fold sees them."""
    return data.targets(torch.tensor([[fold]]), torch.as_tensor(rows)[None])[0]


def inputs_of(data, folds, rows):
    """Dense inputs and codes of `rows` (S, n) as `folds` (S,) see them."""
    rows = torch.as_tensor(rows)
    places = data.places(torch.as_tensor(folds)[:, None], rows)
    return data.dense(places, Scratch(CPU)), data.codes(rows)


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
        batches = data.batches(k, epoch, batch_size)
        taken = batches.weights > 0
        assert sorted(batches.rows[taken].tolist()) == fold.train.tolist()
        shapes.add(tuple(batches.rows.shape))
        assert batches.rows.shape == batches.weights.shape == batches.patterns.shape
        sizes = taken.sum(dim=1)
        assert sizes.max() - sizes.min() <= 1
        assert sizes.max() <= batch_size
    assert len(shapes) == 1, "all folds take the same number of steps"


@given(n_rows=st.integers(4, 47), fewer=st.integers(0, 3), batch_size=st.integers(1, 60))
def test_weights_make_a_sum_the_mean_of_a_batch(n_rows, fewer, batch_size):
    data = with_folds(sample(), (range(n_rows), [46]), (range(n_rows - fewer), [45]))
    for k in (0, 1):
        for weights in data.batches(k, 1, batch_size).weights:
            size = int((weights > 0).sum())
            assert set(weights[weights > 0].tolist()) == ({torch.tensor(1 / size).item()} if size else set())


def test_a_fold_that_has_fewer_rows_than_steps_has_batches_without_any():
    data = with_folds(sample(), (range(9), [46]), (range(2), [45]))
    batches = data.batches(1, 1, 3)
    assert batches.weights.sum(dim=1).tolist() == [1, 1, 0]


def test_the_order_follows_from_seed_fold_and_epoch():
    data, again, other = sample().fold_data(1), sample().fold_data(1), sample().fold_data(2)
    first = data.batches(0, 1, 8)
    for name in ("rows", "patterns", "weights"):
        assert torch.equal(getattr(first, name), getattr(again.batches(0, 1, 8), name))
    for batches in (other.batches(0, 1, 8), data.batches(0, 2, 8)):
        assert not torch.equal(first.rows, batches.rows)
        assert not torch.equal(first.patterns, batches.patterns)
    assert data.n_folds == 3
    assert data.n_train_rows == 32


@given(fewer=st.integers(0, 3), batch_size=st.integers(1, 20), rows=st.integers(5, 23))
def test_of_very_many_rows_epochs_are_equal_parts_of_a_pass(fewer, batch_size, rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold_data, "_EPOCH_ROWS", rows)
        data = with_folds(sample(), (range(46), [46]), (range(46 - fewer), [45]))
    n_parts = 46 // rows
    assert n_parts > 1
    passes = []
    for k, fold in enumerate(data.folds):
        for first in (1, n_parts + 1):
            parts = [data.batches(k, epoch, batch_size) for epoch in range(first, first + n_parts)]
            assert {len(part.rows) for part in parts} == {data.n_steps(batch_size)}
            taken = torch.cat([part.rows[part.weights > 0] for part in parts])
            assert sorted(taken.tolist()) == fold.train.tolist(), "a pass has each row once"
            most = data.n_epoch_rows + data.n_steps(batch_size)  # a row more in each batch of the first parts
            assert all((part.weights > 0).sum() <= most for part in parts)
            passes.append(taken.tolist())
    assert passes[0] != passes[1], "each pass has an order of its own"
    epoch = data.epoch([(0, 1), (1, n_parts + 1)], batch_size)
    assert epoch.weights.shape[:2] == (data.n_steps(batch_size), 2), "members may be in unlike parts"


def test_batches_are_drawn_once():
    data = sample().fold_data()
    assert data.batches(0, 1, 8) is data.batches(0, 1, 8)


def test_what_is_remembered_does_not_grow_with_the_sets_of_folds(monkeypatch):
    monkeypatch.setattr(fold_data, "_MOST_BATCHES", 5_000)
    monkeypatch.setattr(fold_data, "_MOST_STARTS", 30_000)
    problem = sample()
    data = replace(problem, folds=problem.folds * 20).fold_data()
    table = ParameterTable.of(NetworkSpec(2, 20), data.sizes, 1)
    for fold in range(60):
        data.batches(fold, 1, 8)
        data.start(table, fold)
    assert 4_500 < data._batches.nbytes <= 5_000
    assert 25_000 < data._starts.nbytes <= 30_000
    assert data.start(table, 59) is data.start(table, 59)
    assert data.batches(59, 1, 8) is data.batches(59, 1, 8)


def test_starting_parameters_are_made_once_and_follow_from_seed_and_fold():
    data = sample().fold_data(4)
    table = ParameterTable.of(NetworkSpec(2, 5), data.sizes, 1)
    assert data.start(table, 1) is data.start(table, 1)
    assert torch.equal(data.start(table, 1), sample().fold_data(4).start(table, 1))
    assert not torch.equal(data.start(table, 1), data.start(table, 2))


def test_rows_pick_patterns_evenly():
    data = sample(n_rows=400, n_folds=2).fold_data()
    picked = torch.cat([data.batches(k, epoch, 50).patterns.flatten() for k in (0, 1) for epoch in range(1, 31)])
    assert (picked.min() >= 0) and (picked.max() < N_PATTERNS)
    counts = torch.bincount(picked, minlength=N_PATTERNS).double()
    chi2 = ((counts - counts.mean()) ** 2 / counts.mean()).sum().item()
    assert abs(chi2 - N_PATTERNS) < 5 * np.sqrt(2 * N_PATTERNS)


def test_patterns_of_a_layer_are_made_once_and_follow_from_the_seed():
    data = sample().fold_data(4)
    assert data.patterns(1, 6) is data.patterns(1, 6)
    assert torch.equal(data.patterns(1, 6), make_patterns(4, 1, 6))


@pytest.mark.parametrize("task", TASKS)
def test_an_epoch_holds_what_its_members_read_side_by_side(task):
    """Members of one fold may be in unlike epochs."""
    data = sample(task).fold_data()
    own = [(2, 1), (0, 4), (0, 1)]
    epoch = data.epoch(own, 12)
    assert epoch.weights.shape == (3, 3, 11), "steps, members, batch"
    for member, (fold, number) in enumerate(own):
        batches = data.batches(fold, number, 12)
        rows = batches.rows.long()
        for name in ("patterns", "weights"):
            assert torch.equal(getattr(epoch, name)[:, member], getattr(batches, name))
        folds = torch.full((3, 1), fold)
        assert torch.equal(epoch.places[:, member], data.places(folds, rows))
        assert torch.equal(epoch.codes[:, member], data.codes(rows))
        assert torch.equal(epoch.targets[:, member], data.targets(folds, rows))


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
    targets = binary.targets(torch.tensor([[0], [2]]), torch.tensor([[3, 4], [5, 6]]))
    assert targets.dtype == torch.float32
    assert targets.tolist() == sample("binary").targets[[[3, 4], [5, 6]]].tolist()
    targets = targets_of(multiclass, 0, np.arange(47))
    assert targets.dtype == torch.int64
    assert targets.tolist() == sample("multiclass").targets.tolist()


@pytest.mark.parametrize("task", ["regression", "vector_regression"])
def test_targets_of_regression_are_standardised_by_fold(task):
    data = sample(task).fold_data()
    for k, fold in enumerate(data.folds):
        targets = targets_of(data, k, fold.train)
        torch.testing.assert_close(targets.mean(dim=0), torch.zeros(targets.shape[1]), atol=1e-5, rtol=0)
        torch.testing.assert_close(targets.std(dim=0, correction=0), torch.ones(targets.shape[1]))


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
    problem, everyone = sample("regression"), np.arange(47)
    plain = targets_of(problem.fold_data(), 1, everyone)
    for values in (1.7e9 + 60 * problem.targets, 1e8 + problem.targets, 1e45 * problem.targets):
        moved = targets_of(replace(problem, targets=values).fold_data(), 1, everyone)
        torch.testing.assert_close(moved, plain, rtol=0, atol=1e-5)


def test_an_outlier_that_a_fold_leaves_out_changes_nothing_that_it_learns():
    problem = sample("regression")
    rows = problem.folds[1].train
    targets = problem.targets.copy()
    targets[problem.folds[1].validation[0]] = 1e25
    beside = targets_of(replace(problem, targets=targets).fold_data(), 1, rows)
    torch.testing.assert_close(beside, targets_of(problem.fold_data(), 1, rows), rtol=0, atol=1e-5)


def test_a_constant_target_is_only_centred():
    problem = sample("regression")
    data = replace(problem, targets=np.full((47, 1), 3.5)).fold_data()
    assert (targets_of(data, 0, np.arange(47)) == 0).all()


@pytest.mark.parametrize("most_copied", [0, 2**20], ids=["as they read", "beforehand"])
@pytest.mark.parametrize("n_pieces", [0, 2])
def test_rows_are_scaled_as_their_fold_sees_them(most_copied, n_pieces):
    problem = sample()
    data = problem.fold_data(most_copied=most_copied, n_pieces=n_pieces)
    folds, rows = [2, 0, 2], torch.tensor([[1, 46], [1, 46], [0, 0]])
    dense, codes = inputs_of(data, folds, rows)
    plain = widen(problem.matrix, LAYOUT, CPU)
    room = torch.cat([plain.dense[rows], torch.empty(3, 2, 3 * n_pieces)], dim=2)
    expected = scale_(room, data.center[folds], data.spread[folds], data.edges[folds])
    torch.testing.assert_close(dense, expected)
    assert not torch.equal(dense[0], dense[1])
    assert torch.equal(codes, plain.codes[rows])


def test_rows_are_scaled_beforehand_where_the_copies_fit():
    """47 rows of 11 numbers for 3 folds are 6204 bytes."""
    made = [sample().fold_data(most_copied=limit)._dense for limit in (6203, 6204)]
    assert [len(dense) for dense in made] == [47, 3 * 47]


@given(
    members=st.lists(st.integers(0, 2), min_size=1, max_size=5),
    rows=st.lists(st.integers(0, 46), min_size=1, max_size=9),
)
def test_scaling_beforehand_and_while_reading_agree(members, rows):
    copied, scaled = (
        inputs_of(sample().fold_data(most_copied=limit, n_pieces=3), members, [rows] * len(members))[0]
        for limit in (2**20, 0)
    )
    assert torch.equal(copied, scaled)


def test_what_was_read_is_valid_until_the_next_reading():
    data, scratch = sample().fold_data(), Scratch(CPU)
    places = data.places(torch.tensor([[0], [1]]), torch.tensor([[1, 2], [3, 4]]))
    first = data.dense(places, scratch)
    assert data.dense(places, scratch) is first


@pytest.mark.parametrize("most_copied", [0, 2**20])
def test_without_other_columns_than_embedded_ones_there_are_no_dense_inputs(most_copied):
    problem = replace(sample(), layout=Layout(1, (), (), (), (), ((0, 5),)), matrix=sample().matrix[:, [1]])
    dense, codes = inputs_of(problem.fold_data(most_copied=most_copied), [0, 2], [[3, 4, 5]] * 2)
    assert dense.shape == (2, 3, 0)
    assert codes.flatten().tolist() == problem.matrix[[3, 4, 5] * 2, 0].tolist()


def test_without_embedded_columns_there_are_no_codes():
    numbers = Layout(1, (0,), (), (), (), ())
    problem = replace(sample(), layout=numbers, matrix=sample().matrix[:, :1])
    dense, codes = inputs_of(problem.fold_data(), [0], [[3, 4, 5]])
    assert dense.shape == (1, 3, 1)
    assert codes.shape == (1, 3, 0)


def test_evaluation_rows_are_padded_to_the_longest_fold():
    data = sample().fold_data()
    for rows, folds in ((data.validation.rows, [f.validation for f in data.folds]), (data.train_sample.rows, None)):
        assert [len(part) for part in rows] == [16, 16, 15]
        if folds:
            assert all(np.array_equal(part, fold) for part, fold in zip(rows, folds, strict=True))
    assert data.validation.padded.shape == data.train_sample.padded.shape == (3, 16)
    for padded, rows in zip(data.validation.padded, data.validation.rows, strict=True):
        assert padded.tolist() == [*rows, *[0] * (16 - len(rows))]


def test_the_training_sample_is_of_training_rows_and_fixed():
    data = sample().fold_data()
    for rows, fold in zip(data.train_sample.rows, data.folds, strict=True):
        assert set(rows) <= set(fold.train)
        assert len(set(rows)) == len(rows)
    again = sample().fold_data()
    assert all(map(np.array_equal, data.train_sample.rows, again.train_sample.rows))


def test_a_fold_without_validation_rows_still_has_a_training_sample():
    data = with_folds(sample(), (range(47), np.arange(0)))
    assert data.validation.padded.shape == (1, 0)
    assert len(data.train_sample.rows[0]) == 47


def test_of_many_training_rows_a_part_is_sampled():
    n_rows = 6_000
    data = FoldData(
        np.zeros((n_rows, 1), dtype=np.float32),
        np.zeros(n_rows, dtype=np.int64),
        Layout(n_columns=1, numeric=(0,), passthrough=(), indicators=(), one_hot=(), embedded=()),
        [Fold(np.arange(3_000), np.arange(3_000, n_rows))],
        "binary",
        0,
        torch.device("cpu"),
    )
    [sampled] = data.train_sample.rows
    assert len(set(sampled)) == 1024
    assert max(sampled) < 3_000


@pytest.mark.parametrize("most_copied", [0, 2**20])
def test_the_matrix_is_not_changed(most_copied):
    problem = sample()
    before = problem.matrix.copy()
    inputs_of(problem.fold_data(most_copied=most_copied), [0, 1], [[1, 2], [3, 4]])
    np.testing.assert_array_equal(problem.matrix, before)


def test_the_same_rows_may_be_read_again_and_again():
    """Members scale what they read in place; the numbers that they read from must stay."""
    data = sample().fold_data(most_copied=0)
    first, second = (inputs_of(data, [0, 1], [[1, 2], [3, 4]])[0] for _ in range(2))
    assert torch.equal(first, second)


def test_statistics_and_data_are_on_the_device_asked_for():
    problem = sample("regression")
    data = FoldData(problem.matrix, problem.targets, LAYOUT, problem.folds, "regression", 0, torch.device("meta"))
    epoch = data.epoch([(0, 1), (2, 5)], 12)
    made = [*vars(epoch).values(), data.center, data.spread, data.patterns(0, 3), data.validation.padded]
    assert {tensor.device.type for tensor in made} == {"meta"}
