"""Poison: whatever stands in the holdout's rows, everything that is decided before it is opened stays the same."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autoproc import process
from autoproc.data.holdout import SealedHoldout, seal
from autoproc.data.table import Table, read_table
from autoproc.plan import Plan, make_plan
from autoproc.tracking import names
from tests.end_to_end import tables
from tests.end_to_end.conftest import Recording

BEFORE = ("problem", "metric", "protocol", "baseline", "growth", "search", "selection")
TASKS = ("binary", "multiclass", "regression")
NO_TRAININGS = ("overview", "verdict")


@dataclass(frozen=True)
class Outcome:
    """All that a job decided before its verdict, the weights it exported, and the verdict's score."""

    decided: dict[str, Any]
    trainings: list[Any]
    weights: bytes
    score: float


Tune = Callable[..., Outcome]


@pytest.fixture
def tune(recorded: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tune:
    monkeypatch.chdir(tmp_path)

    def run(task: str, frame: pd.DataFrame | None = None, **asked: Any) -> Outcome:
        home = f"home {len(recorded)}"  # each job has receipts of its own
        # Forced, because three folds of few rows may not suffice for the gate; what it found is compared too.
        wishes = {**tables.SMALL, "target": tables.TARGETS[task], "home": home, "force": True, **asked}
        plan = make_plan(None, wishes)
        result = process.tune(plan, frame)
        content = result.to_json()
        return Outcome(
            decided={step: content[step] for step in BEFORE},
            trainings=[_training(child) for child in recorded[-1].children if child.stage not in NO_TRAININGS],
            weights=(result.model_path / "weights.safetensors").read_bytes(),
            score=content["verdict"]["score"],
        )

    return run


def _training(child: Any) -> Any:
    """A training without its times."""
    metrics = {name: value for name, value in child.metrics.items() if name != names.SECONDS}
    return child.name, child.state, child.parameters, metrics, child.curves, child.tags


def assert_blind(clean: Outcome, poisoned: Outcome) -> None:
    """The two differ in the verdict alone, bit for bit."""
    assert poisoned.decided == clean.decided
    rescored = [training for training in clean.trainings if training[0].startswith("fresh folds")]
    assert rescored and len(clean.trainings) - len(rescored) == 2 + 3 + 2 * 2 + 5
    assert poisoned.trainings == clean.trainings
    assert poisoned.weights == clean.weights
    assert poisoned.score != clean.score, "the poison reaches the verdict, or this test could not fail"


def garbage(frame: pd.DataFrame, task: str) -> pd.DataFrame:
    """Every cell replaced by one of the same kind that says something else: huge numbers, unknown words, far days."""
    [target] = tables.TARGETS[task]
    if task == "regression":
        wrong = -1e6 * frame[target]
    else:
        classes = sorted(frame[target].unique())
        wrong = frame[target].map(dict(zip(classes, [*classes[1:], classes[0]], strict=True)))
    return frame.assign(
        size=1e12 * np.arange(1, len(frame) + 1),
        load=-(frame["load"] ** 5),
        colour="ultraviolet",
        town=[f"nowhere {i}" for i in range(len(frame))],
        sold="1890-05-05 00:00",
        **{target: wrong},
    )


@pytest.mark.parametrize("task", TASKS)
def test_a_holdout_file_has_no_say_before_it_is_opened(tune: Tune, task: str) -> None:
    data = str(tables.write(tables.table(task), Path("table.csv")))
    fresh = tables.table(task, n_rows=90, seed=3)
    clean = tune(task, data=data, holdout=str(tables.write(fresh, Path("clean.csv"))))
    poisoned = tune(task, data=data, holdout=str(tables.write(garbage(fresh, task), Path("poison.csv"))))
    assert_blind(clean, poisoned)


@pytest.mark.parametrize("task", TASKS)
def test_sealed_rows_that_turn_to_garbage_have_no_say(tune: Tune, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = str(tables.write(tables.table(task), Path("table.csv")))
    clean = tune(task, data=data)

    def seal_and_poison(table: Table, plan: Plan) -> tuple[Table, SealedHoldout]:
        development, sealed = seal(table, plan)
        rows = np.setdiff1d(table.lines, development.lines) - 2  # the first row stands in line 2
        frame = garbage(tables.table(task).iloc[rows].reset_index(drop=True), task).astype("str")
        holdout = replace(table.take(rows), frame=frame)
        return development, SealedHoldout(holdout, sealed.key)

    monkeypatch.setattr(process, "seal", seal_and_poison)
    assert_blind(clean, tune(task, data=data))


@pytest.mark.parametrize("kind", ["csv", "frame"])
def test_cells_of_another_kind_in_sealed_rows_have_no_say(tune: Tune, kind: str) -> None:
    """In the table itself: were a column's kind, its categories or its scale read off all rows, it would show."""
    table = tables.table()
    plan = make_plan(None, {"target": "failed"})
    development, _ = seal(read_table(table), plan)
    poisoned = table.astype(dict.fromkeys(tables.FEATURES, object))
    sealed = np.setdiff1d(np.arange(len(table)), development.lines)
    for name in tables.FEATURES:
        poisoned.loc[sealed, name] = [f"~{name}~ {i % 3}" for i in range(len(sealed))]
    if kind == "frame":
        outcomes = [tune("binary", frame) for frame in (table, poisoned)]
    else:
        paths = [tables.write(frame, Path(f"{i}.csv")) for i, frame in enumerate((table, poisoned))]
        outcomes = [tune("binary", data=str(path)) for path in paths]
    assert_blind(*outcomes)
