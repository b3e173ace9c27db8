"""From the search's finalists to the networks that are exported: where engines, steps and protocol meet for it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from autoproc.calibration import Predict, with_temperature
from autoproc.configurations import final_kind, same_protocol
from autoproc.data.problem import encode_target
from autoproc.data.protocol import choose_protocol
from autoproc.data.relations import read_relations
from autoproc.data.table import Table
from autoproc.deadline import NEVER, Deadline
from autoproc.errors import DataError, PlanError
from autoproc.journal import Journal
from autoproc.network import device_memory
from autoproc.network.engine import StackEngine, choose_device
from autoproc.network.interface import Engine
from autoproc.network.journaled import JournaledEngine
from autoproc.network.predictor import Predictor, out_of_fold
from autoproc.network.watched import OnEpoch, WatchedEngine, unwatched
from autoproc.outcomes import Finalist, FinalNetworks, Memory, OutOfFold, Search, Selection, SingleNetworks
from autoproc.plan import REFITS, FinalKind, Plan
from autoproc.prepared import Prepared
from autoproc.results import FRESH, Fold, Protocol, Trained
from autoproc.steps import final as kinds
from autoproc.steps.decision import decide
from autoproc.steps.selection import FOR_AN_EARLY_END, FOR_WANT_OF_MEMORY, FOR_WANT_OF_TIME, score_again, select
from autoproc.steps.verdict import FinalModel

# What all finalists take to train, about, of which there are five to seven.
_ONE_FINALIST = 0.2


def make_engine(prepared: Prepared, plan: Plan, *fold_sets: Sequence[Fold]) -> StackEngine:
    """An engine on the development rows, for candidates that train on the folds of one of the sets."""
    problem = prepared.problem
    return StackEngine(
        prepared.matrix,
        prepared.targets,
        prepared.schema.layout,
        [fold for folds in fold_sets for fold in folds],
        problem.task,
        problem.n_outputs,
        prepared.chosen.metric,
        plan.seed,
        plan.device,
        plan.memory_limit,
        len(fold_sets),
        prepared.n_pieces,
    )


@dataclass(frozen=True)
class Engines:
    """The engines of a job on its rows, of which one is open at a time: what one has left behind is free for the next.
    `warn` tells what had to give way, and `on_epoch` is told of each epoch. What stands in the `journal` is not trained
    again."""

    prepared: Prepared
    plan: Plan
    warn: Callable[[str], None]
    on_epoch: OnEpoch = unwatched
    journal: Journal | None = None
    _seen: list[Memory] = field(default_factory=list, repr=False)  # of those that are closed

    def on(self, prepared: Prepared) -> "Engines":
        """The same on other rows."""
        return replace(self, prepared=prepared)

    @contextmanager
    def open(self, *fold_sets: Sequence[Fold], seed: int | None = None) -> Iterator[Engine]:
        """An engine as `make_engine` makes it, with the plan's seed or another one. Raises PlanError where the memory
        limit leaves no room for it."""
        plan = self.plan if seed is None else self.plan.model_copy(update={"seed": seed})
        with closing(self._make(plan, *fold_sets)) as engine:
            try:
                yield WatchedEngine(JournaledEngine(engine, self.journal) if self.journal else engine, self.on_epoch)
            finally:
                self._seen.append(engine.memory)

    def _make(self, plan: Plan, *fold_sets: Sequence[Fold]) -> StackEngine:
        """An engine. Where there was no room for one, there is none for the resumed job: it goes the same way."""
        if self.journal is None:
            return make_engine(self.prepared, plan, *fold_sets)
        made: list[StackEngine] = []

        def make(number: int) -> str | None:
            try:
                made.append(make_engine(self.prepared, plan, *fold_sets))
            except PlanError as error:
                return str(error)
            return None

        refused = self.journal.once("engine", make)
        if refused is not None:
            raise PlanError(refused)
        return made[0] if made else make_engine(self.prepared, plan, *fold_sets)

    @property
    def memory(self) -> Memory:
        """Of the engine that was estimated to take most, with the peak until now. There must have been one."""
        largest = max(self._seen, key=lambda memory: memory.estimated)
        return replace(largest, peak=device_memory.peak(choose_device(self.plan.device)))


def trained_again(plan: Plan, protocol: Protocol) -> tuple[float, float]:
    """How much is trained after the search, at most, where all finalists on the splits take 1: for the fresh folds, and
    for the model of all rows."""
    fresh = protocol.again
    if plan.ship != "all-rows":
        return fresh, 0.0
    return fresh, (1 + fresh) * (1 if final_kind(plan) == "ensemble" else _ONE_FINALIST)


def select_winner(
    engines: Engines, search: Search, deadline: Deadline, on_scored: Callable[[Finalist], None]
) -> Selection:
    """Score the search's finalists on fresh folds, where there are any and there is room, and pick the winner."""
    finalists, fresh, metric = search.finalists, engines.prepared.protocol.fresh, engines.prepared.chosen.metric
    why_unscored = FOR_WANT_OF_TIME if fresh else "for want of another way to split the rows"
    try:
        if fresh:
            # Other starting weights too, so that luck with them does not stay.
            with engines.open(fresh, seed=(engines.plan.seed + 1) % 2**32) as engine:
                finalists = score_again(engine, search, fresh, metric, deadline, on_scored)
            if deadline.clock.is_over:
                why_unscored = FOR_AN_EARLY_END
    except PlanError as error:  # the memory limit leaves no room beside what the search has left
        engines.warn(f"The finalists are not scored on fresh folds: {error}")
        why_unscored = FOR_WANT_OF_MEMORY
    return select(finalists, metric, why_unscored)


def final_networks(engines: Engines, selection: Selection) -> FinalNetworks:
    """The final model of the plan's kind; the winner's fold networks where a refit fails."""
    prepared = engines.prepared

    def predict(trained: Trained, folds: Sequence[Fold]) -> Sequence[NDArray[np.floating]]:
        return out_of_fold(prepared.problem.task, prepared.schema.layout, prepared.matrix, trained.weights, folds)

    kind, winner, protocol = final_kind(engines.plan), selection.winner, prepared.protocol
    if kind == "ensemble":
        return kinds.ensemble(selection.finalists, protocol, predict, prepared.targets, prepared.chosen.metric)
    # Of one network alone those that it is like say what it would predict, and not the average of two.
    networks = kinds.fold_networks(replace(winner, fresh=None) if kind == "refit" else winner, protocol, predict)
    if kind == "folds":
        return networks
    try:
        return kinds.made_of(networks, [(_refit(engines, kind, winner.trained), 1.0)], kind)
    except (PlanError, kinds.FinalFailedError) as error:  # also where the memory limit leaves no room for it
        engines.warn(f"The refit on all development rows failed ({error}); the fold networks are exported instead.")
        return networks


def train_on_all_rows(
    engines: Engines, holdout: Table, selection: Selection, final: FinalNetworks, deadline: Deadline
) -> FinalNetworks | None:
    """The final model's recipe, unchanged, with the holdout's rows too; None, with a warning, where that fails or is
    not done in time."""
    try:
        table = engines.prepared.development.with_rows(holdout)
        matrix = engines.prepared.schema.matrix(table)
        targets = encode_target(table, engines.prepared.problem)
        on_all = engines.on(replace(engines.prepared, development=table, matrix=matrix, targets=targets))
        if final.kind in REFITS:
            parts = [(_refit(on_all, final.kind, selection.winner.trained, deadline), 1.0)]
        else:
            parts = _fold_networks_again(on_all, final.parts, deadline)
        return kinds.made_of(final, parts)
    except kinds.NoTimeError:
        engines.warn("There was no time to train on all rows; the model that was scored is exported.")
    except (PlanError, DataError, MemoryError, kinds.FinalFailedError) as error:
        reason = str(error) or "out of memory"
        engines.warn(f"Training on all rows failed ({reason}); the model that was scored is exported.")
    return None


def _fold_networks_again(engines: Engines, parts: Sequence[kinds.Part], deadline: Deadline) -> list[kinds.Part]:
    """The fold networks of other rows, trained on the engines' rows, which are split in the same way. Raises
    FinalFailedError where these cannot be split so: with some of its networks it would be another model."""
    prepared, plan = engines.prepared, engines.plan
    split = same_protocol(plan.protocol, prepared.protocol).model_copy(update={"reshuffle": False})
    plan = plan.model_copy(update={"protocol": split})
    relations = read_relations(prepared.development, plan)
    protocol = choose_protocol(prepared.targets, prepared.problem, plan, 0, relations)
    again: list[kinds.Part] = []
    for is_fresh, folds in ((False, protocol.splits), (True, protocol.fresh)):
        mine = [part for part in parts if (part[0].fold_set == FRESH) == is_fresh]
        if mine and not folds:
            raise kinds.FinalFailedError("all rows cannot be split anew, as fresh folds are")
        if mine:
            with engines.open(folds) as engine:
                again += kinds.train_again(engine, mine, deadline)
    return again


def _refit(engines: Engines, kind: FinalKind, best: Trained, deadline: Deadline = NEVER) -> Trained:
    """As many networks on all of the engines' rows as the kind of final model has."""
    n_networks = kinds.N_REFITS if kind == "refits" else 1
    with engines.open([kinds.everything(len(engines.prepared.matrix))] * n_networks) as engine:
        return kinds.refit(engine, best, deadline)


def decide_by_out_of_fold(prepared: Prepared, winner: Finalist, final: FinalNetworks, plan: Plan) -> OutOfFold:
    """Calibration, threshold and scores, from what the final model's kind predicts out of fold."""
    folds = prepared.protocol.once(winner.trained)
    weights = winner.trained.candidate.train.class_weights or 0.0
    return decide(prepared.problem, prepared.chosen, prepared.targets, folds, final.out_of_fold, plan.cost, weights)


def calibrated(final: FinalNetworks, decision: OutOfFold) -> FinalNetworks:
    """The networks with the temperature that was found out of fold, if that is used."""
    calibration = decision.calibration
    return replace(final, temperature=calibration.temperature) if calibration and calibration.used else final


def winner_alone(prepared: Prepared, plan: Plan, winner: Finalist, final: FinalNetworks) -> Predict:
    """What each of the winner's own networks predicts, those of its least chosen score. Forward in time those of early
    folds have not seen what comes before the holdout: there it is the refit, if that is exported, or else the last."""
    weights = winner.least_chosen.weights
    if plan.time is not None:
        is_refit = final.kind in REFITS
        weights = final.weights if is_refit else {name: array[-1:] for name, array in weights.items()}
    return Predictor(prepared.problem.task, prepared.schema.layout, weights).members


def final_model(prepared: Prepared, final: FinalNetworks, decision: OutOfFold, plan: Plan) -> FinalModel:
    """What is judged on the holdout."""
    problem, schema = prepared.problem, prepared.schema
    threshold = decision.threshold.value if decision.threshold else None
    average = Predictor(problem.task, schema.layout, final.weights).mean
    predict = with_temperature(average, final.temperature)
    return FinalModel(schema, problem, predict, threshold, plan.cost, _single_networks(plan, final))


def _single_networks(plan: Plan, final: FinalNetworks) -> SingleNetworks:
    """Which of the winner's networks `winner_alone` takes."""
    if plan.time is None:
        return "fold networks"
    return final.kind if final.kind in REFITS else "last fold network"
