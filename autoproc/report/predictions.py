"""Summaries of out-of-fold predictions: counts and curves, from which no row can be read."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from autoproc.data.scores import THRESHOLD
from autoproc.report.evidence import (
    ClassPredictions,
    Histogram,
    Line,
    Predictions,
    Reliability,
    TargetPredictions,
    ValuePredictions,
)
from autoproc.results import FloatArray, Problem

_MOST_POINTS = 200  # of a curve
_MOST_CURVES = 8
_FEWEST_IN_GROUP, _MOST_GROUPS = 20, 10
_CELLS = 40  # of the density, each way
_MOST_BINS = 40
_TAIL = 0.005  # of the values on each side that a frame need not hold, if they lie far out
_FAR = 0.5  # of the frame without them
_NO_RANGE = 1e-9  # of the values: less is rounding
_Z = float(stats.norm.ppf(0.975))

Classes = NDArray[np.int64]


def summarised(
    problem: Problem,
    targets: Classes | FloatArray,
    predictions: NDArray[np.floating],
    threshold: float | None,
) -> Predictions:
    """What n rows' predictions come to: (n,) probabilities of the positive class, (n, C) of classes, (n, t) values."""
    if problem.is_classification:
        return _of_classes(problem, targets.astype(np.int64), predictions.astype(np.float64), threshold)
    truth, values = targets.astype(np.float64), predictions.astype(np.float64)
    each = [_of_values(name, truth[:, i], values[:, i]) for i, name in enumerate(problem.targets)]
    return TargetPredictions("values", len(truth), each)


def histogram(name: str, values: FloatArray) -> Histogram:
    """Counts of finite values in bins of one width, about as many as Freedman and Diaconis (1981) would take; of few
    different values one bin each."""
    distinct = np.unique(values)
    gaps = np.diff(distinct)
    if np.ptp(values) <= _NO_RANGE * np.abs(values).max():
        edges = np.array([values.min() - 0.5, values.max() + 0.5])
    elif 1 < len(distinct) <= _MOST_BINS and np.ptp(gaps) <= 1e-9 * gaps.max():
        edges = np.append(distinct - gaps[0] / 2, distinct[-1] + gaps[0] / 2)
    else:
        edges = np.histogram_bin_edges(values, min(_MOST_BINS, len(np.histogram_bin_edges(values, "auto"))))
    return Histogram(name, edges.tolist(), np.histogram(values, edges)[0].tolist())


def _of_classes(problem: Problem, y: Classes, predictions: FloatArray, threshold: float | None) -> ClassPredictions:
    binary = predictions.ndim == 1
    labels = predictions >= (THRESHOLD if threshold is None else threshold) if binary else predictions.argmax(axis=1)
    n_classes = len(problem.classes)
    cells = np.bincount(y * n_classes + labels.astype(np.int64), minlength=n_classes**2)
    drawn = [1] if binary else _most_frequent(y, n_classes)
    scores = {c: predictions if binary else predictions[:, c] for c in drawn}
    curves = {c: _threshold_curves(y == c, score) for c, score in scores.items() if 0 < np.sum(y == c) < len(y)}
    names = problem.classes
    sure = predictions if binary else predictions.max(axis=1)
    came_true = y == 1 if binary else labels == y
    return ClassPredictions(
        "classes",
        len(y),
        threshold if binary else None,
        cells.reshape(n_classes, n_classes).tolist(),
        [_line(names[c], roc) for c, (roc, _) in curves.items()],
        [_line(names[c], recall) for c, (_, recall) in curves.items()],
        float(np.mean(y == 1)) if binary else None,
        _reliability(sure, came_true),
        len(drawn),
    )


def _most_frequent(y: Classes, n_classes: int) -> list[int]:
    ranked = np.argsort(-np.bincount(y, minlength=n_classes), kind="stable")[:_MOST_CURVES]
    return sorted(int(c) for c in ranked)


_Curve = tuple[FloatArray, FloatArray, float]


def _threshold_curves(positive: NDArray[np.bool_], score: FloatArray) -> tuple[_Curve, _Curve]:
    """ROC: share of false and of true positives; and recall with precision: at each threshold, with the areas."""
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.append(np.diff(score[order]) < 0, True))  # the last row of each distinct score
    hits = np.cumsum(positive[order])[last].astype(np.float64)
    taken = last + 1.0
    n_positive, n_negative = float(positive.sum()), float((~positive).sum())
    true_share, false_share = np.append(0, hits / n_positive), np.append(0, (taken - hits) / n_negative)
    precision = hits / taken
    area = float(np.trapezoid(true_share, false_share))
    average = float(np.sum(np.diff(true_share) * precision))
    return (false_share, true_share, area), (true_share[1:], precision, average)


def _line(name: str, curve: _Curve) -> Line:
    x, y, area = curve
    shown = np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).round().astype(int))
    return Line(name, _rounded(x[shown]), _rounded(y[shown]), area)


def _reliability(probability: FloatArray, came_true: NDArray[np.bool_]) -> Reliability:
    """In groups of as many rows each, with the intervals of Wilson (1927)."""
    n_groups = int(np.clip(len(probability) // _FEWEST_IN_GROUP, 1, _MOST_GROUPS))
    parts = np.array_split(np.argsort(probability, kind="stable"), n_groups)
    sizes = np.array([len(part) for part in parts])
    observed = np.array([came_true[part].mean() for part in parts])
    middle = (observed + _Z**2 / (2 * sizes)) / (1 + _Z**2 / sizes)
    half = _Z * np.sqrt(observed * (1 - observed) / sizes + _Z**2 / (4 * sizes**2)) / (1 + _Z**2 / sizes)
    return Reliability(
        _rounded(np.array([probability[part].mean() for part in parts])),
        _rounded(observed),
        _rounded(np.clip(middle - half, 0, 1)),
        _rounded(np.clip(middle + half, 0, 1)),
        sizes.tolist(),
    )


def _of_values(name: str, truth: FloatArray, predicted: FloatArray) -> ValuePredictions:
    both = np.concatenate([truth, predicted])
    low, high = _frame(both)
    edges = np.linspace(low, high, _CELLS + 1)
    density, _, _ = np.histogram2d(predicted, truth, [edges, edges])
    outside = len(truth) - int(density.sum())
    errors = truth - predicted
    near = np.clip(errors, *_frame(errors))
    return ValuePredictions(name, edges.tolist(), density.astype(int).tolist(), histogram(name, near), outside)


def _frame(values: FloatArray) -> tuple[float, float]:
    """Bounds that hold all values, or all but far ones."""
    low, high = float(values.min()), float(values.max())
    inner_low, inner_high = (float(q) for q in np.quantile(values, [_TAIL, 1 - _TAIL]))
    reach = _FAR * (inner_high - inner_low)
    low, high = max(low, inner_low - reach), min(high, inner_high + reach)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _rounded(values: FloatArray) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
