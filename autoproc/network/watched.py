"""An engine that tells of its epochs, whichever step trains them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoproc.network.interface import Engine, Standing
from autoproc.results import Trained
from autoproc.spec import Candidate, NetworkSpec

OnEpoch = Callable[[Sequence[Standing]], None]
"""Told how those stand that have trained an epoch."""


def unwatched(standings: Sequence[Standing]) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class WatchedEngine:
    """Does what `engine` does, and tells `on_epoch` of each epoch."""

    engine: Engine
    on_epoch: OnEpoch

    @property
    def n_folds(self) -> int:
        return self.engine.n_folds

    @property
    def n_fold_sets(self) -> int:
        return self.engine.n_fold_sets

    @property
    def n_train_rows(self) -> int:
        return self.engine.n_train_rows

    def has_room(self, network: NetworkSpec, batch_size: int) -> bool:
        return self.engine.has_room(network, batch_size)

    def start(self, key: int, candidate: Candidate, fold_set: int = 0) -> None:
        self.engine.start(key, candidate, fold_set)

    def train_epoch(self) -> tuple[Standing, ...]:
        standings = self.engine.train_epoch()
        self.on_epoch(standings)
        return standings

    def collect(self, key: int) -> Trained:
        return self.engine.collect(key)

    def forget(self, key: int) -> None:
        self.engine.forget(key)

    def out_of_fold(self, trained: Trained) -> tuple[NDArray[np.floating], ...]:
        return self.engine.out_of_fold(trained)
