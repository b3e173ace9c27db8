"""`autoproc holdout`."""

from typing import TYPE_CHECKING, Any

import click

from autoproc.cli.options import home_option, json_option, plan_from, table_options
from autoproc.cli.output import examples, write_json

if TYPE_CHECKING:
    from autoproc.data.openings import Opening


@click.command(
    short_help="Tell whether a table's holdout has been opened.",
    epilog=examples(
        "autoproc holdout data.csv --target price",
        "autoproc holdout data.csv --target price --home /data/jobs --json",
    ),
)
@table_options
@home_option
@json_option
def holdout(as_json: bool, **options: Any) -> None:
    """Tell when the holdout of the table DATA was opened in this home, by which job, why again, and with what score.

    The same table and target have the same holdout under any name of the file and with any seed.
    """
    from autoproc import process

    told = process.openings(plan_from(options))
    if as_json:
        write_json([_values(opening) for opening in told])
    else:
        click.echo("\n".join(map(_line, told)) or "Never opened.")


def _values(opening: "Opening") -> dict[str, Any]:
    """The receipt, with the score that its job came to; null where it came to none, or is gone."""
    receipt, outcome = opening.receipt, opening.outcome
    return {
        "opening": receipt.opening,
        "opened_at": receipt.opened_at,
        "run_id": receipt.run_id,
        "reason": receipt.reason,
        "metric": outcome and outcome.metric,
        "score": outcome and outcome.estimate.score,
        "interval": outcome and outcome.estimate.interval,
        "path": receipt.path,
    }


def _line(opening: "Opening") -> str:
    receipt = opening.receipt
    reason = f" ({receipt.reason})" if receipt.reason else ""
    return f"opening {receipt.opening}{reason}, {receipt.opened_at}, run {receipt.run_id}: {opening.score_text}"
