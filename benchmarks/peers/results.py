"""What the lines of many runs come to, with other measurements of the same sets where there are no lines."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.peers.registry import CONTENDERS
from benchmarks.peers.scores import HEADLINES, LOWER_IS_BETTER

METRICS = tuple(dict.fromkeys(metric for metrics in HEADLINES.values() for metric in metrics))
RECORDED = Path(__file__).with_name("recorded.csv")
ALL = "all"
Entry = tuple[str, float | None]
"""A contender with a budget; None of one that stops by itself."""


@dataclass
class Cell:
    """All seeds of an entry on one set."""

    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    reasons: list[str] = field(default_factory=list)
    """Why runs have no scores: `cannot` or `failed`."""
    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)
    recorded: bool = False

    def goodness(self, metric: str) -> float:
        """The mean over seeds, higher is better; minus infinity without a score."""
        if not self.values.get(metric):
            return -np.inf
        mean = fmean(self.values[metric])
        return -mean if metric in LOWER_IS_BETTER else mean

    def add(self, line: dict[str, Any]) -> None:
        if "scores" in line:
            for metric, value in line["scores"].items():
                self.values[metric].append(value)
        else:
            self.reasons.append("cannot" if "cannot" in line else "failed")
        self.walls.append(line["wall"])
        self.cpus.append(line["cpu"])


@dataclass
class Results:
    cells: dict[Entry, dict[str, Cell]]
    recorded_walls: dict[Entry, float]

    @classmethod
    def of(cls, lines: Iterable[dict[str, Any]], recorded: pd.DataFrame) -> "Results":
        """Only sets that have lines; a recorded figure fills the place of a run that is not there."""
        cells: dict[Entry, dict[str, Cell]] = defaultdict(dict)
        for line in lines:
            of_entry = cells[line["contender"], line["seconds"]]
            of_entry.setdefault(line["set"], Cell()).add(line)
        sets = {name for of_entry in cells.values() for name in of_entry}
        walls = {}
        for row in recorded.itertuples(index=False):
            entry = row.contender, None if np.isnan(row.seconds) else row.seconds
            if row.set == ALL:
                walls[entry] = float(row.value)
                continue
            cell = cells[entry].setdefault(row.set, Cell(recorded=True)) if row.set in sets else Cell()
            if not cell.recorded:
                continue
            if row.value == "cannot":
                cell.reasons.append(row.value)
            else:
                cell.values[row.metric].append(float(row.value))
        return cls({entry: of_entry for entry, of_entry in cells.items() if of_entry}, walls)

    @property
    def sets(self) -> list[str]:
        return list(dict.fromkeys(name for of_entry in self.cells.values() for name in of_entry))

    @property
    def budgets(self) -> list[float]:
        return sorted({seconds for _, seconds in self.cells if seconds is not None})

    def metrics(self, name: str) -> list[str]:
        """Those of a set, the headline first."""
        known = {metric for of_entry in self.cells.values() if name in of_entry for metric in of_entry[name].values}
        return [metric for metric in METRICS if metric in known]

    def entries(self, seconds: float | None = None) -> list[Entry]:
        """Those with a budget, or with all if none is named, and those without; in the registry's order."""
        order = list(CONTENDERS)
        asked = [entry for entry in self.cells if seconds is None or entry[1] in (seconds, None)]
        return sorted(asked, key=lambda entry: (order.index(entry[0]), entry[1] or 0))

    def goodness(self, entries: Sequence[Entry], names: Sequence[str]) -> np.ndarray:
        """By the headline metrics: (entries, sets), as `standing` takes it."""
        goodness = np.full((len(entries), len(names)), np.nan)
        for column, name in enumerate(names):
            headline = next(iter(self.metrics(name)), "")
            for place, entry in enumerate(entries):
                if cell := self.cells[entry].get(name):
                    goodness[place, column] = cell.goodness(headline)
        return goodness

    def floor(self, names: Sequence[str]) -> np.ndarray:
        """The dummy's goodness on each set, NaN where it was not run."""
        dummy = ("dummy", None)
        return self.goodness([dummy], names)[0] if dummy in self.cells else np.full(len(names), np.nan)

    def wall(self, entry: Entry) -> float | None:
        """The median over its runs, or the recorded one."""
        walls = [wall for cell in self.cells[entry].values() for wall in cell.walls]
        return median(walls) if walls else self.recorded_walls.get(entry)

    def is_recorded(self, entry: Entry) -> bool:
        """Whether none of its figures was measured here."""
        return all(cell.recorded for cell in self.cells[entry].values())


def read_recorded(path: Path = RECORDED) -> pd.DataFrame:
    return pd.read_csv(path, comment="#", dtype={"value": str})
