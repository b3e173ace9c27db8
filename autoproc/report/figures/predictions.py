"""What out-of-fold predictions came to: confusion, curves of thresholds, calibration, residuals."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from autoproc.format import format_count, format_score
from autoproc.report.evidence import ClassPredictions, Line, Predictions, Reliability, ValuePredictions
from autoproc.report.figures.base import (
    BLUE,
    GREY,
    LEGEND,
    ORANGE,
    SERIES,
    SHADES,
    Json,
    Picture,
    axis,
    error_bars,
    hover,
    label,
    places,
)
from autoproc.report.text import shortened

_MOST_CELLS_WITH_TEXT = 12  # classes
_CELL = 34  # pixels
_DIAGONAL = {"mode": "lines", "line": {"color": GREY, "width": 1, "dash": "dot"}, "hoverinfo": "skip"}


def prediction_figures(predictions: Predictions, classes: Sequence[str]) -> Iterator[Picture]:
    """What is drawn of them."""
    if isinstance(predictions, ClassPredictions):
        yield _confusion(predictions, classes)
        if predictions.roc:
            yield _roc(predictions, len(classes))
            yield _precision_recall(predictions, len(classes))
        yield _reliability(predictions.reliability, len(classes))
        return
    for target in predictions.targets:
        yield _density(target, predictions.n_rows)
        yield _residuals(target)


def _confusion(predictions: ClassPredictions, classes: Sequence[str]) -> Picture:
    counts = predictions.confusion
    shares = [[cell / sum(row) if sum(row) else 0.0 for cell in row] for row in counts]
    n = len(classes)
    few = n <= _MOST_CELLS_WITH_TEXT
    names = [hover(name) for name in classes]
    heat = {
        "type": "heatmap",
        "z": shares,
        "zmin": 0,
        "zmax": 1,
        "colorscale": SHADES,
        "xgap": 1,
        "ygap": 1,
        "text": [[format_count(cell) for cell in row] for row in counts],
        "texttemplate": "%{text}" if few else "",
        "customdata": [
            [
                f"true: {true}<br>predicted: {predicted}<br>{format_count(cell)} rows, {100 * share:.1f} % of the class"
                for predicted, cell, share in zip(names, row, of_class, strict=True)
            ]
            for true, row, of_class in zip(names, counts, shares, strict=True)
        ],
        "hovertemplate": "%{customdata}<extra></extra>",
        "showscale": not few,
        "colorbar": {"title": {"text": "share of<br>the class"}, "thickness": 12, "tickformat": ".0%"},
    }
    layout = {
        "xaxis": places(classes, 16, range=[-0.5, n - 0.5], title={"text": "predicted", "standoff": 8}, showgrid=False),
        "yaxis": places(classes, 16, range=[n - 0.5, -0.5], title={"text": "true", "standoff": 8}, showgrid=False),
    }
    right = sum(row[i] for i, row in enumerate(counts))
    at = f", at threshold {predictions.threshold:.3g}" if predictions.threshold is not None else ""
    caption = (
        f"{format_count(right)} of {format_count(predictions.n_rows)} rows ({100 * right / predictions.n_rows:.1f} %) "
        f"are put in their class by networks that were not trained on them{at}. Colour is the share of the true class."
    )
    height = 150 + min(_CELL * max(n, 4), 760)
    return Picture(
        "Confusion matrix", caption, [heat], layout, height, half=n <= 8, least_width=14 * n if n > 20 else 0
    )


def _curve(line: Line, color: str, shape: str, many: bool) -> Json:
    area = "" if line.area is None else f" ({format_score(line.area)})"
    return {
        "name": f"{label(line.name, 18)}{area}",
        "x": line.x,
        "y": line.y,
        "mode": "lines",
        "line": {"color": color, "width": 2, "shape": shape},
        "hovertemplate": f"{label(line.name, 18) if many else ''} %{{x:.3~f}}, %{{y:.3~f}}<extra></extra>",
    }


def _share(title: str) -> Json:
    return axis(title, range=[-0.02, 1.02])


def _roc(predictions: ClassPredictions, n_classes: int) -> Picture:
    lines = [_curve(line, color, "linear", n_classes > 2) for line, color in zip(predictions.roc, SERIES, strict=False)]
    chance = {"x": [0, 1], "y": [0, 1], "showlegend": False, **_DIAGONAL}
    layout = {
        "xaxis": _share("false positives, share of negatives"),
        "yaxis": _share("true positives, share of positives"),
        "legend": {**LEGEND, "y": -0.2, "yanchor": "top"},
    }
    caption = f"In brackets stands the area under the curve{_of_whom(predictions, n_classes)}; dotted is chance."
    return Picture("ROC", caption, [chance, *lines], layout, height=400, half=True)


def _precision_recall(predictions: ClassPredictions, n_classes: int) -> Picture:
    many = n_classes > 2
    lines = [_curve(line, color, "hv", many) for line, color in zip(predictions.precision_recall, SERIES, strict=False)]
    base = predictions.base_rate
    chance = [] if base is None else [{"x": [0, 1], "y": [base, base], "showlegend": False, **_DIAGONAL}]
    layout = {
        "xaxis": _share("recall"),
        "yaxis": _share("precision"),
        "legend": {**LEGEND, "y": -0.2, "yanchor": "top"},
    }
    dotted = "" if base is None else f"; dotted is chance, {format_score(base)}"
    caption = f"In brackets stands the average precision{_of_whom(predictions, n_classes)}{dotted}."
    return Picture("Precision and recall", caption, [*chance, *lines], layout, height=400, half=True)


def _of_whom(predictions: ClassPredictions, n_classes: int) -> str:
    if n_classes == 2:
        return ""
    if predictions.n_drawn == n_classes:
        return ", of each class against the rest"
    return f", of each of the {predictions.n_drawn} most frequent classes against the rest"


def _reliability(groups: Reliability, n_classes: int) -> Picture:
    what = "probability of the positive class" if n_classes == 2 else "probability of the likeliest class"
    came = "it was positive" if n_classes == 2 else "it was right"
    perfect = {"x": [0, 1], "y": [0, 1], **_DIAGONAL}
    points = {
        "x": groups.predicted,
        "y": groups.observed,
        "mode": "lines+markers",
        "line": {"color": BLUE, "width": 1.5},
        "marker": {"size": 8},
        "error_y": {**error_bars(groups.observed, groups.low, groups.high), "color": GREY},
        "text": [f"{format_count(rows)} rows" for rows in groups.rows],
        "hovertemplate": f"predicted %{{x:.3~f}}, {came} %{{y:.3~f}}<br>%{{text}}<extra></extra>",
    }
    layout = {"xaxis": _share(what), "yaxis": _share(f"share of rows where {came}"), "showlegend": False}
    caption = (
        f"{len(groups.rows)} groups of as many rows, with 95 % intervals. On the dotted line probabilities mean what "
        "they say; the temperature, if any, is in them."
    )
    return Picture("Calibration", caption, [perfect, points], layout, height=400, half=True)


def _density(target: ValuePredictions, n_rows: int) -> Picture:
    middles = [(a + b) / 2 for a, b in pairwise(target.edges)]
    heat = {
        "type": "heatmap",
        "x": middles,
        "y": middles,
        # Roots, so that cells with one row are seen beside those with many.
        "z": [[cell**0.5 if cell else None for cell in row] for row in target.density],
        "customdata": target.density,
        "colorscale": [[0.0, "rgba(47,127,208,0.18)"], [1.0, BLUE]],
        "zmin": 0,
        "showscale": False,
        "hovertemplate": "true %{x:.4~g}, predicted %{y:.4~g}: %{customdata:,} rows<extra></extra>",
        "hoverongaps": False,
    }
    ends = [target.edges[0], target.edges[-1]]
    ideal = {"x": ends, "y": ends, **_DIAGONAL}
    layout = {
        "xaxis": axis(f"true {shortened(target.name, 40)}", range=ends),
        "yaxis": axis(f"predicted {shortened(target.name, 40)}", range=ends),
        "showlegend": False,
    }
    outside = f" {format_count(target.outside)} rows lie far outside of the frame." if target.outside else ""
    caption = (
        f"{format_count(n_rows)} rows, each predicted by networks that were not trained on it; the stronger the "
        f"colour, the more rows. On the dotted line a prediction is right.{outside}"
    )
    return Picture(f"Predicted and true: {shortened(target.name, 40)}", caption, [heat, ideal], layout, 400, half=True)


def _residuals(target: ValuePredictions) -> Picture:
    edges, counts = target.residuals.edges, target.residuals.counts
    bar = {
        "type": "bar",
        "x": [(a + b) / 2 for a, b in pairwise(edges)],
        "width": [b - a for a, b in pairwise(edges)],
        "y": counts,
        "marker": {"color": BLUE, "line": {"width": 0.5, "color": "rgba(128,128,128,0.6)"}},
        "hovertemplate": "%{x:.4~g}: %{y:,} rows<extra></extra>",
    }
    zero = {"type": "line", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "yref": "paper"}
    layout = {
        "xaxis": axis(f"{shortened(target.name, 40)}: true less predicted", zeroline=False),
        "yaxis": axis("rows", rangemode="tozero"),
        "bargap": 0,
        "showlegend": False,
        "shapes": [{**zero, "line": {"color": ORANGE, "width": 1.5, "dash": "dot"}}],
    }
    caption = "Right of the line the prediction was too low. Far errors stand at the ends."
    return Picture(f"Residuals: {shortened(target.name, 40)}", caption, [bar], layout, height=400, half=True)
