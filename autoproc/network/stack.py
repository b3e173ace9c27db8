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
from autoproc.network.dropout import Dropout
from autoproc.network.fold_data import Batches, EvaluationRows, FoldData
from autoproc.network.layers import ParameterTable
from autoproc.network.loss import losses, predictions, slopes
from autoproc.network.optimizer import Progress, Update
from autoproc.network.passes import Batch, Network
from autoproc.network.schedule import Schedule
from autoproc.network.scratch import Scratch
from autoproc.network.seeds import generator
from autoproc.results import FloatArray
from autoproc.spec import NetworkSpec, TrainSpec

_EVALUATION_ROWS = 512  # rows that a pass without gradients takes at once: keeps its tensors in cache
# What the rows of a stack's memory hold.
_PARAMETERS, _BEST, _MOMENTS, _STATES = 0, 1, slice(2, 4), 4


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

    def __init__(self, network: NetworkSpec, batch_size: int, n_outputs: int, data: FoldData, metric: Metric) -> None:
        self.members: list[Member] = []
        self._data = data
        self._metric = metric
        self._batch_size = batch_size
        self._spec = network
        self._table = ParameterTable.of(network, data.sizes, n_outputs)
        self._scratch = Scratch(data.device)
        self._rows = torch.empty(_STATES, 0, self._table.n_columns, device=data.device)
        self._steps = torch.empty(0, device=data.device)

    def add(self, key: int, spec: TrainSpec, folds: Sequence[int]) -> list[Member]:
        """Let one member a fold in. Members of one fold start from the same parameters, so that candidates
        of equal shape differ by their configuration alone."""
        first, last = len(self.members), len(self.members) + len(folds)
        self._reserve(last)
        starts = torch.stack([self._table.initial(generator(self._data.seed, k)) for k in folds])
        self._rows[:, first:last] = 0
        self._rows[[_PARAMETERS, _BEST], first:last] = starts.to(self._data.device)
        self._steps[first:last] = 0
        added = [Member(key, k, spec, Schedule(spec.learning_rate, spec.scheduler)) for k in folds]
        self.members += added
        return added

    def remove(self, leaving: Sequence[int]) -> list[dict[str, NDArray[np.float32]]]:
        """Let the members in rows `leaving` go; returns their best parameters by name. The last members take the
        places that become free."""
        taken = self._rows[_BEST, list(leaving)].cpu()
        for row in sorted(leaving, reverse=True):
            last = self.members.pop()
            if row < len(self.members):
                self.members[row] = last
                self._rows[:, row] = self._rows[:, len(self.members)]
                self._steps[row] = self._steps[len(self.members)]
        return [{n: v[0].numpy() for n, v in self._table.views(row[None]).items()} for row in taken]

    def train_epoch(self) -> None:
        """Train all members by one epoch, score them, and step their schedulers."""
        rates = [member.schedule.learning_rate for member in self.members]
        self._train(rates)
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
        self._rows[_BEST, improved] = self._rows[_PARAMETERS, improved]

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

    def _reserve(self, n_members: int) -> None:
        """Have places for at least `n_members` rows; places that were used before are used again."""
        n_places = self._rows.shape[1]
        if n_members > n_places:
            more = max(n_members, n_places * 5 // 4) - n_places
            self._rows = torch.cat([self._rows, self._rows.new_empty(_STATES, more, self._rows.shape[2])], dim=1)
            self._steps = torch.cat([self._steps, self._steps.new_empty(more)])

    @torch.inference_mode()
    def _train(self, rates: Sequence[float]) -> None:
        n_members = len(self.members)
        specs = [member.spec for member in self.members]
        progress = Progress(self._rows[_PARAMETERS, :n_members], self._rows[_MOMENTS, :n_members], self._steps[:n_members])
        gradients = self._scratch.take("gradients", *progress.parameters.shape).zero_()
        network = Network(self._table, progress.parameters, self._scratch, gradients)
        update = Update(specs, rates, progress, gradients, self._table.n_weights, self._scratch)
        dropout = self._dropout(specs)
        folds, batches = self._next_batches()
        for rows, patterns, weights in zip(batches.rows, batches.patterns.flatten(1), batches.weights, strict=True):
            batch = Batch(self._data.inputs(folds, rows, self._scratch), patterns)
            outputs = network.forward(batch, dropout)
            network.backward(batch, slopes(self._data.task, outputs, self._data.targets(folds, rows), weights), dropout)
            update.step()

    def _dropout(self, specs: Sequence[TrainSpec]) -> Dropout | None:
        if not any(spec.dropout for spec in specs):
            return None
        rates = torch.tensor([spec.dropout for spec in specs], device=self._data.device)
        return Dropout(rates, [self._data.patterns(layer, self._spec.width) for layer in range(self._spec.depth)])

    def _next_batches(self) -> tuple[Tensor, Batches]:
        """Folds (S,) of the members, and the batches of each one's next epoch side by side: (n_steps, S, batch)."""
        own = [self._data.batches(member.fold, member.epoch + 1, self._batch_size) for member in self.members]
        rows, patterns, weights = (
            torch.stack([getattr(batches, name) for batches in own], dim=1) for name in ("rows", "patterns", "weights")
        )
        return self._folds(), Batches(rows.long(), patterns, weights)

    def _folds(self) -> Tensor:
        return torch.tensor([member.fold for member in self.members], device=self._data.device)

    @torch.inference_mode()
    def _evaluate(self, where: EvaluationRows) -> tuple[FloatArray, FloatArray]:
        """Score and mean loss of each member (S,) on its fold's rows; NaN where there are none."""
        n_members, n_rows = len(self.members), where.padded.shape[1]
        scores, loss = np.full((2, n_members), np.nan)
        if not n_rows:
            return scores, loss
        folds = self._folds()
        rows = where.padded[folds]
        network = Network(self._table, self._rows[_PARAMETERS, :n_members], self._scratch)
        outputs = self._scratch.take("outputs", n_members, self._table.n_outputs, n_rows)
        for start in range(0, n_rows, _EVALUATION_ROWS):
            part = slice(start, start + _EVALUATION_ROWS)
            batch = Batch(self._data.inputs(folds, rows[:, part], self._scratch))
            network.forward(batch, out=outputs[:, :, part])
        own = folds.cpu()
        center, spread = self._data.target_center[own], self._data.target_spread[own]
        predicted = predictions(self._data.task, outputs.cpu(), center, spread).numpy()
        lost = losses(self._data.task, outputs, self._data.targets(folds, rows)).cpu().numpy()
        for fold in sorted({member.fold for member in self.members}):
            true_rows, members = where.rows[fold], (own == fold).numpy()
            if len(true_rows):
                loss[members] = lost[members, : len(true_rows)].mean(axis=1, dtype=np.float64)
                scores[members] = self._metric(self._data.raw_targets[true_rows], predicted[members, : len(true_rows)])
        return scores, loss
