"""YAML from a user's file: nothing in it runs, and what it holds stays as small as the file says.

A key that comes twice is refused, where YAML's own reader keeps the last one; and so is what unfolds (an alias of
aliases, a list within itself, merged keys) or nests beyond any plan.
"""

from pathlib import Path
from typing import Any

import yaml

from autoproc.errors import PlanError, did_you_mean_file

_MOST_BYTES = 2**20
_MOST_VALUES = 10_000
_MOST_LEVELS = 20


class _Loader(yaml.SafeLoader):
    """Plain values alone, each key once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[tuple[str, str], yaml.Mark] = {}
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":  # which unfolds before it can be counted
                raise yaml.constructor.ConstructorError(problem="merge keys (<<) are not read: write the keys out")
            if isinstance(key, yaml.ScalarNode):
                first = seen.setdefault((key.tag, key.value), key.start_mark)
                if first is not key.start_mark:
                    raise yaml.constructor.ConstructorError(
                        problem=f"the key {key.value!r} stands there twice, in lines {first.line + 1} and "
                        f"{key.start_mark.line + 1}"
                    )
        return super().construct_mapping(node, deep)


def read_yaml_text(path: Path, what: str) -> str:
    """The text of a file; `what` names it in errors. Raises PlanError where it cannot be read, or is too large."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # the latter of a name that no file can have
        why = error.strerror if isinstance(error, OSError) else error
        like = did_you_mean_file(path) if isinstance(error, FileNotFoundError) else ""
        raise PlanError(f"{what} cannot be read: {why}.{like}") from None
    if len(content) > _MOST_BYTES:
        raise PlanError(f"{what} must have at most {_MOST_BYTES:,} bytes, but has more. Name a YAML file.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PlanError(f"{what} is not valid YAML: it must be text in UTF-8, but is not. Save it as UTF-8.") from None


def parse_yaml(text: str, what: str) -> object:
    """The values in YAML `text`; `what` names it in errors. Raises PlanError where they are not plain or too many."""
    try:
        values: object = yaml.load(text, _Loader)  # noqa: S506  # a safe loader, and stricter
    except (yaml.YAMLError, ValueError, LookupError, AttributeError) as error:  # of what cannot be what its tag says
        raise PlanError(f"{what} is not valid YAML: {_problem(error)}.") from None
    except RecursionError:
        raise PlanError(_too_deep(what)) from None
    _check_size(values, what)
    return values


def _problem(error: Exception) -> str:
    """What is wrong and where, without the lines of the file."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        place = error.problem_mark
        what = ", ".join(filter(None, (error.context, error.problem)))
        return f"{what} in line {place.line + 1}, column {place.column + 1}"
    return " ".join(str(error).split())


def _check_size(values: object, what: str) -> None:
    """Raises PlanError for more values than a plan can have; those of an alias count wherever it stands."""
    waiting, n_values = [(values, 1)], 0
    while waiting:
        value, level = waiting.pop()
        n_values += 1
        if level > _MOST_LEVELS:
            raise PlanError(_too_deep(what))
        if n_values > _MOST_VALUES:
            raise PlanError(f"{what} must hold at most {_MOST_VALUES:,} values, but holds more, aliases unfolded.")
        inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting += [(each, level + 1) for each in inner]


def _too_deep(what: str) -> str:
    return f"{what} must not nest more than {_MOST_LEVELS} levels deep, but does."
