import numpy as np
import pytest

from autoproc.network.engine import StackEngine
from autoproc.network.interface import train_together
from autoproc.network.predictor import STATISTICS, TARGET_STATISTICS, Predictor, expected_shapes
from autoproc.spec import Candidate, NetworkSpec, TrainSpec
from tests.network.sample_data import LAYOUT, TASKS, sample

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
