"""What came of the openings of a holdout: the score in the result of the job that opened it.

A job of the home writes its result last, so that an opening without one has not come to a score: its job was killed,
failed, is still at it, or is gone.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoproc.format import format_estimate
from autoproc.results import Estimate, Receipt


@dataclass(frozen=True)
class Outcome:
    """The holdout's score in a finished job."""

    metric: str
    estimate: Estimate


@dataclass(frozen=True)
class Opening:
    """A receipt, and what came of it; None where there is no score."""

    receipt: Receipt
    outcome: Outcome | None

    @property
    def score_text(self) -> str:
        if self.outcome is None:
            return "no score (its job has not come to its end, or is gone)"
        estimate = self.outcome.estimate
        return f"{self.outcome.metric.replace('_', ' ')} {format_estimate(estimate.score, estimate.interval)}"


def opening_of(home: Path, receipt: Receipt) -> Opening:
    """The opening that a receipt tells of, with its score from the home's result of the job."""
    try:
        result = json.loads((home / "jobs" / receipt.run_id / "result.json").read_text(encoding="utf-8"))
        verdict = result["verdict"]
        low, high = map(_number, verdict["interval"])
        return Opening(receipt, Outcome(str(verdict["metric"]), Estimate(_number(verdict["score"]), (low, high))))
    except (OSError, ValueError, KeyError, TypeError):
        return Opening(receipt, None)


def _number(value: Any) -> float:
    """JSON has no NaN: null stands for it."""
    return math.nan if value is None else float(value)
