"""A job told in Markdown: what was decided, why, and what came of it. A pure function of what is known so far.

Everything that came from the data is escaped, for MLflow shows the story as a page. The result stands first,
because MLflow keeps 8,000 characters.
"""

import shlex
from collections.abc import Iterator, Sequence

from autoproc.format import format_bytes, format_count, format_mean, format_score, format_seconds
from autoproc.outcomes import Finalist, OutOfFold, Search, Selection, Verdict
from autoproc.report import phrases
from autoproc.report.facts import JobFacts
from autoproc.report.text import MAX_NOTE, MAX_SENTENCE, escaped, listed, table
from autoproc.results import Baseline, Growth, Protocol, Reference, Rung

__all__ = ["JobFacts", "story"]

_MAX_NOTICES = 10


def story(facts: JobFacts) -> str:
    """The description of a job, with a section for each step that has come to its end."""
    return "\n\n".join(_blocks(facts)) + "\n"


def _blocks(facts: JobFacts) -> Iterator[str]:
    yield f"# {escaped(', '.join(facts.problem.targets))} of {escaped(facts.table_name)}"
    yield from _state(facts)
    if facts.verdict:
        yield from _verdict(facts.verdict, facts.metric_direction, facts.decision)
    if facts.model_path:
        yield from _model(facts.model_path, facts.shipped)
    yield from _data(facts)
    yield from _decisions(facts)
    if facts.baseline:
        yield from _baseline(facts.baseline)
    if facts.references:
        yield from _references(facts.references)
    if facts.growth:
        yield from _growth(facts.growth)
    if facts.search:
        yield from _search(facts.search)
    if facts.selection:
        yield from _selection(facts.selection)
    if facts.decision:
        yield from _decision(facts.decision)


def _state(facts: JobFacts) -> Iterator[str]:
    if facts.views:
        yield " · ".join(f"[{title}]({address})" for title, address in facts.views)
    if facts.stopped_by:
        yield f"**Stopped:** {_sentence(facts.stopped_by)}"
    elif not facts.verdict:
        yield "*The job is not complete: what is not told here has not happened yet.*"
        if facts.now:
            yield f"**Just now:** {_sentence(facts.now)}."
    if facts.receipt and not facts.verdict:
        yield (
            f"**The holdout was opened** at {escaped(facts.receipt.opened_at)} (opening {facts.receipt.opening}). No "
            "score has come of it yet; it counts all the same."
        )
    if facts.seconds is not None:
        memory = f", and at most {format_bytes(facts.memory.peak)} of memory" if facts.memory else ""
        yield f"Took {format_seconds(facts.seconds)}{memory}."


def _verdict(verdict: Verdict, direction: str, decision: OutOfFold | None) -> Iterator[str]:
    yield "## Holdout"
    if verdict.receipt.opening > 1:
        yield (
            f"**Re-use:** this holdout was opened before; this is opening {verdict.receipt.opening}. Its score may be "
            f"too good. The reason given: {_sentence(verdict.receipt.reason or 'none')}."
        )
    mark = " (re-use)" if verdict.receipt.opening > 1 else ""
    better = "higher" if direction == "maximize" else "lower"
    cross_validated = phrases.score_text(verdict.cross_validated)
    rows = [
        (f"**holdout{mark}**", f"**{phrases.estimate_text(verdict.holdout)}**"),
        ("dummy on the holdout", format_score(verdict.dummy)),
        ("the winner alone, cross-validated (the search chose by it)", cross_validated),
        *([("the same on fresh folds", phrases.score_text(verdict.fresh))] if verdict.fresh else []),
        (f"{phrases.single_name(verdict)} on the holdout{mark}", phrases.estimate_text(verdict.single)),
        *((f"{each.name}{mark}", phrases.reference_text(each)) for each in verdict.references),
        *((f"{title}{mark}", text) for title, text in phrases.beside_measures(verdict, decision)),
    ]
    yield table((f"{phrases.metric_title(verdict.metric, verdict.threshold)} ({better} is better)", "score"), rows)
    part = "" if mark else ", none of which had a part in any choice"
    told = phrases.resamples_text(verdict.resamples) if verdict.resamples else ""
    yield (
        f"{format_count(verdict.n_rows)} rows{part}; opened at {escaped(verdict.receipt.opened_at)}. In brackets stand "
        f"95 % bootstrap intervals; ± is the standard error over folds.{f' {_capital(told)}.' if told else ''}"
    )


def _model(path: str, shipped: str | None) -> Iterator[str]:
    yield "## Use the model"
    if shipped:
        yield f"**Trained on all rows.** {_sentence(shipped)}."
    yield f"```python\nimport autoproc\n\npredictions = autoproc.load({path!r}).predict(frame)\n```"
    yield f"```\nautoproc predict {shlex.quote(path)} new.csv --out predictions.csv\n```"


def _used_text(n_used: int, n_columns: int) -> str:
    """How many columns are used, beside the target.

    >>> _used_text(1, 1), _used_text(5, 5), _used_text(1, 5)
    ('the only column is used', 'all 5 columns are used', '1 of 5 columns is used')
    """
    if n_used == n_columns:
        return "the only column is used" if n_used == 1 else f"all {format_count(n_used)} columns are used"
    return f"{format_count(n_used)} of {format_count(n_columns)} columns {'is' if n_used == 1 else 'are'} used"


def _data(facts: JobFacts) -> Iterator[str]:
    columns = facts.problem.columns
    yield "## Data"
    yield f"{format_count(facts.n_rows)} rows; {_used_text(sum(column.used for column in columns), len(columns))}."
    unused = [column for column in columns if not column.used]
    left_out = [f"**{escaped(column.name)}** ({escaped(column.note, MAX_NOTE) or column.kind})" for column in unused]
    if left_out:
        yield f"Columns left out: {listed(left_out)}."
    told = [*(f"**Warning:** {_sentence(warning)}" for warning in facts.warnings), *map(_sentence, facts.notices)]
    notices = [f"- {text}" for text in told[:_MAX_NOTICES]]
    more = len(told) - len(notices)
    if notices:
        yield "\n".join([*notices, *([f"- and {more} more notices"] if more else [])])


def _decisions(facts: JobFacts) -> Iterator[str]:
    problem, protocol = facts.problem, facts.protocol
    yield "## Decisions"
    rows = [
        ("problem", problem.task.replace("_", " "), _sentence(problem.reason)),
        ("metric", f"{phrases.metric_title(facts.metric)}, {facts.metric_direction}", _sentence(facts.metric_reason)),
        ("protocol", _protocol(protocol), _sentence(protocol.reason)),
        ("holdout", f"{format_count(protocol.n_holdout)} rows", "sealed before anything was looked at"),
    ]
    yield table(("what", "choice", "why"), rows)
    if problem.classes:
        counts = zip(problem.classes, problem.class_counts, strict=True)
        classes = [f"{escaped(name)} ({format_count(count)})" for name, count in counts]
        yield f"Classes of the development rows: {listed(classes)}."


def _protocol(protocol: Protocol) -> str:
    if protocol.kind == "validation_split":
        return "one validation split"
    times = f", {protocol.repeats} times" if protocol.repeats > 1 else ""
    return f"{protocol.folds} folds{times}"


def _baseline(baseline: Baseline) -> Iterator[str]:
    beats = "beats" if baseline.beats_dummy else "**does not beat**"
    rows = [
        ("dummy", phrases.score_text(baseline.dummy)),
        (f"network {baseline.network.candidate.network}", phrases.trained_text(baseline.network)),
    ]
    yield "## Baseline"
    yield table(("model", "validation"), rows)
    yield f"The small network {beats} the dummy: {_sentence(baseline.reason)}."


def _references(references: Sequence[Reference]) -> Iterator[str]:
    yield "## Reference models"
    yield table(("model", "validation"), [(escaped(each.name), phrases.score_text(each.score)) for each in references])
    yield "scikit-learn's with default settings, on the same folds."


def _growth(growth: Growth) -> Iterator[str]:
    yield "## Growth until it overfits"
    heads = ("rung", "capacity", "training", "validation", "best epoch", "verdict")
    yield table(heads, [_rung(rung, growth.chosen) for rung in growth.rungs])
    yield (
        f"{_sentence(growth.reason)}. The search starts from {growth.best.trained.candidate.network}, the smallest "
        "capacity that validates within one standard error of the best."
    )


def _rung(rung: Rung, chosen: int) -> tuple[str, ...]:
    trained = rung.trained
    training = "" if trained.failed else format_mean(trained.train_score.mean, trained.train_score.standard_error)
    cells = (
        str(rung.number + 1),
        str(trained.candidate.network),
        training,
        phrases.trained_text(trained),
        str(rung.verdict.epoch),
        rung.verdict.summary,
    )
    return tuple(f"**{cell}**" if cell else "" for cell in cells) if rung.number == chosen else cells


def _search(search: Search) -> Iterator[str]:
    best = search.best
    yield "## Search"
    yield f"{phrases.search_counts(search)}. The best is trial {best.number}: **{phrases.score_text(best.score)}**."
    if search.advice:
        yield f"**Failures:** {_sentence(search.advice)}"
    rows = [(escaped(name), escaped(phrases.value_text(name, value))) for name, value in best.parameters.items()]
    yield table(("parameter", "value"), rows)


def _selection(selection: Selection) -> Iterator[str]:
    winner = selection.winner
    yield "## Fresh folds"
    yield f"Trial {winner.trial.number}{phrases.finalist_name(winner)} wins: {_sentence(selection.reason)}."
    rows = [_finalist(each, each is winner) for each in selection.finalists]
    yield table(("trial", "on the search's folds", "on fresh folds"), rows)
    if selection.optimism:
        yield f"{_sentence(phrases.optimism_text(selection.finalists[0].trial.number, selection.optimism))}."


def _finalist(finalist: Finalist, wins: bool) -> tuple[str, ...]:
    fresh = phrases.trained_text(finalist.fresh) if finalist.fresh else "not scored"
    number = f"{finalist.trial.number}{phrases.finalist_name(finalist)}"
    cells = (number, phrases.score_text(finalist.trial.score), escaped(fresh))
    return tuple(f"**{cell}**" for cell in cells) if wins else cells


def _decision(decision: OutOfFold) -> Iterator[str]:
    yield "## Out of fold"
    threshold = decision.threshold.value if decision.threshold else None
    scores = decision.scores.items()
    rows = [(phrases.metric_title(name, threshold), phrases.score_text(score)) for name, score in scores]
    yield table(("metric", "networks that were not trained on the row"), rows)
    yield (
        "The same rows chose the epochs, the networks of an ensemble and the threshold, so these scores flatter a "
        "little."
    )
    if decision.calibration:
        yield f"Calibration: {phrases.calibration_text(decision.calibration)}."
    if decision.class_weights:
        yield f"{_capital(_sentence(phrases.leaning_text(decision.class_weights)))}."
    if decision.threshold:
        yield f"Threshold {_sentence(phrases.threshold_text(decision.threshold))}."
    if decision.threshold and decision.threshold.costs:
        yield f"{_capital(_sentence(phrases.costs_text(decision.threshold.costs)))}."


def _sentence(text: str) -> str:
    return escaped(text.rstrip("."), MAX_SENTENCE)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
