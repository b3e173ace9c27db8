"""Selection: which of the search's finalists wins.

The best of many trials is the best partly by luck with the folds that it was chosen by. So the finalists, among them
the default configuration and the grown network, are trained again on folds that have chosen nothing, not even their
epochs, and the winner is picked by both scores (docs/decisions/016-picking-the-winner.md has the rules that were
measured).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from autoproc.data.metrics import Metric
from autoproc.deadline import Deadline
from autoproc.network.interface import Engine
from autoproc.optimism import between_folds
from autoproc.outcomes import COMPARED, Finalist, Search, Selection
from autoproc.picking import scores_picked_by_others
from autoproc.results import FRESH, FloatArray, Fold, Score, Trained, carry_forward


def score_again(
    engine: Engine,
    search: Search,
    folds: Sequence[Fold],
    metric: Metric,
    deadline: Deadline,
    on_scored: Callable[[Finalist], None],
) -> tuple[Finalist, ...]:
    """The finalists with a training each on `folds`, those of `engine`, side by side; without one where time is short.
    One that is cut short counts if it has trained for as long as it took to be at its best on the search's folds.
    `on_scored` is told of each that counts."""
    finalists = list(search.finalists)
    running = _affordable(search, deadline)
    for key in running:
        engine.start(key, finalists[key].trained.candidate)
    while running:
        for standing in engine.train_epoch():
            if not (standing.finished or deadline.passed):
                continue
            running.remove(standing.key)
            trained, finalist = engine.collect(standing.key), finalists[standing.key]
            if standing.finished or standing.epoch >= max(finalist.trained.best_epochs):
                score = _fresh_score(trained, finalist.trained, folds, metric)
                finalists[standing.key] = replace(finalist, fresh=replace(trained, score=score, fold_set=FRESH))
                on_scored(finalists[standing.key])
    return tuple(finalists)


def _fresh_score(fresh: Trained, searched: Trained, folds: Sequence[Fold], metric: Metric) -> Score:
    """The score of each fold at the epoch at which the others are best, and not at its own best, which would flatter;
    of a single split at the epoch at which the search's was best."""
    curves = fresh.curves.validation_score
    if fresh.failed:
        return fresh.score
    if len(folds) == 1:
        [epoch] = searched.best_epochs
        return Score.of(carry_forward(curves, epoch)[:, -1])
    return Score.of(scores_picked_by_others(carry_forward(curves, curves.shape[1]), folds, metric))


def _affordable(search: Search, deadline: Deadline) -> list[int]:
    """The finalists for which there is time, by what an epoch of a trial has taken: the best, those that it is compared
    with, then the others in their order."""
    finalists = search.finalists
    keys = sorted(range(len(finalists)), key=lambda key: key > 0 and finalists[key].trial.number not in COMPARED)
    needed = np.cumsum([search.seconds_an_epoch * finalists[key].trained.n_epochs for key in keys])
    return [key for key, seconds in zip(keys, needed, strict=True) if seconds <= deadline.remaining]


def select(finalists: Sequence[Finalist], metric: Metric) -> Selection:
    """Pick the winner among those that were scored on fresh folds; the search's best, which comes first, where that one
    was not."""
    first = finalists[0]
    rescored = [(each, (each.trained.score, fresh.score)) for each in finalists if (fresh := each.rescored)]
    if not rescored or not first.fresh:
        return Selection(tuple(finalists), first, "the search's best: it was not scored on fresh folds", None)
    winner, _ = rescored[pick([scores for _, scores in rescored], metric)]
    n_scored = f"{len(rescored)} finalists" if len(rescored) > 1 else "the search's best alone"
    reason = f"best of both scores, of {n_scored}" + ("" if winner is first else "; the search had preferred another")
    optimism = between_folds(first.trained.score, first.rescored.score, metric) if first.rescored else None
    return Selection(tuple(finalists), winner, reason, optimism)


def pick(scores: Sequence[tuple[Score, Score]], metric: Metric) -> int:
    """Number of the finalist with the best mean of both scores, on the search's folds and on fresh ones, each weighted
    by one over its squared standard error, as it is on average over the finalists."""
    weights = [_precision([pair[i] for pair in scores]) for i in (0, 1)]
    if not np.isfinite(weights).all():  # single splits have no standard error
        weights = [1.0, 1.0]
    means: FloatArray = np.array([[score.mean for score in pair] for pair in scores])
    return metric.argbest(np.average(means, axis=1, weights=weights))


def _precision(scores: Sequence[Score]) -> float:
    mean_square = float(np.mean(np.square([score.standard_error for score in scores])))
    return 1 / mean_square if mean_square > 0 else float("nan")
