"""The report that every job leaves."""

import re

import plotly.graph_objects as plotly
import pytest

from autoproc.report.evidence import ClassPredictions, Evidence, TargetPredictions, read_evidence
from autoproc.report.report import report_page
from tests.end_to_end import tables
from tests.end_to_end.conftest import Ended, Finished
from tests.report.pages import Read, is_empty


@pytest.fixture(scope="module", params=["binary", "multiclass", "vector_regression"])
def finished(request: pytest.FixtureRequest, jobs) -> Finished:
    return jobs(request.param)


def kept_by(finished: Finished) -> Evidence:
    evidence = read_evidence(finished.job)
    assert evidence
    return evidence


def test_the_page_lies_in_the_jobs_folder_with_every_figure_filled(finished: Finished) -> None:
    page = (finished.job / "report.html").read_text(encoding="utf-8")
    assert page == report_page(kept_by(finished)), "as `autoproc report` draws it from the folder alone"
    read = Read.of(page)
    assert len(read.figures) > 10 and not any(map(is_empty, read.figures))
    for figure in read.figures:
        plotly.Figure(figure)
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings[0] == "Holdout" and headings[-1] == "Out of fold"


def test_what_is_kept_agrees_with_the_result(finished: Finished) -> None:
    kept, result = kept_by(finished), finished.result
    assert kept.exported and kept.exported.score == pytest.approx(result["verdict"]["score"], rel=1e-4)
    assert kept.search and len(kept.search.trials) == result["search"]["n_trials"]
    assert kept.search.winner == result["selection"]["winner"]["number"]
    assert [rung.name for rung in kept.rungs] == ["1 x 4", "1 x 8"]
    assert kept.predictions and kept.predictions.n_rows == tables.N_ROWS * 4 // 5
    if isinstance(kept.predictions, ClassPredictions):
        assert sum(map(sum, kept.predictions.confusion)) == kept.predictions.n_rows
    if isinstance(kept.predictions, TargetPredictions):
        assert [target.name for target in kept.predictions.targets] == result["problem"]["target"]


def test_columns_that_make_the_target_are_the_most_important(finished: Finished) -> None:
    importance = kept_by(finished).importance
    assert importance and importance.n_columns == len(importance.columns) == len(tables.FEATURES)
    assert {importance.columns[0].name, importance.columns[1].name} & {"size", "load"}


def test_a_job_that_was_stopped_has_a_page_too(folder, here) -> None:
    tables.write(tables.noise(), folder / "noise.csv")
    tables.write_plan(folder)
    ended: Ended = here("tune", "noise.csv", "--target", "y", "--config", "small.yaml")
    assert ended.code == 3
    [job] = (folder / "mlruns" / "jobs").iterdir()
    page = (job / "report.html").read_text(encoding="utf-8")
    assert "Stopped: The baseline network does not beat the dummy" in Read.of(page).text
    assert here("report").code == 0
