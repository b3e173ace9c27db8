"""What is decided before anything trains, on development rows alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoproc.configurations import Ladder
from autoproc.data.metrics import ChosenMetric, Target
from autoproc.data.relations import UNRELATED, Relations
from autoproc.data.table import Table
from autoproc.data.vectorize import Schema
from autoproc.results import Problem, Protocol


@dataclass(frozen=True, eq=False)
class Prepared:
    """`fingerprint` is the whole table's and `holdout_key` that of what is sealed, for the receipt; everything else
    knows development rows only: `matrix` (n, n_columns), `targets` and `relations` are theirs, in the order of
    `development`. Networks see each number cut into `n_pieces`, too, and growth climbs `ladder`. `warnings` tell of
    signs of leaks that have evidence; whatever else there is to know stands in the notices of `development`."""

    fingerprint: str
    holdout_key: str
    development: Table
    problem: Problem
    chosen: ChosenMetric
    protocol: Protocol
    schema: Schema
    matrix: NDArray[np.float32]
    targets: Target
    n_pieces: int
    ladder: Ladder
    relations: Relations = UNRELATED
    warnings: tuple[str, ...] = ()
