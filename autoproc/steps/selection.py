"""Selection: which of the search's finalists wins.

The best of many trials is the best partly by luck with the folds that it was chosen by. So the finalists, among them
the default configuration and the grown network, are trained again on folds that have chosen nothing, and the winner is
picked by both scores (docs/decisions/016-picking-the-winner.md has the rules that were measured).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from autoproc.data.metrics import Metric
from autoproc.deadline import Deadline
from autoproc.network.interface import Engine
from autoproc.optimism import between_folds
from autoproc.results import COMPARED, Finalist, FloatArray, Score, Search, Selection


def score_again(
    engine: Engine, search: Search, deadline: Deadline, on_scored: Callable[[Finalist], None]
) -> tuple[Finalist, ...]:
    """The finalists with a training each on the folds of `engine`, side by side; without one where time is short. One
    that is cut short counts if it has trained for as long as it took to be at its best on the search's folds.
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
                finalists[standing.key] = replace(finalist, fresh=trained)
                on_scored(finalists[standing.key])
    return tuple(finalists)


def _affordable(search: Search, deadline: Deadline) -> list[int]:
    """The finalists for which there is time, by what an epoch of a trial has taken: the best, those that it is compared
    with, then the others in their order."""
    finalists = search.finalists
    keys = sorted(range(len(finalists)), key=lambda key: key > 0 and finalists[key].trial.number not in COMPARED)
    needed = np.cumsum([search.seconds_an_epoch * finalists[key].trained.n_epochs for key in keys])
    return [key for key, seconds in zip(keys, needed, strict=True) if seconds <= deadline.remaining]


def select(finalists: Sequence[Finalist], metric: Metric) -> Selection:
    """Pick the winner; the search's best, which comes first, where that has no score on fresh folds."""
    first, rescored = finalists[0], [each for each in finalists if each.fresh and not each.fresh.failed]
    if first not in rescored:
        why = "there was no time for fresh folds" if not first.fresh else f"on fresh folds it {first.fresh.failed}"
        return Selection(tuple(finalists), first, f"the search's best: {why}", None)
    winner = rescored[pick([(each.trained.score, _fresh_score(each)) for each in rescored], metric)]
    n_scored = f"{len(rescored)} finalists" if len(rescored) > 1 else "the search's best alone"
    reason = f"best of both scores, of {n_scored}" + ("" if winner is first else "; the search had preferred another")
    return Selection(tuple(finalists), winner, reason, between_folds(first.trained.score, _fresh_score(first), metric))


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


def _fresh_score(finalist: Finalist) -> Score:
    assert finalist.fresh is not None
    return finalist.fresh.score
