"""What a job was made of: versions, machine, commit and splits, so that somebody can make it again."""

import hashlib
import os
import platform
import subprocess
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoproc.format import format_bytes
from autoproc.machine import total_memory
from autoproc.results import Protocol

_LIBRARIES = ("autoproc", "torch", "optuna", "scikit-learn", "pandas", "numpy", "mlflow")
_CPU_INFO = Path("/proc/cpuinfo")
_GIT_SECONDS = 5.0


def versions() -> dict[str, str]:
    """Those of Python and of the libraries that a result hangs on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}


def hardware(device: str) -> str:
    """The machine in a line, with the `device` that trains."""
    cores = os.cpu_count() or 1
    return (
        f"{device}; {cores} cores ({_processor()}), {format_bytes(total_memory())} of memory, {platform.system()} "
        f"{platform.release()}"
    )


def commit_at(place: Path) -> str | None:
    """The commit that is checked out in the repository around a folder, if there is one; asks git, and runs no hook."""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            ["git", "-C", str(place), "rev-parse", "--verify", "HEAD"],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
        return done.stdout.strip() or None
    return None


def splits_hash(protocol: Protocol, lines: NDArray[np.integer]) -> str:
    """A hash of which rows of the table train and validate in which fold; `lines` (n,) says where in the table each
    development row stands. Two jobs with the same one have the same folds, the fresh ones included."""
    digest = hashlib.sha256()
    for folds in (*protocol.fold_sets, protocol.fresh):
        digest.update(f"{len(folds)} folds".encode())
        for fold in folds:
            for rows in (fold.train, fold.validation):
                digest.update(f"{len(rows)} rows".encode())
                digest.update(np.ascontiguousarray(lines[rows], dtype="<i8").tobytes())
    return digest.hexdigest()


def _processor() -> str:
    with suppress(OSError, StopIteration, IndexError):
        lines = _CPU_INFO.read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return platform.processor() or platform.machine()
