"""95 % intervals of what is measured on rows, by drawing the rows again (Efron and Tibshirani 1993, chapter 13)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from autoproc.data.metrics import Target
from autoproc.data.relations import Relations, resampled_together
from autoproc.outcomes import Estimate, Resamples, ResampleUnit
from autoproc.results import FloatArray

_RESAMPLES, _FEWEST_RESAMPLES = 1000, 50
_RESAMPLED = 20_000_000  # predictions in all: keeps a very large holdout, or one of many networks, from taking minutes
_FEWEST_FOR_PERCENTILES = 200  # resamples: fewer tell the standard error, and not the 2.5 % at either end
_FEWEST_KNOWN = 20
_LEVEL = 0.95

_SIDE_BY_SIDE = 2**14  # predictions: enough to have many resamples in one go, and few enough to stay near the processor

Measures = Callable[[Target, NDArray[np.floating]], dict[str, FloatArray]]
"""What is measured of S sets of predictions (S, n, ...) of the same targets: (S,) by name."""
Limits = tuple[float, float]
_ANYTHING: Limits = (-np.inf, np.inf)


@dataclass(frozen=True, eq=False)
class Resampling:
    """How n rows with `targets`, (n,) classes or (n, t) values, are drawn again. Each class is drawn by itself; where
    rows hang `together` (n,), those with one number are drawn as one instead."""

    targets: Target
    is_classification: bool
    seed: int
    together: NDArray[np.int64] | None = None
    unit: ResampleUnit = "rows"

    @classmethod
    def of(cls, targets: Target, is_classification: bool, relations: Relations, seed: int) -> "Resampling":
        """Of rows whose errors may be alike as `relations` say."""
        unit: ResampleUnit = "rows"
        if relations.groups is not None:
            unit = "groups"
        elif relations.times is not None:
            unit = "stretches of time"
        return cls(targets, is_classification, seed, resampled_together(relations), unit)

    def estimate(
        self,
        measures: Measures,
        predictions: NDArray[np.floating],
        limits: Mapping[str, Limits] = MappingProxyType({}),
    ) -> dict[str, Estimate]:
        """Each measure of `predictions` (n, ...) with its 95 % interval: percentiles of 1,000 resamples, or of fewer
        where there are more than 20,000 predictions.

        Percentiles are too narrow for fewer than 20 units, and not known from fewer than 200 resamples: Student's t
        with the resamples' standard error takes their place, within the `limits` of what a measure can be. The bounds
        are NaN where nothing can be known: of a single unit, or where nearly no resample is complete.
        """
        scores = measures(self.targets, predictions[None])
        resampled: dict[str, list[FloatArray]] = {name: [np.empty(0)] for name in scores}
        for rows in self._side_by_side(predictions.size):
            for name, of_resamples in measures(self.targets[rows[0]], predictions[rows]).items():
                resampled[name].append(of_resamples)
        estimates = {}
        for name, [score] in scores.items():
            interval = self._interval(float(score), np.concatenate(resampled[name]), limits.get(name, _ANYTHING))
            estimates[name] = Estimate(float(score), interval)
        return estimates

    def _side_by_side(self, n_predictions: int) -> Iterator[NDArray[np.int64]]:
        """The draws, (S, n) rows at a time, whose targets are the same: where classes are drawn each by itself, those
        of all resamples are."""
        draws, alike = self.draws(n_predictions), self.is_classification and not self._clusters
        n_at_once = max(1, _SIDE_BY_SIDE // n_predictions) if alike else 1
        while some := list(islice(draws, n_at_once)):
            yield np.stack(some)

    def draws(self, n_predictions: int) -> Iterator[NDArray[np.int64]]:
        """The rows of each resample that is complete: that has each class, and varies in each target, as all rows do.
        On others measures are not those of the same question: average precision without a positive row is 0."""
        if self.n_units == 1:
            return
        generator = np.random.default_rng(self.seed)
        for _ in range(_n_resamples(n_predictions)):
            if self._clusters:
                drawn = generator.integers(self.n_units, size=self.n_units)
                rows = np.concatenate([self._clusters[i] for i in drawn])
            else:
                rows = np.concatenate([generator.choice(stratum, len(stratum)) for stratum in self._strata])
            if self._is_complete(self.targets[rows]):
                yield rows

    def described(self, n_predictions: int) -> Resamples:
        """What is drawn, and the share of the resamples that are left out as they are not complete."""
        kept = sum(1 for _ in self.draws(n_predictions)) if self._clusters else _n_resamples(n_predictions)
        return Resamples(self.unit, self.n_units, 1 - kept / _n_resamples(n_predictions))

    @property
    def n_units(self) -> int:
        return len(self._clusters) or len(self.targets)

    @cached_property
    def _clusters(self) -> list[NDArray[np.int64]]:
        if self.together is None:
            return []
        return [np.flatnonzero(self.together == number) for number in np.unique(self.together)]

    @cached_property
    def _strata(self) -> list[NDArray[np.int64]]:
        if not self.is_classification:
            return [np.arange(len(self.targets))]
        return [np.flatnonzero(self.targets == c) for c in np.unique(self.targets)]

    @cached_property
    def _variety(self) -> NDArray[np.bool_]:
        return self._variety_of(self.targets)

    def _variety_of(self, targets: Target) -> NDArray[np.bool_]:
        """Which classes there are, or which targets vary."""
        if self.is_classification:
            return np.bincount(targets.astype(np.int64), minlength=int(self.targets.max()) + 1) > 0
        return np.atleast_1d(np.ptp(targets, axis=0) > 0)

    def _is_complete(self, targets: Target) -> bool:
        return bool((self._variety_of(targets) == self._variety).all())

    def _interval(self, score: float, resampled: FloatArray, limits: Limits) -> tuple[float, float]:
        known, n = resampled[np.isfinite(resampled)], self.n_units
        tail = (1 - _LEVEL) / 2
        if len(known) < _FEWEST_KNOWN:
            return np.nan, np.nan
        if n >= Resamples.FEW and len(known) >= _FEWEST_FOR_PERCENTILES:
            low, high = np.quantile(known, [tail, 1 - tail])
        else:  # resamples of n units vary by (n - 1) / n of what samples of them do
            error = float(np.std(known, ddof=1)) * np.sqrt(n / (n - 1))
            half = float(stats.t.ppf(1 - tail, n - 1)) * error
            low, high = np.clip([score - half, score + half], *limits)
        return float(low), float(high)


def _n_resamples(n_predictions: int) -> int:
    return int(np.clip(_RESAMPLED // n_predictions, _FEWEST_RESAMPLES, _RESAMPLES))
