"""Optimism: how much better a score is that had a part in a choice than one that had none. Positive: it flattered."""

import math

from scipy import stats

from autoproc.data.metrics import Metric
from autoproc.results import Estimate, Score

_LEVEL = 0.95
_NORMAL = float(stats.norm.ppf((1 + _LEVEL) / 2))


def between_folds(chosen_by: Score, fresh: Score, metric: Metric) -> Estimate:
    """From the folds that chose to fresh ones, with a 95 % interval: Welch's, which takes the two for independent,
    though they are cut from the same rows, and so is rather too wide. NaN bounds where one has a single fold."""
    errors = (chosen_by.standard_error, fresh.standard_error)
    error = math.hypot(*errors)
    freedom = sum(len(score.folds) - 1 for score in (chosen_by, fresh))
    width = float(stats.t.ppf((1 + _LEVEL) / 2, freedom)) * error if freedom else math.nan
    return _around(float(metric.gain(chosen_by.mean, fresh.mean)), width)


def to_holdout(validated: Score, holdout: Estimate, metric: Metric) -> Estimate:
    """From a cross-validated score to the holdout's, with a 95 % interval: the two are of different rows."""
    low, high = holdout.interval
    error = math.hypot(validated.standard_error, (high - low) / (2 * _NORMAL))
    freedom = len(validated.folds) - 1
    width = float(stats.t.ppf((1 + _LEVEL) / 2, freedom)) * error if freedom else math.nan
    return _around(float(metric.gain(validated.mean, holdout.score)), width)


def _around(middle: float, width: float) -> Estimate:
    return Estimate(middle, (middle - width, middle + width))
