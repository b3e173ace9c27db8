"""What jobs could not tell their server, delivered later."""

from dataclasses import dataclass

from autoproc.errors import PlanError
from autoproc.tracking.addresses import public_address
from autoproc.tracking.connection import UNUSABLE, connect
from autoproc.tracking.failures import cause
from autoproc.tracking.home import Home
from autoproc.tracking.outbox import ENTRIES, Outbox
from autoproc.tracking.recovery import recover


@dataclass(frozen=True)
class Synced:
    """What came of one job at `server`: how many entries were delivered, how many wait because of which `failure`, and
    what was told meanwhile."""

    run_id: str
    n_delivered: int
    n_waiting: int
    server: str
    failure: str | None
    told: tuple[str, ...]


def undelivered_jobs(home: Home) -> list[str]:
    """The ended jobs of a home whose record is not complete, oldest first."""
    stopped = set(home.stopped_jobs())
    waiting = [run_id for run_id in home.run_ids() if (home.job(run_id) / ENTRIES).exists() or run_id in stopped]
    return [run_id for run_id in waiting if not home.is_running(run_id)]


def sync(home: Home, run_id: str, tracking_uri: str | None = None) -> Synced:
    """Deliver what waits of one job, to the server that it had: by the address `tracking_uri`, where that has to be
    another, or one with a user and a password.

    Raises PlanError where the job is still running, and HomeError where its outbox or database cannot be read.
    """
    if home.is_running(run_id):
        raise PlanError(f"The job {run_id} is still running, and delivers its record by itself. Wait for its end.")
    outbox = Outbox.open(home.job(run_id))
    if outbox is None and run_id not in home.stopped_jobs():
        return Synced(run_id, 0, 0, "", None, ())  # its record is complete
    n_before = len(outbox) if outbox else 0
    kept = outbox.address.uri if outbox else None
    uri = (tracking_uri or kept) if kept else home.tracking_uri
    told: list[str] = []
    failure = None
    try:
        recover(connect(uri), home, run_id, kept, told.append, told.append)
    except UNUSABLE as error:
        failure = cause(error)
    left = Outbox.open(home.job(run_id))
    n_waiting = len(left) if left else 0
    return Synced(run_id, n_before - n_waiting, n_waiting, public_address(uri), failure, tuple(told))
