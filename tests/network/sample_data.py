"""A small made-up problem with a column of every kind, for the tests of the network."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from autoproc.data.metrics import METRICS, Metric
from autoproc.data.vectorize import Layout
from autoproc.network.costs import Costs
from autoproc.network.engine import StackEngine
from autoproc.network.fold_data import FoldData
from autoproc.network.stack import Stack
from autoproc.plan import Task
from autoproc.results import Fold
from autoproc.spec import NetworkSpec

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression", "vector_regression")
LAYOUT = Layout(
    n_columns=8,
    numeric=(0, 4, 6),
    passthrough=(2, 7),
    indicators=(2, 4),
    one_hot=((3, 4),),
    embedded=((1, 5), (5, 6)),
)
_N_OUTPUTS = {"binary": 1, "multiclass": 3, "regression": 1, "vector_regression": 2}
_METRICS = {"binary": "log_loss", "multiclass": "log_loss", "regression": "rmse", "vector_regression": "rmse"}


@dataclass(frozen=True)
class Sample:
    """What a `StackEngine` takes."""

    matrix: NDArray[np.float32]
    targets: NDArray[Any]
    folds: tuple[Fold, ...]
    task: Task
    n_outputs: int
    metric: Metric
    layout: Layout = LAYOUT

    def engine(self, kind: Callable[..., Any] = StackEngine, seed: int = 0, **more: Any) -> Any:
        """An engine of the class `kind` on these rows."""
        return kind(
            self.matrix,
            self.targets,
            self.layout,
            self.folds,
            self.task,
            self.n_outputs,
            self.metric,
            seed,
            device="cpu",
            **more,
        )

    def fold_data(self, seed: int = 0, device: str = "cpu", most_copied: int = 2**20, n_pieces: int = 0) -> FoldData:
        """The rows as stacks read them: scaled for each fold beforehand, if that takes at most so many bytes."""
        return FoldData(
            self.matrix,
            self.targets,
            self.layout,
            self.folds,
            self.task,
            seed,
            torch.device(device),
            n_pieces,
            most_copied,
        )

    def costs(self, network: NetworkSpec, batch_size: int) -> Costs:
        """What a member of this shape costs on these rows."""
        return Costs.of(network, batch_size, self.n_outputs, self.fold_data())

    def stack(self, network: NetworkSpec, batch_size: int, width: int = 100, data: FoldData | None = None) -> Stack:
        """A stack without members on these rows, or on `data`, which were made of them."""
        return Stack(self.costs(network, batch_size), data or self.fold_data(), self.metric, width, Event())


def sample(task: Task = "binary", n_rows: int = 47, n_folds: int = 3, seed: int = 0) -> Sample:
    """Rows with missing cells, codes and numbers on unlike scales; the targets depend on some of them.

    With 47 rows and 3 folds, one fold has a training row less than the others.
    """
    random = np.random.default_rng(seed)
    matrix = np.empty((n_rows, LAYOUT.n_columns), dtype=np.float32)
    matrix[:, 0] = random.normal(1000, 200, n_rows)
    matrix[:, 4] = random.exponential(0.01, n_rows)
    matrix[:, 6] = random.standard_cauchy(n_rows)
    matrix[:, 2] = random.integers(0, 2, n_rows)
    matrix[:, 7] = np.sin(random.uniform(0, 6, n_rows))
    for column, n_codes in LAYOUT.one_hot + LAYOUT.embedded:
        matrix[:, column] = random.integers(0, n_codes, n_rows)
    signal = (matrix[:, 0] - 1000) / 200 + 2 * (matrix[:, 3] - 1.5) + matrix[:, 1] - 2
    signal = signal + 0.5 * random.standard_normal(n_rows)
    for column in LAYOUT.indicators:
        matrix[random.random(n_rows) < 0.2, column] = np.nan
    return Sample(
        matrix, _targets(task, signal), _split(n_rows, n_folds, random), task, _N_OUTPUTS[task], METRICS[_METRICS[task]]
    )


def _targets(task: Task, signal: NDArray[np.float64]) -> NDArray[Any]:
    if task == "binary":
        return (signal > 0).astype(np.int64)
    if task == "multiclass":
        return np.digitize(signal, [-1.5, 1.5]).astype(np.int64)
    if task == "regression":
        return 50 + 7 * signal[:, None]
    return np.stack([50 + 7 * signal, np.abs(signal) / 100], axis=1)


def _split(n_rows: int, n_folds: int, random: np.random.Generator) -> tuple[Fold, ...]:
    everyone = np.arange(n_rows)
    parts = np.array_split(random.permutation(n_rows), n_folds)
    return tuple(Fold(np.setdiff1d(everyone, part), np.sort(part)) for part in parts)
