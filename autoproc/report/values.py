"""Results as plain values for JSON: what `--json`, `result.json` and a bundle's card have in common."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from autoproc.data.metrics import ChosenMetric
from autoproc.outcomes import (
    Calibration,
    DecisionThreshold,
    Estimate,
    Finalist,
    OutOfFold,
    Saving,
    Search,
    Selection,
    Verdict,
)
from autoproc.plan import CostPlan
from autoproc.results import Baseline, Growth, Problem, Protocol, Reference, Rung, Score

Values = dict[str, Any]


def problem_values(problem: Problem, n_rows: int) -> Values:
    return {
        "task": problem.task,
        "target": list(problem.targets),
        "reason": problem.reason,
        "n_rows": n_rows,
        "n_features": sum(column.used for column in problem.columns),
        "classes": dict(zip(problem.classes, problem.class_counts, strict=True)),
        "columns": [
            {"name": column.name, "kind": column.kind, "used": column.used, "note": column.note}
            for column in problem.columns
        ],
    }


def metric_values(chosen: ChosenMetric) -> Values:
    return {"name": chosen.metric.name, "direction": chosen.metric.direction, "reason": chosen.reason}


def protocol_values(protocol: Protocol) -> Values:
    return {
        "kind": protocol.kind,
        "folds": protocol.folds,
        "repeats": protocol.repeats,
        "reason": protocol.reason,
        "n_development": protocol.n_development,
        "n_holdout": protocol.n_holdout,
    }


def baseline_values(baseline: Baseline) -> Values:
    return {
        "dummy": baseline.dummy.mean,
        "dummy_standard_error": baseline.dummy.standard_error,
        "network": baseline.network.score.mean,
        "network_standard_error": baseline.network.score.standard_error,
        "params": baseline.network.candidate.parameters,
        "beats_dummy": baseline.beats_dummy,
        "reason": baseline.reason,
    }


def reference_values(references: Sequence[Reference]) -> list[Values]:
    return [{"name": each.name, **_score_values(each.score), "seconds": each.seconds} for each in references]


def growth_values(growth: Growth) -> Values:
    witness = growth.witness
    return {
        "rungs": [_rung_values(rung) for rung in growth.rungs],
        "chosen": growth.chosen,
        "verdict": {
            "overfit": growth.overfit,
            "rung": witness.number,
            "epoch": witness.verdict.epoch,
            "evidence": _evidence(witness),
            "reason": growth.reason,
        },
    }


def search_values(search: Search) -> Values:
    best = search.best
    return {
        "n_trials": len(search.trials),
        "n_pruned": search.count("pruned"),
        "n_failed": search.count("failed"),
        "stopped_by": search.stopped_by,
        "advice": search.advice,
        "best": {"number": best.number, "params": best.parameters, **_score_values(best.score)},
    }


def decision_values(decision: OutOfFold, cost: CostPlan | None) -> Values:
    """What out-of-fold predictions said and settled; values have neither calibration nor threshold."""
    calibration, threshold = decision.calibration, decision.threshold
    return {
        "out_of_fold": {name: _score_values(score) for name, score in decision.scores.items()},
        "calibration": calibration and _calibration_values(calibration),
        "class_weights": decision.class_weights,
        "threshold": threshold and _threshold_values(threshold),
        "cost": cost and cost.model_dump(),
    }


def selection_values(selection: Selection) -> Values:
    return {
        "winner": finalist_values(selection.winner),
        "reason": selection.reason,
        "finalists": [finalist_values(each) for each in selection.finalists],
        "optimism": selection.optimism and _estimate_values(selection.optimism),
    }


def finalist_values(finalist: Finalist) -> Values:
    trial, fresh = finalist.trial, finalist.fresh
    return {
        "number": trial.number,
        "params": trial.parameters,
        **_score_values(trial.score),
        "fresh": fresh and _score_values(fresh.score),
    }


def verdict_values(verdict: Verdict) -> Values:
    return {
        "metric": verdict.metric,
        **_estimate_values(verdict.holdout),
        "cross_validated": verdict.cross_validated.mean,
        "cross_validated_standard_error": verdict.cross_validated.standard_error,
        "fresh": verdict.fresh and _score_values(verdict.fresh),
        "single": {"networks": verdict.single_are, **_estimate_values(verdict.single)},
        "optimism": _estimate_values(verdict.optimism),
        "dummy": verdict.dummy,
        "n_rows": verdict.n_rows,
        "threshold": verdict.threshold,
        "beside": {name: _estimate_values(estimate) for name, estimate in verdict.beside.items()},
        "saving": verdict.saving and _saving_values(verdict.saving),
        "resamples": verdict.resamples and asdict(verdict.resamples),
        "references": [
            {
                "name": each.name,
                **_estimate_values(each.holdout),
                "network_better_by": _estimate_values(each.lead),
                "better_than_network": each.is_better,
            }
            for each in verdict.references
        ],
        "receipt": {
            "key": verdict.receipt.key,
            "opened_at": verdict.receipt.opened_at,
            "opening": verdict.receipt.opening,
            "reason": verdict.receipt.reason,
            "path": verdict.receipt.path,
        },
    }


def _rung_values(rung: Rung) -> Values:
    candidate = rung.trained.candidate
    return {
        "number": rung.number,
        "depth": candidate.network.depth,
        "width": candidate.network.width,
        "learning_rate": candidate.train.learning_rate,
        **_score_values(rung.trained.score),
        "train_score": rung.trained.train_score.mean,
        "overfit": rung.verdict.overfit,
        "epoch": rung.verdict.epoch,
        "n_epochs": rung.trained.n_epochs,
        "evidence": _evidence(rung),
        "reason": rung.verdict.reason,
    }


def _calibration_values(calibration: Calibration) -> Values:
    return {
        "used": calibration.used,
        "temperature": calibration.temperature,
        "log_loss_before": _score_values(calibration.log_loss_before),
        "log_loss_after": _score_values(calibration.log_loss_after),
    }


def _threshold_values(threshold: DecisionThreshold) -> Values:
    return {
        "value": threshold.value,
        "reason": threshold.reason,
        "costs": threshold.costs and {**asdict(threshold.costs), "saving": _saving_values(threshold.costs.saving)},
    }


def _evidence(rung: Rung) -> Values:
    verdict = rung.verdict
    return {
        "measure": verdict.measure,
        "train_gain": verdict.train_gain,
        "validation_drop": verdict.validation_drop,
        "noise": verdict.noise,
    }


def _score_values(score: Score) -> Values:
    return {"score": score.mean, "standard_error": score.standard_error}


def _saving_values(saving: Saving) -> Values:
    return {"over": f"all {saving.over}", **_estimate_values(saving.by)}


def _estimate_values(estimate: Estimate) -> Values:
    return {"score": estimate.score, "interval": list(estimate.interval)}
