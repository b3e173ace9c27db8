"""`autoproc show` and `autoproc ui`."""

import json
import os
import re
import sys
import textwrap
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autoproc.cli.options import home_option, json_option
from autoproc.cli.output import examples, write_json
from autoproc.errors import HomeError
from autoproc.paths import possible_path

if TYPE_CHECKING:
    from autoproc.tracking.listening import Place

_LAST_LINE_LENGTH = 1_000


@click.command(
    short_help="Show the result of a job.",
    epilog=examples("autoproc show", "autoproc show last --json", "autoproc show 3f2a --home /data/jobs"),
)
@click.argument("run", default="last")
@json_option
@home_option
def show(run: str, as_json: bool, home: str) -> None:
    """Show the result of the job RUN: a run id, its first characters, or `last` (the default)."""
    job = job_folder(run, home)
    result = read_result(job)
    if as_json:
        write_json(result)
    else:
        click.echo(_told(result, job))


def _told(result: dict[str, Any], job: Path) -> str:
    """A result as text. Raises HomeError for one that lacks what a text is made of."""
    from autoproc.cli.summary import result_lines

    try:
        return result_lines(result)
    except (KeyError, TypeError, AttributeError):
        raise HomeError(
            f"The result of the job {job.name} is of another version of autoproc, and lacks what the job told. "
            "`autoproc show --json` has its values."
        ) from None


@click.command(
    short_help="Browse the jobs in MLflow.",
    epilog=examples(
        "autoproc ui",
        "autoproc ui --no-browser",
        "autoproc ui --port 8080 --home /data/jobs",
        "autoproc ui --host gpu-box.example.org",
    ),
)
@home_option
@click.option(
    "--port", default=5000, show_default=True, type=click.IntRange(1, 65535), metavar="N", help="Port to use."
)
@click.option(
    "--host",
    default="127.0.0.1",
    metavar="NAME",
    help="Address of this machine to listen on, 0.0.0.0 for all. Whoever can reach it can read and delete the record: "
    "there is no password.  [default: this machine alone]",
)
@click.option("--browser/--no-browser", default=True, help="Open the newest job in a browser, on a desktop.")
@click.pass_context
def ui(context: click.Context, home: str, port: int, host: str, browser: bool) -> None:
    """Browse the jobs in MLflow's user interface, on this machine only unless --host says otherwise. Ctrl-C ends it."""
    from autoproc.tracking.home import Home
    from autoproc.tracking.listening import Place
    from autoproc.tracking.server import serve

    def show(links: Sequence[tuple[str, str]]) -> None:
        for title, address in links:
            click.echo(f"{title}: {address}")
        click.echo("Ctrl-C ends it.")
        if browser and has_desktop():
            webbrowser.open(links[0][1])

    place = Place(host, port)
    if not place.is_private:
        click.echo(_in_the_open(place), err=True)
    context.exit(serve(Home(Path(home)), place, show))


def _in_the_open(place: "Place") -> str:
    return (
        f"warning: whoever can reach {', '.join(place.hosts)} can read, change and delete the record of all jobs of "
        "this home. There is no password, and what is sent is not encrypted. To be the only one, leave out --host, and "
        f"reach it from elsewhere by `ssh -L {place.port}:localhost:{place.port} THIS-MACHINE`."
    )


def has_desktop() -> bool:
    """Whether someone sits before this terminal who can see a browser's window."""
    has_windows = sys.platform in ("win32", "darwin") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    return has_windows and sys.stdout.isatty()


def job_folder(run: str, home: str) -> Path:
    """The folder of the job that `run` names. Raises PlanError when there is none, or more than one."""
    from autoproc.tracking.home import Home

    return Home(Path(home)).find_job(run)


def read_result(job: Path) -> dict[str, Any]:
    """The result of a job. Raises HomeError where it has none, or a damaged one."""
    path = job / "result.json"
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(result, dict):
            raise ValueError("it is no JSON object")
    except FileNotFoundError:
        raise HomeError(lacks("result", job)) from None
    except (OSError, ValueError) as error:
        raise HomeError(f"The result {path} cannot be read: {error}.") from None
    return result


def find_model(job: Path) -> Path:
    """The model of a job. Raises HomeError where it has none."""
    if not (job / "model").exists():
        raise HomeError(lacks("model", job))
    return job / "model"


def named_model(model: str, home: str) -> Path:
    """The model that a path, or else a job, names. Raises PlanError or HomeError where the job is not there, or has
    none."""
    path = possible_path(model, "A model")
    looks_like_path = path.exists() or path.name != model or path.suffix.lower() in (".zip", ".onnx")
    return path if looks_like_path else find_model(job_folder(model, home))


def lacks(what: str, job: Path) -> str:
    """That a job has no `what`, and why, as far as its log tells."""
    from autoproc.tracking.home import Home

    log, model, plan = job / "job.log", job / "model", job / "plan.yaml"
    if Home(job.parent.parent).is_running(job.name):
        return f"The job {job.name} has no {what} yet: it is still running. What it has done so far is in {log}."
    told = f"The job {job.name} has no {what}, because it did not come to its end."
    last = _last_line(log)
    if last:
        told += f" The last line of {log}: {last}"
    if model.exists() and str(model) not in last:
        told += f" Its model is exported all the same, without a holdout score: {model}."
    if (job / "journal" / "job.json").exists():
        return f"{told} `autoproc resume {job.name}` goes on with it."
    if not plan.exists():  # a job that was killed in its first moments
        return f"{told} `autoproc tune` starts another one."
    return f"{told} `autoproc tune --config {plan}` runs it again."


def _last_line(log: Path) -> str:
    """What a log ends with, without its time, as a sentence; empty where there is no log."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    last = next((line for line in reversed(lines) if line.strip()), "")
    text = textwrap.shorten(re.sub(r"^\d{4}-\d\d-\d\dT\S+", "", last), _LAST_LINE_LENGTH, placeholder=" ...")
    return f"{text.rstrip('.')}." if text else ""
