"""How often do the two decisions that lean on noise bounds see what is not there, and how often what is?

Overfit verdict: validation curves are simulated, and stopped as growth stops them. On flat or rising ones with noise
"overfits" is a false alarm; on ones that fall after epoch 20 it is right. Baseline: real networks are trained on
tables of noise, where "beats the dummy" is a false alarm, and on ones with a weak signal (an ROC AUC of about 0.6 is
possible) or a clear one (0.74). Prints a JSON line for each; rates of N runs have a standard error of
sqrt(rate (1 - rate) / N).

    python -m benchmarks.false_alarms --curves 1000 --tables 100
"""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple

import numpy as np
import pandas as pd

from autoproc.data.metrics import METRICS
from autoproc.deadline import NEVER
from autoproc.finishing import make_engine
from autoproc.overfit import judge, peak_epoch
from autoproc.plan import Plan, make_plan
from autoproc.process import prepare
from autoproc.results import Curves
from autoproc.steps.baseline import train_baseline

METRIC = METRICS["roc_auc"]
EPOCHS = np.arange(200)
PATIENCE = Plan().growth.patience
DROPS = {1: 10.0, 2: 20.0, 3: 5.0, 5: 3.0, 10: 2.0}
"""A clear drop from the peak to the last epochs, in standard deviations of one fold's noise, by number of folds."""
Truth = Callable[[float], np.ndarray]


def flat(drop: float) -> np.ndarray:
    return np.zeros(len(EPOCHS))


def rising(drop: float) -> np.ndarray:
    return 5 * (1 - np.exp(-EPOCHS / 15))


def falling(drop: float) -> np.ndarray:
    """Rises by 5 in 20 epochs, then falls by `drop` in the next 10, and goes on falling."""
    return np.where(EPOCHS <= 20, EPOCHS / 4, 5 - drop * (EPOCHS - 20) / 10)


def overfit_lines(n_curves: int) -> Iterator[dict[str, object]]:
    for truth in (flat, rising, falling):
        for n_folds, drop in DROPS.items():
            for kept in (0.0, 0.8):
                said = [overfits(truth(drop), n_folds, kept, seed) for seed in range(n_curves)]
                size = drop if truth is falling else 0.0
                yield {
                    "decision": "overfit",
                    "validation": truth.__name__,
                    "folds": n_folds,
                    "noise_kept": kept,
                    "drop": size,
                    "runs": n_curves,
                    "rate": float(np.mean(said)),
                }


def overfits(truth: np.ndarray, n_folds: int, kept: float, seed: int) -> bool:
    """The verdict on one simulated rung, whose metric and loss have the same truth and noise of their own."""
    random = np.random.default_rng([seed, n_folds, round(10 * kept)])
    score, loss = truth + noise(random, n_folds, kept), -truth + noise(random, n_folds, kept)
    train = EPOCHS / 4 + 0.1 * noise(random, n_folds, 0.0)
    end = stopping_epoch(score)
    rate = np.full((n_folds, end), 1e-3)
    curves = Curves(train[:, :end], score[:, :end], -train[:, :end], loss[:, :end], rate)
    return judge("network", curves, METRIC).overfit


def noise(random: np.random.Generator, n_folds: int, kept: float) -> np.ndarray:
    """Noise (K, E) of unit variance, of which each epoch keeps the share `kept` of the one before."""
    steps = random.standard_normal((n_folds, len(EPOCHS)))
    levels = [steps[:, 0]]
    for epoch in range(1, len(EPOCHS)):
        levels.append(kept * levels[-1] + np.sqrt(1 - kept**2) * steps[:, epoch])
    return np.stack(levels, axis=1)


def stopping_epoch(validation: np.ndarray) -> int:
    """Epochs that growth trains: until the peak so far is `PATIENCE` epochs old."""
    mean = validation.mean(axis=0, keepdims=True)
    epochs = range(PATIENCE, len(EPOCHS) + 1)
    return next((epoch for epoch in epochs if epoch - peak_epoch(mean[:, :epoch], METRIC) >= PATIENCE), len(EPOCHS))


class Case(NamedTuple):
    """Tables of a kind of target, and what is asked of them; by `rows_a_group` rows share their features and, but for
    noise, their target with those of their group."""

    target: str
    n_rows: int
    metric: str | None = None
    protocol: str | None = None
    rows_a_group: int = 1
    by_time: bool = False


_SPLIT = "validation_split"
NOISE = [
    *(Case("binary", n_rows) for n_rows in (300, 600, 1500)),
    Case("rare", 600),
    Case("classes", 400),
    Case("number", 300),
    Case("binary", 600, None, _SPLIT),
    Case("binary", 300, "f1"),
    Case("binary", 300, "accuracy"),
    Case("rare", 600, "f1"),
    Case("classes", 400, "mcc"),
    Case("uneven", 600, "macro_f1"),
    Case("binary", 600, "f1", _SPLIT),
    Case("uneven", 600, "macro_f1", _SPLIT),
    *(Case("binary", 800, metric, None, 20) for metric in ("roc_auc", "mcc", "balanced_accuracy")),
    *(Case("binary", 1600, metric, _SPLIT, 20) for metric in ("roc_auc", "mcc")),
    *(Case("binary", 600, metric, by_time=True) for metric in ("roc_auc", "f1")),
    *(Case("binary", 800, metric, None, 20, True) for metric in ("roc_auc", "f1")),
]
WEAK = [
    *(Case("weak", 1000, metric) for metric in ("roc_auc", "f1", "accuracy")),
    *(Case("weak", 1400, metric) for metric in ("roc_auc", "f1")),
    *(Case("weak", 2500, metric, _SPLIT) for metric in ("roc_auc", "f1", "accuracy")),
    *(Case("weak", 2500, metric, by_time=True) for metric in ("roc_auc", "f1")),
    *(Case("clear", n_rows, metric) for n_rows in (400, 1000) for metric in ("roc_auc", "f1")),
    *(Case("weak rare", 4000, metric) for metric in ("average_precision", "f1")),
]


def table(case: Case, seed: int) -> pd.DataFrame:
    """Eight columns of noise, and a target that has nothing (`weak`, `clear`: something) to do with them."""
    random = np.random.default_rng(seed)
    n_groups = case.n_rows // case.rows_a_group
    features = random.standard_normal((n_groups, 8))
    lean = 0.2 * features[:, :3].sum(axis=1)
    targets = {
        "binary": lambda: np.where(random.random(n_groups) < 0.5, "a", "b"),
        "rare": lambda: np.where(random.random(n_groups) < 0.1, "a", "b"),
        "classes": lambda: np.array(["a", "b", "c"])[random.integers(0, 3, n_groups)],
        "uneven": lambda: random.choice(["a", "b", "c"], n_groups, p=[0.7, 0.2, 0.1]),
        "number": lambda: random.standard_normal(n_groups),
        "weak": lambda: np.where(random.random(n_groups) < 1 / (1 + np.exp(-lean)), "a", "b"),
        "clear": lambda: np.where(random.random(n_groups) < 1 / (1 + np.exp(-3 * lean)), "a", "b"),
        "weak rare": lambda: np.where(random.random(n_groups) < 1 / (1 + np.exp(3.5 - lean)), "a", "b"),
    }
    group = np.repeat(np.arange(n_groups), case.rows_a_group)
    target = targets[case.target]()[group]
    noise = 0.0
    if case.rows_a_group > 1:  # rows of a group are alike, not the same
        noise = 0.1 * random.standard_normal((case.n_rows, 8))
        target = np.where(random.random(case.n_rows) < 0.1, target[random.permutation(case.n_rows)], target)
    names = [f"x{i}" for i in range(8)]
    when = np.arange(case.n_rows)
    return pd.DataFrame(features[group] + noise, columns=names).assign(y=target, group=group, time=when)


def baseline_lines(n_tables: int) -> Iterator[dict[str, object]]:
    for case in NOISE + WEAK:
        outcomes = [beats_dummy(case, seed) for seed in range(n_tables)]
        yield {
            "decision": "baseline",
            **case._asdict(),
            "folds": outcomes[0][1],
            "runs": n_tables,
            "rate": float(np.mean([beats for beats, _ in outcomes])),
        }


def beats_dummy(case: Case, seed: int) -> tuple[bool, int]:
    """Whether the baseline passes on one table, and the number of folds it was judged by."""
    asked = {"target": ["y"], "seed": seed, "protocol": {"kind": case.protocol}}
    related = {"group": case.rows_a_group > 1, "time": case.by_time}
    asked |= {name: name for name, counts in related.items() if counts}
    asked |= {"ignore": [name for name, counts in related.items() if not counts]}
    plan = make_plan(None, asked | ({"metric": [case.metric]} if case.metric else {}))
    prepared, _ = prepare(plan, table(case, seed))
    folds = prepared.protocol.splits
    with closing(make_engine(prepared, plan, folds)) as engine:
        return train_baseline(engine, prepared, plan, NEVER).beats_dummy, len(folds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curves", type=int, default=1000, help="simulated rungs a line (default: 1000)")
    parser.add_argument("--tables", type=int, default=100, help="trained tables a line (default: 100)")
    asked = parser.parse_args()
    for lines, runs in ((overfit_lines, asked.curves), (baseline_lines, asked.tables)):
        for line in lines(runs) if runs else ():
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
