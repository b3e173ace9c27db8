"""What the shell completes: `eval "$(_AUTOPROC_COMPLETE=bash_source autoproc)"`, and likewise for zsh and fish.

Each press of the tab key starts the command anew, so that nothing heavy may be loaded: fixed names stand here again
(a test holds them against the plan's), and of a table only its first line is read.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import ClassVar, final

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)

from autoproc.paths import user_path

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
        items = [CompletionItem(before + comma + known) for known in self._names(ctx) if known.startswith(name)]
        return items or ([CompletionItem(incomplete, type=self._otherwise)] if self._otherwise else [])


@final
class _Bash(BashComplete):
    """Click's, but that a name is quoted where bash would read it otherwise (a column may be called `$(reboot)`), also
    where a value follows its option's `=`, which bash makes a word of its own. In a word that begins with a quote bash
    itself sees to that, as it does for the names of files."""

    source_template: ClassVar[str] = """\
%(complete_func)s() {
    local kind name
    COMPREPLY=()
    while IFS=, read -r kind name; do
        case $kind in
            file) compopt -o default ;;
            dir) compopt -o dirnames ;;
            plain)
                if [[ ${COMP_WORDS[COMP_CWORD]} == [\\'\\"]* ]]; then
                    compopt -o filenames
                elif [[ $name == *[^[:alnum:]_,.@%%+=:/-]* ]]; then
                    printf -v name %%q "$name"
                fi
                COMPREPLY+=("$name") ;;
        esac
    done < <(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD %(complete_var)s=bash_complete "$1")
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        args, incomplete = super().get_completion_args()
        return args[:-1] if args[-1:] == ["="] else args, incomplete


@final
class _Zsh(ZshComplete):
    """Click's, also where a value follows its option's `=`, which is one word for zsh."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        return _with_option(super().get_completions(args, incomplete), incomplete)


@final
class _Fish(FishComplete):
    """Click's, also where a value follows its option's `=`, or has a comma, at which click's script cuts it off."""

    source_template: ClassVar[str] = FishComplete.source_template.replace("string split ", "string split --max 1 ")

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        return _with_option(super().get_completions(args, incomplete), incomplete)


_SHELLS: Mapping[str, type[ShellComplete]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}


def _with_option(items: list[CompletionItem[str]], incomplete: str) -> list[CompletionItem[str]]:
    """Values that take the place of the whole word, with the option that it begins with."""
    option, equals, _ = incomplete.partition("=")
    if not (equals and option.startswith("-")):
        return items
    return [CompletionItem(f"{option}={item.value}", item.type, item.help) for item in items]


def add_completion(group: click.Group) -> None:
    """Let the shell complete the arguments and options of all commands of `group`."""
    for name, shell in _SHELLS.items():
        add_completion_class(shell, name)
    for command in group.commands.values():
        for param in command.params:
            if param.name in _COMPLETED and isinstance(param.type, click.types.StringParamType):
                param.type = _COMPLETED[param.name]


def _jobs(context: click.Context) -> list[str]:
    """`last`, and the run ids of the newest jobs in the home that is given so far."""
    folder = user_path(context.params.get("home") or "mlruns") / "jobs"
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
