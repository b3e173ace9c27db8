"""How commands write: examples in their help, JSON without NaN, aligned lines."""

import json

import click

from autoproc.format import finite_or_null


def examples(*lines: str) -> str:
    """The Examples block at the end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def write_json(value: object) -> None:
    """Write one JSON value to standard output; numbers that are not finite become null."""
    click.echo(json.dumps(finite_or_null(value), indent=2, allow_nan=False))
