"""Proposals of splits: on evidence, and nowhere else."""

import numpy as np
import pandas as pd
import pytest

from autoproc.data.problem import define_problem
from autoproc.data.proposals import propose
from autoproc.data.table import read_table
from autoproc.plan import Plan

N = 400
RANDOM = np.random.default_rng(0)
WHO = RANDOM.integers(0, 40, N)
BORN, TOWN = RANDOM.integers(0, 15, 40), RANDOM.choice(list("abcd"), 40)
PLAIN = pd.DataFrame(
    {
        "y": RANDOM.normal(size=N),
        "x": RANDOM.normal(size=N),
        "count": RANDOM.integers(0, 30, N),
        "word": RANDOM.choice(list("pqrs"), N),
    }
)


def proposals(frame: pd.DataFrame, **asked: str) -> tuple[str, ...]:
    plan = Plan.model_validate({"target": "y", **asked})
    table = read_table(frame)
    return propose(table, define_problem(table, plan), plan)


def test_a_column_with_attributes_of_its_own_looks_like_a_group() -> None:
    [told] = proposals(PLAIN.assign(who=WHO, born=BORN[WHO], town=TOWN[WHO]))
    assert told.startswith("Column 'who' looks like a group (40 values in 400 rows, and 'born', 'town' never vary ")
    assert "--group who keeps" in told


@pytest.mark.parametrize("name", ["patient", "query_id", "UserID", "store id"])
def test_a_repeated_id_looks_like_a_group_by_its_name(name: str) -> None:
    [told] = proposals(PLAIN.assign(**{name: WHO}))
    assert told.startswith(f"Column '{name}' looks like a group (40 values in 400 rows). If ")
    assert ("--group 'store id' keeps" in told) == (name == "store id")


def test_dates_are_proposed_as_a_time() -> None:
    [told] = proposals(PLAIN.assign(day=pd.date_range("2024-01-01", periods=N).strftime("%Y-%m-%d")))
    assert told.startswith("Column 'day' holds times, from 2024-01-01 to 2025-02-03. If the model will predict later ")
    assert "--time day seals" in told


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"id": np.arange(N)},  # a value of its own in each row
        {"level": WHO % 4, "same": WHO % 2},  # few values
        {"who": WHO, "copy": WHO},  # one attribute, which is the group itself
        {"who": WHO, "rare": WHO == 0, "rarer": WHO == 1},  # hardly ever anything else
        {"size": WHO + 0.5, "born": BORN[WHO], "town": TOWN[WHO]},  # a measure
    ],
)
def test_nothing_is_proposed_without_evidence(columns: dict[str, np.ndarray]) -> None:
    assert proposals(PLAIN.assign(**columns)) == ()


def test_what_the_plan_says_already_is_not_proposed() -> None:
    frame = PLAIN.assign(patient=WHO, day=pd.date_range("2024-01-01", periods=N).strftime("%Y-%m-%d"))
    assert len(proposals(frame)) == 2
    assert proposals(frame, group="patient", time="day") == ()


def test_a_sample_that_is_looked_at_first_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    born = np.where(np.arange(N) == 1, 99, BORN[WHO])  # varies once, in a row that the sample lacks
    frame = PLAIN.assign(who=WHO, born=BORN[WHO], town=TOWN[WHO], other=born, late=np.where(np.arange(N) > 390, 7, WHO))
    before = proposals(frame)
    monkeypatch.setattr("autoproc.data.proposals._SAMPLE_ROWS", 70)
    assert proposals(frame) == before
    assert len(before) == 1 and "'born', 'town' never vary" in before[0]
