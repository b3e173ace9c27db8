"""The entries of one job on their way into MLflow: each may be delivered again, and is recorded once. Where only the
store of files or the registry fails, what is for others goes on.

A run or model of ours has its entry's key as a tag, by which it is found again. Everything else MLflow takes twice as
if it had been once: values at the same time and step, tags, files, inputs.
"""

import errno
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import final

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Run
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from autoproc.tracking import entities, names
from autoproc.tracking.entries import (
    HURRIED,
    BatchEntry,
    EndEntry,
    Entry,
    ExperimentTagEntry,
    FileEntry,
    InputEntry,
    ModelEntry,
    Point,
    ResumeEntry,
    RunEntry,
)
from autoproc.tracking.failures import NO_PLACE, UNREACHABLE, UploadError, cause, is_refused, upload_errors
from autoproc.tracking.outbox import Address, Outbox, Waiting
from autoproc.tracking.registry import Registry

_PAGE = 1_000


@final
class Delivery:
    """Brings the entries of one job to MLflow; `tell` hears what came of registering its model.

    What may have been delivered before is looked for first: what has just failed, or, with `looks_always`, everything.
    """

    def __init__(
        self,
        client: MlflowClient,
        address: Address,
        home: Path,
        tell: Callable[[str], None],
        looks_always: bool = False,
    ) -> None:
        self._client = client
        self._experiment_id = address.experiment_id
        self._run_id = address.run_id
        self._home = home
        self._tell = tell
        self._looks_always = self._again = self._had_trouble = looks_always

    def empty(
        self,
        outbox: Outbox,
        warn: Callable[[str], None],
        enough: Callable[[], bool] = lambda: False,
        on_aside: Callable[[UploadError], None] = lambda error: None,
    ) -> Exception | None:
        """Deliver what is due, in order, until nothing is or it is `enough`: None; or until an entry fails: its error.

        What MLflow will never take is left out, with a warning. A file or model that its store does not take, of which
        `on_aside` is told, is set aside: what follows is not to wait for it.
        """
        while outbox.is_due and not enough():
            error = self._try(outbox.first, warn)
            if isinstance(error, UploadError):
                outbox.set_aside()
                on_aside(error)
            elif error:
                self._again = self._had_trouble = True
                return error
            else:
                outbox.mark_delivered()
            self._again = self._looks_always
        return None

    def retry(
        self, outbox: Outbox, warn: Callable[[str], None], enough: Callable[[], bool] = lambda: False
    ) -> Exception | None:
        """Try once more to deliver each entry that was set aside, until it is `enough`: the first error, or None."""
        failure = None
        for number in outbox.aside:
            if enough():
                break
            error = self._try(partial(outbox.entry, number), warn)
            if error is None:
                outbox.mark_aside_delivered(number)
            failure = failure or error
        return failure

    def _try(self, find: Callable[[], Waiting], warn: Callable[[str], None]) -> Exception | None:
        """Deliver an entry, or leave it out: None; or the error for which it may be taken later."""
        try:
            waiting = find()
            if waiting.entry is None:
                warn(f"Entry {waiting.number} of the record of job {self._run_id} is damaged, and left out.")
            else:
                self.deliver(waiting.entry)
        except UNREACHABLE as error:
            if not is_refused(error):
                return error
            warn(f"MLflow refused an entry of the record, which is left out: {cause(error)}")
        return None

    def deliver(self, entry: Entry) -> None:
        """Deliver one entry. Raises what MLflow raises, and UploadError."""
        match entry:
            case RunEntry():
                self._deliver_run(f"{self._run_id}.{entry.key}", entry)
            case BatchEntry():
                self._log(self._run_id, entry.metrics, entry.parameters, entry.tags)
            case FileEntry():
                self._deliver_file(self._path(entry.path), entry.folder)
            case InputEntry():
                table = DatasetInput(Dataset(**entry.dataset), [InputTag("mlflow.data.context", "training")])
                self._client.log_inputs(self._run_id, [table])
            case ExperimentTagEntry():
                self._client.set_experiment_tag(self._experiment_id, entry.key, entry.value)
            case ModelEntry():
                self._deliver_model(self._path(entry.path), entry)
            case ResumeEntry():
                self._reopen(entry.keeps_hurried)
            case EndEntry():
                self._client.set_terminated(self._run_id, entry.status, entry.ended_at)

    def remove_doubles(self) -> None:
        """Where something had to be tried again: a run that MLflow made although it did not answer in time may come to
        light only after another was made for the same entry, and one of them is removed. Raises what MLflow raises."""
        if not self._had_trouble:
            return
        made: dict[str, list[Run]] = defaultdict(list)
        for run in self._children():
            made[run.data.tags[names.ENTRY]].append(run)
        for runs in made.values():
            whole_first = sorted(runs, key=lambda run: (run.info.status != "FINISHED", run.info.run_id))
            for run in whole_first[1:]:
                self._client.delete_run(run.info.run_id)

    def _deliver_run(self, key: str, entry: RunEntry) -> None:
        found = self._find(f"tags.`{names.ENTRY}` = '{key}'") if self._again else []
        run = found[0] if found else self._create(key, entry)
        if run.info.status == "FINISHED":
            return
        self._log(run.info.run_id, entry.metrics, entry.parameters, {})
        # FINISHED in every state: MLflow shows KILLED as an error, and a pruned trial is none.
        self._client.set_terminated(run.info.run_id, "FINISHED", entry.ended_at)

    def _create(self, key: str, entry: RunEntry) -> Run:
        tags = {**entry.tags, names.PARENT: self._run_id, names.ENTRY: key}
        return self._client.create_run(self._experiment_id, entry.started_at, tags, entry.name)

    def _log(
        self, run_id: str, metrics: Sequence[Point], parameters: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        for batch in entities.batches(metrics, parameters, tags):
            self._client.log_batch(run_id, batch.metrics, batch.params, batch.tags)

    def _reopen(self, keeps_hurried: bool) -> None:
        """Show the job as running again, without the reason for which it had ended."""
        self._client.update_run(self._run_id, status="RUNNING")
        for run in [] if keeps_hurried else self._children():
            if run.data.tags[names.ENTRY].endswith(HURRIED):
                self._remove(run.info.run_id)
        if names.REASON in self._client.get_run(self._run_id).data.tags:
            self._client.delete_tag(self._run_id, names.REASON)

    def _remove(self, run_id: str) -> None:
        """Remove a child that was taken back, or mark it as such where the server does not let us."""
        try:
            self._client.delete_run(run_id)
        except MlflowException as error:
            if error.error_code not in NO_PLACE:
                raise
            self._client.set_tag(run_id, names.STATE, names.TAKEN_BACK)

    def _deliver_model(self, path: Path, entry: ModelEntry) -> None:
        """A server that has no place for models, or none for ours, is not asked again. Raises UploadError where there
        is one that does not take it now."""
        try:
            told = Registry(self._client, self._experiment_id, self._run_id).keep(path, entry)
        except (MlflowException, SQLAlchemyError) as error:
            if is_refused(error):
                raise
            if not (isinstance(error, MlflowException) and error.error_code in NO_PLACE):
                raise UploadError(cause(error)) from error
            told = f"MLflow does not take the model: {cause(error)}"
        if told:
            self._tell(told)
        shutil.rmtree(path, ignore_errors=True)  # a copy of the bundle, made to be sent

    def _deliver_file(self, path: Path, folder: str) -> None:
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, f"there is no {path} any more")
        with upload_errors():
            self._client.log_artifact(self._run_id, str(path), folder or None)

    def _children(self) -> list[Run]:
        """The job's, but for those that somebody else has put below it."""
        found = self._find(f"tags.`{names.PARENT}` = '{self._run_id}'")
        return [run for run in found if names.ENTRY in run.data.tags]

    def _find(self, query: str) -> list[Run]:
        found: list[Run] = []
        token = None
        while True:
            page = self._client.search_runs([self._experiment_id], query, max_results=_PAGE, page_token=token)
            found += page
            token = page.token
            if not token:
                return found

    def _path(self, path: str) -> Path:
        return self._home / path  # which is `path` itself where that is absolute
