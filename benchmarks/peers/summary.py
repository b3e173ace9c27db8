"""The results as a Markdown table: a row a set and metric, a column a contender."""

from collections.abc import Iterator, Sequence
from statistics import fmean, median, stdev

import numpy as np

from benchmarks.peers.results import Cell, Entry, Results
from benchmarks.peers.scores import LOWER_IS_BETTER
from benchmarks.peers.standing import mean_of_known, mean_ranks, normalised

MARK = "†"
LEGEND = f"""\
Scores on the test rows of the outer split: means over seeds ± their standard deviation; {MARK}: recorded elsewhere
(`benchmarks/peers/recorded.csv`), not measured here; -: not run. Ranks and normalised scores are by the first metric of
each set: of equal ones ranks are shared; normalised is 0 at the dummy's score (without a dummy: at the worst one) and
below, 1 at the best one here. A contender that cannot do a set, or failed on it, ranks last there and has 0. Means are
over the sets that it was run on; compare only those of as many."""


def summary(results: Results, seconds: float) -> Iterator[str]:
    """The lines for one budget."""
    entries, names = results.entries(seconds), results.sets
    yield f"Budget {seconds:g} s; contenders that stop by themselves stand beside it.\n"
    yield f"| set | metric | {' | '.join(entry[0] for entry in entries)} |"
    yield f"|{'---|' * (2 + len(entries))}"
    for name in names:
        for metric in results.metrics(name):
            yield row(name, said(metric), texts(results, entries, name, metric))
    goodness = results.goodness(entries, names)
    shares = normalised(goodness, results.floor(names))
    n_run = (~np.isnan(goodness)).sum(axis=1)
    yield row("mean rank", "", [f"{rank:.2f}" for rank in mean_ranks(goodness)])
    yield row("mean normalised score", "", [f"{share:.3f}" for share in mean_of_known(shares)])
    yield row("sets", "", [f"{n} of {len(names)}" for n in n_run])
    yield row("wall seconds, median", "", [wall_text(results, entry) for entry in entries])
    yield row("CPU seconds, median", "", [cpu_text(results, entry) for entry in entries])


def row(*cells: str | Sequence[str]) -> str:
    flat = [text for cell in cells for text in ([cell] if isinstance(cell, str) else cell)]
    return f"| {' | '.join(flat)} |"


def said(metric: str) -> str:
    return metric.replace("_", " ") + (" (lower is better)" if metric in LOWER_IS_BETTER else "")


def texts(results: Results, entries: Sequence[Entry], name: str, metric: str) -> list[str]:
    """What the entries reach on a set, the best in bold."""
    cells = [results.cells[entry].get(name) for entry in entries]
    best = max((cell.goodness(metric) for cell in cells if cell), default=-np.inf)
    return [text(cell, metric, bold=bool(cell) and cell.goodness(metric) == best > -np.inf) for cell in cells]


def text(cell: Cell | None, metric: str, bold: bool = False) -> str:
    if cell is None:
        return "-"
    values, mark = cell.values.get(metric), MARK if cell.recorded else ""
    if not values:
        return f"{cell.reasons[0]}{mark}" if cell.reasons else "-"
    said = number(fmean(values)) + (f" ± {number(stdev(values))}" if len(values) > 1 else "")
    lost = f" ({len(cell.reasons)} of {len(values) + len(cell.reasons)} failed)" if cell.reasons else ""
    return (f"**{said}**" if bold else said) + mark + lost


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}"


def wall_text(results: Results, entry: Entry) -> str:
    wall = results.wall(entry)
    return "-" if wall is None else f"{wall:.0f}{MARK if results.is_recorded(entry) else ''}"


def cpu_text(results: Results, entry: Entry) -> str:
    cpus = [cpu for cell in results.cells[entry].values() for cpu in cell.cpus]
    return f"{median(cpus):.0f}" if cpus else "-"
