"""The tabular sets of a data folder, with the outer split that every contender shares.

The folder holds `INDEX.csv` (a row a set: name, file, task, modality, target, group_or_query, time_column, id_columns;
several columns are joined by `;`) and `splits/NAME.test.npy` (a boolean a row in file order, True: test). A set without
a split is left out. Id columns are left out of the rows; the group column is left out of the features.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.peers.job import Job, Task

INDEX = "INDEX.csv"
TASKS: dict[str, Task] = {
    "binary": "binary",
    "multiclass": "multiclass",
    "regression": "regression",
    "vector": "vector_regression",
}


@dataclass(frozen=True)
class DataSet:
    name: str
    path: Path
    split: Path
    task: Task
    targets: tuple[str, ...]
    group: str | None
    """Rows of one value were never split; where there is none, `time` may say that the last rows are the test rows."""
    time: str | None
    ids: tuple[str, ...]

    def job(self, seconds: float | None, seed: int) -> Job:
        return Job(self.task, self.targets, self.group, self.time, seconds, seed)

    def rows(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The training rows, and the test rows with their targets; cells are text as in the file."""
        frame = read_text(self.path).drop(columns=list(self.ids))
        test = np.load(self.split)
        return frame[~test], frame[test]

    def features(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.drop(columns=[*self.targets, *([self.group] if self.group else [])])


def read_sets(folder: Path) -> Iterator[DataSet]:
    """The tabular sets with a split, in the index's order; raises FileNotFoundError without an index."""
    for row in read_text(folder / INDEX).itertuples(index=False):
        split = folder / "splits" / f"{row.name}.test.npy"
        if row.modality != "table" or row.task not in TASKS or not split.exists():
            continue
        group = row.group_or_query or None
        yield DataSet(
            row.name,
            folder / row.file,
            split,
            TASKS[row.task],
            tuple(row.target.split(";")),
            group,
            None if group else row.time_column or None,
            tuple(filter(None, row.id_columns.split(";"))),
        )


def read_text(path: Path) -> pd.DataFrame:
    """A CSV file with each cell as it is written."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)
