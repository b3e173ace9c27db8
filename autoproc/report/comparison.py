"""A page that shows several jobs beside each other."""

import html
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from autoproc.format import format_score, format_seconds
from autoproc.report.evidence import Evidence, Point
from autoproc.report.figures.base import LEGEND, SERIES, Json, Picture, Remarked, Shown, axis, label, trial_axis
from autoproc.report.figures.scores import intervals
from autoproc.report.page import Part, page, table
from autoproc.report.phrases import metric_title
from autoproc.report.trials import scored

_ID = 8  # characters of a run's id that tell jobs apart


def comparison_page(jobs: Sequence[Evidence]) -> str:
    """The page of two jobs or more, in HTML. Scores stand in one picture where they are of one metric."""
    names = [_name(job) for job in jobs]
    heading = f"{len(jobs)} jobs beside each other"
    notes = "".join(f'<li class="bad">{html.escape(note)}</li>' for note in _cautions(jobs))
    top = f'<h1>{heading}</h1><ul class="remarks">{notes}</ul>' if notes else f"<h1>{heading}</h1>"
    metrics = list(dict.fromkeys(job.metric for job in jobs))
    parts = [Part("Scores", _scores(jobs, names), [s for m in metrics for s in _holdout(jobs, names, m)])]
    parts += [Part("What they were asked for", _settings(jobs, names))]
    parts += [Part("Searches", "", [_searches(jobs, names, metric) for metric in metrics])]
    return page(heading, top, parts)


def _name(job: Evidence) -> str:
    return f"{job.table}, {job.finished} ({job.run_id[:_ID]})"


def _cautions(jobs: Sequence[Evidence]) -> list[str]:
    """What keeps scores from being compared."""
    told = []
    if len({(job.table, tuple(job.targets)) for job in jobs}) > 1:
        told.append("The jobs are about different tables or targets: their scores do not compare.")
    if len({job.metric for job in jobs}) > 1:
        told.append("The jobs go by different metrics: their scores do not compare.")
    if len({job.data.n_holdout for job in jobs}) > 1 or len({job.data.n_development for job in jobs}) > 1:
        told.append("The jobs do not have the same numbers of development and holdout rows.")
    if any(job.receipt and job.receipt.startswith("RE-USED") for job in jobs):
        told.append("A holdout that several jobs have opened is used up by comparing on it: the best looks too good.")
    return told


def _scores(jobs: Sequence[Evidence], names: Sequence[str]) -> str:
    heads = ("job", "metric", "holdout (95 %)", "search's folds", "fresh folds", "holdout", "trials", "took")
    return table(heads, [(name, *_row(job)) for name, job in zip(names, jobs, strict=True)])


def _row(job: Evidence) -> tuple[str, ...]:
    worth = {point.name: _text(point) for point in job.worth}
    return (
        metric_title(job.metric),
        _interval(job.exported) if job.exported else "no verdict",
        worth.get("search's folds", ""),
        worth.get("fresh folds", ""),
        job.receipt or "not opened",
        f"{len(job.search.trials):,}" if job.search else "0",
        format_seconds(job.seconds),
    )


def _text(point: Point) -> str:
    return "" if point.score is None else format_score(point.score)


def _interval(point: Point) -> str:
    if point.low is None or point.high is None:
        return _text(point)
    return f"{_text(point)} ({format_score(point.low)} to {format_score(point.high)})"


def _holdout(jobs: Sequence[Evidence], names: Sequence[str], metric: str) -> list[Shown]:
    points = [
        replace(job.exported, name=name)
        for name, job in zip(names, jobs, strict=True)
        if job.exported and job.metric == metric
    ]
    if not points:
        return []
    caption = "The exported models, with 95 % intervals. If those of one holdout overlap, jobs need not be level."
    return [intervals(f"Holdout: {metric_title(metric)}", caption, points, metric)]


def _settings(jobs: Sequence[Evidence], names: Sequence[str]) -> str:
    """The settings that differ; whatever all have in common in a sentence."""
    keys = list(dict.fromkeys(key for job in jobs for key in job.settings))
    values = {key: [_setting(key, job.settings.get(key, "")) for job in jobs] for key in keys}
    differing = {key: row for key, row in values.items() if len(set(row)) > 1}
    same = ", ".join(f"{key.replace('_', ' ')} {row[0]}" for key, row in values.items() if key not in differing)
    told = f"<p>In common: {html.escape(same)}.</p>" if same else ""
    if not differing:
        return f"<p>All were asked for the same.</p>{told}"
    rows = [(key.replace("_", " "), *row) for key, row in differing.items()]
    return table(("setting", *names), rows) + told


def _setting(key: str, value: str | int | float) -> str:
    return f"{value:g} s" if key == "time_limit" and not isinstance(value, str) else str(value)


def _searches(jobs: Sequence[Evidence], names: Sequence[str], metric: str) -> Shown:
    """The best score so far over the trials of each job that have one."""
    data: list[Json] = []
    for name, job, color in zip(names, jobs, [*SERIES] * len(jobs), strict=False):
        done = scored(job.search.trials) if job.search and job.metric == metric else []
        best = max if job.direction == "maximize" else min
        running = list(accumulate((trial.score for trial in done if trial.score is not None), best))
        if running:
            data.append(
                {
                    "name": label(name, 60),
                    "x": [trial.number for trial in done],
                    "y": running,
                    "mode": "lines+markers" if len(running) < 3 else "lines",
                    "line": {"color": color, "width": 2, "shape": "hv"},
                    "hovertemplate": "trial %{x}: best so far %{y:.4~g}<extra></extra>",
                }
            )
    title = f"Best so far: {metric_title(metric)}"
    if not data:
        return Remarked(title, "No trial came to its end.")
    layout = {
        "xaxis": trial_axis(max(each["x"][-1] for each in data)),
        "yaxis": axis(metric_title(metric)),
        "legend": {**LEGEND, "y": -0.2, "yanchor": "top"},
    }
    caption = "The best score on the search's folds, by trial. It chose, and flatters."
    return Picture(title, caption, data, layout, height=420)
