"""From the search's finalists to the exported networks."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any, get_args
from weakref import ref

import numpy as np
import pytest

from autoproc import finishing, process
from autoproc.calibration import tempered
from autoproc.data.metrics import METRICS
from autoproc.data.table import Table, read_table
from autoproc.deadline import NEVER, Deadline
from autoproc.errors import DataError
from autoproc.finishing import Engines
from autoproc.network.averaging import SHARE
from autoproc.network.engine import StackEngine
from autoproc.network.interface import train_together
from autoproc.network.predictor import Predictor
from autoproc.outcomes import Finalist, FinalNetworks, OutOfFold, Search, Selection
from autoproc.plan import FinalKind, Plan, make_plan
from autoproc.prepared import Prepared
from autoproc.results import FRESH, Fold, Trained, Trial
from autoproc.spec import Candidate, NetworkSpec, TrainSpec
from tests.end_to_end import tables

QUICK = TrainSpec(max_epochs=3, patience=0, batch_size=64)


class Searched:
    """A table whose search found two configurations, and their engine."""

    def __init__(self, engine: StackEngine, prepared: Prepared, plan: Plan, spec: TrainSpec = QUICK) -> None:
        self.engine, self.prepared, self.plan = engine, prepared, plan
        self.warned: list[str] = []
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
        return finishing.final_networks(Engines(self.prepared, plan, self.warned.append), selection)

    def of_all_rows(
        self, final: FinalNetworks, kind: FinalKind, holdout: Table, deadline: Deadline = NEVER, **changes: Any
    ) -> FinalNetworks | None:
        """The final model of the kind, trained on the holdout's rows too; `changes` are made to the plan."""
        plan = self.plan.model_copy(update={"final": kind, **changes})
        selection = Selection(self.finalists, self.finalists[0], "", None)
        engines = Engines(self.prepared, plan, self.warned.append)
        return finishing.train_on_all_rows(engines, holdout, selection, final, deadline)

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


@pytest.mark.parametrize("kind", get_args(FinalKind))
def test_the_final_model_knows_of_what_kind_it_came_out(searched: Searched, kind: FinalKind) -> None:
    assert searched.final(kind).kind == kind
    scarce = searched.final(kind, memory=1000)
    assert scarce.kind == ("folds" if kind in ("refit", "refits") else kind)


def test_a_refit_for_which_there_is_no_memory_gives_way_too(searched: Searched) -> None:
    """What the search leaves behind can be more than the limit allows."""
    assert searched.is_of_folds(searched.final("refit", memory=1000))
    assert "The memory limit must leave room for training" in searched.warned[0]


@pytest.mark.parametrize(("kind", "n_networks"), [("folds", 3), ("refit", 1), ("refits", 5), ("ensemble", None)])
def test_what_is_shipped_has_learned_from_the_holdouts_rows_too(
    searched: Searched, kind: FinalKind, n_networks: int | None
) -> None:
    """With twice the rows a median or mean of all of them is another one; the schema stays as it was."""
    final = searched.final(kind)
    more = read_table(tables.table("regression", seed=9).assign(size=lambda frame: frame["size"] + 100))
    shipped = searched.of_all_rows(final, kind, more)
    assert shipped and searched.warned == []
    assert len(shipped.weights[SHARE]) == (n_networks or len(final.weights[SHARE]))
    assert shipped.network == final.network and shipped.out_of_fold is final.out_of_fold
    assert {name: array.shape for name, array in shipped.weights.items()} == {
        name: array.shape for name, array in final.weights.items()
    }
    assert (shipped.weights["input.center"][:, 0] > final.weights["input.center"][:, 0]).all()


def test_where_training_on_all_rows_fails_the_scored_model_stays(searched: Searched) -> None:
    more = read_table(tables.table("regression", seed=9))
    assert searched.of_all_rows(searched.final("refit"), "refit", more, memory_limit=1000) is None
    assert searched.warned[-1].startswith("Training on all rows failed (The memory limit must leave room")


def test_finalists_are_scored_on_fresh_folds_where_there_is_memory(searched: Searched) -> None:
    search = Search((), searched.finalists, "trials", 0.0)
    told: list[Finalist] = []
    prepared, warned = searched.prepared, searched.warned
    engines = Engines(prepared, searched.plan, warned.append)
    selection = finishing.select_winner(engines, search, NEVER, told.append)
    assert [each.trial.number for each in told] == [0, 1] and warned == []
    assert selection.optimism and all(each.fresh for each in selection.finalists)
    scarce = replace(engines, plan=searched.plan.model_copy(update={"memory_limit": 1000}))
    unscored = finishing.select_winner(scarce, search, NEVER, told.append)
    assert unscored.winner is searched.finalists[0] and unscored.optimism is None
    assert warned[0].startswith("The finalists are not scored on fresh folds: The memory limit")
    assert unscored.reason == "the search's best, which was not scored on fresh folds for want of memory"
    unsplit = engines.on(replace(prepared, protocol=replace(prepared.protocol, fresh=())))
    first = finishing.select_winner(unsplit, search, NEVER, told.append)
    assert first.reason.endswith("on fresh folds for want of another way to split the rows")


def alone(searched: Searched, final: FinalNetworks, time: str | None) -> np.ndarray:
    plan, matrix = searched.plan.model_copy(update={"time": time}), searched.prepared.matrix
    return finishing.winner_alone(searched.prepared, plan, searched.finalists[0], final)(matrix)


def test_the_winners_networks_predict_one_by_one(searched: Searched) -> None:
    folds, ensemble = searched.final("folds"), searched.final("ensemble")
    predicted = alone(searched, ensemble, None)
    assert len(predicted) == 3
    average = finishing.final_model(searched.prepared, folds, OutOfFold({}, None, None), searched.plan).predict
    np.testing.assert_allclose(predicted.mean(axis=0), average(searched.prepared.matrix), rtol=1e-5)


def test_by_time_it_is_the_network_that_has_seen_the_latest_rows(searched: Searched) -> None:
    folds, refit = searched.final("folds"), searched.final("refit")
    np.testing.assert_array_equal(alone(searched, folds, "day"), alone(searched, folds, None)[-1:])
    model = finishing.final_model(searched.prepared, refit, OutOfFold({}, None, None), searched.plan)
    np.testing.assert_array_equal(alone(searched, refit, "day")[0], model.predict(searched.prepared.matrix))


@pytest.fixture(scope="module")
def certain() -> Searched:
    """Two classes, of which the networks are far too certain, so that a temperature pays; the finalists have networks
    of fresh folds too."""

    def sharpened(trained: Trained) -> Trained:
        last = {name: trained.weights[name] / np.float32(0.3) for name in ("output.weight", "output.bias")}
        return replace(trained, weights={**trained.weights, **last})

    protocol = {"kind": "k_fold", "folds": 3}
    plan = make_plan(None, {"target": "failed", "device": "cpu", "protocol": protocol})
    prepared = process.inspect(plan, tables.table("binary"))
    engines = Engines(prepared, plan, print)
    with engines.open(prepared.protocol.splits) as engine:
        searched = Searched(engine, prepared, plan, TrainSpec(20, 0, batch_size=32, learning_rate=0.01))
    search = Search((), searched.finalists, "trials", 0.0)
    selection = finishing.select_winner(engines, search, NEVER, lambda each: None)
    searched.finalists = tuple(
        replace(each, trained=sharpened(each.trained), fresh=sharpened(each.rescored))
        for each in selection.finalists
        if each.rescored
    )
    return searched


def decided(searched: Searched, final: FinalNetworks) -> OutOfFold:
    """What is decided about the final model, which needs a temperature."""
    decision = finishing.decide_by_out_of_fold(searched.prepared, searched.finalists[0], final, searched.plan)
    assert decision.calibration and decision.calibration.used and decision.calibration.temperature > 1.5
    return decision


def unseen(searched: Searched, final: FinalNetworks) -> list[tuple[Fold, np.ndarray]]:
    """What each network of the final model predicts of its own fold's validation rows."""
    weights = final.weights
    folds = [fold for trained, _ in final.parts for fold in searched.prepared.protocol.folds_of(trained)]
    task, layout = searched.prepared.problem.task, searched.prepared.schema.layout
    networks = [
        Predictor(task, layout, {name: array[[k]] for name, array in weights.items()}) for k in range(len(folds))
    ]
    assert len(weights[SHARE]) == len(folds)
    rows = [searched.prepared.matrix[fold.validation] for fold in folds]
    return [(fold, each.mean(mine)) for fold, each, mine in zip(folds, networks, rows, strict=True)]


def test_exported_fold_networks_predict_what_was_scored(certain: Searched) -> None:
    """Where one network alone has not been trained on a row, its calibrated prediction is the one that was scored."""
    without = replace(certain.finalists[0], fresh=None)
    selection = Selection((without,), without, "", None)
    plan = certain.plan.model_copy(update={"final": "folds"})
    final = finishing.final_networks(Engines(certain.prepared, plan, certain.warned.append), selection)
    decision = decided(certain, final)
    assert decision.calibration
    predicted = [(fold, tempered(part, decision.calibration.temperature)) for fold, part in unseen(certain, final)]
    for name, score in decision.scores.items():
        again = [METRICS[name].one(certain.prepared.targets[fold.validation], part) for fold, part in predicted]
        assert score.folds == pytest.approx(again, rel=1e-4), name


@pytest.mark.parametrize("kind", ["folds", "ensemble"])
def test_exported_networks_are_those_that_were_scored_and_their_average_is_tempered(
    certain: Searched, kind: FinalKind
) -> None:
    final = certain.final(kind)
    decision, prepared = decided(certain, final), certain.prepared
    assert decision.calibration
    totals, counts = np.zeros((2, prepared.protocol.n_development))
    for share, (fold, part) in zip(final.weights[SHARE], unseen(certain, final), strict=True):
        totals[fold.validation] += share * part
        counts[fold.validation] += share
    for rows, scored in zip(prepared.protocol.splits, final.out_of_fold, strict=True):
        np.testing.assert_allclose((totals / counts)[rows.validation], scored, rtol=1e-4, atol=1e-6)
    model = finishing.final_model(prepared, finishing.calibrated(final, decision), decision, certain.plan)
    average = Predictor(prepared.problem.task, prepared.schema.layout, final.weights).mean(prepared.matrix)
    cooled = tempered(average, decision.calibration.temperature)
    np.testing.assert_allclose(model.predict(prepared.matrix), cooled, rtol=1e-5)


@pytest.mark.parametrize("kind", ["folds", "ensemble"])
def test_networks_of_fresh_folds_are_trained_on_all_rows_too(certain: Searched, kind: FinalKind) -> None:
    final, more = certain.final(kind), read_table(tables.table("binary", seed=9))
    shipped = certain.of_all_rows(final, kind, more)
    assert shipped and certain.warned == []
    in_order = sorted(final.parts, key=lambda part: part[0].fold_set == FRESH)
    assert {each.fold_set for each, _ in in_order} == {0, FRESH}
    for (again, count), (scored, counted) in zip(shipped.parts, in_order, strict=True):
        assert (again.fold_set, again.candidate, count) == (scored.fold_set, scored.candidate, counted)


def test_where_all_rows_cannot_be_split_anew_the_scored_model_stays(
    certain: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the networks of fresh folds it would be a model of another kind than the one that was scored."""
    final, more = certain.final("folds"), read_table(tables.table("binary", seed=9))
    choose = finishing.choose_protocol
    monkeypatch.setattr(finishing, "choose_protocol", lambda *args: replace(choose(*args), fresh=()))
    assert certain.of_all_rows(final, "folds", more) is None
    assert certain.warned == [
        "Training on all rows failed (all rows cannot be split anew, as fresh folds are); the model that was scored is "
        "exported."
    ]
    certain.warned.clear()


@pytest.mark.parametrize(
    ("step", "error", "reason"),
    [
        ("autoproc.data.table.Table.with_rows", MemoryError(), "out of memory"),
        ("autoproc.data.vectorize.Schema.matrix", MemoryError("no room for 3 GB"), "no room for 3 GB"),
        ("autoproc.finishing.encode_target", DataError("a class is new"), "a class is new"),
    ],
)
def test_where_all_rows_cannot_be_made_ready_the_scored_model_stays(
    searched: Searched, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception, reason: str
) -> None:
    def broken(*arguments: object) -> None:
        raise error

    final, more = searched.final("refit"), read_table(tables.table("regression", seed=9))
    monkeypatch.setattr(step, broken)
    assert searched.of_all_rows(final, "refit", more) is None
    assert searched.warned == [f"Training on all rows failed ({reason}); the model that was scored is exported."]


@pytest.mark.parametrize("kind", ["folds", "refit"])
def test_without_time_for_all_rows_the_scored_model_stays(searched: Searched, kind: FinalKind) -> None:
    more = read_table(tables.table("regression", seed=9))
    assert searched.of_all_rows(searched.final(kind), kind, more, Deadline.after(0)) is None
    assert searched.warned == ["There was no time to train on all rows; the model that was scored is exported."]


@pytest.mark.parametrize(
    ("ship", "final", "expected"),
    [("development", "ensemble", (1, 0)), ("all-rows", "ensemble", (1, 2)), ("all-rows", "folds", (1, 0.4))],
)
def test_what_is_trained_after_the_search_is_planned(
    searched: Searched, ship: str, final: str, expected: tuple[float, float]
) -> None:
    plan = searched.plan.model_copy(update={"ship": ship, "final": final})
    assert finishing.trained_again(plan, searched.prepared.protocol) == expected


def test_the_memory_is_that_of_the_largest_engine(searched: Searched) -> None:
    prepared = searched.prepared
    engines = Engines(prepared, searched.plan, print)
    estimates = []
    for network, rows in ((NetworkSpec(2, 400), engines.on(prepared)), (NetworkSpec(1, 4), engines)):
        with rows.open(prepared.protocol.splits) as engine:
            engine.start(0, Candidate(network, QUICK))
            estimates.append(engine.engine.memory.estimated)
    assert engines.memory.estimated == max(estimates) and engines.memory.peak >= engine.engine.memory.peak


def test_what_an_engine_held_is_free_when_the_next_one_opens(searched: Searched) -> None:
    engines, folds = Engines(searched.prepared, searched.plan, print), searched.prepared.protocol.splits
    with engines.open(folds) as engine:
        data = ref(engine.engine._data)
    del engine
    with engines.open(folds):
        assert data() is None
