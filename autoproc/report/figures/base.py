"""What all figures have in common: their colours, and how text and axes are written.

Text in a figure may come from the data, and plotly reads some HTML in it: it is escaped here, and stands at numbered
places of an axis, so that plotly never takes a name for a number, a date, or the same as another one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autoproc.report.evidence import Number
from autoproc.report.text import shortened

Json = dict[str, Any]

# Told apart by colour-blind eyes, and on white as well as on black (after Okabe and Ito 2008).
BLUE, ORANGE, GREEN, PURPLE, GREY = "#2f7fd0", "#d9730d", "#12946a", "#a264c9", "#828a94"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, "#c0504d", "#3aa0a8", "#a08412", GREY)
MAX_LABEL = 30
_HOVER_WIDTH = 60
_ROW = 24  # pixels of a horizontal bar
# Nothing to blue: the page's own colour shows through, light or dark.
SHADES = [[0.0, "rgba(47,127,208,0)"], [1.0, "rgba(47,127,208,1)"]]


@dataclass(frozen=True)
class Picture:
    """A figure: `title` and `caption` are plain text, `data` and `layout` plotly's. One that would be too narrow on a
    small screen has `least_width` pixels, and can be moved sideways; `half` ones stand side by side where there is
    room."""

    title: str
    caption: str
    data: Sequence[Json]
    layout: Json
    height: int = 320
    half: bool = False
    least_width: int = 0


@dataclass(frozen=True)
class Remarked:
    """What is said in the place of a picture that cannot be drawn."""

    title: str
    text: str


Shown = Picture | Remarked


def plotly_text(text: str) -> str:
    """`text` as plotly shows it letter by letter; what stands between two dollars would be a formula.

    >>> plotly_text("<b>$a & b$</b>")
    '&lt;b&gt;&#36;a &amp; b&#36;&lt;/b&gt;'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("$", "&#36;")


def label(text: str, limit: int = MAX_LABEL) -> str:
    """`text` at an axis or in a legend."""
    return plotly_text(shortened(text, limit))


def hover(text: str) -> str:
    """The whole `text`, in lines."""
    lines = [text[start : start + _HOVER_WIDTH] for start in range(0, len(text), _HOVER_WIDTH)]
    return "<br>".join(map(plotly_text, lines))


def axis(title: str, **more: Any) -> Json:
    """A numeric axis."""
    return {"title": {"text": plotly_text(title), "standoff": 8}, "automargin": True, **more}


def trial_axis(last: int) -> Json:
    """An axis of whole trial numbers, from 0 to `last`."""
    return axis("trial", range=[-0.02 * last - 0.5, 1.02 * last + 0.5], dtick=None if last > 10 else 1)


def log_axis(title: str, low: float, high: float, off: float | None = None) -> Json:
    """A logarithmic axis of positive numbers, with ticks that read as plain numbers; `off` is where zeros stand."""
    decades = math.log10(high / low)
    steps = (1,) if decades > 2.5 else (1, 3) if decades > 1 else (1, 2, 5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    named = {tick: f"{tick:.0e}".replace("e-0", "e-") if tick < 1e-4 else f"{tick:g}" for tick in ticks}
    places = named if off is None else {off: "off", **{tick: name for tick, name in named.items() if tick > 2 * off}}
    ends = [math.log10(low if off is None else off), math.log10(high)]
    margin = 0.05 * (ends[1] - ends[0]) + 0.05
    shown = {"tickvals": list(places), "ticktext": list(places.values()), "range": [ends[0] - margin, ends[1] + margin]}
    return axis(title, type="log", tickmode="array", **shown)


def places(names: Sequence[str], limit: int = MAX_LABEL, **more: Any) -> Json:
    """An axis with a name at each of the places 0, 1, 2, ..."""
    n = len(names)
    ticks = {"tickmode": "array", "tickvals": list(range(n)), "ticktext": [label(name, limit) for name in names]}
    return {"automargin": True, "range": [-0.6, n - 0.4], "zeroline": False, **ticks, **more}


def bars(names: Sequence[str], values: Sequence[Number], title: str, texts: Sequence[str], **more: Any) -> Json:
    """Data, layout and height of horizontal bars, the first on top."""
    data = {
        "type": "bar",
        "orientation": "h",
        "x": list(values),
        "y": list(range(len(names))),
        "text": [plotly_text(text) for text in texts],
        "textposition": "auto",
        "hovertext": [f"{hover(name)}<br>{plotly_text(text)}" for name, text in zip(names, texts, strict=True)],
        "hoverinfo": "text",
        "marker": {"color": BLUE},
        "cliponaxis": False,
        **more,
    }
    down = places(names, autorange="reversed")
    down.pop("range")
    layout = {"xaxis": axis(title, rangemode="tozero"), "yaxis": down, "showlegend": False, "bargap": 0.25}
    return {"data": [data], "layout": layout, "height": 90 + _ROW * max(len(names), 2)}


def error_bars(middle: Sequence[Number], low: Sequence[Number], high: Sequence[Number]) -> Json:
    """Reaches from a score to the ends of its interval; none where one is not known."""
    ends = list(zip(middle, low, high, strict=True))

    def reach(end: Number, score: Number, sign: int) -> float:
        return 0.0 if end is None or score is None else max(sign * (end - score), 0.0)

    return {
        "type": "data",
        "symmetric": False,
        "array": [reach(up, score, 1) for score, _, up in ends],
        "arrayminus": [reach(down, score, -1) for score, down, _ in ends],
        "thickness": 1.5,
        "width": 5,
    }


def vertical(x: float, text: str, color: str = GREY) -> tuple[Json, Json]:
    """A dashed line at x, as shape and annotation."""
    line = {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper"}
    shape = {**line, "line": {"color": color, "width": 1.5, "dash": "dot"}}
    note = {"x": x, "y": 1, "yref": "paper", "text": plotly_text(text), "showarrow": False, "yanchor": "bottom"}
    return shape, {**note, "font": {"size": 11, "color": color}}


LEGEND: Mapping[str, Any] = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left"}
