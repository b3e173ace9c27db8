"""The results as a picture: what is reached after so many seconds, on each set and over all of them."""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import matplotlib
import numpy as np

from benchmarks.peers.results import Results
from benchmarks.peers.scores import LOWER_IS_BETTER
from benchmarks.peers.standing import normalised
from benchmarks.peers.summary import said

COLUMNS = 3


class Point(NamedTuple):
    contender: str
    wall: float
    value: float
    recorded: bool


def draw(results: Results, path: Path) -> None:
    """A panel a set, by its first metric, and one of the mean normalised score; seconds are wall time as measured, from
    start to exit. Hollow: recorded elsewhere. The dummy would only squeeze the others together."""
    matplotlib.use("svg")
    from matplotlib import pyplot

    contenders = list(dict.fromkeys(entry[0] for entry in results.entries()))
    colours = {name: f"C{place}" for place, name in enumerate(contenders)}
    n_rows = ceil((len(results.sets) + 1) / COLUMNS)
    figure, axes = pyplot.subplots(n_rows, COLUMNS, figsize=(4 * COLUMNS, 3 * n_rows), layout="constrained")
    panels = iter(axes.flat)
    title(first := next(panels), "all sets: mean normalised score", results.budgets)
    curves(first, over_all(results), colours)
    for name in results.sets:
        panel, metric = next(panels), results.metrics(name)[0]
        title(panel, f"{name}: {said(metric)}", results.budgets)
        curves(panel, on_set(results, name, metric), colours)
        if metric in LOWER_IS_BETTER:
            panel.invert_yaxis()
    for unused in panels:
        unused.set_axis_off()
    drawn: dict[str, Any] = {}
    for panel in axes.flat:
        handles, labels = panel.get_legend_handles_labels()
        drawn |= dict(zip(labels, handles, strict=True))
    figure.legend(drawn.values(), drawn.keys(), loc="outside lower center", ncols=6)
    figure.savefig(path)
    pyplot.close(figure)


def over_all(results: Results) -> Iterator[Point]:
    """Of entries that were run on all sets; their wall seconds are the median over these."""
    entries, names = results.entries(), results.sets
    means = normalised(results.goodness(entries, names), results.floor(names)).mean(axis=1)
    for entry, mean in zip(entries, means, strict=True):
        if not np.isnan(mean) and (wall := results.wall(entry)):
            yield Point(entry[0], wall, mean, results.is_recorded(entry))


def on_set(results: Results, name: str, metric: str) -> Iterator[Point]:
    sign = -1 if metric in LOWER_IS_BETTER else 1
    for entry in results.entries():
        cell = results.cells[entry].get(name)
        if cell and cell.values.get(metric):
            wall = median(cell.walls) if cell.walls else results.wall(entry)
            if wall:
                yield Point(entry[0], wall, sign * cell.goodness(metric), cell.recorded)


def title(panel: Any, text: str, budgets: Sequence[float]) -> None:
    panel.set_title(text, fontsize="medium")
    panel.set_xscale("log")
    panel.set_xticks(budgets, [f"{seconds:g}" for seconds in budgets])
    panel.minorticks_off()
    panel.set_xlabel("seconds")


def curves(panel: Any, points: Iterable[Point], colours: dict[str, str]) -> None:
    """A line a contender, through its points in the order of time."""
    ordered = sorted(points, key=lambda point: point.wall)
    for contender, colour in colours.items():
        own = [point for point in ordered if point.contender == contender]
        if contender == "dummy" or not own:
            continue
        panel.plot([point.wall for point in own], [point.value for point in own], color=colour, label=contender)
        for point in own:
            face = "none" if point.recorded else colour
            panel.plot(point.wall, point.value, marker="o", color=colour, markerfacecolor=face)
