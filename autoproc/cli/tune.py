"""`autoproc tune` and `autoproc inspect`."""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from typing import Any

import click

from autoproc.cli.options import (
    home_option,
    json_option,
    plan_from,
    plan_home_option,
    same_server_option,
    table_options,
    tune_options,
)
from autoproc.cli.output import examples, write_json
from autoproc.cli.signals import ending_early
from autoproc.errors import PlanError
from autoproc.progress import Progress, SilentProgress, Status
from autoproc.progress.terminal import TerminalProgress

quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show errors only.")
verbose_option = click.option(
    "-v", "--verbose", is_flag=True, help="Show versions, sizes, each training and each step's seconds as well."
)


@click.command(
    short_help="Take a table from raw rows to an exported network.",
    epilog=examples(
        "autoproc tune data.csv --target price",
        "autoproc tune data.csv --target heating_load,cooling_load --ignore id",
        "autoproc tune train.csv --target failed --holdout test.csv --metric roc_auc",
        "autoproc tune data.parquet --target y --folds 10 --time-limit 30m --space wide",
        "autoproc tune --config plan.yaml --trials 300",
        "autoproc tune data.csv --target y --json > result.json",
    ),
)
@table_options
@tune_options
@json_option
@quiet_option
@verbose_option
def tune(as_json: bool, quiet: bool, verbose: bool, **options: Any) -> None:
    """Take the table DATA (CSV, TSV or Parquet) from raw rows to an exported network.

    Seals a holdout, trains a baseline, grows it until it overfits, searches its regularisation, and opens the
    holdout once. What is decided, and why, is written to standard error as it happens; the job's job.log has what
    --verbose shows in any case.

    Ctrl-C ends the search and goes on to the verdict with what there is; before the search, or once more, it stops the
    job, and `autoproc resume` goes on.
    """
    started = time.monotonic()
    plan = plan_from(options)
    with _told(str(plan.data), quiet, verbose) as progress:
        from autoproc import process

        with ending_early() as request:
            result = process.tune(plan, None, progress, started, request)
    if as_json:
        write_json(result.to_json())


@click.command(
    short_help="Go on with a job that was interrupted.",
    epilog=examples(
        "autoproc resume",
        "autoproc resume 3f2a --json > result.json",
        "autoproc resume last --tracking-uri http://ann:password@mlflow.example.org",
    ),
)
@click.argument("run", default="last")
@home_option
@same_server_option
@json_option
@quiet_option
@verbose_option
def resume(run: str, home: str, tracking_uri: str | None, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Go on with the job RUN, which was interrupted, killed or failed: a run id, its first characters, or `last` (the
    default).

    What was finished is not done again; trials that ran are trained again. The job's time goes on where it stopped. A
    job that Ctrl-C had asked for its end, and then stopped, has all of its trials in the end.
    """
    started = time.monotonic()
    with _told(f"job {run}", quiet, verbose) as progress:
        from autoproc import process

        with ending_early() as request:
            result = process.resume(run, home, None, progress, started, request, tracking_uri)
    if as_json:
        write_json(result.to_json())


@click.command(
    short_help="Show what would be done with a table, and why.",
    epilog=examples(
        "autoproc inspect data.csv --target price",
        "autoproc inspect data.csv --target failed --missing '?' --json",
    ),
)
@table_options
@plan_home_option
@json_option
def inspect(as_json: bool, **options: Any) -> None:
    """Show what would be done with the table DATA, and why, without training.

    The problem, the metric, how many rows would be sealed and whether they have been opened before in this home, the
    protocol, the kind of each column, and what is left out.
    """
    plan = plan_from(options)
    with redirect_stdout(sys.stderr):
        from autoproc import process
        from autoproc.cli.summary import inspection_lines, inspection_values

        inspection = process.inspect(plan)
        openings = process.openings(plan, inspection)
    if as_json:
        write_json(inspection_values(inspection, openings))
    else:
        click.echo(inspection_lines(inspection, openings, plan.home))


@contextmanager
def _told(what: str, quiet: bool, verbose: bool) -> Iterator[Progress]:
    """Progress on standard error, where libraries speak too, from the first moment of the job on."""
    if quiet and verbose:
        raise PlanError("--quiet and --verbose contradict each other. Leave out one of them.")
    shown: AbstractContextManager[Progress] = (
        nullcontext(SilentProgress()) if quiet else TerminalProgress(verbose=verbose)
    )
    with redirect_stdout(sys.stderr), shown as progress:
        progress.update(Status("start", running=f"{what}: loading the libraries"))
        yield progress
