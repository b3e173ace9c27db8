"""What `inspect` and `show` say: a finished job's result, or an inspection, as aligned lines."""

from typing import TYPE_CHECKING, Any

from autoproc.format import format_bytes, format_count, format_seconds
from autoproc.progress import WARNING, layout

if TYPE_CHECKING:
    from autoproc.prepared import Prepared
    from autoproc.results import Column


def inspection_values(prepared: "Prepared") -> dict[str, Any]:
    """The JSON of an inspection; its `problem`, `metric` and `protocol` read like those of a job."""
    from autoproc.report import values

    chosen, protocol = prepared.chosen, prepared.protocol
    return {
        "table": prepared.development.name,
        "problem": values.problem_values(prepared.problem, protocol.n_development + protocol.n_holdout),
        "metric": values.metric_values(chosen),
        "protocol": values.protocol_values(protocol),
        "warnings": list(prepared.warnings),
        "notices": list(prepared.development.notices),
    }


def inspection_lines(prepared: "Prepared") -> str:
    """An inspection as text."""
    problem, protocol, chosen = prepared.problem, prepared.protocol, prepared.chosen
    n_rows = format_count(protocol.n_development + protocol.n_holdout)
    lines = [
        layout("table", f"{prepared.development.name}: {n_rows} rows"),
        layout("problem", f"{problem.task}: {problem.reason}"),
        layout("metric", f"{chosen.metric.name} ({chosen.metric.direction}): {chosen.reason}"),
        layout("protocol", protocol.reason),
        layout("columns", _column_table(problem.columns)),
    ]
    lines += [layout("note", notice) for notice in prepared.development.notices]
    lines += [layout(WARNING, warning) for warning in prepared.warnings]
    return "\n".join(lines)


def result_lines(result: dict[str, Any]) -> str:
    """A job's result, as `tune --json` writes it: what the job told, with where it stands and what it took."""
    lines = [layout("run", f"{result['run_id']} of the experiment {result['experiment']!r}, in {result['home']}")]
    lines += [layout(told["step"], told["text"]) for told in result["told"]]
    seconds, memory = sum(result["seconds"].values()), result["memory"]["peak"]
    return "\n".join([*lines, layout("took", f"{format_seconds(seconds)}; at most {format_bytes(memory)} of memory")])


def _column_table(columns: "tuple[Column, ...]") -> str:
    wide = max((len(column.name) for column in columns), default=0)
    return "\n".join(
        f"{column.name:<{wide}}  {column.kind:<12}{'' if column.used else 'left out: '}{column.note}".rstrip()
        for column in columns
    )
