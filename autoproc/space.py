"""Search spaces: YAML with the plan's own shape, its leaves loosened.

`Space.sample` turns suggestions into a configuration; `Space.encode` says which suggestions give a known
configuration, so that it can be tried first. Nothing here knows who makes the suggestions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Protocol

import yaml

from autoproc.errors import PlanError, did_you_mean
from autoproc.spec import SCHEDULERS, Candidate, NetworkSpec, Scheduler, TrainSpec, make_scheduler

Value = str | int | float | bool
_TRAIN_KEYS = ("batch_size", "optimizer", "learning_rate", "dropout", "l1", "weight_decay", "scheduler")


class Suggest(Protocol):
    """Where values come from: one call a parameter, by name."""

    def number(self, name: str, low: float, high: float, *, log: bool) -> float: ...

    def integer(self, name: str, low: int, high: int) -> int: ...

    def choice(self, name: str, options: Sequence[Value]) -> Value: ...


class Leaf(Protocol):
    """A loosened value: `encode` names the suggestions that make `sample` return `value` (or the value of
    the leaf nearest to it)."""

    def sample(self, name: str, suggest: Suggest) -> Any: ...

    def encode(self, name: str, value: Any) -> dict[str, Value]: ...


@dataclass(frozen=True)
class Fixed:
    """A value that is not searched."""

    value: Any

    def sample(self, name: str, suggest: Suggest) -> Any:
        return self.value

    def encode(self, name: str, value: Any) -> dict[str, Value]:
        return {}


@dataclass(frozen=True)
class Number:
    """A number from low to high, uniform or log-uniform."""

    low: float
    high: float
    log: bool

    def sample(self, name: str, suggest: Suggest) -> float:
        return suggest.number(name, self.low, self.high, log=self.log)

    def encode(self, name: str, value: Any) -> dict[str, Value]:
        return {name: min(max(float(value), self.low), self.high)}


@dataclass(frozen=True)
class Integer:
    """An integer from low to high, both included."""

    low: int
    high: int

    def sample(self, name: str, suggest: Suggest) -> int:
        return suggest.integer(name, self.low, self.high)

    def encode(self, name: str, value: Any) -> dict[str, Value]:
        return {name: min(max(int(value), self.low), self.high)}


@dataclass(frozen=True)
class Choice:
    """One of the options. A value that is none of them is encoded as the first."""

    options: tuple[Value, ...]

    def sample(self, name: str, suggest: Suggest) -> Value:
        return suggest.choice(name, self.options)

    def encode(self, name: str, value: Any) -> dict[str, Value]:
        return {name: value if value in self.options else self.options[0]}


@dataclass(frozen=True)
class OffOr:
    """Zero, or a value of the inner leaf."""

    inner: Number

    def sample(self, name: str, suggest: Suggest) -> float:
        return self.inner.sample(name, suggest) if suggest.choice(f"{name}.on", (False, True)) else 0.0

    def encode(self, name: str, value: Any) -> dict[str, Value]:
        return {f"{name}.on": True, **self.inner.encode(name, value)} if value else {f"{name}.on": False}


@dataclass(frozen=True)
class Rising:
    """`count` epochs that rise, between low and high."""

    count: int
    low: int
    high: int

    def sample(self, name: str, suggest: Suggest) -> tuple[int, ...]:
        return tuple(sorted(suggest.integer(f"{name}.{i}", self.low, self.high) for i in range(self.count)))

    def encode(self, name: str, value: Any) -> dict[str, Value]:
        spread = [value[min(i, len(value) - 1)] for i in range(self.count)]
        return {f"{name}.{i}": min(max(epoch, self.low), self.high) for i, epoch in enumerate(spread)}


@dataclass(frozen=True)
class OneOf:
    """One of several schedulers, each with leaves for its parameters."""

    options: Mapping[str, Mapping[str, Leaf]]

    def sample(self, name: str, suggest: Suggest) -> Scheduler:
        kind = str(suggest.choice(name, tuple(self.options)))
        leaves = self.options[kind]
        return make_scheduler(kind, **{key: leaf.sample(f"{kind}.{key}", suggest) for key, leaf in leaves.items()})

    def encode(self, name: str, value: Scheduler) -> dict[str, Value]:
        if value.kind not in self.options:
            return {name: next(iter(self.options))}
        inner = [leaf.encode(f"{value.kind}.{key}", getattr(value, key)) for key, leaf in self.options[value.kind].items()]
        return {name: value.kind} | {key: encoded for part in inner for key, encoded in part.items()}


@dataclass(frozen=True)
class Space:
    """What the search may change: the rung, relative to the one that growth chose, and training leaves."""

    name: str
    rung: Leaf
    train: Mapping[str, Leaf]

    def sample(self, suggest: Suggest, default: TrainSpec, ladder: Sequence[NetworkSpec], chosen: int) -> Candidate:
        """A configuration: suggested leaves on top of `default`, at a rung near `ladder[chosen]`."""
        rung = min(max(chosen + int(self.rung.sample("rung", suggest)), 0), len(ladder) - 1)
        values = {key: leaf.sample(key, suggest) for key, leaf in self.train.items()}
        return Candidate(ladder[rung], replace(default, **values))

    def encode(self, train: TrainSpec) -> dict[str, Value]:
        """Suggestions that give `train`, at the chosen rung; what the space cannot express is met as
        nearly as it can."""
        encoded = [self.rung.encode("rung", 0), *(leaf.encode(key, getattr(train, key)) for key, leaf in self.train.items())]
        return {key: value for part in encoded for key, value in part.items()}


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
    shipped = shipped_spaces()
    if name_or_path in shipped:
        return parse_space(name_or_path, shipped[name_or_path])
    path = Path(name_or_path)
    if not path.is_file():
        raise PlanError(
            f"There is no search space {name_or_path!r}: it must be one of {', '.join(shipped)} or the path of a"
            f" YAML file.{did_you_mean(name_or_path, shipped)}"
        )
    try:
        return parse_space(path.stem, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"The search space {path} cannot be read: {error}.") from None


def parse_space(name: str, text: str) -> Space:
    """The space written in YAML `text`, checked down to its leaves' ranges. Raises PlanError."""
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PlanError(f"The search space {name!r} is not valid YAML: {' '.join(str(error).split())}") from None
    sections = _mapping(tree, f"the search space {name!r}", ("network", "train"))
    network = _mapping(sections.get("network") or {}, "network", ("rung",))
    train = _mapping(sections.get("train") or {}, "train", _TRAIN_KEYS)
    space = Space(
        name,
        _leaf(network.get("rung", 0), "network.rung"),
        {key: _leaf(train[key], f"train.{key}") for key in _TRAIN_KEYS if key in train},
    )
    _try_corners(space)
    return space


class _Corner:
    """Suggests the lowest or highest values, and the n-th option of every choice."""

    def __init__(self, highest: bool, option: int) -> None:
        self._highest, self._option = highest, option

    def number(self, name: str, low: float, high: float, *, log: bool) -> float:
        return high if self._highest else low

    def integer(self, name: str, low: int, high: int) -> int:
        return high if self._highest else low

    def choice(self, name: str, options: Sequence[Value]) -> Value:
        return options[self._option % len(options)]


def _try_corners(space: Space) -> None:
    """Every option at both ends of every range must be a valid configuration."""
    for option in range(max(12, len(SCHEDULERS))):
        for highest in (False, True):
            try:
                space.sample(_Corner(highest, option), TrainSpec(), [NetworkSpec(1, 1)], 0)
            except (PlanError, TypeError, ValueError) as error:
                raise PlanError(f"The search space {space.name!r} holds an impossible configuration: {error}") from None


def _mapping(node: object, what: str, known: Sequence[str]) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise PlanError(f"In a search space {what} must be a mapping with keys {', '.join(known)}, but is {node!r}.")
    for key in node:
        if key not in known:
            raise PlanError(
                f"In a search space {what} has no key {key!r}; there are {', '.join(known)}.{did_you_mean(str(key), known)}"
            )
    return node


def _leaf(node: object, where: str) -> Leaf:
    """The leaf that `node` describes."""
    if not isinstance(node, dict):
        return Fixed(make_scheduler(node) if where == "train.scheduler" and isinstance(node, str) else node)
    if len(node) != 1:
        raise PlanError(f"The leaf {where} must have exactly one of the keys {', '.join(_LEAVES)}, but is {node!r}.")
    [(kind, argument)] = node.items()
    if kind not in _LEAVES:
        raise PlanError(
            f"The leaf {where} is of the unknown kind {kind!r}; there are {', '.join(_LEAVES)}."
            f"{did_you_mean(str(kind), _LEAVES)}"
        )
    return _LEAVES[kind](argument, where)


def _range(argument: object, where: str, kind: type[int] | type[float]) -> tuple[Any, Any]:
    fits = (int,) if kind is int else (int, float)
    pair = argument if isinstance(argument, list) else []
    if len(pair) != 2 or any(isinstance(end, bool) or not isinstance(end, fits) for end in pair) or pair[0] > pair[1]:
        hint = " (write 1.0e-5, not 1e-5: YAML reads the latter as text)" if any(isinstance(p, str) for p in pair) else ""
        raise PlanError(f"The leaf {where} must be [low, high] in numbers of type {kind.__name__}, but is {argument!r}{hint}.")
    return kind(pair[0]), kind(pair[1])


def _uniform(argument: object, where: str) -> Number:
    return Number(*_range(argument, where, float), log=False)


def _log(argument: object, where: str) -> Number:
    low, high = _range(argument, where, float)
    if low <= 0:
        raise PlanError(f"The leaf {where} is log-uniform and must start above 0, but starts at {low}.")
    return Number(low, high, log=True)


def _integer(argument: object, where: str) -> Integer:
    return Integer(*_range(argument, where, int))


def _choice(argument: object, where: str) -> Choice:
    if not isinstance(argument, list) or not argument or any(isinstance(option, list | dict) for option in argument):
        raise PlanError(f"The leaf {where} must list at least one plain option, but is {argument!r}.")
    return Choice(tuple(argument))


def _off_or(argument: object, where: str) -> OffOr:
    inner = _leaf(argument, where)
    if not isinstance(inner, Number):
        raise PlanError(f"The leaf {where} must loosen off_or by uniform or log, but holds {argument!r}.")
    return OffOr(inner)


def _rising(argument: object, where: str) -> Rising:
    values = _mapping(argument, where, ("count", "between"))
    count = values.get("count")
    if not isinstance(count, int) or not 1 <= count <= 10:
        raise PlanError(f"The leaf {where} needs a count from 1 to 10, but has {count!r}.")
    return Rising(count, *_range(values.get("between"), where, int))


def _one_of(argument: object, where: str) -> OneOf:
    if where != "train.scheduler":
        raise PlanError(f"The leaf {where} cannot be one_of: only the scheduler has named options; use choice.")
    options = _mapping(argument, where, tuple(SCHEDULERS))
    if not options:
        raise PlanError(f"The leaf {where} needs at least one of {', '.join(SCHEDULERS)}.")
    return OneOf({kind: _scheduler_leaves(kind, node or {}, f"{where}.{kind}") for kind, node in options.items()})


def _scheduler_leaves(kind: str, node: object, where: str) -> dict[str, Leaf]:
    names = tuple(f.name for f in fields(SCHEDULERS[kind]))
    leaves = _mapping(node, where, names)
    if set(leaves) != set(names):
        raise PlanError(f"The scheduler {kind} takes {', '.join(names) or 'no parameters'}, but got {', '.join(leaves)}.")
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
