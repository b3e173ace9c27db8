"""MLflow's pages in a real browser, on a real job: what its views and its description show, and that nothing of the
data becomes a part of a page."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoproc.report.text import one_line
from autoproc.tracking import names
from autoproc.tracking.home import Home
from autoproc.tracking.views import MAX_SCATTERS
from tests.browser import hostile
from tests.browser.conftest import Recorded, Visit
from tests.end_to_end import tables

ROOT = Path(__file__).parents[2]
REFRESH_MILLISECONDS = 31_000  # between two looks of MLflow's list of runs, and a little more
SEARCHED = ("depth", "width", "optimizer", "learning_rate", "factor_rate", "dropout", "l1", "weight_decay", "scheduler")
# Score over trials as a line and as points, over parameters, curves of the best trials, growth.
N_PLOTS = 2 + MAX_SCATTERS + 2
SORTED_BY = f"Sort: {names.SCORE}"

ROWS = """() => Object.values([...document.querySelectorAll('[role=row][row-index] [col-id]')].reduce((rows, cell) => {
    const index = cell.closest('[row-index]').getAttribute('row-index')
    rows[index] = {...rows[index], [cell.getAttribute('col-id')]: cell.innerText.trim()}
    return rows
}, {}))"""
PLOTS = """() => [...document.querySelectorAll('.js-plotly-plot')].map(
    plot => ({titles: [...plot.querySelectorAll('.xtitle, .ytitle')].map(title => title.textContent),
              marks: plot.querySelectorAll('.scatterlayer .point, .scatterlayer .js-line').length}))"""


def rows(visit: Visit) -> list[dict[str, str]]:
    """The cells of the table of runs, by the column's key, in the order in which they are seen."""
    found: list[dict[str, str]] = visit.page.evaluate(ROWS)
    return [row for row in found if "attributes.`Run Name`" in row]


def test_the_view_lists_the_trainings_by_score_with_the_columns_that_matter(visit: Visit, recorded: Recorded) -> None:
    visit.open(recorded.links()[0].address, SORTED_BY)
    visit.page.get_by_text("reference: boosted trees", exact=True).wait_for()
    seen = rows(visit)
    scores = [float(row[f"metrics.`{names.SCORE}`"]) for row in seen if row[f"metrics.`{names.SCORE}`"] != "-"]
    assert len(scores) >= 10
    assert scores == sorted(scores, reverse=True)
    stages = {row[f"tags.`{names.STAGE}`"] for row in seen}
    assert stages == {"baseline", "reference", "growth", "trial", "fresh folds", "verdict"}
    columns = [*(f"tags.`{tag}`" for tag in (names.STAGE, names.STATE)), f"metrics.`{names.SCORE}`"]
    columns += [f"metrics.`{metric}`" for metric in (names.STANDARD_ERROR, names.EPOCHS, names.TRAIN_SCORE)]
    columns += [f"params.`{name}`" for name in SEARCHED]
    trial = next(row for row in seen if row[f"tags.`{names.STAGE}`"] == "trial")
    assert set(columns) <= trial.keys()
    assert "params.`batch_size`" not in trial
    assert all(trial[column] not in ("", "-") for column in columns)
    visit.check_harmless()


def test_the_charts_draw(visit: Visit, recorded: Recorded) -> None:
    visit.page.set_viewport_size({"width": 2400, "height": 4000})  # only charts in sight are drawn
    visit.open(recorded.links()[1].address, "Growth, rung by rung")
    visit.page.wait_for_function(f"({PLOTS})().filter(plot => plot.marks > 0).length == {N_PLOTS}")
    plots: list[dict[str, Any]] = visit.page.evaluate(PLOTS)
    assert len(plots) == N_PLOTS  # and none of them is empty
    drawn = {title for plot in plots for title in plot["titles"]}
    assert {names.TRIAL_SCORE, names.TRIAL_NUMBER, "learning_rate", "dropout"} <= drawn
    (parallel,) = visit.page.get_by_text("Parallel Coordinates", exact=True).all()
    assert parallel.is_visible()
    assert visit.page.locator(".parcoords .dimension").count() == len(SEARCHED) + 1
    assert visit.page.get_by_role("alert").filter(has_text="rror").count() == 0
    visit.check_harmless()


def test_the_jobs_page_tells_its_story_and_shows_names_as_they_are(visit: Visit, recorded: Recorded) -> None:
    visit.open(recorded.page(), "Description")
    visit.page.get_by_text("Show more", exact=True).click()
    told = visit.page.locator("body").inner_text()
    for heading in ("Holdout", "Decisions", "Baseline", "Growth until it overfits", "Search", "Use the model"):
        assert visit.page.get_by_role("heading", name=heading, exact=True).count() == 1, heading
    for text in (hostile.TARGET, *hostile.CLASSES, hostile.LEFT_OUT, Path(hostile.FILE).stem):
        assert one_line(text) in told
    links = visit.page.get_by_role("link", name="charts", exact=True)
    assert visit.page.evaluate("link => link.href", links.element_handle()) == (
        visit.address + recorded.links()[1].address
    )
    visit.check_harmless()


def test_the_jobs_files_are_listed(visit: Visit, recorded: Recorded) -> None:
    visit.open(f"{recorded.page()}/artifacts", "result.json")
    for name in ("plan.yaml", "model", "report.html", "receipt"):
        assert visit.page.get_by_text(name, exact=True).count(), name
    visit.check_harmless()


HALTING_JOB = """
import sys
from autoproc import process
from autoproc.plan import make_plan
from autoproc.progress import SilentProgress

class Halting(SilentProgress):
    halts = ["baseline", "growth", "trials"]

    def say(self, step, text):
        self.halt(step)

    def update(self, status):
        if status.step == "search" and status.done >= 2:
            self.halt("trials")

    def halt(self, where):
        if where in self.halts:
            self.halts.remove(where)
            print(where, flush=True)
            sys.stdin.readline()

process.tune(make_plan(sys.argv[1]), progress=Halting())
"""


class RunningJob:
    """A real job that halts after the baseline, after growth and amid the search, until it is told to go on."""

    def __init__(self, home: Home, folder: Path) -> None:
        table = tables.write(tables.table("regression"), folder / "live.csv")
        plan = tables.write_plan(folder, data=str(table), target="price", home=str(home.path))
        others = set(home.run_ids())
        command = [sys.executable, "-c", HALTING_JOB, str(plan)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.await_halt("baseline")
        [run_id] = set(home.run_ids()) - others
        self.record = Recorded(home, run_id)

    def await_halt(self, where: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == where

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@pytest.fixture
def job(recorded: Recorded, address: str, tmp_path: Path) -> Iterator[RunningJob]:
    job = RunningJob(recorded.home, tmp_path)
    yield job
    job.process.communicate()  # at the end of its input it goes on


def test_a_job_is_followed_while_it_runs(visit: Visit, job: RunningJob) -> None:
    page, view = visit.page, job.record.links()[0].address
    page.clock.install()  # so that nobody has to wait for MLflow's next look

    def sees(text: str) -> None:
        """Without loading the page anew."""
        shown = page.get_by_text(text, exact=True).first
        while not shown.is_visible():
            with page.expect_response(lambda answer: answer.url.endswith("/runs/search")):
                page.clock.fast_forward(REFRESH_MILLISECONDS)

    def headings() -> set[str]:
        visit.open(job.record.page(), "Running")
        page.get_by_text("Show more", exact=True).click()
        return set(page.get_by_role("heading").all_inner_texts())

    told = headings()
    assert {"Decisions", "Baseline"} <= told and not any("Growth" in heading for heading in told)
    visit.open(view, SORTED_BY)
    sees("reference: dummy")
    assert page.get_by_text("growth 1: 1 x 4", exact=True).count() == 0
    job.go_on()
    job.await_halt("growth")
    sees("growth 1: 1 x 4")
    assert page.get_by_text("trial 0", exact=True).count() == 0
    job.go_on()
    job.await_halt("trials")
    sees("trial 0")
    assert job.process.poll() is None
    told = headings()
    assert "Growth until it overfits" in told and "Holdout" not in told
    job.go_on()
    assert job.process.wait() == 0
    visit.open(job.record.page(), "Finished")
    page.get_by_text("Show more", exact=True).click()
    assert page.get_by_role("heading", name="Holdout", exact=True).count() == 1
    visit.check_harmless()
