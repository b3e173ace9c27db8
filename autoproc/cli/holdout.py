"""`autoproc holdout`."""

from typing import Any

import click

from autoproc.cli.options import json_option, key_options, plan_from
from autoproc.cli.output import examples, write_json
from autoproc.cli.summary import opening_line, opening_values


@click.command(
    short_help="Tell whether a table's holdout has been opened.",
    epilog=examples(
        "autoproc holdout data.csv --target price",
        "autoproc holdout data.csv --target price --home /data/jobs --json",
    ),
)
@key_options
@json_option
def holdout(as_json: bool, **options: Any) -> None:
    """Tell when the holdout of the table DATA was opened in this home, by which job, why again, and with what score.

    The same rows and target have the same holdout under any name of the file, however many of them are sealed, by what
    column, and with any seed.
    """
    from autoproc import process

    told = process.openings(plan_from(options))
    if as_json:
        write_json([opening_values(opening) for opening in told])
    else:
        click.echo("\n".join(map(opening_line, told)) or "Never opened.")
