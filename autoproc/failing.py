"""Why trainings fail, how many in a row for one cause, and what can be done about it."""

from collections.abc import Sequence
from itertools import takewhile

from autoproc.outcomes import COMPARED
from autoproc.results import Trial

DIVERGED = "diverged"
NO_MEMORY = "does not fit into the memory"
NO_SCORE = "has no score"
NEVER_TRAINED = "it never trained"
NO_CONFIGURATION = "the space gave no valid configuration"

MOST_IN_A_ROW = 20
"""Trials that may fail one after the other for the same cause: more of them would tell nothing new."""

_ADVICE = {
    DIVERGED: "A loss that is not finite comes of learning rates that are too high, or of extreme values in the table: "
    "lower `train.learning_rate` in the search space (`autoproc spaces` shows the shipped ones), or mend the table.",
    NO_MEMORY: "Raise --memory-limit, or let the space search smaller networks (`network.rung`) and batches "
    "(`train.batch_size`).",
    NO_SCORE: "The metric is not defined on the rows of a fold: take another --metric, or fewer --folds.",
    NEVER_TRAINED: "The time was over before they had trained an epoch: raise --time-limit, or --memory-limit if they "
    "waited for memory.",
    NO_CONFIGURATION: "Mend the space: its leaves must give valid values in every combination.",
}


def cause_of(reason: str) -> str:
    """What trainings that failed have in common, where folds, epochs and numbers differ.

    >>> cause_of("fold 2 diverged in epoch 7: the loss is nan")
    'diverged'
    """
    return next((cause for cause in _ADVICE if cause in reason), reason)


def failures_in_a_row(ended: Sequence[Trial]) -> int:
    """How many of the trials that the space gave, in the order of their end, have failed last for the same cause."""
    given = (trial for trial in reversed(ended) if trial.number not in COMPARED)
    last = next(given, None)
    if last is None or last.state != "failed":
        return 0
    cause = cause_of(last.reason)
    return 1 + sum(1 for _ in takewhile(lambda t: t.state == "failed" and cause_of(t.reason) == cause, given))


def is_hopeless(ended: Sequence[Trial]) -> bool:
    """Whether so many have failed for the same cause that further trials are of no use."""
    return failures_in_a_row(ended) >= MOST_IN_A_ROW


def failure_advice(ended: Sequence[Trial]) -> str:
    """What to say of a search whose trials, in the order of their end, all failed but the first, which is the grown
    network, or which are hopeless; nothing where the search came to something."""
    failed, n_tried = [trial for trial in ended if trial.state == "failed"], len(ended) - 1
    n_failed = len(failed)
    if not is_hopeless(ended) and not 0 < n_tried == n_failed:
        return ""
    last = failed[-1]
    if n_failed < n_tried:
        told = f"{failures_in_a_row(ended)} trials in a row failed"
    else:
        told = "the only trial failed" if n_tried == 1 else f"all {n_tried} trials failed"
    stopped = ", and the search stopped there" if is_hopeless(ended) else ""
    kept = ", so that the grown network, trial 0, is what it comes to" if n_failed == n_tried else ""
    advice = _ADVICE.get(cause_of(last.reason), "")
    return f"{told} (trial {last.number}: {last.reason}){stopped}{kept}. {advice}".strip()
