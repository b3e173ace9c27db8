"""Whether anything is lost: jobs that are stopped at random moments, and resumed until they come to their end.

    python -m benchmarks.chaos --jobs 60 --signal KILL --markdown
    python -m benchmarks.chaos --jobs 20 --signal TERM
    python -m benchmarks.chaos --jobs 20 --signal INT
    python -m benchmarks.chaos --jobs 20 --full-disk        # as root: mounts a small file system of its own

Each job is a real `autoproc tune` on a table that scikit-learn brings, in a process of its own, and is stopped once or
twice, at moments drawn from the time that an undisturbed one takes; what resumes it may be stopped as well. With
`--full-disk` the home's file system is filled at such a moment, and emptied before the job is resumed. In the end it
has to be as if nothing had happened: the result equals the undisturbed job's apart from times; the trials in MLflow and
in the result are as many, each child there once and finished; the holdout has one receipt; the model predicts; the
journal is gone. A job that a first signal has brought to an early end is not compared with the undisturbed one.

Processes are forked from this one, so that each spares the seconds in which libraries are loaded, and no job is stopped
in those. Prints a JSON line a job and what the jobs were stopped in; exits with 1 where anything was lost.
"""

import argparse
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import autoproc

TARGET, TABLE, PLAN = "malignant", "table.csv", "plan.yaml"
SMALL: dict[str, Any] = {
    "trials": 12,
    "time_limit": None,
    "device": "cpu",
    "protocol": {"kind": "k_fold", "folds": 3},
    "train": {"max_epochs": 15, "patience": 5},
    "baseline": {"max_epochs": 20, "learning_rates": [0.003, 0.01]},
    "growth": {"rungs": [[1, 8], [1, 16], [2, 16]], "max_epochs": 15, "patience": 6},
}
PATIENCE = 300.0
"""Seconds after which a job counts as hung."""
_MOST_RESUMED = 5
_OUT, _TOLD, _MODULES = "out.json", "told.txt", "modules.txt"
_OF_A_RUN = ("seconds", "run_id", "home", "path", "opened_at", "memory", "told", "seconds_an_epoch")
_DISK = "64m"
"""Of the file system that is filled: a home wants 50 MB free when a job starts."""


def alike(result: Any) -> Any:
    """What a job's result says apart from times, places and ids."""
    if isinstance(result, dict):
        return {key: alike(value) for key, value in result.items() if key not in _OF_A_RUN}
    return [alike(value) for value in result] if isinstance(result, list) else result


@dataclass
class Stopped:
    """What happened to one job."""

    number: int
    stops: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    ended_early: bool = False


class Running:
    """A command in a forked process, with what it writes in files beside its home."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._out, self._err = folder / _OUT, folder / _TOLD
        for of_another in (self._out, self._err):
            of_another.unlink(missing_ok=True)
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_command, args=(self._out, self._err, arguments))
        self._process.start()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within so many seconds."""
        self._process.join(seconds)
        return self._process.exitcode is not None

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._process.pid or 0, number)

    @property
    def code(self) -> int:
        assert self._process.exitcode is not None
        return self._process.exitcode

    @property
    def step(self) -> str:
        """The last step that it told of."""
        told = [line.split()[0] for line in self.told.splitlines() if line[:1].isalpha()]
        steps = [step for step in told if step not in ("note", "warning", "stop", "resume", "autoproc:")]
        return steps[-1] if steps else "start"

    @property
    def told(self) -> str:
        return self._err.read_text(encoding="utf-8") if self._err.exists() else ""

    @property
    def result(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self._out.read_text(encoding="utf-8"))
        return content


def _command(out: Path, err: Path, arguments: tuple[str, ...]) -> None:
    """What the forked process does: the command line, from its first line on."""
    from autoproc.cli.app import main

    for path, stream in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["autoproc", *arguments]
    code = main()
    sys.stdout.flush()
    out.with_name(_MODULES).write_text("\n".join(sys.modules), encoding="utf-8")
    os._exit(code)


def tune(folder: Path, home: Path) -> tuple[str, ...]:
    table, plan = str(folder / TABLE), str(folder / PLAN)
    return ("tune", table, "--target", TARGET, "--config", plan, "--home", str(home), "--json")


def run_to_its_end(folder: Path) -> tuple[dict[str, Any], float]:
    """An undisturbed job's result, and the seconds that it took. What it has loaded is loaded here, too, so that forked
    processes have it."""
    home = Path(tempfile.mkdtemp(dir=folder))
    started = time.monotonic()
    job = Running(folder, *tune(folder, home))
    if not job.wait(PATIENCE) or job.code:
        raise SystemExit(f"The undisturbed job has not come to its end:\n{job.told}")
    seconds = time.monotonic() - started
    for module in (folder / _MODULES).read_text(encoding="utf-8").splitlines():
        with suppress(Exception):  # some are only found from within others
            import_module(module)
    return job.result, seconds


def disturb(number: int, folder: Path, home: Path, asked: argparse.Namespace, seconds: float) -> Stopped:
    """One job, stopped once or twice and then resumed to its end; what it came to is checked. What it writes for its
    user comes to `folder`."""
    chance = random.Random(f"{asked.seed} {number} {asked.signal} {asked.full_disk}")
    seen, arguments = Stopped(number), tune(folder, home)
    n_stops = chance.choice((1, 2))
    for _ in range(n_stops):
        job = Running(folder, *arguments)
        if job.wait(chance.random() * seconds):  # it was faster
            seen.codes.append(job.code)
            break
        place = _stop(job, home, asked)
        seen.stops.append(place)
        seen.codes.append(job.code)
        if "Traceback" in job.told:
            seen.lost.append(f"a traceback: {job.told[-1_000:]}")
        if job.code == 0:
            seen.ended_early = True
            break
        arguments = _next_command(home) or arguments
    while job.code and len(seen.codes) < n_stops + _MOST_RESUMED:
        job = Running(folder, *arguments)
        if not job.wait(PATIENCE):
            job.send(signal.SIGKILL)
            job.wait(PATIENCE)
            seen.lost.append("it hung")
        seen.codes.append(job.code)
        if job.code:
            seen.lost.append(job.told[-1_000:])
            break
    if not job.code:
        seen.lost += _lost(home, job.result)
    return seen


def _next_command(home: Path) -> tuple[str, ...] | None:
    """The command that comes to a stopped job's result; none for a job that was stopped before it had a journal. One
    that was stopped when it had nothing left to do but to leave shows it."""
    if any(home.glob("jobs/*/journal/job.json")):
        return "resume", "last", "--home", str(home), "--json"
    if any(home.glob("jobs/*/result.json")):
        return "show", "last", "--home", str(home), "--json"
    return None


def _stop(job: Running, home: Path, asked: argparse.Namespace) -> str:
    """Stop a job, and return the step that it was in."""
    place = job.step
    if asked.full_disk:
        with _filled(home):
            job.wait(PATIENCE)
        return place
    job.send(getattr(signal, f"SIG{asked.signal}"))
    if not job.wait(PATIENCE):
        job.send(signal.SIGKILL)
        job.wait(PATIENCE)
    return place


@contextmanager
def _filled(home: Path) -> Iterator[None]:
    """The file system of a home without a free byte."""
    filler = home / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65_536))
    try:
        yield
    finally:
        filler.unlink()


def _lost(home: Path, result: dict[str, Any]) -> list[str]:
    """What a finished job lacks, or has twice."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    runs = client.search_runs([each.experiment_id for each in client.search_experiments()], max_results=10_000)
    mine = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == result["run_id"]]
    children = Counter(str(run.info.run_name) for run in mine)
    n_trials = sum(name.startswith("trial ") for name in children)
    of_others = [run for run in runs if run.info.status not in ("FINISHED", "KILLED", "FAILED")]
    [parent] = [run for run in runs if run.info.run_id == result["run_id"]]
    checks = {
        f"{n_trials} trials in MLflow, {result['search']['n_trials']} in the result": (
            n_trials == result["search"]["n_trials"]
        ),
        "children twice": max(children.values()) == 1,
        "unfinished children": all(run.info.status == "FINISHED" for run in mine),
        f"the job is {parent.info.status}": parent.info.status == "FINISHED",
        "runs that still run": not of_others,
        "not one receipt": len(list((home / "receipts").glob("*.json"))) == 1,
        "a journal is left": not any(home.glob("jobs/*/journal")) or len(list((home / "jobs").iterdir())) > 1,
        "locks are left": not list((home / "running").iterdir()),
    }
    lost = [what for what, holds in checks.items() if not holds]
    autoproc.load(result["model"]["path"])
    return lost


@contextmanager
def homes(asked: argparse.Namespace) -> Iterator[Path]:
    """The folder for the jobs' homes; a small file system where that shall be filled."""
    with tempfile.TemporaryDirectory() as folder:
        if not asked.full_disk:
            yield Path(folder)
            return
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def write_request(folder: Path) -> None:
    import yaml
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer(as_frame=True)
    data.frame.rename(columns={"target": TARGET}).to_csv(folder / TABLE, index=False)
    (folder / PLAN).write_text(yaml.safe_dump(SMALL), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--signal", choices=("KILL", "TERM", "INT"), default="KILL")
    parser.add_argument("--full-disk", action="store_true", help="fill the home's file system in place of a signal")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--markdown", action="store_true", help="print a table of the steps in the end")
    asked = parser.parse_args()
    if asked.full_disk and os.geteuid():
        parser.error("--full-disk mounts a file system, which root alone may do")
    places, n_lost = Counter[str](), 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_request(folder)
        run_to_its_end(folder)
        undisturbed, seconds = run_to_its_end(folder)
        for number in range(asked.jobs):
            with homes(asked) as place:
                seen = disturb(number, folder, place / "home", asked, seconds)
                early = seen.ended_early or "asked for: what trains" in (folder / _TOLD).read_text(encoding="utf-8")
                if not seen.lost and not early and alike(json.loads((folder / _OUT).read_text())) != alike(undisturbed):
                    seen.lost.append("the result is another one")
            places.update(seen.stops)
            n_lost += bool(seen.lost)
            print(json.dumps(vars(seen)), flush=True)
    if asked.markdown:
        print("| stopped when it had told last of | times |\n|---|---:|")
        print("\n".join(f"| {step} | {times} |" for step, times in places.most_common()))
    n_stops = sum(places.values())
    print(f"{asked.jobs} jobs stopped {n_stops} times, {n_lost} with losses", file=sys.stderr)
    return int(n_lost > 0)


if __name__ == "__main__":
    sys.exit(main())
