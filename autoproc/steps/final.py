"""The final model, in one of four kinds: what the winner, or several finalists, become before the holdout is opened.

folds      the winner's networks of the search's folds
refit      one network, trained on all development rows for the folds' median best epoch
refits     several of these, which start from different weights
ensemble   fold networks of several finalists, picked by what they predict out of fold
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from autoproc.data.metrics import Metric, Target
from autoproc.network.averaging import joined
from autoproc.network.interface import Engine, train_together
from autoproc.results import Finalist, FinalNetworks, Fold, Trained, Weights
from autoproc.spec import NetworkSpec, Replay

N_REFITS = 5
_ROUNDS = 20  # networks that the ensemble may be made of, with repetition

OutOfFold = tuple[NDArray[np.floating], ...]


def everything(n_rows: int) -> Fold:
    """The fold whose training rows are all development rows."""
    return Fold(np.arange(n_rows), np.arange(0))


def fold_networks(engine: Engine, winner: Finalist) -> FinalNetworks:
    """The winner's networks, each trained on its own fold."""
    trained = winner.trained
    return FinalNetworks(trained.candidate.network, trained.weights, engine.out_of_fold(trained), ((trained, 1),))


def refit(engine: Engine, best: Trained) -> Trained:
    """Networks with the best configuration, trained for the folds' median best epoch at the folds' median learning rate
    of each epoch. Look at `failed`: they may diverge where the folds did not.

    `engine` has the fold `everything`, as often as there shall be networks; each starts from other weights.
    """
    n_epochs = max(1, round(float(np.median(best.best_epochs))))
    rates = np.nanmedian(best.curves.learning_rate[:, :n_epochs], axis=0)
    scheduler = Replay(tuple(map(float, rates)))
    training = replace(best.candidate.train, max_epochs=n_epochs, patience=0, scheduler=scheduler)
    [trained] = train_together(engine, [replace(best.candidate, train=training)])
    return trained


def ensemble(
    engine: Engine, finalists: Sequence[Finalist], folds: Sequence[Fold], targets: Target, metric: Metric
) -> FinalNetworks:
    """Fold networks of the finalists, each counting as often as it was picked: one after the other is added to the
    average, whichever makes that best out of fold, and the best average of all sizes is taken.

    Caruana et al. (2004), "Ensemble selection from libraries of models".
    """
    predictions = [engine.out_of_fold(finalist.trained) for finalist in finalists]
    truths = [targets[fold.validation] for fold in folds]
    counts = _greedy_counts([np.stack(of_fold) for of_fold in zip(*predictions, strict=True)], truths, metric)
    parts = tuple((finalist.trained, int(n)) for finalist, n in zip(finalists, counts, strict=True) if n)
    network, weights = _joined(parts)
    average = tuple(np.average(np.stack(of_fold), axis=0, weights=counts) for of_fold in zip(*predictions, strict=True))
    return FinalNetworks(network, weights, average, parts)


def train_again(engine: Engine, final: FinalNetworks) -> FinalNetworks | str:
    """The same fold networks, trained on the folds of `engine`; or why one of them failed. What they predict out of
    fold stays what it was, as everything that was decided by it does."""
    trained = train_together(engine, [part.candidate for part, _ in final.parts])
    failed = next((each.failed for each in trained if each.failed), None)
    if failed:
        return failed
    parts = tuple((again, n) for again, (_, n) in zip(trained, final.parts, strict=True))
    network, weights = _joined(parts)
    return FinalNetworks(network, weights, final.out_of_fold, parts)


def refit_again(engine: Engine, final: FinalNetworks) -> FinalNetworks | str:
    """The winner's refit on the folds of `engine`, which are `everything`; or why it failed."""
    [(best, _)] = final.parts
    trained = refit(engine, best)
    return trained.failed or replace(final, weights=trained.weights)


def _joined(parts: Sequence[tuple[Trained, int]]) -> tuple[NetworkSpec, Weights]:
    return joined([(trained.candidate.network, trained.weights, float(n)) for trained, n in parts])


def _greedy_counts(
    predictions: Sequence[NDArray[np.floating]], truths: Sequence[Target], metric: Metric
) -> NDArray[np.int64]:
    """How often each of F finalists is picked, given their predictions (F, n_k, ...) of each fold's rows."""
    n_finalists = len(predictions[0])
    totals = [np.zeros(of_fold.shape[1:]) for of_fold in predictions]
    picked: list[int] = []
    scores: list[float] = []
    for size in range(1, _ROUNDS + 1):
        tried = [(total + of_fold) / size for total, of_fold in zip(totals, predictions, strict=True)]
        by_fold = [metric(truth, each) for truth, each in zip(truths, tried, strict=True)]
        mean = np.mean(by_fold, axis=0)
        best = metric.argbest(mean)
        picked.append(best)
        scores.append(float(mean[best]))
        totals = [total + of_fold[best] for total, of_fold in zip(totals, predictions, strict=True)]
    n_taken = metric.argbest(np.array(scores)) + 1
    return np.bincount(picked[:n_taken], minlength=n_finalists)
