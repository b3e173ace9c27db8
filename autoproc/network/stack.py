"""The training loop: many networks as one batched program.

A stack holds members of one signature: equal shapes and batch size. Learning rate, scheduler, optimiser, dropout,
penalties and class weights are each member's own. Row s of every tensor here belongs to member s; members come and go
between epochs, and the place of one that leaves is the next one's. Nothing is ever computed across rows, so that
members do not know of each other, and one that diverges leaves its neighbours alone.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from threading import Event

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autoproc.data.metrics import Metric
from autoproc.failing import NO_MEMORY
from autoproc.network.costs import Costs
from autoproc.network.dropout import Dropout
from autoproc.network.evaluation import NO_MARKS, Marks, evaluate
from autoproc.network.fold_data import FoldData
from autoproc.network.loss import slopes
from autoproc.network.member import Member, new_member
from autoproc.network.optimizer import Progress, Update
from autoproc.network.passes import Batch, Network
from autoproc.network.scratch import Scratch, is_out_of_memory
from autoproc.spec import TrainSpec

# What a stack keeps of each member: its parameters, the best of them so far, their running average (the parameters
# themselves where the member has none), and the optimiser's two moments.
_PARAMETERS, _BEST, _AVERAGE, _MOMENTS, _STATES = 0, 1, 2, slice(3, 5), 5


class Stack:
    """Members that train as one batched program on the folds of `data`, at most `at_once` of them in one step. Once
    `stopping` is set, epochs end early, and nothing that follows has a meaning."""

    def __init__(self, costs: Costs, data: FoldData, metric: Metric, at_once: int, stopping: Event) -> None:
        self.members: list[Member] = []
        self._costs = costs
        self._network = costs.network
        self._batch_size = costs.batch_size
        self._table = costs.table
        self._data = data
        self._metric = metric
        self._at_once = at_once
        self._stopping = stopping
        self._scratch = Scratch(data.device)
        self._states = torch.empty(_STATES, 0, self._table.n_columns, device=data.device)
        self._steps = torch.empty(0, device=data.device)  # that members have taken

    def __len__(self) -> int:
        return len(self.members)

    @property
    def work(self) -> float:
        """Seconds, about, that an epoch takes one core."""
        return len(self) * self._data.n_steps(self._batch_size) * self._costs.step_seconds

    def add(self, key: int, spec: TrainSpec, folds: Sequence[int]) -> list[Member]:
        """Let one member a fold in. Members of one fold start from the same parameters, so that candidates
        of equal shape differ by their configuration alone."""
        first, last = len(self.members), len(self.members) + len(folds)
        self._reserve(last)
        starts = torch.stack([self._data.start(self._table, fold) for fold in folds])
        self._states[: _MOMENTS.start, first:last] = starts
        self._states[_MOMENTS, first:last] = 0
        self._steps[first:last] = 0
        added = [self._member(key, fold, spec) for fold in folds]
        self.members += added
        return added

    def remove(self, leaving: Sequence[int]) -> list[dict[str, NDArray[np.float32]]]:
        """Let the members in rows `leaving` go; returns their best parameters by name. The last members take the
        places that become free."""
        best = [self._states[_BEST, row].to("cpu", copy=True) for row in leaving]
        for row in sorted(leaving, reverse=True):
            last = self.members.pop()
            if row < len(self.members):
                self.members[row] = last
                self._states[:, row] = self._states[:, len(self.members)]
                self._steps[row] = self._steps[len(self.members)]
        return [{name: tensor.numpy() for name, tensor in self._table.plain(row).items()} for row in best]

    @property
    def _averages(self) -> bool:
        return any(member.spec.averaging for member in self.members)

    @property
    def _scored(self) -> Tensor:
        """What is scored and kept of each member (places, n_columns). Where none has a running average, there is none
        that is up to date."""
        return self._states[_AVERAGE if self._averages else _PARAMETERS]

    def give(self, other: "Stack") -> None:
        """Hand the last member, as it stands, to another stack of the same signature."""
        other._reserve(len(other) + 1)
        other._states[:, len(other)] = self._states[:, len(self) - 1]
        other._steps[len(other)] = self._steps[len(self) - 1]
        other.members.append(self.members.pop())

    def train_epoch(self) -> None:
        """Train all members by one epoch, score them, and step their schedulers."""
        marks = [(NO_MARKS, NO_MARKS)] * len(self.members)
        for group in self._groups():
            self._within_memory(self._train, group)

        def score(group: slice) -> None:
            marks[group] = self._score(group)

        for group in self._groups():
            self._within_memory(score, group)
        better = [
            row
            for row, (member, (train, validation)) in enumerate(zip(self.members, marks, strict=True))
            if member.note(train, validation, self._metric)
        ]
        scored = self._scored
        for row in better:
            self._states[_BEST, row] = scored[row]

    @torch.inference_mode()
    def _train(self, group: slice) -> None:
        """One epoch of the members in the rows `group`."""
        members, data = self.members[group], self._data
        parameters, average, moments = (self._states[which, group] for which in (_PARAMETERS, _AVERAGE, _MOMENTS))
        progress = Progress(parameters, moments, self._steps[group], average if self._averages else None)
        gradients = self._scratch.take("gradients", *progress.parameters.shape).zero_()
        network = Network(self._table, progress.parameters, self._scratch, gradients)
        rates = [member.schedule.learning_rate for member in members]
        specs = [member.spec for member in members]
        update = Update(specs, rates, progress, gradients, self._table.n_weights, self._table.factors, self._scratch)
        dropout = self._dropout(specs)
        own = [(member.fold, member.epoch + 1) for member in members]
        epoch = data.epoch(own, self._batch_size, [spec.class_weights or 0.0 for spec in specs])
        for places, codes, targets, patterns, weights in epoch.steps():
            if self._stopping.is_set():
                return
            batch = Batch(data.dense(places, self._scratch), codes, patterns.flatten())
            outputs = network.forward(batch, dropout)
            network.backward(batch, slopes(data.task, outputs, targets, weights), dropout)
            update.step()

    @torch.inference_mode()
    def _score(self, group: slice) -> list[tuple[Marks, Marks]]:
        """Marks on training and validation rows of the members in the rows `group`."""
        network = Network(self._table, self._scored[group], self._scratch)
        folds = torch.tensor([member.fold for member in self.members[group]], device=self._data.device)
        train, validation = (
            evaluate(network, folds, where, self._data, self._metric, self._scratch)
            for where in (self._data.train_sample, self._data.validation)
        )
        return list(zip(train, validation, strict=True))

    def _within_memory(self, act: Callable[[slice], None], group: slice) -> None:
        """Act on a group, or on its halves one after the other where there is no memory for all of it; a member for
        which there is none even alone fails, and so do those that lose it in the middle of an epoch."""
        taken = self._steps[group].clone()
        if self._fits(act, group):
            return
        self._scratch.clear()
        self._at_once = max(1, (group.stop - group.start) // 2)
        if group.stop - group.start == 1 or not torch.equal(taken, self._steps[group]):
            for member in self.members[group]:
                member.failed = NO_MEMORY
            return
        for half in self._groups(group.start, group.stop):
            self._within_memory(act, half)

    @staticmethod
    def _fits(act: Callable[[slice], None], group: slice) -> bool:
        """Act, unless memory runs out. What was reserved until then is free only when the error is gone."""
        try:
            act(group)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return False
        return True

    def _groups(self, first: int = 0, last: int | None = None) -> list[slice]:
        """The rows from `first` to `last` in equal parts of at most `at_once`."""
        last = len(self.members) if last is None else last
        n_groups = -(-(last - first) // self._at_once)
        bounds = [first + (last - first) * i // n_groups for i in range(n_groups + 1)] if n_groups else []
        return [slice(*pair) for pair in pairwise(bounds)]

    def _reserve(self, n_members: int) -> None:
        """Have places for `n_members` members, and some more; those that were used before are used again."""
        n_places = len(self._steps)
        if n_members > n_places:
            states, steps = self._states, self._steps
            more = max(n_members, n_places * 3 // 2)
            self._states, self._steps = states.new_empty(_STATES, more, self._table.n_columns), steps.new_empty(more)
            self._states[:, :n_places], self._steps[:n_places] = states, steps

    def _member(self, key: int, fold: int, spec: TrainSpec) -> Member:
        scored = len(self._data.folds[fold].validation) > 0
        return new_member(key, fold, spec, scored)

    def _dropout(self, specs: Sequence[TrainSpec]) -> Dropout | None:
        if not any(spec.dropout for spec in specs):
            return None
        rates = torch.tensor([spec.dropout for spec in specs], device=self._data.device)
        layers = range(self._network.depth)
        return Dropout(rates, [self._data.patterns(layer, self._network.width) for layer in layers])
