"""A finished job's facts, made by hand."""

from dataclasses import replace

import numpy as np

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
from autoproc.report.facts import JobFacts
from autoproc.results import (
    Baseline,
    Column,
    Curves,
    Growth,
    OverfitVerdict,
    Problem,
    Protocol,
    Reference,
    Rung,
    Score,
    Trained,
    Trial,
)
from autoproc.spec import Candidate, NetworkSpec, StepLR, TrainSpec

NAN = float("nan")


def score(mean: float, spread: float = 0.04) -> Score:
    return Score.of(mean + spread * np.array([-1.0, 0.0, 1.0]))


def trained(depth: int, width: int, mean: float, failed: str | None = None) -> Trained:
    curve = np.full((3, 40), mean)
    curves = Curves(curve, curve, curve, curve, curve)
    candidate = Candidate(NetworkSpec(depth, width), TrainSpec(scheduler=StepLR(12, 0.4), dropout=0.12, l1=0.0))
    achieved = score(NAN if failed else mean)
    return Trained(candidate, curves, achieved, score(mean + 0.05), (20, 21, 22), 3.0, failed, {})


def problem(**changes: object) -> Problem:
    columns = (
        Column("torque", "numeric", True, ""),
        Column("type", "categorical", True, ""),
        Column("serial", "id", False, "a value of its own in each row"),
    )
    values = {
        "task": "binary",
        "targets": ("failed",),
        "classes": ("no", "yes"),
        "class_counts": (7_727, 273),
        "columns": columns,
        "reason": "'failed' holds two values",
    }
    return Problem(**{**values, **changes})  # type: ignore[arg-type]


def protocol() -> Protocol:
    return Protocol(
        "k_fold", 5, 1, "5 stratified folds: each of 8,000 development rows validates once", 8_000, 2_000, ()
    )


def baseline() -> Baseline:
    reason = "better than the dummy by 0.52, beyond noise (0.03)"
    return Baseline(score(0.034, 0.001), trained(1, 16, 0.55), score(0.52), True, reason, ())


def references() -> tuple[Reference, ...]:
    return (Reference("boosted trees", score(0.8), 1.5),)


def reference_verdict() -> ReferenceVerdict:
    return ReferenceVerdict("boosted trees", Estimate(0.78, (0.7, 0.85)), Estimate(-0.052, (-0.09, -0.01)))


def growth() -> Growth:
    calm = OverfitVerdict(False, 38, "average_precision", 0.01, -0.01, 0.02, "1 x 32 does not overfit")
    wild = OverfitVerdict(True, 31, "average_precision", 0.09, 0.04, 0.01, "2 x 64 overfits: noise 0.01")
    rungs = (Rung(0, trained(1, 32, 0.61), calm), Rung(1, trained(2, 64, 0.7), wild))
    return Growth(rungs, (NetworkSpec(1, 32), NetworkSpec(2, 64)), 1, True, "2 x 64 overfits; the ladder ended")


def search() -> Search:
    best = trained(2, 64, 0.742)
    parameters = best.candidate.parameters
    trials = (
        Trial(0, "complete", parameters, score(0.70), 40, 3.0, ""),
        Trial(1, "pruned", parameters, score(0.5), 4, 0.3, "behind the better half"),
        Trial(2, "failed", parameters, score(NAN), 1, 0.1, "not finite"),
        Trial(3, "complete", parameters, score(0.742, 0.0367), 40, 3.0, ""),
    )
    return Search(trials, (Finalist(trials[3], best), Finalist(trials[0], trained(2, 64, 0.7))), "time limit", 0.05)


def selection() -> Selection:
    """The grown network wins, for the search's best fell on fresh folds."""
    first, grown = search().finalists
    first = replace(first, fresh=trained(2, 64, 0.66))
    grown = replace(grown, fresh=trained(2, 64, 0.71))
    reason = "best of both scores, of 2 finalists; the search had preferred another"
    return Selection((first, grown), grown, reason, Estimate(0.082, (-0.01, 0.17)))


def saving() -> Saving:
    return Saving(Estimate(0.33, (0.21, 0.45)), "negative")


def decision() -> OutOfFold:
    calibration = Calibration(1.312, score(0.412, 0.01), score(0.398, 0.01), True)
    reason = "lowest cost out of fold, 20 a false negative, 1 a false positive"
    threshold = DecisionThreshold(0.062, reason, DecisionCosts(0.35, 0.52, 0.68, 0.966, saving()))
    return OutOfFold({"average_precision": score(0.742), "f1": score(0.61)}, calibration, threshold)


def verdict(opening: int = 1, reason: str | None = None) -> Verdict:
    receipt = Receipt("key", "2031-05-06T10:41:00+00:00", "run", "fingerprint", opening, reason, "/home/receipt.json")
    beside = {"roc_auc": Estimate(0.95, (0.93, 0.97)), "recall": Estimate(0.6, (0.5, 0.7))}
    return Verdict(
        metric="average_precision",
        holdout=Estimate(0.728, (0.64, 0.8)),
        cross_validated=score(0.742),
        fresh=score(0.731),
        single=Estimate(0.719, (0.63, 0.79)),
        optimism=Estimate(0.003, (-0.09, 0.1)),
        dummy=0.034,
        n_rows=2_000,
        threshold=0.31,
        beside=beside,
        receipt=receipt,
        references=(reference_verdict(),),
    )


def start() -> JobFacts:
    return JobFacts(
        table_name="machines.csv",
        notices=("Left out: 3 rows without a value in the target.",),
        warnings=("Feature 'code' tells the target one by one.",),
        problem=problem(),
        metric="average_precision",
        metric_direction="maximize",
        metric_reason="the positive class 'yes' is rare (3.4 % of 8,000 rows)",
        protocol=protocol(),
    )
