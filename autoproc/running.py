"""A job from its beginning, or from where it was interrupted, to its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from autoproc.durable import write_whole
from autoproc.errors import NoSignalError
from autoproc.job import LOG, PLAN, Job
from autoproc.journal import FOLDER, Head, Journal, is_taken_back
from autoproc.plan import Plan
from autoproc.prepared import Prepared
from autoproc.progress import KeptProgress, Progress
from autoproc.report import details, documents, lines
from autoproc.resuming import SPACE, Beginning, find_stopped, stopped_like
from autoproc.space import Space
from autoproc.tracking import names
from autoproc.tracking.home import Home, home_errors
from autoproc.tracking.mlflow_tracker import open_tracker, reopen_tracker
from autoproc.tracking.tracker import Tracker


@contextmanager
def running_job(
    prepared: Prepared,
    plan: Plan,
    space: Space,
    home: Home,
    progress: Progress,
    device: str,
    beginning: Beginning,
    opened: bool,
) -> Iterator[Job]:
    """A job from its first line to its end: whatever ends it is in its log and in the record. It trains on `device`.
    Reading and preparing belong to its time. One that is resumed is told from its first line again. If it has `opened`
    its holdout, an end that it was asked for is not taken back any more: another model must not be scored."""
    resolved = documents.resolved_plan(plan, prepared, home.path)
    tags = documents.provenance(plan, prepared, device)
    kept, resumed = KeptProgress(progress), beginning.resumed
    if resumed:
        find_stopped(home, resumed.run_id)  # another process may have come to its end meanwhile
        keeps_request = opened or not is_taken_back(resumed.folder / FOLDER)
        tracker = reopen_tracker(home, plan.tracking_uri, resumed.run_id, keeps_request, warn=kept.warn)
    else:
        name = f"{prepared.development.name}, {datetime.now().astimezone():%Y-%m-%d %H:%M}"
        tracker = open_tracker(home, plan.tracking_uri, resolved.experiment or "", name, tags, warn=kept.warn)
    with _closing_record(tracker):
        folder = home.job(tracker.run_id)
        if resumed:
            journal = Journal.resume(folder / FOLDER, beginning.started, beginning.request, keeps_request)
            kept.say("resume", lines.resumed_line(tracker.run_id, journal.begins_at))
        else:
            home.start_job(tracker.run_id)
            with home_errors(home.path):
                write_whole(folder / PLAN, resolved.to_yaml())
                write_whole(folder / SPACE, space.text)
            asked = documents.portable_plan(plan, home.path).model_dump(mode="json")
            n_rungs = len(prepared.ladder.rungs)
            head = Head(asked, prepared.fingerprint, prepared.holdout_key, tags[names.VERSION], n_rungs)
            if like := next(stopped_like(home, head), None):
                kept.say("resume", lines.alike_line(like, home.path))
            journal = Journal.begin(folder / FOLDER, head, beginning.started, beginning.request)
        journal.tick()
        job = Job(prepared, resolved, home, folder, tracker, kept, space, journal, beginning.request)
        try:
            kept.log_to(folder / LOG)
            for step, text in details.start_details(prepared, tags, folder):
                kept.detail(step, text)
            job.tell_start()
            yield job
        except BaseException as error:
            job.fail(error)
            if isinstance(error, NoSignalError):  # to go on would find none either
                journal.remove()
            raise
    journal.remove()  # last, so that what kills the job until now leaves one that can be resumed


@contextmanager
def _closing_record(tracker: Tracker) -> Iterator[None]:
    """Close the record with the status that fits how the block ended."""
    try:
        yield
    except BaseException as error:
        tracker.finish("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise
    tracker.finish("FINISHED")
