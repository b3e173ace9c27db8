"""Optimism: how much better a score is that had a part in a choice than one that had none. Positive: it flattered."""

import math

from scipy import stats

from autoproc.data.metrics import Metric
from autoproc.outcomes import Estimate
from autoproc.results import Score

_LEVEL = 0.95
_NORMAL = float(stats.norm.ppf((1 + _LEVEL) / 2))


def between_folds(chosen_by: Score, fresh: Score, metric: Metric) -> Estimate:
    """From the folds that chose to fresh ones, with a 95 % interval that takes the two for independent, though they
    are cut from the same rows. NaN bounds where one has a single fold."""
    error = math.hypot(chosen_by.standard_error, fresh.standard_error)
    freedom = len(chosen_by.folds) + len(fresh.folds) - 2
    return _estimate(float(metric.gain(chosen_by.mean, fresh.mean)), error, freedom)


def to_holdout(validated: Score, holdout: Estimate, metric: Metric) -> Estimate:
    """From a cross-validated score to the holdout's, with a 95 % interval: the two are of different rows."""
    low, high = holdout.interval
    error = math.hypot(validated.standard_error, (high - low) / (2 * _NORMAL))
    return _estimate(float(metric.gain(validated.mean, holdout.score)), error, len(validated.folds) - 1)


def _estimate(optimism: float, error: float, freedom: int) -> Estimate:
    """With the interval of Student's t; NaN bounds without a degree of freedom."""
    width = float(stats.t.ppf((1 + _LEVEL) / 2, freedom)) * error if freedom else math.nan
    return Estimate(optimism, (optimism - width, optimism + width))
