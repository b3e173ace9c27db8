"""One run: a contender fits a set's training rows in a process of its own, and its predictions are scored here."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.peers.job import CANNOT, CORES, PREDICTIONS, write
from benchmarks.peers.scores import scores
from benchmarks.peers.sets import DataSet

ROOT = Path(__file__).parents[2]
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
PATIENCE = 900.0
"""Seconds beyond thrice the budget after which a contender is stopped: nobody waits longer."""


@dataclass(frozen=True)
class Run:
    """What makes a run, and what it is not repeated for."""

    contender: str
    data: DataSet
    seconds: float | None
    seed: int

    @property
    def key(self) -> dict[str, Any]:
        return {
            "set": self.data.name,
            "contender": self.contender,
            "seconds": self.seconds,
            "seed": self.seed,
        }


def measure(run: Run, python: str, *options: str) -> dict[str, Any]:
    """The line of a run by an interpreter, with the contender's own options: its scores, or why there are none
    (`cannot`, `failed`), and its seconds from the process's start to its end."""
    data = run.data
    train, test = data.rows()
    targets = list(data.targets)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write(folder, data.job(run.seconds, run.seed), train, data.features(test))
        command = [python, "-m", "benchmarks.peers.contender", run.contender, scratch, *options]
        used, failed = watch(command, folder / "log.txt", 3 * (run.seconds or 0) + PATIENCE)
        outcome: dict[str, Any]
        if (folder / CANNOT).exists():
            outcome = {"cannot": (folder / CANNOT).read_text()}
        elif failed:
            outcome = {"failed": failed}
        else:
            names = pd.read_csv(folder / PREDICTIONS)
            try:
                outcome = {"scores": scores(data.task, train[targets], test[targets], names)}
            except ValueError as error:
                outcome = {"failed": str(error)}
    return {**run.key, **outcome, **used}


def watch(command: list[str], log: Path, limit: float) -> tuple[dict[str, float], str | None]:
    """Run a command on two cores: its wall and processor seconds (with those of its children), and why it failed."""
    started, before = time.monotonic(), os.times()
    environment = {**os.environ, **dict.fromkeys(THREADS, str(CORES))}
    with log.open("w") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=on_two_cores(),
        )
        try:
            code: int | None = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            stop(process)  # also where this process is interrupted: the other one is in a session of its own
    wall, after = time.monotonic() - started, os.times()
    cpu = sum(getattr(after, name) - getattr(before, name) for name in ("children_user", "children_system"))
    failed = None
    if code != 0:
        words = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
        failed = f"no end after {limit:.0f} s" if code is None else (words or [f"exit code {code}"])[-1]
    return {"wall": round(wall, 2), "cpu": round(cpu, 2)}, failed


def on_two_cores() -> Callable[[], None] | None:
    """What binds a new process to two of the cores that this one may use, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    return partial(os.sched_setaffinity, 0, cores)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process and those it started, as far as they still run."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
