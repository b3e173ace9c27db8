"""How commands write: examples in their help, JSON without NaN, aligned lines."""

import json
import math
from typing import Any

import click


def examples(*lines: str) -> str:
    """The Examples block at the end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def write_json(value: object) -> None:
    """Write one JSON value to standard output; numbers that are not finite become null."""
    click.echo(json.dumps(finite_or_null(value), indent=2, allow_nan=False))


def finite_or_null(value: Any) -> Any:
    """`value` with each NaN or infinity in it, however deep, replaced by None.

    >>> finite_or_null({"score": float("nan"), "folds": [0.5, float("inf")]})
    {'score': None, 'folds': [0.5, None]}
    """
    if isinstance(value, dict):
        return {key: finite_or_null(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_null(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
