"""Which final model predicts better: the fold networks averaged, or one network refitted on all rows?

Runs the process on each table up to the end of the search, makes both final models from the one winner, and scores
both on the sealed rows. Prints a JSON line a table; `gain` is how much better the folds' average is than the refit
(positive: better), with the 95 % interval of a paired bootstrap over the sealed rows.

    python -m benchmarks.final_model titanic.csv:Survived energy.csv:heating_load,cooling_load --time-limit 60s
"""

import argparse
import json
import sys

import numpy as np

from autoproc.data.metrics import Metric
from autoproc.data.problem import encode_target
from autoproc.deadline import NEVER, Deadline
from autoproc.network.predictor import Predictor
from autoproc.plan import Plan, make_plan
from autoproc.process import final_weights, make_engine, prepare
from autoproc.results import Receipt
from autoproc.space_file import load_space
from autoproc.steps.baseline import train_baseline
from autoproc.steps.growth import grow_until_overfit
from autoproc.steps.search import search_regularisation

RESAMPLES = 1000


def compare(plan: Plan) -> dict[str, object]:
    """Both final models of one job, on the rows that had no part in it."""
    prepared, holdout = prepare(plan, None)
    problem, metric, folds = prepared.problem, prepared.chosen.metric, prepared.protocol.splits
    engine = make_engine(prepared, folds, plan)
    deadline = Deadline.after(plan.time_limit)
    baseline = train_baseline(engine, prepared.targets, folds, problem, metric, plan, NEVER)
    rate = baseline.network.candidate.train.learning_rate
    until = deadline.share(plan.growth.time_share)
    growth = grow_until_overfit(engine, metric, plan, rate, until, lambda number, trained, verdict: None)
    space = load_space(plan.space)
    search = search_regularisation(engine, metric, plan, space, growth, deadline, lambda trial, trained: None)
    # A benchmark, not a job: nothing is exported, and no receipt is left behind.
    table = holdout.open(Receipt(holdout.key, "", "benchmark", prepared.fingerprint, 1, None, ""))
    targets, matrix = encode_target(table, problem), prepared.schema.matrix(table)
    predictions = {
        final: Predictor(
            problem.task,
            prepared.schema.layout,
            final_weights(prepared, plan.model_copy(update={"final": final}), search, print),
        ).mean(matrix)
        for final in ("folds", "refit")
    }
    return {
        "table": prepared.development.name,
        "metric": metric.name,
        "cross_validated": search.best.score.mean,
        **{final: float(metric(targets, predicted[None])[0]) for final, predicted in predictions.items()},
        "gain": paired_gain(metric, targets, predictions["folds"], predictions["refit"]),
        "trials": len(search.trials),
    }


def paired_gain(metric: Metric, targets: np.ndarray, first: np.ndarray, second: np.ndarray) -> list[float]:
    """How much better `first` is than `second`: the gain, and its 95 % interval over resampled rows."""
    generator = np.random.default_rng(0)
    both = np.stack([first, second])
    gains = []
    for _ in range(RESAMPLES):
        rows = generator.integers(len(targets), size=len(targets))
        scores = metric(targets[rows], both[:, rows])
        gains.append(float(metric.gain(scores[0], scores[1])))
    scores = metric(targets, both)
    low, high = np.nanquantile(gains, [0.025, 0.975])
    return [float(metric.gain(scores[0], scores[1])), float(low), float(high)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", metavar="FILE:TARGET[,TARGET]")
    parser.add_argument("--time-limit", default="60s", help="for each table (default: 60s)")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for table in asked.tables:
        path, _, targets = table.rpartition(":")
        overrides = {
            "data": path, "target": targets.split(","), "time_limit": asked.time_limit, "seed": asked.seed,
        }  # fmt: skip
        print(json.dumps(compare(make_plan(None, overrides))), flush=True)
        print(f"{path}: done", file=sys.stderr)


if __name__ == "__main__":
    main()
