"""Where a job's wall time goes beside training: a real `autoproc tune`, with a timer around each of its parts.

    python -m benchmarks.overhead adult.csv:income --time-limit 1m

The job runs in a process of its own, with a home that is removed at the end. Timers are put around functions in that
process alone, and count the main thread's wall time, and its processor time, which tells more on a machine that others
use too. Each second counts once: what a part calls that has a timer of its own is not its own. `training` is the time
that the main thread waits for epochs, with the scoring that belongs to them; how the processor time of all threads is
divided in it is told beside. `other` is what no timer stands around: the rest of the steps, story and progress.
`tracking` is what MLflow takes in all: the main thread's time for it, and the processor time of the thread that
delivers the record beside training. Prints a table and a JSON line.
"""

import argparse
import builtins
import inspect
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from pathlib import Path
from threading import Lock, current_thread, main_thread
from typing import Any

START, TRAINING, EXIT, OTHER = "start-up, imports", "training", "exit", "other"
OPENING, WRITING = "MLflow, opening", "MLflow, writing"
PARTS = {
    "reading, preparing": ("autoproc.process:prepare", "autoproc.finishing:make_engine"),
    OPENING: ("autoproc.tracking.home:open_home", "autoproc.tracking.mlflow_tracker:open_tracker"),
    WRITING: (
        "autoproc.export.mlflow_model:write_mlflow_model",
        "autoproc.tracking.children:*",
        "autoproc.tracking.mlflow_tracker:MlflowTracker.*",
    ),
    "Optuna": (
        "optuna:create_study",
        "optuna.study:Study.*",
        "optuna.trial:create_trial",
        "optuna.trial:Trial.*",
        "optuna.trial:FixedTrial.*",
    ),
    "evaluation": (
        "autoproc.data.metrics:Metric.__call__",
        "autoproc.network.engine:StackEngine.out_of_fold",
        "autoproc.overfit:*",
        "autoproc.steps.baseline:train_baseline",
        "autoproc.steps.decision:choose_threshold",
    ),
    "engine": ("autoproc.network.engine:StackEngine.*",),
    "journal": ("autoproc.journal:Journal.*",),
    "export": (
        "autoproc.finishing:final_networks",
        "autoproc.job:Job.export",
        "autoproc.job:Job.complete",
    ),
    "holdout": (
        "autoproc.data.receipts:check_unopened",
        "autoproc.data.receipts:write_receipt",
        "autoproc.steps.verdict:score_holdout",
    ),
    TRAINING: ("autoproc.network.shards:Shards.train_epoch",),
}
"""Functions by part, as MODULE:NAME or MODULE:CLASS.NAME; * stands for all public ones not named elsewhere."""
THREADS = {
    "all": "autoproc.network.stack:Stack.train_epoch",
    "scoring": "autoproc.network.evaluation:evaluate",
    "metrics": "autoproc.data.metrics:Metric.__call__",
    "record": "autoproc.tracking.delivery:Delivery.empty",
}
"""What is timed in threads: of training all, and of that scoring, and of that metrics; and beside it the record."""


class Timers:
    """The main thread's wall and processor seconds by part, and the threads' processor seconds in training."""

    def __init__(self, seconds_before: float) -> None:
        self.wall: dict[str, float] = defaultdict(float, {START: seconds_before})
        self.main_cpu: dict[str, float] = defaultdict(float, {START: time.thread_time()})
        self.cpu: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self._open: list[str] = []
        self._since, self._cpu_since = time.perf_counter(), time.thread_time()
        self._lock = Lock()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """The main thread's time belongs to `name`, until another part begins in it. All of training is training's."""
        if current_thread() is not main_thread() or TRAINING in self._open:
            yield
            return
        self._turn()
        self._open.append(name)
        self.calls[name] += 1
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    @contextmanager
    def thread(self, name: str) -> Iterator[None]:
        """A thread's processor time; what the main thread does is told by parts."""
        if current_thread() is main_thread():
            yield
            return
        started = time.thread_time()
        yield
        with self._lock:
            self.cpu[name] += time.thread_time() - started

    def _turn(self) -> None:
        """Book the time since the last turn."""
        part = self._open[-1] if self._open else OTHER
        now, cpu_now = time.perf_counter(), time.thread_time()
        self.wall[part] += now - self._since
        self.main_cpu[part] += cpu_now - self._cpu_since
        self._since, self._cpu_since = now, cpu_now


def install(timers: Timers) -> None:
    """Put the timers around everything; loads what a job loads."""
    plain_import = builtins.__import__

    def timed_import(name: str, *args: Any, **kwargs: Any) -> Any:
        if name in sys.modules:
            return plain_import(name, *args, **kwargs)
        with timers.part(START):
            return plain_import(name, *args, **kwargs)

    builtins.__import__ = timed_import
    everything = [(part, target) for part, targets in PARTS.items() for target in targets]
    with timers.part(START):
        for _, target in everything:
            import_module(target.partition(":")[0])
    for name, target in THREADS.items():
        surround(target, lambda name=name: timers.thread(name))
    for part, target in sorted(everything, key=lambda pair: "*" in pair[1]):
        surround(target, lambda part=part: timers.part(part))


def surround(target: str, timer: Callable[[], Any]) -> None:
    """Let a timer run while a function does, or each one that a * stands for."""
    module, _, path = target.partition(":")
    owner_name, _, name = path.rpartition(".")
    owner: Any = getattr(import_module(module), owner_name) if owner_name else import_module(module)
    names = [name]
    if name == "*":
        names = [key for key, value in vars(owner).items() if inspect.isfunction(value) and _is_own(key, value, module)]
    for each in names:
        function = getattr(owner, each)
        timed = _timed(function, timer)
        for place in [owner] if owner_name else [owner, *_importers(function, each)]:
            setattr(place, each, timed)


def _is_own(name: str, function: Any, module: str) -> bool:
    """Whether it is public, belongs to the module, and has no timer yet."""
    return not name.startswith("_") and function.__module__.startswith(module) and not hasattr(function, "has_timer")


def _timed(function: Callable[..., Any], timer: Callable[[], Any]) -> Callable[..., Any]:
    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        with timer():
            return function(*args, **kwargs)

    run.has_timer = True  # type: ignore[attr-defined]
    return run


def _importers(function: Any, name: str) -> list[Any]:
    """Modules of autoproc that have imported the function by its name."""
    modules = [module for key, module in sys.modules.items() if key.startswith("autoproc.")]
    return [module for module in modules if vars(module).get(name) is function]


def run_child(out: str, spawned: float, command: list[str]) -> None:
    """The job itself, in this process."""
    timers = Timers(time.monotonic() - spawned)
    install(timers)
    from autoproc.cli import main
    from autoproc.machine import peak_memory

    sys.argv = ["autoproc", *command]
    code = main()
    with timers.part(EXIT):
        measured = {"wall": timers.wall, "cpu": timers.cpu, "calls": timers.calls, "peak_mb": peak_memory() / 1e6}
        measured |= {"main_cpu": timers.main_cpu, "all_cpu": time.process_time()}
        Path(out).write_text(json.dumps(measured | {"ended": time.monotonic(), "code": code}), encoding="utf-8")


def measure(table: str, time_limit: str, seed: int) -> dict[str, Any]:
    """Run one job, and tell its wall seconds by part."""
    path, _, targets = table.rpartition(":")
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder, "measured"))
        tune = ["tune", path, "--target", targets, "--json", "--quiet", "--home", str(Path(folder, "home"))]
        tune += ["--time-limit", time_limit, "--seed", str(seed)]
        spawned = time.monotonic()
        child = [sys.executable, "-m", "benchmarks.overhead", "--child", out, str(spawned), *tune]
        done = subprocess.run(child, stdout=subprocess.PIPE, check=True, text=True)
        ended = time.monotonic()
        measured = json.loads(Path(out).read_text(encoding="utf-8"))
    if measured["code"]:
        raise RuntimeError(f"autoproc ended with code {measured['code']}: see its error above")
    total, wall = ended - spawned, measured["wall"] | {EXIT: ended - measured["ended"]}
    wall[OTHER] = total - sum(seconds for part, seconds in wall.items() if part != OTHER)
    main_cpu, threads = measured["main_cpu"], measured["cpu"]
    tracking = {
        "share": (wall[OPENING] + wall[WRITING]) / total,
        "cpu_share": (main_cpu[OPENING] + main_cpu[WRITING] + threads["record"]) / measured["all_cpu"],
    }
    parts = sorted(wall.items(), key=lambda pair: (pair[0] == TRAINING, pair[0] == OTHER, -pair[1]))
    return {
        "table": Path(path).stem,
        "seconds": total,
        "outside_training": 1 - wall[TRAINING] / total,
        "tracking": tracking,
        "parts": {
            part: {
                "seconds": s,
                "share": s / total,
                "cpu_seconds": main_cpu.get(part),
                "calls": measured["calls"].get(part),
            }
            for part, s in parts
        },
        "threads_cpu_seconds": threads,
        "cpu_seconds": measured["all_cpu"],
        "peak_mb": measured["peak_mb"],
        "trials": json.loads(done.stdout)["search"]["n_trials"],
    }


def print_table(result: dict[str, Any]) -> None:
    cpu = result["threads_cpu_seconds"]
    print(
        f"{result['table']}: {result['seconds']:.1f} s, {result['trials']} trials, {result['peak_mb']:.0f} MB at most\n"
    )
    for part, cells in result["parts"].items():
        processor = "" if cells["cpu_seconds"] is None else f"{cells['cpu_seconds']:8.2f} s"
        print(f"{part:20}{cells['seconds']:8.2f} s{cells['share']:8.1%}{processor}")
    print(f"{'outside training':20}{'':10}{result['outside_training']:8.1%}\n")
    tracking = result["tracking"]
    print(f"Tracking: {tracking['share']:.1%} of the wall time, {tracking['cpu_share']:.1%} of the processor time")
    print("Processor seconds in threads: " + ", ".join(f"{name} {cpu[name]:.1f}" for name in THREADS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", metavar="FILE:TARGET[,TARGET]")
    parser.add_argument("--time-limit", default="1m", help="for the job (default: 1m)")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    result = measure(asked.table, asked.time_limit, asked.seed)
    print_table(result)
    print(json.dumps(result))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        run_child(sys.argv[2], float(sys.argv[3]), sys.argv[4:])
    else:
        main()
