"""The final model, in one of four kinds: what the winner, or several finalists, become before the holdout is opened.

folds      the winner's networks of the search's folds and of the fresh ones
refit      one network, trained on all development rows for the folds' median best epoch
refits     several of these, which start from different weights
ensemble   the fold networks of several finalists, picked by what they predict out of fold
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from autoproc.data.metrics import Metric, Target
from autoproc.deadline import NEVER, Deadline
from autoproc.network.averaging import joined
from autoproc.network.interface import Engine, train_within
from autoproc.outcomes import Finalist, FinalNetworks
from autoproc.plan import FinalKind
from autoproc.results import FloatArray, Fold, Protocol, Trained
from autoproc.spec import Replay

N_REFITS = 5
_ROUNDS = 20  # finalists that the ensemble may be made of, with repetition

Part = tuple[Trained, float]
"""A training, and how much its networks count together."""
PredictUnseen = Callable[[Trained, Sequence[Fold]], Sequence[NDArray[np.floating]]]
"""What each network of a training predicts of its own fold's validation rows."""


class FinalFailedError(Exception):
    """A network of the final model failed where those of the search did not; the message says how."""


class NoTimeError(Exception):
    """The time was over before the networks had been trained to their end."""


def everything(n_rows: int) -> Fold:
    """The fold whose training rows are all of them."""
    return Fold(np.arange(n_rows), np.arange(0))


def fold_networks(winner: Finalist, protocol: Protocol, predict: PredictUnseen) -> FinalNetworks:
    """The winner's networks, each trained on its own fold."""
    rows = protocol.once(winner.trained)
    unseen = _by_unseen(winner, protocol, predict)
    return _final("folds", _parts(winner, 1), [unseen[fold.validation] for fold in rows])


def ensemble(
    finalists: Sequence[Finalist], protocol: Protocol, predict: PredictUnseen, targets: Target, metric: Metric
) -> FinalNetworks:
    """Fold networks of the finalists, each counting as often as it was picked: one after the other is added to the
    average, whichever makes that best out of fold, and the best average of all sizes is taken.

    Caruana et al. (2004), "Ensemble selection from libraries of models".
    """
    rows = [fold.validation for fold in protocol.once(finalists[0].trained)]
    kept = np.sort(np.concatenate(rows))  # of a single split a small part of all
    unseen = np.stack([_by_unseen(finalist, protocol, predict)[kept] for finalist in finalists])
    places = [np.searchsorted(kept, mine) for mine in rows]
    counts = _greedy_counts([unseen[:, mine] for mine in places], [targets[mine] for mine in rows], metric)
    picked = zip(finalists, counts, strict=True)
    parts = [part for finalist, count in picked for part in _parts(finalist, int(count)) if count]
    average = np.average(unseen, axis=0, weights=counts)
    return _final("ensemble", parts, [average[mine] for mine in places])


def refit(engine: Engine, best: Trained, deadline: Deadline = NEVER) -> Trained:
    """Networks with the best configuration, trained for the folds' median best epoch at the folds' median learning rate
    of each epoch.

    `engine` has the fold `everything`, as often as there shall be networks; each starts from other weights. Raises
    FinalFailedError where one diverges, and NoTimeError.
    """
    n_epochs = max(1, round(float(np.median(best.best_epochs))))
    rates = np.nanmedian(best.curves.learning_rate[:, :n_epochs], axis=0)
    scheduler = Replay(tuple(map(float, rates)))
    training = replace(best.candidate.train, max_epochs=n_epochs, patience=0, scheduler=scheduler)
    return _train_all(engine, [replace(best, candidate=replace(best.candidate, train=training))], deadline)[0]


def train_again(engine: Engine, parts: Sequence[Part], deadline: Deadline = NEVER) -> list[Part]:
    """The same fold networks, trained on the folds of `engine`. Raises FinalFailedError where one fails, and
    NoTimeError."""
    trained = _train_all(engine, [part for part, _ in parts], deadline)
    return [(again, share) for again, (_, share) in zip(trained, parts, strict=True)]


def made_of(final: FinalNetworks, parts: Sequence[Part], kind: FinalKind | None = None) -> FinalNetworks:
    """The final model with other networks, of the same kind or another; what was decided out of fold stays."""
    return replace(_final(kind or final.kind, parts, final.out_of_fold), temperature=final.temperature)


def _train_all(engine: Engine, wanted: Sequence[Trained], deadline: Deadline) -> list[Trained]:
    ended = train_within(engine, [each.candidate for each in wanted], deadline)
    for trained, in_time in ended:
        if not in_time:  # what is cut short is not what was scored
            raise NoTimeError
        if trained.failed:
            raise FinalFailedError(trained.failed)
    return [replace(new, fold_set=old.fold_set) for (new, _), old in zip(ended, wanted, strict=True)]


def _final(kind: FinalKind, parts: Sequence[Part], out_of_fold: Sequence[NDArray[np.floating]]) -> FinalNetworks:
    network, weights = joined([(trained.candidate.network, trained.weights, share) for trained, share in parts])
    return FinalNetworks(kind, network, weights, tuple(out_of_fold), tuple(parts))


def _trainings(finalist: Finalist) -> list[Trained]:
    return [finalist.trained, *([finalist.rescored] if finalist.rescored else [])]


def _parts(finalist: Finalist, count: int) -> list[Part]:
    trainings = _trainings(finalist)
    return [(trained, count / len(trainings)) for trained in trainings]


def _by_unseen(finalist: Finalist, protocol: Protocol, predict: PredictUnseen) -> FloatArray:
    """What a finalist's networks predict of each row that they have not been trained on, on average, (n, ...); NaN for
    rows that all have."""
    trainings = _trainings(finalist)
    folds = [fold for trained in trainings for fold in protocol.folds_of(trained)]
    parts = [part for trained in trainings for part in predict(trained, protocol.folds_of(trained))]
    totals = np.zeros((protocol.n_development, *parts[0].shape[1:]))
    counts = np.zeros(protocol.n_development)
    for fold, part in zip(folds, parts, strict=True):
        totals[fold.validation] += part
        counts[fold.validation] += 1
    times = np.where(counts > 0, counts, np.nan)
    return totals / times.reshape(-1, *[1] * (totals.ndim - 1))


def _greedy_counts(
    predictions: Sequence[NDArray[np.floating]], truths: Sequence[Target], metric: Metric
) -> NDArray[np.int64]:
    """How often each of F finalists is picked, given their predictions (F, n_k, ...) of each fold's rows."""
    totals = [np.zeros(of_fold.shape[1:]) for of_fold in predictions]
    picked: list[int] = []
    scores: list[float] = []
    for size in range(1, _ROUNDS + 1):
        tried = [(total + of_fold) / size for total, of_fold in zip(totals, predictions, strict=True)]
        mean = np.mean([metric(truth, each) for truth, each in zip(truths, tried, strict=True)], axis=0)
        best = metric.argbest(mean)
        picked.append(best)
        scores.append(float(mean[best]))
        totals = [total + of_fold[best] for total, of_fold in zip(totals, predictions, strict=True)]
    n_taken = metric.argbest(np.array(scores)) + 1
    return np.bincount(picked[:n_taken], minlength=len(predictions[0]))
