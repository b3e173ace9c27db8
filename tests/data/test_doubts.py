"""Notes on columns that may have been read otherwise than they were meant: on evidence, and nowhere else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autoproc.data.doubts import find_doubts
from autoproc.data.problem import define_problem
from autoproc.data.table import Table, read_table
from autoproc.data.vectorize import Schema
from autoproc.plan import Plan

N = 900
RANDOM = np.random.default_rng(0)
MEASURED = RANDOM.normal(size=N)


def doubts(table: Table) -> tuple[str, ...]:
    problem = define_problem(table, Plan(target=("y",)))
    schema = Schema.fit(table, problem)
    return find_doubts(table, problem, schema, schema.matrix(table))


def written(folder: Path, x: object) -> Table:
    """A table from a file, in which cells are text."""
    pd.DataFrame({"y": RANDOM.normal(size=N), "other": MEASURED, "x": x}).to_csv(folder / "t.csv", index=False)
    return read_table(folder / "t.csv")


@pytest.mark.parametrize(
    ("x", "note"),
    [
        (
            np.where(np.arange(N) % 10, MEASURED.round(4).astype(str), "n/a"),
            "Column 'x' was read as words, because only 90% of its cells are numbers. If it should hold numbers, mend "
            "the other cells, such as 'n/a', or count them as missing with --missing.",
        ),
        (
            [f"{value:,.0f}".replace(",", ".") for value in np.exp(RANDOM.normal(8, 2, N))],
            "may part thousands with a point: ",
        ),
        (
            [f"word {i % 290}" for i in range(N)],
            "Column 'x' has 290 categories in 900 cells; the 256 most frequent are told apart, and all others are one.",
        ),
        (
            [f"word {i % 400}" for i in range(N)],
            "Column 'x' has 400 categories in 900 cells; the 100 most frequent are told apart, and all others are one.",
        ),
        (
            [str(2**63 + int(i)) for i in RANDOM.integers(50, size=N)],
            "Column 'x' holds whole numbers of more than 15 digits, of which the last are cut off: 50 different ones "
            "become 1.",
        ),
    ],
    ids=["words among numbers", "thousands", "categories", "rare categories", "digits"],
)
def test_what_may_have_been_meant_otherwise_is_told(tmp_path: Path, x: object, note: str) -> None:
    [told] = doubts(written(tmp_path, x))
    assert note in told


@pytest.mark.parametrize(
    "x",
    [
        MEASURED,
        MEASURED.round(3),
        [f"{value:.3f}" for value in MEASURED + 5],
        RANDOM.integers(10**6, size=N),
        RANDOM.integers(2**52, size=N),
        np.where(np.arange(N) % 10, RANDOM.integers(9, size=N).astype(str), "many"),
        np.where(np.arange(N) % 3, "word", RANDOM.integers(50, size=N).astype(str)),
        RANDOM.choice(list("abc"), N),
        [f"{'A' if i % 2 else 'B'}{i % 100}" for i in range(N)],
    ],
    ids=["floats", "three decimals", "three each", "counts", "large", "few numbers", "words", "letters", "codes"],
)  # fmt: skip
def test_where_there_is_no_doubt_nothing_is_told(tmp_path: Path, x: object) -> None:
    assert doubts(written(tmp_path, x)) == ()


def test_a_few_are_told_and_typed_numbers_are_beyond_doubt() -> None:
    mixed = np.where(np.arange(N) % 10, MEASURED.round(4).astype(str), "n/a")
    assert len(doubts(read_table(pd.DataFrame({"y": MEASURED, **{f"x{i}": mixed for i in range(9)}})))) == 5
    typed = pd.DataFrame({"y": MEASURED, "x": np.where(np.arange(N) % 9, np.arange(N) / 1000 + 1.001, 7)})
    assert doubts(read_table(typed)) == ()
