"""From the search's finalists to the networks that are exported: where engines, steps and protocol meet for it."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from autoproc.calibration import calibrated
from autoproc.configurations import final_kind, same_protocol
from autoproc.data.problem import encode_target
from autoproc.data.protocol import choose_protocol
from autoproc.data.relations import read_relations
from autoproc.data.table import Table
from autoproc.deadline import Deadline
from autoproc.errors import DataError, PlanError
from autoproc.network.engine import StackEngine
from autoproc.network.predictor import Predictor, out_of_fold
from autoproc.outcomes import Finalist, FinalNetworks, OutOfFold, Search, Selection
from autoproc.plan import Plan
from autoproc.prepared import Prepared
from autoproc.results import FRESH, Fold, Trained
from autoproc.steps import final as kinds
from autoproc.steps.decision import decide
from autoproc.steps.selection import FOR_WANT_OF_MEMORY, FOR_WANT_OF_TIME, score_again, select
from autoproc.steps.verdict import FinalModel


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
    )


def select_winner(
    prepared: Prepared,
    plan: Plan,
    search: Search,
    deadline: Deadline,
    on_scored: Callable[[Finalist], None],
    warn: Callable[[str], None],
) -> Selection:
    """Score the search's finalists on fresh folds, where there are any and there is room, and pick the winner."""
    finalists, fresh = search.finalists, prepared.protocol.fresh
    why_unscored = FOR_WANT_OF_TIME if fresh else "for want of another way to split the rows"
    try:
        if fresh:
            # Other starting weights too, so that luck with them does not stay.
            other = plan.model_copy(update={"seed": (plan.seed + 1) % 2**32})
            with closing(make_engine(prepared, other, fresh)) as engine:
                finalists = score_again(engine, search, fresh, prepared.chosen.metric, deadline, on_scored)
    except PlanError as error:  # the memory limit leaves no room beside what the search has left
        warn(f"The finalists are not scored on fresh folds: {error}")
        why_unscored = FOR_WANT_OF_MEMORY
    return select(finalists, prepared.chosen.metric, why_unscored)


def final_networks(prepared: Prepared, plan: Plan, selection: Selection, warn: Callable[[str], None]) -> FinalNetworks:
    """The final model of the plan's kind; the winner's fold networks where a refit fails."""

    def predict(trained: Trained, folds: Sequence[Fold]) -> Sequence[NDArray[np.floating]]:
        return out_of_fold(prepared.problem.task, prepared.schema.layout, prepared.matrix, trained.weights, folds)

    kind, winner, protocol = final_kind(plan), selection.winner, prepared.protocol
    if kind == "ensemble":
        return kinds.ensemble(selection.finalists, protocol, predict, prepared.targets, prepared.chosen.metric)
    # Of one network alone those that it is like say what it would predict, and not the average of two.
    networks = kinds.fold_networks(replace(winner, fresh=None) if kind == "refit" else winner, protocol, predict)
    if kind == "folds":
        return networks
    try:
        return kinds.made_of(networks, [(_refit(prepared, plan, winner.trained), 1.0)])
    except (PlanError, kinds.FinalFailedError) as error:  # also where the memory limit leaves no room for it
        warn(f"The refit on all development rows failed ({error}); the fold networks are exported instead.")
        return networks


def train_on_all_rows(
    prepared: Prepared,
    holdout: Table,
    plan: Plan,
    selection: Selection,
    final: FinalNetworks,
    warn: Callable[[str], None],
) -> FinalNetworks | None:
    """The final model's recipe, unchanged, with the holdout's rows too; None, with a warning, where that fails."""
    table, problem = prepared.development.with_rows(holdout), prepared.problem
    everything = replace(prepared, matrix=prepared.schema.matrix(table), targets=encode_target(table, problem))
    split = same_protocol(plan.protocol, prepared.protocol).model_copy(update={"reshuffle": False})
    again = plan.model_copy(update={"protocol": split})
    parts = []
    try:
        if final_kind(plan) in ("refit", "refits"):
            return kinds.made_of(final, [(_refit(everything, plan, selection.winner.trained), 1.0)])
        protocol = choose_protocol(everything.targets, problem, again, 0, read_relations(table, plan))
        for is_fresh, folds in ((False, protocol.splits), (True, protocol.fresh)):
            mine = [part for part in final.parts if (part[0].fold_set == FRESH) == is_fresh]
            if mine and folds:
                with closing(make_engine(everything, plan, folds)) as engine:
                    parts += kinds.train_again(engine, mine)
        return kinds.made_of(final, parts)
    except (PlanError, DataError, kinds.FinalFailedError) as error:
        warn(f"Training on all rows failed ({error}); the model that was scored is exported.")
        return None


def _refit(prepared: Prepared, plan: Plan, best: Trained) -> Trained:
    """As many networks on all rows as the plan's kind of final model has."""
    n_networks = kinds.N_REFITS if final_kind(plan) == "refits" else 1
    with closing(make_engine(prepared, plan, [kinds.everything(len(prepared.matrix))] * n_networks)) as engine:
        return kinds.refit(engine, best)


def decide_by_out_of_fold(prepared: Prepared, winner: Finalist, final: FinalNetworks, plan: Plan) -> OutOfFold:
    """Calibration, threshold and scores, from what the final model's kind predicts out of fold."""
    folds = prepared.protocol.once(winner.trained)
    return decide(prepared.problem, prepared.chosen, prepared.targets, folds, final.out_of_fold, plan.cost)


def with_temperature(final: FinalNetworks, decision: OutOfFold) -> FinalNetworks:
    """The networks with the temperature that was found out of fold, if that is used, in each of them."""
    calibration = decision.calibration
    if calibration is None or not calibration.used:
        return final
    return replace(final, weights=calibrated(final.weights, calibration.temperature))


def final_model(prepared: Prepared, final: FinalNetworks, decision: OutOfFold, plan: Plan) -> FinalModel:
    """What is judged on the holdout."""
    problem, schema = prepared.problem, prepared.schema
    threshold = decision.threshold.value if decision.threshold else None
    return FinalModel(schema, problem, Predictor(problem.task, schema.layout, final.weights).mean, threshold, plan.cost)
