"""The process, top to bottom: the page to read first, and the only place where the parts meet.

    table -> sealed holdout -> problem -> metric -> protocol -> schema -> baseline -> references -> growth -> search
          -> the finalists on fresh folds -> final model, exported -> verdict on the holdout

Everything between the seal and the verdict sees development rows alone.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from autoproc.configurations import final_kind, same_protocol
from autoproc.data.holdout import SealedHoldout, seal
from autoproc.data.leaks import find_leaks
from autoproc.data.metrics import choose_metric
from autoproc.data.problem import define_problem, encode_target, labelled
from autoproc.data.proposals import propose
from autoproc.data.protocol import choose_protocol
from autoproc.data.receipts import check_unopened, previous_receipts, write_receipt
from autoproc.data.relations import read_relations
from autoproc.data.table import Table, read_table
from autoproc.data.vectorize import Schema
from autoproc.deadline import Deadline
from autoproc.errors import DataError, NoSignalError, PlanError
from autoproc.plan import Plan, ShippedRows
from autoproc.prepared import Prepared
from autoproc.progress import Progress, SilentProgress
from autoproc.results import Baseline, Finalist, FinalNetworks, Fold, Receipt, Search, Selection
from autoproc.tracking.home import open_home

if TYPE_CHECKING:
    from autoproc.job import Job, JobResult
    from autoproc.network.engine import StackEngine
    from autoproc.space import Space
    from autoproc.steps.verdict import FinalModel

# What the reference models may take of the time that is left.
_REFERENCES_SHARE = 0.15
# What the search and the fresh folds may take of the time that is left: the rest is for the final model, the verdict
# and the export.
SEARCH_SHARE: dict[ShippedRows, float] = {"development": 0.9, "all-rows": 0.75}


def inspect(plan: Plan, frame: pd.DataFrame | None = None) -> Prepared:
    """What would be done with the table, and why; trains nothing. Raises what `tune` raises before it trains."""
    prepared, _ = prepare(plan, frame)
    return prepared


def tune(plan: Plan, frame: pd.DataFrame | None = None, progress: Progress | None = None) -> "JobResult":
    """Carry out the whole process on the table that the plan names, or on `frame`.

    Raises AutoprocError for what the user has to mend; NoSignalError when the baseline finds nothing.
    """
    from autoproc.space_file import load_space

    started = time.monotonic()
    deadline = Deadline.after(plan.time_limit)
    progress = progress or SilentProgress()
    progress.update("table", "reading")
    space = load_space(plan.space)
    prepared, holdout = prepare(plan, frame)
    from autoproc.job import running_job  # torch and MLflow are loaded only for a request that is sound
    from autoproc.network.engine import choose_device

    choose_device(plan.device)
    home = open_home(plan.home)
    check_unopened(home.path, holdout.key, plan.reopen_holdout)
    with (
        running_job(prepared, plan, home, progress, started) as job,
        closing(make_engine(prepared, plan, *prepared.protocol.fold_sets)) as engine,
    ):
        return _carry_out(engine, prepared, holdout, plan, space, job, deadline)


def openings(plan: Plan) -> tuple[Receipt, ...]:
    """The receipts of the holdout that the plan would seal; opens nothing."""
    _, holdout = seal(_read(plan, None), plan)
    return previous_receipts(Path(plan.home).expanduser(), holdout.key)


def prepare(plan: Plan, frame: pd.DataFrame | None) -> tuple[Prepared, SealedHoldout]:
    """Read the table, seal the holdout, and decide problem, metric and protocol on the other rows."""
    table = _read(plan, frame)
    development, holdout = seal(table, plan)
    problem = define_problem(development, plan)
    holdout.check_targets(problem)
    chosen = choose_metric(problem, plan)
    targets = encode_target(development, problem)
    # Of the whole table, as the seal has read them: which of two dates is the day is decided once.
    relations = read_relations(table, plan).take(np.isin(table.lines, development.lines))
    protocol = choose_protocol(targets, problem, plan, holdout.n_rows, relations)
    schema = Schema.fit(development, problem)
    matrix = schema.matrix(development)
    leaks = find_leaks(development, matrix, targets, problem, split_at_random=not (plan.group or plan.time))
    if leaks and plan.strict:
        raise DataError(f"With --strict no sign of a leak is let pass. {' '.join(leaks)}")
    for notice in (*propose(development, problem, plan), *leaks):
        development = development.with_notice(notice)
    return Prepared(table.fingerprint, development, problem, chosen, protocol, schema, matrix, targets), holdout


def _read(plan: Plan, frame: pd.DataFrame | None) -> Table:
    """The rows with a target, of the table that the plan names or of `frame`."""
    source = plan.data if frame is None else frame
    if source is None:
        raise PlanError("No table was named. Name a file, or pass a pandas DataFrame.")
    return labelled(read_table(source, plan.missing), plan)


def _carry_out(
    engine: "StackEngine",
    prepared: Prepared,
    holdout: SealedHoldout,
    plan: Plan,
    space: "Space",
    job: "Job",
    deadline: Deadline,
) -> "JobResult":
    """From the baseline to the verdict. The model is exported before the holdout is opened, so that nothing
    that goes wrong then can cost both."""
    from autoproc.steps.baseline import train_baseline
    from autoproc.steps.growth import grow_until_overfit
    from autoproc.steps.references import train_references
    from autoproc.steps.search import search_regularisation
    from autoproc.steps.verdict import score_holdout

    metric, targets, folds = prepared.chosen.metric, prepared.targets, prepared.protocol.splits
    with job.step("baseline"):
        until = deadline.share(plan.baseline.time_share)
        baseline = train_baseline(engine, targets, folds, prepared.problem, metric, plan, until)
        job.tell_baseline(baseline)
    if not (baseline.beats_dummy or plan.force):
        raise NoSignalError(_no_signal(baseline))
    with job.step("references"):
        references = train_references(prepared, plan.seed, deadline.share(_REFERENCES_SHARE), job.warn)
        job.tell_references([fitted.reference for fitted in references])
    with job.step("growth"):
        rate = baseline.network.candidate.train.learning_rate
        until = deadline.share(plan.growth.time_share)
        growth = grow_until_overfit(engine, metric, plan, rate, until, job.tell_rung)
        job.tell_growth(growth)
    with job.step("search"):
        until = deadline.share(SEARCH_SHARE[plan.ship])
        again = prepared.protocol.again
        search = search_regularisation(engine, metric, plan, space, growth, until, job.tell_trial, again)
        job.tell_search(search)
    with job.step("fresh folds"):
        selection = select_winner(prepared, plan, search, until, job.tell_finalist, job.warn)
        job.tell_selection(selection)
    with job.step("export"):
        final = final_networks(prepared, engine, plan, selection, job.warn)
        model = _final_model(prepared, final)
        job.export(model, selection.winner, final)
    with job.step("holdout"):
        reason = plan.reopen_holdout
        receipt = write_receipt(job.home.path, holdout.key, job.run_id, prepared.fingerprint, reason)
        rows, winner = holdout.open(receipt), selection.winner
        verdict = score_holdout(rows, receipt, model, prepared.chosen, winner, targets, references, plan.seed)
        job.tell_verdict(verdict)
    if plan.ship == "all-rows":
        with job.step("all rows"):
            shipped = train_on_all_rows(prepared, rows, plan, final, job.warn)
            if shipped:
                job.ship(_final_model(prepared, shipped), winner, shipped)
    return job.complete(engine.memory)


def make_engine(prepared: Prepared, plan: Plan, *fold_sets: Sequence[Fold]) -> "StackEngine":
    """An engine on the development rows, for candidates that train on the folds of one of the sets."""
    from autoproc.network.engine import StackEngine

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
    from autoproc.steps.selection import score_again, select

    finalists, fresh = search.finalists, prepared.protocol.fresh
    try:
        if fresh:
            with closing(make_engine(prepared, plan, fresh)) as engine:
                finalists = score_again(engine, search, deadline, on_scored)
    except PlanError as error:  # the memory limit leaves no room beside what the search has left
        warn(f"The finalists are not scored on fresh folds: {error}")
    return select(finalists, prepared.chosen.metric)


def final_networks(
    prepared: Prepared, engine: "StackEngine", plan: Plan, selection: Selection, warn: Callable[[str], None]
) -> FinalNetworks:
    """The final model of the plan's kind; the winner's fold networks where a refit fails."""
    from autoproc.steps import final

    winner, folds = selection.winner, prepared.protocol.splits
    kind = final_kind(plan)
    if kind == "ensemble":
        return final.ensemble(engine, selection.finalists, folds, prepared.targets, prepared.chosen.metric)
    networks = final.fold_networks(engine, winner)
    if kind == "folds":
        return networks
    try:
        with closing(make_engine(prepared, plan, _all_rows(len(prepared.matrix), plan))) as refitting:
            refitted = final.refit_again(refitting, networks)
    except PlanError as error:  # the memory limit leaves no room beside what the search has left
        refitted = str(error)
    if isinstance(refitted, str):
        warn(f"The refit on all development rows failed ({refitted}); the fold networks are exported instead.")
        return networks
    return refitted


def train_on_all_rows(
    prepared: Prepared, holdout: Table, plan: Plan, final: FinalNetworks, warn: Callable[[str], None]
) -> FinalNetworks | None:
    """The final model's recipe, unchanged, with the holdout's rows too; None, with a warning, where that fails."""
    from autoproc.steps.final import refit_again, train_again

    table, problem = prepared.development.with_rows(holdout), prepared.problem
    everything = replace(prepared, matrix=prepared.schema.matrix(table), targets=encode_target(table, problem))
    again = plan.model_copy(update={"protocol": same_protocol(plan.protocol, prepared.protocol)})
    try:
        if final_kind(plan) in ("folds", "ensemble"):
            folds = choose_protocol(everything.targets, problem, again, 0, read_relations(table, plan)).splits
            train = train_again
        else:
            folds, train = _all_rows(len(everything.matrix), plan), refit_again
        with closing(make_engine(everything, plan, folds)) as engine:
            shipped = train(engine, final)
    except (PlanError, DataError) as error:
        shipped = str(error)
    if isinstance(shipped, str):
        warn(f"Training on all rows failed ({shipped}); the model that was scored is exported.")
        return None
    return shipped


def _all_rows(n_rows: int, plan: Plan) -> tuple[Fold, ...]:
    """The folds of the plan's number of refits."""
    from autoproc.steps.final import N_REFITS, everything

    return (everything(n_rows),) * (N_REFITS if final_kind(plan) == "refits" else 1)


def _final_model(prepared: Prepared, final: FinalNetworks) -> "FinalModel":
    from autoproc.network.predictor import Predictor
    from autoproc.steps.verdict import FinalModel, choose_threshold

    problem, schema = prepared.problem, prepared.schema
    folds = prepared.protocol.fold_sets[final.parts[0][0].fold_set]
    threshold = choose_threshold(problem, prepared.targets, folds, final.out_of_fold)
    return FinalModel(schema, problem, Predictor(problem.task, schema.layout, final.weights).mean, threshold)


def _no_signal(baseline: Baseline) -> str:
    return (
        f"The baseline network does not beat the dummy: {baseline.reason}. Nothing that follows would mean "
        "anything, so the job stops here. Check that the target is the right column, that the features were known "
        "before it, that rows and targets belong together, and whether there are enough rows; --force goes on anyway."
    )
