"""`report` and `compare`."""

import pytest

from autoproc.cli.app import run
from autoproc.report.evidence import FILE
from autoproc.tracking.home import open_home
from tests.report import evidence_data as made


@pytest.fixture
def job(empty_folder):
    return _job("abc123")


def _job(run_id):
    """The folder of a job that has kept what a report needs."""
    path = open_home("mlruns").start_job(run_id)
    (path / FILE).write_text(made.evidence(run_id=run_id).to_json(), encoding="utf-8")
    return path


def test_the_report_lies_in_the_jobs_folder_or_where_it_is_asked_for(job, capsys):
    assert run(["report"]) == 0
    assert capsys.readouterr().out == f"{job / 'report.html'}\n".replace(f"{job.parents[2]}/", "")
    assert run(["report", "abc1", "--out", "mine.html"]) == 0
    assert capsys.readouterr().out == "mine.html\n"
    page = (job / "report.html").read_text(encoding="utf-8")
    assert page == (job.parents[2] / "mine.html").read_text(encoding="utf-8") and "abc123" in page


def test_a_file_that_cannot_be_written_is_told(job, fails):
    told = fails("report", "--out", "nowhere/mine.html")
    assert "nowhere/mine.html cannot be written: there is no folder nowhere." in told
    assert "mlruns cannot be written: Is a directory." in fails("report", "--out", "mlruns")


def test_a_job_that_kept_nothing_for_a_report_says_why(job, fails):
    (job / FILE).unlink()
    assert "has no report, because it did not come to its end" in fails("report")
    (job / "result.json").write_text("{}", encoding="utf-8")
    told = fails("report")
    assert "has no report.json" in told and "earlier version" in told and "`autoproc show` tells its result" in told


def test_jobs_are_compared_in_one_page(job, capsys):
    other = _job("def456")
    assert run(["compare", "abc123", "last", "--out", "both.html"]) == 0
    page = (job.parents[2] / "both.html").read_text(encoding="utf-8")
    assert job.name in page and other.name in page
    assert run(["compare", "abc123", "def456"]) == 0
    assert (job.parents[1] / "comparison.html").read_text(encoding="utf-8") == page


def test_one_job_is_not_compared(job, fails):
    assert "Two jobs or more can be compared, but abc123, last are one" in fails("compare", "abc123", "last")
    assert "but last is one. Name another run." in fails("compare", "last")
