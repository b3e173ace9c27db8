"""The overfit verdict: a pure function of a candidate's curves.

A rung overfits when, after its best epoch, the training score goes on rising while the validation score
falls by more than the noise. Noise is the standard error of the paired fold differences: each fold is
compared with itself at the best epoch, so what folds differ by among themselves drops out.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from autoproc.data.metrics import Metric
from autoproc.format import format_score
from autoproc.results import Curves, FloatArray, OverfitVerdict

TAIL = 5  # the last epochs, whose mean is compared with the best epoch
_CONFIDENCE = 0.95
_SMOOTHING = 3  # epochs averaged before the best one is looked for, so that a lucky epoch is not it


@dataclass(frozen=True)
class _Change:
    """From the best epoch to the last ones, positive: better; with the paired standard error."""

    mean: float
    noise: float

    def exceeds_noise(self, sign: int) -> bool:
        return sign * self.mean > 0 and abs(self.mean) > self.noise


def peak_epoch(validation: FloatArray, metric: Metric) -> int:
    """Epoch (from 1) at which the smoothed mean over folds of a (K, E) curve is best."""
    mean = _smooth(validation).mean(axis=0)
    return metric.argbest(mean) + 1


def paired_noise(differences: FloatArray) -> float:
    """How far the mean of paired fold differences may lie from 0 by chance: one-sided 95 % bound of
    Student's t times their standard error. NaN for a single fold."""
    k = len(differences)
    if k < 2:
        return float("nan")
    return float(stats.t.ppf(_CONFIDENCE, k - 1) * np.std(differences, ddof=1) / np.sqrt(k))


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
    smooth = _smooth(validation)
    peak = int(np.argmax(smooth.mean(axis=0)))
    last = validation.shape[1]
    gained = _change(train, peak)
    lost = _change(validation, peak)
    late_enough = last - 1 - peak >= TAIL
    overfit = late_enough and lost.exceeds_noise(-1) and gained.exceeds_noise(1)
    return OverfitVerdict(
        overfit=overfit,
        epoch=peak + 1,
        measure=measure,
        train_gain=gained.mean,
        validation_drop=-lost.mean,
        noise=lost.noise,
        reason=_reason(name, measure, peak + 1, last, gained, lost, overfit, late_enough),
    )


def _change(curve: FloatArray, peak: int) -> _Change:
    smooth = _smooth(curve)
    differences = curve[:, -TAIL:].mean(axis=1) - smooth[:, peak]
    noise = paired_noise(differences)
    if np.isnan(noise):  # one fold: what the curve wobbles by from epoch to epoch has to serve
        noise = float(2 * np.std(curve - smooth) * np.sqrt(1 / TAIL + 1 / _SMOOTHING))
    return _Change(float(differences.mean()), noise)


def _smooth(curve: FloatArray) -> FloatArray:
    """Running mean over the middle of `_SMOOTHING` epochs, shorter at the ends; (K, E) -> (K, E)."""
    half = _SMOOTHING // 2
    n_epochs = curve.shape[1]
    windows = [curve[:, max(0, e - half) : e + half + 1].mean(axis=1) for e in range(n_epochs)]
    return np.stack(windows, axis=1)


def _reason(
    name: str, measure: str, epoch: int, last: int, gained: _Change, lost: _Change, overfit: bool, late_enough: bool
) -> str:
    after = f"from epoch {epoch} to {last} training {_moved(measure, gained)}, validation {_moved(measure, lost)}"
    if overfit:
        return f"{name} overfits: {after} (noise {format_score(lost.noise)})"
    if not late_enough:
        return f"{name} does not overfit in {last} epochs: validation still improves at epoch {epoch}"
    return f"{name} does not overfit: {after}, which is not beyond noise ({format_score(lost.noise)}) in both"


def _moved(measure: str, change: _Change) -> str:
    return f"{measure} {'gains' if change.mean > 0 else 'loses'} {format_score(abs(change.mean))}"
