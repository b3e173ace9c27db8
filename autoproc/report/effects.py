"""Which parameters of the search go with its score, as far as its trials tell."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autoproc.results import Trial

# Of fewer trials an order by effect would be one by chance.
MIN_TRIALS = 20
_N_GROUPS = 4


def by_effect(trials: Sequence[Trial], parameters: Sequence[str]) -> tuple[str, ...]:
    """The parameters, which all trials have: first those whose values explain most of the scores' ranks. The order
    stays as it is where too few trials have a score.

    The share explained is the correlation ratio of the ranks in groups of equal values, or of numbers near each other.
    """
    scored = [trial for trial in trials if trial.state != "failed"]
    if len(scored) < MIN_TRIALS:
        return tuple(parameters)
    ranks = _ranks(np.array([trial.score.mean for trial in scored]))
    shares = {name: _explained(ranks, [trial.parameters[name] for trial in scored]) for name in parameters}
    return tuple(sorted(parameters, key=lambda name: -shares[name]))


def _explained(ranks: NDArray[np.float64], values: Sequence[object]) -> float:
    """Between 0 and 1, above what as many groups explain of ranks at random."""
    groups = _groups(values)
    present = np.unique(groups)
    deviations = ranks - ranks.mean()
    total = float(np.sum(deviations**2))
    between = sum(float(np.sum(deviations[groups == group]) ** 2 / np.sum(groups == group)) for group in present)
    by_chance = (len(present) - 1) / (len(ranks) - 1)
    return between / total - by_chance if total else 0.0


def _groups(values: Sequence[object]) -> NDArray[np.intp]:
    """A number for each value: equal values have the same, and so have those of one quarter of many numbers; 0, which
    stands for what is off, is apart."""
    distinct, groups = np.unique(np.array(values), return_inverse=True)
    if len(distinct) <= _N_GROUPS or distinct.dtype.kind not in "fi":
        return groups
    numbers = np.array(values, dtype=float)
    bounds = np.quantile(numbers[numbers != 0], np.linspace(0, 1, _N_GROUPS + 1)[1:-1])
    quarters = np.searchsorted(bounds, numbers)
    return np.where(numbers == 0, _N_GROUPS, quarters)


def _ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0; equal scores share their mean rank."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((ends - counts + ends - 1) / 2)[inverse]
