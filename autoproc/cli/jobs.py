"""`autoproc show` and `autoproc ui`."""

import json
from pathlib import Path
from typing import Any

import click

from autoproc.cli.options import home_option, json_option
from autoproc.cli.output import examples, write_json
from autoproc.errors import HomeError


@click.command(
    short_help="Show the result of a job.",
    epilog=examples("autoproc show", "autoproc show last --json", "autoproc show 3f2a --home /data/jobs"),
)
@click.argument("run", default="last")
@json_option
@home_option
def show(run: str, as_json: bool, home: str) -> None:
    """Show the result of the job RUN: a run id, its first characters, or `last` (the default)."""
    from autoproc.cli.summary import result_lines

    result = read_result(job_folder(run, home))
    if as_json:
        write_json(result)
    else:
        click.echo(result_lines(result))


@click.command(
    short_help="Browse the jobs in MLflow.",
    epilog=examples("autoproc ui", "autoproc ui --port 8080 --home /data/jobs"),
)
@home_option
@click.option(
    "--port", default=5000, show_default=True, type=click.IntRange(1, 65535), metavar="N", help="Port to use."
)
@click.pass_context
def ui(context: click.Context, home: str, port: int) -> None:
    """Browse the jobs in MLflow's user interface, on this machine only. Ctrl-C ends it."""
    from autoproc.tracking.home import Home
    from autoproc.tracking.server import serve

    context.exit(serve(Home(Path(home).expanduser()), port))


def job_folder(run: str, home: str) -> Path:
    """The folder of the job that `run` names. Raises PlanError when there is none, or more than one."""
    from autoproc.tracking.home import Home

    return Home(Path(home).expanduser()).find_job(run)


def read_result(job: Path) -> dict[str, Any]:
    """The result of a job. Raises HomeError where it has none, or a damaged one."""
    path = job / "result.json"
    try:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HomeError(
            f"The job {job.name} has no result: it is running, was stopped, or failed. What it did is in "
            f"{job / 'job.log'}; `autoproc tune --config {job / 'plan.yaml'}` runs it again."
        ) from None
    except (OSError, ValueError) as error:
        raise HomeError(f"The result {path} cannot be read: {error}.") from None
    return result
