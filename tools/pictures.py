"""Take the documentation's pictures of MLflow's pages anew: of a job on the shipped example, while it runs and after.

python -m tools.pictures                    # a job of two minutes, whose record is not kept
python -m tools.pictures --home mlruns      # the newest job of a home
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run
from playwright.sync_api import Browser, Page

from autoproc.tracking import names
from autoproc.tracking.home import Home
from tools.chromium import new_page, open_browser
from tools.mlflow_ui import serving

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
TUNE = ["tune", "examples/machine_failure.csv", "--target", "machine_failure", "--time-limit", "2m"]
SETTLE = 3_000  # milliseconds until charts have drawn what they have got
POLL_SECONDS = 0.5
FIRST_TRIALS = 3  # of a running job when its picture is taken


@dataclass(frozen=True)
class Record:
    """The newest job of a home, in MLflow."""

    client: MlflowClient
    job: Run

    @classmethod
    def of(cls, home: Home) -> "Record":
        client = MlflowClient(home.tracking_uri)
        return cls(client, client.get_run(home.run_ids()[-1]))

    @property
    def trials(self) -> list[Run]:
        """The finished trials, the best first where higher scores are better, as they are for the example."""
        wanted = f"tags.`{names.PARENT}` = '{self.job.info.run_id}' AND tags.`{names.STAGE}` = 'trial'"
        order = [f"metrics.`{names.SCORE}` DESC"]
        return list(self.client.search_runs([self.job.info.experiment_id], wanted, order_by=order))

    def page(self, run: Run, part: str = "") -> str:
        """What follows the server's address in the link to a run's page, or to a part of it."""
        # Without the workflow type MLflow shows the menu of its GenAI mode beside it.
        return f"/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}{part}?workflowType=machine_learning"


def take(page: Page, path: Path) -> None:
    """Save what is to be seen, and leave the page."""
    page.wait_for_timeout(SETTLE)
    page.screenshot(path=path)
    page.context.close()
    print(path, flush=True)


def take_running(browser: Browser, home: Home, job: subprocess.Popen[bytes], out: Path) -> None:
    """A job's page while it runs: what it has decided and done so far."""
    record = Record.of(home)
    with serving(home.path) as links:
        while len(record.trials) < FIRST_TRIALS and job.poll() is None:
            time.sleep(POLL_SECONDS)
        page = new_page(browser, height=1250)
        page.goto(_server(links) + record.page(record.job))
        page.get_by_text("Running", exact=True).wait_for()
        page.get_by_text("Show more", exact=True).click()
        page.get_by_role("heading", name="Baseline", exact=True).wait_for()
        take(page, out / "running.png")


def take_finished(browser: Browser, home: Home, out: Path) -> None:
    """The views of a finished job, its page, and its best trial."""
    record = Record.of(home)
    with serving(home.path) as links:
        view, charts = links.values()
        page = new_page(browser, width=1700)
        page.goto(view)
        page.get_by_text("reference: boosted trees", exact=True).wait_for()  # one of the best, whose row is in sight
        take(page, out / "runs.png")

        page = new_page(browser, height=2300)
        page.goto(charts)
        page.get_by_text("Growth, rung by rung", exact=True).wait_for()
        take(page, out / "charts.png")

        page = new_page(browser, height=1500)
        page.goto(_server(links) + record.page(record.job))
        page.get_by_text("Show more", exact=True).click()
        take(page, out / "job.png")

        page = new_page(browser)
        page.goto(_server(links) + record.page(record.trials[0], "/model-metrics"))
        page.get_by_text(names.SCORE_VALIDATION.split("/")[-1], exact=True).first.wait_for()
        take(page, out / "trial.png")

    page = new_page(browser, width=1200, height=1700)
    page.goto((home.job(record.job.info.run_id) / "report.html").as_uri())
    take(page, out / "report.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="show the newest job of this home")
    parser.add_argument("--out", type=Path, default=PICTURES, help="where the pictures go")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, open_browser() as browser:
        home = Home((arguments.home or Path(folder) / "mlruns").resolve())
        if not arguments.home:
            with subprocess.Popen([sys.executable, "-m", "autoproc", *TUNE, "--home", str(home.path)]) as job:
                while not home.run_ids() and job.poll() is None:
                    time.sleep(POLL_SECONDS)
                take_running(browser, home, job, arguments.out)
            if job.returncode:
                sys.exit(job.returncode)
        take_finished(browser, home, arguments.out)


def _server(links: dict[str, str]) -> str:
    return next(iter(links.values())).partition("/#")[0]


if __name__ == "__main__":
    main()
