"""The engine that the steps drive: candidates in, trained candidates out."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from autoproc.data.metrics import Metric
from autoproc.data.vectorize import Layout
from autoproc.errors import PlanError
from autoproc.network.fold_data import FoldData
from autoproc.network.interface import Standing
from autoproc.network.layers import ParameterTable
from autoproc.network.predictor import STATISTICS, Predictor
from autoproc.network.shards import Shards, Signature
from autoproc.network.stack import Member, Stack
from autoproc.plan import Task
from autoproc.results import Curves, FloatArray, Fold, Score, Trained, Weights
from autoproc.spec import Candidate, NetworkSpec

# Side by side as many members as keep a step's tensors near this size: larger ones leave the processor's
# caches, smaller ones leave its cores waiting for Python (benchmarks/throughput.py measures it).
_STEP_BYTES = 32 * 2**20
_MOST_CANDIDATES = 8


@dataclass
class _Running:
    candidate: Candidate
    started: float
    members: list[Member]
    weights: dict[int, dict[str, NDArray[np.float32]]]  # of members that have left the stack, by fold


class StackEngine:
    """The `Engine` on the CPU or a GPU. `matrix` (n, n_columns) and `targets` are development rows only."""

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
    ) -> None:
        self._data = FoldData(matrix, targets, layout, folds, task, seed, choose_device(device))
        self._matrix = matrix
        self._layout = layout
        self._n_outputs = n_outputs
        self._metric = metric
        n_threads = torch.get_num_threads() if self._data.device.type == "cpu" else 1
        self._shards = Shards(self._make_stack, n_threads)
        self._running: dict[int, _Running] = {}

    @property
    def n_folds(self) -> int:
        """Members a candidate has."""
        return self._data.n_folds

    @property
    def n_train_rows(self) -> int:
        """Training rows of the largest fold."""
        return self._data.n_train_rows

    def side_by_side(self, network: NetworkSpec, batch_size: int) -> int:
        """How many candidates of this shape are best trained at once, at least 1."""
        table = ParameterTable.of(network, self._data.sizes, self._n_outputs)
        activations = batch_size * network.width * network.depth
        member_bytes = 4 * (table.n_parameters + activations)
        return max(1, min(_MOST_CANDIDATES, _STEP_BYTES // (member_bytes * self.n_folds)))

    def start(self, key: int, candidate: Candidate) -> None:
        """Let a candidate's K members in."""
        signature = candidate.network, candidate.train.batch_size
        members = self._shards.add(signature, key, candidate.train, range(self.n_folds))
        self._running[key] = _Running(candidate, time.monotonic(), members, {})

    def train_epoch(self) -> tuple[Standing, ...]:
        """Train every running candidate by one epoch, and validate it."""
        self._shards.train_epoch()
        self._release(lambda member: member.finished)
        return tuple(self._standing(key) for key in self._running)

    def collect(self, key: int) -> Trained:
        """Take a running or finished candidate out, with its members' best weights."""
        self._release(lambda member: member.key == key)
        running = self._running.pop(key)
        members = running.members
        failed = next((f"fold {m.fold + 1} {m.failed}" for m in members if m.failed), self._without_score(members))
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
        )

    def out_of_fold(self, trained: Trained) -> tuple[NDArray[np.floating], ...]:
        """Each member's predictions of its own fold's validation rows."""
        return tuple(
            Predictor(self._data.task, self._layout, {n: w[[k]] for n, w in trained.weights.items()}).mean(
                self._matrix[fold.validation]
            )
            for k, fold in enumerate(self._data.folds)
        )

    def _without_score(self, members: Sequence[Member]) -> str | None:
        """Why a candidate has no score although nothing diverged."""
        for member in members:
            if len(self._data.folds[member.fold].validation) and np.isnan(member.best_score):
                return f"fold {member.fold + 1} has no score: {self._metric.name} is not defined on its validation rows"
        return None

    def close(self) -> None:
        """Let the threads go; the engine cannot train any more."""
        self._shards.close()

    def _make_stack(self, signature: Signature, shard: int) -> Stack:
        return Stack(*signature, self._n_outputs, self._data, self._metric)

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
        by_fold = [running.weights[k] for k in range(self.n_folds)]
        parameters = {name: np.stack([weights[name] for weights in by_fold]) for name in by_fold[0]}
        data = self._data
        statistics = (data.center, data.spread, data.target_center, data.target_spread)
        return {**parameters, **{n: t.cpu().numpy() for n, t in zip(STATISTICS, statistics, strict=True)}}


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
