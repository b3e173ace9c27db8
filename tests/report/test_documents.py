"""The plan, the record's parameters, the result and the card that a job leaves."""

import json
from pathlib import Path

import pytest

from autoproc import process
from autoproc.format import finite_or_null
from autoproc.plan import Plan, make_plan
from autoproc.prepared import Prepared
from autoproc.report import documents
from autoproc.tracking import names
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


def test_a_password_of_the_server_is_not_in_the_plan_that_is_kept(plan: Plan, prepared: Prepared) -> None:
    asked = plan.model_copy(update={"tracking_uri": "https://ann:s3cret@host:5000"})
    assert documents.resolved_plan(asked, prepared, Path("/home")).tracking_uri == "https://host:5000"


def test_what_a_job_is_made_of_is_the_same_for_the_same_table_and_plan(plan: Plan, prepared: Prepared) -> None:
    tags = documents.provenance(plan, prepared, "cpu")
    assert tags[names.TABLE] == prepared.fingerprint
    assert documents.provenance(plan, process.inspect(plan, tables.table()), "cpu") == tags
    reseeded = process.inspect(plan.model_copy(update={"seed": 1}), tables.table())
    assert documents.provenance(plan, reseeded, "cpu")[names.SPLITS] != tags[names.SPLITS]


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
