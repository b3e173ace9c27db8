"""Rows far outside of what training saw are told of; others of the same table are not, however few they are."""

import json

import numpy as np
import pandas as pd
import pytest

from autoproc.data.drift import Seen, count_odd, drift_hints
from autoproc.data.encoders import BooleanColumn, CategoryColumn, DateColumn, NumberColumn
from autoproc.data.vectorize import Schema
from autoproc.errors import BundleError

TOWNS = [f"town {i}" for i in range(400)]


def table(n_rows: int, seed: int) -> pd.DataFrame:
    """Heavy tails, holes, many rare categories, dates."""
    random = np.random.default_rng(seed)
    rarer = 1 / np.arange(1, len(TOWNS) + 1) ** 1.3
    frame = pd.DataFrame(
        {
            "size": random.standard_t(2, n_rows),
            "age": random.integers(0, 100, n_rows),
            "new": random.choice(["yes", "no"], n_rows),
            "town": random.choice(TOWNS, n_rows, p=rarer / rarer.sum()),
            "sold": (pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 900, n_rows), "D")).astype("str"),
        }
    )
    holes = random.random(frame.shape) < [0.3, 0, 0.02, 0.1, 0]
    return frame.astype({"age": "float", "sold": object}).mask(holes)


TRAINING = table(1_000, seed=0)
_COUNTS = TRAINING["town"].value_counts()
SCHEMA = Schema(
    (
        NumberColumn("size", indicator=True),
        NumberColumn("age", indicator=False),
        BooleanColumn("new", indicator=True),
        CategoryColumn("town", tuple(_COUNTS[_COUNTS >= 3].index)),
        DateColumn("sold", "ISO8601", ("year",), indicator=False),
    )
)
SEEN = Seen.of(SCHEMA, SCHEMA.matrix(TRAINING))


def told(frame: pd.DataFrame) -> dict[str, str]:
    odd = count_odd(SCHEMA, SEEN, SCHEMA.matrix(frame))
    return {f"{hint.column} {hint.sign}": hint.text for hint in drift_hints(SCHEMA, SEEN, odd)}


@pytest.mark.parametrize("n_rows", [1, 3, 10, 50, 300, 3_000])
def test_rows_of_the_same_table_are_hardly_ever_told_of(n_rows: int) -> None:
    n_draws = 150
    drawn = SCHEMA.matrix(table(n_draws * n_rows, seed=n_rows)).reshape(n_draws, n_rows, -1)
    alarms = [drift_hints(SCHEMA, SEEN, count_odd(SCHEMA, SEEN, rows)) for rows in drawn]
    assert sum(map(bool, alarms)) <= 0.02 * n_draws


@pytest.mark.parametrize("n_rows", [1, 2])
def test_one_or_two_odd_rows_are_no_alarm(n_rows: int) -> None:
    odd = table(n_rows, seed=1).assign(size=1e9, age=np.nan, town="Atlantis", sold="1700-01-01")
    assert told(odd) == {}


def test_each_sign_is_told_with_its_figures() -> None:
    frame = table(200, seed=1)
    frame.loc[:19, "age"] = np.nan
    frame.loc[:49, "size"] = 1e6
    frame.loc[:99, "town"] = "Atlantis"
    frame["sold"] = "2031-05-06"
    found = told(frame)
    assert found["age missing"] == "'age': 20 of 200 cells (10 %) are missing or cannot be read, in training 0 %"
    assert found["size beyond"].startswith("'size': 50 of ")
    assert "lie beyond what training saw, " in found["size beyond"]
    assert "are unknown to the model" in found["town unseen"] and "were to be expected" in found["town unseen"]
    ends = f"2020-01-01 to {TRAINING['sold'].max()}"
    assert found["sold beyond"] == f"'sold': 200 of 200 dates (100 %) lie beyond what training saw, {ends}"
    assert len(found) == 4


def test_words_among_numbers_count_as_missing() -> None:
    assert list(told(table(50, seed=2).assign(age="n/k"))) == ["age missing"]


def test_a_column_that_is_often_missing_is_told_of_where_it_always_is() -> None:
    assert list(told(table(60, seed=3).assign(size=np.nan))) == ["size missing"]


def test_a_little_more_than_in_training_is_not_far_however_many_rows_there_are() -> None:
    frame = table(40_000, seed=4)
    frame.loc[:1_500, "age"] = np.nan  # 4 points above training: beyond chance, but not far
    assert told(frame) == {}
    frame.loc[:2_100, "age"] = np.nan
    assert list(told(frame)) == ["age missing"]


def test_counts_of_parts_add_up() -> None:
    frame = table(300, seed=5).assign(town="Atlantis")
    matrix = SCHEMA.matrix(frame)
    whole = count_odd(SCHEMA, SEEN, matrix)
    parts = count_odd(SCHEMA, SEEN, matrix[:7]) + count_odd(SCHEMA, SEEN, matrix[7:])
    assert drift_hints(SCHEMA, SEEN, parts) == drift_hints(SCHEMA, SEEN, whole) != ()


def test_what_training_saw_comes_back_as_it_was_written() -> None:
    content = json.loads(json.dumps(SEEN.to_json()))
    assert Seen.from_json(content, SCHEMA) == SEEN
    matrix = SCHEMA.matrix(TRAINING)
    assert count_odd(SCHEMA, Seen.from_json(content, SCHEMA), matrix).beyond.sum() == 0  # its own ends are within


def test_nothing_of_a_column_without_cells() -> None:
    seen = Seen.of(SCHEMA, SCHEMA.matrix(TRAINING.assign(size=np.nan)))
    assert seen.columns[0].quantiles is None
    odd = count_odd(SCHEMA, seen, SCHEMA.matrix(TRAINING))
    assert drift_hints(SCHEMA, seen, odd) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_rows": -1}, "damaged at n_rows"),
        ({"n_rows": "many"}, "damaged at n_rows"),
        ({"columns": []}, "of other columns"),
        ({"columns": [{"name": "size", "n_missing": True}]}, r"damaged at columns\.0\.n_missing"),
        ({"columns": [{"name": "size", "n_missing": 0, "quantiles": [1.0]}]}, r"columns\.0\.quantiles"),
        ({"columns": [{"name": "size", "n_missing": 0, "quantiles": [float("nan")] * 7}]}, r"quantiles\.0"),
        ({"columns": [{"name": "size", "n_missing": 0, "more": 1}]}, "more"),
        ({"columns": "size"}, "damaged at columns"),
    ],
)
def test_what_was_not_written_so_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        Seen.from_json({**SEEN.to_json(), **change}, SCHEMA)
