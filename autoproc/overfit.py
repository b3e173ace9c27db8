"""The overfit verdict: a pure function of a candidate's curves.

A rung overfits when, after its best epoch, the training score goes on rising while the validation score
falls by more than the noise. The best epoch is itself picked from noisy curves, and what comes after a picked
maximum falls by chance. So each fold's change is measured from the epoch at which the other folds are best;
and noise is the standard error of the folds' changes, so what folds differ by among themselves drops out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import stats

from autoproc.data.metrics import Metric
from autoproc.format import format_score
from autoproc.results import Curves, FloatArray, OverfitVerdict

TAIL = 5  # the last epochs, whose mean is compared with the best epoch
_CONFIDENCE = 0.975  # one-sided; half of what a 5 % test leaves to chance, because a rung is judged by two measures
_SMOOTHING = 3  # epochs averaged before the best one is looked for, so that a lucky epoch is not it
# One fold has nothing to be compared with but its own curve. Its drop has to be this many times what the curve
# moves by within `_LAG` epochs: the factor that chance exceeds in 2.5 % of flat curves whose noise keeps 0.8 of
# itself from epoch to epoch, and less often where it keeps less (benchmarks/false_alarms.py).
_WOBBLES = 7.0
_LAG = 2


@dataclass(frozen=True)
class _Change:
    """From the best epoch to the last ones, positive: better; with the paired standard error."""

    mean: float
    noise: float

    def exceeds_noise(self, sign: int) -> bool:
        return sign * self.mean > 0 and abs(self.mean) > self.noise


@dataclass(frozen=True)
class _Moved:
    """What a verdict's reason tells of, in words: both changes after the best epoch."""

    name: str
    measure: str
    epoch: int
    last: int
    gained: _Change
    lost: _Change

    def __str__(self) -> str:
        training, validation = (
            f"{'improves' if change.mean > 0 else 'worsens'} by {format_score(abs(change.mean))}"
            for change in (self.gained, self.lost)
        )
        measure = self.measure.replace("_", " ")
        return f"from epoch {self.epoch} to {self.last} training {measure} {training} and validation {validation}"


def peak_epoch(validation: FloatArray, metric: Metric) -> int:
    """Epoch (from 1) at which the smoothed mean over folds of a (K, E) curve is best."""
    mean = _smooth(validation).mean(axis=0)
    return metric.argbest(mean) + 1


def paired_noise(differences: FloatArray, overlap: float = 0.0) -> float:
    """How far the mean of K paired fold differences may lie above 0 by chance: one-sided 97.5 % bound of Student's
    t with K - 1 degrees of freedom times their standard error. NaN for a single fold.

    `overlap` is what makes folds vary together, as validation rows over training rows: the corrected resampled
    variance (1 / K + overlap) s^2 of Nadeau & Bengio (2003), "Inference for the generalization error".
    """
    k = len(differences)
    if k < 2:
        return float("nan")
    return float(stats.t.ppf(_CONFIDENCE, k - 1) * np.std(differences, ddof=1) * np.sqrt(1 / k + overlap))


def judge(name: str, curves: Curves, metric: Metric) -> OverfitVerdict:
    """Whether the training that `curves` show overfits, by the metric or else by the loss.

    Curves are (K, E) without NaN: all members trained all epochs. The loss is looked at second, because
    a metric can stand still at its ceiling (accuracy) while the probabilities grow worse.
    """
    by_metric = _judge_measure(
        name, metric.name, curves.train_score, curves.validation_score, metric.direction == "maximize"
    )
    if by_metric.overfit:
        return by_metric
    by_loss = _judge_measure(name, "loss", curves.train_loss, curves.validation_loss, rises=False)
    return by_loss if by_loss.overfit else by_metric


def _judge_measure(name: str, measure: str, train: FloatArray, validation: FloatArray, rises: bool) -> OverfitVerdict:
    sign = 1.0 if rises else -1.0
    train, validation = sign * train, sign * validation
    peak = int(np.argmax(_smooth(validation).mean(axis=0)))
    peaks = _peaks_of_others(validation)
    last = validation.shape[1]
    gained, lost = _change(train, peaks), _change(validation, peaks)
    late_enough = last - 1 - peak >= TAIL
    overfit = late_enough and lost.exceeds_noise(-1) and gained.exceeds_noise(1)
    room = _room(train, validation, peaks)
    conclusive = overfit or not late_enough or gained.mean <= 0 or lost.noise <= room
    moved = _Moved(name, measure, peak + 1, last, gained, lost)
    return OverfitVerdict(
        overfit=overfit,
        epoch=peak + 1,
        measure=measure,
        train_gain=gained.mean,
        validation_drop=-lost.mean,
        noise=lost.noise,
        reason=_reason(moved, overfit, late_enough) if conclusive else _too_few(moved, room),
        conclusive=conclusive,
    )


def _room(train: FloatArray, validation: FloatArray, peaks: NDArray[np.int64]) -> float:
    """The most that an overfit could lose: the gap between training and validation in the end, of which its loss is a
    part, or all that validation has learned by its peak. Noise above it hides any overfit."""
    gap = (train - validation)[:, -TAIL:].mean()
    learned = _smooth(validation)[np.arange(len(validation)), peaks] - validation[:, 0]
    return float(np.nanmax([gap, learned.mean(), 0.0]))  # a measure that is not defined on training rows has no gap


def _peaks_of_others(validation: FloatArray) -> NDArray[np.int64]:
    """For each fold the index of the epoch at which the mean of the other folds is best, (K, E) -> (K,); for a
    single fold its own."""
    smooth = _smooth(validation)
    if len(smooth) == 1:
        return np.asarray(np.argmax(smooth, axis=1))
    return np.asarray(np.argmax(smooth.sum(axis=0) - smooth, axis=1))


def _change(curve: FloatArray, peaks: NDArray[np.int64]) -> _Change:
    """From each fold's epoch in `peaks` to the last epochs.

    The folds' peaks are nearly the same epoch, picked from nearly the same folds, so their changes vary together:
    K - 1 folds pick for 1, which counts as an overlap of 1 / (K - 1). But picking can only gain what curves wobble by:
    that some folds truly fall more than others is no part of it.
    """
    k = len(curve)
    differences = curve[:, -TAIL:].mean(axis=1) - _smooth(curve)[np.arange(k), peaks]
    if k == 1:
        return _Change(float(differences[0]), _wobble(curve[0], int(peaks[0])))
    variance = float(np.var(differences, ddof=1))
    wobble = 2 * _wobble_variance(curve, int(np.median(peaks)))  # of a difference: twice that of its parts
    picked = min(wobble / variance, 1.0) if variance > 0 else 0.0
    return _Change(float(differences.mean()), paired_noise(differences, picked / (k - 1)))


def _wobble_variance(curve: FloatArray, peak: int) -> float:
    """Variance of the folds' smoothed curves from the peak on, around a straight line each; infinite where too few
    epochs are left to tell."""
    after = _smooth(curve)[:, peak:]
    n_epochs = after.shape[1]
    if n_epochs < TAIL:
        return float("inf")
    epochs = np.arange(n_epochs) - (n_epochs - 1) / 2
    slopes = after @ epochs / (epochs @ epochs)
    residuals = after - after.mean(axis=1, keepdims=True) - slopes[:, None] * epochs
    return float(np.square(residuals).sum(axis=1).mean() / (n_epochs - 2))


def _wobble(curve: FloatArray, peak: int) -> float:
    """Bound for the change of a single curve (E,) from its own peak: `_WOBBLES` times the root mean square of its
    steps over `_LAG` epochs after the peak, without their trend. NaN where too few epochs are left to tell."""
    after = curve[peak + 1 :]
    if len(after) < 2 * TAIL:
        return float("nan")
    return _WOBBLES * float(np.std(after[_LAG:] - after[:-_LAG]) / np.sqrt(2))


def _smooth(curve: FloatArray) -> FloatArray:
    """Running mean over the middle of `_SMOOTHING` epochs, shorter at the ends; (K, E) -> (K, E)."""
    half = _SMOOTHING // 2
    windows = sliding_window_view(np.pad(curve, ((0, 0), (half, half))), _SMOOTHING, axis=1)
    n_epochs = sliding_window_view(np.pad(np.ones(curve.shape[1]), half), _SMOOTHING)
    return np.asarray(windows.sum(axis=2) / n_epochs.sum(axis=1))


def _reason(moved: _Moved, overfit: bool, late_enough: bool) -> str:
    noise = format_score(moved.lost.noise)
    if overfit:
        return f"{moved.name} overfits: {moved} (noise {noise})"
    if not late_enough:
        told = f"{moved.name} does not overfit in {moved.last} epochs: validation is best at epoch {moved.epoch}"
        return f"{told}, too near the end for a fall to show"
    return f"{moved.name} does not overfit: {moved}, which is not beyond noise ({noise}) in both"


def _too_few(moved: _Moved, room: float) -> str:
    """Why it cannot be told whether the rung overfits."""
    if np.isnan(moved.lost.noise):
        return (
            f"{moved.name}: too few epochs to tell whether it overfits, because a single fold needs {2 * TAIL} after "
            f"its best one: {moved}"
        )
    return (
        f"{moved.name}: too few rows to tell whether it overfits, because noise ({format_score(moved.lost.noise)}) "
        f"is above the most that an overfit could lose ({format_score(room)}): {moved}"
    )
