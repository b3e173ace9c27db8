"""What the terminal says after each step's name; the story of a job uses the same words.

A score never stands without its standard error (± over folds) or its 95 % interval, where there is one.
"""

import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path

from autoproc.data.metrics import METRICS
from autoproc.data.scores import THRESHOLD
from autoproc.format import format_count, format_estimate, format_mean, format_score
from autoproc.outcomes import (
    DEFAULT,
    GROWN,
    Calibration,
    DecisionCosts,
    DecisionThreshold,
    Estimate,
    Finalist,
    OutOfFold,
    ReferenceVerdict,
    Search,
    Selection,
    Verdict,
)
from autoproc.report.facts import JobFacts
from autoproc.report.text import MAX_NOTE, MAX_SENTENCE, listed, one_line
from autoproc.results import Baseline, Column, Growth, Reference, Rung, Score, Trained, Trial

AT_THRESHOLD = ("precision", "recall", "f1_at_threshold", "expected_cost")
ALSO_CHOSE = "these rows also chose"
_LEFT_OUT_SHOWN = 6
_OFF = ("dropout", "l1", "weight_decay")


def start_lines(facts: JobFacts) -> list[tuple[str, str]]:
    """Step and text of what is decided before anything trains, and what else there is to know of the table."""
    problem, protocol = facts.problem, facts.protocol
    return [
        ("table", table_line(facts)),
        ("problem", f"{problem.task.replace('_', ' ')}: {_sentence(problem.reason)}"),
        ("metric", f"{metric_title(facts.metric)}: {_sentence(facts.metric_reason)}"),
        ("protocol", f"{format_count(protocol.n_holdout)} rows sealed; {protocol.reason}"),
        *(("note", notice) for notice in facts.notices),
    ]


def table_line(facts: JobFacts) -> str:
    """Rows, the kinds of the columns that the network sees, and what it does not see."""
    columns = facts.problem.columns
    kinds = Counter(column.kind for column in columns if column.used)
    used = ", ".join(f"{format_count(count)} {kind}" for kind, count in kinds.items())
    left_out = [_left_out(column) for column in columns if not column.used]
    protocol = facts.protocol
    rows = f"{format_count(protocol.n_development)} for development, {format_count(protocol.n_holdout)} sealed"
    text = f"{one_line(facts.table_name)}: {format_count(facts.n_rows)} rows ({rows}); columns: {used}"
    return f"{text}\nleft out: {listed(left_out, _LEFT_OUT_SHOWN)}" if left_out else text


def baseline_line(baseline: Baseline) -> str:
    """The dummy's score, the small network's, and whether that beats the dummy."""
    network = baseline.network
    what = f"dummy {score_text(baseline.dummy)}, network {network.candidate.network}: {trained_text(network)}"
    return f"{what}\n{baseline.reason}"


def references_line(references: Sequence[Reference]) -> str:
    """What other kinds of model reach on the same folds."""
    return ", ".join(f"{reference.name} {score_text(reference.score)}" for reference in references)


def growth_line(growth: Growth) -> str:
    """One line a rung, then why growth ended."""
    rungs = [_rung_columns(rung, growth.chosen) for rung in growth.rungs]
    widths = [max(len(row[i]) for row in rungs) for i in range(2)]
    lines = [f"{size:<{widths[0]}}   {score:<{widths[1]}}   {note}".rstrip() for size, score, note in rungs]
    return "\n".join([*lines, growth.reason])


def trial_line(trial: Trial, best: Score, n_finished: int, n_asked: int) -> str:
    """How far the search is, the best score so far, and what its last trial scored."""
    text = f"failed, {trial.reason}" if trial.state == "failed" else f"{score_text(trial.score)} ({trial.state})"
    return f"{n_finished} of at most {n_asked} trials, best {score_text(best)}; trial {trial.number}: {text}"


def search_line(search: Search) -> str:
    """How many trials there were, the best one's score, and its configuration."""
    return f"{search_counts(search)}: {score_text(search.best.score)}\n{configuration_text(search.best.parameters)}"


def search_counts(search: Search) -> str:
    n_trials = len(search.trials)
    counts = [f"{format_count(n_trials)} {'trial' if n_trials == 1 else 'trials'}"]
    counts += [f"{search.count(state)} {state}" for state in ("pruned", "failed") if search.count(state)]
    stopped = " (stopped by the time limit)" if search.stopped_by == "time limit" else ""
    return ", ".join(counts) + stopped


def finalist_line(finalist: Finalist) -> str:
    """A finalist's score on fresh folds."""
    assert finalist.fresh is not None
    return f"trial {finalist.trial.number}: {trained_text(finalist.fresh)}"


def selection_line(selection: Selection) -> str:
    """Which finalist wins and why, and how far the search's own best fell on folds that had not chosen it."""
    winner = selection.winner
    score = f": {trained_text(winner.fresh)}" if winner.fresh else ""
    lines = [f"trial {winner.trial.number}{finalist_name(winner)} wins{score}", selection.reason]
    if winner is not selection.finalists[0]:
        lines.append(configuration_text(winner.trial.parameters))
    if selection.optimism:
        lines.append(optimism_text("the search", selection.optimism))
    return "\n".join(lines)


def finalist_name(finalist: Finalist) -> str:
    """What the first two trials are."""
    return {GROWN: " (the grown network)", DEFAULT: " (the default configuration)"}.get(finalist.trial.number, "")


def optimism_text(who: str, optimism: Estimate) -> str:
    """How far a score flattered, with its interval.

    >>> optimism_text("the search", Estimate(0.02, (-0.01, 0.05)))
    'the search flattered itself by 0.0200 (95 %: -0.0100 to 0.0500): not beyond noise'
    """
    low, high = optimism.interval
    by = format_score(abs(optimism.score))
    what = f"{who} flattered itself by {by}" if optimism.score > 0 else f"{who} did not flatter itself: worse by {by}"
    if math.isnan(low):
        return f"{what} (no interval: one split)"
    beyond = ": beyond noise" if low > 0 else ": not beyond noise" if optimism.score > 0 else ""
    return f"{what} (95 %: {format_score(low)} to {format_score(high)}){beyond}"


def decision_line(decision: OutOfFold) -> str:
    """The calibration of classes, and the threshold of two."""
    calibration, threshold = decision.calibration, decision.threshold
    lines = [calibration_text(calibration)] if calibration else []
    lines += [f"threshold {threshold_text(threshold)}"] if threshold else []
    lines += [costs_text(threshold.costs)] if threshold and threshold.costs else []
    return "\n".join(lines)


def calibration_text(calibration: Calibration) -> str:
    """The temperature, and what the log loss out of fold is with it and without."""
    losses = " -> ".join(map(score_text, (calibration.log_loss_before, calibration.log_loss_after)))
    text = f"log loss {losses} out of fold ({ALSO_CHOSE} the epochs)"
    if calibration.used:
        return f"temperature {calibration.temperature:.3g}: {text}"
    return f"none, as no temperature is better beyond noise: {text}"


def threshold_text(threshold: DecisionThreshold) -> str:
    """The threshold, and why it is that."""
    return f"{threshold.value:.3g}: {threshold.reason}"


def costs_text(costs: DecisionCosts) -> str:
    """What a row costs at the threshold, and by decisions that need no network or no threshold."""
    mine, half, negative, positive = map(format_score, astuple(costs))
    text = (
        f"cost of a row out of fold ({ALSO_CHOSE} the threshold): {mine}; at 0.5 {half}, all negative {negative}, all "
        f"positive {positive}"
    )
    blind, taken_for = costs.blind
    saves = costs.at_threshold < blind
    return text if saves else f"{text}: the model is not cheaper than taking every row for {taken_for}"


def verdict_line(verdict: Verdict, decision: OutOfFold | None = None) -> str:
    """The holdout's score with its interval, what it is to be compared with, and the measures beside it."""
    lines = [
        f"{opening_text(verdict)}: {metric_title(verdict.metric, verdict.threshold)} {estimate_text(verdict.holdout)} "
        f"on {format_count(verdict.n_rows)} rows; dummy {format_score(verdict.dummy)} on the same rows",
        f"the winner's single networks: cross-validated {score_text(verdict.cross_validated)} (the search chose by it)"
        + (f", {score_text(verdict.fresh)} on fresh folds" if verdict.fresh else "")
        + f", {estimate_text(verdict.single)} here",
    ]
    lines += [f"{reference.name} {reference_text(reference)}" for reference in verdict.references]
    lines += [f"{title}: {text}" for title, text in beside_measures(verdict, decision)]
    return "\n".join(lines)


def reference_text(reference: ReferenceVerdict) -> str:
    """A reference's holdout score, and in plain words how the network stands to it."""
    low, high = reference.lead.interval
    if math.isnan(low):
        stands = "it cannot be compared"
    elif low <= 0 <= high:
        stands = "no difference beyond noise"
    else:
        better, by = ("the network", reference.lead.score) if low > 0 else ("it", -reference.lead.score)
        near, far = sorted(map(abs, reference.lead.interval))
        stands = f"{better} is better by {format_score(by)} (95 %: {format_score(near)} to {format_score(far)})"
    advice = "; the network is not the best choice here" if reference.is_better else ""
    return f"{estimate_text(reference.holdout)}: {stands}{advice}"


def model_line(path: Path, shipped: str | None = None) -> str:
    """Where the model is, its size on disk, and what is to be said if it is not the one that was scored."""
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    text = f"{path}, {size / 1e3:,.0f} kB" if size < 1e6 else f"{path}, {size / 1e6:,.1f} MB"
    return f"{text}\ntrained on all rows. {shipped}" if shipped else text


def unscored_line(model: Path, plan: Path, opened: bool) -> str:
    """What can be done with the model of a job that could not open its holdout; `opened` if another one has."""
    again = " --reopen-holdout REASON" if opened else ""
    return (
        f"This job's model is exported all the same, without a holdout score: {shlex.quote(str(model))}. "
        f"`autoproc tune --config {shlex.quote(str(plan))}{again}` trains it again and scores it."
    )


def look_line(home: Path) -> str:
    """The commands that come next."""
    where = "" if home == Path("mlruns").resolve() else f" --home {shlex.quote(str(home))}"
    return f"autoproc ui{where}\nautoproc predict last new.csv{where}"


def metric_title(name: str, threshold: float | None = None) -> str:
    """A metric's name as people read it; one of labels says so where the model decides at another `threshold`.

    >>> metric_title("average_precision", 0.3), metric_title("f1", 0.5), metric_title("f1", 0.3)
    ('average precision', 'f1', 'f1 at 0.5')
    """
    title = name.replace("_", " ")
    differs = threshold not in (None, THRESHOLD) and name in METRICS and METRICS[name].by_label
    return f"{title} at {THRESHOLD:g}" if differs else title


def score_text(score: Score) -> str:
    """The mean over folds with its standard error; a single split has none, and the text says so."""
    text = format_mean(score.mean, score.standard_error)
    return text if len(score.folds) > 1 else f"{text} (one split)"


def trained_text(trained: Trained) -> str:
    return f"failed, {trained.failed}" if trained.failed else score_text(trained.score)


def estimate_text(estimate: Estimate) -> str:
    return format_estimate(estimate.score, estimate.interval)


def opening_text(verdict: Verdict) -> str:
    """How often the holdout has been opened: a score of a re-use is marked wherever it appears."""
    receipt = verdict.receipt
    if receipt.opening == 1:
        return f"opened once, {receipt.opened_at}"
    reason = f": {_sentence(receipt.reason)}" if receipt.reason else ""
    return f"RE-USED, opening {receipt.opening}, {receipt.opened_at} (reason given{reason or ': none'})"


def beside_measures(verdict: Verdict, decision: OutOfFold | None = None) -> list[tuple[str, str]]:
    """Title and estimate of the further measures; those that depend on the threshold name it. The cost stands beside
    what it is out of fold where every row is taken for one class."""
    costs = decision.threshold.costs if decision and decision.threshold else None
    told = []
    for name, estimate in verdict.beside.items():
        at = f" at threshold {verdict.threshold:.3g}" if name in AT_THRESHOLD and verdict.threshold is not None else ""
        title = metric_title(name.removesuffix("_at_threshold")) + at if at else metric_title(name, verdict.threshold)
        saving = _saving(estimate, costs) if name == "expected_cost" and costs else ""
        told.append((title, f"{estimate_text(estimate)}{saving}"))
    return told


def _saving(cost: Estimate, costs: DecisionCosts) -> str:
    """What is to be said where the network saves nothing, or not beyond noise."""
    blind, taken_for = costs.blind
    if cost.interval[1] < blind:
        return ""
    beyond = " beyond noise" if cost.score < blind else ""
    return f"; not cheaper{beyond} than taking every row for {taken_for} ({format_score(blind)} out of fold)"


def configuration_text(parameters: Mapping[str, str | int | float]) -> str:
    """A configuration in one line: `2 x 64, adamw, learning rate 0.0021, StepLR(step_size 12, gamma 0.4), ...`."""
    return ", ".join(f"{name} {value}" if name else value for name, value in configuration(parameters))


def configuration(parameters: Mapping[str, str | int | float]) -> list[tuple[str, str]]:
    """A configuration's parameters as (name, value) for people; what speaks for itself has no name."""
    inner = {name: value for name, value in parameters.items() if name.startswith("scheduler.")}
    hidden = {"depth", "width", "optimizer", "scheduler", *inner}
    arguments = [f"{name.removeprefix('scheduler.')} {value_text(name, value)}" for name, value in inner.items()]
    scheduler = str(parameters["scheduler"])
    return [
        ("", f"{parameters['depth']} x {parameters['width']}"),
        ("", str(parameters["optimizer"])),
        ("scheduler", "none") if scheduler == "none" else ("", f"{scheduler}({', '.join(arguments)})"),
        *((_title(name), value_text(name, value)) for name, value in parameters.items() if name not in hidden),
    ]


def value_text(name: str, value: str | int | float) -> str:
    """A parameter's value with three digits; a regularisation of 0 is off."""
    if name in _OFF and value == 0:
        return "off"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _title(name: str) -> str:
    return {"l1": "L1", "weight_decay": "L2"}.get(name, name.replace("_", " "))


def _rung_columns(rung: Rung, chosen: int) -> tuple[str, str, str]:
    notes = ["chosen"] if rung.number == chosen else []
    notes += [f"overfits from epoch {rung.verdict.epoch}"] if rung.verdict.overfit else []
    return str(rung.trained.candidate.network), trained_text(rung.trained), ", ".join(notes)


def _left_out(column: Column) -> str:
    return f"{one_line(column.name)} ({one_line(column.note, MAX_NOTE)})" if column.note else one_line(column.name)


def _sentence(text: str) -> str:
    return one_line(text, MAX_SENTENCE)
