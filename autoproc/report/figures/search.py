"""The search: its trials in order, and what their parameters had to do with the score."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from autoproc.outcomes import is_cut_short
from autoproc.report.evidence import SearchFacts, TrialFacts
from autoproc.report.figures.base import (
    BLUE,
    GREEN,
    GREY,
    LEGEND,
    ORANGE,
    Json,
    Picture,
    Remarked,
    Shown,
    axis,
    bars,
    label,
    log_axis,
    plotly_text,
    trial_axis,
)
from autoproc.report.phrases import configuration_text, metric_title
from autoproc.report.trials import FEWEST_TRIALS, Parameter, complete, importances, scored, searched
from autoproc.results import Direction

_GROUPS = 5  # of complete trials, by their score
_RAMP = ("rgba(130,138,148,0.30)", "rgba(130,138,148,0.45)", "rgba(47,127,208,0.45)", "rgba(47,127,208,0.75)", ORANGE)
_MOST_SLICES = 16
_MOST_DRAWN = 1_000  # trials
_FEWEST_IN_SLICE = 3
_AXIS_WIDTH = 92  # pixels of a small screen


def search_figures(search: SearchFacts, metric: str, direction: Direction) -> Iterator[Shown]:
    """What is drawn of the search."""
    title = metric_title(metric)
    yield _history(search, title, direction)
    done = complete(search.trials)
    parameters = searched(done)
    if len(done) < 2 or not parameters:
        n = f"{len(done)} trial{'' if len(done) == 1 else 's'} came to an end"
        yield Remarked("Parameters and score", f"Nothing can be said of the parameters, as {n}.")
        return
    yield _importance(search.trials, done, direction)
    common = [p for p in parameters if all(p.name in trial.values for trial in done)]
    drawn = _thinned(search, done)
    if len(drawn) < len(done):
        yield Remarked("Many trials", f"Drawn below are {len(drawn):,} of {len(done):,} complete trials.")
    yield _parallel(drawn, common, title, direction)
    yield from _slices(search, drawn, parameters, title)


def _thinned(search: SearchFacts, done: Sequence[TrialFacts]) -> list[TrialFacts]:
    """No more trials than a page can hold, evenly over the search, with the best and the winner."""
    step = -(-len(done) // _MOST_DRAWN)
    return [trial for i, trial in enumerate(done) if i % step == 0 or trial.number in (search.best, search.winner)]


def _history(search: SearchFacts, title: str, direction: Direction) -> Picture:
    best = max if direction == "maximize" else min
    with_score = scored(search.trials)
    done = complete(search.trials)
    cut_short = [trial for trial in with_score if is_cut_short(trial.reason)]
    pruned = [trial for trial in search.trials if trial.state == "pruned" and trial.score is not None]
    n_failed = sum(trial.state == "failed" for trial in search.trials)
    running = list(accumulate((trial.score for trial in with_score if trial.score is not None), best))
    last = max(trial.number for trial in search.trials)
    frame, n_outside = _frame(with_score, pruned)
    data = [
        _marks("complete", done, BLUE, "circle"),
        _marks("cut short", cut_short, BLUE, "circle-open"),
        _marks("pruned, at its last epoch", pruned, GREY, "x"),
        {
            "name": "best so far",
            "x": [*(trial.number for trial in with_score), last],
            "y": [*running, *running[-1:]],
            "mode": "lines",
            "line": {"color": ORANGE, "width": 2, "shape": "hv"},
            "hovertemplate": "best so far %{y:.4~g}<extra></extra>",
        },
        *_named(search, with_score),
    ]
    layout = {
        "xaxis": trial_axis(last),
        "yaxis": axis(title, range=frame),
        "legend": dict(LEGEND),
    }
    short = f" With the score when they were {cut_short[0].reason}: {len(cut_short)}." if cut_short else ""
    failed = f" Without a score, as they failed: {n_failed}." if n_failed else ""
    outside = f" Outside of the frame, as they were pruned early: {n_outside}." if n_outside else ""
    caption = (
        f"{len(done)} of {len(search.trials)} trials came to their end. The best of many is the best partly by luck."
        f"{short}{failed}{outside}"
    )
    return Picture("Score over trials", caption, [each for each in data if each["x"]], layout, height=380)


def _marks(name: str, trials: Sequence[TrialFacts], color: str, symbol: str) -> Json:
    return {
        "name": name,
        "x": [trial.number for trial in trials],
        "y": [trial.score for trial in trials],
        "mode": "markers",
        "marker": {"color": color, "symbol": symbol, "size": 5 if symbol == "x" else 7, "opacity": 0.75},
        # What a trial was is told of as many as a page can hold.
        "text": [_told(trial) if trial.number < _MOST_DRAWN else f"trial {trial.number}" for trial in trials],
        "hovertemplate": "%{text}<br>%{y:.4~g}<extra></extra>",
    }


def _named(search: SearchFacts, done: Sequence[TrialFacts]) -> list[Json]:
    """Rings around the search's best and the winner."""
    rings = {search.best: ("the search's best", ORANGE)}
    if search.winner is not None:
        both = search.winner == search.best
        rings[search.winner] = ("the search's best, and winner" if both else "winner", GREEN)
    return [
        {
            "name": text,
            "x": [trial.number],
            "y": [trial.score],
            "mode": "markers",
            "marker": {"symbol": "circle-open", "size": 15, "color": rings[trial.number][1], "line": {"width": 2.5}},
            "hoverinfo": "skip",
        }
        for trial in done
        if trial.number in rings
        for text in [rings[trial.number][0]]
    ]


def _told(trial: TrialFacts) -> str:
    parts = configuration_text(trial.values).split(", ")
    lines = [", ".join(parts[start : start + 4]) for start in range(0, len(parts), 4)]
    return "<br>".join([f"<b>trial {trial.number}</b>, {trial.n_epochs} epochs", *map(plotly_text, lines)])


def _frame(done: Sequence[TrialFacts], pruned: Sequence[TrialFacts]) -> tuple[list[float] | None, int]:
    """A range that holds all trials with a score and the pruned ones that do not lie far off, and how many do."""
    scores = [trial.score for trial in done if trial.score is not None]
    if len(scores) < 2:
        return None, 0
    low, high = min(scores), max(scores)
    reach = 1.5 * (high - low)
    near = [t.score for t in pruned if t.score is not None and low - reach <= t.score <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    margin = 0.08 * (high - low) or 0.5
    return [low - margin, high + margin], len(pruned) - len(near)


def _importance(trials: Sequence[TrialFacts], done: Sequence[TrialFacts], direction: Direction) -> Shown:
    found = importances(trials, direction)
    title = "Importance of the parameters"
    if not found:
        return Remarked(
            title,
            f"Not measured: of {len(done)} complete trials it would mean nothing, {FEWEST_TRIALS} are the fewest.",
        )
    titles = {p.name: p.title for p in searched(done)}
    ranked = sorted(found.items(), key=lambda each: -each[1])
    texts = [f"{100 * share:.0f} %" for _, share in ranked]
    caption = (
        f"What sets the better trials apart from the others, by Optuna's PED-ANOVA on {len(done)} complete trials; "
        "pruned ones have no part in it. "
        + ("So few trials give a rough order, and no more." if len(done) < 50 else "Shares of a few percent are noise.")
    )
    drawn = bars([titles[name] for name, _ in ranked], [100 * share for _, share in ranked], "importance, %", texts)
    return Picture(title, caption, **drawn)


def _parallel(done: Sequence[TrialFacts], parameters: Sequence[Parameter], title: str, direction: Direction) -> Picture:
    """A line a trial through its parameters to its score. Drawn as lines of our own: plotly's need WebGL and code that
    is made as it runs, and neither is to be had everywhere."""
    scores = [trial.score for trial in done if trial.score is not None]
    low, high = min(scores), max(scores)
    ranked = sorted(done, key=lambda trial: trial.score or 0.0, reverse=direction == "minimize")
    data = []
    for group in range(_GROUPS):
        mine = ranked[len(ranked) * group // _GROUPS : len(ranked) * (group + 1) // _GROUPS]
        x: list[float | None] = []
        y: list[float | None] = []
        for trial in mine:
            here = 0.5 if high == low or trial.score is None else round((trial.score - low) / (high - low), 3)
            x += [*range(len(parameters) + 1), None]
            y += [*(_apart(p.place(trial.values[p.name]), trial, len(done)) for p in parameters), here, None]
        if mine:
            name = ("worst fifth", "", "middle", "", "best fifth")[group]
            line = {"color": _RAMP[group], "width": 1.8 if group == _GROUPS - 1 else 1.2}
            shown = {"name": name, "showlegend": bool(name), "hoverinfo": "skip", "mode": "lines"}
            data.append({"x": x, "y": y, "line": line, **shown})
    names = [*(p.title for p in parameters), title]
    notes = [note for k, p in enumerate(parameters) for note in _scale(k, p)]
    notes += [_note(len(parameters), 0.0, f"{low:.4g}"), _note(len(parameters), 1.0, f"{high:.4g}")]
    heads = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": [label(name, 18) for name in names]}
    layout = {
        "xaxis": {"side": "top", "range": [-0.3, len(names) - 0.5], "showgrid": True, "zeroline": False, **heads},
        "yaxis": {"visible": False, "range": [-0.2, 1.08]},
        "annotations": notes,
        "legend": {**LEGEND, "y": -0.02, "yanchor": "top"},
        "margin": {"t": 40},
    }
    caption = f"Each line is one of {len(done)} complete trials, from its parameters to its score on the right."
    width = _AXIS_WIDTH * len(names)
    return Picture("Parameters and score", caption, data, layout, height=400, least_width=width)


def _apart(place: float, trial: TrialFacts, n_trials: int) -> float:
    """Lines that would lie on each other, a little apart."""
    return round(place + 0.02 * (trial.number % 7 - 3) / 3 if n_trials > 1 else place, 3)


def _scale(k: int, parameter: Parameter) -> Iterator[Json]:
    if parameter.options:
        yield from (_note(k, parameter.place(option), option) for option in parameter.options)
        return
    yield _note(k, 0.0, parameter.text(parameter.low))
    yield _note(k, 1.0, parameter.text(parameter.high))
    if parameter.has_off:
        yield _note(k, -0.12, "off")


def _note(k: int, place: float, text: str) -> Json:
    here = {"x": k, "y": place, "xanchor": "left", "xshift": 4, "showarrow": False, "font": {"size": 10}}
    return {**here, "text": label(text, 18), "bgcolor": "rgba(128,128,128,0.16)", "borderpad": 1}


def _slices(
    search: SearchFacts, done: Sequence[TrialFacts], parameters: Sequence[Parameter], title: str
) -> Iterator[Picture]:
    for parameter in parameters[:_MOST_SLICES]:
        having = [trial for trial in done if parameter.name in trial.values]
        if len(having) >= _FEWEST_IN_SLICE:
            yield _slice(search, having, parameter, title)


def _slice(search: SearchFacts, having: Sequence[TrialFacts], parameter: Parameter, title: str) -> Picture:
    marked = search.best if search.winner is None else search.winner
    others = [trial for trial in having if trial.number != marked]
    data = [
        _slice_points(others, parameter, {"size": 6, "color": BLUE, "opacity": 0.8}),
        _slice_points(
            [trial for trial in having if trial.number == marked],
            parameter,
            {"size": 12, "color": GREEN, "symbol": "diamond", "opacity": 0.9},
        ),
    ]
    layout = {"xaxis": _slice_axis(parameter), "yaxis": axis(title), "showlegend": False}
    name = "the winner" if search.winner is not None else "the best"
    diamond = f"; the diamond is {name}" if len(others) < len(having) else ""
    caption = f"{len(having)} complete trials{diamond}."
    return Picture(parameter.title, caption, [each for each in data if each["x"]], layout, height=250, half=True)


def _slice_points(trials: Sequence[TrialFacts], parameter: Parameter, marker: Json) -> Json:
    value = "" if parameter.options else ": %{x:.3~g}"
    return {
        "x": [_position(parameter, trial) for trial in trials],
        "y": [trial.score for trial in trials],
        "mode": "markers",
        "marker": marker,
        "text": [str(trial.number) for trial in trials],
        "hovertemplate": f"trial %{{text}}{value}<br>%{{y:.4~g}}<extra></extra>",
    }


def _position(parameter: Parameter, trial: TrialFacts) -> float:
    value = trial.values[parameter.name]
    if parameter.options:
        return round(parameter.options.index(str(value)) + 0.25 * (trial.number % 7 - 3) / 3, 3)
    number = float(value)
    return _off(parameter) if parameter.log and number <= 0 else number


def _off(parameter: Parameter) -> float:
    """Where zeros stand on a logarithmic axis."""
    return parameter.low * float((parameter.low / parameter.high) ** 0.2)


def _slice_axis(parameter: Parameter) -> Json:
    if parameter.options:
        n = len(parameter.options)
        names = [label(option, 14) for option in parameter.options]
        ticks = {"tickmode": "array", "tickvals": list(range(n)), "ticktext": names, "range": [-0.6, n - 0.4]}
        return axis(parameter.title, zeroline=False, **ticks)
    if not parameter.log:
        return axis(parameter.title, zeroline=False)
    return log_axis(parameter.title, parameter.low, parameter.high, _off(parameter) if parameter.has_off else None)
