"""What is known of the openings of holdouts: their receipts, and the scores in the results of the jobs.

A job writes its result last, so that an opening without one has not come to a score: its job was killed, failed, is
still at it, or is gone.
"""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoproc.format import format_estimate
from autoproc.outcomes import Estimate, Receipt

UNKNOWN = "unknown"
"""What stands in the place of a damaged receipt's values."""
_NAME = re.compile(r"(\w+)\.(\d+)\.json")


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


def read_receipt(path: Path) -> Receipt:
    """The receipt in the file `<key>.<opening>.json`; what the name does not say is unknown where it is damaged."""
    key, opening, _ = path.name.split(".")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        values = [card[name] for name in ("opened_at", "run_id", "table")]
        reason = card["reason"]
    except (OSError, ValueError, KeyError, TypeError):
        values, reason = [UNKNOWN] * 3, None
    opened_at, run_id, table = map(str, values)
    return Receipt(key, opened_at, run_id, table, int(opening), None if reason is None else str(reason), str(path))


def receipts_of(home: Path, run_id: str) -> tuple[Receipt, ...]:
    """What a job has opened."""
    paths = [path for path in (home / "receipts").glob("*.json") if _NAME.fullmatch(path.name)]
    return tuple(receipt for receipt in map(read_receipt, sorted(paths)) if receipt.run_id == run_id)


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
