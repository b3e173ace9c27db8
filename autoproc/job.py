"""A running job: its folder, its log, its record and its story, told step by step.

    <home>/jobs/<run id>/plan.yaml     the resolved plan: `autoproc tune --config` runs it again
                         job.log       what was said, with times; internal errors with their traceback
                         model/        the bundle
                         result.json   written last: a job that has it is complete
"""

import json
import platform
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoproc.errors import AutoprocError, HomeError
from autoproc.export.bundle import export_bundle
from autoproc.plan import Plan
from autoproc.prepared import Prepared
from autoproc.progress import LogProgress, Progress
from autoproc.report import lines, values
from autoproc.report.story import JobFacts, story
from autoproc.results import Baseline, Growth, Rung, Search, Trained, Trial, Verdict
from autoproc.spec import NetworkSpec
from autoproc.steps.verdict import FinalModel
from autoproc.tracking import children
from autoproc.tracking.home import Home, home_errors, write_atomically
from autoproc.tracking.mlflow_tracker import MlflowTracker, open_tracker

MODEL, PLAN, LOG, RESULT = "model", "plan.yaml", "job.log", "result.json"
_LIBRARIES = ("autoproc", "torch", "optuna", "scikit-learn", "pandas", "numpy", "mlflow")


@dataclass(frozen=True)
class JobResult:
    """A finished job: what `--json` prints and `result.json` holds."""

    run_id: str
    home: Path
    model_path: Path
    content: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return dict(self.content)


class Job:
    """Tells people (terminal, log) and the record (MLflow) what the process decides."""

    def __init__(
        self, prepared: Prepared, plan: Plan, home: Home, folder: Path, tracker: MlflowTracker, progress: Progress
    ) -> None:
        self.home = home
        self.run_id = tracker.run_id
        self.progress = progress
        self._prepared = prepared
        self._plan = plan
        self._folder = folder
        self._tracker = tracker
        self._facts = JobFacts.of(prepared)
        self._seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a step's seconds, failed or not."""
        started = time.monotonic()
        self.progress.update(name, "...")
        try:
            yield
        finally:
            self._seconds[name] = round(time.monotonic() - started, 3)
