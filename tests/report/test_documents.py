"""The plan, the record's parameters, the result and the card that a job leaves."""

import json
from pathlib import Path

import pytest

from autoproc import process
from autoproc.format import finite_or_null
from autoproc.plan import Plan, make_plan
from autoproc.prepared import Prepared
from autoproc.report import documents
from tests.end_to_end import tables
from tests.report import facts_data as data


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(None, {"target": "failed", "metric": ["f1", "roc_auc"], "reopen_holdout": "why not"})


@pytest.fixture(scope="module")
def prepared(plan: Plan) -> Prepared:
    return process.inspect(plan, tables.table())


def test_the_resolved_plan_names_what_was_decided_and_runs_again_as_it_is(plan: Plan, prepared: Prepared) -> None:
    resolved = documents.resolved_plan(plan, prepared, Path("/home"))
    assert (resolved.task, resolved.metric, resolved.positive) == ("binary", ("f1", "roc_auc"), "yes")
    assert (resolved.protocol.kind, resolved.protocol.folds, resolved.protocol.repeats) == ("repeated_k_fold", 5, 2)
    assert (resolved.final, resolved.home, resolved.experiment) == ("ensemble", "/home", "frame: failed")
    assert resolved.reopen_holdout is None, "a reason holds for one opening"
    assert documents.resolved_plan(resolved, prepared, Path("/home")) == resolved


def test_the_records_parameters_are_flat(plan: Plan, prepared: Prepared) -> None:
    told = documents.parameters(plan, prepared)
    assert (told["metric"], told["final"], told["cost"]) == ("f1", "ensemble", "none")
    assert str(told["beside"]).startswith("roc_auc")
    assert all(isinstance(value, str | int | float | bool) for value in told.values())


def test_the_card_says_what_the_model_is_and_nothing_of_the_holdout(plan: Plan, prepared: Prepared) -> None:
    winner = data.selection().winner
    card = json.loads(json.dumps(finite_or_null(documents.card(prepared, plan, winner, "folds", data.decision(), 0.3))))
    assert (card["task"], card["targets"], card["classes"]) == ("binary", ["failed"], ["no", "yes"])
    assert (card["threshold"], card["final"], card["winner"]["number"]) == (0.3, "folds", 0)
    assert "verdict" not in card and {"python", "torch", "autoproc"} <= card["versions"].keys()
