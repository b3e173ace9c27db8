"""What the steps see of the engine, without torch.

A candidate enters with `start`; every `train_epoch` trains all running candidates by one epoch and
tells how each stands; `collect` takes a candidate out, finished or not. Candidates may start and leave
at any time, so that the caller can keep the engine full.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from autoproc.deadline import NEVER, Deadline
from autoproc.results import FloatArray, Trained
from autoproc.spec import Candidate, NetworkSpec


@dataclass(frozen=True)
class Standing:
    """How a candidate stands after an epoch of its own (`epoch` counts from 1).

    `validation` holds the K members' scores of this epoch (those of stopped members: their last ones);
    `best` is the mean over folds of the best scores so far; both in the metric's units. `finished` is
    true when every member has stopped by itself, or when one has failed.
    """

    key: int
    epoch: int
    validation: FloatArray
    best: float
    finished: bool


class Engine(Protocol):
    """Trains candidates side by side on fixed folds."""

    @property
    def n_folds(self) -> int:
        """Members a candidate has."""
        ...

    @property
    def n_fold_sets(self) -> int:
        """Sets of K folds, of which a candidate trains on one."""
        ...

    @property
    def n_train_rows(self) -> int:
        """Training rows of the largest fold."""
        ...

    def has_room(self, network: NetworkSpec, batch_size: int) -> bool:
        """Whether one more candidate of this shape would make good use of the machine, beside those in training.
        Members that have stopped leave their room to others. Always true when nothing runs."""
        ...

    def start(self, key: int, candidate: Candidate, fold_set: int = 0) -> None:
        """Let a candidate's K members in; `key` is the caller's name for it, unique among the running. Where memory
        is short it waits, without a standing, until others have left."""
        ...

    def train_epoch(self) -> tuple[Standing, ...]:
        """Train every running candidate by one epoch, and validate it."""
        ...

    def collect(self, key: int) -> Trained:
        """Take a candidate out, finished or not, with its members' best weights. One that never trained has failed."""
        ...

    def forget(self, key: int) -> None:
        """Nobody will need the weights of the latest candidate that was collected as `key`: what keeps them for a
        resumed job need not."""
        ...

    def out_of_fold(self, trained: Trained) -> tuple[NDArray[np.floating], ...]:
        """Each member's predictions of its own fold's validation rows: K arrays of shape (n_k,) for
        binary probabilities, (n_k, C) for class probabilities, (n_k, t) for values in the target's units."""
        ...


def train_together(engine: Engine, candidates: Sequence[Candidate], deadline: Deadline = NEVER) -> tuple[Trained, ...]:
    """Train candidates side by side, each to its own end or until the time is over; in the order given."""
    return tuple(trained for trained, _ in train_within(engine, candidates, deadline))


def train_within(
    engine: Engine, candidates: Sequence[Candidate], deadline: Deadline
) -> tuple[tuple[Trained, bool], ...]:
    """Train candidates side by side; in the order given, each with whether it came to its own end in time."""
    for key, candidate in enumerate(candidates):
        engine.start(key, candidate)
    ended: dict[int, tuple[Trained, bool]] = {}
    while len(ended) < len(candidates):
        for standing in engine.train_epoch():
            if standing.finished or deadline.passed:
                ended[standing.key] = engine.collect(standing.key), standing.finished
    return tuple(ended[key] for key in range(len(candidates)))
