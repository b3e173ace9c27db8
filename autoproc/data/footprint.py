"""What a table takes in memory: estimated before it is read, and again before anything trains on it.

A job that does not fit is refused while nothing is lost by it; the system would end it without a word in the middle.
`python -m benchmarks.scaling` shows what jobs really take.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from autoproc.configurations import Ladder
from autoproc.data.table import is_parquet, not_parquet
from autoproc.data.vectorize import Layout
from autoproc.errors import PlanError
from autoproc.format import format_bytes
from autoproc.machine import total_memory, used_memory
from autoproc.plan import Plan

_LIBRARIES = 450_000_000  # what Python and all libraries take, before there is a table
_LATER = 250_000_000  # ... of it what is loaded after the table was read
_SAMPLE_BYTES = 2**20
_SEPARATORS = b",;\t|"
_OFFSET = 8  # bytes that say where a text begins
_CELL = 16  # bytes of a cell of a Parquet file, about, be it a number or a short text
_FLOAT = 4
_COPIES = 2  # of the text: the table itself, and the parts that it is split into
_REFERENCE_ROWS, _REFERENCE_COPIES = 200_000, 8  # that the reference models learn from; float32, of each cell
_STATES, _STEP_STATES = 5, 5  # numbers that are kept for each weight in training, and while it takes a step
_CORES = 2


@dataclass(frozen=True)
class Room:
    """The memory that a job may take: `limit` bytes, and what people call them."""

    limit: int
    name: str

    @classmethod
    def of(cls, plan: Plan) -> "Room":
        """Raises PlanError for a limit that no job keeps, or that limits nothing."""
        total = total_memory()
        if plan.memory_limit is None:
            return cls(total // 2, f"the memory limit is {format_bytes(total // 2)}, half of this machine's memory")
        asked, here = plan.memory_limit, f"this machine has {format_bytes(total)}"
        if asked < _LIBRARIES:
            raise PlanError(
                f"The memory limit must leave room for a job, but is {_exactly(asked)}, and Python with the libraries "
                f"alone takes about {format_bytes(_LIBRARIES)}. Raise --memory-limit; {here}."
            )
        if asked > total and not plan.device.startswith("cuda"):
            raise PlanError(
                f"The memory limit must not be more than there is, but is {format_bytes(asked)}, and {here}. Lower "
                "--memory-limit, or leave it out: then it is half of the machine's memory."
            )
        return cls(asked, f"the memory limit is {format_bytes(asked)} ({here})")

    def must_hold_file(self, path: Path) -> None:
        """Raises PlanError for a file that is too large to be read and split, and DataError for a damaged one."""
        needed = _LIBRARIES + _COPIES * _bytes_of_file(path)
        if needed > self.limit:
            raise PlanError(self._refusal(f"{path} ({format_bytes(path.stat().st_size)})", "to be read", needed))

    def must_hold_training(self, name: str, n_rows: int, layout: Layout) -> int:
        """Bytes that are left for networks in training. Raises PlanError where the rows leave nothing."""
        later = 0 if "torch" in sys.modules else _LATER
        needed = max(used_memory() + later, _LIBRARIES) + _bytes_of_training(n_rows, layout)
        if needed >= self.limit:
            raise PlanError(
                self._refusal(f"{name} ({n_rows:,} development rows, {layout.n_columns:,} columns)", "to train", needed)
            )
        return self.limit - needed

    def _refusal(self, what: str, purpose: str, needed: int) -> str:
        return (
            f"{what} does not fit into memory: it takes about {format_bytes(needed)} {purpose}, but {self.name}. Raise "
            "--memory-limit, or make a table of fewer rows or columns: some rows, drawn at random, often do as well."
        )


def fitting(ladder: Ladder, n_inputs: int, n_outputs: int, n_folds: int, room: int) -> Ladder:
    """The rungs whose networks find room when those of one candidate train, and the reason, where some do not. Raises
    PlanError where none does."""

    def needed(n_weights: int) -> int:
        return _FLOAT * n_weights * (_STATES * n_folds + _STEP_STATES * _CORES)

    sizes = [needed(network.n_weights(n_inputs, n_outputs)) for network in ladder.rungs]
    n_fitting = sum(size <= room for size in sizes)  # they rise
    if not n_fitting:
        raise PlanError(
            f"The memory limit must leave room for networks, but only {format_bytes(room)} are left for them, and "
            f"those of {n_folds} folds, {ladder.rungs[0]} on {n_inputs:,} inputs, take {format_bytes(sizes[0])} at "
            "least. Raise --memory-limit, ask for fewer --folds, or leave columns out with --ignore."
        )
    return ladder.ending_at(n_fitting)


def _bytes_of_file(path: Path) -> int:
    """Of the table in a file once it is read: text is its characters, and where each cell begins."""
    size = path.stat().st_size
    if is_parquet(path):
        try:
            metadata = pq.read_metadata(path)
        except (pa.ArrowException, ValueError, OSError) as error:
            raise not_parquet(path, error) from None
        return int(metadata.num_rows * metadata.num_columns * _CELL)
    with path.open("rb") as file:
        sample = file.read(_SAMPLE_BYTES)
    n_cells = sample.count(b"\n") + max(sample.count(separator) for separator in map(bytes, zip(_SEPARATORS)))
    return round(size * (1 + _OFFSET * n_cells / max(len(sample), 1)))


def _bytes_of_training(n_rows: int, layout: Layout) -> int:
    """What the networks' inputs take beside the matrix, and what is made of it on the way; and what the reference
    models take, which learn while those are there."""
    widened = len(layout.numeric) + len(layout.passthrough) + len(layout.indicators)
    widened += sum(size for _, size in layout.one_hot)
    of_networks = n_rows * (_FLOAT * (widened + 2 * len(layout.numeric)) + 2 * _FLOAT * len(layout.embedded))
    of_references = _REFERENCE_COPIES * _FLOAT * min(n_rows, _REFERENCE_ROWS) * layout.n_columns
    return of_networks + of_references


def _exactly(n_bytes: int) -> str:
    return format_bytes(n_bytes) if n_bytes >= 1_000_000 else f"{n_bytes:,} bytes"
