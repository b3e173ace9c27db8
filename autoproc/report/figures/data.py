"""The development rows: classes or targets, and missing cells."""

from collections.abc import Iterator
from itertools import pairwise

from autoproc.format import format_count
from autoproc.report.evidence import DataFacts, Histogram
from autoproc.report.figures.base import BLUE, Picture, Remarked, Shown, axis, bars
from autoproc.report.text import shortened

_MOST_CLASSES = 100
_MOST_COLUMNS = 40


def data_figures(data: DataFacts) -> Iterator[Shown]:
    """What is drawn of the data."""
    if data.classes:
        yield _classes(data)
    for target in data.targets:
        yield _target(target)
    yield _missing(data)


def _classes(data: DataFacts) -> Picture:
    shown = data.classes[:_MOST_CLASSES]
    n_rows = sum(rows for _, rows in data.classes)
    least, most = min(data.classes, key=lambda each: each[1]), max(data.classes, key=lambda each: each[1])
    more = f" Shown are the first {_MOST_CLASSES} of {len(data.classes)}." if len(shown) < len(data.classes) else ""
    spread = (
        f"each has {_percent(most[1], n_rows)}"
        if least[1] == most[1]
        else f"the rarest, {shortened(least[0], 60)!r}, has {_percent(least[1], n_rows)}, the most frequent, "
        f"{shortened(most[0], 60)!r}, {_percent(most[1], n_rows)}"
    )
    texts = [f"{format_count(rows)} ({_percent(rows, n_rows)})" for _, rows in shown]
    return Picture(
        "Class balance",
        f"{len(data.classes)} classes in {format_count(n_rows)} development rows; {spread}.{more}",
        half=len(shown) <= 4,
        **bars([name for name, _ in shown], [rows for _, rows in shown], "development rows", texts),
    )


def _target(target: Histogram) -> Picture:
    edges = target.edges
    bar = {
        "type": "bar",
        "x": [(a + b) / 2 for a, b in pairwise(edges)],
        "width": [b - a for a, b in pairwise(edges)],
        "y": target.counts,
        "marker": {"color": BLUE, "line": {"width": 0.5, "color": "rgba(128,128,128,0.6)"}},
        "hovertemplate": "%{x:.4~g}: %{y:,} rows<extra></extra>",
    }
    layout = {
        "xaxis": axis(shortened(target.name, 60)),
        "yaxis": axis("development rows", rangemode="tozero"),
        "bargap": 0,
        "showlegend": False,
    }
    n_rows = format_count(sum(target.counts))
    caption = f"{shortened(target.name, 60)} in {n_rows} development rows."
    return Picture("Target", caption, [bar], layout, half=True)


def _missing(data: DataFacts) -> Shown:
    n_rows = data.n_development
    lacking = sorted(
        ((column.name, column.missing) for column in data.columns if column.missing), key=lambda each: -each[1]
    )
    n_used = sum(column.used for column in data.columns)
    if not lacking:
        return Remarked("Missing cells", f"None of the {n_used} columns in use has a missing cell in development rows.")
    shown = lacking[:_MOST_COLUMNS]
    more = f" Shown are the {_MOST_COLUMNS} with most." if len(shown) < len(lacking) else ""
    return Picture(
        "Missing cells",
        f"{len(lacking)} of {n_used} columns in use have missing cells, which the network sees as such.{more}",
        **bars(
            [name for name, _ in shown],
            [100 * missing / n_rows for _, missing in shown],
            "missing cells, % of development rows",
            [f"{_percent(missing, n_rows)}" for _, missing in shown],
        ),
    )


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole
    return f"{share:.1f} %" if share >= 1 else f"{share:.2g} %"
