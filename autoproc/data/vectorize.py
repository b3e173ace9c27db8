from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.data.table import Table
from autoproc.results import Problem


@dataclass(frozen=True)
class Layout:
    """What the input layer needs to know of the matrix's columns.

    `numeric` are scaled per fold, `passthrough` stand on a fixed scale already; both hold NaN where missing, and
    `indicators` (some of both) had missing cells in development. `one_hot` and `embedded` are pairs of (column,
    number of codes): code 0 is missing, 1 unknown, 2 and up the known categories.
    """

    n_columns: int
    numeric: tuple[int, ...]
    passthrough: tuple[int, ...]
    indicators: tuple[int, ...]
    one_hot: tuple[tuple[int, int], ...]
    embedded: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Schema:
    @classmethod
    def fit(cls, development: Table, problem: Problem) -> "Schema":
        raise NotImplementedError

    @property
    def layout(self) -> Layout:
        raise NotImplementedError

    def matrix(self, data: Table | pd.DataFrame) -> NDArray[np.float32]:
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        raise NotImplementedError

    @classmethod
    def from_json(cls, card: object) -> "Schema":
        raise NotImplementedError
