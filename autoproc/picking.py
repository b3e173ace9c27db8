"""Scores at epochs that were picked without the rows that are scored."""

from collections.abc import Sequence

import numpy as np

from autoproc.data.metrics import Metric
from autoproc.results import FloatArray, Fold


def scores_picked_by_others(curves: FloatArray, folds: Sequence[Fold], metric: Metric) -> FloatArray:
    """Each fold's score (K,), of its curve (K, E), in the column at which the others of its repeat are best on average.

    The best of a fold's own columns is the best by chance as well: it flatters. Folds of another repeat validate some
    of the same rows, so they have no say. There must be two folds or more.
    """
    others = [[not np.isin(other.validation, fold.validation).any() for other in folds] for fold in folds]
    picked = [metric.argbest(curves[those].mean(axis=0)) for those in others]
    return np.asarray(curves[np.arange(len(folds)), picked])
