"""The curves of single trainings, with their learning rates."""

from collections.abc import Iterator, Sequence

from autoproc.report.evidence import Number, TrainingFacts
from autoproc.report.figures.base import GREEN, LEGEND, PURPLE, Json, Picture, axis, log_axis, vertical
from autoproc.report.figures.growth import curves
from autoproc.report.phrases import metric_title


def training_figures(trainings: Sequence[TrainingFacts], metric: str) -> Iterator[Picture]:
    """Score and learning rate by epoch, of each."""
    for training in trainings:
        yield _score(training, metric)
        yield _rates(training)


def _score(training: TrainingFacts, metric: str) -> Picture:
    shape, note = vertical(training.best_epoch, "kept", GREEN)
    layout = {
        "xaxis": axis("epoch", rangemode="tozero"),
        "yaxis": axis(metric_title(metric)),
        "legend": {**LEGEND, "y": -0.25, "yanchor": "top"},
        "shapes": [shape],
        "annotations": [note],
    }
    caption = (
        "Means over folds; a fold that has stopped counts with its last value. The dotted line is the median epoch "
        "whose weights are kept."
    )
    return Picture(f"{training.name}: score", caption, curves(training.curve), layout, half=True)


def _rates(training: TrainingFacts) -> Picture:
    folds = [rates[: _length(rates)] for rates in training.learning_rates]  # the rest is padding
    same = all(rates[: len(folds[0])] == folds[0][: len(rates)] for rates in folds)
    drawn = [max(folds, key=_length)] if same else folds
    n_steps = sum(_n_steps(rates) for rates in drawn)
    layout = {
        "xaxis": axis("epoch", rangemode="tozero"),
        "yaxis": _rate_axis(drawn),
        "showlegend": False,
    }
    told = "the same in all folds" if same else "a line a fold"
    steps = "" if n_steps == 0 else f" Marks are its {n_steps} steps." if n_steps > 1 else " The mark is its step."
    if training.scheduler == "none":
        caption = f"No scheduler; {told}."
    else:
        caption = f"{training.scheduler}; {told}.{steps if n_steps < 60 else ''}"
    lines = [_steps(rates, k) for k, rates in enumerate(drawn, start=1)]
    marks = [_marks(rates) for rates in drawn] if n_steps < 60 else []
    return Picture(f"{training.name}: learning rate", caption, [*lines, *marks], layout, half=True)


def _steps(rates: Sequence[Number], fold: int) -> Json:
    return {
        "x": list(range(1, len(rates) + 1)),
        "y": list(rates),
        "mode": "lines+markers" if len(rates) < 3 else "lines",
        "line": {"color": PURPLE, "width": 1.5, "shape": "hv"},
        "hovertemplate": f"fold {fold}, epoch %{{x}}: %{{y:.3~g}}<extra></extra>",
    }


def _marks(rates: Sequence[Number]) -> Json:
    steps = [epoch for epoch in range(1, len(rates)) if _changes(rates, epoch)]
    return {
        "x": [epoch + 1 for epoch in steps],
        "y": [rates[epoch] for epoch in steps],
        "mode": "markers",
        "marker": {"color": PURPLE, "size": 7},
        "hoverinfo": "skip",
    }


def _n_steps(rates: Sequence[Number]) -> int:
    return sum(_changes(rates, epoch) for epoch in range(1, len(rates)))


def _changes(rates: Sequence[Number], epoch: int) -> bool:
    return rates[epoch] is not None and rates[epoch] != rates[epoch - 1]


def _length(rates: Sequence[Number]) -> int:
    return sum(rate is not None for rate in rates)


def _rate_axis(folds: Sequence[Sequence[Number]]) -> Json:
    known = [rate for rates in folds for rate in rates if rate]
    low, high = (min(known), max(known)) if known else (1.0, 1.0)
    return log_axis("learning rate", low, high) if high > 1.5 * low else log_axis("learning rate", low / 3, high * 3)
