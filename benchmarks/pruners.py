"""Which pruner spends the fewest epochs for the least loss, where trials train side by side and take others' places.

    python -m benchmarks.pruners titanic.csv:Survived --markdown

Some random trials of the shipped default space are trained to their ends, unpruned. Then searches are played back from
their curves, in many orders: so many trials at once, the next one takes the place of one that ends, all report an epoch
before any is judged. Nothing is trained twice, so pruners differ by what they prune alone. For each:

    epochs   that were spent, of those of a search without pruning
    loss     of the best score that is left, in standard deviations of the trials' scores
    kept     share of the orders in which the best trial was not pruned
    spread   standard deviation of `epochs` over the orders: how much hangs on who arrives when

Prints a JSON line a pruner, or the lines of a Markdown table.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner

from autoproc.data.metrics import Metric
from autoproc.network.interface import train_together
from autoproc.process import make_engine
from autoproc.steps.search import FIRST_CHECK, OptunaSuggest, WorseHalfPruner
from benchmarks.search import EXAMPLE, Setting

MOST_EPOCHS = 200
PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "none": NopPruner,
    "worse half": WorseHalfPruner,
    "median": lambda: MedianPruner(n_warmup_steps=FIRST_CHECK),
    "successive halving, 2": lambda: SuccessiveHalvingPruner(FIRST_CHECK, reduction_factor=2),
    "successive halving, 3": lambda: SuccessiveHalvingPruner(FIRST_CHECK, reduction_factor=3),
    "Hyperband, 2": lambda: HyperbandPruner(FIRST_CHECK, MOST_EPOCHS, reduction_factor=2),
    "Hyperband, 3": lambda: HyperbandPruner(FIRST_CHECK, MOST_EPOCHS, reduction_factor=3),
}
Curve = np.ndarray
"""Of one trial: the mean over folds of the best scores so far, by epoch."""


def train_curves(setting: Setting, n_trials: int) -> list[Curve]:
    """Random trials, each trained to its own end; those that diverge are left out."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=setting.plan.seed))
    candidates = [setting.sample(OptunaSuggest(study.ask())) for _ in range(n_trials)]
    with closing(make_engine(setting.prepared, setting.plan, setting.prepared.protocol.splits)) as engine:
        trained = train_together(engine, candidates)
    return [setting.metric.best_so_far(t.curves.validation_score).mean(axis=0) for t in trained if not t.failed]


@dataclass
class _Running:
    trial: optuna.Trial
    curve: Curve
    epoch: int = 0


def play(curves: Sequence[Curve], pruner: BasePruner, metric: Metric, at_once: int, name: str) -> tuple[int, float]:
    """Epochs that a search over `curves`, in their order, spends, and the best score of the trials that end; NaN where
    all are pruned. Hyperband deals its brackets out by the study's `name`."""
    study = optuna.create_study(study_name=name, direction=metric.direction, pruner=pruner)
    waiting, running, n_epochs, ended = list(curves), list[_Running](), 0, []
    while waiting or running:
        while waiting and len(running) < at_once:
            running.append(_Running(study.ask(), waiting.pop(0)))
        for each in running:
            each.epoch += 1
            each.trial.report(float(each.curve[each.epoch - 1]), each.epoch)
        n_epochs += len(running)
        still = []
        for each in running:
            if each.epoch == len(each.curve):
                ended.append(float(each.curve[-1]))
                study.tell(each.trial, ended[-1])
            elif each.trial.should_prune():
                study.tell(each.trial, state=optuna.trial.TrialState.PRUNED)
            else:
                still.append(each)
        running = still
    return n_epochs, metric.best(np.array(ended)) if ended else float("nan")


def compare(name: str, curves: Sequence[Curve], metric: Metric, at_once: int, n_orders: int) -> dict[str, Any]:
    """One pruner, over the same orders as any other."""
    random = np.random.default_rng(0)
    played = []
    for number in range(n_orders):
        order = random.permutation(len(curves))
        played.append(play([curves[place] for place in order], PRUNERS[name](), metric, at_once, str(number)))
    finals = np.array([curve[-1] for curve in curves])
    epochs = np.array([n for n, _ in played]) / sum(map(len, curves))
    scores = np.array([score for _, score in played])
    worst = finals[np.argmax(metric.gain(metric.best(finals), finals))]  # stands for a search that pruned all
    lost = metric.gain(metric.best(finals), np.where(np.isnan(scores), worst, scores))
    return {
        "pruner": name,
        "epochs": float(epochs.mean()),
        "loss": float(lost.mean() / finals.std()),
        "kept": float(np.mean(lost == 0)),
        "spread": float(epochs.std()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="FILE:TARGET[,TARGET]", help=f"default: {EXAMPLE}")
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--at-once", type=int, default=8, help="trials in training side by side (default: 8)")
    parser.add_argument("--orders", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--markdown", action="store_true", help="print the lines of a Markdown table")
    asked = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if asked.markdown:
        print("| table | pruner | epochs | loss | kept | spread |\n|---|---|---|---|---|---|")
    for table in asked.tables or [EXAMPLE]:
        setting = Setting.of(table, asked.seed)
        curves = train_curves(setting, asked.trials)
        for name in PRUNERS:
            result = {"table": Path(table.rpartition(":")[0]).stem}
            result |= compare(name, curves, setting.metric, asked.at_once, asked.orders)
            if asked.markdown:
                cells = (result[key] for key in ("epochs", "loss", "kept", "spread"))
                print(f"| {result['table']} | {name} | {' | '.join(f'{cell:.2f}' for cell in cells)} |", flush=True)
            else:
                print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
