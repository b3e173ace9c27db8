"""An engine whose work stands in the job's journal: what was trained before an interruption is not trained again."""

import zlib
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from autoproc.journal import Arrays, Journal
from autoproc.network.interface import Engine, Standing
from autoproc.results import Curves, Score, Trained
from autoproc.spec import Candidate, NetworkSpec


@final
class JournaledEngine:
    """Does what `engine` does, once: what stands in the journal comes from there. Where it ends, those that run are
    trained again for as many epochs as they had, and then on."""

    def __init__(self, engine: Engine, journal: Journal) -> None:
        self._engine = engine
        self._journal = journal
        self._candidates: dict[int, tuple[Candidate, int]] = {}  # that run, with their sets of folds
        self._epochs: dict[int, int] = {}  # of those that run, as far as the journal tells
        self._collected: dict[int, int] = {}  # the latest event of each key
        self._is_behind = journal.is_replaying

    @property
    def n_folds(self) -> int:
        return self._engine.n_folds

    @property
    def n_fold_sets(self) -> int:
        return self._engine.n_fold_sets

    @property
    def n_train_rows(self) -> int:
        return self._engine.n_train_rows

    def has_room(self, network: NetworkSpec, batch_size: int) -> bool:
        return bool(self._journal.once("room", lambda _: self._caught_up().has_room(network, batch_size)))

    def start(self, key: int, candidate: Candidate, fold_set: int = 0) -> None:
        # A candidate other than before is no repetition.
        which = zlib.crc32(repr((candidate, fold_set)).encode())
        self._journal.once(f"start {key}: {which:08x}", lambda _: self._caught_up().start(key, candidate, fold_set))
        self._candidates[key], self._epochs[key] = (candidate, fold_set), 0

    def train_epoch(self) -> tuple[Standing, ...]:
        told = self._journal.once("epoch", lambda _: list(map(_to_json, self._caught_up().train_epoch())))
        standings = tuple(map(_from_json, told))
        self._epochs |= {standing.key: standing.epoch for standing in standings}
        return standings

    def collect(self, key: int) -> Trained:
        candidate, _ = self._candidates[key]
        trained: Trained | None = None

        def train(number: int) -> dict[str, Any]:
            nonlocal trained
            trained = self._caught_up().collect(key)
            self._journal.keep(number, asdict(trained.curves), trained.weights)
            return _scalars(trained)

        told = self._journal.once(f"collect {key}", train)
        number = self._collected[key] = self._journal.n_events
        del self._candidates[key], self._epochs[key]
        return trained or _trained(candidate, told, *self._journal.arrays(number))

    def forget(self, key: int) -> None:
        self._engine.forget(key)
        self._journal.forget(self._collected[key])

    def out_of_fold(self, trained: Trained) -> tuple[NDArray[np.floating], ...]:
        return self._engine.out_of_fold(trained)

    def _caught_up(self) -> Engine:
        """The engine, with all that run as far as they have come."""
        if self._is_behind:
            self._is_behind = False
            self._catch_up()
        return self._engine

    def _catch_up(self) -> None:
        """Train those that run side by side, as they did: the one with most epochs first."""
        keys = sorted(self._candidates, key=lambda key: -self._epochs[key])
        ages = [*(self._epochs[key] for key in keys), 0]
        for key, (age, next_age) in zip(keys, pairwise(ages), strict=True):
            candidate, fold_set = self._candidates[key]
            self._engine.start(key, candidate, fold_set)
            for _ in range(age - next_age):
                self._engine.train_epoch()
        self._journal.go_on()


def _to_json(standing: Standing) -> dict[str, Any]:
    return {**asdict(standing), "validation": standing.validation.tolist()}


def _from_json(told: dict[str, Any]) -> Standing:
    return Standing(**{**told, "validation": np.array(told["validation"])})


def _scalars(trained: Trained) -> dict[str, Any]:
    """All but the candidate and the arrays."""
    return {
        "score": trained.score.folds,
        "train_score": trained.train_score.folds,
        "best_epochs": trained.best_epochs,
        "seconds": trained.seconds,
        "failed": trained.failed,
        "fold_set": trained.fold_set,
    }


def _trained(candidate: Candidate, told: dict[str, Any], curves: Arrays, weights: Arrays) -> Trained:
    return Trained(
        candidate=candidate,
        curves=Curves(**curves),
        score=_score(told["score"]),
        train_score=_score(told["train_score"]),
        best_epochs=tuple(told["best_epochs"]),
        seconds=told["seconds"],
        failed=told["failed"],
        weights=weights,
        fold_set=told["fold_set"],
    )


def _score(folds: Sequence[float]) -> Score:
    return Score.of(np.array(folds))
