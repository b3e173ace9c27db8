"""autoproc: the deep-learning process from end to end on your own table, with every step on record.

    import autoproc

    result = autoproc.tune("data.csv", target="price")
    predictions = autoproc.load(result.model_path).predict(frame)

`resume` goes on with a job that was interrupted, and that is all there is to it; the command line is `autoproc.cli`,
the steps are in `autoproc.process`.
"""

import time
from contextlib import nullcontext
from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from autoproc.export.model import Model
    from autoproc.job import JobResult

__version__ = "0.1.0"
__all__ = ["__version__", "load", "resume", "tune"]


def tune(
    data: "str | Path | pd.DataFrame", target: "str | list[str]", *, quiet: bool = False, **plan: Any
) -> "JobResult":
    """Take a table from raw rows to an exported network, like the command `autoproc tune`.

    `data` is a CSV, TSV or Parquet file, or a data frame; `plan` takes any key of the plan, nested ones as
    mappings: `autoproc.tune(frame, "y", trials=20, protocol={"folds": 3})`. Decisions are written to
    standard error unless `quiet`. Raises autoproc.errors.AutoprocError for what the user can mend.
    """
    started = time.monotonic()
    from autoproc.plan import make_plan
    from autoproc.progress import SilentProgress, Status
    from autoproc.progress.terminal import TerminalProgress

    file, frame = (data, None) if isinstance(data, str | PathLike) else (None, data)
    asked = {**plan, "target": target, "data": file}
    made = make_plan(None, {key: str(value) if isinstance(value, PathLike) else value for key, value in asked.items()})
    with nullcontext(SilentProgress()) if quiet else TerminalProgress() as progress:
        progress.update(Status("start", running="loading the libraries"))
        from autoproc import process

        return process.tune(made, frame, progress, started)


def resume(
    run: str = "last", frame: "pd.DataFrame | None" = None, *, home: "str | Path" = "mlruns", quiet: bool = False
) -> "JobResult":
    """Go on with a job that was interrupted, like the command `autoproc resume`; `frame` is the data frame that it was
    given, if it was one.

    Raises autoproc.errors.AutoprocError where there is nothing to resume, or another table.
    """
    started = time.monotonic()
    from autoproc.progress import SilentProgress
    from autoproc.progress.terminal import TerminalProgress

    with nullcontext(SilentProgress()) if quiet else TerminalProgress() as progress:
        from autoproc import process

        return process.resume(run, str(home), frame, progress, started)


def load(path: "str | Path") -> "Model":
    """The model in an exported bundle (folder or zip). Runs no code from it, and needs no MLflow or Optuna."""
    from autoproc.export import bundle

    return bundle.load(path)
