"""What a network costs in training, estimated from its shape: seconds a step, and bytes.

The constants are a core's of 2021, by `python -m benchmarks.slots`, which also shows the curve that the estimate stands
for: members a stack against steps a second. They need not be exact, because that curve is flat around its top; and
being constants, they let the same job take the same course again.
"""

from dataclasses import dataclass
from math import ceil

from autoproc.network.evaluation import ROWS_AT_ONCE
from autoproc.network.fold_data import FoldData
from autoproc.network.layers import ParameterTable
from autoproc.spec import NetworkSpec

_CALLS_SECONDS = 4e-4  # of one step, whatever the number of members: Python and torch's calls
_FLOP_SECONDS = 1 / 60e9
_UNIT_SECONDS = 1.2e-9  # of a hidden unit of a row: what is done beside the products
_PARAMETER_SECONDS = 1.5e-9  # of a parameter in an optimiser's step
_CALLS_SHARE = 0.07  # of a step's time that calls may take when the slots are full
_FLOAT = 4  # bytes
_STATES = 5  # numbers that are kept for each parameter: itself, its best, its average, two moments
_STEP_STATES = 5  # ... while a step is computed: gradient, start, displacement, sign, product


@dataclass(frozen=True)
class Costs:
    """Costs of one member with this table, network and batch size, on `rows` training rows an epoch with `codes`
    embedded columns; `evaluated` rows are scored, at most `at_once` in one pass."""

    table: ParameterTable
    network: NetworkSpec
    batch_size: int
    rows: int
    codes: int
    evaluated: int
    at_once: int

    @classmethod
    def of(cls, network: NetworkSpec, batch_size: int, n_outputs: int, data: FoldData) -> "Costs":
        """Costs of one member on the folds of `data`."""
        table = ParameterTable.of(network, data.sizes, n_outputs)
        evaluated = max(part.padded.shape[1] for part in (data.validation, data.train_sample))
        codes, at_once = len(data.sizes.vocabularies), min(evaluated, ROWS_AT_ONCE)
        return cls(table, network, batch_size, data.n_epoch_rows, codes, evaluated, at_once)

    @property
    def step_seconds(self) -> float:
        """One core's for one member's step, without the calls."""
        units = self.batch_size * self.network.width * self.network.depth
        flops = 6 * self.batch_size * self.table.n_weights
        return flops * _FLOP_SECONDS + units * _UNIT_SECONDS + self.table.n_columns * _PARAMETER_SECONDS

    @property
    def slots(self) -> int:
        """Members that a stack needs for the calls to take no more than their share of its time."""
        return ceil((1 / _CALLS_SHARE - 1) * _CALLS_SECONDS / self.step_seconds)

    @property
    def kept_bytes(self) -> int:
        """From the member's arrival to its departure."""
        return _FLOAT * _STATES * self.table.n_columns

    @property
    def step_bytes(self) -> int:
        """While the member trains or is scored."""
        rows = max(self.batch_size, self.at_once)
        columns = self.table.shapes[0][0] + self.network.width * (self.network.depth + 3) + 2 * self.table.n_outputs
        states = _FLOAT * (_STEP_STATES * self.table.n_columns + rows * columns)
        return states + max(self.rows * self._epoch_bytes, self.evaluated * self._score_bytes)

    @property
    def _epoch_bytes(self) -> int:
        """Of a row in an epoch: number (twice), place, codes and targets, at most int64; pattern and weight."""
        return 8 * (3 + self.codes + self.table.n_outputs) + 2 * _FLOAT

    @property
    def _score_bytes(self) -> int:
        """Of a row that is scored: number, place, codes and target, and its outputs twice in float64 at most."""
        return 8 * (3 + self.codes + 3 * self.table.n_outputs)
