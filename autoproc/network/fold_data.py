"""The development rows as stacks train on them: scaled for each fold once, read by every member."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autoproc.data.class_weights import class_weights
from autoproc.data.vectorize import Layout
from autoproc.network.dropout import N_PATTERNS, make_patterns
from autoproc.network.inputs import fit_edges, fit_scaling, scale_, widen
from autoproc.network.layers import ParameterTable
from autoproc.network.remembered import Remembered
from autoproc.network.scratch import Scratch
from autoproc.network.seeds import generator
from autoproc.network.sizes import InputSizes
from autoproc.plan import Task
from autoproc.results import FloatArray, Fold

MOST_SAMPLED = 1024  # training rows that are scored: enough for a curve, and a fraction of an epoch's work
MOST_COPIED = 256 * 2**20  # bytes of scaled copies; beyond it members scale what they read
_EPOCH_ROWS = 65_536  # at least, where a pass is more than one epoch
# Bytes that are kept for the members to come. However many sets of folds there are: what one set needs is little, and
# what has to be made again takes far less time than the epochs that it is made for.
_MOST_BATCHES = 64 * 2**20
_MOST_STARTS = 64 * 2**20


@dataclass(frozen=True)
class Batches:
    """Steps of one fold: `rows` and `patterns` int32, `weights` float32, all (n_steps, batch)."""

    rows: Tensor
    patterns: Tensor
    weights: Tensor

    @property
    def nbytes(self) -> int:
        return self.rows.nbytes + self.patterns.nbytes + self.weights.nbytes

    def part(self, first: int, last: int) -> "Batches":
        """The steps from `first` to `last`, in the same memory."""
        return Batches(self.rows[first:last], self.patterns[first:last], self.weights[first:last])


@dataclass(frozen=True)
class Epoch:
    """An epoch of S members side by side, all (n_steps, S, batch, ...): `places` of the dense inputs, codes, targets,
    dropout's patterns and the weights of rows."""

    places: Tensor
    codes: Tensor
    targets: Tensor
    patterns: Tensor
    weights: Tensor

    def steps(self) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]]:
        """The same five of each step, (S, batch, ...)."""
        return zip(self.places, self.codes, self.targets, self.patterns, self.weights, strict=True)


@dataclass(frozen=True)
class EvaluationRows:
    """Rows on which every fold's members are scored: numbers (K, longest fold), padded with row 0, with each fold's
    own row numbers beside."""

    padded: Tensor
    rows: tuple[NDArray[np.int64], ...]


class FoldData:
    """Inputs, targets and scaling statistics of K folds.

    `matrix` is the vectoriser's (n, n_columns), whose numbers are cut into `n_pieces` each; `targets` (n,) of 0/1 or
    class numbers, or (n, t) values. An epoch is a pass over the training rows; of very many rows it is an equal part
    of one, so that training is judged and stopped as often as that of fewer (docs/decisions/032-large-tables.md).
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
        n_pieces: int = 0,
        most_copied: int = MOST_COPIED,
    ) -> None:
        self.folds = tuple(folds)
        self.task: Task = task
        self.seed = seed
        self.device = device
        self.raw_targets = targets
        self.sizes = InputSizes.of(layout, n_pieces)
        numbers = matrix[:, list(layout.numeric)]
        self._n_parts = max(1, self.n_train_rows // _EPOCH_ROWS)  # of a pass
        statistics = [_fit_numbers(numbers[fold.train], n_pieces) for fold in folds]
        del numbers
        self.center, self.spread, self.edges = (self._stack(arrays) for arrays in zip(*statistics, strict=True))
        self._n_rows = len(matrix)
        inputs = widen(matrix, layout, device)
        self._codes = inputs.codes
        self._scaled = len(matrix) * self.sizes.n_dense * inputs.dense.itemsize * len(folds) <= most_copied
        self._dense = self._scaled_copies(inputs.dense) if self._scaled else inputs.dense
        self._fit_targets()
        self.validation = self._evaluation([fold.validation for fold in folds])
        self.train_sample = self._evaluation([self._sample(k) for k in range(len(folds))])
        self._batches = Remembered[Batches](_MOST_BATCHES)
        self._starts = Remembered[Tensor](_MOST_STARTS)
        self._patterns: dict[tuple[int, int], Tensor] = {}

    @property
    def n_folds(self) -> int:
        return len(self.folds)

    @property
    def n_train_rows(self) -> int:
        """Training rows of the largest fold."""
        return max(len(fold.train) for fold in self.folds)

    @property
    def n_epoch_rows(self) -> int:
        """Training rows of an epoch, in the largest fold."""
        return -(-self.n_train_rows // self._n_parts)

    def n_steps(self, batch_size: int) -> int:
        """Of an epoch, in every fold."""
        return -(-self.n_train_rows // (batch_size * self._n_parts))

    def epoch(self, own: Sequence[tuple[int, int]], batch_size: int, class_powers: Sequence[float] = ()) -> Epoch:
        """What S members read in one epoch, given the fold of each and the number of its epoch, from 1. Each weighs
        rare classes by its power; none means 0 for all."""
        folds = torch.tensor([fold for fold, _ in own], device=self.device)
        batches = [self.batches(fold, epoch, batch_size) for fold, epoch in own]
        rows = torch.stack([each.rows for each in batches], dim=1).long()
        targets = self.targets(folds[:, None], rows)
        weights = torch.stack([each.weights for each in batches], dim=1)
        if any(class_powers):
            weights *= self._class_weights([fold for fold, _ in own], class_powers, targets.long())
        return Epoch(
            self.places(folds[:, None], rows),
            self.codes(rows),
            targets,
            torch.stack([each.patterns for each in batches], dim=1),
            weights,
        )

    def places(self, folds: Tensor, rows: Tensor) -> Tensor:
        """Where the dense inputs of `rows` lie as `folds`, which must broadcast against them, see them."""
        return rows + folds * self._n_rows

    def dense(self, places: Tensor, scratch: Scratch) -> Tensor:
        """Scaled inputs at `places` (S, n): (S, n, n_dense), in `scratch` until the next call."""
        dense = scratch.take("dense", *places.shape, self.sizes.n_dense)
        flat = places.flatten()
        if self._scaled:
            torch.index_select(self._dense, 0, flat, out=dense.view(len(flat), self.sizes.n_dense))
            return dense
        widened = scratch.take("widened", len(flat), self.sizes.n_widened)
        torch.index_select(self._dense, 0, flat % self._n_rows, out=widened)
        dense[..., : self.sizes.n_widened] = widened.view(*places.shape, -1)
        folds = places[:, 0] // self._n_rows
        return scale_(dense, self.center[folds], self.spread[folds], self.edges[folds])

    def codes(self, rows: Tensor) -> Tensor:
        """Codes of `rows` (...): (..., C)."""
        if not self.sizes.vocabularies:
            return self._codes.new_zeros(*rows.shape, 0)
        return self._codes.index_select(0, rows.flatten()).view(*rows.shape, -1)

    def targets(self, folds: Tensor, rows: Tensor) -> Tensor:
        """Targets of `rows` (...), standardised as `folds`, which must broadcast against them, see them: (...), or
        (..., t) of values."""
        targets = self._targets.index_select(0, rows.flatten()).view(*rows.shape, *self._targets.shape[1:])
        if self.task in ("regression", "vector_regression"):
            targets = (targets - self._center[folds]) / self._spread[folds]
        return targets

    def batches(self, fold: int, epoch: int, batch_size: int) -> Batches:
        """The batches of one epoch of one fold, in an order fixed by seed, fold and epoch.

        All folds take the same number of steps, with batches as equal as can be. Weights are such that a batch's
        weighted sum is its mean; a place without a row has weight 0.
        """
        number, part = divmod(epoch - 1, self._n_parts)
        whole = self._batches.get((fold, number, batch_size), lambda: self._draw(fold, number + 1, batch_size))
        n_steps = self.n_steps(batch_size)
        return whole if self._n_parts == 1 else whole.part(part * n_steps, (part + 1) * n_steps)

    def start(self, table: ParameterTable, fold: int) -> Tensor:
        """The parameters (n_columns,) that a fold's members start from."""
        return self._starts.get((table, fold), lambda: table.initial(generator(self.seed, fold)).to(self.device))

    def patterns(self, layer: int, width: int) -> Tensor:
        """Patterns of dropout of a hidden layer."""
        if (layer, width) not in self._patterns:
            self._patterns[layer, width] = make_patterns(self.seed, layer, width).to(self.device)
        return self._patterns[layer, width]

    def _class_weights(self, folds: Sequence[int], powers: Sequence[float], classes: Tensor) -> Tensor:
        """Of the rows of S members, by their `classes` (n_steps, S, batch): of the same shape."""
        own = [class_weights(self._class_counts[fold], power) for fold, power in zip(folds, powers, strict=True)]
        by_class = torch.from_numpy(np.stack(own).astype(np.float32)).to(self.device)  # (S, C)
        return by_class.expand(len(classes), -1, -1).gather(2, classes)

    def _draw(self, fold: int, number: int, batch_size: int) -> Batches:
        """The batches of a pass, by its number from 1."""
        train = torch.from_numpy(self.folds[fold].train)
        n_steps = self._n_parts * self.n_steps(batch_size)
        width = -(-self.n_train_rows // n_steps)
        least, more = divmod(len(train), n_steps)
        sizes = least + (torch.arange(n_steps) < more).int()[:, None]
        taken = torch.arange(width) < sizes
        source = generator(self.seed, fold, number)
        rows = torch.zeros(n_steps, width, dtype=torch.int32)
        rows[taken] = train[torch.randperm(len(train), generator=source)].int()
        patterns = torch.randint(N_PATTERNS, rows.shape, generator=source, dtype=torch.int32)
        weights = taken / sizes.clamp(min=1)
        return Batches(rows.to(self.device), patterns.to(self.device), weights.to(self.device))

    def _stack(self, arrays: Sequence[NDArray[np.float32]]) -> Tensor:
        return torch.from_numpy(np.stack(arrays)).to(self.device)

    def _scaled_copies(self, dense: Tensor) -> Tensor:
        """(K * n, n_dense): all rows as each fold scales them, one fold after the other."""
        copies = dense.new_empty(self.n_folds, len(dense), self.sizes.n_dense)
        copies[..., : self.sizes.n_widened] = dense
        return scale_(copies, self.center, self.spread, self.edges).flatten(0, 1)

    def _fit_targets(self) -> None:
        """Targets in the loss's type, and of each fold's training targets the numbers of classes, or mean and standard
        deviation.

        Values are first shifted and divided by what brings them near 1, the same for all folds: that cancels
        out in what the network learns, and keeps float32 from rounding away a large offset.
        """
        if self.task in ("binary", "multiclass"):
            kind = torch.float32 if self.task == "binary" else torch.int64
            self._targets = torch.from_numpy(self.raw_targets).to(self.device, kind)
            n_classes = int(self.raw_targets.max()) + 1
            self._class_counts = [np.bincount(self.raw_targets[fold.train], minlength=n_classes) for fold in self.folds]
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
        """A fixed sample of a fold's training rows: as many as it has validation rows, if those are not many."""
        rows = self.folds[fold].train
        size = min(len(rows), len(self.folds[fold].validation) or MOST_SAMPLED, MOST_SAMPLED)
        picked = torch.randperm(len(rows), generator=generator(self.seed, fold, 0))[:size].numpy()
        return np.sort(rows[picked])

    def _evaluation(self, rows: Sequence[NDArray[np.int64]]) -> EvaluationRows:
        longest = max(map(len, rows))
        padded = np.stack([np.pad(part, (0, longest - len(part))) for part in rows])
        return EvaluationRows(torch.from_numpy(padded).to(self.device), tuple(rows))


def _fit_numbers(numbers: NDArray[np.float32], n_pieces: int) -> tuple[NDArray[np.float32], ...]:
    """Centre, scale and edges of the numbers (n, d) of a fold's training rows."""
    center, spread = fit_scaling(numbers)
    return center, spread, fit_edges(numbers, center, spread, n_pieces)


def _nonzero(sizes: FloatArray) -> FloatArray:
    return np.where(sizes > 0, sizes, 1.0)
