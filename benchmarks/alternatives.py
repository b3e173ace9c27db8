"""What parts that the engine does not have would be worth: a network in plain torch, with autograd, is trained on the
folds of each set with the default configuration, and with one part changed or added. The learning rate is chosen on the
folds, and the average of the fold networks is scored on the test rows of the outer splits (`benchmarks/peers/sets.py`).

    python -m benchmarks.alternatives --data DIR --out lines.jsonl --workers 2
    python -m benchmarks.alternatives --out lines.jsonl --summary

A JSON line a set, part and seed is added to `--out`; those that stand there are not run again. Sets whose rows hang
together by time are left out. On a GPU (`--device cuda`) each step is one graph.
"""

import argparse
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from autoproc.configurations import choose_batch_size
from autoproc.data.metrics import METRICS
from autoproc.data.problem import encode_target
from autoproc.data.table import read_table
from autoproc.network.inputs import fit_edges, fit_scaling, scale_, widen
from autoproc.network.sizes import EMBEDDING_SIZE, InputSizes
from autoproc.plan import Task, make_plan
from autoproc.process import prepare
from benchmarks.peers.sets import DataSet, read_sets
from benchmarks.quality import DATA

EPOCHS, FOLDS = 60, 5
RATES = (3e-3, 1e-2)
_PERIODS, _PERIOD_SPREAD, _PERIODIC_SIZE = 16, 0.5, 4


@dataclass(frozen=True)
class Parts:
    """The default configuration, and what may stand in its place."""

    depth: int = 2
    width: int = 128
    batches: float = 1.0
    """Times as large."""
    weight_decay: float = 0.01
    averaging: float = 0.1
    factors: bool = True
    factor_rate: float = 3.0
    pieces: bool = True
    periodic: bool = False
    """Learned cosines of each number, and a layer of its own behind them (PBLD, Holzmueller et al. 2024)."""
    activation: str = "relu"
    norm: str = ""
    residual: bool = False
    heads: int = 1
    """Predictors that share a body, each with its own factors of the inputs and output layer, and losses averaged in
    training (TabM-mini, Gorishniy et al. 2025)."""
    last_layer_zero: bool = False
    target_statistics: bool = False
    """What the target is on average for each category, of other parts of the training rows (Micci-Barreca 2001)."""
    dropout: float = 0.0
    swap: float = 0.0
    """Chance that a cell is another row's (Yoon et al. 2020, VIME)."""
    noise: float = 0.0
    """Standard deviation of what is added to each input."""
    hide: float = 0.0
    """Chance that a column's inputs are 0 for a row."""
    mixup: float = 0.0
    """Both parameters of the beta distribution that two rows are mixed by (Zhang et al. 2018)."""
    label_smoothing: float = 0.0
    class_weights: float = 0.0
    """Power of a class's frequency by which its rows weigh less: 1 balances the classes."""
    log_target: bool = False
    schedule: str = "constant"
    beta2: float = 0.999
    clip: float = 0.0
    """Largest norm of a network's gradient."""


VARIANTS: dict[str, Parts] = {
    "default": Parts(),
    "1 x 128": Parts(depth=1),
    "2 x 64": Parts(width=64),
    "2 x 256": Parts(width=256),
    "3 x 128": Parts(depth=3),
    "3 x 256": Parts(depth=3, width=256),
    "batches half": Parts(batches=0.5),
    "batches double": Parts(batches=2),
    "batches fourfold": Parts(batches=4),
    "no L2": Parts(weight_decay=0),
    "L2 0.1": Parts(weight_decay=0.1),
    "no averages": Parts(averaging=0),
    "averages of 30 %": Parts(averaging=0.3),
    "no factors": Parts(factors=False),
    "no pieces": Parts(pieces=False),
    "neither": Parts(factors=False, pieces=False),
    "factor rate 1": Parts(factor_rate=1),
    "factor rate 10": Parts(factor_rate=10),
    "factor rate 30": Parts(factor_rate=30),
    "factor rate 10, cosine": Parts(factor_rate=10, schedule="cosine"),
    "cosine": Parts(schedule="cosine"),
    "coslog4": Parts(schedule="coslog4"),
    "one cycle": Parts(schedule="one cycle"),
    "warm-up": Parts(schedule="warm-up"),
    "beta2 0.95": Parts(beta2=0.95),
    "clipped gradients": Parts(clip=1.0),
    "periodic": Parts(periodic=True),
    "periodic, no pieces": Parts(periodic=True, pieces=False),
    "SELU": Parts(activation="selu"),
    "GELU": Parts(activation="gelu"),
    "Mish": Parts(activation="mish"),
    "residual": Parts(residual=True),
    "layer norm": Parts(norm="layer"),
    "batch norm": Parts(norm="batch"),
    "8 heads": Parts(heads=8),
    "last layer from 0": Parts(last_layer_zero=True),
    "target statistics": Parts(target_statistics=True),
    "dropout 0.1": Parts(dropout=0.1),
    "swap 0.05": Parts(swap=0.05),
    "swap 0.15": Parts(swap=0.15),
    "noise 0.05": Parts(noise=0.05),
    "hidden columns 0.1": Parts(hide=0.1),
    "mixup 0.2": Parts(mixup=0.2),
    "mixup 1": Parts(mixup=1.0),
    "label smoothing 0.1": Parts(label_smoothing=0.1),
    "class weights, half": Parts(class_weights=0.5),
    "class weights": Parts(class_weights=1.0),
    "log target": Parts(log_target=True),
}
_ONLY: dict[str, tuple[Task, ...]] = {
    "label smoothing 0.1": ("binary", "multiclass"),
    "class weights, half": ("binary", "multiclass"),
    "class weights": ("binary", "multiclass"),
    "log target": ("regression", "vector_regression"),
}
_BESIDE: dict[str, tuple[str, ...]] = {
    "binary": ("average_precision", "log_loss", "balanced_accuracy", "f1"),
    "multiclass": ("log_loss", "balanced_accuracy", "macro_f1"),
    "regression": (),
    "vector_regression": (),
}


class Folds:
    """A set's rows as K folds see them: development and test rows together, statistics from training rows alone."""

    def __init__(self, data: DataSet, device: torch.device) -> None:
        train, test = data.rows()
        self.metric = {"binary": "roc_auc", "multiclass": "accuracy"}.get(data.task, "rmse")
        asked = {"target": data.targets, "metric": self.metric, "group": data.group, "seed": 0}
        plan = make_plan(None, {**asked, "protocol": {"kind": "k_fold", "folds": FOLDS}})
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
        self.codes = inputs.codes
        dense = inputs.dense.new_empty(FOLDS, len(matrix), self.sizes.n_dense)
        dense[..., : self.sizes.n_widened] = inputs.dense
        statistics = []
        for fold in self.splits:
            center, spread = fit_scaling(numbers[fold.train])
            edges = fit_edges(numbers[fold.train], center, spread, prepared.n_pieces)
            statistics.append((center, spread, edges))
        stacked = (torch.from_numpy(np.stack(each)).to(device) for each in zip(*statistics, strict=True))
        self.dense = scale_(dense, *stacked)  # (K, n, n_dense)
        one_hot = [column for column, size in layout.one_hot for _ in range(size)]
        widened = [*layout.numeric, *layout.passthrough, *layout.indicators, *one_hot]
        self.columns = torch.tensor([*widened, *list(layout.numeric) * prepared.n_pieces], device=device)
        self.code_columns = torch.tensor([column for column, _ in layout.embedded], device=device)
        self.n_columns = matrix.shape[1]
        codes = matrix[:, [column for column, _ in (*layout.one_hot, *layout.embedded)]].astype(np.int64)
        self.statistics = self._target_statistics(codes)  # (K, n, columns x what is learned)

    def _target_statistics(self, codes: NDArray[np.int64]) -> Tensor:
        """Means by code, drawn to the mean of all as if by ten rows. Training rows see those of other rows."""
        learned, *_ = self.learned(Parts())
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
            return shares.expand(FOLDS, *shares.shape), np.zeros(0), np.zeros(0)
        values = _logarithms(self.targets) if parts.log_target else self.targets
        center = np.stack([values[fold.train].mean(axis=0) for fold in self.splits])
        spread = np.stack([values[fold.train].std(axis=0) for fold in self.splits])
        return torch.from_numpy((values - center[:, None]) / spread[:, None]).float().to(self.device), center, spread

    def weights(self, power: float) -> Tensor:
        """Of each row, (n,)."""
        if not power or self.is_values:
            return torch.ones(len(self.targets), device=self.device)
        train = self.targets[: self.test[0]]
        shares = np.bincount(train, minlength=max(self.targets) + 1) / len(train)
        weights = np.maximum(shares, 1 / len(train)) ** -power
        return (
            torch.from_numpy(weights / (weights * shares).sum())
            .float()
            .to(self.device)[torch.from_numpy(self.targets).to(self.device)]
        )


def _logarithms(targets: NDArray[Any]) -> NDArray[Any]:
    """Of non-negative values; others stay as they are."""
    return np.log1p(targets) if targets.min() >= 0 else targets


class Members:
    """S = seeds x rates x folds networks side by side."""

    def __init__(self, folds: Folds, parts: Parts, seeds: Sequence[int]) -> None:
        self.folds, self.parts, self.seeds = folds, parts, seeds
        device = folds.device
        self.own = [(seed, rate, fold) for seed in seeds for rate in RATES for fold in range(FOLDS)]
        self.fold = torch.tensor([fold for *_, fold in self.own], device=device)
        self.rates = torch.tensor([rate for _, rate, _ in self.own], device=device)[:, None]
        starts = {(seed, fold): self._start(seed, fold) for seed in seeds for fold in range(FOLDS)}
        self._shapes = {name: each.shape for name, each in starts[seeds[0], 0].items()}
        self.flat = torch.stack(
            [torch.cat([each.flatten() for each in starts[seed, fold].values()]) for seed, _, fold in self.own]
        ).to(device)  # (S, parameters)
        self.leaves = {name: each.requires_grad_() for name, each in self.views(self.flat).items()}
        names = [name for name, shape in self._shapes.items() for _ in range(math.prod(shape))]
        faster = [parts.factor_rate * parts.factors if name == "scale" else 1.0 for name in names]
        self.faster = torch.tensor(faster, device=device)
        self.decay = torch.tensor([parts.weight_decay * name.endswith("weight") for name in names], device=device)
        self.first, self.second = torch.zeros_like(self.flat), torch.zeros_like(self.flat)
        self.average, self.best = self.flat.clone(), self.flat.clone()
        self.taken = torch.zeros(1, device=device)
        longest = max(len(fold.train) for fold in folds.splits)
        self.n_steps = math.ceil(longest / (folds.batch_size * parts.batches))
        self.width = -(-longest // self.n_steps)
        n_steps = EPOCHS * self.n_steps
        self.shares = torch.tensor([_share(parts.schedule, step / n_steps) for step in range(n_steps)], device=device)
        shape = (self.n_steps, len(self.own), self.width)
        self.rows = torch.zeros(shape, dtype=torch.int64, device=device)  # of the epoch
        self.weights = torch.ones(shape, device=device) / self.width
        self.number = torch.zeros(1, dtype=torch.int64, device=device)  # of the step in the epoch
        self.learned, self.center, self.spread = folds.learned(parts)
        self.row_weights = folds.weights(parts.class_weights)
        self.dense = torch.cat([folds.dense, folds.statistics], dim=2) if parts.target_statistics else folds.dense
        moments = (
            torch.zeros(len(self.own), 1, parts.width, device=device),
            torch.ones(len(self.own), 1, parts.width, device=device),
        )
        self.momentum = 0.1
        self.running = [tuple(each.clone() for each in moments) for _ in range(parts.depth)]  # of batch norm

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Parameters by name, in the memory of `flat` (S, parameters)."""
        sizes = [math.prod(shape) for shape in self._shapes.values()]
        parts = zip(self._shapes.items(), flat.detach().split(sizes, dim=1), strict=True)
        return {name: part.view(len(flat), *shape) for (name, shape), part in parts}

    def _start(self, seed: int, fold: int) -> dict[str, Tensor]:
        """One member's parameters at the start."""
        parts, sizes, source = self.parts, self.folds.sizes, torch.Generator().manual_seed(1000 * seed + fold)

        def uniform(*shape: int, fan_in: int, gain: float) -> Tensor:
            return torch.empty(*shape).uniform_(-1, 1, generator=source) * math.sqrt(gain / fan_in)

        n_inputs = self._n_inputs
        heads = (parts.heads,) if parts.heads > 1 else (1,)
        start: dict[str, Tensor] = {}
        for layer in range(parts.depth):
            fan_in = parts.width if layer else n_inputs
            start[f"{layer}.weight"] = uniform(
                fan_in, parts.width, fan_in=fan_in, gain=3 if parts.activation == "selu" else 6
            )
            start[f"{layer}.bias"] = torch.zeros(1, parts.width)
            if parts.norm:
                start[f"{layer}.gain"] = torch.ones(1, parts.width)
        start["output.weight"] = uniform(*heads, parts.width, self.folds.n_outputs, fan_in=parts.width, gain=1)
        start["output.bias"] = torch.zeros(*heads, 1, self.folds.n_outputs)
        if parts.last_layer_zero:
            start["output.weight"].zero_()
        start["scale"] = torch.ones(*heads, 1, n_inputs)
        if parts.heads > 1:
            start["scale"] += 0.5 * torch.empty_like(start["scale"]).normal_(generator=source)
        if sizes.vocabularies:
            start["embedding"] = torch.empty(sum(sizes.vocabularies), EMBEDDING_SIZE).normal_(0, 0.5, generator=source)
        if parts.periodic and sizes.n_numeric:
            start["frequency"] = torch.empty(sizes.n_numeric, _PERIODS).normal_(0, _PERIOD_SPREAD, generator=source)
            start["phase"] = torch.empty(sizes.n_numeric, _PERIODS).uniform_(-1, 1, generator=source) * math.pi
            start["periodic"] = uniform(sizes.n_numeric, _PERIODS, _PERIODIC_SIZE, fan_in=_PERIODS, gain=3)
        return start

    @property
    def _n_inputs(self) -> int:
        sizes, parts = self.folds.sizes, self.parts
        dense = sizes.n_dense if parts.pieces else sizes.n_widened
        dense += self.folds.statistics.shape[2] if parts.target_statistics else 0
        periodic = sizes.n_numeric * _PERIODIC_SIZE if parts.periodic else 0
        return dense + EMBEDDING_SIZE * len(sizes.vocabularies) + periodic

    def outputs(self, parameters: dict[str, Tensor], dense: Tensor, codes: Tensor, training: bool) -> Tensor:
        """(S, heads, rows, c) of dense inputs (S, rows, n_dense) and codes (S, rows, C)."""
        parts, sizes = self.parts, self.folds.sizes
        inputs = [dense if parts.pieces else dense[..., : sizes.n_widened]]
        n_members, n_rows = dense.shape[:2]
        if sizes.vocabularies:
            table = parameters["embedding"]
            places = (codes + torch.arange(n_members, device=codes.device)[:, None, None] * table.shape[1]).flatten()
            inputs.append(table.flatten(0, 1).index_select(0, places).view(n_members, n_rows, -1))
        if "periodic" in parameters:
            numbers = dense[..., : sizes.n_numeric, None]
            waves = torch.cos(2 * math.pi * numbers * parameters["frequency"][:, None] + parameters["phase"][:, None])
            inputs.append(torch.einsum("srnp,snpe->srne", waves, parameters["periodic"]).flatten(2))
        hidden = torch.cat(inputs, dim=2)[:, None] * parameters["scale"]  # (S, heads, rows, inputs)
        n_heads = hidden.shape[1]
        hidden = hidden.flatten(1, 2)
        for layer in range(parts.depth):
            before = hidden
            hidden = torch.baddbmm(parameters[f"{layer}.bias"], hidden, parameters[f"{layer}.weight"])
            if parts.norm:
                hidden = self._normed(hidden, layer, training) * parameters[f"{layer}.gain"]
            hidden = getattr(functional, parts.activation)(hidden)
            if training and parts.dropout:
                hidden = functional.dropout(hidden, parts.dropout)
            if parts.residual and layer:
                hidden = hidden + before
        hidden = hidden.view(n_members, n_heads, n_rows, -1)
        return hidden @ parameters["output.weight"] + parameters["output.bias"]

    def _normed(self, hidden: Tensor, layer: int, training: bool) -> Tensor:
        dim = 1 if self.parts.norm == "batch" else 2
        mean, square = hidden.mean(dim, keepdim=True), hidden.var(dim, keepdim=True, correction=0)
        if self.parts.norm == "batch":
            for running, now in zip(self.running[layer], (mean, square), strict=True):
                if training:
                    running.lerp_(now.detach(), self.momentum)
            if not training:
                mean, square = self.running[layer]
        return (hidden - mean) * (square + 1e-5).rsqrt()

    def step(self) -> None:
        """Train by the epoch's next batch."""
        parts, folds = self.parts, self.folds
        rows = self.rows.index_select(0, self.number)[0]
        places = rows + self.fold[:, None] * self.dense.shape[1]
        dense = self.dense.flatten(0, 1).index_select(0, places.flatten()).view(*places.shape, -1)
        codes = folds.codes[rows]
        learned = self.learned.flatten(0, 1).index_select(0, places.flatten()).view(*places.shape, -1)
        weights = self.weights.index_select(0, self.number)[0] * self.row_weights[rows]
        if parts.swap:
            swapped = torch.rand(*rows.shape, folds.n_columns, device=rows.device) < parts.swap
            dense = torch.where(swapped[..., folds.columns], dense.roll(1, dims=1), dense)
            if folds.sizes.vocabularies:
                codes = torch.where(swapped[..., folds.code_columns], codes.roll(1, dims=1), codes)
        if parts.hide:
            kept = torch.rand(*rows.shape, folds.n_columns, device=rows.device) >= parts.hide
            dense = dense * kept[..., folds.columns]
        if parts.noise:
            dense = dense + parts.noise * torch.randn_like(dense)
        if parts.mixup:
            one, two = (torch._standard_gamma(torch.full(rows.shape, parts.mixup, device=rows.device)) for _ in "ab")
            share = (one / (one + two + 1e-12))[..., None]
            share = torch.maximum(share, 1 - share)
            dense = torch.lerp(dense.roll(1, dims=1), dense, share)
            learned = torch.lerp(learned.roll(1, dims=1), learned, share)
        if parts.label_smoothing:
            n_classes = max(2, learned.shape[-1])
            learned = learned * (1 - parts.label_smoothing) + parts.label_smoothing / n_classes
        outputs = self.outputs(self.leaves, dense, codes, training=True)
        loss = (self.losses(outputs, learned).mean(dim=1) * weights).sum()
        gradients = torch.autograd.grad(loss, list(self.leaves.values()))
        with torch.no_grad():
            self._update(torch.cat([each.flatten(1) for each in gradients], dim=1))

    def losses(self, outputs: Tensor, learned: Tensor) -> Tensor:
        """Of each head and row (S, heads, rows)."""
        wanted = learned[:, None].expand_as(outputs)
        if self.folds.task == "binary":
            return functional.binary_cross_entropy_with_logits(outputs, wanted, reduction="none")[..., 0]
        if self.folds.task == "multiclass":
            return -(functional.log_softmax(outputs, dim=-1) * wanted).sum(dim=-1)
        return (outputs - wanted).square().mean(dim=-1)

    def _update(self, slopes: Tensor) -> None:
        """AdamW's, and the running average."""
        beta1, beta2 = 0.9, self.parts.beta2
        rates = self.rates * self.shares.index_select(0, self.taken.long())
        self.taken += 1
        self.number += 1
        if self.parts.clip:
            slopes *= (self.parts.clip / (slopes.norm(dim=1, keepdim=True) + 1e-12)).clamp(max=1)
        self.first.lerp_(slopes, 1 - beta1)
        self.second.mul_(beta2).addcmul_(slopes, slopes, value=1 - beta2)
        moves = self.first / _corrected(beta1, self.taken)
        moves /= (self.second / _corrected(beta2, self.taken)).sqrt_().add_(1e-8)
        moves = moves.addcmul_(self.flat, self.decay).mul_(self.faster)
        self.flat.addcmul_(moves, rates, value=-1)
        self.average.lerp_(self.flat, 1 / (1 + self.parts.averaging * (self.taken - 1)))

    @torch.no_grad()
    def predictions(self, flat: Tensor, rows: Tensor) -> Tensor:
        """What the members predict of rows (S, n): (S, n, c), classes' shares or values in units of the learned."""
        made, parameters = [], self.views(flat)
        if self.parts.norm == "batch":  # statistics of these parameters, not of those on the way to them
            self.momentum = 1.0
            some = torch.stack([torch.from_numpy(np.resize(fold.train, 1024)) for fold in self.folds.splits])
            some = some.to(flat.device)[self.fold]
            self.outputs(parameters, self.dense[self.fold[:, None], some], self.folds.codes[some], training=True)
            self.momentum = 0.1
        for part in rows.split(2048, dim=1):
            outputs = self.outputs(parameters, self.dense[self.fold[:, None], part], self.folds.codes[part], False)
            if self.folds.task == "binary":
                outputs = outputs.sigmoid()
            elif self.folds.task == "multiclass":
                outputs = outputs.softmax(dim=-1)
            made.append(outputs.mean(dim=1))
        return torch.cat(made, dim=1)

    def in_units(self, predicted: Tensor) -> NDArray[Any]:
        """Predictions as metrics take them: (S, n), (S, n, C) or (S, n, t)."""
        values = predicted.double().cpu().numpy()
        if self.folds.is_values:
            own = self.fold.cpu().numpy()
            values = values * self.spread[own][:, None] + self.center[own][:, None]
            return np.expm1(values) if self.parts.log_target and self.folds.targets.min() >= 0 else values
        return values[..., 0] if self.folds.task == "binary" else values


def _corrected(beta: float, taken: Tensor) -> Tensor:
    """1 - beta^taken."""
    return -torch.expm1(taken * math.log(beta))


def _share(schedule: str, passed: float) -> float:
    """Of the learning rate, where a part of the steps, from 0 to 1, has passed."""
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * passed))
    if schedule == "coslog4":  # RealMLP's
        return 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * passed)))
    if schedule == "one cycle":
        rise = 0.3
        return passed / rise if passed < rise else 0.5 * (1 + math.cos(math.pi * (passed - rise) / (1 - rise)))
    return min(1.0, passed / 0.05) if schedule == "warm-up" else 1.0


def train(folds: Folds, parts: Parts, seeds: Sequence[int]) -> Iterator[dict[str, Any]]:
    """A line a seed: scores on the folds and on the test rows, at the rate that is best on the folds."""
    members = Members(folds, parts, seeds)
    device, metric = folds.device, METRICS[folds.metric]
    step = _graphed(members) if device.type == "cuda" else members.step
    validation = [fold.validation for fold in folds.splits]
    padded = np.stack([np.resize(rows, max(map(len, validation))) for rows in validation])
    scored = torch.from_numpy(padded).to(device)[members.fold]
    best = np.full(len(members.own), np.nan)
    for epoch in range(EPOCHS):
        _fill(folds, members, epoch)
        for _ in range(members.n_steps):
            step()
        predicted = members.in_units(members.predictions(members.average, scored))
        scores = np.array(
            [
                metric.one(folds.targets[validation[fold]], predicted[row, : len(validation[fold])])
                for row, (*_, fold) in enumerate(members.own)
            ]
        )
        better = np.isfinite(scores) & ~(metric.gain(scores, best) <= 0)
        best = np.where(better, scores, best)
        chosen = torch.from_numpy(better).to(device)[:, None]
        members.best = torch.where(chosen, members.average, members.best)
    test = torch.from_numpy(folds.test).to(device).expand(len(members.own), -1)
    predicted = members.in_units(members.predictions(members.best, test))
    shape = (len(seeds), len(RATES), FOLDS)
    on_folds, predicted = best.reshape(shape), predicted.reshape(*shape, *predicted.shape[1:])
    for number, seed in enumerate(seeds):
        means = on_folds[number].mean(axis=1)
        rate = metric.argbest(means)
        mean = predicted[number, rate].mean(axis=0)
        beside = {name: METRICS[name].one(folds.truth, mean) for name in _BESIDE[folds.task]}
        line = {"seed": seed, "rate": RATES[rate], "folds": float(means[rate])}
        yield {**line, "metric": folds.metric, "test": metric.one(folds.truth, mean), **beside}


def _fill(folds: Folds, members: Members, epoch: int) -> None:
    """Draw the batches of an epoch."""
    n_steps, _, width = members.rows.shape
    drawn = {}
    for seed, (fold, split) in product(members.seeds, enumerate(folds.splits)):
        order = np.random.default_rng([seed, fold, epoch]).permutation(split.train)
        least, more = divmod(len(order), n_steps)
        sizes = (least + (np.arange(n_steps) < more))[:, None]
        taken = np.arange(width) < sizes
        rows = np.full((n_steps, width), order[0])
        rows[taken] = order
        drawn[seed, fold] = rows, taken / sizes
    for which, into in enumerate((members.rows, members.weights)):
        into.copy_(torch.from_numpy(np.stack([drawn[seed, fold][which] for seed, _, fold in members.own], axis=1)))
    members.number.zero_()


def _graphed(members: Members) -> Callable[[], None]:
    """The step as one graph of the GPU's, which leaves out what starting its kernels one by one takes."""
    changed = [members.flat, members.first, members.second, members.average, members.taken, members.number]
    changed += [each for running in members.running for each in running]
    before = [each.clone() for each in changed]
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        members.step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        members.step()
    for each, value in zip(changed, before, strict=True):
        each.copy_(value)
    return graph.replay


@lru_cache(1)
def _folds(data: DataSet, device: str) -> Folds:
    return Folds(data, torch.device(device))


def run(
    data: DataSet, variants: Sequence[str], seeds: Sequence[int], device: str, until: float
) -> list[dict[str, Any]]:
    """Lines of one set, as far as they get until a moment."""
    torch.set_num_threads(1)
    lines = []
    for variant in variants:
        started = time.time()
        if started > until:
            break
        made = [
            {"set": data.name, "variant": variant, **line}
            for line in train(_folds(data, device), VARIANTS[variant], seeds)
        ]
        lines += [{**line, "seconds": (time.time() - started) / len(seeds)} for line in made]
    return lines


def summary(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A Markdown table: how much more error than the default each part makes on the test rows, in percent."""
    sets = list(dict.fromkeys(line["set"] for line in lines))
    errors: dict[tuple[str, str], list[float]] = {}
    for line in lines:
        error = line["test"] if line["metric"] == "rmse" else 1 - line["test"]
        errors.setdefault((line["set"], line["variant"]), []).append(error)
    yield "| part | mean | median | better on | " + " | ".join(sets) + " |"
    yield "|---|" + "---|" * (len(sets) + 3)
    for variant in VARIANTS:
        more = {
            name: 100 * (np.mean(errors[name, variant]) / np.mean(errors[name, "default"]) - 1)
            for name in sets
            if (name, variant) in errors and (name, "default") in errors
        }
        if more and variant != "default":
            values = np.array(list(more.values()))
            error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else math.nan
            cells = (f"{more[name]:+.1f}" if name in more else "" for name in sets)
            better = f"{(values < 0).sum()} of {len(values)}"
            yield f"| {variant} | {values.mean():+.1f} ± {error:.1f} | {np.median(values):+.1f} | {better} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get(DATA), help=f"folder of the sets (default: ${DATA})"
    )
    parser.add_argument("--sets", nargs="+", default=[], help="names of sets (default: all)")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1, help="sets at a time")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--minutes", type=float, default=math.inf, help="after which no further run is begun")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--summary", action="store_true", help="print the table of --out's lines; runs nothing")
    asked = parser.parse_args()
    lines = [json.loads(line) for line in asked.out.read_text().splitlines()] if asked.out.exists() else []
    if asked.summary:
        print("\n".join(summary(lines)))
        return
    until = time.time() + 60 * asked.minutes
    done = {(line["set"], line["variant"]) for line in lines}
    sets = [one for one in read_sets(asked.data) if not one.time and (not asked.sets or one.name in asked.sets)]
    sets.sort(key=lambda one: -one.path.stat().st_size)
    with ProcessPoolExecutor(asked.workers, get_context("spawn")) as pool, asked.out.open("a") as out:
        jobs = []
        for part in (asked.variants[i : i + 6] for i in range(0, len(asked.variants), 6)):
            for one in sets:
                left = [v for v in part if (one.name, v) not in done and one.task in _ONLY.get(v, (one.task,))]
                jobs.append(pool.submit(run, one, left, range(asked.seeds), asked.device, until))
        for job in as_completed(jobs):
            for line in job.result():
                print(json.dumps(line), file=out, flush=True)
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
