"""The engine that the steps drive: candidates in, trained candidates out."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Event

import numpy as np
import torch
from numpy.typing import NDArray

from autoproc.data.metrics import Metric
from autoproc.data.vectorize import Layout
from autoproc.errors import PlanError
from autoproc.failing import NEVER_TRAINED, NO_SCORE
from autoproc.format import format_bytes
from autoproc.network import device_memory
from autoproc.network.arrays import STATISTICS
from autoproc.network.averaging import SHARE, equal_shares
from autoproc.network.costs import Costs
from autoproc.network.fold_data import MOST_COPIED, FoldData
from autoproc.network.interface import Standing
from autoproc.network.member import Member, new_member, refused
from autoproc.network.predictor import out_of_fold
from autoproc.network.scratch import is_out_of_memory
from autoproc.network.shards import Shards, Signature
from autoproc.network.stack import Stack
from autoproc.outcomes import Memory
from autoproc.plan import Task
from autoproc.results import Curves, FloatArray, Fold, Score, Trained, Weights
from autoproc.spec import Candidate, NetworkSpec

_COPIED_PART = 4  # of what the limit leaves may go to copies of the rows, which save time alone
_FEWEST_CANDIDATES = 2  # side by side, for the cores to be busy also where they cannot share one's folds evenly
_MOST_CANDIDATES = 12  # ... for the search to learn from some before it asks for others


@dataclass
class _Running:
    candidate: Candidate
    started: float = 0.0
    members: list[Member] = field(default_factory=list)
    weights: dict[int, dict[str, NDArray[np.float32]]] = field(default_factory=dict)  # of members that left, by fold
    fold_set: int = 0


class StackEngine:
    """The `Engine` on the CPU or a GPU. `matrix` (n, n_columns), whose numbers are cut into `n_pieces`, and `targets`
    are development rows only; `folds` are `n_fold_sets` times K, one set after the other."""

    def __init__(
        self,
        matrix: NDArray[np.float32],
        targets: NDArray[np.int64] | NDArray[np.float64],
        layout: Layout,
        folds: Sequence[Fold],
        task: Task,
        n_outputs: int,
        metric: Metric,
        seed: int,
        device: str = "auto",
        memory_limit: int | None = None,
        n_fold_sets: int = 1,
        n_pieces: int = 0,
    ) -> None:
        self.n_fold_sets = n_fold_sets
        self._device = choose_device(device)
        self._limit = device_memory.total(self._device) // 2 if memory_limit is None else memory_limit
        copied = min(MOST_COPIED, max(0, self._limit - device_memory.used(self._device)) // _COPIED_PART)
        self._data = FoldData(matrix, targets, layout, folds, task, seed, self._device, n_pieces, copied)
        self._matrix = matrix
        self._layout = layout
        self._metric = metric
        self._n_threads = torch.get_num_threads() if self._device.type == "cpu" else 1
        self._stopping = Event()
        self._shards = Shards(self._make_stack, self._n_threads)
        self._running: dict[int, _Running] = {}
        self._waiting: list[int] = []  # keys of those that are not in yet
        self._costs = lru_cache(None)(lambda shape: Costs.of(shape[0], shape[1], n_outputs, self._data))
        self._used = device_memory.used(self._device)  # before any stack
        self._budget = _budget(self._limit, self._used)
        self._most_bytes = 0  # that stacks were estimated to take

    @property
    def n_folds(self) -> int:
        """Members a candidate has."""
        return self._data.n_folds // self.n_fold_sets

    @property
    def n_train_rows(self) -> int:
        """Training rows of the largest fold."""
        return self._data.n_train_rows

    @property
    def memory(self) -> Memory:
        """What was allowed, estimated and taken so far."""
        return Memory(self._limit, self._used + self._most_bytes, device_memory.peak(self._device))

    def has_room(self, network: NetworkSpec, batch_size: int) -> bool:
        """Whether one more candidate of this shape finds enough free slots, and memory."""
        if not self._running:
            return True
        if self._waiting or self._bytes((network, batch_size)) > self._budget:
            return False
        taken = sum(self._shards.n_members(shape) / self._slots(shape) for shape in self._shards.signatures)
        return taken + self.n_folds / self._slots((network, batch_size)) <= 1 + 1e-9

    def start(self, key: int, candidate: Candidate, fold_set: int = 0) -> None:
        """Let a candidate's K members in, as soon as there is memory for them."""
        self._running[key] = _Running(candidate, fold_set=fold_set)
        self._waiting.append(key)
        self._let_in()

    def train_epoch(self) -> tuple[Standing, ...]:
        """Train every running candidate by one epoch, and validate it."""
        self._shards.train_epoch()
        self._release(lambda member: member.finished)
        standings = tuple(self._standing(key) for key, running in self._running.items() if running.members)
        self._let_in()
        return standings

    def collect(self, key: int) -> Trained:
        """Take a candidate out, running, finished or waiting, with its members' best weights."""
        if key in self._waiting:
            self._waiting.remove(key)
            waiting = self._running[key]
            spec, folds = waiting.candidate.train, self._folds(waiting.fold_set)
            waiting.members = [new_member(key, fold, spec) for fold in folds]
        self._release(lambda member: member.key == key)
        running = self._running.pop(key)
        members = running.members
        named = ((m.fold % self.n_folds + 1, m.failed) for m in members if m.failed)
        failed = next((f"fold {number} {why}" for number, why in named), self._without_score(members))
        at_best = [m.train_score[m.best_epoch - 1] if m.best_epoch else np.nan for m in members]
        return Trained(
            candidate=running.candidate,
            curves=_curves(members),
            score=Score.of(np.array([np.nan if failed else m.best_score for m in members])),
            train_score=Score.of(np.array(at_best)),
            best_epochs=tuple(m.best_epoch for m in members),
            seconds=time.monotonic() - running.started,
            failed=failed,
            weights=self._weights(running),
            fold_set=running.fold_set,
        )

    def forget(self, key: int) -> None:
        """What has been collected is not kept here."""

    def out_of_fold(self, trained: Trained) -> tuple[NDArray[np.floating], ...]:
        """Each member's predictions of its own fold's validation rows."""
        folds = [self._data.folds[fold] for fold in self._folds(trained.fold_set)]
        return out_of_fold(self._data.task, self._layout, self._matrix, trained.weights, folds)

    def _folds(self, fold_set: int) -> range:
        """The folds of a set."""
        return range(fold_set * self.n_folds, (fold_set + 1) * self.n_folds)

    def _without_score(self, members: Sequence[Member]) -> str | None:
        """Why a candidate has no score although nothing diverged."""
        if not any(member.epoch for member in members):
            return NEVER_TRAINED
        for member in members:
            if len(self._data.folds[member.fold].validation) and np.isnan(member.best_score):
                number = member.fold % self.n_folds + 1
                return f"fold {number} {NO_SCORE}: {self._metric.name} is not defined on its validation rows"
        return None

    def close(self) -> None:
        """Let the threads go, also in the middle of an epoch, and the memory. The engine is of no use any more: its
        parts refer to it, so that without their places here they would wait for the garbage collector."""
        self._stopping.set()
        self._shards.close()
        self._running.clear()
        del self._shards, self._data, self._costs

    def _make_stack(self, signature: Signature) -> Stack:
        return Stack(self._costs(signature), self._data, self._metric, self._at_once(signature), self._stopping)

    def _slots(self, signature: Signature) -> int:
        """Members that are best in training at once, on all threads. A GPU takes as many as there may be."""
        most = _MOST_CANDIDATES * self.n_folds
        slots = self._costs(signature).slots * self._n_threads if self._device.type == "cpu" else most
        return min(max(slots, _FEWEST_CANDIDATES * self.n_folds), most)

    def _at_once(self, signature: Signature) -> int:
        """Members that one stack trains in one step: what half of the memory has room for."""
        costs = self._costs(signature)
        best = costs.slots if self._device.type == "cpu" else self._slots(signature)
        return max(1, min(best, int(self._budget / 2 / self._n_threads / costs.step_bytes)))

    def _let_in(self) -> None:
        """Let in those that wait, in their order, while there is memory; one candidate is always let in."""
        while self._waiting:
            signature = _signature(self._running[self._waiting[0]].candidate)
            if self._shards.signatures and self._bytes(signature) > self._budget:
                return
            self._admit(self._waiting.pop(0))

    def _admit(self, key: int) -> None:
        running = self._running[key]
        running.started = time.monotonic()
        signature, folds = _signature(running.candidate), self._folds(running.fold_set)
        self._most_bytes = max(self._most_bytes, self._bytes(signature))
        try:
            running.members = self._shards.add(signature, key, running.candidate.train, folds)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            self._release(lambda member: member.key == key)
            running.weights.clear()
            running.members = [refused(key, fold, running.candidate.train) for fold in folds]

    def _bytes(self, more: Signature) -> int:
        """Estimated memory of all stacks with one candidate more, of the signature `more`."""
        total = 0
        for signature in {*self._shards.signatures, more}:
            costs = self._costs(signature)
            n_members = self._shards.n_members(signature) + (self.n_folds if signature == more else 0)
            total += n_members * costs.kept_bytes
            total += min(n_members, self._at_once(signature) * self._n_threads) * costs.step_bytes
        return total

    def _release(self, leaving: Callable[[Member], bool]) -> None:
        """Take members out of their stacks and keep their best weights."""
        for member, weights in self._shards.remove(leaving):
            self._running[member.key].weights[member.fold] = weights

    def _standing(self, key: int) -> Standing:
        members = self._running[key].members
        finished = any(m.failed for m in members) or all(m.finished for m in members)
        validation = np.array([m.validation_score[-1] for m in members])
        best = float(np.mean([m.best_score for m in members]))
        return Standing(key, max(m.epoch for m in members), validation, best, finished)

    def _weights(self, running: _Running) -> Weights:
        if not running.weights:
            return {}
        folds = self._folds(running.fold_set)
        by_fold = [running.weights[k] for k in folds]
        parameters = {name: np.stack([weights[name] for weights in by_fold]) for name in by_fold[0]}
        data = self._data
        statistics = (data.center, data.spread, data.edges, data.target_center, data.target_spread)
        mine = slice(folds.start, folds.stop)
        scaling = {name: tensor[mine].cpu().numpy() for name, tensor in zip(STATISTICS, statistics, strict=True)}
        return {**parameters, **scaling, SHARE: equal_shares(self.n_folds)}


def _signature(candidate: Candidate) -> Signature:
    return candidate.network, candidate.train.batch_size


def _budget(limit: int, used: int) -> int:
    """Bytes that stacks may take: what the limit leaves. Raises PlanError where that is nothing."""
    if limit <= used:
        raise PlanError(
            f"The memory limit must leave room for training, but is {format_bytes(limit)}, and before any training "
            f"{format_bytes(used)} are in use. Raise `--memory-limit`."
        )
    return limit - used


def choose_device(name: str) -> torch.device:
    """The device asked for; `auto` takes an Nvidia GPU where there is one, and the CPU otherwise.

    Raises PlanError for a device that this machine does not have.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    usable = ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available() + ["cpu"]
    usable += [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    if name not in usable:
        raise PlanError(f"The device {name!r} is not available to torch on this machine; there is {', '.join(usable)}.")
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """What people call it.

    >>> device_name(torch.device("cpu"))
    'cpu'
    """
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def _curves(members: Sequence[Member]) -> Curves:
    return Curves(
        train_score=_pad([m.train_score for m in members]),
        validation_score=_pad([m.validation_score for m in members]),
        train_loss=_pad([m.train_loss for m in members]),
        validation_loss=_pad([m.validation_loss for m in members]),
        learning_rate=_pad([m.learning_rate for m in members]),
    )


def _pad(curves: Sequence[Sequence[float]]) -> FloatArray:
    padded = np.full((len(curves), max(map(len, curves))), np.nan)
    for row, curve in enumerate(curves):
        padded[row, : len(curve)] = curve
    return padded
