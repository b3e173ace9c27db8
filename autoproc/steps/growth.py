"""Growth: a ladder of capacities without dropout or penalties, climbed until a rung overfits and a larger
network no longer validates better."""

from collections.abc import Callable, Sequence

import numpy as np

from autoproc.configurations import Ladder, choose_class_weights, unregularised
from autoproc.data.metrics import Metric
from autoproc.deadline import Deadline
from autoproc.errors import NoSignalError
from autoproc.network.interface import Engine, Standing
from autoproc.overfit import judge, peak_epoch
from autoproc.plan import Plan
from autoproc.results import Growth, OverfitVerdict, Rung, Score, Trained
from autoproc.spec import Candidate, NetworkSpec

_FEWEST_EPOCHS = 10  # that say something of a rung when time cuts it short


OnTrained = Callable[[int, Trained, OverfitVerdict | None], None]
"""Told of each training with its rung's number, and the verdict if it is the one that counts for its rung."""


def grow_until_overfit(
    engine: Engine,
    metric: Metric,
    plan: Plan,
    ladder: Ladder,
    learning_rate: float,
    deadline: Deadline,
    on_trained: OnTrained,
) -> Growth:
    """Climb the ladder from its smallest rung; `learning_rate` is the baseline's.

    A rung whose trainings all failed is passed over; raises NoSignalError when all rungs failed.
    """
    rungs: list[Rung] = []
    n_flat = 0
    for number, network in enumerate(ladder.rungs):
        at_least = _FEWEST_EPOCHS if not rungs else 1
        trainings = _train_rung(engine, network, metric, plan, learning_rate, deadline, at_least)
        # A later rung that time has cut short says nothing; the first one was given its epochs.
        cut_short = bool(rungs) and deadline.passed and max(t.n_epochs for t in trainings) < _FEWEST_EPOCHS
        rung = None if cut_short else _judge_rung(number, trainings, metric)
        for key, trained in enumerate(trainings):
            counts = rung is not None and trained is rung.trained
            on_trained(number, trained, rung.verdict if rung and counts else None)
            if not counts:
                engine.forget(key)
        if rung:
            n_flat = n_flat + 1 if rungs and not _is_better(rung, _best(rungs, metric), metric) else 0
            rungs.append(rung)
            if rung.verdict.overfit and n_flat:
                return _growth(rungs, ladder, metric, "a larger network no longer validates better")
        if deadline.passed:
            return _growth(rungs, ladder, metric, "its time ran out")
        if n_flat == plan.growth.most_flat:
            return _growth(rungs, ladder, metric, f"{n_flat} larger networks in a row validated no better")
    return _growth(rungs, ladder, metric, "the ladder has no larger rung")


def _judge_rung(number: int, trainings: Sequence[Trained], metric: Metric) -> Rung | None:
    """The best of a rung's trainings with its verdict; None where all failed."""
    usable = [trained for trained in trainings if not trained.failed]
    if not usable:
        return None
    best = _best_trained(usable, metric)
    return Rung(number, best, judge(str(best.candidate.network), best.curves, metric))


def _train_rung(
    engine: Engine,
    network: NetworkSpec,
    metric: Metric,
    plan: Plan,
    learning_rate: float,
    deadline: Deadline,
    at_least: int,
) -> list[Trained]:
    """One capacity at each of the learning rates, side by side, each until its validation peak is old enough."""
    epochs = plan.growth.max_epochs
    for key, factor in enumerate(plan.growth.learning_rate_factors):
        weights = choose_class_weights(plan, metric.class_weights)
        training = unregularised(plan, engine.n_train_rows, learning_rate * factor, epochs, class_weights=weights)
        engine.start(key, Candidate(network, training))
    watches = [_Watch(metric, plan.growth.patience) for _ in plan.growth.learning_rate_factors]
    trained: dict[int, Trained] = {}
    while len(trained) < len(watches):
        for standing in engine.train_epoch():
            stale = watches[standing.key].is_stale(standing)
            late = deadline.passed and standing.epoch >= at_least
            if standing.finished or stale or late:
                trained[standing.key] = engine.collect(standing.key)
    return [trained[key] for key in range(len(watches))]


class _Watch:
    """Notices when a candidate's smoothed validation peak lies `patience` epochs back."""

    def __init__(self, metric: Metric, patience: int) -> None:
        self._metric = metric
        self._patience = patience
        self._validation: list[list[float]] = []

    def is_stale(self, standing: Standing) -> bool:
        self._validation.append(standing.validation.tolist())
        curve = np.array(self._validation).T
        return np.isnan(curve).any() or standing.epoch - peak_epoch(curve, self._metric) >= self._patience


def _best_trained(candidates: Sequence[Trained], metric: Metric) -> Trained:
    return candidates[metric.argbest(np.array([candidate.score.mean for candidate in candidates]))]


def _best(rungs: Sequence[Rung], metric: Metric) -> Rung:
    return rungs[metric.argbest(np.array([rung.trained.score.mean for rung in rungs]))]


def _smallest_as_good(rungs: Sequence[Rung], metric: Metric) -> Rung:
    """The smallest rung that the best one does not beat: the one-standard-error rule (Breiman et al. 1984,
    section 3.4.3), paired by fold. A small network leaves time for more trials."""
    best = _best(rungs, metric)
    return next(rung for rung in rungs if not _is_better(best, rung, metric))


def _is_better(rung: Rung, other: Rung, metric: Metric) -> bool:
    """Whether `rung` validates better than `other` by more than one standard error, paired by fold."""
    lead = Score.of(metric.gain(np.array(rung.trained.score.folds), np.array(other.trained.score.folds)))
    return bool(lead.mean > np.nan_to_num(lead.standard_error))


def _growth(rungs: Sequence[Rung], ladder: Ladder, metric: Metric, ended: str) -> Growth:
    if not rungs:
        raise NoSignalError(
            "Every network of the growth ladder failed, so there is nothing to search around; the record has the "
            "reasons. Where the loss was not finite, look for extreme values in the table, or lower "
            "`baseline.learning_rates` in the plan; where memory was short, raise --memory-limit."
        )
    chosen = _smallest_as_good(rungs, metric)
    overfitting = [rung for rung in rungs if rung.verdict.overfit]
    if overfitting:
        reason = f"{overfitting[-1].verdict.reason}; growth ended because {ended}"
    else:
        reason = f"no rung overfits, and growth ended because {ended}: {rungs[-1].verdict.reason}"
    began = f"; {ladder.reason}" if ladder.reason else ""
    return Growth(tuple(rungs), ladder.rungs, chosen.number, bool(overfitting), reason + began)
