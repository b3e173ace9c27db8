"""`autoproc sync`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from autoproc.cli.options import home_option, same_server_option
from autoproc.cli.output import examples
from autoproc.errors import HomeError

if TYPE_CHECKING:
    from autoproc.tracking.sync import Synced


@click.command(
    short_help="Deliver what jobs could not tell their MLflow server.",
    epilog=examples(
        "autoproc sync",
        "autoproc sync last",
        "autoproc sync 3f2a --home /data/jobs --tracking-uri http://ann:password@mlflow.example.org",
    ),
)
@click.argument("run", required=False)
@home_option
@same_server_option
def sync(run: str | None, home: str, tracking_uri: str | None) -> None:
    """Deliver what waits of the record of the job RUN: a run id, its first characters, or `last`; or of all ended jobs.

    A job whose MLflow server is away goes on, and keeps its record in its folder until somebody delivers it. Nothing is
    recorded twice. A job that was killed is marked so.
    """
    from autoproc.tracking.home import Home
    from autoproc.tracking.sync import sync as deliver
    from autoproc.tracking.sync import undelivered_jobs

    place = Home(Path(home).absolute())
    run_ids = undelivered_jobs(place) if run is None else [place.find_job(run).name]
    if not run_ids:
        click.echo("Nothing waits.")
    failures = []
    for run_id in run_ids:
        try:
            synced = deliver(place, run_id, tracking_uri)
        except HomeError as error:  # the others are delivered all the same
            failures.append(str(error))
            continue
        click.echo(_line(synced))
        failures += [_failure(synced, place.job(run_id))] if synced.failure else []
    if failures:
        raise HomeError(" ".join(failures))


def _line(synced: "Synced") -> str:
    delivered = "1 record" if synced.n_delivered == 1 else f"{synced.n_delivered:,} records"
    rest = f", {synced.n_waiting:,} still wait" if synced.n_waiting else ""
    told = "".join(f"; {text}" for text in synced.told)
    return f"{synced.run_id}: {delivered} delivered{rest}{told}"


def _failure(synced: "Synced", job: Path) -> str:
    from autoproc.tracking.outbox import ENTRIES

    return (
        f"The record of the job {synced.run_id} is not complete: {synced.server} fails with: {synced.failure}. It must "
        "be the server, with the database, that the job began on. Start it and try again; --tracking-uri names it by "
        "another address, or with a user and a password, which are not kept. To give up what waits, remove "
        f"{job / ENTRIES}."
    )
