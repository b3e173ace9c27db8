"""How contenders stand beside each other over several sets.

All take `goodness` (contenders, sets): scores of which higher is better; minus infinity where a contender cannot do a
set or failed on it, NaN where it was not run.
"""

import numpy as np
from scipy.stats import rankdata


def mean_ranks(goodness: np.ndarray) -> np.ndarray:
    """Mean rank of each contender (1: best; equal ones share theirs) over the sets it was run on, each among those that
    were run there; who has no score ranks behind all that have one."""
    ranks = rankdata(-goodness, axis=0, nan_policy="omit")
    return mean_of_known(ranks)


def normalised(goodness: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Scores between 0 (at `floor`, a value a set; where that is NaN, the worst score there) and 1 (the best score
    there). Below the floor, or without a score, is 0; so is everyone where nobody is above it."""
    scored = np.where(np.isfinite(goodness), goodness, np.nan)
    floor = np.where(np.isnan(floor), np.fmin.reduce(scored, axis=0), floor)
    span = np.fmax.reduce(scored, axis=0) - floor
    shares = np.clip((np.maximum(goodness, floor) - floor) / np.where(span > 0, span, np.inf), 0, 1)
    return np.where(np.isnan(goodness), np.nan, shares)


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Mean of each row without its NaN; NaN of a row that has nothing else."""
    known = ~np.isnan(values)
    return np.where(known, values, 0).sum(axis=1) / np.where(known.any(axis=1), known.sum(axis=1), np.nan)
