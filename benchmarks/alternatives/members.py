"""Networks side by side in plain torch, with autograd: what the engine has, and what it does not have."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from autoproc.network.sizes import EMBEDDING_SIZE
from benchmarks.alternatives.folds import N_FOLDS, Folds
from benchmarks.alternatives.parts import Parts

EPOCHS = 60
_MOMENTUM = 0.1  # of batch norm's statistics
RATES = (3e-3, 1e-2)
_PERIODS, _PERIOD_SPREAD, _PERIODIC_SIZE = 16, 0.5, 4


class Members:
    """S = seeds x rates x folds networks side by side."""

    def __init__(self, folds: Folds, parts: Parts, seeds: Sequence[int]) -> None:
        self.folds, self.parts, self.seeds = folds, parts, seeds
        device = folds.device
        self.own = [(seed, rate, fold) for seed in seeds for rate in RATES for fold in range(N_FOLDS)]
        self.fold = torch.tensor([fold for *_, fold in self.own], device=device)
        self.rates = torch.tensor([rate for _, rate, _ in self.own], device=device)[:, None]
        starts = {(seed, fold): self._start(seed, fold) for seed in seeds for fold in range(N_FOLDS)}
        self._shapes = {name: each.shape for name, each in starts[seeds[0], 0].items()}
        self.flat = torch.stack(
            [torch.cat([each.flatten() for each in starts[seed, fold].values()]) for seed, _, fold in self.own]
        ).to(device)  # (S, parameters)
        self.leaves = {name: each.requires_grad_() for name, each in self.views(self.flat).items()}
        names = [name for name, shape in self._shapes.items() for _ in range(math.prod(shape))]
        self.faster = torch.tensor([self._rate(name) for name in names], device=device)
        self.decay = torch.tensor([parts.weight_decay * name.endswith("weight") for name in names], device=device)
        self.first, self.second = torch.zeros_like(self.flat), torch.zeros_like(self.flat)
        self.average, self.best = self.flat.clone(), self.flat.clone()
        self.taken = torch.zeros(1, device=device)
        longest = max(len(fold.train) for fold in folds.splits)
        self.n_steps = math.ceil(longest / (folds.batch_size * parts.batches))
        self.width = -(-longest // self.n_steps)
        n_steps = EPOCHS * self.n_steps
        self.shares = torch.tensor([_share(parts.schedule, step / n_steps) for step in range(n_steps)], device=device)
        levels = [_share("cosine", max(0, 2 * step / n_steps - 1) * parts.falling) for step in range(n_steps)]
        self.levels = torch.tensor(levels, device=device)  # of dropout and weight decay
        shape = (self.n_steps, len(self.own), self.width)
        self.rows = torch.zeros(shape, dtype=torch.int64, device=device)  # of the epoch
        self.weights = torch.ones(shape, device=device) / self.width
        self.number = torch.zeros(1, dtype=torch.int64, device=device)  # of the step in the epoch
        self.learned, self.center, self.spread = folds.learned(parts)
        self.row_weights = folds.weights(parts.class_weights)
        self.dense = folds.inputs(parts)
        mean = torch.zeros(len(self.own), 1, parts.width, device=device)
        self.momentum = _MOMENTUM
        self.running = [(mean.clone(), mean + 1) for _ in range(parts.depth)]  # mean and variance, of batch norm

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Parameters by name, in the memory of `flat` (S, parameters)."""
        sizes = [math.prod(shape) for shape in self._shapes.values()]
        parts = zip(self._shapes.items(), torch.split(flat.detach(), sizes, dim=1), strict=True)
        return {name: part.view(len(flat), *shape) for (name, shape), part in parts}

    def _rate(self, name: str) -> float:
        """Of a parameter, in units of its member's."""
        if name == "scale":
            return self.parts.factor_rate * self.parts.factors
        ntk = self.parts.ntk and name.endswith("weight")
        return math.sqrt(self.parts.width / self._shapes[name][-2]) if ntk else 1.0

    def _start(self, seed: int, fold: int) -> dict[str, Tensor]:
        """One member's parameters at the start."""
        parts, sizes, source = self.parts, self.folds.sizes, torch.Generator().manual_seed(1000 * seed + fold)

        def uniform(*shape: int, fan_in: int, gain: float) -> Tensor:
            return torch.empty(*shape).uniform_(-1, 1, generator=source) * math.sqrt(gain / fan_in)

        n_inputs = self._n_inputs
        start: dict[str, Tensor] = {}
        for layer in range(parts.depth):
            fan_in = parts.width if layer else n_inputs
            gain = 3 if parts.activation == "selu" else 6  # LeCun's, or He's
            start[f"{layer}.weight"] = uniform(fan_in, parts.width, fan_in=fan_in, gain=gain)
            start[f"{layer}.bias"] = torch.zeros(1, parts.width)
            if parts.norm:
                start[f"{layer}.gain"] = torch.ones(1, parts.width)
            if parts.parametric:
                start[f"{layer}.curved"] = torch.ones(1, parts.width)
        start["output.weight"] = uniform(parts.heads, parts.width, self.folds.n_outputs, fan_in=parts.width, gain=1)
        start["output.bias"] = torch.zeros(parts.heads, 1, self.folds.n_outputs)
        if parts.last_layer_zero:
            start["output.weight"].zero_()
        start["scale"] = torch.ones(parts.heads, 1, n_inputs)
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
            linear = hidden
            hidden = getattr(functional, parts.activation)(hidden)
            if parts.parametric:
                hidden = torch.lerp(linear, hidden, parameters[f"{layer}.curved"])
            if training and parts.dropout:
                kept = 1 - parts.dropout * self.level()
                hidden = hidden * (torch.rand_like(hidden) < kept) / kept
            if parts.residual and layer:
                hidden = hidden + before
        hidden = hidden.view(n_members, n_heads, n_rows, -1)
        return hidden @ parameters["output.weight"] + parameters["output.bias"]

    def _normed(self, hidden: Tensor, layer: int, training: bool) -> Tensor:
        dim = 1 if self.parts.norm == "batch" else 2
        mean, square = hidden.mean(dim, keepdim=True), hidden.var(dim, keepdim=True, correction=0)
        if self.parts.norm == "batch":
            if not training:
                mean, square = self.running[layer]
            for running, now in zip(self.running[layer], (mean, square), strict=True):
                running.lerp_(now.detach(), self.momentum if training else 0.0)
        return (hidden - mean) * (square + 1e-5).rsqrt()

    def level(self) -> Tensor:
        """Of dropout and weight decay at this step, (1,)."""
        return self.levels.index_select(0, self.taken.long())

    def step(self) -> None:
        """Train by the epoch's next batch."""
        parts, folds = self.parts, self.folds
        rows = self.rows.index_select(0, self.number)[0]
        places = rows + self.fold[:, None] * self.dense.shape[1]
        dense = self.dense.flatten(0, 1).index_select(0, places.flatten()).view(*places.shape, -1)
        codes = folds.codes[rows]
        learned = self.learned.flatten(0, 1).index_select(0, places.flatten()).view(*places.shape, -1)
        weights = self.weights.index_select(0, self.number)[0] * self.row_weights[rows]
        dense, codes, learned = self._more_data(rows, dense, codes, learned)
        if parts.label_smoothing:
            n_classes = max(2, learned.shape[-1])
            learned = learned * (1 - parts.label_smoothing) + parts.label_smoothing / n_classes
        outputs = self.outputs(self.leaves, dense, codes, training=True)
        loss = (self.losses(outputs, learned).mean(dim=1) * weights).sum()
        gradients = torch.autograd.grad(loss, list(self.leaves.values()))
        with torch.no_grad():
            self._update(torch.cat([each.flatten(1) for each in gradients], dim=1))

    def _more_data(self, rows: Tensor, dense: Tensor, codes: Tensor, learned: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The batch's inputs, codes and targets, changed at random as the parts ask: by those of the row before, which
        is any row. Codes of embeddings are not mixed."""
        parts, folds = self.parts, self.folds
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
        return dense, codes, learned

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
        decay = self.decay * self.level()
        self.taken += 1
        self.number += 1
        if self.parts.clip:
            slopes *= (self.parts.clip / (slopes.norm(dim=1, keepdim=True) + 1e-12)).clamp(max=1)
        self.first.lerp_(slopes, 1 - beta1)
        self.second.mul_(beta2).addcmul_(slopes, slopes, value=1 - beta2)
        moves = self.first / _corrected(beta1, self.taken)
        moves /= (self.second / _corrected(beta2, self.taken)).sqrt_().add_(1e-8)
        moves = moves.addcmul_(self.flat, decay).mul_(self.faster)
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
            self.momentum = _MOMENTUM
        for part in torch.split(rows, 2048, dim=1):
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
            if self.parts.bounded:
                values = np.stack([self.folds.bounded(*each) for each in zip(values, own, strict=True)])
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
