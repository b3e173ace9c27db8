"""From the search's finalists to the exported networks."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autoproc import finishing, process
from autoproc.data.table import read_table
from autoproc.deadline import NEVER
from autoproc.network.averaging import SHARE
from autoproc.network.engine import StackEngine
from autoproc.network.interface import train_together
from autoproc.outcomes import Finalist, FinalNetworks, Search, Selection
from autoproc.plan import FinalKind, Plan, make_plan
from autoproc.prepared import Prepared
from autoproc.results import Trial
from autoproc.spec import Candidate, NetworkSpec, TrainSpec
from tests.end_to_end import tables


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
        return finishing.final_networks(self.prepared, plan, selection, self.warned.append)

    def is_of_folds(self, final: FinalNetworks) -> bool:
        mine = self.finalists[0].trained.weights
        return all(np.array_equal(final.weights[name], mine[name]) for name in mine)


@pytest.fixture(scope="module")
def _searched() -> Iterator[Searched]:
    plan = make_plan(None, {"target": "price", "device": "cpu", "protocol": {"folds": 3, "repeats": 1}})
    prepared = process.inspect(plan, tables.table("regression"))
    with closing(finishing.make_engine(prepared, plan, prepared.protocol.splits)) as engine:
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
    selection = Selection(searched.finalists, searched.finalists[0], "", None)
    shipped = finishing.train_on_all_rows(searched.prepared, more, plan, selection, final, searched.warned.append)
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
    final, selection = searched.final("refit"), Selection(searched.finalists, searched.finalists[0], "", None)
    shipped = finishing.train_on_all_rows(searched.prepared, more, scarce, selection, final, searched.warned.append)
    assert shipped is None
    assert searched.warned[-1].startswith("Training on all rows failed (The memory limit must leave room")


def test_finalists_are_scored_on_fresh_folds_where_there_is_memory(searched: Searched) -> None:
    search = Search((), searched.finalists, "trials", 0.0)
    told: list[Finalist] = []
    prepared, plan, warned = searched.prepared, searched.plan, searched.warned
    selection = finishing.select_winner(prepared, plan, search, NEVER, told.append, warned.append)
    assert [each.trial.number for each in told] == [0, 1] and warned == []
    assert selection.optimism and all(each.fresh for each in selection.finalists)
    scarce = plan.model_copy(update={"memory_limit": 1000})
    unscored = finishing.select_winner(prepared, scarce, search, NEVER, told.append, warned.append)
    assert unscored.winner is searched.finalists[0] and unscored.optimism is None
    assert warned[0].startswith("The finalists are not scored on fresh folds: The memory limit")
    assert unscored.reason == "the search's best: it was not scored on fresh folds for want of memory"
    alone = replace(prepared, protocol=replace(prepared.protocol, fresh=()))
    unsplit = finishing.select_winner(alone, plan, search, NEVER, told.append, warned.append)
    assert unsplit.reason.endswith("on fresh folds for want of another way to split the rows")
