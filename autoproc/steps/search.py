"""Search: Optuna's TPE by ask and tell, over regularisation and schedules around the network that growth found.

The loop is the whole of it: keep the engine full, train an epoch, report, prune, collect, tell.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import optuna
from optuna.trial import FixedTrial

from autoproc.configurations import default_training, neighbours
from autoproc.data.metrics import Metric
from autoproc.deadline import Clock, Deadline
from autoproc.errors import AutoprocError
from autoproc.failing import NO_CONFIGURATION, failure_advice, is_hopeless
from autoproc.network.interface import Engine, Standing
from autoproc.outcomes import COMPARED, CUT_SHORT, DEFAULT, GROWN, Finalist, Search, StoppedBy
from autoproc.plan import Plan
from autoproc.results import Curves, Growth, Score, Trained, Trial, TrialState
from autoproc.space import Space, Value
from autoproc.spec import Candidate

FIRST_CHECK = 5  # epochs before a trial can be pruned
_MARGIN = 1.25  # times the seconds that the finalists should take
_LEAST_SHARE = 0.5  # of the time, whatever the finalists need after it
_BEST = 5  # trials that are finalists, beside those two

# What a space that is wrong in itself raises when it is asked for a configuration: Optuna has no errors of its own.
_SPACE_ERRORS = (AutoprocError, ValueError, TypeError, LookupError, ArithmeticError)

_T = TypeVar("_T")
OnTrial = Callable[[Trial, Trained], None]
_OPTUNA_STATES: dict[TrialState, optuna.trial.TrialState] = {
    "complete": optuna.trial.TrialState.COMPLETE,
    "pruned": optuna.trial.TrialState.PRUNED,
    "failed": optuna.trial.TrialState.FAIL,
}


class OptunaSuggest:
    """Suggestions of an Optuna trial."""

    def __init__(self, trial: optuna.trial.BaseTrial) -> None:
        self._trial = trial

    def number(self, name: str, low: float, high: float, *, log: bool) -> float:
        return self._trial.suggest_float(name, low, high, log=log)

    def integer(self, name: str, low: int, high: int) -> int:
        return self._trial.suggest_int(name, low, high)

    def choice(self, name: str, options: Sequence[Value]) -> Value:
        value: Value = self._trial.suggest_categorical(name, options)  # type: ignore[assignment]  # None is no option
        return value


def search_regularisation(
    engine: Engine,
    metric: Metric,
    plan: Plan,
    space: Space,
    growth: Growth,
    deadline: Deadline,
    on_trial: OnTrial,
    again: float = 0.0,
) -> Search:
    """Search until `plan.trials` trials are done, time is over, or trials fail one after the other for the same cause;
    `on_trial` is told of each finished one.

    Trial 0 is the grown network as it is, trial 1 the default configuration, and its neighbours follow. `again` is how
    often the finalists' folds will be trained once more before the deadline. For that up to half of the time is kept,
    and what the best of them needs in any case: a trial that cannot be scored again has no part in the outcome.
    """
    half = deadline.share(_LEAST_SHARE)
    loop = _Loop(engine, metric, plan, space, growth, on_trial, deadline.clock)
    while loop.wants_more or loop.running:
        if loop.is_late(deadline, half, again):
            stopped_by: StoppedBy = "user" if deadline.clock.is_over else "time limit"
            loop.stop(stopped_by)
            return loop.result(stopped_by)
        loop.fill()
        loop.train_epoch()
    return loop.result("failures" if loop.is_hopeless else "trials")


@dataclass(frozen=True)
class _Effort:
    """What a training takes: epochs, and seconds of a full machine, no more than it took beside others."""

    epochs: int
    seconds: float


@dataclass(frozen=True)
class _Running:
    trial: optuna.Trial
    candidate: Candidate


class _Loop:
    """The search's state: Optuna's study, what runs, what has ended, the best so far."""

    def __init__(
        self,
        engine: Engine,
        metric: Metric,
        plan: Plan,
        space: Space,
        growth: Growth,
        on_trial: OnTrial,
        clock: Clock,
    ) -> None:
        self._engine = engine
        self._metric = metric
        self._plan = plan
        self._space = space
        self._growth = growth
        self._on_trial = on_trial
        self._clock = clock
        grown = growth.best.trained.candidate.train
        self._default = default_training(plan, engine.n_train_rows, grown.learning_rate, grown.class_weights)
        self._chosen = growth.ladder.index(growth.best.trained.candidate.network)
        self._centre = space.centre(growth.ladder, self._chosen)
        self._study = _new_study(metric, plan.seed)
        self.running: dict[int, _Running] = {}
        self._trials: list[Trial] = []
        self._finalists: list[Finalist] = []
        self._started = clock.now
        self._n_epochs = 0
        self._standings: dict[int, Standing] = {}
        self._epoch_seconds = 0.0  # that the latest epoch of all that run has taken
        self._enter_grown()
        self._enqueue_default()

    @property
    def is_hopeless(self) -> bool:
        """Whether trials only fail; one that still runs and comes to a score is new hope."""
        return is_hopeless(self._trials)

    @property
    def wants_more(self) -> bool:
        return len(self._trials) + len(self.running) < self._plan.trials and not self.is_hopeless

    def fill(self) -> None:
        """Ask for trials until the engine is full."""
        network = self._growth.ladder[self._centre]  # what trials train, or a rung up or down
        while self.wants_more and self._engine.has_room(network, self._default.batch_size):
            self._start(self._study.ask(), Candidate(network, self._default))

    def _start(self, trial: optuna.Trial, default: Candidate) -> None:
        """Let a trial in; one for which the space has no valid configuration has failed."""
        try:
            candidate = self._sample(trial)
        except _SPACE_ERRORS as error:
            if trial.number != DEFAULT:
                return self._refuse(trial, default, error)
            candidate = default
        if trial.number == DEFAULT:  # exactly as it is, also where the space cannot express it
            candidate = default
        self.running[trial.number] = _Running(trial, candidate)
        self._engine.start(trial.number, candidate, trial.number % self._engine.n_fold_sets)

    def is_late(self, deadline: Deadline, half: Deadline, again: float) -> bool:
        """Whether the finalists, as they stand, need the time that is left after another epoch."""
        left, efforts = deadline.remaining - self._epoch_seconds, self._efforts
        best, everyone = (_MARGIN * again * self._seconds_again(part) for part in (efforts[:1], efforts))
        return deadline.passed or best > left or (half.passed and everyone > left)

    def _seconds_again(self, efforts: Sequence[_Effort]) -> float:
        """What trainings take once more: few side by side take as long as the longest does, at the pace of growth,
        which trains few; many as long as a full machine takes for all."""
        grown = self._growth.best.trained
        longest = max(effort.epochs for effort in efforts)
        return max(longest * grown.seconds / grown.n_epochs, sum(effort.seconds for effort in efforts))

    def train_epoch(self) -> None:
        """Train what runs by an epoch."""
        started = self._clock.now
        self._report(self._engine.train_epoch())
        self._epoch_seconds = self._clock.now - started

    def _report(self, standings: Sequence[Standing]) -> None:
        """Tell Optuna how the running trials stand, and end those that are finished or not worth going on. The default
        configuration is never pruned: the others are compared with it in the end.

        All report before any is judged, so that it does not matter in which order they stand.
        """
        self._n_epochs += len(standings)
        for standing in standings:
            self._standings[standing.key] = standing
            if np.isfinite(standing.best):
                self.running[standing.key].trial.report(standing.best, standing.epoch)
        for standing in standings:
            if standing.finished:
                self._end(standing.key, "complete", "")
            elif standing.key != DEFAULT and self.running[standing.key].trial.should_prune():
                self._end(standing.key, "pruned", f"among the worse half at epoch {standing.epoch}")

    def stop(self, stopped_by: StoppedBy) -> None:
        """End what runs as it stands: the best weights so far are as good as any."""
        for key in list(self.running):
            self._end(key, "complete", CUT_SHORT[stopped_by])

    def result(self, stopped_by: StoppedBy) -> Search:
        trials = sorted(self._trials, key=lambda trial: trial.number)
        advice = failure_advice(self._trials)
        return Search(tuple(trials), tuple(self._finalists), stopped_by, self._seconds_an_epoch, advice)

    @property
    def _efforts(self) -> list[_Effort]:
        """Of those that would be finalists if the search ended now, best first."""
        ended = [
            (each.trial.score.mean, each.trial.number, self._effort(each.trained.n_epochs, each.trained.seconds))
            for each in self._finalists
        ]
        running = [self._standings[key] for key in self.running if key in self._standings]
        still = [(each.best, each.key, self._effort(each.epoch)) for each in running if np.isfinite(each.best)]
        return self._leading([*ended, *still])

    def _effort(self, epochs: int, at_most: float = float("inf")) -> _Effort:
        return _Effort(epochs, min(epochs * self._seconds_an_epoch, at_most))

    @property
    def _seconds_an_epoch(self) -> float:
        """Seconds for an epoch of one trial, side by side with others; before there is one, of the grown network."""
        if not self._n_epochs:
            grown = self._growth.best.trained
            return grown.seconds / grown.n_epochs
        return (self._clock.now - self._started) / self._n_epochs

    def _enter_grown(self) -> None:
        """Enter the grown network as a finished trial: a legal winner, and what TPE learns from first."""
        grown = self._growth.best.trained
        probe = FixedTrial(dict(self._space.encode(grown.candidate.train, self._chosen - self._centre)))
        with suppress(*_SPACE_ERRORS):  # TPE has less to learn from then; the trials that follow say what is wrong
            self._sample(probe)
        self._study.add_trial(
            optuna.trial.create_trial(
                params=probe.params,
                distributions=probe.distributions,
                value=grown.score.mean,
                intermediate_values=_best_so_far(grown, self._metric),
            )
        )
        self._note(GROWN, grown, "complete", "the grown network, without regularisation")

    def _enqueue_default(self) -> None:
        """Ask for the default configuration and its neighbours first, as far as the space and the ladder tell them
        apart."""
        asked: list[dict[str, Value]] = []
        for training, more_rungs in ((self._default, 0), *neighbours(self._default)):
            rung = min(self._centre + more_rungs, len(self._growth.ladder) - 1) - self._centre
            suggestion = dict(self._space.encode(training, rung))
            if suggestion not in asked:
                asked.append(suggestion)
                self._study.enqueue_trial(suggestion)

    def _sample(self, trial: optuna.trial.BaseTrial) -> Candidate:
        return self._space.sample(OptunaSuggest(trial), self._default, self._growth.ladder, self._centre)

    def _end(self, key: int, state: TrialState, reason: str) -> None:
        """Take a trial out of the engine, and tell Optuna."""
        running = self.running.pop(key)
        trained = self._engine.collect(key)
        if trained.failed:
            state, reason = "failed", trained.failed
        score = trained.score.mean if state == "complete" else None
        self._study.tell(running.trial, score, state=_OPTUNA_STATES[state])
        self._note(key, trained, state, reason)

    def _refuse(self, trial: optuna.Trial, default: Candidate, error: Exception) -> None:
        """A trial that has nothing to train: it stands with what the space had suggested before it failed."""
        self._study.tell(trial, state=_OPTUNA_STATES["failed"])
        reason = f"{NO_CONFIGURATION}: {' '.join(str(error).split())}"
        self._note(trial.number, _untrained(default, self._engine.n_folds, reason), "failed", reason, trial.params)

    def _note(
        self,
        number: int,
        trained: Trained,
        state: TrialState,
        reason: str,
        suggested: dict[str, Value] | None = None,
    ) -> None:
        parameters = trained.candidate.parameters if suggested is None else suggested
        trial = Trial(number, state, parameters, trained.score, trained.n_epochs, trained.seconds, reason)
        self._trials.append(trial)
        self._on_trial(trial, trained)
        if state == "complete":
            self._enter_final(Finalist(trial, trained))
        elif number != GROWN and suggested is None:
            self._engine.forget(number)

    def _enter_final(self, finalist: Finalist) -> None:
        """Keep the best trials with their weights, best first, and those that all others are compared with."""
        known = [*self._finalists, finalist]
        self._finalists = self._leading([(each.trial.score.mean, each.trial.number, each) for each in known])
        left = {each.trial.number for each in self._finalists}
        for each in known:
            if each.trial.number not in left:
                self._engine.forget(each.trial.number)

    def _leading(self, scored: Sequence[tuple[float, int, _T]]) -> list[_T]:
        """What belongs to the best scores and to the trials that all are compared with, best first; given are scores,
        the trials' numbers, and that."""
        ranked = sorted(scored, key=lambda each: float(self._metric.gain(0.0, each[0])))
        return [it for rank, (_, number, it) in enumerate(ranked) if rank < _BEST or number in COMPARED]


class WorseHalfPruner(optuna.pruners.BasePruner):
    """Successive halving among trials that train side by side: at epochs 5, 10, 20, ... a trial is pruned when it
    is worse than the median of all trials, ended or not, that have reported at that epoch.

    Optuna's own SuccessiveHalvingPruner compares a trial with those that were judged before it, and so prunes none
    or nearly all of trials that arrive together, depending on their order.
    """

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        epoch = trial.last_step
        if epoch is None or not is_check(epoch):
            return False
        reached = [t.intermediate_values for t in study.get_trials(deepcopy=False)]
        median = float(np.median([values[epoch] for values in reached if epoch in values]))
        own = trial.intermediate_values[epoch]
        return own < median if study.direction == optuna.study.StudyDirection.MAXIMIZE else own > median


def is_check(epoch: int) -> bool:
    """Whether trials are judged at this epoch: FIRST_CHECK times a power of two."""
    times, rest = divmod(epoch, FIRST_CHECK)
    return rest == 0 and times > 0 and times & (times - 1) == 0


def _new_study(metric: Metric, seed: int) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed)
    return optuna.create_study(direction=metric.direction, sampler=sampler, pruner=WorseHalfPruner())


def _untrained(candidate: Candidate, n_folds: int, reason: str) -> Trained:
    """What there is of a trial that failed before its first epoch."""
    nothing, score = np.empty((n_folds, 0)), Score.of(np.full(n_folds, np.nan))
    curves = Curves(nothing, nothing, nothing, nothing, nothing)
    return Trained(candidate, curves, score, score, (0,) * n_folds, 0.0, reason, {})


def _best_so_far(trained: Trained, metric: Metric) -> dict[int, float]:
    """Mean over folds of the best validation score up to each epoch (from 1)."""
    curve = metric.best_so_far(trained.curves.validation_score).mean(axis=0)
    return {epoch: float(score) for epoch, score in enumerate(curve, start=1)}
