"""Numbers and dates become the schema's matrix in ONNX."""

from functools import cache

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxruntime import InferenceSession

from autoproc.data.encoders import BooleanColumn, CategoryColumn, DateColumn, NumberColumn
from autoproc.data.vectorize import Schema
from autoproc.export.onnx.check import feeds
from autoproc.export.onnx.columns import inputs_of, matrix
from autoproc.export.onnx.graph import Graph, Value
from tests.export.onnx.made import computing, run

SCHEMA = Schema(
    (
        CategoryColumn("town", ("Rome", "Bern")),
        DateColumn("sold", "ISO8601", ("week", "year"), indicator=True),
        NumberColumn("size", indicator=True),
        BooleanColumn("new", indicator=False),
        DateColumn("built", "%d/%m/%Y", ("year", "week", "day"), indicator=False),
        NumberColumn("weight", indicator=False),
        DateColumn("seen", "ISO8601", (), indicator=False),
    ),
    missing=("-999", "1e3", "1999-12-31", "gone"),
)
numbers = st.floats() | st.sampled_from([-999.0, 1000.0, 1e39, -1e300, 5e-324])
moments = st.datetimes(pd.Timestamp("1600-01-01"), pd.Timestamp("2250-12-31")) | st.sampled_from(
    [pd.NaT, pd.Timestamp("1999-12-31"), pd.Timestamp("2000-02-29"), pd.Timestamp("1900-02-28 23:59:59.999999")]
)
rows = st.tuples(
    st.sampled_from(["Rome", "", "Bern", "Paris"]), moments, numbers, st.sampled_from(["yes", "f", "?"]), moments,
    numbers, moments,
)  # fmt: skip


@cache
def session() -> InferenceSession:
    graph = Graph.beside(SCHEMA.columns)
    made = matrix(graph, SCHEMA)
    inputs = [Value(graph, given.name, given.dtype) for given in inputs_of(SCHEMA)]
    return computing(made.columns(range(SCHEMA.layout.n_columns)), inputs)


@settings(max_examples=40)
@given(st.lists(rows, max_size=5))
def test_any_cells_become_the_schemas_matrix(cells: list[tuple[object, ...]]) -> None:
    frame = pd.DataFrame(cells, columns=list(SCHEMA.columns))
    for name in ("sold", "built", "seen"):
        frame[name] = frame[name].astype("datetime64[us]")
    found = run(session(), feeds(SCHEMA, frame))
    np.testing.assert_allclose(found, SCHEMA.matrix(frame), rtol=2e-7, atol=2e-7)


def test_every_day_of_four_hundred_years_has_its_place_in_the_year() -> None:
    days = np.arange(np.datetime64("1900-01-01"), np.datetime64("2300-01-01")).astype("datetime64[us]")
    dates = {"sold": days, "built": days, "seen": days}
    frame = pd.DataFrame({"town": "Rome", "size": 1.0, "new": "yes", "weight": 0.0, **dates})
    found = run(session(), feeds(SCHEMA, frame))
    np.testing.assert_allclose(found, SCHEMA.matrix(frame), rtol=2e-7, atol=2e-7)
