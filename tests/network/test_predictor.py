from dataclasses import replace

import numpy as np
import pytest

from autoproc.data.vectorize import Layout
from autoproc.network import predictor as predictor_module
from autoproc.network.arrays import STATISTICS, TARGET_STATISTICS, expected_shapes
from autoproc.network.averaging import SHARE
from autoproc.network.engine import StackEngine
from autoproc.network.interface import train_together
from autoproc.network.predictor import Predictor
from autoproc.network.sizes import InputSizes
from autoproc.spec import Candidate, NetworkSpec, TrainSpec
from tests.network.sample_data import LAYOUT, TASKS, sample
from tests.oracle.torch_predictor import TorchPredictor

NETWORK = NetworkSpec(2, 5)
SHAPES = {"binary": (), "multiclass": (3,), "regression": (1,), "vector_regression": (2,)}


@pytest.fixture(scope="module", params=TASKS)
def trained(request):
    """The problem of a task and a candidate trained on it."""
    problem = sample(request.param)
    candidate = Candidate(NETWORK, TrainSpec(max_epochs=2, patience=0, batch_size=12))
    return problem, train_together(problem.engine(StackEngine), [candidate])[0]


def predictor(trained):
    problem, candidate = trained
    return Predictor(problem.task, LAYOUT, candidate.weights)


def test_trained_weights_have_the_expected_names_and_shapes(trained):
    problem, candidate = trained
    expected = expected_shapes(NETWORK, LAYOUT, problem.task, problem.n_outputs, n_members=3)
    assert {name: array.shape for name, array in candidate.weights.items()} == expected
    for name, array in candidate.weights.items():
        assert array.dtype == (np.float64 if name in TARGET_STATISTICS else np.float32)
    n_targets = problem.targets.shape[1] if problem.targets.ndim == 2 else 1
    assert expected["target.center"] == (3, n_targets)
    assert expected["hidden.0.weight"] == (3, 11 + 2 * 8, 5)
    assert expected["output.weight"] == (3, problem.n_outputs, 5)
    assert set(STATISTICS) < set(expected)


def with_pieces(weights, n_pieces):
    """The weights of networks that cut their numbers into pieces, some of which are empty."""
    random = np.random.default_rng(0)
    n_numeric = weights["input.center"].shape[1]
    edges = np.sort(random.normal(size=(3, n_pieces + 1, n_numeric)), axis=1).astype(np.float32)
    edges[:, -1] = edges[:, -2]
    of_pieces = random.normal(size=(3, n_pieces * n_numeric, 5)).astype(np.float32)
    first, n_dense = weights["hidden.0.weight"], InputSizes.of(LAYOUT).n_dense
    joined = np.concatenate([first[:, :n_dense], of_pieces, first[:, n_dense:]], axis=1)
    return {**weights, "input.edges": edges, "hidden.0.weight": joined}


@pytest.mark.parametrize("n_pieces", [0, 4])
def test_predictions_are_those_of_the_networks_in_training(trained, n_pieces):
    problem, candidate = trained
    problem = replace(problem, matrix=problem.matrix.copy())
    problem.matrix[:3, LAYOUT.numeric[0]] = [np.nan, np.finfo(np.float32).max, -np.finfo(np.float32).max]
    weights = with_pieces(candidate.weights, n_pieces) if n_pieces else candidate.weights
    found = Predictor(problem.task, LAYOUT, weights).members(problem.matrix)
    np.testing.assert_allclose(
        found, TorchPredictor(problem.task, LAYOUT, weights).members(problem.matrix), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("task", TASKS)
def test_any_kind_of_column_may_be_lacking(task):
    for layout in (
        Layout(1, (0,), (), (), (), ()),
        Layout(1, (), (), (), ((0, 3),), ()),
        Layout(1, (), (), (), (), ((0, 3),)),
    ):
        n_outputs = 3 if task == "multiclass" else 1
        shapes = expected_shapes(NETWORK, layout, task, n_outputs, 2, n_pieces=2)
        weights = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
        assert np.isfinite(Predictor(task, layout, weights).mean(np.ones((4, 1), np.float32))).all()


def test_predictions_have_the_tasks_shape_and_range(trained):
    problem, _ = trained
    everyone = predictor(trained).members(problem.matrix)
    assert everyone.dtype == (np.float32 if problem.task in ("binary", "multiclass") else np.float64)
    assert everyone.shape == (3, 47, *SHAPES[problem.task])
    assert np.isfinite(everyone).all()
    if problem.task in ("binary", "multiclass"):
        assert ((everyone >= 0) & (everyone <= 1)).all()
    if problem.task == "multiclass":
        np.testing.assert_allclose(everyone.sum(axis=-1), 1, rtol=1e-5)


def test_the_mean_is_that_of_the_members(trained):
    problem, _ = trained
    model = predictor(trained)
    assert model.n_members == 3
    np.testing.assert_allclose(model.mean(problem.matrix), model.members(problem.matrix).mean(axis=0), rtol=1e-6)


def test_a_row_is_predicted_alike_alone_and_among_many(trained):
    problem, _ = trained
    model = predictor(trained)
    many = np.tile(problem.matrix, (200, 1))
    together = model.mean(many)
    assert len(together) == 9400
    np.testing.assert_allclose(together[-47:], model.mean(problem.matrix), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(together[[46]], model.mean(problem.matrix[[46]]), rtol=1e-5, atol=1e-6)


def test_no_rows_give_no_predictions(trained):
    problem, _ = trained
    assert predictor(trained).mean(problem.matrix[:0]).shape == (0, *SHAPES[problem.task])


def test_the_members_of_a_part_predict_as_in_the_whole(trained):
    problem, candidate = trained
    one = Predictor(problem.task, LAYOUT, {name: array[[1]] for name, array in candidate.weights.items()})
    np.testing.assert_allclose(one.mean(problem.matrix), predictor(trained).members(problem.matrix)[1], rtol=1e-5)


def test_far_and_missing_numbers_are_predicted(trained):
    problem, _ = trained
    strange = problem.matrix[:3].copy()
    strange[0, list(LAYOUT.numeric)] = np.nan
    strange[1, list(LAYOUT.numeric)] = np.finfo(np.float32).max
    strange[2, list(LAYOUT.numeric)] = np.finfo(np.float32).min
    strange[:, list(LAYOUT.passthrough)] = np.nan
    assert np.isfinite(predictor(trained).mean(strange)).all()


def many(trained, n_members):
    """The weights of so many networks, which differ and count differently."""
    _, candidate = trained
    random = np.random.default_rng(0)
    picked = {name: array[random.integers(0, 3, n_members)] for name, array in candidate.weights.items()}
    last = picked["output.weight"] * random.uniform(0.5, 1.5, (n_members, 1, 1)).astype(np.float32)
    shares = random.dirichlet(np.ones(n_members)).astype(np.float32)
    return {**picked, "output.weight": last, SHARE: shares}


def test_many_networks_read_fewer_rows_at_once(trained, monkeypatch):
    """... so that no layer of all of them takes more than 16 MB, and their predictions are never held all at once."""
    problem, _ = trained
    weights, rows = many(trained, 1000), np.tile(problem.matrix, (30, 1))
    read, averaged = [], []
    widen, average = predictor_module.widened, np.average
    monkeypatch.setattr(
        predictor_module, "widened", lambda part, layout: (read.append(len(part)), widen(part, layout))[1]
    )
    monkeypatch.setattr(np, "average", lambda each, **more: (averaged.append(each.shape[1]), average(each, **more))[1])
    mean = Predictor(problem.task, LAYOUT, weights).mean(rows)
    inputs = weights["hidden.0.weight"].shape[1]
    assert max(read) * 1000 * inputs * 4 <= 16 * 2**20
    assert averaged == read and sum(read) == len(mean) == 30 * 47
    few = Predictor(problem.task, LAYOUT, many(trained, 10))
    read.clear()
    few.mean(np.tile(problem.matrix, (100, 1)))
    assert read == [4096, 604]


def test_the_mean_of_many_networks_is_that_of_each_alone(trained):
    problem, _ = trained
    weights, rows = many(trained, 700), np.tile(problem.matrix, (20, 1))
    alone = [
        Predictor(problem.task, LAYOUT, {name: array[[k]] for name, array in weights.items()}).mean(problem.matrix)
        for k in range(700)
    ]
    expected = np.average(alone, axis=0, weights=weights[SHARE].astype(float))
    np.testing.assert_allclose(
        Predictor(problem.task, LAYOUT, weights).mean(rows), np.tile(expected, (20, *[1] * (expected.ndim - 1))),
        rtol=1e-5, atol=1e-6,
    )  # fmt: skip
