"""Where a job's time is best spent: jobs as a user calls them, with the same wall time divided otherwise, are scored on
the test rows of the outer splits (`benchmarks/peers/sets.py`).

    python -m benchmarks.spending --data DIR --seconds 30 --seeds 1 --out lines.jsonl
    python -m benchmarks.spending --out lines.jsonl --summary

A JSON line a run is added to `--out`; runs that stand there are not repeated.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.ablation import compare, parser_of
from benchmarks.peers.measure import Run, measure
from benchmarks.peers.scores import headline
from benchmarks.peers.sets import DataSet

VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "growth 10 %": {"growth": {"time_share": 0.1}},
    "growth 50 %": {"growth": {"time_share": 0.5}},
    "3 folds": {"protocol": {"folds": 3}},
    "10 folds": {"protocol": {"folds": 10}},
    "patience 8": {"train": {"patience": 8}},
    "patience 32": {"train": {"patience": 32}},
}
"""What the plan says of each."""


def run(data: DataSet, variant: str, seed: int, seconds: float, device: str) -> dict[str, Any]:
    """A job's score on the test rows."""
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "plan.yaml"
        plan.write_text(json.dumps({**VARIANTS[variant], "device": device}))
        line = measure(Run("autoproc", data, seconds, seed), sys.executable, "--config", str(plan))
    if "scores" not in line:
        raise SystemExit(f"{data.name}, {variant}, seed {seed}: {line}")
    metric = headline(data.task)
    return {**line, "variant": variant, "metric": metric, "test": line["scores"][metric]}


def main() -> None:
    parser = parser_of(__doc__, VARIANTS, device="auto")
    parser.add_argument("--seconds", type=float, default=30, help="time limit of a job; a file for each (default: 30)")
    asked = parser.parse_args()
    compare(asked, VARIANTS, lambda data, variant, seed: run(data, variant, seed, asked.seconds, asked.device))


if __name__ == "__main__":
    main()
