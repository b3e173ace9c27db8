"""How a job begins: for the first time, or again after an interruption."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from autoproc.deadline import StopRequest
from autoproc.errors import AutoprocError, HomeError, PlanError
from autoproc.journal import FOLDER, Head, read_head
from autoproc.plan import Plan
from autoproc.space import Space
from autoproc.space_file import parse_space
from autoproc.tracking.home import Home

SPACE = "space.yaml"


@dataclass(frozen=True)
class StoppedJob:
    """A job that did not come to its end, and its journal's head; `folder` is the job's."""

    folder: Path
    head: Head

    @property
    def run_id(self) -> str:
        return self.folder.name

    @cached_property
    def plan(self) -> Plan:
        """What it was asked for. Raises HomeError where this version does not take that."""
        try:
            return Plan.model_validate(self.head.plan)
        except ValueError as error:
            raise HomeError(
                f"The job {self.run_id} cannot be resumed: its request is no plan of this version ({error}). Resume it "
                f"with autoproc {self.head.version}."
            ) from None

    @property
    def space(self) -> Space:
        """The search space that it began with. Raises HomeError or PlanError where that is lost or damaged."""
        path = self.folder / SPACE
        try:
            return parse_space(self.plan.space, path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise HomeError(f"The job's search space {path} cannot be read: {error}. It is needed to resume.") from None

    def check_tables(self, fingerprint: str, holdout_key: str) -> None:
        """Raises PlanError where the table, or the holdout's, is another one than that which the job began with."""
        if (fingerprint, holdout_key) != (self.head.fingerprint, self.head.holdout_key):
            which = "holdout" if fingerprint == self.head.fingerprint else "table"
            raise PlanError(
                f"The job {self.run_id} must go on with the {which} that it began with, but the cells of that have "
                f"changed since. Restore the {which}, or begin anew with `autoproc tune`."
            )


@dataclass(frozen=True)
class Beginning:
    """When the job's time began, on the monotonic clock (of one that goes on, its new time); how somebody may ask it to
    come to its end; and which job goes on."""

    started: float
    request: StopRequest = field(default_factory=StopRequest)
    resumed: StoppedJob | None = None

    @classmethod
    def of(cls, started: float | None, request: StopRequest | None, resumed: StoppedJob | None = None) -> "Beginning":
        """Now, and with nobody who asks, where that is not said."""
        return cls(time.monotonic() if started is None else started, request or StopRequest(), resumed)


def find_stopped(home: Home, run: str) -> StoppedJob:
    """The job that `run` names, to be resumed. Raises PlanError where it runs, has come to its end, or left no journal;
    and what reading that raises."""
    folder = home.find_job(run)
    if home.is_running(folder.name):
        raise PlanError(f"The job {folder.name} is still running. Wait for its end, or stop it with Ctrl-C first.")
    head = read_head(folder / FOLDER)
    if head is not None:
        return StoppedJob(folder, head)
    if (folder / "result.json").exists():
        raise PlanError(
            f"The job {folder.name} has come to its end, so that there is nothing to resume. `autoproc show "
            f"{folder.name}` tells its result.{_others(home)}"
        )
    raise PlanError(
        f"The job {folder.name} cannot be resumed: it has no journal, because it stopped before there was anything to "
        "keep, found no signal, or is of an earlier version. `autoproc tune --config` with its plan.yaml begins anew."
        f"{_others(home)}"
    )


def _others(home: Home) -> str:
    """The newest job that can be resumed."""
    job = next(_stopped(home), None)
    return f" The job {job.run_id} can be resumed." if job else ""


def _stopped(home: Home) -> Iterator[StoppedJob]:
    """The jobs of a home that can be resumed, newest first."""
    for folder in map(home.job, reversed(home.run_ids())):
        with suppress(AutoprocError):
            head = read_head(folder / FOLDER)
            if head and not home.is_running(folder.name):
                yield StoppedJob(folder, head)


def stopped_like(home: Home, head: Head) -> Iterator[str]:
    """The jobs of a home, newest first, that could be resumed and were asked for the same of the same table."""
    return (job.run_id for job in _stopped(home) if job.head == head)
