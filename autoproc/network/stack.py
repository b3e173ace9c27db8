"""The training loop: many networks as one batched program.

A stack holds members of one signature: equal shapes and batch size. Learning rate, scheduler, optimiser,
dropout and penalties are each member's own. Row s of every tensor here belongs to member s; members come
and go between epochs, so no row ever waits for another. Losses are summed over members, so gradients do
not mix, and a member that diverges leaves its neighbours alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autoproc.data.metrics import Metric
from autoproc.network.fold_data import EvaluationRows, FoldData, generator, seed_of
from autoproc.network.layers import Dropout, ParameterTable, forward
from autoproc.network.loss import losses, predictions
from autoproc.network.optimizer import Update, coefficients
from autoproc.network.schedule import Schedule
from autoproc.results import FloatArray
from autoproc.spec import NetworkSpec, TrainSpec

_EVALUATION_ROWS = 512  # rows a forward pass without gradients takes at once: keeps its tensors in cache


@dataclass
class Member:
    """One network in training. `key` names its candidate; the curves have one entry an epoch."""

    key: int
    fold: int
    spec: TrainSpec
    schedule: Schedule
    best_score: float = float("nan")
    best_epoch: int = 0
    failed: str | None = None
    train_score: list[float] = field(default_factory=list)
    validation_score: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """Epochs trained so far."""
        return len(self.train_loss)

    @property
    def finished(self) -> bool:
        """Whether it diverged, reached its last epoch, or ran out of patience."""
        impatient = 0 < self.spec.patience <= self.epoch - self.best_epoch
        return self.failed is not None or self.epoch >= self.spec.max_epochs or impatient


class Stack:
    """Members that train as one batched program on the folds of `data`."""

    def __init__(
        self, network: NetworkSpec, batch_size: int, n_outputs: int, data: FoldData, metric: Metric, shard: int = 0
    ) -> None:
        self.members: list[Member] = []
        self._data = data
        self._metric = metric
        self._batch_size = batch_size
        self._table = ParameterTable.of(network, data.sizes, n_outputs)
        seed = seed_of(data.seed, shard, network.depth, network.width, batch_size)
        self._noise = torch.Generator(data.device).manual_seed(seed)
        empty = torch.empty(0, self._table.n_parameters, device=data.device)
        self._parameters, self._best = empty, empty.clone()
        self._moments = torch.empty(2, 0, self._table.n_parameters, device=data.device)
        self._steps = torch.empty(0)

    def add(self, key: int, spec: TrainSpec, folds: Sequence[int]) -> list[Member]:
        """Let one member a fold in. Members of one fold start from the same parameters, so that candidates
        of equal shape differ by their configuration alone."""
        added = [Member(key, k, spec, Schedule(spec.learning_rate, spec.scheduler)) for k in folds]
        self.members += added
        starts = [self._table.initial(generator(self._data.seed, k)) for k in folds]
        rows = torch.stack(starts).to(self._data.device)
        self._parameters = torch.cat([self._parameters, rows])
        self._best = torch.cat([self._best, rows])
        self._moments = torch.cat([self._moments, rows.new_zeros(2, *rows.shape)], dim=1)
        self._steps = torch.cat([self._steps, torch.zeros(len(rows))])
        return added

    def remove(self, leaving: Sequence[int]) -> list[dict[str, NDArray[np.float32]]]:
        """Let the members in rows `leaving` go; returns their best parameters by name."""
        taken = self._best[list(leaving)].cpu()
        staying = [row for row in range(len(self.members)) if row not in set(leaving)]
        self.members = [self.members[row] for row in staying]
        self._parameters, self._best = self._parameters[staying], self._best[staying]
        self._moments, self._steps = self._moments[:, staying], self._steps[staying]
        return [{n: v[0].numpy() for n, v in self._table.views(row[None]).items()} for row in taken]

    def train_epoch(self) -> None:
        """Train all members by one epoch, score them, and step their schedulers."""
        rates = [member.schedule.learning_rate for member in self.members]
        self._train(torch.tensor(rates, dtype=torch.float64))
        train_score, train_loss = self._evaluate(self._data.train_sample)
        validation_score, validation_loss = self._evaluate(self._data.validation)
        improved = []
        for row, member in enumerate(self.members):
            member.learning_rate.append(rates[row])
            member.train_score.append(float(train_score[row]))
            member.train_loss.append(float(train_loss[row]))
            member.validation_score.append(float(validation_score[row]))
            member.validation_loss.append(float(validation_loss[row]))
            if self._judge(member):
                improved.append(row)
        self._best[improved] = self._parameters[improved]

    def _judge(self, member: Member) -> bool:
        """Whether the member's parameters are now its best; steps its schedule, notes its failure."""
        scored = len(self._data.folds[member.fold].validation) > 0
        loss = member.validation_loss[-1] if scored else member.train_loss[-1]
        if not np.isfinite(loss) or not np.isfinite(member.train_loss[-1]):
            member.failed = f"diverged in epoch {member.epoch}: the loss is {loss}"
            return False
        member.schedule.step(loss)
        score = member.validation_score[-1]
        better = not scored or np.isnan(member.best_score) or bool(self._metric.gain(score, member.best_score) > 0)
        if better:
            member.best_score, member.best_epoch = score, member.epoch
        return better

    def _train(self, rates: Tensor) -> None:
        specs = [member.spec for member in self.members]
        constants = coefficients(specs)
        update = Update(constants, rates, self._steps, self._moments, self._table.n_weights)
        dropout = None
        if any(spec.dropout for spec in specs):
            dropout = Dropout(torch.tensor([spec.dropout for spec in specs], device=self._data.device), self._noise)
        folds, order, rows, weights = self._epoch_order()
        leaves = {name: view.requires_grad_() for name, view in self._table.views(self._parameters.detach()).items()}
        gradients = torch.empty_like(self._parameters)
        for step in range(rows.shape[1]):
            inputs, targets = self._data.rows(folds, rows[:, step])
            outputs = forward(leaves, inputs.members(order), dropout)
            loss = losses(self._data.task, outputs, targets.index_select(0, order))
            weight = weights[:, step].index_select(0, order)
            total = ((loss * weight).sum(dim=1) / weight.sum(dim=1).clamp_(min=1)).sum()
            slopes = torch.autograd.grad(total, list(leaves.values()))
            with torch.no_grad():
                torch.cat([slope.flatten(1) for slope in slopes], dim=1, out=gradients)
                update.step(self._parameters, gradients)
        self._steps += rows.shape[1]

    def _epoch_order(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Batches of this epoch, gathered once for members at the same (fold, epoch): the U folds (U,),
        each member's entry among them (S,), and row numbers and weights (U, n_steps, batch)."""
        places = [(member.fold, member.epoch + 1) for member in self.members]
        unique = sorted(set(places))
        index = {place: u for u, place in enumerate(unique)}
        batches = [self._data.batches(fold, epoch, self._batch_size) for fold, epoch in unique]
        device = self._data.device
        return (
            torch.tensor([fold for fold, _ in unique], device=device),
            torch.tensor([index[place] for place in places], device=device),
            torch.stack([rows for rows, _ in batches]),
            torch.stack([weights for _, weights in batches]),
        )

    @torch.inference_mode()
    def _evaluate(self, where: EvaluationRows) -> tuple[FloatArray, FloatArray]:
        """Score and mean loss of each member (S,) on its fold's rows; NaN where there are none."""
        folds = torch.tensor([member.fold for member in self.members], device=self._data.device)
        parameters = self._table.views(self._parameters)
        n_rows = where.targets.shape[1]
        chunks = [
            forward(parameters, where.inputs.slice(start, start + _EVALUATION_ROWS).members(folds))
            for start in range(0, n_rows, _EVALUATION_ROWS)
        ]
        scores, loss = np.full((2, len(self.members)), np.nan)
        if not chunks:
            return scores, loss
        outputs = torch.cat(chunks, dim=1)
        own = folds.cpu()
        center, spread = self._data.target_center[own], self._data.target_spread[own]
        predicted = predictions(self._data.task, outputs.cpu(), center, spread).numpy()
        lost = losses(self._data.task, outputs, where.targets[folds]).cpu().numpy()
        for fold in sorted({member.fold for member in self.members}):
            rows, members = where.rows[fold], (folds == fold).cpu().numpy()
            if len(rows):
                loss[members] = lost[members, : len(rows)].mean(axis=1, dtype=np.float64)
                scores[members] = self._metric(self._data.raw_targets[rows], predicted[members, : len(rows)])
        return scores, loss
