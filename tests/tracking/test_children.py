"""What the record holds of each training: all folds' last scores, and curves that do not jump."""

import math
from dataclasses import replace

import numpy as np
import pytest

from autoproc.outcomes import (
    Calibration,
    DecisionCosts,
    DecisionThreshold,
    Estimate,
    Finalist,
    OutOfFold,
    Receipt,
    ReferenceVerdict,
    Saving,
    Search,
    Selection,
    Verdict,
)
from autoproc.results import (
    Baseline,
    Curves,
    Growth,
    OverfitVerdict,
    Reference,
    Rung,
    Score,
    Trained,
    Trial,
    TrialState,
)
from autoproc.spec import Candidate, NetworkSpec, StepLR, TrainSpec
from autoproc.tracking import names
from autoproc.tracking.children import (
    baseline_child,
    decision_metrics,
    dummy_child,
    fresh_child,
    job_metrics,
    overview_children,
    reference_child,
    rung_child,
    trial_child,
    verdict_child,
)

NAN = float("nan")
CURVE = np.array([[0.5, 0.7, 0.9], [0.4, 0.6, NAN]])
CANDIDATE = Candidate(NetworkSpec(2, 8), TrainSpec(learning_rate=0.0125, scheduler=StepLR(3, 0.5), dropout=0.25))
TRAINED = Trained(
    candidate=CANDIDATE,
    curves=Curves(CURVE + 0.05, CURVE, 1 - CURVE, 2 - CURVE, np.where(np.isnan(CURVE), NAN, 0.01)),
    score=Score.of(np.array([0.9, 0.6])),
    train_score=Score.of(np.array([0.95, 0.65])),
    best_epochs=(3, 2),
    seconds=4.0,
    failed=None,
    weights={},
)
DIVERGED = replace(TRAINED, score=Score.of(np.array([NAN, NAN])), failed="fold 2 diverged in epoch 3: the loss is nan")
TRIAL = Trial(7, "pruned", CANDIDATE.parameters, TRAINED.score, 3, 4.0, "among the worse half at epoch 3")
FINALIST = Finalist(TRIAL, TRAINED, replace(TRAINED, score=Score.of(np.array([0.8, 0.5]))))
SEARCH = Search((TRIAL,), (FINALIST,), "trials", 0.1)
SELECTION = Selection((FINALIST,), FINALIST, "best of both scores", Estimate(0.1, (-0.1, 0.3)))
RECEIPT = Receipt("key", "2031-05-06T10:41:00+00:00", "run", "table", 1, None, "/receipt.json")
VERDICT = Verdict(
    metric="f1",
    holdout=Estimate(0.7, (0.6, 0.8)),
    cross_validated=TRAINED.score,
    dummy=0.1,
    n_rows=50,
    threshold=0.3,
    beside={"recall": Estimate(0.5, (0.4, 0.6))},
    receipt=RECEIPT,
    single=Estimate(0.6, (0.5, 0.7)),
    optimism=Estimate(0.05, (-0.1, 0.2)),
)


def judged(overfit: bool) -> OverfitVerdict:
    return OverfitVerdict(overfit, 2, "f1", 0.1, 0.1, 0.05, "2 x 8 and so on")


def test_curves_are_means_over_folds_in_which_a_stopped_fold_counts_with_its_last_value() -> None:
    curves = trial_child(TRIAL, TRAINED).curves
    assert curves[names.SCORE_VALIDATION] == pytest.approx([0.45, 0.65, 0.75])
    assert curves[names.SCORE_TRAIN] == pytest.approx([0.5, 0.7, 0.8])
    assert curves[names.LOSS_TRAIN] == pytest.approx([0.55, 0.35, 0.25])
    assert curves[names.LOSS_VALIDATION] == pytest.approx([1.55, 1.35, 1.25])
    assert curves[names.LEARNING_RATE] == pytest.approx([0.01] * 3)


def test_the_curves_of_training_itself_are_left_alone() -> None:
    trial_child(TRIAL, TRAINED)
    assert np.isnan(TRAINED.curves.validation_score[1, 2])


def test_a_curve_that_breaks_off_in_the_middle_is_carried_over_the_gap() -> None:
    curve = np.array([[0.5, NAN, 0.9]])
    curves = trial_child(TRIAL, replace(TRAINED, curves=Curves(*[curve] * 5))).curves
    assert curves[names.SCORE_VALIDATION] == [0.5, 0.5, 0.9]


def test_final_values_hold_each_folds_score() -> None:
    metrics = trial_child(TRIAL, TRAINED).metrics
    assert metrics[names.SCORE] == 0.75
    assert metrics[names.STANDARD_ERROR] == pytest.approx(0.15)
    assert metrics[names.TRAIN_SCORE] == 0.8
    assert (metrics[names.EPOCHS], metrics[names.SECONDS]) == (3, 4)
    assert (metrics["fold/1"], metrics["fold/2"]) == (0.9, 0.6)


def test_a_curve_and_a_final_value_never_share_a_name() -> None:
    for child in (baseline_child(TRAINED), rung_child(1, TRAINED, judged(True)), trial_child(TRIAL, TRAINED)):
        assert not child.curves.keys() & child.metrics.keys()


def test_a_child_took_as_long_as_its_training() -> None:
    child = trial_child(TRIAL, TRAINED)
    assert child.ended_at - child.started_at == pytest.approx(4)


def test_a_trial_alone_has_the_values_that_the_searchs_charts_are_made_of() -> None:
    metrics = trial_child(TRIAL, TRAINED).metrics
    assert (metrics[names.TRIAL_NUMBER], metrics[names.TRIAL_SCORE]) == (7, metrics[names.SCORE])
    assert names.TRIAL_SCORE not in rung_child(1, TRAINED, judged(True)).metrics
    assert names.TRIAL_SCORE not in fresh_child(FINALIST).metrics


def ended(state: TrialState, score: float) -> Trial:
    return replace(TRIAL, state=state, score=Score.of(np.array([score, score])))


def test_the_overview_has_search_growth_and_the_best_trials_as_curves() -> None:
    trials = [("pruned", 0.9), ("complete", 0.5), ("complete", 0.4), ("failed", NAN), ("complete", 0.7)]
    search = replace(SEARCH, trials=tuple(ended(state, score) for state, score in trials))
    rungs = (Rung(0, TRAINED, judged(False)), Rung(1, DIVERGED, judged(True)))
    growth = Growth(rungs, (CANDIDATE.network,), 0, True, "")
    overview, leader = overview_children(growth, search, "maximize")
    assert {(child.stage, child.name) for child in (overview, leader)} == {
        ("overview", "overview of growth and search"),
        ("overview", "best trials: trial 7"),
    }
    assert overview.curves[names.SEARCH_SCORE] == pytest.approx([0.9, 0.5, 0.4, NAN, 0.7], nan_ok=True)
    # A trial that was pruned is not the best of anything.
    assert overview.curves[names.SEARCH_BEST] == pytest.approx([NAN, 0.5, 0.5, 0.5, 0.7], nan_ok=True)
    least = overview_children(growth, search, "minimize")[0].curves[names.SEARCH_BEST]
    assert least == pytest.approx([NAN, 0.5, 0.4, 0.4, 0.4], nan_ok=True)
    assert overview.curves[names.GROWTH_VALIDATION] == pytest.approx([0.75, NAN], nan_ok=True)
    assert overview.curves[names.GROWTH_TRAIN] == pytest.approx([0.8, 0.8])
    assert leader.curves[names.LEADER_VALIDATION] == pytest.approx([0.45, 0.65, 0.75])
    assert leader.curves[names.LEADER_TRAIN] == pytest.approx([0.5, 0.7, 0.8])
    assert overview.metrics == leader.metrics == {names.TRIAL_SCORE: search.best.score.mean}


def test_a_trial_with_its_state_parameters_and_reason() -> None:
    child = trial_child(TRIAL, TRAINED)
    assert (child.name, child.stage, child.state) == ("trial 7", "trial", "pruned")
    assert child.parameters == CANDIDATE.parameters
    assert child.parameters["scheduler.step_size"] == 3
    assert child.tags == {names.REASON: "among the worse half at epoch 3"}
    assert trial_child(replace(TRIAL, state="complete", reason=""), TRAINED).tags == {}


@pytest.mark.parametrize("reason", ["cut short by the time limit", "cut short by the user"])
def test_a_trial_that_was_cut_short_says_so_in_its_state(reason: str) -> None:
    trial = replace(TRIAL, state="complete", reason=reason)
    assert trial_child(trial, TRAINED).state == "cut short"
    assert trial_child(replace(trial, reason=""), TRAINED).state == "complete"


def test_a_finalist_on_fresh_folds_is_named_after_its_trial() -> None:
    child = fresh_child(FINALIST)
    assert (child.name, child.stage, child.state) == ("fresh folds: trial 7", "fresh folds", "complete")
    assert child.metrics[names.SCORE] == pytest.approx(0.65)
    failed = fresh_child(replace(FINALIST, fresh=DIVERGED))
    assert (failed.state, failed.tags[names.REASON]) == ("failed", DIVERGED.failed)


def test_a_baseline_is_named_after_its_learning_rate() -> None:
    child = baseline_child(TRAINED)
    assert (child.name, child.stage, child.state) == ("baseline: learning rate 0.0125", "baseline", "complete")


def test_a_training_that_diverged_says_so() -> None:
    child = baseline_child(DIVERGED)
    assert (child.state, child.tags[names.REASON]) == ("failed", DIVERGED.failed)
    assert math.isnan(child.metrics[names.SCORE])


@pytest.mark.parametrize(("overfit", "state"), [(True, "overfits"), (False, "does not overfit")])
def test_a_rung_with_its_verdict(overfit: bool, state: str) -> None:
    child = rung_child(1, TRAINED, judged(overfit))
    assert (child.name, child.stage, child.state) == ("growth 2: 2 x 8", "growth", state)
    assert child.tags == {names.REASON: "2 x 8 and so on"}


def test_a_rung_that_cannot_be_told_about() -> None:
    verdict = replace(judged(overfit=False), conclusive=False)
    assert rung_child(1, TRAINED, verdict).state == "too few rows or epochs to tell"


@pytest.mark.parametrize(("trained", "state"), [(TRAINED, "not the rung's best"), (DIVERGED, "failed")])
def test_a_training_that_does_not_count_for_its_rung(trained: Trained, state: str) -> None:
    child = rung_child(1, trained, None)
    assert (child.name, child.stage, child.state) == ("growth 2: 2 x 8, learning rate 0.0125", "growth", state)
    assert child.tags == ({names.REASON: trained.failed} if trained.failed else {})


def test_the_verdict_with_its_receipt() -> None:
    child = verdict_child(VERDICT)
    assert (child.name, child.stage, child.state) == ("verdict", "verdict", "complete")
    assert child.metrics == {
        names.HOLDOUT: 0.7,
        names.HOLDOUT_LOWER: 0.6,
        names.HOLDOUT_UPPER: 0.8,
        "holdout/recall": 0.5,
        names.HOLDOUT_SINGLE: 0.6,
        names.DUMMY: 0.1,
    }
    assert child.tags == {
        names.RECEIPT_KEY: "key",
        names.RECEIPT_OPENED: "2031-05-06T10:41:00+00:00",
        names.RECEIPT_OPENING: "1",
    }


def test_a_reference_has_its_scores_and_its_holdouts_is_the_verdicts() -> None:
    child = reference_child(Reference("boosted trees", Score.of(np.array([0.1, 0.3])), 2.0))
    assert (child.name, child.stage, child.state) == ("reference: boosted trees", "reference", "complete")
    assert child.metrics[names.SCORE] == 0.2
    assert [child.metrics[names.fold_score(fold)] for fold in (1, 2)] == [0.1, 0.3]
    assert child.ended_at - child.started_at == pytest.approx(2.0)
    told = ReferenceVerdict("boosted trees", Estimate(0.8, (0.7, 0.9)), Estimate(-0.1, (-0.2, 0.0)))
    assert verdict_child(replace(VERDICT, references=(told,))).metrics["holdout/boosted trees"] == 0.8


def test_the_dummy_stands_beside_the_references_with_its_folds() -> None:
    child = dummy_child(Score.of(np.array([0.1, 0.3])))
    assert (child.name, child.stage, child.state) == ("reference: dummy", "reference", "complete")
    assert (child.metrics[names.SCORE], child.metrics[names.fold_score(2)]) == (0.2, 0.3)


def test_a_re_use_of_the_holdout_is_marked_with_its_reason() -> None:
    child = verdict_child(replace(VERDICT, receipt=replace(RECEIPT, opening=3, reason="again")))
    assert child.state == "re-use"
    assert (child.tags[names.RECEIPT_OPENING], child.tags[names.RECEIPT_REASON]) == ("3", "again")


def test_the_jobs_own_values_fill_in_as_they_become_known() -> None:
    baseline = Baseline(Score.of(np.array([0.1, 0.3])), TRAINED, TRAINED.score, True, "", ())
    assert job_metrics(None, None, None) == {}
    assert job_metrics(baseline, None, None) == {names.DUMMY: 0.2}
    known = job_metrics(baseline, SEARCH, SELECTION, VERDICT)
    assert (known[names.SCORE], known[names.HOLDOUT], known["holdout/recall"]) == (0.75, 0.7, 0.5)
    assert known[names.FRESH] == pytest.approx(0.65)
    assert (known[names.OPTIMISM_SEARCH], known[names.OPTIMISM_HOLDOUT]) == (0.1, 0.05)
    assert known[names.DUMMY] == 0.2


def test_what_the_decisions_save_on_the_holdout_is_recorded_where_costs_are_known() -> None:
    saving = Saving(Estimate(0.25, (0.1, 0.4)), "negative")
    assert verdict_child(replace(VERDICT, saving=saving)).metrics["holdout/saving"] == 0.25
    assert "holdout/saving" not in verdict_child(VERDICT).metrics


def test_what_was_settled_out_of_fold_is_recorded_for_every_metric() -> None:
    before, after = Score.of(np.array([0.4, 0.5])), Score.of(np.array([0.3, 0.4]))
    scores = {"f1": Score.of(np.array([0.6, 0.8])), "roc_auc": Score.of(np.array([0.9, 0.8]))}
    threshold = DecisionThreshold(
        0.2, "", DecisionCosts(0.3, 0.4, 0.5, 0.6, Saving(Estimate(0.2, (0.1, 0.3)), "negative"))
    )
    decision = OutOfFold(scores, Calibration(1.5, before, after, True), threshold)
    assert decision_metrics(decision) == pytest.approx(
        {
            "out_of_fold/f1": 0.7,
            "out_of_fold/roc_auc": 0.85,
            "out_of_fold/cost_at_threshold": 0.3,
            "out_of_fold/cost_at_half": 0.4,
            "out_of_fold/cost_all_negative": 0.5,
            "out_of_fold/cost_all_positive": 0.6,
            "out_of_fold/saving": 0.2,
            names.TEMPERATURE: 1.5,
            names.LOG_LOSS_BEFORE: 0.45,
            names.LOG_LOSS_AFTER: 0.35,
            names.THRESHOLD: 0.2,
        }
    )


def test_a_temperature_that_is_not_used_is_recorded_as_one_and_values_have_none() -> None:
    score = Score.of(np.array([0.4, 0.5]))
    unused = OutOfFold({}, Calibration(1.5, score, score, False), None)
    assert decision_metrics(unused)[names.TEMPERATURE] == 1
    assert decision_metrics(OutOfFold({"rmse": score}, None, None)) == {"out_of_fold/rmse": pytest.approx(0.45)}
