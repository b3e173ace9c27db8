"""Pictures of a job, as SVG text: they can be read at any size, and hold no code."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from autoproc.optimism import of_mean
from autoproc.outcomes import Finalist, Selection, Verdict
from autoproc.report.phrases import metric_title, single_name

# Told apart by colour-blind eyes too.
_SEARCHED, _WINNER, _EXPORTED = "#b45309", "#1d4ed8", "#4b5563"
_PLACES = ("the search's folds", "fresh folds", "holdout")
_APART = 0.08  # of two scores at one place


@dataclass(frozen=True)
class _Point:
    """A score and its 95 % interval; NaN bounds where there is none."""

    place: str
    score: float
    interval: tuple[float, float]


def optimism_picture(selection: Selection, verdict: Verdict) -> str:
    """What the search's best and the winner scored on the folds that chose, on fresh ones and on the holdout, and the
    exported model there, each with a 95 % interval where there is one.

    A line joins scores of one configuration's networks. The exported model is another model than any of them, but for
    the winner's refit: by time, where that is exported, it also stands for the winner's networks on the holdout.
    """
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    canvas, axes = FigureCanvasSVG(figure), figure.add_subplot()
    first, winner = selection.finalists[0], selection.winner
    own = [_Point("holdout", verdict.single.score, verdict.single.interval)]
    exported = [_Point("holdout", verdict.holdout.score, verdict.holdout.interval)]
    searched = _points(first) if winner is not first else []
    lines = [
        (searched, -_APART, "o-", _SEARCHED, f"the search's best, trial {first.trial.number}"),
        ([*_points(winner), *own], 0.0, "o-", _WINNER, _winner_label(winner, verdict)),
        (exported, _APART, "D", _EXPORTED, "exported model"),
    ]
    shown = [place for place in _PLACES if any(point.place == place for points, *_ in lines for point in points)]
    for points, shift, style, color, label in lines:
        if points:
            _draw(axes, points, [shown.index(point.place) + shift for point in points], style, color, label)
    axes.set_xticks(range(len(shown)), shown)
    axes.set_xlim(-0.5, len(shown) - 0.5)
    axes.set_ylabel(metric_title(verdict.metric, verdict.threshold))
    without = any(math.isnan(point.interval[0]) for points, *_ in lines for point in points)
    bars = "bars: 95 %, where it is known" if without else "bars: 95 %"
    axes.set_title(f"What each score was worth ({bars})", loc="left", fontsize="medium")
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=len(lines), frameon=False)
    return _svg(canvas)


def _winner_label(winner: Finalist, verdict: Verdict) -> str:
    """Says which network the line ends in, where it is none of those that it comes from."""
    label = f"the winner, trial {winner.trial.number}"
    return label if verdict.single_are == "fold networks" else f"{label}\n(holdout: {single_name(verdict)})"


def _svg(canvas: FigureCanvasSVG) -> str:
    """The drawing as text, the same each time; words stay words."""
    text = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "autoproc"}):
        canvas.print_svg(text, metadata={"Date": None})  # type: ignore[no-untyped-call]
    return text.getvalue()


def _points(finalist: Finalist) -> list[_Point]:
    scores = [("the search's folds", finalist.trained.score)]
    if finalist.rescored:
        scores.append(("fresh folds", finalist.rescored.score))
    return [_Point(place, score.mean, of_mean(score)) for place, score in scores]


def _draw(axes: Axes, points: Sequence[_Point], places: Sequence[float], style: str, color: str, label: str) -> None:
    """A mark for each score, and a bar for those that have an interval."""
    axes.plot(places, [point.score for point in points], style, color=color, label=label, alpha=0.9)
    for place, point in zip(places, points, strict=True):
        low, high = point.interval
        if not math.isnan(low):
            reach = [[max(point.score - low, 0.0)], [max(high - point.score, 0.0)]]
            axes.errorbar([place], [point.score], yerr=reach, fmt="none", ecolor=color, capsize=4, alpha=0.9)
