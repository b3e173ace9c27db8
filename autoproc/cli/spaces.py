"""`autoproc spaces`."""

from itertools import takewhile

import click

from autoproc.cli.output import examples
from autoproc.errors import PlanError, did_you_mean
from autoproc.progress import layout


@click.command(
    short_help="List the search spaces, or print one.",
    epilog=examples("autoproc spaces", "autoproc spaces default > mine.yaml"),
)
@click.argument("name", required=False)
def spaces(name: str | None) -> None:
    """List the search spaces that ship with autoproc, or print the one called NAME."""
    from autoproc.space_file import shipped_spaces

    shipped = shipped_spaces()
    if name is None:
        click.echo("\n".join(layout(known, _headline(text)) for known, text in shipped.items()))
    elif name in shipped:
        click.echo(shipped[name], nl=False)
    else:
        raise PlanError(
            f"There is no search space {name!r}; there are {', '.join(shipped)}.{did_you_mean(name, shipped)}"
        )


def _headline(text: str) -> str:
    """The first sentence of the comment at the top of a space, which says what it is for."""
    comment = takewhile(lambda line: line.startswith("#"), text.splitlines())
    sentence, stop, _ = " ".join(line.lstrip("# ") for line in comment).partition(". ")
    return sentence + stop.rstrip()
