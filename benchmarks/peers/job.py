"""What a contender gets, in a process and perhaps in an environment of its own, and what it gives back.

A job is a folder: `job.json`, `train.csv` (features, targets and the group column) and `test.csv` (features alone: the
truth never leaves the process that scores). The contender adds `predictions.csv`, a column a class (probabilities) or a
target (values), or `cannot.txt`. Nothing here imports autoproc, which is not in the peers' environment.
"""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from benchmarks.peers.scores import headline

Task = Literal["binary", "multiclass", "regression", "vector_regression"]
CORES = 2
"""That every contender may use."""
TRAIN, TEST, PREDICTIONS, CANNOT = "train.csv", "test.csv", "predictions.csv", "cannot.txt"


class CannotError(Exception):
    """A contender does not do such a task."""


@dataclass(frozen=True)
class Job:
    task: Task
    targets: tuple[str, ...]
    group: str | None
    time: str | None
    seconds: float | None
    """The budget; None for contenders that stop by themselves."""
    seed: int

    @property
    def is_classification(self) -> bool:
        return self.task in ("binary", "multiclass")

    @property
    def metric(self) -> str:
        """The headline metric: every contender that can be told one is told it."""
        return headline(self.task)


@dataclass(frozen=True)
class Given:
    """A job with its rows, as a contender reads them."""

    folder: Path
    job: Job

    @classmethod
    def read(cls, folder: Path) -> "Given":
        told: dict[str, Any] = json.loads((folder / "job.json").read_text())
        return cls(folder, Job(**{**told, "targets": tuple(told["targets"])}))

    @cached_property
    def train(self) -> pd.DataFrame:
        """All columns; classes are text, and only empty cells are missing."""
        job = self.job
        classes = dict.fromkeys(job.targets, str) if job.is_classification else None
        return pd.read_csv(self.folder / TRAIN, dtype=classes, keep_default_na=False, na_values=[""])

    @cached_property
    def x(self) -> pd.DataFrame:
        """Features of the training rows."""
        return self.train[self.test.columns]

    @cached_property
    def y(self) -> pd.DataFrame | pd.Series:
        """Of one target a series."""
        targets = self.job.targets
        return self.train[targets[0]] if len(targets) == 1 else self.train[list(targets)]

    @cached_property
    def groups(self) -> pd.Series | None:
        return self.train[self.job.group] if self.job.group else None

    @cached_property
    def test(self) -> pd.DataFrame:
        """Features of the test rows; a column that holds words in the training rows holds words here too."""
        names = pd.read_csv(self.folder / TEST, nrows=0).columns
        words = dict.fromkeys(words_of(self.train[names]), str)
        return pd.read_csv(self.folder / TEST, dtype=words, keep_default_na=False, na_values=[""])

    def values(self, predicted: Any) -> pd.DataFrame:
        """Predicted values, a column a target."""
        return pd.DataFrame(pd.DataFrame(predicted).to_numpy(), columns=list(self.job.targets))


def words_of(frame: pd.DataFrame) -> list[str]:
    """The columns that do not hold numbers."""
    return list(frame.select_dtypes(exclude="number").columns)


def write(folder: Path, job: Job, train: pd.DataFrame, test: pd.DataFrame) -> None:
    (folder / "job.json").write_text(json.dumps(asdict(job)))
    train.to_csv(folder / TRAIN, index=False)
    test.to_csv(folder / TEST, index=False)
