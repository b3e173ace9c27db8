"""An engine that trains nothing: every candidate's curves are written down by the test."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from autoproc.network.interface import Standing
from autoproc.results import Curves, FloatArray, Score, Trained
from autoproc.spec import Candidate, NetworkSpec

Script = Callable[[Candidate, int], tuple[FloatArray, FloatArray]]
"""Training and validation scores (K,) of a candidate's epoch, counted from 1; NaN: it diverges there."""

WAITED = "it waited for memory and never trained"


@dataclass
class _Member:
    candidate: Candidate
    train: list[FloatArray] = field(default_factory=list)
    validation: list[FloatArray] = field(default_factory=list)


class ScriptedEngine:
    """An `Engine` whose scores are maximised; `started` keeps the candidates in the order of their start. It has room
    for `width` candidates, and memory for `memory` of them; the others wait. A training says that it
    took a second an epoch."""

    def __init__(self, script: Script, n_folds: int = 5, width: int = 4, memory: int | None = None) -> None:
        self.n_folds = n_folds
        self.n_fold_sets = 1
        self.n_train_rows = 800
        self.started: list[Candidate] = []
        self.most_running = 0
        self.forgotten: list[int] = []
        self._script = script
        self._width = width
        self._memory = memory
        self._running: dict[int, _Member] = {}

    def has_room(self, network: NetworkSpec, batch_size: int) -> bool:
        return len(self._running) < self._width

    def start(self, key: int, candidate: Candidate, fold_set: int = 0) -> None:
        assert key not in self._running
        self.started.append(candidate)
        self._running[key] = _Member(candidate)
        self.most_running = max(self.most_running, len(self._running))

    def train_epoch(self) -> tuple[Standing, ...]:
        return tuple(self._train(key, member) for key, member in list(self._running.items())[: self._memory])

    def collect(self, key: int) -> Trained:
        member = self._running.pop(key)
        train, validation = (
            np.array(scores).reshape(-1, self.n_folds).T for scores in (member.train, member.validation)
        )
        waited, diverged = not member.train, bool(np.isnan(validation).any())
        nothing = np.full(self.n_folds, np.nan)
        failed = waited or diverged
        epochs = np.full(self.n_folds, int(diverged)) if failed else validation.argmax(axis=1) + 1
        return Trained(
            candidate=member.candidate,
            curves=Curves(train, validation, -train, -validation, np.ones_like(train)),
            score=Score.of(nothing if failed else validation.max(axis=1)),
            train_score=Score.of(nothing if waited else train[:, -1]),
            best_epochs=tuple(map(int, epochs)),
            seconds=float(len(member.train)),
            failed=WAITED if waited else "fold 1 diverged" if diverged else None,
            weights={"name": np.array([len(self.started)], dtype=np.float32)},
        )

    def forget(self, key: int) -> None:
        self.forgotten.append(key)

    def out_of_fold(self, trained: Trained) -> tuple[NDArray[np.float32], ...]:
        raise NotImplementedError

    def _train(self, key: int, member: _Member) -> Standing:
        train, validation = self._script(member.candidate, len(member.train) + 1)
        member.train.append(train)
        member.validation.append(validation)
        best = np.array(member.validation).max(axis=0).mean()
        epoch = len(member.train)
        over = epoch >= member.candidate.train.max_epochs or bool(np.isnan(validation).any())
        return Standing(key, epoch, validation, float(best), over)


FOLDS = np.array([-0.02, -0.01, 0.0, 0.01, 0.02])
"""How far the folds of a scripted candidate lie from its mean."""


def rises_to(top: float, peak: int, epoch: int, fall: float = 0.0) -> FloatArray:
    """A score (5,) that rises to `top` at epoch `peak` and then falls by `fall` an epoch."""
    rising = top * min(epoch / peak, 1.0)
    return rising - fall * max(epoch - peak, 0) + FOLDS
