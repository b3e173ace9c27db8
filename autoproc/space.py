"""Search spaces: the plan's own shape, its leaves loosened. `space_file` reads them from YAML.

`Space.sample` turns suggestions into a configuration; `Space.encode` says which suggestions give a known
configuration, so that it can be tried first. Nothing here knows who makes the suggestions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Protocol

from autoproc.plan import InputsPlan, Plan, TrainPlan
from autoproc.spec import Candidate, NetworkSpec, Scheduler, TrainSpec, make_scheduler

Value = str | int | float | bool


class Suggest(Protocol):
    """Where values come from: one call a parameter, by name."""

    def number(self, name: str, low: float, high: float, *, log: bool) -> float: ...

    def integer(self, name: str, low: int, high: int) -> int: ...

    def choice(self, name: str, options: Sequence[Value]) -> Value: ...


class Leaf(Protocol):
    """A loosened value.

    `encode` names the suggestions that make `sample` return `value` (or the value of the leaf nearest to it);
    `extremes` are values of the leaf such that all of its values are valid if these are.
    """

    def sample(self, name: str, suggest: Suggest) -> Any: ...

    def encode(self, name: str, value: Any) -> dict[str, Value]: ...

    def extremes(self) -> tuple[Any, ...]: ...


@dataclass(frozen=True)
class Fixed:
    """A value that is not searched."""

    value: Any

    def sample(self, name: str, suggest: Suggest) -> Any:
        return self.value

    def encode(self, name: str, value: Any) -> dict[str, Value]:
        return {}

    def extremes(self) -> tuple[Any, ...]:
        return (self.value,)


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

    def extremes(self) -> tuple[float, ...]:
        return (self.low, self.high)


@dataclass(frozen=True)
class Integer:
    """An integer from low to high, both included."""

    low: int
    high: int

    def sample(self, name: str, suggest: Suggest) -> int:
        return suggest.integer(name, self.low, self.high)

    def encode(self, name: str, value: Any) -> dict[str, Value]:
        return {name: min(max(int(value), self.low), self.high)}

    def extremes(self) -> tuple[int, ...]:
        return (self.low, self.high)


@dataclass(frozen=True)
class Choice:
    """One of the options. A value that is none of them is encoded as the first."""

    options: tuple[Value, ...]

    def sample(self, name: str, suggest: Suggest) -> Value:
        return suggest.choice(name, self.options)

    def encode(self, name: str, value: Any) -> dict[str, Value]:
        return {name: value if value in self.options else self.options[0]}

    def extremes(self) -> tuple[Value, ...]:
        return self.options


@dataclass(frozen=True)
class OffOr:
    """Zero, or a value of the inner leaf."""

    inner: Number

    def sample(self, name: str, suggest: Suggest) -> float:
        return self.inner.sample(name, suggest) if suggest.choice(f"{name}.on", (False, True)) else 0.0

    def encode(self, name: str, value: Any) -> dict[str, Value]:
        return {f"{name}.on": True, **self.inner.encode(name, value)} if value else {f"{name}.on": False}

    def extremes(self) -> tuple[float, ...]:
        return (0.0, *self.inner.extremes())


@dataclass(frozen=True)
class Rising:
    """Up to `count` epochs that rise, between low and high: those that coincide are one."""

    count: int
    low: int
    high: int

    def sample(self, name: str, suggest: Suggest) -> tuple[int, ...]:
        return tuple(sorted({suggest.integer(f"{name}.{i}", self.low, self.high) for i in range(self.count)}))

    def encode(self, name: str, value: Any) -> dict[str, Value]:
        spread = [value[min(i, len(value) - 1)] for i in range(self.count)]
        return {f"{name}.{i}": min(max(epoch, self.low), self.high) for i, epoch in enumerate(spread)}

    def extremes(self) -> tuple[tuple[int, ...], ...]:
        return ((self.low,), (self.high,))


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
        leaves = self.options[value.kind]
        encoded = [leaf.encode(f"{value.kind}.{key}", getattr(value, key)) for key, leaf in leaves.items()]
        return {name: value.kind} | {key: suggestion for part in encoded for key, suggestion in part.items()}

    def extremes(self) -> tuple[Scheduler, ...]:
        return tuple(
            make_scheduler(kind, **dict(zip(leaves, values, strict=True)))
            for kind, leaves in self.options.items()
            for values in product(*(leaf.extremes() for leaf in leaves.values()))
        )


@dataclass(frozen=True)
class Space:
    """What the search may change: the rung, relative to its centre, and training leaves. The centre is the rung that
    growth chose, or a larger one where a depth and width of `at_least` so much are asked for. How networks read their
    `inputs`, and what a leaf of the training fixes, holds for the whole job."""

    name: str
    rung: Leaf
    train: Mapping[str, Leaf]
    inputs: InputsPlan = field(default_factory=InputsPlan)
    at_least: tuple[int, int] | None = None
    text: str = field(default="", compare=False)
    """The YAML that it was read from."""

    def complete(self, plan: Plan) -> Plan:
        """The plan with what the space says of inputs, and fixes of training, where it says nothing itself."""
        asked = _said(plan)
        return _saying(plan, {section: {**fixed, **asked[section]} for section, fixed in self.fixed.items()})

    def take_over(self, plan: Plan, other: "Space") -> Plan:
        """A plan that was made for the `other` space, for this one: what the plan has from that one is gone, and what
        this one fixes goes before what is left."""
        asked, gone = _said(plan), other.fixed
        left = {
            name: {k: v for k, v in keys.items() if (k, v) not in gone[name].items()} for name, keys in asked.items()
        }
        return _saying(plan, {section: {**left[section], **fixed} for section, fixed in self.fixed.items()})

    def fitting(self, plan: Plan, minds_classes: bool) -> "Space":
        """The space without what does nothing under the completed `plan`, or for a metric that does not mind rare
        classes."""
        used = {"factor_rate": plan.inputs.scale, "class_weights": minds_classes}
        return replace(self, train={key: leaf for key, leaf in self.train.items() if used.get(key, True)})

    @property
    def fixed(self) -> dict[str, dict[str, Any]]:
        """What holds for the whole job, as the plan's sections have it."""
        leaves = {key: leaf.value for key, leaf in self.train.items() if isinstance(leaf, Fixed) and key != "scheduler"}
        return {"inputs": self.inputs.model_dump(exclude_unset=True), "train": leaves}

    @property
    def searched(self) -> tuple[str, ...]:
        """Names of the parameters, as those of a `Candidate`, that trials differ in and all of them have."""
        network = () if isinstance(self.rung, Fixed) else ("depth", "width")
        return (*network, *(name for name, leaf in self.train.items() if not isinstance(leaf, Fixed)))

    @property
    def conditional(self) -> tuple[str, ...]:
        """Names of the parameters that only trials with some of the schedulers have and differ in."""
        options = [leaf.options for leaf in self.train.values() if isinstance(leaf, OneOf)]
        leaves = [leaf for option in options for parameters in option.values() for leaf in parameters.items()]
        return tuple(dict.fromkeys(f"scheduler.{name}" for name, leaf in leaves if not isinstance(leaf, Fixed)))

    def centre(self, ladder: Sequence[NetworkSpec], chosen: int) -> int:
        """Number of the rung that the search is about, given the one that growth chose; the last, if none is large
        enough."""
        depth, width = self.at_least or (0, 0)
        large = (n for n, rung in enumerate(ladder) if n >= chosen and rung.depth >= depth and rung.width >= width)
        return next(large, len(ladder) - 1)

    def sample(self, suggest: Suggest, default: TrainSpec, ladder: Sequence[NetworkSpec], centre: int) -> Candidate:
        """A configuration: suggested leaves on top of `default`, at a rung near `ladder[centre]`."""
        rung = min(max(centre + int(self.rung.sample("rung", suggest)), 0), len(ladder) - 1)
        values = {key: leaf.sample(key, suggest) for key, leaf in self.train.items()}
        return Candidate(ladder[rung], replace(default, **values))

    def encode(self, train: TrainSpec, rung: int = 0) -> dict[str, Value]:
        """Suggestions that give `train`, so many rungs above the centre; what the space cannot express is met as nearly
        as it can."""
        leaves = [leaf.encode(key, getattr(train, key)) for key, leaf in self.train.items()]
        return {key: value for part in [self.rung.encode("rung", rung), *leaves] for key, value in part.items()}


def _said(plan: Plan) -> dict[str, dict[str, Any]]:
    """What a plan says itself, of what a space may fix."""
    return {name: getattr(plan, name).model_dump(exclude_unset=True) for name in ("inputs", "train")}


def _saying(plan: Plan, said: Mapping[str, Mapping[str, Any]]) -> Plan:
    """The plan with other words."""
    return plan.model_copy(update={"inputs": InputsPlan(**said["inputs"]), "train": TrainPlan(**said["train"])})
