"""The records of jobs that have ended, completed: what waits is delivered, and who was killed is marked so."""

from collections.abc import Callable
from contextlib import suppress
from typing import final

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from autoproc.data.openings import receipts_of
from autoproc.errors import HomeError
from autoproc.tracking import entities, names
from autoproc.tracking.children import receipt_tags
from autoproc.tracking.delivery import Delivery
from autoproc.tracking.failures import MISSING, UNREACHABLE
from autoproc.tracking.home import Home
from autoproc.tracking.outbox import Outbox
from autoproc.tracking.tracker import JobStatus

KILLED: JobStatus = "KILLED"


@final
class Recovery:
    """Completes the records of this home's jobs on the server `uri` whose process has ended without doing so: most were
    killed. What fails is left to the next job, or to `autoproc sync`."""

    def __init__(self, client: MlflowClient, home: Home, uri: str | None) -> None:
        self._client, self._home, self._uri = client, home, uri
        self._left = home.stopped_jobs()

    def go_on(self, enough: Callable[[], bool]) -> bool:
        """Go on until all is done: True; or until it is `enough`: False, and the next call goes on from there."""
        while self._left:
            if enough():
                return False
            with suppress(HomeError, *UNREACHABLE):
                if not recover(self._client, self._home, self._left[0], self._uri, enough=enough):
                    return False
            del self._left[0]
        return True


def recover(
    client: MlflowClient,
    home: Home,
    run_id: str,
    uri: str | None,
    warn: Callable[[str], None] = lambda text: None,
    tell: Callable[[str], None] = lambda text: None,
    enough: Callable[[], bool] = lambda: False,
) -> bool:
    """Complete the record of an ended job on the server `uri`; one that runs, or is another server's, is left alone.
    False where it was `enough` before the end.

    Raises what MLflow raises, and HomeError; then what was delivered is noted, and the rest waits.
    """
    lock = home.seize(run_id)
    if lock is None:
        return True
    is_complete = False
    try:
        outbox = Outbox.open(home.job(run_id))
        if outbox is None:
            is_complete = _close(client, home, run_id)
        elif outbox.address.uri == uri:
            client.get_run(run_id)  # raises where another server, or another database, answers at that address
            # Whoever delivered before may not have noted all of it.
            delivery = Delivery(client, outbox.address, home.path, tell, looks_always=True)
            error = delivery.empty(outbox, warn, enough) or delivery.retry(outbox, warn, enough)
            if enough():
                return False
            if outbox.is_due and error:
                raise error
            is_closed = _close(client, home, run_id)
            if error:
                raise error
            is_complete = is_closed and complete(outbox, delivery)
    finally:
        lock.release()
        if is_complete:
            home.forget(run_id)
    return True


def complete(outbox: Outbox, delivery: Delivery) -> bool:
    """Take leave of an outbox in which nothing waits; False where the record has to be looked at again."""
    try:
        delivery.remove_doubles()
    except UNREACHABLE:
        return False
    outbox.remove()
    return True


def _close(client: MlflowClient, home: Home, run_id: str) -> bool:
    """Mark a job as killed that has not told how it ended; False for one that MLflow does not know: it is another
    server's, and left alone."""
    try:
        status = str(client.get_run(run_id).info.status)
    except MlflowException as error:
        if error.error_code == MISSING:
            return False
        raise
    if status == "RUNNING":
        client.set_tag(run_id, names.REASON, "the process ended before the job did")
        _tell_openings(client, home, run_id)
        client.set_terminated(run_id, KILLED, entities.milliseconds(home.last_alive(run_id)))
    return True


def _tell_openings(client: MlflowClient, home: Home, run_id: str) -> None:
    """A job may have been killed before it could tell MLflow of its receipt."""
    for receipt in receipts_of(home.path, run_id):
        for batch in entities.batches(tags=entities.tags(receipt_tags(receipt))):
            client.log_batch(run_id, tags=batch.tags)
        client.log_artifact(run_id, receipt.path, names.RECEIPT_FOLDER)
