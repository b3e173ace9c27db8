"""The home folder: where jobs, receipts and, without a server, MLflow's data lie.

jobs/<run id>/   one folder a job, with its plan, result and model
receipts/        the openings of holdouts
mlflow.db        MLflow's database
artifacts/       MLflow's files
running/         for each job that runs now, a locked file and a sign of life
ui-<port>.log    what MLflow's server wrote when `autoproc ui` last ran on that port
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from autoproc.durable import cause, write_whole
from autoproc.errors import HomeError, PlanError
from autoproc.paths import possible_path
from autoproc.tracking.privacy import make_folder

MIN_FREE_BYTES = 50_000_000
LAST_FREE_BYTES = 10_000_000
"""What the holdout's score, the report and the record take at the end of a job, about."""
MIN_PREFIX = 4
LOCK_SECONDS = 5.0
_SHOWN = 3
STARTED = "started_at"
ALIVE = ".alive"


@dataclass(frozen=True)
class Home:
    """The paths of a home folder, which need not exist; `open_home` makes it ready for writing."""

    path: Path

    @property
    def jobs(self) -> Path:
        return self.path / "jobs"

    @property
    def receipts(self) -> Path:
        return self.path / "receipts"

    @property
    def artifacts(self) -> Path:
        return self.path / "artifacts"

    @property
    def database(self) -> Path:
        return self.path / "mlflow.db"

    @property
    def running(self) -> Path:
        return self.path / "running"

    @property
    def tracking_uri(self) -> str:
        """MLflow's address of the database."""
        return f"sqlite:///{self.database.as_posix()}"

    def job(self, run_id: str) -> Path:
        """The folder of a job, which need not exist."""
        return self.jobs / run_id

    def start_job(self, run_id: str) -> Path:
        """Make the folder of a new job. Raises HomeError where that cannot be done."""
        with home_errors(self.path):
            self.make_job(run_id)
            number = 1 + max((_start_of(folder)[0] for folder in self._job_folders()), default=0)
            write_whole(self.job(run_id) / STARTED, f"{datetime.now(UTC).isoformat()}\n{number}\n")
        return self.job(run_id)

    def make_job(self, run_id: str) -> None:
        """Make a job's folder where it is missing. Raises OSError."""
        for folder in (self.jobs, self.job(run_id)):
            make_folder(folder, self.path)

    def run_ids(self) -> list[str]:
        """The jobs of this home, oldest first."""
        started = {folder.name: _start_of(folder) for folder in self._job_folders()}
        return sorted(started, key=lambda run_id: (started[run_id], run_id))

    def _job_folders(self) -> Iterator[Path]:
        return (folder for folder in self.jobs.glob("*") if folder.is_dir())

    def find_job(self, run: str) -> Path:
        """The folder of the job that `run` names: `last`, a run id, or the first characters of one.

        Raises PlanError when there is none, or more than one.
        """
        known = self.run_ids()
        if not known:
            raise PlanError(f"There is no job in {self.path}. Run `autoproc tune` first, or name another --home.")
        if run == "last":
            return self.job(known[-1])
        if run in known:
            return self.job(run)
        matches = [run_id for run_id in known if len(run) >= MIN_PREFIX and run_id.startswith(run)]
        if len(matches) != 1:
            raise PlanError(_not_one_job(run, matches, self._listed(matches or known)))
        return self.job(matches[0])

    def _listed(self, run_ids: list[str]) -> str:
        """The newest few of some jobs, with the time at which each began, and how many more there are."""
        shown = [f"{run_id}{_begun(_start_of(self.job(run_id)).at)}" for run_id in reversed(run_ids[-_SHOWN:])]
        n_more = len(run_ids) - len(shown)
        return ", ".join(shown) + (f" and {n_more:,} older" if n_more else "")

    def hold(self, run_id: str) -> FileLock:
        """The lock that a job holds as long as its process lives, taken. Raises HomeError where that cannot be done.

        Unlike a process id, a lock is released by the system at every kind of death, and never used twice.
        """
        lock = self._lock(run_id)
        with home_errors(self.path):
            try:
                lock.acquire()
            except Timeout:  # which is an OSError, too
                raise HomeError(
                    f"The job {run_id} is running, or its record is just being completed, by another process. Wait for "
                    "the end of that."
                ) from None
            self._sign_of_life(run_id).touch()
        return lock

    def show_alive(self, run_id: str) -> None:
        """Note that the job is alive now: should it be killed, this is when it ended."""
        # Whoever tidies up the folder must not stop the job.
        with suppress(OSError):
            os.utime(self._sign_of_life(run_id))

    def seize(self, run_id: str) -> FileLock | None:
        """The lock of a job that has ended, taken; None while it runs, or where somebody else has taken it.

        Raises HomeError where that cannot be done.
        """
        lock = self._lock(run_id)
        with home_errors(self.path):
            self.running.mkdir(exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:  # which is an OSError, too
                return None
        return lock

    def stopped_jobs(self) -> list[str]:
        """Jobs whose process has ended without `forget`, as far as can be told: a lock may be another user's."""
        stopped = []
        for path in sorted(self.running.glob(f"*{ALIVE}")):
            with suppress(OSError):
                stopped += [path.stem] if self._is_stopped(path.stem) else []
        return stopped

    def is_running(self, run_id: str) -> bool:
        """Whether a job's process lives, as far as can be told: in a home that cannot be written to, nobody knows."""
        with suppress(OSError):
            return self._sign_of_life(run_id).exists() and not self._is_stopped(run_id)
        return False

    def last_alive(self, run_id: str) -> float:
        """When a stopped job was last alive, in seconds since 1970."""
        try:
            return self._sign_of_life(run_id).stat().st_mtime
        except FileNotFoundError:  # another job has just closed the record of this one
            return time.time()

    def forget(self, run_id: str) -> None:
        """Remove the traces that a job is running; call it when its lock is released."""
        # Windows does not remove a file that another job looks at just now. A lock without a sign of life is
        # no job, so that it does no harm to leave one.
        for path in (self._sign_of_life(run_id), self._lock_path(run_id)):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _is_stopped(self, run_id: str) -> bool:
        try:
            with self._lock(run_id).acquire(timeout=0):
                return True
        except Timeout:
            return False

    def _lock(self, run_id: str) -> FileLock:
        # Whichever thread is the last to write the job's record releases it.
        return FileLock(self._lock_path(run_id), timeout=LOCK_SECONDS, thread_local=False)

    def _lock_path(self, run_id: str) -> Path:
        return self.running / f"{run_id}.lock"

    def _sign_of_life(self, run_id: str) -> Path:
        # Not the locked file itself: taking a lock may touch or remove that, depending on system and version.
        return self.running / f"{run_id}{ALIVE}"


def open_home(path: str | Path) -> Home:
    """The home at `path`, made where it is missing and tried for writing.

    Raises HomeError when it is read-only, a file is in the way, or the disk is full.
    """
    home = Home(possible_path(path, "The home folder").resolve())
    if re.search(r"[%?]", str(home.path)):
        raise HomeError(
            f"The home folder {home.path} cannot be used: its path must not contain '%' or '?', which mean "
            "something else in the address of MLflow's database. Choose another place with --home."
        )
    with home_errors(home.path):
        for folder in (home.path, home.jobs, home.receipts, home.artifacts, home.running):
            make_folder(folder, home.path)
            # Now, and not when a trained model is to be kept or a receipt written.
            with tempfile.TemporaryFile(dir=folder) as probe:
                probe.write(b"a home must take what is written")
    check_room(home, MIN_FREE_BYTES, "Make room, or choose another place with --home.")
    return home


def check_room(home: Home, at_least: int, what_to_do: str) -> None:
    """Raises HomeError where fewer bytes than `at_least` are free in a home, or it is gone."""
    with home_errors(home.path):
        free = shutil.disk_usage(home.path).free
    if free < at_least:
        raise HomeError(
            f"The disk of the home folder {home.path} is full: at least {at_least // 10**6} MB must be free, "
            f"but {free / 1e6:.1f} MB are. {what_to_do}"
        )


@contextmanager
def home_errors(path: Path) -> Iterator[None]:
    """Turn the system's errors of writing in a home folder into a HomeError."""
    try:
        yield
    except OSError as error:
        raise HomeError(
            f"The home folder {path} cannot be used: {cause(error)}. It must be a folder that can be written to. "
            "Choose another place with --home."
        ) from None


class _Start(NamedTuple):
    """The number of a job in its home, and when it began. The number decides what is newer, since clocks are set back;
    jobs of earlier versions have none: 0."""

    number: int
    at: str


def _start_of(folder: Path) -> _Start:
    try:
        at, _, number = (folder / STARTED).read_text(encoding="utf-8").strip().partition("\n")
        return _Start(int(number or 0), at)
    except (OSError, ValueError):
        return _Start(0, "")


def _begun(started_at: str) -> str:
    """When a job began, by the clock of this place; nothing where that is not known."""
    try:
        return f" ({datetime.fromisoformat(started_at).astimezone():%Y-%m-%d %H:%M})"
    except ValueError:
        return ""


def _not_one_job(run: str, matches: list[str], listed: str) -> str:
    if matches:
        return f"{run!r} names {len(matches)} jobs: {listed}. Give more characters of the run id."
    short = f" (a prefix needs at least {MIN_PREFIX} characters)" if len(run) < MIN_PREFIX else ""
    return f"There is no job {run!r}{short}. A job is `last`, a run id or its first characters; there are {listed}."
