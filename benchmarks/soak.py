"""Whether jobs leave something behind in a process that runs one after the other: memory, threads, open files.

    python -m benchmarks.soak --jobs 12

Tiny jobs by the Python interface, all in this process and in one home that is removed at the end. Prints a JSON line
after each: resident memory (once garbage is collected and what the allocator keeps has gone back, where it can), live
threads, and open files; at last how much each has grown a job, by a straight line through the last ten.
"""

import argparse
import ctypes
import gc
import json
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import autoproc
from autoproc.machine import used_memory

LAST = 10
SMALL: dict[str, Any] = {
    "trials": 6,
    "time_limit": None,
    "device": "cpu",
    "protocol": {"kind": "k_fold", "folds": 3},
    "train": {"max_epochs": 10, "patience": 4},
    "baseline": {"max_epochs": 20, "learning_rates": [0.01, 0.03]},
    "growth": {"rungs": [[1, 8], [1, 16]], "max_epochs": 10, "patience": 5},
}


def table(seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(400, 6)), columns=list("abcdef"))
    frame["word"] = random.choice(list("pqrs"), len(frame))
    frame["y"] = np.where(2 * frame["a"] + frame["b"] + random.normal(size=len(frame)) > 0, "yes", "no")
    return frame


def counts() -> dict[str, float]:
    """Megabytes, threads and open files of this process now."""
    gc.collect()
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    handles = Path("/proc/self/fd")
    n_files = len(list(handles.iterdir())) - 1 if handles.exists() else float("nan")
    return {"memory_mb": round(used_memory() / 1e6, 1), "threads": threading.active_count(), "files": n_files}


def growth(lines: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of each count a job, by least squares."""
    jobs = np.arange(len(lines))
    return {name: round(float(np.polyfit(jobs, [line[name] for line in lines], 1)[0]), 3) for name in lines[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=12)
    asked = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as home:
        for job in range(asked.jobs):
            autoproc.tune(table(job), "y", home=home, quiet=True, **SMALL)
            lines.append(counts())
            print(json.dumps({"job": job + 1, **lines[-1]}), flush=True)
    print(json.dumps({"growth_a_job": growth(lines[-LAST:])}))


if __name__ == "__main__":
    main()
