"""How long the same hyperparameter search takes: Optuna and skorch, as a careful user writes it, against autoproc.

    python -m benchmarks.search adult.csv:income titanic.csv:Survived --markdown

Common to both: the prepared table, its folds and metric; the batch size; the shipped default space around 2 x 64; the
first two trials (the centre without regularisation, and the default configuration); TPE; the pruner; at most 200
epochs, with a patience of 16 for each fold; two cores. Nothing goes to MLflow. What skorch does stands in
`benchmarks/skorch_search.py`. It ends after 50 trials, or after `--seconds`. Then autoproc gets the same wall time, and
trains as many trials as fit. Importing, reading and preparing count for neither. Their starts and batches are drawn
apart, so that on one table luck has a say in who finds the better score first.

Prints a JSON line a table, or the lines of a Markdown table, and at the end the medians of these ratios:

    best       skorch's seconds until its best trial had ended, by autoproc's until one as good had ended
    done       skorch's seconds until all its trials had ended, by the same
    trials     skorch's seconds for its trials, by autoproc's for as many, the first it began: of a few, which train
               side by side, that is the time of the longest
    cpu        skorch's processor seconds for an epoch of a trial, by autoproc's: luck has no say, and what else the
               machine does has little

Where autoproc does not find as good a score in that time, the first two are 0.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

from autoproc.configurations import default_training, ladder, unregularised
from autoproc.data.metrics import Metric
from autoproc.deadline import Deadline
from autoproc.finishing import make_engine
from autoproc.network.interface import train_together
from autoproc.overfit import judge
from autoproc.plan import Plan, make_plan
from autoproc.prepared import Prepared
from autoproc.process import prepare
from autoproc.results import Growth, Rung, Trained, Trial
from autoproc.space import Space, Suggest
from autoproc.space_file import load_space
from autoproc.spec import Candidate, NetworkSpec, TrainSpec
from autoproc.steps.search import search_regularisation

TRIALS = 50
CENTRE = NetworkSpec(2, 64)
LEARNING_RATE = 3e-3  # of the first two trials: stands for what the baseline would have found
CORES = 2  # processes of skorch, threads of autoproc
ENDLESS = 1_000_000  # trials: autoproc's search ends with the time
EXAMPLE = "examples/machine_failure.csv:machine_failure"
State = Literal["complete", "pruned", "failed", "stopped"]
"""How a trial ended. One that time has stopped has the score it had by then, and is not counted."""
End = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """What both searches share."""

    plan: Plan
    prepared: Prepared
    space: Space
    unregularised: TrainSpec  # of trial 0
    default: TrainSpec  # of trial 1

    @classmethod
    def of(cls, table: str, seed: int) -> "Setting":
        path, _, targets = table.rpartition(":")
        asked = {"data": path, "target": targets.split(","), "seed": seed, "trials": ENDLESS, "device": "cpu"}
        plan = make_plan(None, asked)
        prepared, _ = prepare(plan, None)
        n_rows = max(len(fold.train) for fold in prepared.protocol.splits)
        first = unregularised(plan, n_rows, LEARNING_RATE, plan.train.max_epochs, plan.train.patience)
        space = load_space(plan.space).fitting(plan, minds_classes=False)  # skorch weighs none
        return cls(plan, prepared, space, first, default_training(plan, n_rows, LEARNING_RATE))

    @property
    def metric(self) -> Metric:
        return self.prepared.chosen.metric

    def sample(self, suggest: Suggest) -> Candidate:
        rungs = ladder(self.plan)
        return self.space.sample(suggest, self.default, rungs, rungs.index(CENTRE))


@dataclass
class Log:
    """Ends of trials, on a clock that starts with the log."""

    seconds: float
    ends: list[End] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.deadline = Deadline.after(self.seconds)
        self._started, self._cpu = time.monotonic(), time.process_time()

    def note(self, number: int, state: State, score: float, n_epochs: int) -> None:
        self.ends.append({"number": number, "state": state, "score": score, "epochs": n_epochs, **self.used()})

    def used(self) -> dict[str, float]:
        """Seconds so far."""
        return {"wall": time.monotonic() - self._started, "cpu": time.process_time() - self._cpu}


def work(search: Callable[[Log], None]) -> None:
    """The process of one contender: says that it is ready, waits for a number of seconds, and tells how it went."""
    print(flush=True)
    log = Log(float(sys.stdin.readline()))
    search(log)
    print(json.dumps({"ends": log.ends, **log.used()}), flush=True)


def search_by_autoproc(setting: Setting) -> Callable[[Log], None]:
    """As `autoproc.process` does it, but for growth: the centre is given."""
    import torch

    torch.set_num_threads(CORES)
    plan, metric, folds = setting.plan, setting.metric, setting.prepared.protocol.splits
    with closing(make_engine(setting.prepared, plan, folds)) as other:  # loads what is left
        train_together(other, [Candidate(CENTRE, setting.default)], Deadline.after(0))
    engine = make_engine(setting.prepared, plan, folds)

    def search(log: Log) -> None:
        def on_trial(trial: Trial, trained: Trained) -> None:
            # Trial 0's reason is that it is the first; another complete trial's is that time has stopped it.
            state: State = "stopped" if trial.state == "complete" and trial.reason and trial.number else trial.state
            log.note(trial.number, state, trial.score.mean, trial.n_epochs)

        [first] = train_together(engine, [Candidate(CENTRE, setting.unregularised)], log.deadline)
        rungs, verdict = ladder(plan), judge(str(CENTRE), first.curves, metric)
        growth = Growth((Rung(rungs.index(CENTRE), first, verdict),), rungs, rungs.index(CENTRE), False, "given")
        search_regularisation(engine, metric, plan, setting.space, growth, log.deadline, on_trial)
        engine.close()

    return search


@contextmanager
def worker(command: Sequence[str]) -> Iterator["subprocess.Popen[str]"]:
    """A contender's process that is ready."""
    with subprocess.Popen(
        [sys.executable, "-m", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        if not process.stdout.readline():
            raise RuntimeError(f"{' '.join(command)} gave up: see its error above")
        yield process


def race(commands: Sequence[Sequence[str]], seconds: float) -> dict[str, Any]:
    """What the processes of one contender tell together, when each has been given the same seconds."""
    with ExitStack() as stack:
        processes = [stack.enter_context(worker(command)) for command in commands]
        for process in processes:
            assert process.stdin
            process.stdin.write(f"{seconds}\n")
            process.stdin.flush()
        told = [json.loads(process.communicate()[0]) for process in processes]
    return {
        "wall": max(part["wall"] for part in told),
        "cpu": sum(part["cpu"] for part in told),
        "ends": sorted((end for part in told for end in part["ends"]), key=lambda end: end["wall"]),
    }


def compare(table: str, seconds: float, seed: int) -> dict[str, Any]:
    """The race of one table: skorch first, then autoproc in as much time."""
    metric, asked = Setting.of(table, seed).metric, [table, str(seed)]
    with tempfile.TemporaryDirectory() as folder:
        journal = str(Path(folder, "journal"))
        commands = [("benchmarks.skorch_search", *asked, str(number), journal) for number in range(CORES)]
        skorch = race(commands, seconds)
    autoproc = race([("benchmarks.search", "--work", *asked)], skorch["wall"])
    goal, n_trials = best(skorch["ends"], metric), len(counted(skorch["ends"]))
    as_good = [end for end in autoproc["ends"] if has_score(end) and metric.gain(end["score"], goal["score"]) >= 0]
    first = sorted(counted(autoproc["ends"]), key=lambda end: int(end["number"]))[:n_trials]
    if not first:
        raise SystemExit(f"{table}: no trial ended in {seconds:g} s; raise --seconds.")
    took = max(end["wall"] for end in first)
    reached = as_good[0]["wall"] if as_good else float("nan")
    return {
        "table": Path(table.rpartition(":")[0]).stem,
        "metric": metric.name,
        "skorch": summary(skorch, metric),
        "autoproc": summary(autoproc, metric),
        "equal": as_good[0] if as_good else None,
        "first": {"trials": len(first), "seconds": took, "score": best(first, metric)["score"]},
        "ratios": {
            "best": goal["wall"] / reached if as_good else 0.0,
            "done": skorch["wall"] / reached if as_good else 0.0,
            "trials": skorch["wall"] / n_trials / (took / len(first)),
            "cpu": cpu_an_epoch(skorch) / cpu_an_epoch(autoproc),
        },
    }


def counted(ends: Sequence[End]) -> list[End]:
    return [end for end in ends if end["state"] != "stopped"]


def has_score(end: End) -> bool:
    return end["state"] in ("complete", "stopped")


def best(ends: Sequence[End], metric: Metric) -> End:
    """The first end of the best trial."""
    return max(filter(has_score, ends), key=lambda end: float(metric.gain(end["score"], 0.0)))


def cpu_an_epoch(told: dict[str, Any]) -> float:
    return float(told["cpu"]) / sum(end["epochs"] for end in told["ends"])


def summary(told: dict[str, Any], metric: Metric) -> dict[str, Any]:
    """What one contender did; its `best` trial, and how many trials ended, pruned ones among them."""
    n_trials, n_pruned = len(counted(told["ends"])), sum(end["state"] == "pruned" for end in told["ends"])
    used = {key: told[key] for key in ("wall", "cpu")}
    return {**used, "trials": n_trials, "pruned": n_pruned, "best": best(told["ends"], metric)}


COLUMNS = (
    "table, metric", "skorch: trials, s, CPU s", "best, at s", "autoproc: as good at s", "best, done",
    "as many trials, best", "trials", "in equal time: trials, CPU s, best", "cpu",
)  # fmt: skip


def line(result: dict[str, Any]) -> str:
    """One line of the Markdown table."""
    skorch, autoproc, equal, first = (result[key] for key in ("skorch", "autoproc", "equal", "first"))
    ratios = {name: f"{ratio:.1f}x" for name, ratio in result["ratios"].items()}
    cells = (
        f"{result['table']}, {result['metric'].replace('_', ' ')}",
        f"{skorch['trials']}, {skorch['wall']:.0f}, {skorch['cpu']:.0f}",
        f"{skorch['best']['score']:.5g}, {skorch['best']['wall']:.1f}",
        f"{equal['wall']:.1f}" if equal else "not reached",
        f"{ratios['best']}, {ratios['done']}",
        f"{first['trials']} in {first['seconds']:.1f} s, {first['score']:.5g}",
        ratios["trials"],
        f"{autoproc['trials']}, {autoproc['cpu']:.0f}, {autoproc['best']['score']:.5g}",
        ratios["cpu"],
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="FILE:TARGET[,TARGET]", help=f"default: {EXAMPLE}")
    parser.add_argument("--seconds", type=float, default=65, help="the most that skorch gets (default: 65)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--markdown", action="store_true", help="print the lines of a Markdown table")
    parser.add_argument("--work", nargs=2, metavar=("TABLE", "SEED"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        work(search_by_autoproc(Setting.of(asked.work[0], int(asked.work[1]))))
        return
    if asked.markdown:
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    results = []
    for table in asked.tables or [EXAMPLE]:
        results.append(compare(table, asked.seconds, asked.seed))
        print(line(results[-1]) if asked.markdown else json.dumps(results[-1]), flush=True)
    medians = {name: median(result["ratios"][name] for result in results) for name in results[0]["ratios"]}
    print(json.dumps({"tables": len(results), "median_ratios": medians}))


if __name__ == "__main__":
    main()
