"""`autoproc holdout`."""

from typing import TYPE_CHECKING, Any

import click

from autoproc.cli.jobs import job_folder, read_result
from autoproc.cli.options import home_option, json_option, plan_from, table_options
from autoproc.cli.output import examples, write_json
from autoproc.cli.summary import estimate_text
from autoproc.errors import HomeError, PlanError

if TYPE_CHECKING:
    from autoproc.results import Receipt


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

    told = [_values(receipt, options["home"]) for receipt in process.openings(plan_from(options))]
    if as_json:
        write_json(told)
    else:
        click.echo("\n".join(map(_line, told)) or "Never opened.")


def _values(receipt: "Receipt", home: str) -> dict[str, Any]:
    """The receipt, with the score that its job came to; None where it came to none, or is gone."""
    try:
        verdict = read_result(job_folder(receipt.run_id, home))["verdict"]
    except (HomeError, PlanError):
        verdict = {"metric": None, "score": None, "interval": None}
    return {
        "opening": receipt.opening,
        "opened_at": receipt.opened_at,
        "run_id": receipt.run_id,
        "reason": receipt.reason,
        **{name: verdict[name] for name in ("metric", "score", "interval")},
        "path": receipt.path,
    }


def _line(told: dict[str, Any]) -> str:
    reason = f" ({told['reason']})" if told["reason"] else ""
    opened = f"opening {told['opening']}{reason}, {told['opened_at']}, run {told['run_id']}"
    if told["score"] is None:
        return f"{opened}: no score, its job did not come to its end or is gone"
    return f"{opened}: {told['metric'].replace('_', ' ')} {estimate_text(told)}"
