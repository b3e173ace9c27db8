"""The results as a picture: what is reached after so many seconds, on each set and over all of them."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib

from benchmarks.peers.results import Entry, Results
from benchmarks.peers.scores import LOWER_IS_BETTER
from benchmarks.peers.standing import mean_of_known, normalised
from benchmarks.peers.summary import said

COLUMNS = 3


def draw(results: Results, path: Path) -> None:
    """A panel a set, by its first metric, and one of the mean normalised score; seconds are wall time as measured, from
    start to exit. Hollow: recorded elsewhere."""
    matplotlib.use("svg")
    from matplotlib import pyplot

    names, contenders = results.sets, list(dict.fromkeys(entry[0] for entry in results.entries()))
    colours = {name: f"C{place}" for place, name in enumerate(contenders)}
    n_rows = ceil((len(names) + 1) / COLUMNS)
    figure, axes = pyplot.subplots(n_rows, COLUMNS, figsize=(4 * COLUMNS, 3 * n_rows), layout="constrained")
    panels = iter(axes.flat)
    whole = next(panels)
    entries = results.entries()
    means = mean_of_known(normalised(results.goodness(entries, names), results.floor(names)))
    title(whole, "all sets: mean normalised score", results.budgets)
    for contender in contenders:
        points = [(e, mean) for e, mean in zip(entries, means, strict=True) if e[0] == contender]
        curve(whole, results, points, colours[contender], contender)
    for name in names:
        panel, metric = next(panels), results.metrics(name)[0]
        title(panel, f"{name}: {said(metric)}", results.budgets)
        for contender in contenders:
            of_set = [(e, results.cells[e][name]) for e in entries if e[0] == contender and name in results.cells[e]]
            scored = [(e, cell.goodness(metric)) for e, cell in of_set if cell.values.get(metric)]
            sign = -1 if metric in LOWER_IS_BETTER else 1
            curve(panel, results, [(e, sign * good) for e, good in scored], colours[contender], contender)
        if metric in LOWER_IS_BETTER:
            panel.invert_yaxis()
    for unused in panels:
        unused.set_axis_off()
    handles, labels = whole.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6)
    figure.savefig(path)
    pyplot.close(figure)


def title(panel: Any, text: str, budgets: Sequence[float]) -> None:
    panel.set_title(text, fontsize="medium")
    panel.set_xscale("log")
    panel.set_xticks(budgets, [f"{seconds:g}" for seconds in budgets])
    panel.minorticks_off()
    panel.set_xlabel("seconds")


def curve(panel: Any, results: Results, points: Sequence[tuple[Entry, float]], colour: str, label: str) -> None:
    """Through an entry's points at their median wall seconds; the dummy's is drawn as a level."""
    if label == "dummy":
        for _, value in points:
            panel.axhline(value, color="grey", linestyle=":", label=label)
        return
    at = sorted((results.wall(entry), value, entry) for entry, value in points if results.wall(entry))
    panel.plot([wall for wall, _, _ in at], [value for _, value, _ in at], color=colour, label=label)
    for wall, value, entry in at:
        hollow = "none" if results.is_recorded(entry) else colour
        panel.plot(wall, value, marker="o", color=colour, markerfacecolor=hollow)
