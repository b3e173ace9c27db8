"""Rows on which an exported file is compared with its bundle, made from the schema: those that a table may hold one
day, and those that it hardly ever will."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.data.cells import read_numbers
from autoproc.data.encoders import CategoryColumn, DateColumn, Encoder, NumberColumn
from autoproc.data.vectorize import Schema
from autoproc.results import FloatArray

_HUGE, _TINY = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)
_EDGE_NUMBERS = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 1e6, -1e6, 1e300, -1e300, _HUGE, -_HUGE, _TINY, 5e-324)
_EDGE_WORDS = (
    "",
    "nan",
    "NA",
    "None",
    "?",
    "never seen",
    " \t",
    "1",
    "1.0",
    " 1.00 ",
    "0",
    "-0.0",
    "TRUE",
    "f",
    "größe",
)
_EDGE_DAYS = ("NaT", "1900-01-01", "1999-12-31", "2000-02-29", "2038-01-19", "2100-02-28", "2262-04-11", "1600-03-01")
_TRUTHS = ("yes", "No", "t", "FALSE")
_SHOWN_CATEGORIES = 50
_FAR_DAYS = 70_000.0


def likely_rows(schema: Schema, center: FloatArray, spread: FloatArray, n_rows: int, seed: int = 0) -> pd.DataFrame:
    """Rows such as the model knows: numbers about their `center`, as far as their `spread` (one of each for a number or
    date, in the schema's order), any category, and one cell in twenty missing."""
    random = np.random.default_rng(seed)
    scales = iter(zip(center.tolist(), spread.tolist(), strict=True))
    columns = {}
    for encoder in schema.encoders:
        middle, reach = next(scales) if isinstance(encoder, NumberColumn | DateColumn) else (0.0, 1.0)
        cells = _likely(encoder, random.standard_normal(n_rows) * reach + middle, random)
        columns[encoder.name] = cells.mask(random.random(n_rows) < 0.05)
    return pd.DataFrame(columns)


def edge_rows(schema: Schema, seed: int = 0) -> pd.DataFrame:
    """Rows of missing cells, unseen and oddly spelt words, and extreme numbers: the first one has nothing else but
    missing cells, then each column goes through all of its own, and then they are mixed."""
    cells = {encoder.name: _edges(encoder, schema.missing) for encoder in schema.encoders}
    longest = max(map(len, cells.values()))
    random = np.random.default_rng(seed)
    columns = {}
    for name, values in cells.items():
        mixed = random.integers(0, len(values), 2 * longest)
        columns[name] = values.iloc[[0, *(np.arange(longest) % len(values)), *mixed]].reset_index(drop=True)
    return pd.DataFrame(columns)


def _likely(encoder: Encoder, numbers: FloatArray, random: np.random.Generator) -> "pd.Series[Any]":
    if isinstance(encoder, NumberColumn):
        return pd.Series(numbers)
    if isinstance(encoder, DateColumn):
        return pd.Series(_days(np.clip(numbers, -_FAR_DAYS, _FAR_DAYS)))
    words = encoder.categories if isinstance(encoder, CategoryColumn) else ("true", "false")
    return pd.Series(random.choice(np.array(words, dtype=object), len(numbers)), dtype="str")


def _edges(encoder: Encoder, missing: Sequence[str]) -> "pd.Series[Any]":
    """What one column goes through, a missing cell first."""
    if isinstance(encoder, NumberColumn):
        return pd.Series([*_EDGE_NUMBERS, *(number for number in read_numbers(missing) if not np.isnan(number))])
    if isinstance(encoder, DateColumn):
        return pd.Series(np.array(_EDGE_DAYS, dtype="datetime64[us]"))
    known = encoder.categories[:_SHOWN_CATEGORIES] if isinstance(encoder, CategoryColumn) else _TRUTHS
    return pd.Series([*_EDGE_WORDS, *missing, *known, f"\u3000{known[0]}\n", f" {known[-1]}.0"], dtype="str")


def _days(since_2000: FloatArray) -> NDArray[np.datetime64]:
    return np.datetime64("2000-01-01", "us") + (since_2000 * 86_400e6).astype("timedelta64[us]")
