"""The words that the terminal and the story of a job have in common.

A score never stands without its standard error (± over folds) or its 95 % interval, where there is one.
"""

import math
from collections.abc import Mapping

from autoproc.data.metrics import METRICS
from autoproc.data.scores import THRESHOLD
from autoproc.format import format_count, format_estimate, format_mean, format_score
from autoproc.outcomes import (
    CUT_SHORT,
    DEFAULT,
    GROWN,
    Calibration,
    DecisionCosts,
    DecisionThreshold,
    Estimate,
    Finalist,
    OutOfFold,
    ReferenceVerdict,
    Resamples,
    ResampleUnit,
    Saving,
    Search,
    SingleNetworks,
    Verdict,
)
from autoproc.report.text import MAX_SENTENCE, one_line
from autoproc.results import Score, Trained

AT_THRESHOLD = ("precision", "recall", "f1_at_threshold", "expected_cost")
_OFF = ("dropout", "l1", "weight_decay", "averaging", "class_weights")
_ONE: dict[ResampleUnit, str] = {"rows": "row", "groups": "group", "stretches of time": "stretch of time"}
_MANY = 0.05


def metric_title(name: str, threshold: float | None = None) -> str:
    """A metric's name as people read it; one of labels says so where the model decides at another `threshold`.

    >>> metric_title("average_precision", 0.3), metric_title("f1", 0.5), metric_title("f1", 0.3)
    ('average precision', 'f1', 'f1 at 0.5')
    """
    title = name.replace("_", " ")
    differs = threshold not in (None, THRESHOLD) and name in METRICS and METRICS[name].by_label
    return f"{title} at {THRESHOLD:g}" if differs else title


def score_text(score: Score) -> str:
    """The mean over folds with its standard error; a single split has none, and the text says so."""
    text = format_mean(score.mean, score.standard_error)
    return text if len(score.folds) > 1 else f"{text} (one split)"


def trained_text(trained: Trained) -> str:
    return f"failed, {trained.failed}" if trained.failed else score_text(trained.score)


def estimate_text(estimate: Estimate) -> str:
    return format_estimate(estimate.score, estimate.interval)


def search_counts(search: Search) -> str:
    n_trials = len(search.trials)
    alone = "1 trial, the grown network: nothing was searched"
    counts = [alone if n_trials == 1 else f"{format_count(n_trials)} trials"]
    counts += [f"{search.count(state)} {state}" for state in ("pruned", "failed") if search.count(state)]
    if search.stopped_by not in CUT_SHORT:
        return ", ".join(counts)
    cut_short = CUT_SHORT[search.stopped_by]
    n_cut_short = sum(trial.reason == cut_short for trial in search.trials)
    early = f", {n_cut_short} {cut_short}" if n_cut_short else f" (stopped by the {search.stopped_by})"
    return ", ".join(counts) + early


def finalist_name(finalist: Finalist) -> str:
    """What the first two trials are."""
    return {GROWN: " (the grown network)", DEFAULT: " (the default configuration)"}.get(finalist.trial.number, "")


def optimism_text(number: int, optimism: Estimate) -> str:
    """How far the search's score of its best, trial `number`, flattered that, with its interval.

    >>> optimism_text(7, Estimate(0.02, (-0.01, 0.05)))
    'the score that chose trial 7 and its epochs flattered it by 0.0200 (95 %: -0.0100 to 0.0500): not beyond noise'
    """
    low, high = optimism.interval
    flattered, by = optimism.score > 0, format_score(abs(optimism.score))
    what = f"the score that chose trial {number} and its epochs "
    what += f"flattered it by {by}" if flattered else f"did not flatter it: it is better on fresh folds, by {by}"
    if math.isnan(low):
        return f"{what} (no interval: one split)"
    if not flattered:
        return f"{what} (95 %: {format_score(-high)} to {format_score(-low)})"
    beyond = "beyond noise" if low > 0 else "not beyond noise"
    return f"{what} (95 %: {format_score(low)} to {format_score(high)}): {beyond}"


def calibration_text(calibration: Calibration) -> str:
    """The temperature, and what the log loss out of fold is with it and without."""
    losses = " -> ".join(map(score_text, (calibration.log_loss_before, calibration.log_loss_after)))
    text = f"log loss {losses} out of fold (these rows also chose the epochs)"
    if calibration.used:
        return f"temperature {calibration.temperature:.3g}: {text}"
    return f"none, as no temperature is better beyond noise: {text}"


def leaning_text(class_weights: float) -> str:
    """What weighing rare classes in training has done to probabilities."""
    return (
        f"probabilities lean to rare classes, which weighed more in training (class weights {class_weights:.3g}): they "
        "rank rows, and are no shares of them"
    )


def threshold_text(threshold: DecisionThreshold) -> str:
    """The threshold, and why it is that."""
    return f"{threshold.value:.3g}: {threshold.reason}"


def costs_text(costs: DecisionCosts) -> str:
    """What a row costs at the threshold, and by decisions that need no network or no threshold."""
    mine, half, negative, positive = map(
        format_score, (costs.at_threshold, costs.at_half, costs.all_negative, costs.all_positive)
    )
    return (
        f"cost of a row out of fold, at the threshold of the other folds: {mine}; at 0.5 {half}, all negative "
        f"{negative}, all positive {positive}; the model is {saving_text(costs.saving)}"
    )


def saving_text(saving: Saving) -> str:
    """Whether the model's decisions are cheaper than one that looks at no row.

    >>> saving_text(Saving(Estimate(0.2, (-0.1, 0.5)), "negative"))
    'not cheaper beyond noise than to take every row for negative, by 0.200 (95 %: -0.100 to 0.500)'
    """
    by, than = saving.by, f"than to take every row for {saving.over}"
    if by.score <= 0:
        return f"not cheaper {than}"
    cheaper = "cheaper" if by.interval[0] > 0 else "not cheaper beyond noise"
    return f"{cheaper} {than}, by {estimate_text(by)}"


def opening_text(verdict: Verdict) -> str:
    """How often the holdout has been opened: a score of a re-use is marked wherever it appears."""
    receipt = verdict.receipt
    if receipt.opening == 1:
        return f"opened once, {receipt.opened_at}"
    reason = f": {one_line(receipt.reason, MAX_SENTENCE)}" if receipt.reason else ""
    return f"RE-USED, opening {receipt.opening}, {receipt.opened_at} (reason given{reason or ': none'})"


def single_name(verdict: Verdict) -> str:
    """Which of the winner's networks are scored on the holdout one by one, after those that were cross-validated."""
    names: dict[SingleNetworks, str] = {
        "fold networks": "the same networks one by one",
        "last fold network": "its network of the last fold",
        "refit": "its refit on all development rows",
        "refits": "its refits on all development rows, one by one,",
    }
    return names[verdict.single_are]


def reference_text(reference: ReferenceVerdict) -> str:
    """A reference's holdout score, and in plain words how the network stands to it."""
    return f"{estimate_text(reference.holdout)}: {standing_text(reference)}"


def standing_text(reference: ReferenceVerdict) -> str:
    """In plain words how the network stands to a reference on the holdout."""
    low, high = reference.lead.interval
    if math.isnan(low):
        stands = "it cannot be compared"
    elif low <= 0 <= high:
        stands = "no difference beyond noise"
    else:
        better, by = ("the network", reference.lead.score) if low > 0 else ("it", -reference.lead.score)
        near, far = sorted(map(abs, reference.lead.interval))
        stands = f"{better} is better by {format_score(by)} (95 %: {format_score(near)} to {format_score(far)})"
    advice = "; the network is not the best choice for this table" if reference.is_better else ""
    return f"{stands}{advice}"


def beside_measures(verdict: Verdict, decision: OutOfFold | None = None) -> list[tuple[str, str]]:
    """Title and estimate of the further measures; those that depend on the threshold name it. The cost stands beside
    that out of fold, with what it saves."""
    costs = decision.threshold.costs if decision and decision.threshold else None
    told = []
    for name, estimate in verdict.beside.items():
        at = f" at threshold {verdict.threshold:.3g}" if name in AT_THRESHOLD and verdict.threshold is not None else ""
        title = metric_title(name.removesuffix("_at_threshold")) + at if at else metric_title(name, verdict.threshold)
        text = estimate_text(estimate)
        if name == "expected_cost":
            text += f", {format_score(costs.at_threshold)} out of fold" if costs else ""
            text += f"; {saving_text(verdict.saving)}" if verdict.saving else ""
        told.append((title, text))
    return told


def resamples_text(resamples: Resamples) -> str:
    """What there is to know of the holdout's intervals: empty where they are percentiles of all resamples."""
    few, left_out = resamples.are_few, resamples.left_out
    if resamples.n_units == 1:
        return f"no intervals: the holdout is of one {_ONE[resamples.unit]}"
    parts = [f"by Student's t over {resamples.n_units} {resamples.unit}"] if few else []
    if left_out >= _MANY:
        parts.append(f"{100 * left_out:.0f} % of the resamples lack a class or hold one value alone, and are left out")
    return f"intervals: {'; '.join(parts)}" if parts else ""


def configuration_text(parameters: Mapping[str, str | int | float]) -> str:
    """A configuration in one line: `2 x 64, adamw, learning rate 0.0021, StepLR(step_size 12, gamma 0.4), ...`."""
    return ", ".join(f"{name} {value}" if name else value for name, value in configuration(parameters))


def configuration(parameters: Mapping[str, str | int | float]) -> list[tuple[str, str]]:
    """A configuration's parameters as (name, value) for people; what speaks for itself has no name."""
    inner = {name: value for name, value in parameters.items() if name.startswith("scheduler.")}
    hidden = {"depth", "width", "optimizer", "scheduler", *inner}
    arguments = [f"{name.removeprefix('scheduler.')} {value_text(name, value)}" for name, value in inner.items()]
    scheduler = str(parameters["scheduler"])
    return [
        ("", f"{parameters['depth']} x {parameters['width']}"),
        ("", str(parameters["optimizer"])),
        ("scheduler", "none") if scheduler == "none" else ("", f"{scheduler}({', '.join(arguments)})"),
        *((_title(name), value_text(name, value)) for name, value in parameters.items() if name not in hidden),
    ]


def value_text(name: str, value: str | int | float) -> str:
    """A parameter's value with three digits; a regularisation of 0 is off."""
    if name in _OFF and value == 0:
        return "off"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _title(name: str) -> str:
    return {"l1": "L1", "weight_decay": "L2"}.get(name, name.replace("_", " "))
