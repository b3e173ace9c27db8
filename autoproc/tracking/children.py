"""From what the steps hand on to the child runs of the record: the one place where they are translated."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np

from autoproc.outcomes import Finalist, Memory, OutOfFold, Receipt, Search, Selection, Verdict, is_cut_short
from autoproc.results import (
    Baseline,
    Direction,
    FloatArray,
    Growth,
    OverfitVerdict,
    Reference,
    Score,
    Trained,
    Trial,
    carry_forward,
)
from autoproc.tracking import names
from autoproc.tracking.tracker import Child, Stage


def baseline_child(trained: Trained) -> Child:
    """One learning rate that the baseline tried."""
    state = "failed" if trained.failed else "complete"
    name = f"baseline: learning rate {trained.candidate.train.learning_rate:g}"
    return _training(name, "baseline", state, trained, trained.failed or "")


def reference_child(reference: Reference) -> Child:
    """A model of another kind on the same folds."""
    now = time.time()
    metrics = {**_score_values(reference.score), names.SECONDS: reference.seconds}
    return Child(f"reference: {reference.name}", "reference", "complete", now - reference.seconds, now, metrics=metrics)


def dummy_child(dummy: Score) -> Child:
    """The dummy on the same folds, beside the other references."""
    now = time.time()
    return Child("reference: dummy", "reference", "complete", now, now, metrics=_score_values(dummy))


def rung_child(number: int, trained: Trained, verdict: OverfitVerdict | None) -> Child:
    """One training of a rung of the growth ladder; the one that counts for its rung has the verdict."""
    name = f"growth {number + 1}: {trained.candidate.network}"
    if verdict is None:
        state = "failed" if trained.failed else "not the rung's best"
        rate = trained.candidate.train.learning_rate
        return _training(f"{name}, learning rate {rate:g}", "growth", state, trained, trained.failed or "")
    return _training(name, "growth", verdict.summary, trained, verdict.reason)


def trial_child(trial: Trial, trained: Trained) -> Child:
    """One trial of the search. What it was to be trained with may be less than a whole configuration."""
    state = names.CUT_SHORT if is_cut_short(trial.reason) else trial.state
    child = _training(f"trial {trial.number}", "trial", state, trained, trial.reason)
    own = {names.TRIAL_NUMBER: float(trial.number), names.TRIAL_SCORE: trial.score.mean}
    return replace(child, parameters=trial.parameters, metrics={**child.metrics, **own})


def overview_children(growth: Growth, search: Search, direction: Direction) -> list[Child]:
    """What the charts draw lines of, which are no trainings: growth and search as curves over rungs and trials, and a
    run for each of the best trials, so that each line has a colour of its own."""
    scores, best = _over_trials(search.trials, direction)
    curves = {
        names.GROWTH_VALIDATION: [rung.trained.score.mean for rung in growth.rungs],
        names.GROWTH_TRAIN: [rung.trained.train_score.mean for rung in growth.rungs],
        names.SEARCH_SCORE: scores,
        names.SEARCH_BEST: best,
    }
    return [_overview("overview of growth and search", search.best.score, curves), *map(_leader, search.finalists)]


def fresh_child(finalist: Finalist) -> Child:
    """A finalist on fresh folds."""
    trained = finalist.fresh
    assert trained is not None
    state = "failed" if trained.failed else "complete"
    return _training(f"fresh folds: trial {finalist.trial.number}", "fresh folds", state, trained, trained.failed or "")


def verdict_child(verdict: Verdict) -> Child:
    """The holdout's scores, with the receipt of its opening."""
    now = time.time()
    state = "re-use" if verdict.receipt.opening > 1 else "complete"
    metrics = _holdout_metrics(verdict) | {names.DUMMY: verdict.dummy}
    return Child("verdict", "verdict", state, now, now, metrics=metrics, tags=receipt_tags(verdict.receipt))


def job_metrics(
    baseline: Baseline | None,
    search: Search | None,
    selection: Selection | None = None,
    verdict: Verdict | None = None,
    memory: Memory | None = None,
) -> dict[str, float]:
    """The job's own values, as far as they are known."""
    metrics = {}
    if baseline:
        metrics[names.DUMMY] = baseline.dummy.mean
    if search:
        metrics |= {names.SCORE: search.best.score.mean, names.STANDARD_ERROR: search.best.score.standard_error}
    if selection:
        winner = selection.winner
        metrics |= {names.SCORE: winner.trial.score.mean, names.STANDARD_ERROR: winner.trial.score.standard_error}
        if fresh := winner.rescored:
            metrics |= {names.FRESH: fresh.score.mean, names.FRESH_ERROR: fresh.score.standard_error}
        if selection.optimism:
            metrics[names.OPTIMISM_SEARCH] = selection.optimism.score
    if verdict:
        metrics |= _holdout_metrics(verdict) | {names.OPTIMISM_HOLDOUT: verdict.optimism.score}
    if memory:
        metrics[names.PEAK_MEMORY] = memory.peak / 1e6
    return metrics


def decision_metrics(decision: OutOfFold) -> dict[str, float]:
    """Out-of-fold scores of the best trial, and what was settled by its predictions."""
    metrics = {names.out_of_fold(name): score.mean for name, score in decision.scores.items()}
    if decision.calibration:
        metrics[names.TEMPERATURE] = decision.calibration.temperature if decision.calibration.used else 1.0
        metrics[names.LOG_LOSS_BEFORE] = decision.calibration.log_loss_before.mean
        metrics[names.LOG_LOSS_AFTER] = decision.calibration.log_loss_after.mean
    if decision.threshold:
        metrics[names.THRESHOLD] = decision.threshold.value
    if decision.threshold and decision.threshold.costs:
        costs = asdict(decision.threshold.costs)
        saving = costs.pop("saving")["by"]["score"]
        metrics |= {names.out_of_fold(f"cost_{when}"): cost for when, cost in costs.items()}
        metrics[names.out_of_fold(names.SAVING)] = saving
    return metrics


def _holdout_metrics(verdict: Verdict) -> dict[str, float]:
    low, high = verdict.holdout.interval
    beside = {names.holdout_measure(measure): estimate.score for measure, estimate in verdict.beside.items()}
    beside |= {names.holdout_measure(each.name): each.holdout.score for each in verdict.references}
    beside[names.HOLDOUT_SINGLE] = verdict.single.score
    if verdict.saving:
        beside[names.holdout_measure(names.SAVING)] = verdict.saving.by.score
    return {names.HOLDOUT: verdict.holdout.score, names.HOLDOUT_LOWER: low, names.HOLDOUT_UPPER: high, **beside}


def receipt_tags(receipt: Receipt) -> Mapping[str, str]:
    """Which holdout was opened, when and how often: above 1 the score is a re-use, and the reason is given."""
    tags = {
        names.RECEIPT_KEY: receipt.key,
        names.RECEIPT_OPENED: receipt.opened_at,
        names.RECEIPT_OPENING: str(receipt.opening),
    }
    return {**tags, names.RECEIPT_REASON: receipt.reason} if receipt.reason else tags


def _leader(finalist: Finalist) -> Child:
    curves = finalist.trained.curves
    by_name = {
        names.LEADER_VALIDATION: _mean_curve(curves.validation_score),
        names.LEADER_TRAIN: _mean_curve(curves.train_score),
    }
    return _overview(f"best trials: trial {finalist.trial.number}", finalist.trial.score, by_name)


def _overview(name: str, score: Score, curves: Mapping[str, Sequence[float]]) -> Child:
    """With the score of a trial, so that the list of the charts has it among the first."""
    now = time.time()
    return Child(name, "overview", "overview", now, now, metrics={names.TRIAL_SCORE: score.mean}, curves=curves)


def _over_trials(trials: Sequence[Trial], direction: Direction) -> tuple[list[float], list[float]]:
    """The scores in the order in which the trials ended, NaN where one failed; and the best complete one so far."""
    scores = np.array([trial.score.mean if trial.state != "failed" else math.nan for trial in trials])
    complete = np.where([trial.state == "complete" for trial in trials], scores, math.nan)
    best = np.fmax if direction == "maximize" else np.fmin
    return scores.tolist(), best.accumulate(complete).tolist()


def _training(name: str, stage: Stage, state: str, trained: Trained, reason: str) -> Child:
    now = time.time()
    return Child(
        name=name,
        stage=stage,
        state=state,
        started_at=now - trained.seconds,
        ended_at=now,
        parameters=trained.candidate.parameters,
        metrics=_final_values(trained),
        curves=_mean_curves(trained),
        tags={names.REASON: reason} if reason else {},
    )


def _final_values(trained: Trained) -> dict[str, float]:
    return {
        **_score_values(trained.score),
        names.TRAIN_SCORE: trained.train_score.mean,
        names.EPOCHS: float(trained.n_epochs),
        names.SECONDS: trained.seconds,
    }


def _score_values(score: Score) -> dict[str, float]:
    folds = {names.fold_score(k): value for k, value in enumerate(score.folds, start=1)}
    return {names.SCORE: score.mean, names.STANDARD_ERROR: score.standard_error, **folds}


def _mean_curves(trained: Trained) -> dict[str, list[float]]:
    """Curves as means over folds; a member that has stopped counts with its last value, so that the mean
    does not jump when the worst fold ends."""
    curves = trained.curves
    by_name = {
        names.SCORE_VALIDATION: curves.validation_score,
        names.SCORE_TRAIN: curves.train_score,
        names.LOSS_VALIDATION: curves.validation_loss,
        names.LOSS_TRAIN: curves.train_loss,
        names.LEARNING_RATE: curves.learning_rate,
    }
    return {name: _mean_curve(curve) for name, curve in by_name.items()}


def _mean_curve(curve: FloatArray) -> list[float]:
    means: list[float] = carry_forward(curve, curve.shape[1]).mean(axis=0).tolist()
    return means
