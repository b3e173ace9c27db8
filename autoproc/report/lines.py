"""What the terminal says after each step's name."""

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from autoproc.format import format_count, format_score, format_seconds
from autoproc.outcomes import OutOfFold, Search, Selection, Verdict
from autoproc.report import phrases
from autoproc.report.facts import JobFacts
from autoproc.report.phrases import score_text, trained_text
from autoproc.report.text import MAX_NOTE, MAX_SENTENCE, aligned, listed, one_line, visible
from autoproc.results import Baseline, Column, Growth, Reference, Rung

_LEFT_OUT_SHOWN = 6
_UI = "autoproc ui"
_NEXT = {
    _UI: "all trials, in the browser",
    "autoproc show": "this result again",
    "autoproc predict last new.csv": "predict new rows",
    "autoproc export last my-model.zip": "take the model along",
}


def start_lines(facts: JobFacts) -> list[tuple[str, str]]:
    """Step and text of what is decided before anything trains, and what else there is to know of the table."""
    problem, protocol = facts.problem, facts.protocol
    return [
        ("table", table_line(facts)),
        ("problem", f"{problem.task.replace('_', ' ')}: {_sentence(problem.reason)}"),
        ("metric", f"{phrases.metric_title(facts.metric)}: {_sentence(facts.metric_reason)}"),
        ("protocol", f"{format_count(protocol.n_holdout)} rows sealed; {protocol.reason}"),
        *(("note", visible(notice)) for notice in facts.notices),
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
    return "\n".join([*aligned(rungs), growth.reason])


def search_line(search: Search) -> str:
    """How many trials there were, the best one's score, and its configuration."""
    best = search.best
    counts, configuration = phrases.search_counts(search), phrases.configuration_text(best.parameters)
    text = f"{counts}: {score_text(best.score)}\n{configuration}"
    return f"{text}\n{one_line(search.advice, MAX_SENTENCE)}" if search.advice else text


def selection_line(selection: Selection) -> str:
    """Which finalist wins and why, and how far the search's own best fell on folds that had not chosen it."""
    winner = selection.winner
    score = f": {trained_text(winner.fresh)}" if winner.fresh else ""
    lines = [f"trial {winner.trial.number}{phrases.finalist_name(winner)} wins{score}", selection.reason]
    if winner is not selection.finalists[0]:
        lines.append(phrases.configuration_text(winner.trial.parameters))
    if selection.optimism:
        lines.append(phrases.optimism_text(selection.finalists[0].trial.number, selection.optimism))
    return "\n".join(lines)


def decision_line(decision: OutOfFold) -> str:
    """The calibration of classes, and the threshold of two."""
    calibration, threshold = decision.calibration, decision.threshold
    lines = [phrases.calibration_text(calibration)] if calibration else []
    lines += [phrases.leaning_text(decision.class_weights)] if decision.class_weights else []
    lines += [f"threshold {phrases.threshold_text(threshold)}"] if threshold else []
    lines += [phrases.costs_text(threshold.costs)] if threshold and threshold.costs else []
    return "\n".join(lines)


def verdict_line(verdict: Verdict, decision: OutOfFold | None = None) -> str:
    """The holdout's score with its interval, what it is to be compared with, and the measures beside it."""
    title = phrases.metric_title(verdict.metric, verdict.threshold)
    lines = [
        f"{phrases.opening_text(verdict)}: {title} {phrases.estimate_text(verdict.holdout)} on "
        f"{format_count(verdict.n_rows)} rows; dummy {format_score(verdict.dummy)} on the same rows",
        f"the winner alone: cross-validated {score_text(verdict.cross_validated)} (the search chose by it)"
        + (f", {score_text(verdict.fresh)} on fresh folds" if verdict.fresh else "")
        + f"; on the holdout {phrases.single_name(verdict)} {phrases.estimate_text(verdict.single)}",
    ]
    lines += [f"{reference.name} {phrases.reference_text(reference)}" for reference in verdict.references]
    lines += [f"{title}: {text}" for title, text in phrases.beside_measures(verdict, decision)]
    told = phrases.resamples_text(verdict.resamples) if verdict.resamples else ""
    return "\n".join([*lines, told] if told else lines)


def result_table(facts: JobFacts) -> str:
    """The network beside the models that it has to stand up to: what each scored on the folds and on the holdout."""
    baseline, verdict = facts.baseline, facts.verdict
    assert baseline and verdict
    known = {reference.name: score_text(reference.score) for reference in facts.references}
    rows = [
        (phrases.metric_title(verdict.metric, verdict.threshold), "cross-validated", "holdout"),
        ("exported network", "", phrases.estimate_text(verdict.holdout)),
        ("single networks", score_text(verdict.cross_validated), phrases.estimate_text(verdict.single)),
        *((each.name, known.get(each.name, ""), phrases.estimate_text(each.holdout)) for each in verdict.references),
        ("dummy", score_text(baseline.dummy), format_score(verdict.dummy)),
    ]
    return "\n".join(aligned(rows))


def model_line(path: Path, shipped: str | None = None) -> str:
    """Where the model is, its size on disk, and what is to be said if it is not the one that was scored."""
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    text = f"{path}, {size / 1e3:,.0f} kB" if size < 1e6 else f"{path}, {size / 1e6:,.1f} MB"
    return f"{text}\ntrained on all rows. {shipped}" if shipped else text


def unscored_line(model: Path, plan: Path, opened: bool) -> str:
    """What can be done with the model of a job that could not open its holdout; `opened` if another one has."""
    told = f"This job's model is exported all the same, without a holdout score: {shlex.quote(str(model))}."
    if not opened:
        return told
    again = f"autoproc tune --config {shlex.quote(str(plan))} --reopen-holdout REASON"
    return f"{told} `{again}` trains it again and scores it."


def resume_line(run_id: str, home: Path, is_frame: bool = False, taken_back: bool = False) -> str:
    """How a job goes on that did not come to its end, be it one that was asked for and then taken back; in Python, with
    its data frame, where it was given one."""
    typed = f"`autoproc resume {run_id}{_elsewhere(home)}`"
    if is_frame:
        typed = f"autoproc.resume({run_id!r}, frame, home={str(home)!r})"
    return f"{typed} goes on from {'where its end was asked for, with all trials' if taken_back else 'here'}"


def short_time_line(limit: float, seconds: float) -> str:
    """That a time limit leaves little for training."""
    return (
        f"Of the time limit of {format_seconds(limit)} loading and preparing took {format_seconds(seconds)}. Training "
        "has a quarter of it all the same, so that the job takes longer and learns little, but opens its holdout. "
        "Ctrl-C stops it before; a longer --time-limit helps."
    )


def resumed_line(run_id: str, seconds: float) -> str:
    """That a job goes on that had taken so many seconds."""
    return f"job {run_id} goes on after {format_seconds(seconds)}; what it had told until then comes first"


def broken_off_line(log: Path, run_id: str, home: Path) -> str:
    """Where the whole story of a job that broke off stands, and how it goes on."""
    return (
        f"The job's log has more: {shlex.quote(str(log))}. What it had finished is kept; {resume_line(run_id, home)}."
    )


def alike_line(run_id: str, home: Path) -> str:
    """That another job of the same request could go on in the place of this one."""
    return (
        f"a job that was asked for the same of this table stopped early: `autoproc resume {run_id}{_elsewhere(home)}` "
        "goes on with it; this one begins anew"
    )


def next_line(home: Path, links: Sequence[tuple[str, str]] = ()) -> str:
    """The commands that come next, with what they do; `links` are the titles and addresses of the job's views on a
    server."""
    commands = [
        (f"{command}{_elsewhere(home)}", what) for command, what in _NEXT.items() if not links or command != _UI
    ]
    return "\n".join([*(f"{title}: {address}" for title, address in links), *aligned(commands)])


def _elsewhere(home: Path) -> str:
    """The flag that names a home which commands would not find by themselves."""
    return "" if home == Path("mlruns").resolve() else f" --home {shlex.quote(str(home))}"


def _rung_columns(rung: Rung, chosen: int) -> tuple[str, str, str]:
    notes = ["chosen"] if rung.number == chosen else []
    notes += [f"overfits from epoch {rung.verdict.epoch}"] if rung.verdict.overfit else []
    return str(rung.trained.candidate.network), trained_text(rung.trained), ", ".join(notes)


def _left_out(column: Column) -> str:
    return f"{one_line(column.name)} ({one_line(column.note, MAX_NOTE)})" if column.note else one_line(column.name)


def _sentence(text: str) -> str:
    return one_line(text, MAX_SENTENCE)
