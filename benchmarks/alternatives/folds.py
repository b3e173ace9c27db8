"""A set's rows as the networks of each fold read them."""

from collections.abc import Iterable
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import QuantileTransformer
from torch import Tensor
from torch.nn import functional

from autoproc.configurations import choose_batch_size
from autoproc.data.class_weights import class_weights
from autoproc.data.problem import encode_target
from autoproc.data.table import read_table
from autoproc.network.inputs import fit_edges, fit_scaling, scale_, widen
from autoproc.network.sizes import InputSizes
from autoproc.plan import Task, make_plan
from autoproc.process import prepare
from benchmarks.alternatives.parts import Parts
from benchmarks.peers.scores import headline
from benchmarks.peers.sets import DataSet

N_FOLDS = 5


class Folds:
    """A set's rows as K folds see them: development and test rows together, statistics from training rows alone."""

    def __init__(self, data: DataSet, device: torch.device) -> None:
        train, test = data.rows()
        self.metric = headline(data.task)
        asked = {"target": data.targets, "metric": self.metric, "group": data.group, "seed": 0}
        plan = make_plan(None, {**asked, "protocol": {"kind": "k_fold", "folds": N_FOLDS}})
        prepared, _ = prepare(plan, train.reset_index(drop=True))
        rows = read_table(test.reset_index(drop=True))
        matrix = np.concatenate([prepared.matrix, prepared.schema.matrix(rows)])
        self.task: Task = prepared.problem.task
        self.truth = encode_target(rows, prepared.problem)
        self.targets = np.concatenate([prepared.targets, self.truth])
        self.n_outputs = prepared.problem.n_outputs
        self.splits = prepared.protocol.splits
        self.test = np.arange(len(prepared.matrix), len(matrix))
        self.device = device
        self.batch_size = choose_batch_size(plan, max(len(fold.train) for fold in self.splits))
        layout = prepared.schema.layout
        self.sizes = InputSizes.of(layout, prepared.n_pieces)
        numbers = matrix[:, list(layout.numeric)]
        inputs = widen(matrix, layout, device)
        self.codes = inputs.codes  # (n, C)
        dense = inputs.dense.new_empty(N_FOLDS, len(matrix), self.sizes.n_dense)
        dense[..., : self.sizes.n_widened] = inputs.dense
        center, spread = self._fitted(fit_scaling(numbers[fold.train]) for fold in self.splits)
        each = zip(self.splits, center.cpu().numpy(), spread.cpu().numpy(), strict=True)
        (edges,) = self._fitted((fit_edges(numbers[f.train], c, s, prepared.n_pieces),) for f, c, s in each)
        self.dense = scale_(dense, center, spread, edges)  # (K, n, n_dense)
        # The matrix's column that each dense input is made of.
        one_hot = [column for column, size in layout.one_hot for _ in range(size)]
        widened = [*layout.numeric, *layout.passthrough, *layout.indicators, *one_hot]
        self.columns = torch.tensor([*widened, *list(layout.numeric) * prepared.n_pieces], device=device)
        self.code_columns = torch.tensor([column for column, _ in layout.embedded], device=device)
        self.n_columns = matrix.shape[1]
        self._numbers = numbers
        self._categories = matrix[:, [column for column, _ in (*layout.one_hot, *layout.embedded)]].astype(np.int64)

    def _fitted(self, of_folds: Iterable[tuple[NDArray[np.float32], ...]]) -> list[Tensor]:
        """Statistics of the folds, one after the other: each stacked, (K, ...)."""
        return [torch.from_numpy(np.stack(each)).to(self.device) for each in zip(*of_folds, strict=True)]

    def inputs(self, parts: Parts) -> Tensor:
        """What the networks read of each row, (K, n, inputs)."""
        dense = self.dense
        if parts.quantiles:
            dense = torch.cat([self.ranks, dense[..., self.sizes.n_numeric :]], dim=2)
        return torch.cat([dense, self.statistics], dim=2) if parts.target_statistics else dense

    @cached_property
    def ranks(self) -> Tensor:
        """Normal quantiles of the numbers (K, n, n_numeric), 0 where one is missing."""
        made, numbers = [], self._numbers
        for train in (fold.train for fold in self.splits):
            n_quantiles = min(1000, max(10, len(train) // 30))
            fitted = QuantileTransformer(n_quantiles=n_quantiles, output_distribution="normal", subsample=None)
            ranks = fitted.fit(numbers[train]).transform(numbers) if numbers.shape[1] else numbers
            made.append(np.nan_to_num(ranks))
        return torch.from_numpy(np.stack(made)).float().to(self.device)

    @cached_property
    def statistics(self) -> Tensor:
        """Means by category (K, n, columns x what is learned), drawn to the mean of all as if by ten rows. Training
        rows see those of other rows."""
        learned, codes = self.learned(Parts())[0], self._categories
        made = []
        for fold, values in zip(self.splits, learned.cpu().numpy(), strict=True):
            parts = np.array_split(np.random.default_rng(0).permutation(fold.train), 5)
            others = np.setdiff1d(np.arange(len(codes)), fold.train)
            pairs = [(np.setdiff1d(fold.train, part), part) for part in parts] + [(fold.train, others)]
            means = np.zeros((len(codes), codes.shape[1], values.shape[1]), dtype=np.float32)
            for (seen, told), column in product(pairs, range(codes.shape[1])):
                mean, size = values[seen].mean(axis=0), codes[:, column].max() + 1
                counts, sums = np.zeros((size, 1)), np.zeros((size, values.shape[1]))
                np.add.at(counts, codes[seen, column], 1)
                np.add.at(sums, codes[seen, column], values[seen])
                means[told, column] = ((sums + 10 * mean) / (counts + 10))[codes[told, column]]
            flat = means.reshape(len(codes), -1)
            spread = flat[fold.train].std(axis=0)
            made.append((flat - flat[fold.train].mean(axis=0)) / np.where(spread > 0, spread, 1))
        return torch.from_numpy(np.stack(made)).to(self.device)

    @property
    def is_values(self) -> bool:
        return self.task in ("regression", "vector_regression")

    def learned(self, parts: Parts) -> tuple[Tensor, NDArray[Any], NDArray[Any]]:
        """What networks learn, (K, n, c): shares of classes, or standardised values, whose centre and spread (K, t)
        stand beside."""
        if not self.is_values:
            truth = torch.from_numpy(self.targets).to(self.device)
            shares = truth[:, None].float() if self.task == "binary" else functional.one_hot(truth).float()
            return shares.expand(N_FOLDS, *shares.shape), np.zeros(0), np.zeros(0)
        values = _logarithms(self.targets) if parts.log_target else self.targets
        center = np.stack([values[fold.train].mean(axis=0) for fold in self.splits])
        spread = np.stack([values[fold.train].std(axis=0) for fold in self.splits])
        standard = torch.from_numpy((values - center[:, None]) / spread[:, None]).float().to(self.device)
        return standard.clamp(-parts.clip_target, parts.clip_target), center, spread

    def bounded(self, values: NDArray[Any], fold: int) -> NDArray[Any]:
        """Values no further out than the fold's training rows."""
        seen = self.targets[self.splits[fold].train]
        return values.clip(seen.min(axis=0), seen.max(axis=0))

    def weights(self, power: float) -> Tensor:
        """Of each row, (n,)."""
        if not power or self.is_values:
            return torch.ones(len(self.targets), device=self.device)
        counts = np.bincount(self.targets[: self.test[0]], minlength=self.targets.max() + 1)
        return torch.from_numpy(class_weights(counts, power)[self.targets]).float().to(self.device)


def _logarithms(targets: NDArray[Any]) -> NDArray[Any]:
    """Of non-negative values; others stay as they are."""
    return np.log1p(targets) if targets.min() >= 0 else targets
