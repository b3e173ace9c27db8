"""What is decided before anything trains; whole jobs are tested in tests/end_to_end."""

import gc
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autoproc import process
from autoproc.data.holdout import seal
from autoproc.data.receipts import write_receipt
from autoproc.data.table import read_table
from autoproc.errors import DataError, PlanError
from autoproc.plan import make_plan
from tests.end_to_end import tables

MARK = "sealed cell"


def marked() -> pd.DataFrame:
    """A table in which every cell of the rows to be sealed carries a mark, but for the target."""
    frame = tables.table()
    development, _ = seal(read_table(frame), make_plan(None, {"target": "failed"}))
    sealed = np.setdiff1d(np.arange(len(frame)), development.lines)
    frame = frame.astype(dict.fromkeys(tables.FEATURES, object))
    frame.loc[sealed, list(tables.FEATURES)] = MARK
    return frame


def test_inspect_decides_without_training_or_writing_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    prepared = process.inspect(make_plan(None, {"target": "failed"}), tables.table())
    assert (prepared.problem.task, prepared.chosen.metric.name) == ("binary", "average_precision")
    protocol = prepared.protocol
    assert (protocol.n_development, protocol.n_holdout) == (192, 48)
    assert prepared.development.n_rows == len(prepared.matrix) == len(prepared.targets) == 192
    assert prepared.matrix.shape[1] == prepared.schema.layout.n_columns
    assert sorted(np.concatenate([fold.validation for fold in protocol.splits[:5]])) == list(range(192))
    assert list(tmp_path.iterdir()) == []


def test_nothing_that_the_steps_get_holds_a_sealed_cell() -> None:
    plan = make_plan(None, {"target": "failed"})
    frame = marked()
    assert MARK in pickle.dumps(frame).decode("latin-1")
    prepared = process.inspect(plan, frame)
    assert MARK not in pickle.dumps(prepared).decode("latin-1")
    assert {column.kind for column in prepared.problem.columns} == {"numeric", "categorical", "datetime"}
    del frame
    gc.collect()
    held = [thing for thing in _reachable(prepared) if isinstance(thing, str) and MARK in thing]
    assert held == []


def _reachable(start: object) -> list[object]:
    """Everything that can be reached from a value, modules and classes left aside."""
    seen: dict[int, object] = {}
    waiting = [start]
    while waiting:
        thing = waiting.pop()
        if id(thing) not in seen and not isinstance(thing, type) and type(thing).__name__ not in ("module", "function"):
            seen[id(thing)] = thing
            waiting += gc.get_referents(thing)
    return list(seen.values())


def test_the_seal_follows_from_the_seed() -> None:
    first, again, other = (
        process.inspect(make_plan(None, {"target": "failed", "seed": seed}), tables.table()) for seed in (0, 0, 1)
    )
    assert (first.development.lines == again.development.lines).all()
    assert (first.development.lines != other.development.lines).any()
    assert first.fingerprint == other.fingerprint


def test_rows_without_a_target_are_left_out_with_a_notice() -> None:
    frame = tables.table("regression")
    frame.loc[::10, "price"] = np.nan
    prepared = process.inspect(make_plan(None, {"target": "price"}), frame)
    assert prepared.protocol.n_development + prepared.protocol.n_holdout == 216
    assert any("24 rows without a value in the target" in notice for notice in prepared.development.notices)


def test_dates_are_read_alike_by_the_seal_and_by_the_folds() -> None:
    """Only the sealed rows tell that the day comes first: without them the month would."""
    days = [f"{day:02d}/{month:02d}/2020" for month in range(1, 13) for day in ((3, 7) if month < 12 else (3, 30))]
    frame = tables.table("regression", n_rows=240).assign(day=np.repeat(days, 10))
    prepared = process.inspect(make_plan(None, {"target": "price", "time": "day", "holdout_share": 0.08}), frame)
    assert prepared.protocol.n_holdout == 20
    months = prepared.development.frame["day"].str[3:5].astype(int).to_numpy()
    for fold in prepared.protocol.splits:
        assert months[fold.train].max() <= months[fold.validation].min()


def test_a_request_without_a_table_or_with_one_that_is_none() -> None:
    plan = make_plan(None, {"target": "y"})
    with pytest.raises(PlanError, match="No table was named"):
        process.inspect(plan)
    with pytest.raises(DataError, match="is empty"):
        process.inspect(plan, pd.DataFrame())


def test_what_inspect_refuses_tune_refuses_before_it_makes_a_home(tmp_path: Path) -> None:
    plan = make_plan(None, {"target": "fialed", "home": str(tmp_path / "home")})
    messages = []
    for step in (process.inspect, process.tune):
        with pytest.raises(DataError) as caught:
            step(plan, tables.table())
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert not (tmp_path / "home").exists()


def test_inspect_knows_the_holdout_that_tune_would_open(tmp_path: Path) -> None:
    plan = make_plan(None, {"target": "failed", "home": str(tmp_path)})
    prepared = process.inspect(plan, tables.table())
    assert process.openings(plan, prepared) == ()
    receipt = write_receipt(tmp_path, prepared.holdout_key, "run", prepared.fingerprint, None)
    assert [opening.receipt for opening in process.openings(plan, prepared)] == [receipt]
    path = tables.write(tables.table(), tmp_path / "table.csv")
    of_file = plan.model_copy(update={"data": str(path), "holdout_share": 0.9999})
    assert [opening.receipt for opening in process.openings(of_file)] == [receipt], "whatever share is sealed"


def test_a_job_that_goes_on_has_the_rungs_for_which_there_was_memory() -> None:
    plan = make_plan(overrides={"target": ["failed"]})
    whole, fewer = (process.prepare(plan, tables.table(n_rows=200), n_rungs)[0].ladder for n_rungs in (None, 2))
    assert fewer.rungs == whole.rungs[:2] != whole.rungs
    assert "find no room" in fewer.reason and fewer.reason.startswith(whole.reason)
