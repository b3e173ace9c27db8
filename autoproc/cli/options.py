"""The options that write the plan, and the plan they write.

An option's parameter name is its place in the plan (`protocol__folds` is `protocol: {folds: ...}`), from which its flag
follows, so that errors name what was typed. None of them has a default of its own, so that only what was given
overrides the plan file; the help shows the plan's defaults.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from autoproc.errors import PlanError
from autoproc.paths import possible_path

if TYPE_CHECKING:
    from autoproc.plan import Plan

Command = TypeVar("Command", bound=Callable[..., Any])
NO_LIMIT = "none"


def _split(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """`-t a,b -t c` as (a, b, c)."""
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


_NAMES: dict[str, Any] = {"multiple": True, "callback": _split}


def _split_costs(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str] | None:
    """`false_negative=20,false_positive=1` as a mapping; its keys and numbers are checked with the plan."""
    costs: dict[str, str] = {}
    for name in _split(context, option, values):
        key, equals, number = (part.strip() for part in name.partition("="))
        if not (key and equals and number) or key in costs:
            raise PlanError(
                f"--cost takes each of false_negative and false_positive once, as in --cost "
                f"false_negative=20,false_positive=1, but there is {name!r}."
            )
        costs[key] = number
    return costs or None


METRIC_HELP = (
    "What success means; of several the first decides and the others are recorded. Binary: roc_auc, "
    "average_precision, accuracy, balanced_accuracy, f1, mcc, log_loss, brier. Multiclass: roc_auc, accuracy, "
    "balanced_accuracy, macro_f1, weighted_f1, mcc, log_loss. (Vector) regression: rmse, mae, medae, mape, r2.  "
    "[default: by task and balance]"
)

_DATA = click.argument("data", required=False)
_TARGET = click.option("-t", "--target", metavar="COL[,COL...]", help="Column(s) to predict; repeatable.", **_NAMES)
_MISSING = click.option(
    "--missing", metavar="TEXT[,...]", help="More spellings of a missing cell, such as '?'; repeatable.", **_NAMES
)
_HOLDOUT = click.option(
    "--holdout", metavar="FILE", help="Table of your own to seal; then all of DATA is for development."
)
_CONFIG = click.option("--config", metavar="PLAN.YAML", help="Plan file; options given beside it override it.")
plan_home_option = click.option("--home", metavar="DIR", help="Where jobs and receipts are kept.  [default: mlruns]")

_TABLE_OPTIONS = (
    _DATA,
    _TARGET,
    click.option(
        "--task",
        metavar="TASK",
        help="binary, multiclass, regression or vector_regression.  [default: from the target]",
    ),
    click.option("--metric", metavar="NAME[,NAME...]", help=METRIC_HELP, **_NAMES),
    click.option(
        "--cost",
        metavar="NAME=COST[,...]",
        multiple=True,
        callback=_split_costs,
        help="Costs of wrong decisions, false_negative=20,false_positive=1: the threshold with the lowest expected "
        "cost out of fold is taken (binary).  [default: none]",
    ),
    click.option("--positive", metavar="CLASS", help="Positive class of two.  [default: the rarer one]"),
    click.option("--ignore", metavar="COL[,COL...]", help="Columns to leave out; repeatable.", **_NAMES),
    _MISSING,
    click.option("--group", metavar="COL", help="Rows with one value here (a person, a query) are never split."),
    click.option("--time", metavar="COL", help="Seal the last rows by this column, and validate forward in time."),
    click.option(
        "--protocol",
        "protocol__kind",
        metavar="KIND",
        help="validation_split, k_fold or repeated_k_fold.  [default: by the number of rows]",
    ),
    click.option("--folds", "protocol__folds", type=int, metavar="K", help="Folds of K-fold.  [default: 5]"),
    click.option(
        "--repeats",
        "protocol__repeats",
        type=int,
        metavar="N",
        help="Repeats of K-fold.  [default: 2 for few rows, else 1]",
    ),
    click.option(
        "--reshuffle", "protocol__reshuffle", is_flag=True, default=None, help="Folds of its own for each trial."
    ),
    click.option("--holdout-share", type=float, metavar="SHARE", help="Share of the rows to seal.  [default: 0.2]"),
    _HOLDOUT,
    click.option("--strict", is_flag=True, default=None, help="Stop at any sign of a leak, in place of a warning."),
    click.option("--seed", type=int, metavar="N", help="Same seed, same splits and same trials.  [default: 0]"),
    _CONFIG,
)

# What the key of a holdout hangs on, and where its openings are.
_KEY_OPTIONS = (_DATA, _TARGET, _MISSING, _HOLDOUT, _CONFIG, plan_home_option)

_TUNE_OPTIONS = (
    click.option(
        "--space",
        metavar="NAME|FILE",
        help="Search space: one of `autoproc spaces`, or a YAML file. It takes the place of that of --config, with "
        "what each of them fixes.  [default: default]",
    ),
    click.option("--trials", type=int, metavar="N", help="Most trials that the search may take.  [default: 100]"),
    click.option(
        "--time-limit",
        metavar="TIME",
        help="Limit for the whole job, from start to exit, such as 90s, 3m or 1h30m; none: no limit. Training has a "
        "quarter of it even where all else takes longer than the rest.  [default: 5m]",
    ),
    click.option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.  [default: auto]"),
    click.option(
        "--memory-limit",
        metavar="SIZE",
        help="Most memory to take, such as 2GB: fewer networks train side by side, and a table that does not fit is "
        "refused.  [default: half of the machine's]",
    ),
    click.option(
        "--final",
        metavar="KIND",
        help="Exported model: ensemble (fold networks of several trials, averaged), folds (those of the winner), refit "
        "(one network, on all development rows) or refits (five of these, averaged).  [default: ensemble; with --time "
        "refit, with --reshuffle folds]",
    ),
    click.option(
        "--ship",
        metavar="ROWS",
        help="development: export the model that was scored; all-rows: train it again, unchanged, on the "
        "holdout's rows too, once it has been scored.  [default: development]",
    ),
    click.option("--force", is_flag=True, default=None, help="Go on when the baseline does not beat the dummy."),
    click.option("--reopen-holdout", metavar="REASON", help="Open again a holdout that an earlier job has opened."),
    plan_home_option,
    click.option("--tracking-uri", metavar="URI", help="MLflow server.  [default: a database in --home]"),
    click.option("--experiment", metavar="NAME", help="MLflow experiment.  [default: from data and target]"),
    click.option(
        "--register",
        "register_model",
        is_flag=True,
        default=None,
        help="Register the model in MLflow, as the experiment's champion unless the present one was scored on the "
        "same holdout and is not beaten beyond noise.  [default: only where it beats that one]",
    ),
)


def _possible(context: click.Context, option: click.Parameter, value: Any) -> Any:
    """A path (text, or a Path) that this machine can have, with `~` for a user's folder. Raises PlanError."""
    if value is None:
        return None
    called = option.opts[-1] if isinstance(option, click.Option) else option.make_metavar(context)
    return type(value)(possible_path(value, called))


home_option = click.option(
    "--home",
    default="mlruns",
    metavar="DIR",
    callback=_possible,
    help="Where jobs and receipts are kept.  [default: mlruns]",
)


def out_option(help_text: str) -> Callable[[Command], Command]:
    """The file that a command writes."""
    kind = click.Path(path_type=Path)
    return click.option("-o", "--out", type=kind, metavar="FILE", callback=_possible, help=help_text)


out_argument = click.argument("out", type=click.Path(path_type=Path), callback=_possible)


same_server_option = click.option(
    "--tracking-uri",
    metavar="URI",
    help="The same server by another address, or with a user and password.  [default: the job's]",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Write one JSON object to standard output.")


def table_options(command: Command) -> Command:
    """Add DATA and the options that say what is read, predicted and sealed."""
    return _add(command, _TABLE_OPTIONS)


def key_options(command: Command) -> Command:
    """Add DATA and those options alone that say which holdout is meant, and in which home."""
    return _add(command, _KEY_OPTIONS)


def tune_options(command: Command) -> Command:
    """Add the options of the search and of the record."""
    return _add(command, _TUNE_OPTIONS)


def plan_from(options: Mapping[str, Any]) -> "Plan":
    """The plan that the options, on top of their `config` file, ask for. A `space` takes the place of the file's with
    all that either fixes.

    Raises PlanError for a plan that is not valid, or names no table or no target.
    """
    from autoproc.plan import make_plan

    asked = overrides(options)
    plan = make_plan(options["config"], asked, flags(asked))
    if options["config"] and "space" in asked:
        from autoproc.space_file import change_space

        without = {key: value for key, value in asked.items() if key != "space"}
        plan = change_space(plan, make_plan(options["config"], without).space)
    if plan.data is None:
        raise PlanError(
            "No table was named. Name one: `autoproc tune DATA --target COLUMN`, or `data:` in the plan file."
        )
    if not plan.target:
        raise PlanError("No target was named. Name the column to predict with --target, or `target:` in the plan file.")
    return plan


def overrides(options: Mapping[str, Any]) -> dict[str, Any]:
    """The given options in the plan's shape.

    >>> overrides({"data": "my.csv", "protocol__folds": 3, "seed": None, "ignore": (), "config": None})
    {'data': 'my.csv', 'protocol': {'folds': 3}}
    """
    plan: dict[str, Any] = {}
    for place, value in options.items():
        if place == "config" or value is None or value == ():
            continue
        *sections, key = place.split("__")
        section = plan
        for name in sections:
            section = section.setdefault(name, {})
        section[key] = None if (key, value) == ("time_limit", NO_LIMIT) else value
    return plan


_FLAGS = {"protocol.kind": "--protocol", "register_model": "--register"}
"""Of the keys that have another name on the command line."""


def flags(asked: Mapping[str, Any], section: str = "") -> dict[str, str]:
    """What was typed for each given key of the plan, by its path.

    >>> flags({"holdout_share": 0.3, "protocol": {"kind": "k_fold", "folds": 3}, "cost": {"false_negative": "2"}})
    {'holdout_share': '--holdout-share', 'protocol.kind': '--protocol', 'protocol.folds': '--folds', \
'cost.false_negative': '--cost false_negative'}
    """
    typed: dict[str, str] = {}
    for key, value in asked.items():
        if isinstance(value, Mapping):
            typed |= flags(value, key)
        elif section == "cost":
            typed[f"{section}.{key}"] = f"--cost {key}"
        else:
            path = f"{section}.{key}" if section else key
            typed[path] = _FLAGS.get(path) or f"--{key.replace('_', '-')}"
    return typed


def _add(command: Command, options: tuple[Callable[[Command], Command], ...]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
