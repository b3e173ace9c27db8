"""Every score equals scikit-learn's, ties and constants included, and each network is scored by itself."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as oracle

from autoproc.data import scores
from autoproc.data.metrics import METRICS

EPS = float(np.finfo(np.float32).eps)
EXACT = {"rtol": 1e-9, "atol": 1e-12}
few = settings(max_examples=60, deadline=None)


def _labels(p: NDArray[np.floating]) -> NDArray[np.int64]:
    return (p >= 0.5).astype(np.int64)


BINARY: dict[str, Callable[..., float]] = {
    "roc_auc": lambda y, p: oracle.roc_auc_score(y, p),
    "average_precision": lambda y, p: oracle.average_precision_score(y, p),
    "accuracy": lambda y, p: oracle.accuracy_score(y, _labels(p)),
    "balanced_accuracy": lambda y, p: oracle.balanced_accuracy_score(y, _labels(p)),
    "f1": lambda y, p: oracle.f1_score(y, _labels(p), zero_division=0.0),
    "mcc": lambda y, p: oracle.matthews_corrcoef(y, _labels(p)),
    "log_loss": lambda y, p: oracle.log_loss(y, np.clip(p.astype(np.float64), EPS, 1 - EPS)),
    "brier": lambda y, p: oracle.brier_score_loss(y, p.astype(np.float64)),
}
MULTICLASS: dict[str, Callable[..., float]] = {
    "roc_auc": lambda y, p: oracle.roc_auc_score(y, p.astype(np.float64), multi_class="ovr", average="macro"),
    "accuracy": lambda y, p: oracle.accuracy_score(y, p.argmax(axis=1)),
    "balanced_accuracy": lambda y, p: oracle.balanced_accuracy_score(y, p.argmax(axis=1)),
    "macro_f1": lambda y, p: oracle.f1_score(y, p.argmax(axis=1), average="macro", zero_division=0.0),
    "weighted_f1": lambda y, p: oracle.f1_score(y, p.argmax(axis=1), average="weighted", zero_division=0.0),
    "mcc": lambda y, p: oracle.matthews_corrcoef(y, p.argmax(axis=1)),
    "log_loss": lambda y, p: oracle.log_loss(y, p.astype(np.float64), labels=range(p.shape[1])),
}
VALUES: dict[str, Callable[..., float]] = {
    "rmse": lambda y, p: oracle.root_mean_squared_error(y, p.astype(np.float64)),
    "mae": lambda y, p: oracle.mean_absolute_error(y, p.astype(np.float64)),
    "medae": lambda y, p: oracle.median_absolute_error(y, p.astype(np.float64)),
    "mape": lambda y, p: oracle.mean_absolute_percentage_error(y, p.astype(np.float64)),
    "r2": lambda y, p: oracle.r2_score(y, p.astype(np.float64)),
}


@st.composite
def binary_cases(draw: st.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Both classes; probabilities with many ties, at 0, at 1 and at the threshold."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(2, 40))
    y = rng.permutation(np.arange(n) < draw(st.integers(1, n - 1))).astype(np.int64)
    n_levels = draw(st.integers(1, 12))
    p = rng.integers(0, n_levels + 1, size=(draw(st.integers(1, 5)), n)) / n_levels
    return y, p.astype(draw(st.sampled_from([np.float32, np.float64])))


@st.composite
def multiclass_cases(draw: st.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Every class occurs, more than two of them; probabilities in eighths, so that there are ties, and none is 0."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_classes = draw(st.integers(3, 6))
    n = draw(st.integers(n_classes, 40))
    y = rng.permutation(np.arange(n) % n_classes).astype(np.int64)
    eighths = rng.multinomial(8 - n_classes, rng.dirichlet(np.ones(n_classes)), size=(draw(st.integers(1, 4)), n))
    p = (1 + eighths) / 8
    return y, p.astype(draw(st.sampled_from([np.float32, np.float64])))


@st.composite
def value_cases(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, t = draw(st.integers(2, 30)), draw(st.integers(1, 3))
    scale = 10.0 ** rng.integers(-3, 6, size=t)
    y = rng.normal(rng.integers(-100, 100, size=t), 1, size=(n, t)) * scale
    p = y + rng.normal(size=(draw(st.integers(1, 4)), n, t)) * scale
    return y, p.astype(draw(st.sampled_from([np.float32, np.float64])))


@pytest.mark.parametrize("name", BINARY)
@few
@given(case=binary_cases())
def test_binary_scores_equal_scikit_learn(name: str, case: tuple[NDArray[np.int64], NDArray[np.floating]]) -> None:
    y, predictions = case
    np.testing.assert_allclose(METRICS[name](y, predictions), [BINARY[name](y, p) for p in predictions], **EXACT)


@pytest.mark.parametrize("name", MULTICLASS)
@few
@given(case=multiclass_cases())
def test_multiclass_scores_equal_scikit_learn(name: str, case: tuple[NDArray[np.int64], NDArray[np.floating]]) -> None:
    y, predictions = case
    np.testing.assert_allclose(METRICS[name](y, predictions), [MULTICLASS[name](y, p) for p in predictions], **EXACT)


@pytest.mark.parametrize("name", VALUES)
@few
@given(case=value_cases())
def test_value_scores_equal_scikit_learn(name: str, case: tuple[NDArray[np.float64], NDArray[np.floating]]) -> None:
    y, predictions = case
    np.testing.assert_allclose(METRICS[name](y, predictions), [VALUES[name](y, p) for p in predictions], **EXACT)


def test_each_metric_has_an_oracle_for_each_of_its_tasks() -> None:
    by_task = {"binary": BINARY, "multiclass": MULTICLASS, "regression": VALUES, "vector_regression": VALUES}
    for task, oracles in by_task.items():
        assert {name for name, metric in METRICS.items() if task in metric.tasks} == set(oracles)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_constant_probabilities_score_as_in_scikit_learn(name: str, value: float) -> None:
    y = np.array([0, 1, 1, 0, 0, 1, 0])
    predictions = np.full((2, len(y)), value, dtype=np.float32)
    np.testing.assert_allclose(METRICS[name](y, predictions), [BINARY[name](y, p) for p in predictions], **EXACT)


@pytest.mark.parametrize("prediction", [3.0, 5.0])
def test_r2_of_a_constant_target_is_scikit_learns(prediction: float) -> None:
    y, predictions = np.full((4, 1), 3.0), np.full((1, 4, 1), prediction)
    assert METRICS["r2"](y, predictions)[0] == oracle.r2_score(y, predictions[0])


def test_r2_of_a_constant_target_does_not_divide_by_a_rounding_error() -> None:
    y = np.full((3, 1), 0.1)  # its mean is not 0.1
    assert METRICS["r2"](y, np.full((1, 3, 1), 0.2))[0] == 0.0
    assert METRICS["r2"](y, np.full((1, 3, 1), 0.1))[0] == 1.0


def test_r2_of_one_row_is_not_defined() -> None:
    assert np.isnan(METRICS["r2"](np.ones((1, 1)), np.ones((1, 1, 1)))).all()


def test_a_share_of_zero_is_not_defined() -> None:
    assert np.isnan(METRICS["mape"](np.array([[0.0], [1.0]]), np.ones((2, 2, 1)))).all()


def test_vector_targets_count_alike_whatever_their_units() -> None:
    y = np.array([[0.0, 0.0], [2.0, 2000.0]])
    p = np.array([[[1.0, 0.0], [2.0, 2000.0]]])
    np.testing.assert_allclose(METRICS["rmse"](y, p), [np.sqrt(0.5) / 2])
    np.testing.assert_allclose(METRICS["r2"](y, p), [(0.5 + 1.0) / 2])


@pytest.mark.parametrize("y", [np.zeros(5, dtype=np.int64), np.ones(5, dtype=np.int64)])
def test_one_class_leaves_roc_auc_undefined_without_a_warning(y: NDArray[np.int64]) -> None:
    predictions = np.random.default_rng(0).random((3, 5))
    assert np.isnan(METRICS["roc_auc"](y, predictions)).all()
    for name in set(BINARY) - {"roc_auc"}:
        assert np.isfinite(METRICS[name](y, predictions)).all()


def test_average_precision_without_a_positive_row_is_zero_and_with_only_positive_ones_one() -> None:
    predictions = np.random.default_rng(0).random((2, 5))
    assert METRICS["average_precision"](np.zeros(5, dtype=np.int64), predictions).tolist() == [0.0, 0.0]
    np.testing.assert_allclose(METRICS["average_precision"](np.ones(5, dtype=np.int64), predictions), [1.0, 1.0])


def test_classes_that_a_fold_lacks_take_no_part() -> None:
    y = np.array([0, 0, 1, 1])
    p = np.random.default_rng(3).dirichlet(np.ones(4), size=(2, 4))
    pairs = [np.mean([oracle.roc_auc_score(y == c, one[:, c]) for c in (0, 1)]) for one in p]
    np.testing.assert_allclose(METRICS["roc_auc"](y, p), pairs, **EXACT)
    p[:, :, 2:] = 0.0
    for name in ("balanced_accuracy", "macro_f1", "weighted_f1", "mcc", "accuracy"):
        np.testing.assert_allclose(METRICS[name](y, p), [MULTICLASS[name](y, one) for one in p], **EXACT)
    assert np.isnan(METRICS["roc_auc"](np.zeros(4, dtype=np.int64), p)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", METRICS)
def test_a_diverged_network_scores_nan_and_leaves_the_others_alone(name: str, bad: float) -> None:
    rng = np.random.default_rng(1)
    for task in METRICS[name].tasks:
        y, predictions = {
            "binary": (rng.permutation(np.arange(20) % 2), rng.random((3, 20))),
            "multiclass": (rng.permutation(np.arange(20) % 3), rng.dirichlet(np.ones(3), size=(3, 20))),
            "regression": (rng.normal(size=(20, 1)), rng.normal(size=(3, 20, 1))),
            "vector_regression": (rng.normal(size=(20, 2)), rng.normal(size=(3, 20, 2))),
        }[task]
        alone = METRICS[name](y, predictions[[0, 2]])
        predictions[(1, 7) + (0,) * (predictions.ndim - 2)] = bad
        together = METRICS[name](y, predictions)
        assert np.isnan(together[1])
        assert together[[0, 2]].tolist() == alone.tolist()


def test_a_probability_of_zero_for_the_true_class_costs_no_more_than_float32_can_tell() -> None:
    y = np.array([2, 0])
    p = np.array([[[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]], dtype=np.float32)
    np.testing.assert_allclose(METRICS["log_loss"](y, p), [-(np.log(EPS) + np.log1p(-EPS)) / 2], **EXACT)


def test_numbers_too_large_to_square_raise_no_warning() -> None:
    assert METRICS["rmse"](np.zeros((2, 1)), np.full((1, 2, 1), 1e300)).tolist() == [np.inf]


def test_a_probability_of_exactly_one_half_counts_as_positive() -> None:
    assert scores.accuracy(np.array([1, 0]), np.array([[0.5, 0.4999]])).tolist() == [1.0]
