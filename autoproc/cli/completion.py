"""What the shell completes: `eval "$(_AUTOPROC_COMPLETE=bash_source autoproc)"`, and likewise for zsh and fish.

Each press of the tab key starts the command anew, so that nothing heavy may be loaded: fixed names stand here again
(a test holds them against the plan's), and of a table only its first line is read.
"""

import csv
import os
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import click
from click.shell_completion import CompletionItem

TASKS = ("binary", "multiclass", "regression", "vector_regression")
METRICS = (
    "roc_auc", "average_precision", "accuracy", "balanced_accuracy", "f1", "mcc", "log_loss", "brier", "macro_f1",
    "weighted_f1", "rmse", "mae", "medae", "mape", "r2",
)  # fmt: skip
PROTOCOLS = ("validation_split", "k_fold", "repeated_k_fold")
FINAL_KINDS = ("ensemble", "folds", "refit", "refits")
SHIPPED_ROWS = ("development", "all-rows")
SPACES = ("classic", "default", "quick", "wide")
_DEVICES = ("auto", "cpu", "cuda", "mps")
_COSTS = ("false_negative=", "false_positive=")

_HEADER_LENGTH = 65_536
_MOST_JOBS = 50
_PARQUET = (".parquet", ".pq")

_Names = Callable[[click.Context], Sequence[str]]


class _Completed(click.types.StringParamType):
    """Text of which the shell completes names, several with commas between them if `many`, or else `otherwise`, the
    paths of files or folders."""

    def __init__(self, names: _Names, many: bool = False, otherwise: str = "") -> None:
        self._names = names
        self._many = many
        self._otherwise = otherwise

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, name = incomplete.rpartition(",") if self._many else ("", "", incomplete)
        items = [CompletionItem(_typed(before + comma + known)) for known in self._names(ctx) if known.startswith(name)]
        return items or ([CompletionItem(incomplete, type=self._otherwise)] if self._otherwise else [])


def add_completion(group: click.Group) -> None:
    """Let the shell complete the arguments and options of all commands of `group`."""
    for command in group.commands.values():
        for param in command.params:
            if param.name in _COMPLETED and isinstance(param.type, click.types.StringParamType):
                param.type = _COMPLETED[param.name]


def _jobs(context: click.Context) -> list[str]:
    """`last`, and the run ids of the newest jobs in the home that is given so far."""
    folder = Path(context.params.get("home") or "mlruns").expanduser() / "jobs"
    try:
        jobs = sorted(folder.iterdir(), key=lambda job: job.stat().st_mtime, reverse=True)
    except OSError:
        return []
    return ["last", *(job.name for job in jobs[:_MOST_JOBS])] if jobs else []


def _columns(context: click.Context) -> list[str]:
    """The printable names of columns of the table that is given so far."""
    # Before an option that still lacks its value, click leaves arguments where they are.
    given = [context.params.get("data"), *context.args]
    table = Path(next((argument for argument in given if argument), ""))
    try:
        names = _parquet_names(table) if table.suffix.lower() in _PARQUET else _csv_names(table)
    except (OSError, ValueError, csv.Error):
        return []
    return [name for name in names if name and name.isprintable() and "," not in name]


def _csv_names(table: Path) -> list[str]:
    if not table.is_file():  # a pipe would wait
        return []
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        line = text.readline(_HEADER_LENGTH)
    delimiter = max(",;\t|", key=line.count)
    return [name.strip() for row in islice(csv.reader([line], delimiter=delimiter), 1) for name in row]


def _parquet_names(table: Path) -> list[str]:
    from pyarrow import parquet

    names: list[str] = parquet.read_schema(table).names
    return names


def _fixed(names: Sequence[str]) -> _Names:
    return lambda context: names


def _typed(name: str) -> str:
    """A name as it is to be typed: bash takes it as it is, the other shells see to that themselves."""
    in_bash = os.environ.get("_AUTOPROC_COMPLETE", "").startswith("bash")
    return re.sub(r"([^\w,.@%+=:/-])", r"\\\1", name) if in_bash else name


_COMPLETED: Mapping[str, _Completed] = {
    "data": _Completed(_fixed(()), otherwise="file"),
    "config": _Completed(_fixed(()), otherwise="file"),
    "holdout": _Completed(_fixed(()), otherwise="file"),
    "home": _Completed(_fixed(()), otherwise="dir"),
    "run": _Completed(_jobs),
    "runs": _Completed(_jobs),
    "model": _Completed(_jobs, otherwise="file"),
    "name": _Completed(_fixed(SPACES)),
    "space": _Completed(_fixed(SPACES), otherwise="file"),
    "target": _Completed(_columns, many=True),
    "ignore": _Completed(_columns, many=True),
    "group": _Completed(_columns),
    "time": _Completed(_columns),
    "task": _Completed(_fixed(TASKS)),
    "metric": _Completed(_fixed(METRICS), many=True),
    "cost": _Completed(_fixed(_COSTS), many=True),
    "protocol__kind": _Completed(_fixed(PROTOCOLS)),
    "device": _Completed(_fixed(_DEVICES)),
    "final": _Completed(_fixed(FINAL_KINDS)),
    "ship": _Completed(_fixed(SHIPPED_ROWS)),
}
