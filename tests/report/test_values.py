"""What `--json`, `result.json` and a model's card hold of each step."""

import json
from dataclasses import replace

import pytest

from autoproc.data.metrics import METRICS, ChosenMetric
from autoproc.format import finite_or_null
from autoproc.outcomes import OutOfFold, Resamples
from autoproc.plan import CostPlan
from autoproc.report import values
from tests.report import facts_data as data


def everything() -> dict[str, values.Values]:
    return {
        "problem": values.problem_values(data.problem(), 10_000),
        "metric": values.metric_values(ChosenMetric(METRICS["rmse"], "the target is a number", ())),
        "protocol": values.protocol_values(data.protocol()),
        "baseline": values.baseline_values(data.baseline()),
        "growth": values.growth_values(data.growth()),
        "search": values.search_values(data.search()),
        "selection": values.selection_values(data.selection()),
        "decision": values.decision_values(data.decision(), CostPlan(false_negative=20.0)),
        "verdict": values.verdict_values(data.verdict()),
    }


@pytest.mark.parametrize(
    ("step", "keys"),
    [
        ("problem", {"task", "target", "n_rows", "n_features", "columns"}),
        ("metric", {"name", "direction", "reason"}),
        ("protocol", {"kind", "folds", "repeats", "reason", "n_development", "n_holdout"}),
        ("baseline", {"dummy", "network", "beats_dummy"}),
        ("growth", {"rungs", "verdict"}),
        ("search", {"n_trials", "n_pruned", "n_failed", "best"}),
        ("decision", {"out_of_fold", "calibration", "threshold", "cost"}),
        ("selection", {"winner", "reason", "finalists", "optimism"}),
        ("verdict", {"metric", "score", "interval", "cross_validated", "fresh", "optimism", "dummy", "receipt"}),
    ],
)
def test_every_step_has_the_keys_that_were_promised(step: str, keys: set[str]) -> None:
    assert keys <= everything()[step].keys()


def test_values_are_json_that_comes_back_as_it_was() -> None:
    assert json.loads(json.dumps(everything(), allow_nan=False)) == everything()


def test_the_problem_tells_of_every_column_and_counts_those_that_are_used() -> None:
    told = values.problem_values(data.problem(), 10_000)
    assert (told["task"], told["target"], told["n_rows"], told["n_features"]) == ("binary", ["failed"], 10_000, 2)
    assert told["classes"] == {"no": 7_727, "yes": 273}
    assert told["columns"][2] == {
        "name": "serial",
        "kind": "id",
        "used": False,
        "note": "a value of its own in each row",
    }


def test_the_baseline_stands_beside_the_dummy() -> None:
    told = values.baseline_values(data.baseline())
    assert (told["dummy"], told["network"], told["beats_dummy"]) == (pytest.approx(0.034), pytest.approx(0.55), True)
    assert told["params"] == data.baseline().network.candidate.parameters


def test_the_growth_verdict_is_the_witness_with_its_evidence() -> None:
    told = values.growth_values(data.growth())
    assert [rung["width"] for rung in told["rungs"]] == [32, 64]
    assert [rung["n_epochs"] for rung in told["rungs"]] == [40, 40]
    assert told["chosen"] == 1
    verdict = told["verdict"]
    assert (verdict["overfit"], verdict["rung"], verdict["epoch"]) == (True, 1, 31)
    assert verdict["evidence"] == told["rungs"][1]["evidence"]
    assert verdict["evidence"] == {
        "measure": "average_precision", "train_gain": 0.09, "validation_drop": 0.04, "noise": 0.01,
    }  # fmt: skip


def test_a_ladder_that_never_overfits_is_told_by_its_last_rung() -> None:
    growth = data.growth()
    calm = replace(growth.rungs[1], verdict=growth.rungs[0].verdict)
    told = values.growth_values(replace(growth, rungs=(growth.rungs[0], calm), overfit=False))
    assert (told["verdict"]["overfit"], told["verdict"]["rung"]) == (False, 1)


def test_the_search_counts_its_trials_and_names_the_best() -> None:
    told = values.search_values(data.search())
    assert (told["n_trials"], told["n_pruned"], told["n_failed"]) == (4, 1, 1)
    best = told["best"]
    assert (best["number"], best["score"]) == (3, pytest.approx(0.742))
    assert best["params"] == data.search().best.parameters
    assert best["standard_error"] == data.search().best.score.standard_error


def test_the_selection_has_both_scores_of_each_finalist() -> None:
    told = values.selection_values(data.selection())
    assert [each["number"] for each in told["finalists"]] == [3, 0]
    assert told["winner"] == told["finalists"][1]
    assert told["winner"]["fresh"]["score"] == pytest.approx(0.71)
    assert told["optimism"] == {"score": 0.082, "interval": [-0.01, 0.17]}
    best = data.search().finalists[0]
    alone = replace(data.selection(), finalists=(best,), winner=best, optimism=None)
    told = values.selection_values(alone)
    assert told["winner"]["fresh"] is None and told["optimism"] is None


def test_the_verdict_has_its_interval_and_its_receipt() -> None:
    told = values.verdict_values(data.verdict(opening=2, reason="again"))
    assert (told["score"], told["interval"], told["dummy"]) == (0.728, [0.64, 0.8], 0.034)
    assert told["beside"]["recall"] == {"score": 0.6, "interval": [0.5, 0.7]}
    receipt = told["receipt"]
    assert (receipt["key"], receipt["opening"], receipt["reason"]) == ("key", 2, "again")


def test_the_verdict_says_which_networks_what_was_drawn_and_what_is_saved() -> None:
    plain = values.verdict_values(data.verdict())
    assert (plain["saving"], plain["resamples"]) == (None, None)
    assert plain["single"] == {"networks": "fold networks", "score": 0.719, "interval": [0.63, 0.79]}
    changes = {"saving": data.saving(), "single_are": "refit", "resamples": Resamples("groups", 4, 0.25)}
    told = values.verdict_values(replace(data.verdict(), **changes))  # type: ignore[arg-type]
    assert told["saving"] == {"over": "all negative", "score": 0.33, "interval": [0.21, 0.45]}
    assert told["single"]["networks"] == "refit"
    assert told["resamples"] == {"unit": "groups", "n_units": 4, "left_out": 0.25}


def test_references_stand_with_their_folds_and_with_the_networks_lead() -> None:
    [told] = values.reference_values(data.references())
    assert told == {
        "name": "boosted trees",
        "score": pytest.approx(0.8),
        "standard_error": pytest.approx(0.0231, abs=1e-4),
        "seconds": 1.5,
    }
    [told] = values.verdict_values(data.verdict())["references"]
    assert told == {
        "name": "boosted trees",
        "score": 0.78,
        "interval": [0.7, 0.85],
        "network_better_by": {"score": -0.052, "interval": [-0.09, -0.01]},
        "better_than_network": True,
    }


def test_numbers_that_are_not_known_become_null_on_the_way_to_json() -> None:
    single = data.Score.of(data.np.array([0.5]))
    told = finite_or_null(values.verdict_values(replace(data.verdict(), cross_validated=single, threshold=None)))
    assert told["cross_validated"] == 0.5
    assert told["cross_validated_standard_error"] is None
    assert told["threshold"] is None
    json.dumps(told, allow_nan=False)


def test_the_decision_holds_calibration_threshold_costs_and_scores_out_of_fold() -> None:
    told = values.decision_values(data.decision(), CostPlan(false_negative=20.0))
    assert told["out_of_fold"]["f1"]["score"] == pytest.approx(0.61)
    assert told["calibration"]["used"] and told["calibration"]["temperature"] == 1.312
    assert told["calibration"]["log_loss_after"]["score"] == pytest.approx(0.398)
    assert told["threshold"]["value"] == 0.062
    assert told["threshold"]["costs"] == {
        "at_threshold": 0.35, "at_half": 0.52, "all_negative": 0.68, "all_positive": 0.966,
        "saving": {"over": "all negative", "score": 0.33, "interval": [0.21, 0.45]},
    }  # fmt: skip
    assert told["cost"] == {"false_negative": 20.0, "false_positive": 1.0}


def test_values_have_no_calibration_no_threshold_and_no_costs() -> None:
    told = values.decision_values(OutOfFold({"rmse": data.score(2.0)}, None, None), None)
    assert (told["calibration"], told["threshold"], told["cost"]) == (None, None, None)
    assert list(told["out_of_fold"]) == ["rmse"]
