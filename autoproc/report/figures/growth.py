"""Growth: how training and validation go apart as capacity rises."""

from collections.abc import Iterator, Sequence

from autoproc.report.evidence import Curve, RungFacts
from autoproc.report.figures.base import (
    BLUE,
    GREEN,
    LEGEND,
    ORANGE,
    Json,
    Picture,
    axis,
    error_bars,
    places,
    plotly_text,
    vertical,
)
from autoproc.report.phrases import metric_title


def growth_figures(rungs: Sequence[RungFacts], metric: str) -> Iterator[Picture]:
    """Capacity against the best validation score, then each rung's curves."""
    yield _capacity(rungs, metric)
    for rung in rungs:
        yield _rung(rung)


def curves(curve: Curve, start: int = 1) -> list[Json]:
    """Training and validation by epoch, with a band of one standard error about validation."""
    epochs = list(range(start, start + len(curve.validation)))
    known = [
        (epoch, middle, spread)
        for epoch, middle, spread in zip(epochs, curve.validation, curve.spread, strict=True)
        if middle is not None and spread is not None
    ]
    band = {
        "x": [e for e, _, _ in known] + [e for e, _, _ in reversed(known)],
        "y": [m + s for _, m, s in known] + [m - s for _, m, s in reversed(known)],
        "fill": "toself",
        "fillcolor": "rgba(217,115,13,0.18)",
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
        "mode": "lines",
    }
    both = [
        _line("training", epochs, curve.training, BLUE, "solid"),
        _line("validation", epochs, curve.validation, ORANGE, "solid"),
    ]
    return [band, *both] if known else both


def _line(name: str, x: Sequence[int], y: Sequence[float | None], color: str, dash: str) -> Json:
    return {
        "name": name,
        "x": list(x),
        "y": list(y),
        "mode": "lines+markers" if len(x) < 3 else "lines",
        "line": {"color": color, "width": 2, "dash": dash},
        "hovertemplate": f"{name}, epoch %{{x}}: %{{y:.4~g}}<extra></extra>",
    }


def _capacity(rungs: Sequence[RungFacts], metric: str) -> Picture:
    names = [rung.name for rung in rungs]
    scores = [rung.score for rung in rungs]
    errors = [rung.standard_error for rung in rungs]
    low, high = (
        [None if s is None or e is None else s + sign * e for s, e in zip(scores, errors, strict=True)]
        for sign in (-1, 1)
    )
    x = list(range(len(rungs)))
    training = {
        "name": "training",
        "x": x,
        "y": [rung.train_score for rung in rungs],
        "mode": "lines+markers",
        "line": {"color": BLUE, "dash": "dot"},
        "hovertemplate": "training %{y:.4~g}<extra></extra>",
    }
    validation = {
        "name": "best validation (± standard error)",
        "x": x,
        "y": scores,
        "error_y": {**error_bars(scores, low, high), "color": ORANGE},
        "mode": "lines+markers",
        "line": {"color": ORANGE},
        "marker": {"size": 9, "symbol": ["x" if rung.overfit else "circle" for rung in rungs]},
        "text": [plotly_text(f"{rung.name}: {rung.summary}") for rung in rungs],
        "hovertemplate": "%{text}<br>validation %{y:.4~g}<extra></extra>",
    }
    chosen = [i for i, rung in enumerate(rungs) if rung.chosen]
    ring = {
        "name": "chosen",
        "x": chosen,
        "y": [scores[i] for i in chosen],
        "mode": "markers",
        "marker": {"size": 18, "symbol": "circle-open", "color": GREEN, "line": {"width": 2.5}},
        "hoverinfo": "skip",
    }
    layout = {
        "xaxis": places(names, title={"text": "capacity: hidden layers x units", "standoff": 8}),
        "yaxis": axis(metric_title(metric)),
        "legend": dict(LEGEND),
    }
    overfitting = [rung.name for rung in rungs if rung.overfit]
    told = f"Crosses overfit: {', '.join(overfitting)}." if overfitting else "No rung overfits."
    caption = f"Each network without regularisation. {told} The ring is the capacity that growth chose."
    return Picture("Capacity against validation", caption, [training, validation, ring], layout, height=360)


def _rung(rung: RungFacts) -> Picture:
    title = f"{rung.name}: {rung.summary}"
    text = f"overfits from {rung.epoch}" if rung.overfit else f"best: {rung.epoch}"
    shape, note = vertical(rung.epoch, text, GREEN if not rung.overfit else ORANGE)
    layout = {
        "xaxis": axis("epoch", rangemode="tozero"),
        "yaxis": axis(metric_title(rung.measure)),
        "legend": {**LEGEND, "y": -0.3, "yanchor": "top"},
        "shapes": [shape],
        "annotations": [note],
    }
    chosen = "Chosen. " if rung.chosen else ""
    caption = f"{chosen}{len(rung.curve.validation)} epochs; the dotted line is where validation is best."
    return Picture(title, caption, curves(rung.curve), layout, height=280, half=True)
