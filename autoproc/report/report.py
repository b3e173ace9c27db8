"""A job's page: what its story tells, with the figures that belong to it, and at the top whether to trust the score."""

import html
from collections.abc import Iterator
from pathlib import Path

from autoproc.durable import write_whole
from autoproc.format import format_count, format_seconds
from autoproc.report.evidence import FILE, DataFacts, Evidence
from autoproc.report.figures.base import Shown
from autoproc.report.figures.columns import importance_figure
from autoproc.report.figures.data import data_figures
from autoproc.report.figures.growth import growth_figures
from autoproc.report.figures.predictions import prediction_figures
from autoproc.report.figures.scores import fold_figures, reference_figures, worth_figures
from autoproc.report.figures.search import search_figures
from autoproc.report.figures.training import training_figures
from autoproc.report.markdown import sections
from autoproc.report.page import Part, page, table

PAGE = "report.html"

TOPICS = ("Holdout", "Data", "Reference models", "Growth until it overfits", "Search", "Out of fold")
"""The headings of the story that figures stand under."""


def write_report(folder: Path, evidence: Evidence) -> Path:
    """Write into a job's folder what its page is drawn from, and the page; its path. Raises OSError."""
    write_whole(folder / FILE, evidence.to_json())
    write_whole(folder / PAGE, report_page(evidence))
    return folder / PAGE


def report_page(evidence: Evidence) -> str:
    """The page of a job, in HTML."""
    title, *told = sections(evidence.story)
    figures = {topic: list(_figures(topic, evidence)) for topic in TOPICS}
    bodies = {section.heading: section.body for section in told}
    # A job that was stopped has figures of more than its story tells.
    headings = [*bodies, *(topic for topic in TOPICS if topic not in bodies and figures[topic])]
    parts = [Part(heading, bodies.get(heading, ""), figures.get(heading, ())) for heading in headings]
    parts = [_with_columns(part, evidence.data) if part.heading == "Data" else part for part in parts]
    if evidence.trainings:
        after = headings.index("Search") + 1
        curves = list(training_figures(evidence.trainings, evidence.metric))
        parts.insert(after, Part("Curves of the best trials", "", curves))
    state = "" if evidence.exported else title.body
    return page(f"{', '.join(evidence.targets)}: {evidence.table}", _top(evidence, state), parts)


def _figures(topic: str, evidence: Evidence) -> Iterator[Shown]:
    metric, direction = evidence.metric, evidence.direction
    if topic == "Holdout":
        yield from reference_figures(evidence)
        yield from worth_figures(evidence)
    elif topic == "Data":
        yield from data_figures(evidence.data)
    elif topic == "Reference models":
        yield from fold_figures(evidence)
    elif topic == "Growth until it overfits" and evidence.rungs:
        yield from growth_figures(evidence.rungs, metric)
    elif topic == "Search":
        if evidence.search:
            yield from search_figures(evidence.search, metric, direction)
    elif topic == "Out of fold":
        if evidence.predictions:
            yield from prediction_figures(evidence.predictions, [name for name, _ in evidence.data.classes])
        if evidence.importance:
            yield importance_figure(evidence.importance, metric)


def _top(evidence: Evidence, state: str) -> str:
    data = evidence.data
    rows = format_count(data.n_development + data.n_holdout)
    under = (
        f"{evidence.table}: {rows} rows. {evidence.task.replace('_', ' ').capitalize()}. "
        f"{format_seconds(evidence.seconds)}, ended {evidence.finished}. Run {evidence.run_id}."
    )
    cards = "".join(
        f'<div class="card"><div class="title">{html.escape(card.title)}</div><div class="value">'
        f'{html.escape(card.value)}</div><div class="remark">{html.escape(card.note)}</div></div>'
        for card in evidence.cards
    )
    remarks = "".join(f'<li class="{each.tone}">{html.escape(each.text)}</li>' for each in evidence.remarks)
    listed = f'<ul class="remarks">{remarks}</ul>' if remarks else ""
    heading = html.escape(f"Predicting {', '.join(evidence.targets)}")
    return f'<h1>{heading}</h1><p class="under">{html.escape(under)}</p><div class="cards">{cards}</div>{listed}{state}'


def _with_columns(part: Part, data: DataFacts) -> Part:
    """All columns with their whole names."""
    rows = [
        (
            column.name,
            column.kind,
            "yes" if column.used else "no",
            "" if column.missing is None else format_count(column.missing),
            column.note,
        )
        for column in data.columns
    ]
    shown = table(("column", "kind", "used", "missing cells", "note"), rows)
    details = f"<details><summary>All {len(rows)} columns</summary>{shown}</details>"
    return Part(part.heading, part.body + details, part.figures)
