"""The process, top to bottom: the page to read first, and the only place where the parts meet.

    table -> sealed holdout -> problem -> metric -> protocol -> schema -> baseline -> references -> growth -> search
          -> the finalists on fresh folds -> final model, exported -> verdict on the holdout

Everything between the seal and the verdict sees development rows alone.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from autoproc.configurations import choose_ladder, choose_pieces, final_kind
from autoproc.data.doubts import find_doubts
from autoproc.data.footprint import Room, fitting
from autoproc.data.holdout import SealedHoldout, holdout_key, seal
from autoproc.data.leaks import find_leaks
from autoproc.data.metrics import check_defined, choose_metric, missing_cost
from autoproc.data.openings import Opening, opening_of
from autoproc.data.problem import check_class_weights, define_problem, encode_target, labelled
from autoproc.data.proposals import propose
from autoproc.data.protocol import choose_protocol
from autoproc.data.receipts import check_unopened, has_opened, previous_receipts, write_receipt
from autoproc.data.relations import read_relations
from autoproc.data.table import Table, existing_file, read_table
from autoproc.data.vectorize import Schema
from autoproc.deadline import StopRequest
from autoproc.errors import DataError, NoSignalError, PlanError
from autoproc.network.sizes import InputSizes
from autoproc.paths import possible_path, user_path
from autoproc.plan import REFITS, Plan
from autoproc.prepared import Prepared
from autoproc.progress import Progress, SilentProgress, Status
from autoproc.results import Baseline
from autoproc.resuming import Beginning, find_stopped
from autoproc.tracking.home import Home, open_home

if TYPE_CHECKING:
    from autoproc.job import Job, JobResult
    from autoproc.space import Space

# What the reference models may take of the time that is left.
_REFERENCES_SHARE = 0.15
# What the search and all that trains the finalists again may take of the time that is left: the rest is for the final
# model, where that has networks to train, and for what was estimated too short.
SEARCH_SHARE = 0.9
_SEARCH_SHARE_WITHOUT_REFITS = 0.97
# ... and what the training on all rows may take of what is left for it: the rest is for the second export.
_ALL_ROWS_SHARE = 0.9
# It was asked for by name: so many seconds it has in any case.
_ALL_ROWS_SECONDS = 10.0


def inspect(plan: Plan, frame: pd.DataFrame | None = None) -> Prepared:
    """What would be done with the table, and why; trains nothing. Raises what `tune` raises before it trains."""
    prepared, _ = prepare(plan, frame)
    return prepared


def tune(
    plan: Plan,
    frame: pd.DataFrame | None = None,
    progress: Progress | None = None,
    started: float | None = None,
    request: StopRequest | None = None,
) -> "JobResult":
    """Carry out the whole process on the table that the plan names, or on `frame`.

    `started` is when the time limit began, on the monotonic clock: when the user asked, before this module and its
    libraries were loaded; None: now. By `request` somebody may ask the job to come to its end with what it has. Raises
    AutoprocError for what the user has to mend; NoSignalError when the baseline finds nothing.
    """
    return _run(plan, frame, progress or SilentProgress(), Beginning.of(started, request))


def resume(
    run: str,
    home: str,
    frame: pd.DataFrame | None = None,
    progress: Progress | None = None,
    started: float | None = None,
    request: StopRequest | None = None,
    tracking_uri: str | None = None,
) -> "JobResult":
    """Go on with a job that was interrupted, wherever it was: `run` is `last`, a run id or its first characters.

    `frame` is the data frame that the job was given, if it was one, and `tracking_uri` its MLflow server by another
    address, or with a user and a password. Raises AutoprocError where there is nothing to resume, or another table.
    """
    place = Home(possible_path(home, "The home folder").resolve())
    stopped = find_stopped(place, run)
    uri = tracking_uri or stopped.plan.tracking_uri
    plan = stopped.plan.model_copy(update={"home": str(place.path), "tracking_uri": uri})
    if plan.data is None and frame is None:
        raise PlanError(
            f"The job {stopped.run_id} was given a data frame, which it does not keep. Resume it where that is: "
            "autoproc.resume(run, frame) in Python."
        )
    return _run(plan, frame, progress or SilentProgress(), Beginning.of(started, request, stopped))


def _run(plan: Plan, frame: pd.DataFrame | None, progress: Progress, beginning: Beginning) -> "JobResult":
    """A job from its table to its result, for the first time or again."""
    from autoproc.space_file import load_space

    progress.update(Status("table", running="reading"))
    resumed = beginning.resumed
    space = resumed.space if resumed else load_space(plan.space)
    plan = space.complete(plan)
    prepared, holdout = prepare(plan, frame, resumed.head.n_rungs if resumed else None)
    space = space.fitting(plan, minds_classes=prepared.chosen.metric.class_weights > 0)
    from autoproc.network.engine import choose_device, device_name
    from autoproc.running import running_job  # torch and MLflow are loaded only for a request that is sound

    device = device_name(choose_device(plan.device))
    home = open_home(plan.home)
    if resumed:
        resumed.check_tables(prepared.fingerprint, prepared.holdout_key)
    opened = resumed is not None and has_opened(home.path, holdout.key, resumed.run_id)
    if not opened:
        check_unopened(home.path, holdout.key, plan.reopen_holdout)
    with running_job(prepared, plan, space, home, progress, device, beginning, opened) as job:
        return _carry_out(prepared, holdout, plan, space, job)


def openings(plan: Plan, prepared: Prepared | None = None) -> tuple[Opening, ...]:
    """The openings so far, in the plan's home, of the holdout that the plan would seal, or that was sealed for
    `prepared`; opens nothing."""
    key = prepared.holdout_key if prepared else holdout_key(_read(plan, None), plan)
    home = user_path(plan.home)
    return tuple(opening_of(home, receipt) for receipt in previous_receipts(home, key))


def prepare(plan: Plan, frame: pd.DataFrame | None, n_rungs: int | None = None) -> tuple[Prepared, SealedHoldout]:
    """Read the table, seal the holdout, and decide problem, metric and protocol on the other rows. The ladder has the
    rungs for which there is memory, or `n_rungs`: of a job that goes on, those for which there was."""
    room = Room.of(plan)
    for path in (plan.data if frame is None else None, plan.holdout):
        if path is not None:
            room.must_hold_file(existing_file(path))
    table = _read(plan, frame)
    development, holdout = seal(table, plan)
    # Of the whole table, as the seal has read them: which of two dates is the day is decided once.
    relations = read_relations(table, plan).take(np.isin(table.lines, development.lines))
    fingerprint = table.fingerprint
    del table  # its memory is for those that follow
    problem = define_problem(development, plan)
    check_class_weights(plan, problem)
    chosen = choose_metric(problem, plan)
    targets = encode_target(development, problem)
    metrics = (chosen.metric, *chosen.beside)
    check_defined(metrics, problem, targets)
    holdout.check_targets(problem, metrics)
    protocol = choose_protocol(targets, problem, plan, holdout.n_rows, relations)
    schema, matrix = Schema.fit_matrix(development, problem)
    left = room.must_hold_training(development.name, development.n_rows, schema.layout)
    n_pieces = choose_pieces(plan, len(schema.layout.numeric), development.n_rows)
    n_train_rows = max(len(fold.train) for fold in protocol.splits)
    n_inputs = InputSizes.of(schema.layout, n_pieces).width
    ladder = choose_ladder(plan, n_inputs, problem.n_outputs, n_train_rows)
    if n_rungs is None:
        ladder = fitting(ladder, n_inputs, problem.n_outputs, len(protocol.splits), left)
    else:
        ladder = ladder.ending_at(n_rungs)
    leaks = find_leaks(development, schema, matrix, targets, problem, plan)
    if leaks.warnings and plan.strict:
        raise DataError(f"With --strict no sign of a leak is let pass. {' '.join(leaks.warnings)}")
    doubts = find_doubts(development, problem, schema, matrix)
    for notice in (*missing_cost(plan.cost), *doubts, *propose(development, problem, plan), *leaks.notes):
        development = development.with_notice(notice)
    return Prepared(
        fingerprint=fingerprint,
        holdout_key=holdout.key,
        development=development,
        problem=problem,
        chosen=chosen,
        protocol=protocol,
        schema=schema,
        matrix=matrix,
        targets=targets,
        n_pieces=n_pieces,
        ladder=ladder,
        relations=relations,
        warnings=leaks.warnings,
    ), holdout


def _read(plan: Plan, frame: pd.DataFrame | None) -> Table:
    """The rows with a target, of the table that the plan names or of `frame`."""
    source = plan.data if frame is None else frame
    if source is None:
        raise PlanError("No table was named. Name a file, or pass a pandas DataFrame.")
    return labelled(read_table(source, plan.missing), plan)


def _carry_out(
    prepared: Prepared,
    holdout: SealedHoldout,
    plan: Plan,
    space: "Space",
    job: "Job",
) -> "JobResult":
    """From the baseline to the verdict. The model is exported before the holdout is opened, so that nothing
    that goes wrong then can cost both."""
    from autoproc.finishing import (
        Engines,
        calibrated,
        decide_by_out_of_fold,
        final_model,
        final_networks,
        select_winner,
        train_on_all_rows,
        trained_again,
        winner_alone,
    )
    from autoproc.steps.baseline import train_baseline
    from autoproc.steps.growth import grow_until_overfit
    from autoproc.steps.references import train_references
    from autoproc.steps.search import search_regularisation
    from autoproc.steps.verdict import score_holdout

    metric, targets, protocol = prepared.chosen.metric, prepared.targets, prepared.protocol
    deadline = job.deadline
    engines = Engines(prepared, plan, job.warn, job.tell_epoch, job.journal)
    fresh, all_rows = trained_again(plan, protocol)
    with engines.open(*protocol.fold_sets) as engine:
        with job.step("baseline"):
            until = deadline.share(plan.baseline.time_share)
            baseline = train_baseline(engine, prepared, plan, until)
            job.tell_baseline(baseline)
        if not baseline.beats_dummy:
            if not plan.force:
                raise NoSignalError(_no_signal(baseline))
            job.warn(f"{_beaten(baseline)} The job goes on, as --force asks, but what follows may mean nothing.")
        with job.step("references"):
            references = train_references(prepared, plan, deadline.share(_REFERENCES_SHARE), job.warn)
            job.tell_references([fitted.reference for fitted in references])
        with job.step("growth"):
            rate = baseline.network.candidate.train.learning_rate
            until = deadline.share(plan.growth.time_share)
            growth = grow_until_overfit(engine, metric, plan, prepared.ladder, rate, until, job.tell_rung)
            job.listen()  # from here on there is a network to end with
            job.tell_growth(growth)
        with job.step("search"):
            refits = final_kind(plan) in REFITS
            until = deadline.share(SEARCH_SHARE if refits else _SEARCH_SHARE_WITHOUT_REFITS)
            again = fresh + all_rows
            search = search_regularisation(engine, metric, plan, space, growth, until, job.tell_trial, again)
            job.tell_search(search)
    del engine  # its memory is for those that follow
    with job.step("fresh folds"):
        until = until.share(fresh / (fresh + all_rows)) if all_rows else until
        selection = select_winner(engines, search, until, job.tell_finalist)
        job.tell_selection(selection)
    with job.step("export"):
        final = final_networks(engines, selection)
        decision = decide_by_out_of_fold(prepared, selection.winner, final, plan)
        job.tell_decision(decision)
        final = calibrated(final, decision)
        model = final_model(prepared, final, decision, plan)
        alone = winner_alone(prepared, plan, selection.winner, final)
        job.export(model, selection.winner, final)
    with job.step("holdout"):
        reason = plan.reopen_holdout
        with job.keeping_model():  # another job may have opened it while this one trained
            receipt = write_receipt(job.home.path, holdout.key, job.run_id, prepared.fingerprint, reason)
        job.tell_receipt(receipt)
        opened, winner = holdout.open(receipt), selection.winner
        verdict = score_holdout(opened, model, alone, prepared.chosen, winner, targets, references, plan.seed)
        job.tell_verdict(verdict, engines.memory)
    if plan.ship == "all-rows":
        with job.step("all rows"):
            until = deadline.share(_ALL_ROWS_SHARE).at_least(_ALL_ROWS_SECONDS)
            shipped = train_on_all_rows(engines, opened.table, selection, final, until)
            if shipped:
                job.ship(final_model(prepared, shipped, decision, plan), winner, shipped)
    return job.complete(engines.memory)


def _beaten(baseline: Baseline) -> str:
    return f"The baseline network does not beat the dummy beyond noise: {baseline.reason}."


def _no_signal(baseline: Baseline) -> str:
    return (
        f"{_beaten(baseline)} Nothing that follows would mean anything, so the job stops here. Check that the target "
        "is the right column, that the features were known before it, that rows and targets belong together, and "
        "whether there are enough rows; --force goes on anyway."
    )
