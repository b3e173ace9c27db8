"""Growth: a ladder of capacities without dropout or penalties, climbed until a rung overfits and a larger
network no longer validates better."""

from collections.abc import Callable, Sequence

import numpy as np

from autoproc.configurations import ladder, unregularised
from autoproc.data.metrics import Metric
from autoproc.deadline import Deadline
from autoproc.errors import NoSignalError
from autoproc.network.interface import Engine, Standing
from autoproc.overfit import judge, peak_epoch
from autoproc.plan import Plan
from autoproc.results import Growth, Rung, Score, Trained
from autoproc.spec import Candidate, NetworkSpec

_FEWEST_EPOCHS = 10  # of a rung, even when time is over: fewer say nothing


def grow_until_overfit(
    engine: Engine,
    metric: Metric,
    plan: Plan,
    learning_rate: float,
    deadline: Deadline,
    on_rung: Callable[[Rung], None],
) -> Growth:
    """Climb the ladder from its smallest rung; `learning_rate` is the baseline's.

    `on_rung` is told of each rung as soon as it is judged. A rung whose training failed is passed over;
    raises NoSignalError when all failed.
    """
    capacities = ladder(plan)
    rungs: list[Rung] = []
    for number, network in enumerate(capacities):
        if rungs and deadline.passed:
            return _growth(rungs, capacities, metric, "the time for growth ran out")
        trained = _train_rung(engine, network, metric, plan, learning_rate, deadline)
        if trained.failed:
            continue
        rung = Rung(number, trained, judge(str(network), trained.curves, metric))
        on_rung(rung)
        rungs.append(rung)
        if rung.verdict.overfit and len(rungs) > 1 and not _is_better(rung, _best(rungs[:-1], metric), metric):
            return _growth(rungs, capacities, metric, "a larger network no longer validates better")
    return _growth(rungs, capacities, metric, "the ladder ended")


def _train_rung(
    engine: Engine, network: NetworkSpec, metric: Metric, plan: Plan, learning_rate: float, deadline: Deadline
) -> Trained:
    """One capacity at each of the learning rates, side by side, each until its validation peak is old
    enough; the better one (or a failed one, if all failed)."""
    epochs = plan.growth.max_epochs
    for key, factor in enumerate(plan.growth.learning_rate_factors):
        training = unregularised(plan, engine.n_train_rows, learning_rate * factor, epochs)
        engine.start(key, Candidate(network, training))
    watches = {key: _Watch(metric, plan.growth.patience) for key in range(len(plan.growth.learning_rate_factors))}
    trained: list[Trained] = []
    while watches:
        for standing in engine.train_epoch():
            stale = watches[standing.key].is_stale(standing)
            late = deadline.passed and standing.epoch >= _FEWEST_EPOCHS
            if standing.finished or stale or late:
                trained.append(engine.collect(standing.key))
                del watches[standing.key]
    usable = [candidate for candidate in trained if not candidate.failed]
    return _best_trained(usable, metric) if usable else trained[0]


class _Watch:
    """Notices when a candidate's smoothed validation peak lies `patience` epochs back."""

    def __init__(self, metric: Metric, patience: int) -> None:
        self._metric = metric
        self._patience = patience
        self._validation: list[list[float]] = []

    def is_stale(self, standing: Standing) -> bool:
        self._validation.append(standing.validation.tolist())
        if standing.finished:
            return True
        curve = np.array(self._validation).T
        return standing.epoch - peak_epoch(curve, self._metric) >= self._patience


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


def _growth(rungs: Sequence[Rung], capacities: tuple[NetworkSpec, ...], metric: Metric, ended: str) -> Growth:
    if not rungs:
        raise NoSignalError(
            "Every network of the growth ladder diverged, so there is nothing to search around. Training must keep "
            "a finite loss: look for extreme values in the table, or lower `baseline.learning_rates` in the plan."
        )
    chosen = _smallest_as_good(rungs, metric)
    overfitting = [rung for rung in rungs if rung.verdict.overfit]
    if overfitting:
        reason = f"{overfitting[-1].verdict.reason}; {ended}"
    else:
        reason = f"no rung overfits, {ended} first: {rungs[-1].verdict.reason}"
    return Growth(tuple(rungs), capacities, chosen.number, bool(overfitting), reason)
