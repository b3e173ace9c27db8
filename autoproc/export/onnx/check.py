"""Whether an exported file predicts what its bundle does."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions

from autoproc.data.cells import column_numbers, spelling
from autoproc.data.dates import column_moments
from autoproc.data.encoders import DateColumn, NumberColumn
from autoproc.data.vectorize import Schema, find_columns
from autoproc.errors import BundleError
from autoproc.export.bundle import Opened
from autoproc.export.card import probability_columns
from autoproc.export.model import Model
from autoproc.export.onnx.columns import seconds_since_1970
from autoproc.export.onnx.rows import edge_rows, likely_rows
from autoproc.results import FloatArray

TOLERANCE = 1e-4
"""Of probabilities, and of values in units of the targets' spread."""
BATCHES = (1, 7, 2_000)


def open_session(content: bytes, n_threads: int = 0) -> InferenceSession:
    """A session of onnxruntime on the processor, with so many threads or as many as it likes."""
    options = SessionOptions()
    options.intra_op_num_threads = n_threads
    return InferenceSession(content, options, providers=["CPUExecutionProvider"])


def feeds(schema: Schema, frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """The rows of a table as the file takes them: an array (n, 1) for each input."""
    found = zip(schema.encoders, find_columns(frame, schema.columns), strict=True)
    return {encoder.name: _given(encoder, frame.iloc[:, place])[:, None] for encoder, place in found}


def predict(session: InferenceSession, model: Model, fed: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    """What the file predicts, with the bundle's columns."""
    return as_table(session.run(None, dict(fed)), model)


def as_table(outputs: Sequence[Any], model: Model) -> pd.DataFrame:
    """The outputs of the file with the bundle's columns."""
    if not model.classes:
        return pd.DataFrame(outputs[0], columns=list(model.targets))
    label, probabilities = outputs
    named = zip(probability_columns(model.classes), probabilities.T, strict=True)
    return pd.DataFrame({model.targets[0]: label, **dict(named)})


def largest_difference(bundle: Opened, session: InferenceSession, table: pd.DataFrame | None) -> float:
    """Between the file and its bundle, on rows of the table, where there is one, or else on such as it may have had;
    and on edge rows; in batches of several sizes. NaN where one of them predicts no number."""
    if table is None or table.empty:
        table = made_up_rows(bundle, max(BATCHES))
    some = table.iloc[np.arange(max(BATCHES)) * len(table) // max(BATCHES)]
    return float(np.max([_difference(bundle, session, rows) for rows in (some, edge_rows(bundle.model.schema))]))


def made_up_rows(bundle: Opened, n_rows: int) -> pd.DataFrame:
    """Rows such as the model may have been trained on."""
    center, spread = (bundle.weights[f"input.{name}"].mean(axis=0, dtype=np.float64) for name in ("center", "spread"))
    return likely_rows(bundle.model.schema, center, spread, n_rows)


def must_agree(difference: float) -> None:
    """Raises BundleError where a file differs from its bundle by more than is allowed."""
    if not difference <= TOLERANCE:
        raise BundleError(
            f"The model as ONNX must predict what the model itself does, but differs from it by {difference:.2g}, more "
            f"than {TOLERANCE:.0e}. Nothing was written. Export a folder or a .zip file instead, which holds the model "
            "as it is, and report this."
        )


def _difference(bundle: Opened, session: InferenceSession, rows: pd.DataFrame) -> float:
    expected = bundle.model.predict(rows)
    fed = feeds(bundle.model.schema, rows)
    return float(
        np.max(
            [distance(bundle, expected[:size], predict(session, bundle.model, _first(fed, size))) for size in BATCHES]
        )
    )


def _first(fed: Mapping[str, NDArray[Any]], size: int) -> dict[str, NDArray[Any]]:
    return {name: cells[:size] for name, cells in fed.items()}


def distance(bundle: Opened, expected: pd.DataFrame, found: pd.DataFrame) -> float:
    """The largest difference of two tables of predictions, of values in units of their targets' spread. Labels that are
    not the same differ by as much as the expected probabilities speak for one of them."""
    model = bundle.model
    if not model.classes:
        spread = np.abs(bundle.weights["target.spread"]).mean(axis=0)
        return float(np.abs((expected.to_numpy() - found.to_numpy()) / spread).max())
    numbers, others = expected.iloc[:, 1:].to_numpy(), found.iloc[:, 1:].to_numpy()
    flipped = expected.iloc[:, 0].to_numpy() != found.iloc[:, 0].to_numpy()
    return float(max(np.abs(numbers - others).max(), np.max(_margin(model, numbers)[flipped], initial=0)))


def _margin(model: Model, probabilities: FloatArray) -> FloatArray:
    """How far each row (n,) is from having another label."""
    if model.threshold is not None:
        return np.abs(probabilities[:, 1] - model.threshold)
    first, second = np.sort(probabilities, axis=1)[:, [-1, -2]].T
    return np.asarray(first - second, dtype=np.float64)


def _given(encoder: object, column: "pd.Series[Any]") -> NDArray[Any]:
    """Texts as they are, and nothing decided: missing spellings and infinities are the file's to judge."""
    if isinstance(encoder, NumberColumn):
        return column_numbers(column)
    if isinstance(encoder, DateColumn):
        return seconds_since_1970(column_moments(column, encoder.format))
    missing = column.isna().to_numpy()
    texts = [cell if isinstance(cell, str) else spelling(cell) for cell in column.astype(object)]
    return np.where(missing, "", np.array(texts, dtype=object))
