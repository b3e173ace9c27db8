"""What is decided before anything trains; whole jobs are tested in tests/end_to_end."""

import gc
import pickle
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autoproc import process
from autoproc.data.holdout import seal
from autoproc.data.table import read_table
from autoproc.deadline import NEVER
from autoproc.errors import DataError, PlanError
from autoproc.network.averaging import SHARE
from autoproc.network.engine import StackEngine
from autoproc.network.interface import train_together
from autoproc.plan import FinalKind, Plan, make_plan
from autoproc.prepared import Prepared
from autoproc.results import Finalist, FinalNetworks, Search, Selection, Trial
from autoproc.spec import Candidate, NetworkSpec, TrainSpec
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


class Searched:
    """A table whose search found two configurations, and their engine."""

    def __init__(self, engine: StackEngine, prepared: Prepared, plan: Plan) -> None:
        self.engine, self.prepared, self.plan = engine, prepared, plan
        self.warned: list[str] = []
        spec = TrainSpec(max_epochs=3, patience=0, batch_size=64)
        shapes = (NetworkSpec(1, 4), NetworkSpec(2, 8))
        trained = train_together(engine, [Candidate(shape, spec) for shape in shapes])
        self.finalists = tuple(
            Finalist(Trial(number, "complete", each.candidate.parameters, each.score, 3, 0.0, ""), each)
            for number, each in enumerate(trained)
        )

    def final(self, kind: FinalKind, memory: int | None = None, **changes: Any) -> FinalNetworks:
        """The final model of the kind; `changes` are made to the winner's training."""
        winner = replace(self.finalists[0], trained=replace(self.finalists[0].trained, **changes))
        selection = Selection((winner, *self.finalists[1:]), winner, "", None)
        plan = self.plan.model_copy(update={"final": kind, "memory_limit": memory})
        return process.final_networks(self.prepared, self.engine, plan, selection, self.warned.append)

    def is_of_folds(self, final: FinalNetworks) -> bool:
        return final.weights is self.finalists[0].trained.weights


@pytest.fixture(scope="module")
def _searched() -> Iterator[Searched]:
    plan = make_plan(None, {"target": "price", "device": "cpu", "protocol": {"folds": 3, "repeats": 1}})
    prepared = process.inspect(plan, tables.table("regression"))
    with closing(process.make_engine(prepared, plan, prepared.protocol.splits)) as engine:
        yield Searched(engine, prepared, plan)


@pytest.fixture
def searched(_searched: Searched) -> Searched:
    _searched.warned.clear()
    return _searched


@pytest.mark.parametrize(("kind", "n_networks"), [("folds", 3), ("refit", 1), ("refits", 5)])
def test_the_final_model_is_the_fold_networks_or_some_that_are_trained_on_all_rows(
    searched: Searched, kind: FinalKind, n_networks: int
) -> None:
    final = searched.final(kind)
    assert searched.is_of_folds(final) == (kind == "folds")
    assert {len(array) for array in final.weights.values()} == {n_networks}
    assert final.network == NetworkSpec(1, 4)
    assert [len(part) for part in final.out_of_fold] == [
        len(fold.validation) for fold in searched.prepared.protocol.splits
    ]
    starts = final.weights["hidden.0.weight"]
    assert len(np.unique(starts, axis=0)) == n_networks, "each starts from other weights"
    assert searched.warned == []


def test_an_ensemble_has_networks_of_several_finalists_in_one_shape(searched: Searched) -> None:
    final = searched.final("ensemble")
    assert final.network in (NetworkSpec(1, 4), NetworkSpec(2, 8))
    assert len(final.weights[SHARE]) in (3, 6)
    assert final.weights[SHARE].sum() == pytest.approx(1)


def test_a_refit_that_diverges_gives_way_to_the_fold_networks_with_a_warning(searched: Searched) -> None:
    trained = searched.finalists[0].trained
    wild = replace(trained.curves, learning_rate=np.full_like(trained.curves.learning_rate, 1e25))
    assert searched.is_of_folds(searched.final("refit", curves=wild, best_epochs=(3, 3, 3)))
    [warning] = searched.warned
    assert warning.startswith("The refit on all development rows failed (fold 1 diverged in epoch ")
    assert warning.endswith("; the fold networks are exported instead.")


def test_a_refit_for_which_there_is_no_memory_gives_way_too(searched: Searched) -> None:
    """What the search leaves behind can be more than the limit allows."""
    assert searched.is_of_folds(searched.final("refit", memory=1000))
    assert "The memory limit must leave room for training" in searched.warned[0]


@pytest.mark.parametrize(("kind", "n_networks"), [("folds", 3), ("refit", 1), ("refits", 5), ("ensemble", None)])
def test_what_is_shipped_has_learned_from_the_holdouts_rows_too(
    searched: Searched, kind: FinalKind, n_networks: int | None
) -> None:
    """With twice the rows a median or mean of all of them is another one; the schema stays as it was."""
    final, plan = searched.final(kind), searched.plan.model_copy(update={"final": kind})
    more = read_table(tables.table("regression", seed=9).assign(size=lambda frame: frame["size"] + 100))
    shipped = process.train_on_all_rows(searched.prepared, more, plan, final, searched.warned.append)
    assert shipped and searched.warned == []
    assert len(shipped.weights[SHARE]) == (n_networks or len(final.weights[SHARE]))
    assert shipped.network == final.network and shipped.out_of_fold is final.out_of_fold
    assert {name: array.shape for name, array in shipped.weights.items()} == {
        name: array.shape for name, array in final.weights.items()
    }
    assert (shipped.weights["input.center"][:, 0] > final.weights["input.center"][:, 0]).all()


def test_where_training_on_all_rows_fails_the_scored_model_stays(searched: Searched) -> None:
    scarce = searched.plan.model_copy(update={"final": "refit", "memory_limit": 1000})
    more = read_table(tables.table("regression", seed=9))
    assert (
        process.train_on_all_rows(searched.prepared, more, scarce, searched.final("refit"), searched.warned.append)
        is None
    )
    assert searched.warned[-1].startswith("Training on all rows failed (The memory limit must leave room")


def test_finalists_are_scored_on_fresh_folds_where_there_is_memory(searched: Searched) -> None:
    search = Search((), searched.finalists, "trials", 0.0)
    told: list[Finalist] = []
    prepared, plan, warned = searched.prepared, searched.plan, searched.warned
    selection = process.select_winner(prepared, plan, search, NEVER, told.append, warned.append)
    assert [each.trial.number for each in told] == [0, 1] and warned == []
    assert selection.optimism and all(each.fresh for each in selection.finalists)
    scarce = plan.model_copy(update={"memory_limit": 1000})
    unscored = process.select_winner(prepared, scarce, search, NEVER, told.append, warned.append)
    assert unscored.winner is searched.finalists[0] and unscored.optimism is None
    assert warned[0].startswith("The finalists are not scored on fresh folds: The memory limit")


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
