"""Words are read in ONNX as the schema reads them."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxruntime import InferenceSession

from autoproc.data.encoders import BooleanColumn, CategoryColumn
from autoproc.export.onnx.graph import TEXT, Graph, Value
from autoproc.export.onnx.words import codes, vocabulary
from tests.export.onnx.made import computing, run

MISSING = ("-999", "gone", " No", "x.y")
COLUMNS = (
    CategoryColumn("town", ("Rome", "New York", "größe", "a+b(c)[d]*", "x.y", "\\Q", "10", "-3", "+7", "0.5", "None")),
    BooleanColumn("new", indicator=False),
    CategoryColumn("many", tuple(f"value {i}" for i in range(256))),
    CategoryColumn("odd", (" padded ", "NA", "1.0", "xzy", "日本", "a\nb", "|", "\u200b")),
)
WORDS = (
    "", "nan", "NA", "None", "?", "-999", "gone", "No", "NO", "yes", "tRue", "T", "0", "1", "+1", "-0", "7", "007",
    "YE\u017f",
)  # fmt: skip
KNOWN = [*WORDS, *(word for column in COLUMNS if isinstance(column, CategoryColumn) for word in column.categories)]
SPACES = st.text(st.sampled_from(" \t\n\r\v\f\x1c\x1f\x85\xa0\u2003\u2028\u3000\u200b"), max_size=2)
cell = st.builds(
    lambda before, word, zeros, after: before + word + zeros + after,
    SPACES,
    st.sampled_from(KNOWN) | st.text(max_size=4),
    st.sampled_from(["", "", ".0", ".00", ".", ".01"]),
    SPACES,
)


@cache
def session() -> InferenceSession:
    cells = Value(Graph.beside(["cells"]), "cells", TEXT)
    return computing(codes(cells, [vocabulary(column, MISSING) for column in COLUMNS]), [cells])


def expected(cells: "np.ndarray") -> "np.ndarray":
    """Codes by the schema's own encoders, 2 and 3 for false and true."""
    blocks = []
    for column, words in zip(COLUMNS, cells.T, strict=True):
        block = column.block(pd.Series(words, dtype="str"), MISSING)[:, 0]
        blocks.append(block if isinstance(column, CategoryColumn) else (block + 5) / 2)
    return np.stack(blocks, axis=1)


def found(cells: "np.ndarray") -> "np.ndarray":
    got = run(session(), {"cells": cells}).astype(float)
    truths = got[:, 1]
    truths[truths < 2] = np.nan  # missing, or neither true nor false
    return got


@settings(max_examples=40)
@given(st.lists(st.tuples(cell, cell, cell, cell), min_size=1, max_size=5))
def test_any_cells_have_the_codes_that_the_schema_gives_them(rows: list[tuple[str, ...]]) -> None:
    cells = np.array(rows, dtype=object)
    np.testing.assert_array_equal(found(cells), expected(cells))


@pytest.mark.parametrize("around", ["{}", " {}\n", "{}.0", "\u3000{}.000"])
def test_each_word_in_each_column_however_it_is_spelt(around: str) -> None:
    cells = np.array([[around.format(word)] * len(COLUMNS) for word in KNOWN], dtype=object)
    np.testing.assert_array_equal(found(cells), expected(cells))


def test_words_of_one_column_are_none_of_another() -> None:
    assert found(np.array([["value 3", "Rome", "Rome", "value 3"]], dtype=object)).tolist()[0][2:] == [1, 1]
    assert found(np.array([["Rome", "yes", "value 3", "|"]], dtype=object)).tolist() == [[2, 3, 5, 8]]


def test_long_vocabularies_are_cut_into_several_expressions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autoproc.export.onnx.words._LONGEST", 100)
    session.cache_clear()
    cells = np.array([[" Rome", " yes", f" value {i}.0", " |"] for i in range(256)], dtype=object)
    try:
        np.testing.assert_array_equal(found(cells), expected(cells))
    finally:
        session.cache_clear()


def test_no_rows_have_no_codes() -> None:
    assert run(session(), {"cells": np.empty((0, len(COLUMNS)), dtype=object)}).shape == (0, len(COLUMNS))
