"""What the network's score owes to each column."""

from autoproc.format import format_count, format_score
from autoproc.report.evidence import Importance
from autoproc.report.figures.base import BLUE, GREY, Picture, Remarked, Shown, axis, error_bars, hover, places
from autoproc.report.phrases import metric_title

_MOST_COLUMNS = 40
TITLE = "Importance of the columns"


def importance_figure(importance: Importance, metric: str) -> Shown:
    """The columns by what shuffling them costs."""
    known = [column for column in importance.columns if column.loss is not None]
    if not known:
        return Remarked(TITLE, "Not measured: the metric is not defined on so few rows.")
    shown = known[:_MOST_COLUMNS]
    losses = [column.loss for column in shown]
    bar = {
        "type": "bar",
        "orientation": "h",
        "x": losses,
        "y": list(range(len(shown))),
        "marker": {"color": BLUE, "opacity": 0.75},
        "error_x": {**error_bars(losses, [c.low for c in shown], [c.high for c in shown]), "color": GREY},
        "hovertext": [f"{hover(column.name)}<br>{format_score(column.loss or 0.0)}" for column in shown],
        "hoverinfo": "text",
    }
    down = places([column.name for column in shown], range=[len(shown) - 0.4, -0.6])
    layout = {
        "xaxis": axis(f"{metric_title(metric)} worse by, with the column shuffled"),
        "yaxis": down,
        "showlegend": False,
        "bargap": 0.3,
    }
    of = f"{format_count(importance.n_rows)} of {format_count(importance.n_all)} development rows"
    rows = of if importance.n_rows < importance.n_all else f"all {format_count(importance.n_all)} rows that validate"
    times = "once" if importance.n_repeats == 1 else f"{importance.n_repeats} times"
    measured = len(importance.columns)
    left = (
        ""
        if measured == importance.n_columns
        else f" Only the table's first {measured} of {importance.n_columns} columns are measured."
    )
    fewer = f" Shown are the {_MOST_COLUMNS} most important of {len(known)}." if len(shown) < len(known) else ""
    caption = (
        f"The winner's fold networks on rows that they were not trained on: {rows}, each column shuffled {times}; bars "
        "are means over folds, whiskers their 95 % intervals. Columns that tell the same share their importance, and "
        f"each may seem to have none.{left}{fewer}"
    )
    return Picture(TITLE, caption, [bar], layout, height=110 + 26 * max(len(shown), 2))
