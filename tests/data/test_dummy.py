"""The dummy against scikit-learn's own, and against what it may know."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import accuracy_score, average_precision_score, log_loss, r2_score, root_mean_squared_error

from autoproc.data.dummy import dummy_predictions, dummy_score
from autoproc.data.metrics import METRICS
from autoproc.plan import Task
from autoproc.results import Problem

RANDOM = np.random.default_rng(0)
NOTHING_KNOWN = np.zeros((80, 1))


def problem(task: Task) -> Problem:
    classes = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c")}.get(task, ())
    targets = ("y", "z") if task == "vector_regression" else ("y",)
    return Problem(task, targets, classes, (), (), "")


def values(n_targets: int) -> NDArray[np.float64]:
    return RANDOM.normal(5, 3, size=(80, n_targets))


def test_a_binary_dummy_says_the_share_of_the_positive_class() -> None:
    train, test = (RANDOM.random(80) < 0.3).astype(int), (RANDOM.random(80) < 0.4).astype(int)
    dummy = DummyClassifier(strategy="prior").fit(NOTHING_KNOWN, train)
    wanted = dummy.predict_proba(NOTHING_KNOWN)[:, 1]
    np.testing.assert_allclose(dummy_predictions(train, 80, problem("binary")), wanted)
    assert dummy_score(train, test, problem("binary"), METRICS["roc_auc"]) == 0.5
    score = dummy_score(train, test, problem("binary"), METRICS["average_precision"])
    assert score == pytest.approx(average_precision_score(test, wanted)) == pytest.approx(test.mean())
    score = dummy_score(train, test, problem("binary"), METRICS["log_loss"])
    assert score == pytest.approx(log_loss(test, wanted))


def test_a_multiclass_dummy_says_the_share_of_each_class() -> None:
    train, test = RANDOM.choice(3, 80, p=[0.2, 0.5, 0.3]), RANDOM.choice(3, 80)
    dummy = DummyClassifier(strategy="prior").fit(NOTHING_KNOWN, train)
    found = dummy_predictions(train, 80, problem("multiclass"))
    np.testing.assert_allclose(found, dummy.predict_proba(NOTHING_KNOWN))
    score = dummy_score(train, test, problem("multiclass"), METRICS["accuracy"])
    assert score == accuracy_score(test, dummy.predict(NOTHING_KNOWN))


@pytest.mark.parametrize(("train", "wanted"), [([0, 0, 2], [2 / 3, 0, 1 / 3]), ([1, 1], [0, 1, 0])])
def test_a_class_that_training_rows_lack_has_no_share(train: list[int], wanted: list[float]) -> None:
    found = dummy_predictions(np.array(train), 4, problem("multiclass"))
    np.testing.assert_allclose(found, [wanted] * 4)


def test_a_binary_dummy_of_one_class_is_sure() -> None:
    assert dummy_predictions(np.array([0, 0]), 3, problem("binary")).tolist() == [0, 0, 0]
    assert dummy_predictions(np.array([1]), 3, problem("binary")).tolist() == [1, 1, 1]


@pytest.mark.parametrize("task", ["regression", "vector_regression"])
def test_a_dummy_of_values_says_the_means(task: Task) -> None:
    n_targets = len(problem(task).targets)
    train, test = values(n_targets), values(n_targets)
    wanted = DummyRegressor().fit(NOTHING_KNOWN, train).predict(NOTHING_KNOWN).reshape(80, n_targets)
    np.testing.assert_allclose(dummy_predictions(train, 80, problem(task)), wanted)
    score = dummy_score(train, test, problem(task), METRICS["rmse"])
    assert score == pytest.approx(root_mean_squared_error(test, wanted))
    assert dummy_score(train, train, problem(task), METRICS["r2"]) == pytest.approx(0, abs=1e-12)
    assert dummy_score(train, test, problem(task), METRICS["r2"]) == pytest.approx(r2_score(test, wanted))


def test_the_dummy_knows_training_targets_alone() -> None:
    train = values(1)
    scores = {dummy_score(train, test, problem("regression"), METRICS["rmse"]) for test in (values(1), values(1))}
    assert len(scores) == 2
    np.testing.assert_array_equal(
        dummy_predictions(train, 3, problem("regression")), dummy_predictions(train, 80, problem("regression"))[:3]
    )
