"""`autoproc export RUN model.onnx`: a file that has been compared with its bundle."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from autoproc.data.table import read_table
from autoproc.data.vectorize import find_columns
from autoproc.errors import AutoprocError, DataError
from autoproc.export.bundle import open_bundle
from autoproc.export.onnx.check import BATCHES, largest_difference, must_agree, open_session
from autoproc.export.onnx.model import to_onnx
from autoproc.plan import make_plan


@dataclass(frozen=True)
class Comparison:
    """How a file was compared: `difference` is the largest one, of probabilities, or of values in units of the
    targets' spread."""

    difference: float
    is_relative: bool
    on_table: bool

    def __str__(self) -> str:
        unit = " of the targets' spread" if self.is_relative else ""
        rows = "rows of the job's table" if self.on_table else "made-up rows, as the job's table is not at hand,"
        batches = ", ".join(f"{size:,}" for size in BATCHES)
        return (
            f"{self.difference:.1e}{unit} on {rows} and on rows of missing, unseen and extreme cells, in batches of "
            f"{batches}"
        )


def write_onnx(source: Path, out: Path, table: pd.DataFrame | None) -> Comparison:
    """Write the bundle at `source` as an ONNX file, once it is found to predict what the bundle does: of rows of the
    table, where there is one that has the columns.

    Raises BundleError where it does not or there is no bundle, and OSError; then nothing is left.
    """
    bundle = open_bundle(source)
    content = to_onnx(bundle).SerializeToString()
    rows = table if table is not None and _has_columns(table, bundle.model.schema.columns) else None
    difference = largest_difference(bundle, open_session(content), rows)
    must_agree(difference)
    out.write_bytes(content)
    return Comparison(difference, not bundle.model.classes, rows is not None)


def jobs_table(bundle: Path) -> pd.DataFrame | None:
    """The table of the job in whose folder the bundle is, where that is so and the table can be read."""
    try:
        plan = make_plan(bundle.parent / "plan.yaml")
        return read_table(plan.data, plan.missing).frame if plan.data else None
    except AutoprocError:
        return None


def _has_columns(table: pd.DataFrame, names: tuple[str, ...]) -> bool:
    try:
        find_columns(table, names)
    except DataError:
        return False
    return True
