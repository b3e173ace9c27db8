"""What a job leaves in writing: its plan, its record's parameters, its result, and its model's card."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from autoproc.configurations import choose_class_weights, final_kind, same_protocol
from autoproc.data.drift import Seen
from autoproc.outcomes import Finalist, OutOfFold
from autoproc.paths import user_path
from autoproc.plan import FinalKind, InputsPlan, Plan
from autoproc.prepared import Prepared
from autoproc.provenance import commit_at, hardware, splits_hash, versions
from autoproc.report import values
from autoproc.report.facts import JobFacts
from autoproc.space_file import shipped_spaces
from autoproc.tracking import names
from autoproc.tracking.addresses import public_address


def portable_plan(plan: Plan, home: Path) -> Plan:
    """The plan with paths that hold from any folder, and without secrets."""
    return plan.model_copy(
        update={
            "data": plan.data and str(user_path(plan.data).resolve()),
            "holdout": plan.holdout and str(user_path(plan.holdout).resolve()),
            "space": plan.space if plan.space in shipped_spaces() else str(Path(plan.space).resolve()),
            "home": str(home),
            "tracking_uri": plan.tracking_uri and public_address(plan.tracking_uri),
        }
    )


def resolved_plan(plan: Plan, prepared: Prepared, home: Path) -> Plan:
    """The portable plan with what was decided in place of nulls."""
    problem = prepared.problem
    weights = choose_class_weights(plan, prepared.chosen.metric.class_weights)
    rungs = tuple((network.depth, network.width) for network in prepared.ladder.rungs)
    return portable_plan(plan, home).model_copy(
        update={
            "task": problem.task,
            "metric": plan.metric or (prepared.chosen.metric.name,),
            "positive": problem.classes[1] if problem.task == "binary" else None,
            "protocol": same_protocol(plan.protocol, prepared.protocol),
            "inputs": InputsPlan(pieces=prepared.n_pieces, scale=plan.inputs.scale),
            "train": plan.train.model_copy(update={"class_weights": weights}),
            "growth": plan.growth.model_copy(update={"rungs": rungs}),
            "experiment": plan.experiment or f"{prepared.development.name}: {', '.join(problem.targets)}",
            "final": final_kind(plan),
            "reopen_holdout": None,  # a reason holds for one opening
        }
    )


def parameters(plan: Plan, prepared: Prepared) -> dict[str, str | int | float | bool]:
    """What the job was asked for, or decided in its place: the parent run's parameters."""
    protocol, chosen = prepared.protocol, prepared.chosen
    return {
        "target": ", ".join(plan.target),
        "task": prepared.problem.task,
        "metric": chosen.metric.name,
        "beside": ", ".join(metric.name for metric in chosen.beside),
        "cost": "none" if plan.cost is None else str(plan.cost),
        "protocol": protocol.kind,
        "folds": protocol.folds,
        "repeats": protocol.repeats,
        "pieces": prepared.n_pieces,
        "input_scale": plan.inputs.scale,
        "space": plan.space,
        "trials": plan.trials,
        "time_limit": "none" if plan.time_limit is None else plan.time_limit,
        "final": final_kind(plan),
        "ship": plan.ship,
        "seed": plan.seed,
    }


def provenance(plan: Plan, prepared: Prepared, device: str) -> dict[str, str]:
    """What the job is made of, and on which machine: the parent run's tags. The commit is that of the repository around
    the table, or else around the working folder."""
    table = prepared.development
    places = [user_path(plan.data).absolute().parent] if plan.data else []
    commit = next(filter(None, map(commit_at, [*places, Path.cwd()])), None)
    return {
        names.DATA: table.name,
        names.TASK: prepared.problem.task,
        names.TABLE: prepared.fingerprint,
        names.SPLITS: splits_hash(prepared.protocol, table.lines),
        names.VERSION: versions()["autoproc"],
        names.VERSIONS: ", ".join(f"{name} {number}" for name, number in versions().items()),
        names.HARDWARE: hardware(device),
        **({names.COMMIT: commit} if commit else {}),
    }


def result(facts: JobFacts, prepared: Prepared, plan: Plan) -> dict[str, Any]:
    """What was decided and measured in a finished job, of which all facts are known."""
    assert facts.baseline and facts.growth and facts.search and facts.selection and facts.decision
    assert facts.verdict and facts.memory
    protocol, chosen = prepared.protocol, prepared.chosen
    n_rows = protocol.n_development + protocol.n_holdout
    return {
        "data": _data(prepared),
        "problem": values.problem_values(prepared.problem, n_rows),
        "metric": values.metric_values(chosen),
        "protocol": values.protocol_values(protocol),
        "baseline": values.baseline_values(facts.baseline),
        "references": values.reference_values(facts.references),
        "growth": values.growth_values(facts.growth),
        "search": values.search_values(facts.search),
        "selection": values.selection_values(facts.selection),
        "decision": values.decision_values(facts.decision, plan.cost),
        "verdict": values.verdict_values(facts.verdict),
        "memory": asdict(facts.memory),
    }


def card(
    prepared: Prepared,
    plan: Plan,
    winner: Finalist,
    kind: FinalKind,
    decision: OutOfFold,
    threshold: float | None,
) -> dict[str, Any]:
    """What a bundle says about its model, which is of a `kind`, before that has been scored."""
    problem, chosen = prepared.problem, prepared.chosen
    return {
        "task": problem.task,
        "targets": list(problem.targets),
        "classes": list(problem.classes),
        "threshold": threshold,
        "final": kind,
        "data": _data(prepared),
        "metric": values.metric_values(chosen),
        "protocol": values.protocol_values(prepared.protocol),
        "winner": values.finalist_values(winner),
        "decision": values.decision_values(decision, plan.cost),
        "splits": {"group": plan.group, "time": plan.time},
        "seen": Seen.of(prepared.schema, prepared.matrix).to_json(),
        "versions": versions(),
    }


def _data(prepared: Prepared) -> dict[str, str]:
    return {"name": prepared.development.name, "fingerprint": prepared.fingerprint}
