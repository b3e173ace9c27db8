"""What parts that the engine does not have would be worth: a network in plain torch, with autograd, is trained on the
folds of each set with the default configuration, and with one part changed or added. The learning rate is chosen on the
folds, and the average of the fold networks is scored on the test rows of the outer splits (`benchmarks/peers/sets.py`).

    python -m benchmarks.alternatives --data DIR --out lines.jsonl --workers 2
    python -m benchmarks.alternatives --out lines.jsonl --summary

A JSON line a set, part and seed is added to `--out`; those that stand there are not run again. Sets whose rows hang
together by time are left out. On a GPU (`--device cuda`) each step is one graph.
"""

import json
import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

import numpy as np

from benchmarks.ablation import error_of, parser_of
from benchmarks.alternatives.parts import ONLY, VARIANTS
from benchmarks.alternatives.training import run
from benchmarks.peers.sets import read_sets
from benchmarks.quality import lines_of


def summary(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A Markdown table: how much more error than the default each part makes on the test rows, in percent: the mean
    over sets with its standard error, where each part is taken and where it is taken only if it is better on the folds,
    the median, and the sets on which it is best and worst."""
    yield "| part | more error | where better on the folds | median | better on | best | worst |"
    yield "|---|---|---|---|---|---|---|"
    runs = {(line["set"], line["variant"], line["seed"]): line for line in lines}
    for variant in VARIANTS:
        taken, chosen = {}, {}
        for name in dict.fromkeys(line["set"] for line in lines if line["variant"] == variant != "default"):
            seeds = [seed for one, other, seed in runs if (one, other) == (name, variant)]
            pairs = [(runs[name, "default", seed], runs[name, variant, seed]) for seed in seeds]
            before = float(np.mean([_error(default, "test") for default, _ in pairs]))
            taken[name] = _more([_error(other, "test") for _, other in pairs], before)
            better = [min(pair, key=lambda line: _error(line, "folds")) for pair in pairs]
            chosen[name] = _more([_error(line, "test") for line in better], before)
        if taken:
            values = list(taken.values())
            best, worst = (pick(taken, key=taken.__getitem__) for pick in (min, max))
            ends = (f"{taken[name]:+.0f} % {name}" for name in (best, worst))
            better_on = f"{sum(value < 0 for value in values)} of {len(values)}"
            yield (
                f"| {variant} | {_mean(values)} | {_mean(list(chosen.values()))} | {np.median(values):+.1f} % | "
                f"{better_on} | {' | '.join(ends)} |"
            )


def _error(line: dict[str, Any], rows: str) -> float:
    return error_of(line["metric"], line[rows])


def _more(errors: Sequence[float], before: float) -> float:
    return 100 * (float(np.mean(errors)) / before - 1)


def _mean(values: Sequence[float]) -> str:
    error = f" ± {np.std(values, ddof=1) / len(values) ** 0.5:.1f}" if len(values) > 1 else ""
    return f"{np.mean(values):+.1f} %{error}"


def main() -> None:
    parser = parser_of(__doc__, VARIANTS, device="cpu")
    parser.add_argument("--workers", type=int, default=1, help="sets at a time")
    parser.add_argument("--minutes", type=float, default=math.inf, help="after which no further run is begun")
    asked = parser.parse_args()
    lines = lines_of(asked.out)
    if asked.summary:
        print("\n".join(summary(lines)))
        return
    until = time.time() + 60 * asked.minutes
    done = {(line["set"], line["variant"]) for line in lines}
    sets = [one for one in read_sets(asked.data) if not one.time and (not asked.sets or one.name in asked.sets)]
    sets.sort(key=lambda one: -one.path.stat().st_size)
    with ProcessPoolExecutor(asked.workers, get_context("spawn")) as pool, asked.out.open("a") as out:
        jobs = []
        for part in (asked.variants[i : i + 6] for i in range(0, len(asked.variants), 6)):
            for one in sets:
                left = [v for v in part if (one.name, v) not in done and one.task in ONLY.get(v, (one.task,))]
                jobs.append(pool.submit(run, one, left, range(asked.seeds), asked.device, until))
        for job in as_completed(jobs):
            for line in job.result():
                print(json.dumps(line), file=out, flush=True)
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
