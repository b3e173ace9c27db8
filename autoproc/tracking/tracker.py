"""What the process tells the record, and the two trackers that need no server.

A job is one parent with finished children; a child is written in one go, when it has ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

Stage = Literal["baseline", "reference", "growth", "trial", "overview", "fresh folds", "verdict"]
JobStatus = Literal["FINISHED", "FAILED", "KILLED"]
Value = str | int | float | bool


@dataclass(frozen=True)
class Child:
    """One finished rung, trial or other training: `curves` are per epoch, from epoch 1; `started_at` and
    `ended_at` are seconds since 1970. NaN entries of a curve are left out of the record. One is `hurried` that was made
    after the job's user had asked for an end."""

    name: str
    stage: Stage
    state: str
    started_at: float
    ended_at: float
    parameters: Mapping[str, Value] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    hurried: bool = False


class Tracker(Protocol):
    """The record of one job. No method raises because a server is away or slow: tracking never stops a job."""

    @property
    def run_id(self) -> str:
        """The job's identity: the parent run's id."""
        ...

    def record(self, child: Child) -> None:
        """Write one finished child, in one go."""
        ...

    def describe(
        self, markdown: str, *, parameters: Mapping[str, Value], metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> None:
        """Replace the job's description and add to its parameters, metrics and tags."""
        ...

    def attach(self, path: Path, folder: str = "") -> None:
        """Keep a file, or a folder with all it holds, with the job (under `folder`)."""
        ...

    def finish(self, status: JobStatus) -> None:
        """Close the job's record; nothing may follow."""
        ...


class SilentTracker:
    """Keeps nothing."""

    def __init__(self, run_id: str = "untracked") -> None:
        self.run_id = run_id

    def record(self, child: Child) -> None: ...

    def describe(
        self, markdown: str, *, parameters: Mapping[str, Value], metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> None: ...

    def attach(self, path: Path, folder: str = "") -> None: ...

    def finish(self, status: JobStatus) -> None: ...


class MemoryTracker:
    """Keeps everything in lists: what tests look at."""

    def __init__(self, run_id: str = "in-memory") -> None:
        self.run_id = run_id
        self.children: list[Child] = []
        self.description = ""
        self.parameters: dict[str, Value] = {}
        self.metrics: dict[str, float] = {}
        self.tags: dict[str, str] = {}
        self.attached: list[tuple[Path, str]] = []
        self.status: JobStatus | None = None

    def record(self, child: Child) -> None:
        self.children.append(child)

    def describe(
        self, markdown: str, *, parameters: Mapping[str, Value], metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> None:
        self.description = markdown
        self.parameters |= parameters
        self.metrics |= metrics
        self.tags |= tags

    def attach(self, path: Path, folder: str = "") -> None:
        self.attached.append((path, folder))

    def finish(self, status: JobStatus) -> None:
        self.status = status
