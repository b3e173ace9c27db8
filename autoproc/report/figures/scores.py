"""Scores beside each other: by fold, by how much they chose, and beside other models."""

from collections.abc import Iterator, Sequence

from autoproc.format import format_score
from autoproc.report.evidence import Evidence, FoldScores, Point
from autoproc.report.figures.base import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    Json,
    Picture,
    axis,
    error_bars,
    hover,
    places,
    plotly_text,
)
from autoproc.report.phrases import metric_title
from autoproc.results import Direction


def fold_figures(evidence: Evidence) -> Iterator[Picture]:
    """How the folds spread."""
    scored = [each for each in evidence.folds if any(score is not None for score in each.scores)]
    if scored:
        yield _folds(scored, evidence.metric)


def worth_figures(evidence: Evidence) -> Iterator[Picture]:
    """From the score that chose the winner to the one that had no part in any choice."""
    known = [point for point in evidence.worth if point.score is not None]
    if len(known) > 1:
        yield _waterfall(known, evidence.exported, evidence.metric, evidence.direction)


def reference_figures(evidence: Evidence) -> Iterator[Picture]:
    """The network beside other models, on the holdout."""
    if evidence.exported and evidence.others:
        points = _best_first([evidence.exported, *evidence.others], evidence.direction)
        yield intervals(
            "On the same holdout",
            "Bars are 95 % intervals. Whether a difference is beyond noise follows from the paired comparison, which "
            "is told above, and not from bars that overlap.",
            points,
            evidence.metric,
            [evidence.exported.name],
        )


def intervals(title: str, caption: str, points: Sequence[Point], metric: str, marked: Sequence[str] = ()) -> Picture:
    """Scores with their intervals, one below the other."""
    scores = [point.score for point in points]
    colors = [GREEN if point.name in marked else BLUE for point in points]
    data = {
        "x": scores,
        "y": list(range(len(points))),
        "mode": "markers",
        "marker": {"size": 11, "color": colors, "symbol": ["diamond" if c == GREEN else "circle" for c in colors]},
        "error_x": {
            **error_bars(scores, [point.low for point in points], [point.high for point in points]),
            "color": GREY,
        },
        "text": [f"{hover(point.name)}<br>{plotly_text(_told(point))}" for point in points],
        "hovertemplate": "%{text}<extra></extra>",
    }
    down = places([point.name for point in points], range=[len(points) - 0.4, -0.6])
    layout = {"xaxis": axis(metric_title(metric)), "yaxis": down, "showlegend": False}
    return Picture(title, caption, [data], layout, height=110 + 44 * len(points))


def _folds(scored: Sequence[FoldScores], metric: str) -> Picture:
    data: list[Json] = []
    for k, each in enumerate(scored):
        scores = [score for score in each.scores if score is not None]
        n = len(each.scores)
        data.append(
            {
                "x": [k + 0.25 * (i - (n - 1) / 2) / max(n - 1, 1) for i in range(n)],
                "y": each.scores,
                "mode": "markers",
                "marker": {"color": BLUE, "size": 8, "opacity": 0.75},
                "text": [f"{hover(each.name)}, fold {i + 1}" for i in range(n)],
                "hovertemplate": "%{text}: %{y:.4~g}<extra></extra>",
            }
        )
        mean = sum(scores) / len(scores)
        data.append(
            {
                "x": [k - 0.3, k + 0.3],
                "y": [mean, mean],
                "mode": "lines",
                "line": {"color": ORANGE, "width": 3},
                "hovertemplate": "mean %{y:.4~g}<extra></extra>",
            }
        )
    names = [each.name for each in scored]
    layout = {"xaxis": places(names, 24), "yaxis": axis(metric_title(metric)), "showlegend": False}
    caption = "A point is a fold's score, a bar the mean. What models differ by is to be seen against how folds differ."
    return Picture("Spread over folds", caption, data, layout, height=380, least_width=90 * len(names))


def _waterfall(points: Sequence[Point], exported: Point | None, metric: str, direction: Direction) -> Picture:
    """Each stage's score with its interval, and between two stages the step from one to the other."""
    shown = [*points, exported] if exported and exported.score is not None else list(points)
    scores = [point.score for point in shown]
    data = [_step(k, points[k], points[k + 1], direction) for k in range(len(points) - 1)]
    data.append(
        {
            "x": list(range(len(shown))),
            "y": scores,
            "mode": "markers+text",
            "text": [plotly_text(format_score(score)) if score is not None else "" for score in scores],
            "textposition": "middle right",
            "marker": {
                "size": 12,
                "color": [BLUE] * len(points) + [GREEN] * (len(shown) - len(points)),
                "symbol": ["circle"] * len(points) + ["diamond"] * (len(shown) - len(points)),
            },
            "error_y": {**error_bars(scores, [p.low for p in shown], [p.high for p in shown]), "color": GREY},
            "hoverinfo": "skip",
            "cliponaxis": False,
        }
    )
    names = [point.name for point in shown]
    layout = {"xaxis": places(names, 24), "yaxis": axis(metric_title(metric)), "showlegend": False}
    caption = (
        "The winner's networks on the folds that chose them, on folds that chose nothing, and on the holdout. An "
        "orange step is what the score before it flattered by. The diamond is the exported model on the holdout. "
        "Whiskers are 95 % intervals."
    )
    return Picture("What each score was worth", caption, data, layout, height=400)


def _step(k: int, before: Point, after: Point, direction: Direction) -> Json:
    """A bar from one score to the next: grey where it is worse, so that it was flattered."""
    change = (after.score or 0.0) - (before.score or 0.0)
    worse = change < 0 if direction == "maximize" else change > 0
    text = f"{'+' if change > 0 else '-' if change < 0 else '±'}{format_score(abs(change))}"
    return {
        "type": "bar",
        "x": [k + 0.5],
        "base": [before.score],
        "y": [change],
        "width": [0.3],
        "marker": {"color": ORANGE if worse else GREEN, "opacity": 0.35},
        "text": [plotly_text(text)],
        "textposition": "outside",
        "hovertemplate": f"{plotly_text(text)}<extra></extra>",
        "cliponaxis": False,
    }


def _told(point: Point) -> str:
    if point.score is None:
        return "no score"
    if point.low is None or point.high is None:
        return format_score(point.score)
    return f"{format_score(point.score)} (95 %: {format_score(point.low)} to {format_score(point.high)})"


def _best_first(points: Sequence[Point], direction: Direction) -> list[Point]:
    known = [(point.score, point) for point in points if point.score is not None]
    ranked = sorted(known, key=lambda each: each[0], reverse=direction == "maximize")
    return [point for _, point in ranked]
