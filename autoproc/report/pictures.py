"""Pictures of a job, as SVG text: they can be read at any size, and hold no code."""

import io
import math

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from autoproc.outcomes import Finalist, Selection, Verdict
from autoproc.report.lines import metric_title
from autoproc.results import Score

_SEARCHED, _WINNER = "#b45309", "#1d4ed8"  # told apart by colour-blind eyes too
_NORMAL = 1.96  # standard errors in a 95 % interval
Point = tuple[str, float, tuple[float, float]]


def optimism_picture(selection: Selection, verdict: Verdict) -> str:
    """What the search's best and the winner scored on the folds that chose, on fresh ones and on the holdout, each with
    a 95 % interval."""
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    canvas, axes = FigureCanvasSVG(figure), figure.add_subplot()
    first, winner = selection.finalists[0], selection.winner
    holdout = ("holdout", verdict.holdout.score, verdict.holdout.interval)
    points = [*_points(winner), holdout]
    if winner is not first:
        _draw(axes, _points(first), -0.08, _SEARCHED, f"the search's best, trial {first.trial.number}")
    _draw(axes, points, 0.0, _WINNER, f"the winner, trial {winner.trial.number}")
    axes.set_xticks(range(len(points)), [label for label, *_ in points])
    axes.set_xlim(-0.5, len(points) - 0.5)
    axes.set_ylabel(metric_title(verdict.metric, verdict.threshold))
    axes.set_title("What each score was worth (bars: 95 %)", loc="left", fontsize="medium")
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return _svg(canvas)


def _svg(canvas: FigureCanvasSVG) -> str:
    """The drawing as text, the same each time; words stay words."""
    text = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "autoproc"}):
        canvas.print_svg(text, metadata={"Date": None})  # type: ignore[no-untyped-call]
    return text.getvalue()


def _points(finalist: Finalist) -> list[Point]:
    points = [_of_folds("the search's folds", finalist.trained.score)]
    if finalist.rescored:
        points.append(_of_folds("fresh folds", finalist.rescored.score))
    return points


def _of_folds(label: str, score: Score) -> Point:
    width = _NORMAL * (0.0 if math.isnan(score.standard_error) else score.standard_error)
    return label, score.mean, (score.mean - width, score.mean + width)


def _draw(axes: Axes, points: list[Point], shift: float, color: str, label: str) -> None:
    places = [place + shift for place in range(len(points))]
    middles = [middle for _, middle, _ in points]
    below = [max(middle - low, 0.0) for _, middle, (low, _) in points]
    above = [max(high - middle, 0.0) for _, middle, (_, high) in points]
    axes.errorbar(places, middles, yerr=[below, above], fmt="o-", color=color, capsize=4, label=label, alpha=0.9)
