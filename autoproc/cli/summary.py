"""What `inspect` and `show` say: a finished job's result, or an inspection, as aligned lines."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autoproc.format import format_bytes, format_count, format_seconds
from autoproc.progress import WARNING, layout
from autoproc.report.text import visible

if TYPE_CHECKING:
    from autoproc.data.openings import Opening
    from autoproc.prepared import Prepared
    from autoproc.results import Column, Protocol


def inspection_values(prepared: "Prepared", openings: "Sequence[Opening]") -> dict[str, Any]:
    """The JSON of an inspection; its `problem`, `metric` and `protocol` read like those of a job."""
    from autoproc.report import values

    chosen, protocol = prepared.chosen, prepared.protocol
    return {
        "table": prepared.development.name,
        "problem": values.problem_values(prepared.problem, protocol.n_development + protocol.n_holdout),
        "metric": values.metric_values(chosen),
        "protocol": values.protocol_values(protocol),
        "holdout": {"n_rows": protocol.n_holdout, "openings": [opening_values(opening) for opening in openings]},
        "warnings": list(prepared.warnings),
        "notices": list(prepared.development.notices),
    }


def inspection_lines(prepared: "Prepared", openings: "Sequence[Opening]", home: str) -> str:
    """An inspection as text; `openings` are those of the holdout in `home`."""
    from autoproc.report.phrases import metric_title

    problem, protocol, chosen = prepared.problem, prepared.protocol, prepared.chosen
    n_rows = format_count(protocol.n_development + protocol.n_holdout)
    lines = [
        layout("table", f"{visible(prepared.development.name)}: {n_rows} rows"),
        layout("problem", f"{problem.task}: {visible(problem.reason)}"),
        layout("metric", f"{metric_title(chosen.metric.name)} ({chosen.metric.direction}): {chosen.reason}"),
        layout("holdout", _holdout_text(protocol, openings, home)),
        layout("protocol", protocol.reason),
        layout("columns", _column_table(problem.columns)),
    ]
    lines += [layout("note", visible(notice)) for notice in prepared.development.notices]
    lines += [layout(WARNING, visible(warning)) for warning in prepared.warnings]
    return "\n".join(lines)


def opening_values(opening: "Opening") -> dict[str, Any]:
    """The receipt, with the score that its job came to; null where it came to none, or is gone."""
    receipt, outcome = opening.receipt, opening.outcome
    return {
        "opening": receipt.opening,
        "opened_at": receipt.opened_at,
        "run_id": receipt.run_id,
        "reason": receipt.reason,
        "metric": outcome and outcome.metric,
        "score": outcome and outcome.estimate.score,
        "interval": outcome and outcome.estimate.interval,
        "path": receipt.path,
    }


def opening_line(opening: "Opening") -> str:
    """When a holdout was opened, by which job, why again, and with what score."""
    receipt = opening.receipt
    reason = f" ({receipt.reason})" if receipt.reason else ""
    return f"opening {receipt.opening}{reason}, {receipt.opened_at}, run {receipt.run_id}: {opening.score_text}"


def result_lines(result: dict[str, Any]) -> str:
    """A job's result, as `tune --json` writes it: what the job told, with where it stands and what it took."""
    lines = [layout("run", f"{result['run_id']} of the experiment {result['experiment']!r}, in {result['home']}")]
    lines += [layout(told["step"], told["text"]) for told in result["told"]]
    seconds, memory = sum(result["seconds"].values()), result["memory"]["peak"]
    return "\n".join([*lines, layout("took", f"{format_seconds(seconds)}; at most {format_bytes(memory)} of memory")])


def _holdout_text(protocol: "Protocol", openings: "Sequence[Opening]", home: str) -> str:
    n_rows = format_count(protocol.n_holdout)
    sealed = f"{n_rows} {'row' if protocol.n_holdout == 1 else 'rows'} would be sealed"
    if not openings:
        return f"{sealed}; never opened in {home}"
    told = "\n".join(map(opening_line, openings))
    return f"{sealed}; opened already in {home}, so that a job needs --reopen-holdout REASON:\n{told}"


def _column_table(columns: "tuple[Column, ...]") -> str:
    rows = [(visible(column.name), column.kind, column.used, visible(column.note)) for column in columns]
    wide = max((len(name) for name, *_ in rows), default=0)
    return "\n".join(
        f"{name:<{wide}}  {kind:<12}{'' if used else 'left out: '}{note}".rstrip() for name, kind, used, note in rows
    )
