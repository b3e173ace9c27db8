"""A running job: its folder, its log, its record and its story, told step by step.

<home>/jobs/<run id>/plan.yaml     the resolved plan: `autoproc tune --config` runs it again
                     job.log       what was said, with times; internal errors with their traceback
                     model/        the bundle (and model-scored/, where another one is shipped)
                     result.json   written as soon as the holdout is scored, and completed at the end
                     report.json   what the report is drawn from: `autoproc report` draws it again
                     report.html   the report
                     space.yaml    the search space
                     outbox.*      what MLflow does not have yet
                     journal/      what `autoproc resume` goes on from, until the job has come to its end
"""

import json
import shutil
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autoproc.deadline import StopRequest, training_deadline
from autoproc.durable import write_whole
from autoproc.errors import AutoprocError, BundleError, HomeError, NoSignalError, PlanError
from autoproc.export.bundle import README, export_bundle, write_card
from autoproc.export.mlflow_model import typical_row, write_mlflow_model
from autoproc.format import finite_or_null
from autoproc.journal import Journal, MisfitError
from autoproc.network.interface import Standing
from autoproc.outcomes import Finalist, FinalNetworks, Memory, OutOfFold, Receipt, Search, Selection, Verdict
from autoproc.plan import FinalKind, Plan
from autoproc.prepared import Prepared
from autoproc.progress import KeptProgress, Status
from autoproc.report import details, documents, lines, values
from autoproc.report.effects import by_effect
from autoproc.report.model_card import model_card
from autoproc.report.standing import JobStanding
from autoproc.report.story import JobFacts, story
from autoproc.results import Baseline, Growth, OverfitVerdict, Reference, Trained, Trial
from autoproc.resuming import SPACE
from autoproc.space import Space
from autoproc.steps.verdict import FinalModel
from autoproc.tracking import children, entries, names
from autoproc.tracking.addresses import public_address, without_secrets
from autoproc.tracking.home import LAST_FREE_BYTES, Home, check_room, home_errors
from autoproc.tracking.mlflow_tracker import MlflowTracker
from autoproc.tracking.tracker import Child, Value
from autoproc.tracking.views import JobView, view_links

MODEL, PLAN, LOG, RESULT = "model", "plan.yaml", "job.log", "result.json"
MLFLOW_MODEL = "mlflow-model"
SCORED_MODEL, ALL_ROWS_MODEL = "model-scored", "model-all-rows"
SIBLING = "The score is that of a sibling, made in the same way without the holdout's rows."
_DESCRIBE_SECONDS = 10.0  # between two descriptions of what goes on
_SAMPLE_ROWS = 500  # on which the exported model is compared with the trained one


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
        self,
        prepared: Prepared,
        plan: Plan,
        home: Home,
        folder: Path,
        tracker: MlflowTracker,
        progress: KeptProgress,
        space: Space,
        journal: Journal,
        request: StopRequest,
    ) -> None:
        self.home = home
        self.journal = journal
        self.deadline = training_deadline(plan.time_limit, journal)
        self.run_id = tracker.run_id
        self._progress = progress
        self._prepared = prepared
        self._plan = plan
        self._folder = folder
        self._tracker = tracker
        self._space = space
        self._facts = replace(JobFacts.of(prepared), views=view_links(".", tracker.experiment_id, tracker.run_id))
        self._seconds: dict[str, float] = {}
        self._request = request
        self._has_told_request = False
        self._standing = JobStanding(prepared.chosen.metric, plan, replace(self.deadline, clock=journal.stopwatch))
        self._describe_at = 0.0
        self._card: dict[str, Any] = {}
        self._final: FinalNetworks | None = None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a step's seconds."""
        self.journal.tick()
        started = self.journal.now
        self._progress.update(self._standing.begin(name))
        self._heed()
        yield
        self.journal.tick()
        self._seconds[name] = round(self.journal.now - started, 2)
        self._progress.detail(name, details.step_detail(self._seconds[name]))

    def listen(self) -> None:
        """From here on the job can come to its end when it is asked to."""
        self._request.is_heard = True

    def tell_epoch(self, standings: Sequence[Standing]) -> None:
        self._show(self._standing.epoch(standings))
        self._heed()

    def tell_start(self) -> None:
        """What was decided before training, and how long that took."""
        self._seconds["prepare"] = round(self.journal.now, 2)
        for step, text in lines.start_lines(self._facts):
            self._progress.say(step, text)
        for warning in self._facts.warnings:
            self._progress.warn(warning)
        limit = self._plan.time_limit
        if limit and self.journal.now > limit / 2:
            self._progress.warn(lines.short_time_line(limit, self.journal.now))
        table, protocol = self._prepared.development, self._prepared.protocol
        n_rows = protocol.n_development + protocol.n_holdout
        self._tracker.log_table(table.name, table.source, self._prepared.fingerprint, n_rows, self._prepared.problem)
        for written in (PLAN, SPACE):
            self._tracker.attach(self._folder / written)
        self._save_views(self._space.searched)
        self._describe(documents.parameters(self._plan, self._prepared))

    def tell_baseline(self, baseline: Baseline) -> None:
        for tried in baseline.tried:
            self._record(children.baseline_child(tried))
            self._progress.detail("baseline", details.training_detail(tried))
        self._record(children.dummy_child(baseline.dummy))
        self._note(baseline=baseline)
        self._progress.say("baseline", lines.baseline_line(baseline))

    def tell_references(self, references: Sequence[Reference]) -> None:
        for reference in references:
            self._record(children.reference_child(reference))
        self._note(references=tuple(references))
        if references:
            self._progress.say("references", lines.references_line(references))

    def tell_rung(self, number: int, trained: Trained, verdict: OverfitVerdict | None) -> None:
        self._record(children.rung_child(number, trained, verdict))
        self._progress.detail("growth", details.training_detail(trained))
        self._show(self._standing.rung(number, trained, verdict))

    def tell_growth(self, growth: Growth) -> None:
        self._note(growth=growth)
        self._progress.say("growth", lines.growth_line(growth))

    def tell_trial(self, trial: Trial, trained: Trained) -> None:
        self._record(children.trial_child(trial, trained))
        self._progress.detail("search", details.trial_detail(trial, trained))
        self._show(self._standing.trial(trial))

    def tell_search(self, search: Search) -> None:
        growth, direction = self._facts.growth, self._facts.metric_direction
        assert growth
        for child in children.overview_children(growth, search, direction):
            self._record(child)
        self._save_views(by_effect(search.trials, self._space.searched))
        self._note(search=search)
        self._standing.searched(search)
        self._progress.say("search", lines.search_line(search))

    def tell_finalist(self, finalist: Finalist) -> None:
        self._record(children.fresh_child(finalist))
        self._progress.detail("fresh folds", details.finalist_detail(finalist))
        self._show(self._standing.finalist(finalist))

    def tell_selection(self, selection: Selection) -> None:
        self._note(selection=selection)
        self._progress.say("fresh folds", lines.selection_line(selection))

    def tell_decision(self, decision: OutOfFold) -> None:
        self._note(decision=decision)
        if decision.calibration:
            self._progress.say("calibration", lines.decision_line(decision))

    @contextmanager
    def keeping_model(self) -> Iterator[None]:
        """Say with what keeps the holdout closed that the model stands all the same, and how it comes to a score. It is
        not opened where its score could not be kept."""
        try:
            check_room(self.home, LAST_FREE_BYTES, "Make room.")
            yield
        except AutoprocError as error:
            opened = isinstance(error, PlanError)
            told = lines.unscored_line(self._folder / MODEL, self._folder / PLAN, opened)
            raise type(error)(f"{error} {told}") from None

    def tell_receipt(self, receipt: Receipt) -> None:
        """Returns when the record has the receipt, unless MLflow is away: a job that is killed from here on shows there
        that it had opened the holdout. From here on nobody who does not listen any more ends the job."""
        self._progress.endure()
        self._note(receipt=receipt)
        self._tracker.attach(Path(receipt.path), names.RECEIPT_FOLDER)
        self._tracker.wait()

    def tell_verdict(self, verdict: Verdict, memory: Memory) -> None:
        """Keep the score in the result and in the model's card, and only then tell it: the holdout is not opened again
        for a score that was lost. Where it cannot be kept it is told all the same."""
        self._facts = replace(self._facts, verdict=verdict, memory=memory)
        self._card["verdict"] = finite_or_null(values.verdict_values(verdict))
        try:
            self._write_result()
            with home_errors(self.home.path):
                write_card(self._folder / MODEL, self._card, self._readme(self._card))
        finally:
            self._progress.say("holdout", lines.verdict_line(verdict, self._facts.decision))
            self._record(children.verdict_child(verdict))
            self._describe()
        self._write_result()  # with what was told

    def export(self, model: FinalModel, winner: Finalist, final: FinalNetworks) -> None:
        """Write the bundle; its card lacks the verdict until there is one."""
        path = self._folder / MODEL
        for earlier in (path, self._folder / SCORED_MODEL):  # of this job before it was resumed
            shutil.rmtree(earlier, ignore_errors=True)
        self._card, self._final = self._describe_model(model, winner, final.kind), final
        with home_errors(self.home.path):
            self._write_bundle(path, self._card, model, final)
        self._note(model_path=str(path))

    def ship(self, model: FinalModel, winner: Finalist, all_rows: FinalNetworks) -> None:
        """Put a model that was trained on all rows in the place of the one that was scored, which stays beside it; that
        one keeps its place, with a warning, where the other cannot be exported."""
        card = self._describe_model(model, winner, all_rows.kind)
        card |= {"trained_on": "all rows", "scored": SIBLING, "verdict": self._card["verdict"]}
        new = self._folder / ALL_ROWS_MODEL
        try:
            with home_errors(self.home.path):
                self._write_bundle(new, card, model, all_rows)
                _replace_folder(self._folder / MODEL, new, aside=self._folder / SCORED_MODEL)
        except (HomeError, BundleError, RuntimeError) as error:
            self.warn(f"The model of all rows cannot be exported ({error}); the model that was scored stays.")
            return
        finally:
            shutil.rmtree(new, ignore_errors=True)
        self._card = card
        self._write_result()
        self._note(shipped=SIBLING)

    def complete(self, memory: Memory) -> JobResult:
        """Keep what the job came to, and tell where its model is."""
        path = self._folder / MODEL
        self._facts = replace(self._facts, memory=memory)
        with self.step("report"):
            report = self._make_report()
        self._note(seconds=sum(self._seconds.values()))
        self._progress.say("result", lines.result_table(self._facts))
        self._progress.say("model", lines.model_line(path, self._facts.shipped))
        self._keep_model(path)
        content = self._write_result()
        for made in (path, self._folder / RESULT, *report):
            self._tracker.attach(made)
        server = self._plan.tracking_uri or ""
        is_server = server.startswith(("http://", "https://"))  # and not an address of a database
        links = view_links(public_address(server), self._tracker.experiment_id, self.run_id) if is_server else ()
        self._progress.say("next", lines.next_line(self.home.path, links))
        self._progress.update(Status("record", running="waiting until MLflow has all of it"))
        return JobResult(self.run_id, self.home.path, path, content)

    def _keep_model(self, bundle: Path) -> None:
        """Hand the model to the record as one that MLflow can load, and tell whether it was registered."""
        assert self._facts.verdict
        columns = [column.name for column in self._prepared.problem.columns if column.used]
        folder = self._folder / MLFLOW_MODEL
        try:
            write_mlflow_model(folder, bundle, typical_row(self._prepared.development.frame, columns))
        except Exception as error:  # whatever it is: the scored model stands all the same
            self._warn_of("MLflow is not given the model", error)
            return
        standing = entries.Standing.of(self._facts.verdict, self._facts.metric_direction)
        experiment, asked = self._plan.experiment or "", self._plan.register_model
        self._tracker.log_model(folder, experiment, asked, standing, self._facts.shipped or "")
        self._tracker.wait()
        for told in self._tracker.told:
            self._progress.say("registry", told)

    def _write_bundle(self, path: Path, card: Mapping[str, Any], model: FinalModel, final: FinalNetworks) -> None:
        sample = self._prepared.development.frame.head(_SAMPLE_ROWS)
        export_bundle(path, card, model.schema, final, sample, model.predict, self._readme(card))

    def _readme(self, card: Mapping[str, Any]) -> dict[str, bytes]:
        """The card for people, as a file of the bundle."""
        try:
            return {README: model_card(card, self._prepared.schema).encode()}
        except Exception as error:  # whatever it is: the model is whole without it
            self._warn_of(f"The model has no {README}", error)
            return {}

    def _write_result(self) -> dict[str, Any]:
        content: dict[str, Any] = finite_or_null(self._result())
        with home_errors(self.home.path):
            write_whole(self._folder / RESULT, json.dumps(content, indent=2, allow_nan=False) + "\n")
        return content

    def _make_report(self) -> list[Path]:
        """The page of the job as far as it came, as a list of one; of none, with a warning, where it cannot be made."""
        try:
            from autoproc.report.making import make_report  # takes half a second to load

            facts = replace(self._facts, seconds=sum(self._seconds.values()))
            return [make_report(self._folder, facts, self._prepared, self._plan, self.run_id, self._final)]
        except Exception as error:  # whatever it is: no job fails for its pictures
            self._warn_of("The report could not be made", error)
            return []

    def warn(self, text: str) -> None:
        self._progress.warn(text)

    def _record(self, child: Child) -> None:
        self._tracker.record(replace(child, hurried=self.journal.is_over))

    def _heed(self) -> None:
        """Say once that an end was asked for."""
        if self.deadline.clock.is_over and not self._has_told_request:
            self._has_told_request = True
            self._progress.say("stop", "asked for: what trains is ended as it stands, and the verdict follows")

    def _warn_of(self, failed: str, error: Exception) -> None:
        """Warn of an error that the job survives; the log has its traceback."""
        self.warn(without_secrets(f"{failed} ({type(error).__name__}: {' '.join(str(error).split())})."))
        self._progress.log(_trace(error))

    def fail(self, error: BaseException) -> None:
        """Keep what ended the job in its log; what is ours to mend with its traceback. Say how it goes on from here."""
        self._progress.endure()  # what is left to do is done whoever listens
        taken_back = False
        if isinstance(error, KeyboardInterrupt):
            self.journal.take_back()
            taken_back = self._request.is_made and self._facts.receipt is None
        if not isinstance(error, NoSignalError | MisfitError):
            is_frame = self._plan.data is None
            self._progress.say("resume", lines.resume_line(self.run_id, self.home.path, is_frame, taken_back))
        ours = not isinstance(error, AutoprocError | KeyboardInterrupt | BrokenPipeError)
        reason = str(error) or ("interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__)
        if isinstance(error, BrokenPipeError):
            reason = "nobody reads any more what the job tells: the pipe is closed"
        reason = without_secrets(reason)
        self._progress.log(_trace(error) if ours else reason)
        if ours:
            error.add_note(lines.broken_off_line(self._folder / LOG, self.run_id, self.home.path))
        # Nor may an error of the record stand in the place of this one.
        with suppress(Exception):
            self._note(stopped_by=" ".join(reason.split()))
            for made in self._make_report():
                self._tracker.attach(made)

    def _result(self) -> dict[str, Any]:
        """The result's plain values; all facts are known by now."""
        job = {"run_id": self.run_id, "experiment": self._plan.experiment, "home": str(self.home.path)}
        model = {name: self._card[name] for name in ("final", "trained_on")}
        return {
            **job,
            **documents.result(self._facts, self._prepared, self._plan),
            "model": {"path": str(self._folder / MODEL), **model},
            "seconds": self._seconds,
            "warnings": self._progress.warnings,
            "told": [{"step": step, "text": text} for step, text in self._progress.told],
        }

    def _describe_model(self, model: FinalModel, winner: Finalist, kind: FinalKind) -> dict[str, Any]:
        """What the bundle's card says so far."""
        assert self._facts.decision
        card = documents.card(self._prepared, self._plan, winner, kind, self._facts.decision, model.threshold)
        beats_dummy = self._facts.baseline is None or self._facts.baseline.beats_dummy
        return {**card, "run_id": self.run_id, "trained_on": "development rows", "beats_dummy": beats_dummy}

    def _save_views(self, searched: Sequence[str]) -> None:
        facts, conditional = self._facts, self._space.conditional
        self._tracker.save_views(JobView(facts.table_name, facts.metric_direction, searched, conditional))

    def _show(self, status: Status) -> None:
        """Tell what is going on just now; every so often in the record, too, for who follows the job there."""
        self._progress.update(status)
        if time.monotonic() >= self._describe_at:
            self._note(now=f"{status.step}: {'; '.join(status.parts)}")

    def _note(self, **facts: Any) -> None:
        self._facts = replace(self._facts, **{"now": None, **facts})
        self._describe_at = time.monotonic() + _DESCRIBE_SECONDS
        self._describe()

    def _describe(self, parameters: Mapping[str, Value] | None = None) -> None:
        """Bring the record's description, metrics and tags up to date with the facts."""
        facts = self._facts
        metrics = children.job_metrics(facts.baseline, facts.search, facts.selection, facts.verdict, facts.memory)
        metrics |= children.decision_metrics(facts.decision) if facts.decision else {}
        tags = children.receipt_tags(facts.receipt) if facts.receipt else {}
        self._tracker.describe(story(facts), parameters=parameters or {}, metrics=metrics, tags=tags)


def _trace(error: BaseException) -> str:
    """An error with its traceback, as text for the log."""
    return without_secrets("".join(traceback.format_exception(error)))


def _replace_folder(folder: Path, new: Path, aside: Path) -> None:
    """Put `new` in the place of `folder`, which goes `aside`; or leave that where it is. Raises OSError."""
    try:
        folder.rename(aside)
        new.rename(folder)
    except BaseException:
        if not folder.exists():
            aside.rename(folder)
        raise
