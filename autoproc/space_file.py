"""Search spaces as files: the shipped ones by name, others by path, and the YAML in them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from autoproc.errors import PlanError, did_you_mean, did_you_mean_file, shown
from autoproc.paths import possible_path
from autoproc.plan import Plan, make_plan
from autoproc.space import Choice, Fixed, Integer, Leaf, Number, OffOr, OneOf, Rising, Space
from autoproc.spec import SCHEDULERS, Scheduler, TrainSpec, make_scheduler
from autoproc.yaml_file import parse_yaml, read_yaml_text

_TRAIN_KEYS = (
    "batch_size", "optimizer", "learning_rate", "factor_rate", "dropout", "l1", "weight_decay", "averaging",
    "class_weights", "scheduler",
)  # fmt: skip
_MOST_MILESTONES = 10


def shipped_spaces() -> dict[str, str]:
    """Name and YAML text of the spaces that come with autoproc."""
    folder = _shipped_folder()
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".yaml")), key=lambda entry: entry.name)
    return {entry.name.removesuffix(".yaml"): entry.read_text(encoding="utf-8") for entry in files}


def _shipped_folder() -> Traversable:
    """In a wheel the spaces lie inside the package, in a checkout beside it."""
    inside = resources.files("autoproc") / "search_spaces"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "search_spaces"


def load_space(name_or_path: str) -> Space:
    """A shipped space by name, or the space in a YAML file.

    Raises PlanError for an unknown name (with a suggestion), an unreadable file or an invalid space.
    """
    text = space_text(name_or_path)
    return parse_space(name_or_path if name_or_path in shipped_spaces() else Path(name_or_path).stem, text)


def change_space(plan: Plan, old: str) -> Plan:
    """A plan that was made for the `old` space, for the one that it names now: a plan that a job has saved says all
    that its space has fixed, which is not meant for another one. Raises PlanError as `load_space` does."""
    if plan.space == old:
        return plan
    try:
        others = load_space(old)
    except PlanError:  # it has moved, and nobody knows any more what it fixed
        others = Space(old, Fixed(0), {})
    return load_space(plan.space).take_over(plan, others)


def space_text(name_or_path: str) -> str:
    """The YAML text of a space. Raises PlanError for an unknown name (with a suggestion) or an unreadable file."""
    shipped = shipped_spaces()
    if name_or_path in shipped:
        return shipped[name_or_path]
    path = possible_path(name_or_path, "A search space")
    if not path.is_file():
        raise PlanError(
            f"There is no search space {name_or_path!r}: it must be one of {', '.join(shipped)} or the path of a"
            f" YAML file.{did_you_mean(name_or_path, shipped) or did_you_mean_file(path)}"
        )
    return read_yaml_text(path, f"The search space {path}")


def parse_space(name: str, text: str) -> Space:
    """The space written in YAML `text`, checked down to its leaves' ranges. Raises PlanError."""
    tree = parse_yaml(text, f"The search space {name!r}")
    try:
        return replace(_space(name, tree), text=text)
    except PlanError as error:
        raise PlanError(f"The search space {name!r} cannot be used. {error}") from None


def _space(name: str, tree: object) -> Space:
    sections = _mapping(tree, "The file", ("inputs", "network", "train"))
    network = _mapping(sections.get("network") or {}, "The section network", ("rung", "at_least"))
    train = _mapping(sections.get("train") or {}, "The section train", _TRAIN_KEYS)
    space = Space(
        name,
        _leaf(network.get("rung", 0), "network.rung"),
        {key: _leaf(train[key], f"train.{key}") for key in _TRAIN_KEYS if key in train},
        make_plan(overrides={"inputs": sections.get("inputs") or {}}).inputs,
        _capacity(network["at_least"]) if "at_least" in network else None,
    )
    _try_extremes(space.train)
    make_plan(overrides={"train": space.fixed["train"]})  # what it fixes is the plan's, too
    return space


def _capacity(node: object) -> tuple[int, int]:
    """A depth and a width."""
    if not isinstance(node, list) or len(node) != 2 or not all(type(size) is int and size >= 1 for size in node):
        raise PlanError(f"network.at_least must be a depth and a width, such as [2, 128], but is {shown(node)}.")
    depth, width = node
    return depth, width


def _try_extremes(train: Mapping[str, Leaf]) -> None:
    """A configuration must be valid at both ends of every range and with every option."""
    for key, leaf in train.items():
        for value in leaf.extremes():
            replace(TrainSpec(), **{key: value})


def _mapping(node: object, what: str, known: Sequence[str]) -> dict[str, Any]:
    keys = f"the keys {', '.join(known)}" if known else "no keys"
    if not isinstance(node, dict):
        raise PlanError(f"{what} must be a mapping with {keys}, but is {shown(node)}.")
    for key in node:
        if key not in known:
            raise PlanError(f"{what} must be a mapping with {keys}, but has {key!r}.{did_you_mean(str(key), known)}")
    return node


def _leaf(node: object, where: str) -> Leaf:
    """The leaf that `node` describes, whose values are of the type that belongs at `where`."""
    leaf = _loosened(node, where) if isinstance(node, dict) else _fixed(node, where)
    key = where.rpartition(".")[2]
    for value in leaf.extremes():
        fits, rule = _RULES.get(key, _NUMBERS)
        if not fits(value):
            raise PlanError(f"The leaf {where} must hold {rule}, but can be {shown(value)}{_text_hint(value)}.")
    return leaf


def _fixed(node: object, where: str) -> Fixed:
    if where == "train.scheduler" and isinstance(node, str):
        return Fixed(make_scheduler(node))
    return Fixed(tuple(node) if isinstance(node, list) else node)


def _loosened(node: dict[Any, Any], where: str) -> Leaf:
    if len(node) != 1:
        raise PlanError(
            f"The leaf {where} must have exactly one of the keys {', '.join(_LEAVES)}, but is {shown(node)}."
        )
    [(kind, argument)] = node.items()
    if kind not in _LEAVES:
        raise PlanError(
            f"The leaf {where} is of the unknown kind {kind!r}; there are {', '.join(_LEAVES)}."
            f"{did_you_mean(str(kind), _LEAVES)}"
        )
    return _LEAVES[kind](argument, where)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def _text_hint(value: object) -> str:
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return ""
    return "" if math.isnan(number) else " (write 1.0e-5, not 1e-5 or '1e-5': YAML reads these as text)"


# What belongs at a leaf, by the last part of its place, and how an error says it.
_NUMBERS: tuple[Callable[[object], bool], str] = (_is_number, "finite numbers")
_WHOLE: tuple[Callable[[object], bool], str] = (_is_whole, "whole numbers")
_RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "rung": _WHOLE,
    "batch_size": _WHOLE,
    "step_size": _WHOLE,
    "patience": _WHOLE,
    "milestones": (lambda value: isinstance(value, tuple) and all(map(_is_whole, value)), "lists of epochs"),
    "optimizer": (lambda value: isinstance(value, str), "names"),
    "scheduler": (lambda value: isinstance(value, Scheduler), "schedulers, as one_of or by name"),
}


def _range(argument: object, where: str, fits: Callable[[object], bool]) -> tuple[Any, Any]:
    """The two ends of a range of numbers of which each `fits`."""
    pair = argument if isinstance(argument, list) else []
    if len(pair) != 2 or not all(map(fits, pair)) or pair[0] > pair[1]:
        rule = "whole" if fits is _is_whole else "finite"
        hint = next(filter(None, map(_text_hint, pair)), "")
        raise PlanError(
            f"The leaf {where} must be a range [low, high] of {rule} numbers, but is {shown(argument)}{hint}."
        )
    return pair[0], pair[1]


def _uniform(argument: object, where: str) -> Number:
    low, high = _range(argument, where, _is_number)
    return Number(float(low), float(high), log=False)


def _log(argument: object, where: str) -> Number:
    low, high = _range(argument, where, _is_number)
    if low <= 0:
        raise PlanError(f"The leaf {where} is log-uniform and must start above 0, but starts at {low}.")
    return Number(float(low), float(high), log=True)


def _integer(argument: object, where: str) -> Integer:
    return Integer(*_range(argument, where, _is_whole))


def _choice(argument: object, where: str) -> Choice:
    if not isinstance(argument, list) or not argument or any(isinstance(option, list | dict) for option in argument):
        raise PlanError(f"The leaf {where} must list at least one plain option, but is {shown(argument)}.")
    return Choice(tuple(argument))


def _off_or(argument: object, where: str) -> OffOr:
    inner = _leaf(argument, where)
    if not isinstance(inner, Number):
        raise PlanError(f"The leaf {where} must loosen off_or by uniform or log, but holds {shown(argument)}.")
    return OffOr(inner)


def _rising(argument: object, where: str) -> Rising:
    values = _mapping(argument, f"The leaf {where}", ("count", "between"))
    count = values.get("count")
    if not isinstance(count, int) or not 1 <= count <= _MOST_MILESTONES:
        raise PlanError(f"The leaf {where} needs a count from 1 to {_MOST_MILESTONES}, but has {shown(count)}.")
    return Rising(count, *_range(values.get("between"), where, _is_whole))


def _one_of(argument: object, where: str) -> OneOf:
    if where != "train.scheduler":
        raise PlanError(f"The leaf {where} cannot be one_of: only the scheduler has named options; use choice.")
    options = _mapping(argument, f"The leaf {where}", tuple(SCHEDULERS))
    if not options:
        raise PlanError(f"The leaf {where} needs at least one of {', '.join(SCHEDULERS)}.")
    return OneOf({kind: _scheduler_leaves(kind, node or {}, f"{where}.{kind}") for kind, node in options.items()})


def _scheduler_leaves(kind: str, node: object, where: str) -> dict[str, Leaf]:
    names = tuple(f.name for f in fields(SCHEDULERS[kind]))
    leaves = _mapping(node, f"The scheduler {kind}", names)
    if set(leaves) != set(names):
        got = ", ".join(leaves) or "nothing"
        raise PlanError(f"The scheduler {kind} takes {' and '.join(names)}, but got {got}.")
    return {name: _leaf(leaves[name], f"{where}.{name}") for name in names}


_LEAVES: dict[str, Callable[[object, str], Leaf]] = {
    "uniform": _uniform,
    "log": _log,
    "int": _integer,
    "choice": _choice,
    "off_or": _off_or,
    "one_of": _one_of,
    "rising": _rising,
}
