"""`autoproc report` and `autoproc compare`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from autoproc.cli.jobs import job_folder, lacks
from autoproc.cli.models import require_parent
from autoproc.cli.options import home_option, out_option
from autoproc.cli.output import examples
from autoproc.durable import write_whole
from autoproc.errors import HomeError, PlanError

if TYPE_CHECKING:
    from autoproc.report.evidence import Evidence


@click.command(
    short_help="Draw the report of a job: one page that works offline.",
    epilog=examples("autoproc report", "autoproc report 3f2a --out failure.html"),
)
@click.argument("run", default="last")
@out_option("Where to write.  [default: report.html in the job's folder]")
@home_option
def report(run: str, out: Path | None, home: str) -> None:
    """Draw the report of the job RUN (a run id, its first characters, or `last`, the default): one HTML page that needs
    no network.

    Each job draws it at its end; this draws it again, from what the job has kept.
    """
    job = job_folder(run, home)
    evidence = _evidence(job)
    from autoproc.report.report import PAGE, report_page

    _write(out or job / PAGE, report_page(evidence))


@click.command(
    short_help="Draw several jobs beside each other: one page that works offline.",
    epilog=examples("autoproc compare 3f2a last", "autoproc compare 3f2a 91bc 77d0 --out jobs.html"),
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@out_option("Where to write.  [default: comparison.html in the home folder]")
@home_option
def compare(runs: tuple[str, ...], out: Path | None, home: str) -> None:
    """Draw the jobs RUN RUN... (run ids, their first characters, or `last`) beside each other: one HTML page that needs
    no network, with their scores, what they were asked for and how their searches went.
    """
    jobs = list(dict.fromkeys(job_folder(run, home) for run in runs))
    if len(jobs) < 2:
        named = f"{', '.join(runs)} {'is' if len(runs) == 1 else 'are'} one"
        raise PlanError(f"Two jobs or more can be compared, but {named}. Name another run.")
    compared = [_evidence(job) for job in jobs]
    from autoproc.report.comparison import comparison_page

    _write(out or Path(home) / "comparison.html", comparison_page(compared))


def _evidence(job: Path) -> "Evidence":
    """What a job has kept for its report. Raises HomeError where it has not."""
    from autoproc.report.evidence import FILE, read_evidence

    evidence = read_evidence(job)
    if evidence is None and (job / "result.json").exists():
        raise HomeError(
            f"The job {job.name} has no {FILE}, which its report would be drawn from: it is of an earlier version, or "
            "its report could not be made. `autoproc show` tells its result."
        )
    if evidence is None:
        raise HomeError(lacks("report", job))
    return evidence


def _write(path: Path, page: str) -> None:
    """Write a page and tell where it is. Raises PlanError where that cannot be done."""
    require_parent(path)
    try:
        write_whole(path, page)
    except OSError as error:
        raise PlanError(f"{path} cannot be written: {error.strerror}. Name another file with --out.") from None
    click.echo(path)
