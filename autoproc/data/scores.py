"""The score functions: plain, pure, and computed for many networks at once.

Each takes the true targets of n rows and the predictions of S networks for them, and gives S scores (S,):

    binary              y (n,) of 0 and 1, predictions (S, n): probability of class 1
    multiclass          y (n,) class numbers, predictions (S, n, C): class probabilities
    (vector) regression y (n, t), predictions (S, n, t), both in the targets' own units

They equal scikit-learn's functions of the same name (ties included) but for two things: a score that is not
defined is NaN, without a warning; and the ROC AUC of many classes leaves out classes that it cannot rank.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Classes = NDArray[np.int64]
Predictions = NDArray[np.floating]

THRESHOLD = 0.5
"""A row is predicted positive where its probability is this or more."""

_CLIP = float(np.finfo(np.float32).eps)  # as scikit-learn clips float32 probabilities, so that no log is infinite


def roc_auc(y: Classes, predictions: Predictions) -> FloatArray:
    """Area under the ROC curve; of many classes the mean of each one's against the rest.

    NaN where y has one class only.
    """
    if predictions.ndim == 2:
        return _binary_roc_auc(y == 1, predictions)
    ranked = [c for c in range(predictions.shape[2]) if 0 < np.count_nonzero(y == c) < len(y)]
    each = [_binary_roc_auc(y == c, predictions[:, :, c]) for c in ranked]
    return _means(np.stack(each, axis=1)) if each else np.full(len(predictions), np.nan)


def average_precision(y: Classes, predictions: Predictions) -> FloatArray:
    """Mean over the positive rows of the precision at the threshold that just includes the row; 0 without one.

    This is sum_k (R_k - R_(k-1)) P_k over the distinct thresholds, scikit-learn's definition.
    """
    positive, negative = _sorted_by_class(y == 1, predictions)
    if not positive.shape[1]:
        return np.zeros(len(predictions))
    found = positive.shape[1] - _counts_below(positive, positive, "left")
    wrong = negative.shape[1] - _counts_below(negative, positive, "left")
    return _means(found / (found + wrong))


def accuracy(y: Classes, predictions: Predictions) -> FloatArray:
    """Share of the rows whose class is predicted."""
    return _means(_labels(predictions) == y)


def balanced_accuracy(y: Classes, predictions: Predictions) -> FloatArray:
    """Mean recall of the classes that y has."""
    n_classes = _n_classes(predictions)
    support = np.bincount(y, minlength=n_classes)
    labels = _labels(predictions)
    recall = _count_labels(labels, labels == y, n_classes)[:, support > 0] / support[support > 0]
    return _means(recall)


def f1(y: Classes, predictions: Predictions) -> FloatArray:
    """F1 of the positive class; 0 where nothing is positive, neither truly nor by prediction."""
    return _f1_by_class(y, predictions)[0][:, 1]


def macro_f1(y: Classes, predictions: Predictions) -> FloatArray:
    """Mean of the F1 of each class that y has or that is predicted."""
    scores, occurs = _f1_by_class(y, predictions)
    n_occurring: Classes = np.sum(occurs, axis=1)
    return np.asarray(np.sum(scores, axis=1) / n_occurring, dtype=np.float64)


def weighted_f1(y: Classes, predictions: Predictions) -> FloatArray:
    """Mean of the F1 of each class, weighted by its rows."""
    scores, _ = _f1_by_class(y, predictions)
    return np.asarray(scores @ np.bincount(y, minlength=scores.shape[1]) / len(y), dtype=np.float64)


def mcc(y: Classes, predictions: Predictions) -> FloatArray:
    """Matthews' correlation of true and predicted classes (Gorodkin 2004 for more than two); 0 where all rows are of
    one class, truly or by prediction."""
    n_classes, labels = _n_classes(predictions), _labels(predictions)
    n_true = np.bincount(y, minlength=n_classes).astype(np.float64)
    n_predicted = _count_labels(labels, np.ones_like(labels, dtype=bool), n_classes).astype(np.float64)
    hits: FloatArray = np.sum(labels == y, axis=1, dtype=np.float64)
    covariance = hits * len(y) - n_predicted @ n_true
    variances = (len(y) ** 2 - np.sum(np.square(n_predicted), axis=1)) * (len(y) ** 2 - n_true @ n_true)
    return np.where(variances > 0, covariance / np.sqrt(np.maximum(variances, 1)), 0.0)


def log_loss(y: Classes, predictions: Predictions) -> FloatArray:
    """Mean negative log (base e) of the probability of the true class, clipped to [eps, 1 - eps] of float32."""
    if predictions.ndim == 2:
        positive = predictions.astype(np.float64)
        of_truth = np.where(y == 1, positive, 1 - positive)
    else:
        of_truth = predictions[:, np.arange(len(y)), y].astype(np.float64)
    return _means(-np.log(np.clip(of_truth, _CLIP, 1 - _CLIP)))


def brier(y: Classes, predictions: Predictions) -> FloatArray:
    """Mean squared difference between the probability of class 1 and y."""
    return _means(np.square(predictions.astype(np.float64) - y))


def rmse(y: FloatArray, predictions: Predictions) -> FloatArray:
    """Root of the mean squared error; of several targets the mean of each one's."""
    return _means(np.sqrt(_means(np.square(_errors(y, predictions)))))


def mae(y: FloatArray, predictions: Predictions) -> FloatArray:
    """Mean absolute error; of several targets the mean of each one's."""
    return _means(_means(np.abs(_errors(y, predictions))))


def medae(y: FloatArray, predictions: Predictions) -> FloatArray:
    """Median absolute error; of several targets the mean of each one's."""
    return _means(np.median(np.abs(_errors(y, predictions)), axis=1))


def mape(y: FloatArray, predictions: Predictions) -> FloatArray:
    """Mean absolute error as a share of the true value; of several targets the mean of each one's. NaN where a true
    value is 0."""
    if not np.all(y):
        return np.full(len(predictions), np.nan)
    return _means(_means(np.abs(_errors(y, predictions) / y)))


def r2(y: FloatArray, predictions: Predictions) -> FloatArray:
    """Share of the variance that is explained; of several targets the mean of each one's.

    A target that is the same in all rows scores 1 where it is met exactly and else 0. NaN for one row.
    """
    if len(y) < 2:
        return np.full(len(predictions), np.nan)
    residual = np.sum(np.square(_errors(y, predictions)), axis=1)
    varies = np.ptp(y, axis=0) > 0  # the total of a constant may be off 0 by rounding
    total = np.where(varies, np.sum(np.square(y - np.mean(y, axis=0)), axis=0), 1.0)
    explained = np.where(varies, 1 - residual / total, residual == 0)
    return _means(explained)


def _binary_roc_auc(is_positive: NDArray[np.bool_], scores: Predictions) -> FloatArray:
    """Share of the (positive, negative) pairs in the right order; a tie counts half (Mann-Whitney)."""
    positive, negative = _sorted_by_class(is_positive, scores)
    n_pairs = positive.shape[1] * negative.shape[1]
    if not n_pairs:
        return np.full(len(scores), np.nan)
    lower = np.sum(_counts_below(negative, positive, "left"), axis=1)
    not_higher = np.sum(_counts_below(negative, positive, "right"), axis=1)
    return np.asarray((lower + not_higher) / (2 * n_pairs), dtype=np.float64)


def _sorted_by_class(is_positive: NDArray[np.bool_], scores: Predictions) -> tuple[Predictions, Predictions]:
    """Rising scores of the positive (S, P) and of the negative rows (S, N).

    Two sorts and a search take half the time of ordering all rows by index and looking for ties.
    """
    return np.sort(scores[:, is_positive], axis=1), np.sort(scores[:, ~is_positive], axis=1)


def _counts_below(rising: Predictions, bounds: Predictions, side: Literal["left", "right"]) -> NDArray[np.int64]:
    """How many of each network's `rising` scores lie below each of its bounds (S, b): strictly ("left"), or
    below or at it ("right")."""
    counts = [np.searchsorted(mine, bound, side=side) for mine, bound in zip(rising, bounds, strict=True)]
    return np.stack(counts).astype(np.int64)


def _n_classes(predictions: Predictions) -> int:
    return 2 if predictions.ndim == 2 else predictions.shape[2]


def _labels(predictions: Predictions) -> Classes:
    """Predicted class of each row (S, n); the first of equally probable ones."""
    if predictions.ndim == 2:
        return (predictions >= THRESHOLD).astype(np.int64)
    return np.asarray(np.argmax(predictions, axis=2), dtype=np.int64)


def _count_labels(labels: Classes, counted: NDArray[np.bool_], n_classes: int) -> Classes:
    """How many of each network's labels (S, n), where `counted`, name each class (S, C)."""
    n_networks = len(labels)
    cells = labels + n_classes * np.arange(n_networks)[:, None]
    counts = np.bincount(cells[counted], minlength=n_networks * n_classes)
    return np.asarray(counts.reshape(n_networks, n_classes), dtype=np.int64)


def _f1_by_class(y: Classes, predictions: Predictions) -> tuple[FloatArray, NDArray[np.bool_]]:
    """F1 of each class (S, C), 0 for one that does not occur; and whether it occurs, in y or in a prediction."""
    n_classes, labels = _n_classes(predictions), _labels(predictions)
    hits = _count_labels(labels, labels == y, n_classes)
    occurrences = _count_labels(labels, np.ones_like(labels, dtype=bool), n_classes) + np.bincount(
        y, minlength=n_classes
    )
    return 2 * hits / np.maximum(occurrences, 1), occurrences > 0


def _errors(y: FloatArray, predictions: Predictions) -> FloatArray:
    return predictions.astype(np.float64) - y


def _means(values: NDArray[np.number] | NDArray[np.bool_]) -> FloatArray:
    """Means over axis 1."""
    return np.asarray(np.mean(values, axis=1), dtype=np.float64)
