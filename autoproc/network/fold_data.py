"""The development rows as the stack trains on them: in memory once, with every fold's own statistics."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autoproc.data.vectorize import Layout
from autoproc.network.inputs import Inputs, InputSizes, fit_scaling, scale, widen
from autoproc.plan import Task
from autoproc.results import FloatArray, Fold

_SAMPLE_WITHOUT_VALIDATION = 1024


@dataclass(frozen=True)
class EvaluationRows:
    """Rows on which every fold's members are scored: scaled inputs and standardised targets padded to the
    longest fold, (K, rows, ...), with each fold's true row numbers beside."""

    inputs: Inputs
    targets: Tensor
    rows: tuple[NDArray[np.int64], ...]


class FoldData:
    """Inputs, targets and scaling statistics of K folds.

    `matrix` is the vectoriser's (n, n_columns); `targets` (n,) of 0/1 or class numbers, or (n, t) values.
    """

    def __init__(
        self,
        matrix: NDArray[np.float32],
        targets: NDArray[np.int64] | NDArray[np.float64],
        layout: Layout,
        folds: Sequence[Fold],
        task: Task,
        seed: int,
        device: torch.device,
    ) -> None:
        self.folds = tuple(folds)
        self.task: Task = task
        self.seed = seed
        self.device = device
        self.raw_targets = targets
        self.sizes = InputSizes.of(layout)
        self._inputs = widen(matrix, layout, device)
        numbers = matrix[:, list(layout.numeric)]
        scaling = [fit_scaling(numbers[fold.train]) for fold in folds]
        self.center, self.spread = (self._stack([pair[i] for pair in scaling]) for i in (0, 1))
        self._fit_targets()
        self.validation = self._evaluation([fold.validation for fold in folds])
        self.train_sample = self._evaluation([self._sample(k) for k in range(len(folds))])

    @property
    def n_folds(self) -> int:
        return len(self.folds)

    @property
    def n_train_rows(self) -> int:
        """Training rows of the largest fold."""
        return max(len(fold.train) for fold in self.folds)

    def rows(self, folds: Tensor, rows: Tensor) -> tuple[Inputs, Tensor]:
        """Scaled inputs (U, rows, ...) and standardised targets of `rows` (U, rows) as folds (U,) see them."""
        inputs = scale(self._inputs.rows(rows), self.center[folds], self.spread[folds])
        targets = self._targets[rows]
        if self.task in ("regression", "vector_regression"):
            targets = (targets - self._center[folds][:, None]) / self._spread[folds][:, None]
        return inputs, targets

    def batches(self, fold: int, epoch: int, batch_size: int) -> tuple[Tensor, Tensor]:
        """Row numbers and weights (n_steps, batch) of one epoch of one fold, in an order fixed by seed,
        fold and epoch.

        All folds take the same number of steps, with batches as equal as can be; a place without a row
        has weight 0.
        """
        train = torch.from_numpy(self.folds[fold].train)
        n_steps = -(-self.n_train_rows // batch_size)
        width = -(-self.n_train_rows // n_steps)
        least, more = divmod(len(train), n_steps)
        taken = torch.arange(width) < least + (torch.arange(n_steps) < more)[:, None]
        rows = torch.zeros(n_steps, width, dtype=torch.int64)
        rows[taken] = train[torch.randperm(len(train), generator=generator(self.seed, fold, epoch))]
        return rows.to(self.device), taken.float().to(self.device)

    def _stack(self, arrays: Sequence[NDArray[np.float32]]) -> Tensor:
        return torch.from_numpy(np.stack(arrays)).to(self.device)

    def _fit_targets(self) -> None:
        """Targets in the loss's type, and each fold's mean and standard deviation of the training targets.

        Values are first shifted and divided by what brings them near 1, the same for all folds: that cancels
        out in what the network learns, and keeps float32 from rounding away a large offset.
        """
        if self.task in ("binary", "multiclass"):
            kind = torch.float32 if self.task == "binary" else torch.int64
            self._targets = torch.from_numpy(self.raw_targets).to(self.device, kind)
            self.target_center = torch.zeros(self.n_folds, 1, dtype=torch.float64)
            self.target_spread = self.target_center + 1
            return
        offset = np.median(self.raw_targets, axis=0)  # which no outlier moves beyond the others' digits
        size = _nonzero(np.abs(self.raw_targets - offset).max(axis=0))
        values = (self.raw_targets - offset) / size
        means = np.stack([values[fold.train].mean(axis=0) for fold in self.folds])
        spreads = np.stack([_nonzero(values[fold.train].std(axis=0)) for fold in self.folds])
        self._targets, self._center, self._spread = (
            torch.from_numpy(array.astype(np.float32)).to(self.device) for array in (values, means, spreads)
        )
        self.target_center = torch.from_numpy(offset + size * means)
        self.target_spread = torch.from_numpy(size * spreads)

    def _sample(self, fold: int) -> NDArray[np.int64]:
        """A fixed sample of a fold's training rows, as many as it has validation rows."""
        rows = self.folds[fold].train
        size = min(len(rows), len(self.folds[fold].validation) or _SAMPLE_WITHOUT_VALIDATION)
        picked = torch.randperm(len(rows), generator=generator(self.seed, fold, 0))[:size].numpy()
        return np.sort(rows[picked])

    def _evaluation(self, rows: Sequence[NDArray[np.int64]]) -> EvaluationRows:
        longest = max(map(len, rows))
        padded = np.stack([np.pad(part, (0, longest - len(part))) for part in rows])
        every = torch.arange(self.n_folds, device=self.device)
        inputs, targets = self.rows(every, torch.from_numpy(padded).to(self.device))
        return EvaluationRows(inputs, targets, tuple(rows))


def generator(*seeds: int) -> torch.Generator:
    """A CPU generator whose stream is fixed by all of `seeds` together."""
    return torch.Generator().manual_seed(seed_of(*seeds))


def seed_of(*seeds: int) -> int:
    """One seed that is fixed by all of `seeds` together."""
    # Their number goes in as well, because a SeedSequence takes no notice of zeros at its end.
    state = np.random.SeedSequence((len(seeds), *seeds)).generate_state(2, np.uint32)
    return int(state[0]) << 32 | int(state[1])


def _nonzero(sizes: FloatArray) -> FloatArray:
    return np.where(sizes > 0, sizes, 1.0)
