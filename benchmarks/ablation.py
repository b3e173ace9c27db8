"""What each part of the default configuration is worth: it is trained on five folds of the training rows at two
learning rates, whole and with one part changed. The rate is chosen on the folds, and the average of the fold networks
is scored on the test rows of the outer splits (`benchmarks/peers/sets.py`); by time it is the latest fold's network.

    python -m benchmarks.ablation --data DIR --seeds 3 --out lines.jsonl
    python -m benchmarks.ablation --out lines.jsonl --summary

A JSON line a run is added to `--out`; runs that stand there are not repeated.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from autoproc.configurations import default_training
from autoproc.data.metrics import METRICS
from autoproc.data.problem import encode_target
from autoproc.data.table import read_table
from autoproc.finishing import make_engine
from autoproc.network.interface import train_together
from autoproc.network.predictor import Predictor
from autoproc.plan import make_plan
from autoproc.process import prepare
from autoproc.spec import Candidate, NetworkSpec
from benchmarks.peers.scores import LOWER_IS_BETTER, headline
from benchmarks.peers.sets import DataSet, read_sets
from benchmarks.quality import DATA, lines_of

VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "no pieces": {"inputs": {"pieces": 0}},
    "16 pieces": {"inputs": {"pieces": 16}},
    "no factors": {"inputs": {"scale": False}},
    "factor rate 1": {"train": {"factor_rate": 1.0}},
    "factor rate 10": {"train": {"factor_rate": 10.0}},
    "factor rate 30": {"train": {"factor_rate": 30.0}},
    "no averages": {"train": {"averaging": 0.0}},
    "averages of 3 %": {"train": {"averaging": 0.03}},
    "batches of 256": {"train": {"batch_size": 256}},
    "dropout 0.1": {"train": {"dropout": 0.1}},
    "no L2": {"train": {"weight_decay": 0.0}},
}
"""What the plan says of each."""
RATES = (3e-3, 1e-2)
EPOCHS = 60


def run(data: DataSet, variant: str, seed: int, shape: NetworkSpec, device: str) -> dict[str, Any]:
    """Scores on the folds and on the test rows, at the learning rate that is best on the folds."""
    train, test = data.rows()
    metric = headline(data.task)
    asked = {"target": data.targets, "metric": metric, "group": data.group, "time": data.time, "seed": seed}
    changed = {section: {**VARIANTS[variant].get(section, {})} for section in ("inputs", "train")}
    changed["train"]["max_epochs"] = EPOCHS
    plan = make_plan(None, {**asked, **changed, "device": device, "protocol": {"kind": "k_fold", "folds": 5}})
    prepared, _ = prepare(plan, train.reset_index(drop=True))
    network = NetworkSpec(shape.depth, shape.width, plan.inputs.scale)
    with closing(make_engine(prepared, plan, prepared.protocol.splits)) as engine:
        n_rows = engine.n_train_rows
        trained = train_together(engine, [Candidate(network, default_training(plan, n_rows, rate)) for rate in RATES])
    best = trained[METRICS[metric].argbest(np.array([each.score.mean for each in trained]))]
    rows = read_table(test.reset_index(drop=True))
    weights = best.weights if data.time is None else {name: array[-1:] for name, array in best.weights.items()}
    predictor = Predictor(prepared.problem.task, prepared.schema.layout, weights)
    score = METRICS[metric].one(encode_target(rows, prepared.problem), predictor.mean(prepared.schema.matrix(rows)))
    return {
        "set": data.name,
        "variant": variant,
        "seed": seed,
        "metric": metric,
        "rate": best.candidate.train.learning_rate,
        "folds": best.score.mean,
        "test": score,
        "seconds": sum(each.seconds for each in trained) / len(trained),
    }


def summary(lines: Sequence[dict[str, Any]], known: Iterable[str]) -> Iterator[str]:
    """A Markdown table: mean score on the test rows, and how much more error than the default's each change makes, in
    percent; below it the mean over the sets with its standard error."""
    variants = [variant for variant in known if any(line["variant"] == variant for line in lines)]
    yield "| set | metric | " + " | ".join(variants) + " |"
    yield "|---|---|" + "---|" * len(variants)
    costs: dict[str, list[float]] = {variant: [] for variant in variants}
    for name in dict.fromkeys(line["set"] for line in lines):
        mine = [line for line in lines if line["set"] == name]
        means = {v: np.mean([line["test"] for line in mine if line["variant"] == v]) for v in variants}
        errors = {v: error_of(mine[0]["metric"], mean) for v, mean in means.items()}
        more = {v: 100 * (errors[v] / errors["default"] - 1) for v in variants}
        for variant, value in more.items():
            costs[variant].append(float(value))
        cells = (f"{means[v]:.5g}" + (f" ({more[v]:+.1f} %)" if v != "default" else "") for v in variants)
        yield f"| {name} | {mine[0]['metric']} | {' | '.join(cells)} |"
    mean = (f"{np.mean(costs[v]):+.1f} % ± {np.std(costs[v], ddof=1) / len(costs[v]) ** 0.5:.1f}" for v in variants)
    yield f"| mean of {len(costs['default'])} sets | more error | {' | '.join(mean)} |"


def error_of(metric: str, score: float) -> float:
    """What a score lacks, or the error that it is."""
    return score if metric in LOWER_IS_BETTER else 1 - score


def parser_of(description: str | None, variants: Iterable[str], device: str) -> argparse.ArgumentParser:
    """The arguments of a comparison of variants: on which sets, how often, where, and where its lines are."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get(DATA), help=f"folder of the sets (default: ${DATA})"
    )
    parser.add_argument("--sets", nargs="+", default=[], help="names of sets (default: all)")
    parser.add_argument("--variants", nargs="+", default=list(variants), choices=list(variants), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default=device)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--summary", action="store_true", help="print the table of --out's lines; runs nothing")
    return parser


def compare(
    asked: argparse.Namespace, known: Iterable[str], run: Callable[[DataSet, str, int], dict[str, Any]]
) -> None:
    """Run each variant on each set with each seed, the seeds outermost, as far as its line is not there yet; or print
    the table of the lines."""
    lines = lines_of(asked.out)
    if asked.summary:
        print("\n".join(summary(lines, known)))
        return
    done = {(line["set"], line["variant"], line["seed"]) for line in lines}
    sets = [one for one in read_sets(asked.data) if not asked.sets or one.name in asked.sets]
    for seed, one, variant in product(range(asked.seeds), sets, asked.variants):
        if (one.name, variant, seed) not in done:
            text = json.dumps(run(one, variant, seed))
            print(text, flush=True)
            with asked.out.open("a") as out:
                out.write(f"{text}\n")


def main() -> None:
    parser = parser_of(__doc__, VARIANTS, device="auto")
    parser.add_argument("--shape", type=int, nargs=2, default=(2, 128), metavar=("DEPTH", "WIDTH"))
    asked = parser.parse_args()
    shape = NetworkSpec(*asked.shape)
    compare(asked, VARIANTS, lambda data, variant, seed: run(data, variant, seed, shape, asked.device))


if __name__ == "__main__":
    main()
