"""Optimism: how much better a score is that had a part in a choice than one that had none. Positive: it flattered."""

import math
from collections.abc import Sequence

from scipy import stats

from autoproc.data.metrics import Metric
from autoproc.outcomes import Estimate
from autoproc.results import Score

_LEVEL = 0.95
_NORMAL = float(stats.norm.ppf((1 + _LEVEL) / 2))


def between_folds(chosen_by: Score, fresh: Score, metric: Metric) -> Estimate:
    """From the folds that chose to fresh ones, with a 95 % interval that takes the two for independent, though they
    are cut from the same rows (Welch 1947: of two spreads that need not be the same). NaN bounds where one has a
    single fold."""
    scores = (chosen_by, fresh)
    error = math.hypot(*(score.standard_error for score in scores))
    return _estimate(float(metric.gain(chosen_by.mean, fresh.mean)), error, _freedom(scores, error))


def to_holdout(validated: Score, holdout: Estimate, metric: Metric) -> Estimate:
    """From a cross-validated score to the holdout's, with a 95 % interval: the two are of different rows."""
    low, high = holdout.interval
    error = math.hypot(validated.standard_error, (high - low) / (2 * _NORMAL))
    return _estimate(float(metric.gain(validated.mean, holdout.score)), error, len(validated.folds) - 1)


def of_mean(score: Score) -> tuple[float, float]:
    """The 95 % interval of a mean over folds, by Student's t; NaN bounds for a single fold, which tells no spread."""
    width = _half_width(score.standard_error, len(score.folds) - 1)
    return score.mean - width, score.mean + width


def _freedom(scores: Sequence[Score], error: float) -> float:
    """Degrees of freedom of the difference of means whose standard error is `error` (Welch and Satterthwaite)."""
    if not error > 0:  # all folds alike, or one fold
        return min(len(score.folds) for score in scores) - 1
    return error**4 / sum(score.standard_error**4 / (len(score.folds) - 1) for score in scores)


def _estimate(optimism: float, error: float, freedom: float) -> Estimate:
    width = _half_width(error, freedom)
    return Estimate(optimism, (optimism - width, optimism + width))


def _half_width(error: float, freedom: float) -> float:
    """Of the 95 % interval of Student's t; NaN without a degree of freedom."""
    return float(stats.t.ppf((1 + _LEVEL) / 2, freedom)) * error if freedom > 0 else math.nan
