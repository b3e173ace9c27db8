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
from autoproc.network.interface import Engine, Standing
from autoproc.optimism import between_folds
from autoproc.outcomes import COMPARED, Finalist, Search, Selection
from autoproc.picking import scores_picked_by_others
from autoproc.results import FRESH, FloatArray, Fold, Score, Trained, carry_forward

FOR_WANT_OF_TIME, FOR_WANT_OF_MEMORY = "for want of time", "for want of memory"
FOR_AN_EARLY_END = "because the job was asked for an early end"
_GRACE = 3.0  # seconds that the search's best may take in any case: a score that is worth something


def score_again(
    engine: Engine,
    search: Search,
    folds: Sequence[Fold],
    metric: Metric,
    deadline: Deadline,
    on_scored: Callable[[Finalist], None],
) -> tuple[Finalist, ...]:
    """The finalists with a training each on `folds`, those of `engine`, side by side and for as many epochs as in the
    search at most; without one where time is short. One that is cut short counts if it has trained for as long as it
    took to be at its best on the search's folds. The search's best has some seconds whatever the deadline, and where it
    is in danger the others give way, the last first. `on_scored` is told of each that counts."""
    finalists = list(search.finalists)
    grace = deadline.at_least(_GRACE)
    running = _affordable(search, deadline, grace)
    for key in running:
        engine.start(key, finalists[key].trained.candidate)
    while running:
        started = deadline.now
        standings = engine.train_epoch()
        seconds = deadline.now - started
        for standing in standings:
            trained, late = finalists[standing.key].trained, (grace if standing.key == 0 else deadline).passed
            if not (standing.finished or standing.epoch >= trained.n_epochs or late):
                continue
            running.remove(standing.key)
            fresh = engine.collect(standing.key)
            if standing.finished or standing.epoch >= max(trained.best_epochs):
                fresh = replace(fresh, score=_fresh_score(fresh, trained, folds, metric), fold_set=FRESH)
                finalists[standing.key] = replace(finalists[standing.key], fresh=fresh)
                on_scored(finalists[standing.key])
        if len(running) > 1 and _is_endangered(search, running, standings, seconds, deadline):
            engine.collect(running.pop())
    return tuple(finalists)


def _affordable(search: Search, deadline: Deadline, grace: Deadline) -> list[int]:
    """The finalists for which there is time if the machine is full, by what an epoch of a trial has taken, and no more
    than their own took: the best, which has until `grace`, those that it is compared with, then the others in their
    order."""
    finalists = search.finalists

    def needed_by(trained: Trained) -> float:
        return max(trained.best_epochs) * min(search.seconds_an_epoch, trained.seconds / trained.n_epochs)

    keys = sorted(range(len(finalists)), key=lambda key: key > 0 and finalists[key].trial.number not in COMPARED)
    needed = np.cumsum([needed_by(finalists[key].trained) for key in keys])
    return [
        key for key, seconds in zip(keys, needed, strict=True) if seconds <= (grace if key == 0 else deadline).remaining
    ]


def _is_endangered(
    search: Search, running: Sequence[int], standings: Sequence[Standing], seconds: float, deadline: Deadline
) -> bool:
    """Whether the search's best, where it runs, will not be at its best in time. The latest epoch has taken `seconds`;
    the first one says little, since what is done once is done then.

    Each that runs beside it is taken to add what an epoch has taken of a full machine, for as long as it still runs.
    """
    epochs = {standing.key: standing.epoch for standing in standings}
    left = max(search.finalists[0].trained.best_epochs) - epochs.get(0, 0)
    if 0 not in running or epochs.get(0, 0) <= 1 or left <= 0:
        return False
    another = min(search.seconds_an_epoch, seconds / len(standings))
    alone = seconds - another * (len(standings) - 1)
    beside = sum(min(left, search.finalists[key].trained.n_epochs - epochs.get(key, 0)) for key in running if key)
    return left * alone + beside * another > deadline.remaining


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


def select(finalists: Sequence[Finalist], metric: Metric, why_unscored: str = FOR_WANT_OF_TIME) -> Selection:
    """Pick the winner among those that were scored on fresh folds. Where the search's best, which comes first, is not
    among them, for the reason `why_unscored`, that would prefer others for no merit of theirs: then only those are
    picked from that the search saw level with it, and it wins where there are none."""
    first = finalists[0]
    rescored = [each for each in finalists if each.rescored and (first.fresh or _is_level(each, first, metric))]
    unscored = f"was not scored on fresh folds {why_unscored}"
    if not rescored:
        reason = "the search's best, which " + ("failed on fresh folds, like all others" if first.fresh else unscored)
        return Selection(tuple(finalists), first, reason, None)
    optimism = between_folds(first.trained.score, first.rescored.score, metric) if first.rescored else None
    if rescored == [first]:
        reason = "the search's best; no other finalist was scored on fresh folds"
        return Selection(tuple(finalists), first, reason, optimism)
    winner = rescored[pick([(each.trained.score, each.rescored.score) for each in rescored if each.rescored], metric)]
    reason = f"best of both scores, of {len(rescored)} finalists"
    if not first.fresh:
        reason = reason if len(rescored) > 1 else "the one finalist with a score on fresh folds"
        reason += f" that the search saw level with its best, which {unscored}"
    elif winner is not first:
        reason += "; the search had preferred another"
    return Selection(tuple(finalists), winner, reason, optimism)


def _is_level(finalist: Finalist, best: Finalist, metric: Metric) -> bool:
    """Whether the search scored it within one standard error of its best (Breiman et al. 1984, section 3.4.3)."""
    best_score = best.trained.score
    return bool(metric.gain(best_score.mean, finalist.trained.score.mean) <= np.nan_to_num(best_score.standard_error))


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
