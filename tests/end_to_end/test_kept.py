"""What is kept whatever fails once the holdout is open: the score that was paid for, and the model it belongs to."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import autoproc
from autoproc import job as job_module
from autoproc import process
from autoproc.cli.jobs import find_model
from autoproc.data.openings import opening_of, receipts_of
from autoproc.errors import HomeError
from autoproc.job import SIBLING, JobResult
from autoproc.plan import make_plan
from autoproc.progress import Progress, SilentProgress
from tests.end_to_end import tables
from tests.end_to_end.conftest import Recording

FULL = OSError(errno.ENOSPC, "No space left on device")


class Listening(SilentProgress):
    """Keeps the lines that were said; before the holdout's, `at_holdout` happens."""

    def __init__(self, at_holdout: Callable[[], None] = lambda: None) -> None:
        self.heard: list[tuple[str, str]] = []
        self._at_holdout = at_holdout

    def say(self, step: str, text: str) -> None:
        if step == "holdout":
            self._at_holdout()
        self.heard.append((step, text))

    def warn(self, text: str) -> None:
        self.say("warning", text)


class Jobs:
    """One job in a home of its own."""

    def __init__(self, folder: Path) -> None:
        self._plan: dict[str, Any] = {**tables.SMALL, "trials": 1, "target": "price", "home": str(folder / "home")}
        self._jobs = folder / "home" / "jobs"

    def tune(self, progress: Progress | None = None, **asked: Any) -> JobResult:
        return process.tune(make_plan(None, {**self._plan, **asked}), tables.table("regression"), progress)

    @property
    def folder(self) -> Path:
        [folder] = self._jobs.iterdir()
        return folder

    def read(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / name).read_text(encoding="utf-8"))
        return content

    @property
    def score(self) -> float:
        """The score that result and card have in common."""
        verdict = self.read("result.json")["verdict"]
        assert self.read("model/card.json")["verdict"] == verdict
        return float(verdict["score"])


@pytest.fixture
def jobs(recorded: list[Recording], tmp_path: Path) -> Jobs:
    return Jobs(tmp_path)


def fails(error: Exception) -> Callable[..., None]:
    def broken(*arguments: object, **more: object) -> None:
        raise error

    return broken


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O operation on closed file")])
def test_a_job_to_which_nobody_listens_any_more_keeps_its_score_and_comes_to_its_end(
    jobs: Jobs, recorded: list[Recording], error: Exception
) -> None:
    progress = Listening(at_holdout=fails(error))
    result = jobs.tune(progress)
    assert jobs.score == result.to_json()["verdict"]["score"]
    told = [each["step"] for each in jobs.read("result.json")["told"]]
    assert told[-3:] == ["holdout", "result", "model"] and progress.heard[-2][0] == "model"
    assert [child.stage for child in recorded[0].children][-1] == "verdict"


def test_a_log_that_cannot_be_written_any_more_does_not_end_a_job_that_has_opened_its_holdout(jobs: Jobs) -> None:
    def lose_log() -> None:
        (jobs.folder / "job.log").unlink()
        (jobs.folder / "job.log").mkdir()

    progress = Listening(at_holdout=lose_log)
    jobs.tune(progress)
    assert jobs.score > 0
    [warning] = jobs.read("result.json")["warnings"]
    assert warning == f"The job's log {jobs.folder / 'job.log'} cannot be written: Is a directory."
    assert ("warning", warning) in progress.heard


def test_a_holdout_stays_closed_where_its_score_could_not_be_kept(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, "LAST_FREE_BYTES", 10**15)
    with pytest.raises(HomeError, match=r"is full: at least .* Make room\. This job's model is exported"):
        jobs.tune()
    home = jobs.folder.parent.parent
    assert list((home / "receipts").iterdir()) == [] and find_model(jobs.folder).exists()


@pytest.mark.parametrize("step", ["autoproc.tracking.children.verdict_child", "autoproc.report.lines.verdict_line"])
def test_a_score_stands_before_it_is_told(jobs: Jobs, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    monkeypatch.setattr(step, fails(ZeroDivisionError("the telling is broken")))
    with pytest.raises(ZeroDivisionError, match="the telling is broken"):
        jobs.tune()
    assert jobs.score > 0
    home = jobs.folder.parent.parent
    [receipt] = receipts_of(home, jobs.folder.name)
    outcome = opening_of(home, receipt).outcome
    assert outcome and outcome.estimate.score == jobs.score, "the next job is told of it"


def test_a_score_that_cannot_be_kept_is_told_all_the_same(
    jobs: Jobs, recorded: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_module, "write_card", fails(FULL))
    progress = Listening()
    with pytest.raises(HomeError, match="the disk is full"):
        jobs.tune(progress)
    told = dict(progress.heard)
    assert "opened once" in told["holdout"] and "autoproc.resume(" in told["resume"]
    assert recorded[0].children[-1].stage == "verdict"
    assert "## Holdout" in recorded[0].description


@pytest.fixture
def fails_second(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Let the second export of a job fail, after it has written."""
    export = job_module.export_bundle

    def install(error: Exception) -> None:
        written: list[Path] = []

        def second_fails(folder: Path, *arguments: Any) -> None:
            export(folder, *arguments)
            written.append(folder)
            if len(written) == 2:
                raise error

        monkeypatch.setattr(job_module, "export_bundle", second_fails)

    return install


def assert_scored_model_stays(jobs: Jobs, reason: str) -> None:
    result = jobs.read("result.json")
    [warning] = result["warnings"]
    assert warning.startswith("The model of all rows cannot be exported (") and reason in warning
    assert warning.endswith("); the model that was scored stays.")
    assert {path.name for path in jobs.folder.iterdir() if "model" in path.name} == {"model"}
    assert result["model"] == {
        "path": str(find_model(jobs.folder)),
        "final": "ensemble",
        "trained_on": "development rows",
    }
    card = jobs.read("model/card.json")
    assert card["trained_on"] == "development rows" and "scored" not in card and jobs.score > 0
    assert len(autoproc.load(result["model"]["path"]).predict(tables.table("regression"))) == tables.N_ROWS


@pytest.mark.parametrize(
    ("error", "reason"), [(FULL, "the disk is full"), (RuntimeError("the exported model differs"), "model differs")]
)
def test_a_model_of_all_rows_that_cannot_be_exported_leaves_the_scored_one_in_its_place(
    jobs: Jobs, fails_second: Callable[[Exception], None], error: Exception, reason: str
) -> None:
    fails_second(error)
    jobs.tune(ship="all-rows")
    assert_scored_model_stays(jobs, reason)


def test_a_model_of_all_rows_that_cannot_take_its_place_leaves_the_scored_one_there(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def renamed(path: Path, target: Path) -> Path:
        if path.name == "model-all-rows":
            assert not (path.parent / "model").exists()
            raise FULL
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", renamed)
    jobs.tune(ship="all-rows")
    assert_scored_model_stays(jobs, "the disk is full")


def test_a_shipped_model_says_from_the_first_moment_what_it_is(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module.Job, "complete", fails(ZeroDivisionError("the end is broken")))
    with pytest.raises(ZeroDivisionError, match="the end is broken"):
        jobs.tune(ship="all-rows")
    card = jobs.read("model/card.json")
    assert (card["trained_on"], card["scored"]) == ("all rows", SIBLING)
    assert jobs.score == jobs.read("model-scored/card.json")["verdict"]["score"]
    assert jobs.read("result.json")["model"]["trained_on"] == "all rows"


def test_a_report_that_cannot_be_made_is_a_warning_and_no_more(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autoproc.report.making.gather", fails(ZeroDivisionError("the drawing\nis broken")))
    jobs.tune()
    [warning] = jobs.read("result.json")["warnings"]
    assert warning == "The report could not be made (ZeroDivisionError: the drawing is broken)."
    log = (jobs.folder / "job.log").read_text(encoding="utf-8")
    assert log.index("warning     The report could") < log.index("Traceback") < log.index("the drawing\n")
    assert jobs.score > 0 and not (jobs.folder / "report.html").exists()
