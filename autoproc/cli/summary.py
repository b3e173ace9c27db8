"""What `inspect` and `show` say: a finished job's result, or an inspection, as aligned lines."""

from typing import TYPE_CHECKING, Any

from autoproc.format import format_bytes, format_count, format_mean, format_score, format_seconds
from autoproc.progress import layout

if TYPE_CHECKING:
    from autoproc.prepared import Prepared
    from autoproc.results import Column

NAN = float("nan")


def inspection_values(prepared: "Prepared") -> dict[str, Any]:
    """The JSON of an inspection; its `problem`, `metric` and `protocol` read like those of a job."""
    from autoproc.report import values

    chosen, protocol = prepared.chosen, prepared.protocol
    return {
        "table": prepared.development.name,
        "problem": values.problem_values(prepared.problem, protocol.n_development + protocol.n_holdout),
        "metric": values.metric_values(chosen.metric.name, chosen.metric.direction, chosen.reason),
        "protocol": values.protocol_values(protocol),
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
        layout("protocol", f"{_protocol_name(protocol.kind, protocol.folds, protocol.repeats)}: {protocol.reason}"),
        layout("columns", _column_table(problem.columns)),
    ]
    lines += [layout("notice", notice) for notice in prepared.development.notices]
    return "\n".join(lines)


def result_lines(result: dict[str, Any]) -> str:
    """A job's result, as `tune --json` writes it, as text."""
    problem, metric, protocol = result["problem"], result["metric"], result["protocol"]
    size = f"{format_count(problem['n_rows'])} rows, {format_count(problem['n_features'])} features"
    protocol_name = _protocol_name(protocol["kind"], protocol["folds"], protocol["repeats"])
    steps = [
        ("run", f"{result['run_id']} of the experiment {result['experiment']!r}, in {result['home']}"),
        ("problem", f"{problem['task']}: {_joined(problem['target'])}; {size}"),
        ("metric", f"{metric['name']} ({metric['direction']}): {metric['reason']}"),
        ("protocol", f"{protocol_name}: {protocol['reason']}"),
        ("baseline", _baseline_text(result["baseline"])),
        *(("reference", f"{each['name']} {_with_error(each)}") for each in result.get("references", ())),
        ("growth", f"{len(result['growth']['rungs'])} rungs: {result['growth']['verdict']['reason']}"),
        ("search", _search_text(result["search"])),
        *(("fresh folds", _selection_text(each)) for each in [result.get("selection")] if each),
        ("holdout", _verdict_text(result["verdict"])),
        ("model", result["model"]["path"]),
        ("took", _took_text(result["seconds"], result.get("memory"))),
    ]
    return "\n".join(layout(step, text) for step, text in steps)


def _baseline_text(baseline: dict[str, Any]) -> str:
    beats = "beats the dummy" if baseline["beats_dummy"] else "does not beat the dummy"
    return f"dummy {_mean(baseline, 'dummy')}, network {_mean(baseline, 'network')}: {beats}"


def _took_text(seconds: dict[str, float], memory: dict[str, int] | None) -> str:
    """`memory` is None in the results of the first jobs."""
    at_most = f"; at most {format_bytes(memory['peak'])} of memory" if memory else ""
    return f"{format_seconds(sum(seconds.values()))}{at_most}"


def _search_text(search: dict[str, Any]) -> str:
    best = search["best"]
    counts = f"{search['n_trials']} trials, {search['n_pruned']} pruned, {search['n_failed']} failed"
    score = _with_error(best)
    parameters = ", ".join(f"{name} {_value(value)}" for name, value in best["params"].items())
    return f"{counts}: {score}\n{parameters}"


def _selection_text(selection: dict[str, Any]) -> str:
    winner, optimism = selection["winner"], selection["optimism"]
    score = f" with {_with_error(winner['fresh'])}" if winner["fresh"] else ""
    flattered = f"; the search flattered itself by {estimate_text(optimism)}" if optimism else ""
    return f"trial {winner['number']} wins{score}: {selection['reason']}{flattered}"


def _verdict_text(verdict: dict[str, Any]) -> str:
    receipt = verdict["receipt"]
    mark = f"RE-USED, opening {receipt['opening']} ({receipt['reason']}): " if receipt["opening"] > 1 else ""
    return (
        f"{mark}{verdict['metric']} {estimate_text(verdict)}; "
        f"cross-validated {_mean(verdict, 'cross_validated')}, dummy {_score(verdict['dummy'])}"
    )


def estimate_text(values: dict[str, Any]) -> str:
    """A `score` with its `interval`."""
    low, high = map(_score, values["interval"])
    return f"{_score(values['score'])} (95 %: {low} to {high})"


def _protocol_name(kind: str, folds: int, repeats: int) -> str:
    if kind == "validation_split":
        return "a validation split"
    return f"{folds} folds" if repeats == 1 else f"{folds} folds x {repeats} repeats"


def _column_table(columns: "tuple[Column, ...]") -> str:
    wide = max((len(column.name) for column in columns), default=0)
    return "\n".join(
        f"{column.name:<{wide}}  {column.kind:<12}{'' if column.used else 'left out: '}{column.note}".rstrip()
        for column in columns
    )


def _mean(values: dict[str, Any], name: str) -> str:
    return format_mean(_number(values[name]), _number(values[f"{name}_standard_error"]))


def _with_error(values: dict[str, Any]) -> str:
    return format_mean(_number(values["score"]), _number(values["standard_error"]))


def _score(score: float | None) -> str:
    return format_score(_number(score))


def _number(value: float | None) -> float:
    """JSON has no NaN: null stands for it."""
    return NAN if value is None else value


def _value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _joined(names: str | list[str]) -> str:
    return names if isinstance(names, str) else ", ".join(names)
