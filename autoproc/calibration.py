"""Probabilities that mean what they say: one temperature for all logits (Guo et al. 2017), found out of fold.

Dividing logits by a temperature above 1 makes probabilities less certain, below 1 more certain. The order of a binary
problem's rows and the likeliest class of each row stay as they are, as far as the numbers can tell: temperatures below
about 0.5 bring some probabilities so near to 1 that not even 64 bits keep them apart. What is tempered is the average
of all networks, for that is what the temperature was fitted on.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from autoproc.data.scores import log_loss
from autoproc.outcomes import Calibration
from autoproc.results import FloatArray, Fold, Score

Classes = NDArray[np.int64]
_Item = TypeVar("_Item", bound=np.generic)
Predict = Callable[[NDArray[np.float32]], NDArray[np.floating]]

_LOWEST, _HIGHEST = 0.1, 10.0  # temperatures: beyond these a network knows all, or nothing
_FITTED_CLIP = float(np.finfo(np.float32).eps)  # as the log loss clips, so that one sure and wrong row is not all
_CLIP = 1e-50  # below every float32 but 0: two probabilities are never clipped to the same
_PARTS = 5


def calibrate(targets: Classes, folds: Sequence[Fold], out_of_fold: Sequence[NDArray[np.floating]]) -> Calibration:
    """The temperature of out-of-fold probabilities, (n_k,) or (n_k, C) of each fold's validation rows, and whether it
    earns its place: whether the log loss of each fold, at the temperature of the folds that share no row with it, is
    lower by more than one standard error. A single fold's rows are parted in five instead."""
    truth, parts = parted(targets, folds, out_of_fold)
    after = []
    for k, others in enumerate(apart(folds)):
        temperature = fit_temperature(_joined(truth, others), _joined(parts, others))
        after.append(_log_loss(truth[k], tempered(parts[k], temperature)))
    before = Score.of(np.array([_log_loss(y, part) for y, part in zip(truth, parts, strict=True)]))
    cross_fitted = Score.of(np.array(after))
    temperature = fit_temperature(np.concatenate(truth), np.concatenate(parts))
    gain = Score.of(np.array(before.folds) - np.array(cross_fitted.folds))
    return Calibration(temperature, before, cross_fitted, gain.mean > gain.standard_error)


def fit_temperature(y: Classes, probabilities: NDArray[np.floating]) -> float:
    """The temperature in [0.1, 10] with the lowest log loss of `probabilities`, (n,) of class 1 or (n, C)."""
    from scipy.optimize import minimize_scalar  # which prediction does without

    logits = _logits(probabilities, _FITTED_CLIP)
    of_truth = np.arange(len(y)), y

    def loss(log_temperature: float) -> float:
        return -float(np.mean(_log_softmax(logits / np.exp(log_temperature))[of_truth]))

    # Convex in 1 / temperature, and so with one minimum in its logarithm too.
    found = minimize_scalar(loss, bounds=(np.log(_LOWEST), np.log(_HIGHEST)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def tempered(probabilities: NDArray[np.floating], temperature: float) -> FloatArray:
    """Probabilities, (n,) of class 1 or (n, C), with their logits divided by the temperature; in 64 bits, for 32 would
    make many of those near 1 the same.

    >>> tempered(np.array([0.5, 0.9]), 2.0).round(3).tolist()
    [0.5, 0.75]
    """
    scaled = np.exp(_log_softmax(_logits(probabilities, _CLIP) / temperature))
    return scaled[:, 1] if probabilities.ndim == 1 else scaled


def with_temperature(predict: Predict, temperature: float) -> Predict:
    """Prediction of tempered probabilities, in 64 bits; a temperature of 1 leaves it as it is, values too."""
    if temperature == 1:
        return predict

    def predict_tempered(matrix: NDArray[np.float32]) -> NDArray[np.floating]:
        return tempered(predict(matrix), temperature)

    return predict_tempered


def parted(
    targets: Classes, folds: Sequence[Fold], out_of_fold: Sequence[NDArray[np.floating]]
) -> tuple[list[Classes], list[NDArray[np.floating]]]:
    """The targets and the predictions of each fold's validation rows; those of a single fold in five parts, so that
    there are some that a choice can be tried on."""
    if len(folds) > 1:
        return [targets[fold.validation] for fold in folds], list(out_of_fold)
    truth, starts = targets[folds[0].validation], range(_PARTS)
    return [truth[k::_PARTS] for k in starts], [out_of_fold[0][k::_PARTS] for k in starts]


def apart(folds: Sequence[Fold]) -> list[list[int]]:
    """For each of the parts that `parted` makes the numbers of those that share no row with it."""
    if len(folds) == 1:
        return [[j for j in range(_PARTS) if j != k] for k in range(_PARTS)]
    rows = [fold.validation for fold in folds]
    return [[j for j, theirs in enumerate(rows) if not np.isin(theirs, mine).any()] for mine in rows]


def _logits(probabilities: NDArray[np.floating], clip: float) -> FloatArray:
    """Logits (n, C), up to a number that all of a row have in common; two classes where there is one column."""
    of_one = probabilities.astype(np.float64)
    by_class = np.stack([1 - of_one, of_one], axis=1) if of_one.ndim == 1 else of_one
    return np.asarray(np.log(np.clip(by_class, clip, 1)), dtype=np.float64)


def _log_softmax(logits: FloatArray) -> FloatArray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), dtype=np.float64)


def _joined(parts: Sequence[NDArray[_Item]], chosen: Sequence[int]) -> NDArray[_Item]:
    return np.concatenate([parts[j] for j in chosen])


def _log_loss(y: Classes, probabilities: NDArray[np.floating]) -> float:
    return float(log_loss(y, probabilities[None])[0])
