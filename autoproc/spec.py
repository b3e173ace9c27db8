"""What a network is and how it is trained: frozen values, without torch.

A `Candidate` is one configuration: a `NetworkSpec`, which fixes the shapes of the tensors, and a
`TrainSpec`, whose values may differ between the members of one stack.
"""

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

from autoproc.errors import PlanError, did_you_mean

Optimizer = Literal["adam", "adamw", "rmsprop", "sgd"]
OPTIMIZERS: tuple[Optimizer, ...] = ("adam", "adamw", "rmsprop", "sgd")


def _require(holds: bool, what: str, rule: str, got: object) -> None:
    if not holds:
        raise PlanError(f"{what} must be {rule}, but is {got!r}.")


@dataclass(frozen=True)
class NoScheduler:
    """The learning rate stays as it is."""

    kind: ClassVar[str] = "none"


@dataclass(frozen=True)
class StepLR:
    """`torch.optim.lr_scheduler.StepLR`: times `gamma` every `step_size` epochs."""

    kind: ClassVar[str] = "StepLR"
    step_size: int
    gamma: float

    def __post_init__(self) -> None:
        _require(self.step_size >= 1, "StepLR's step_size", "at least 1", self.step_size)
        _require(0 < self.gamma <= 1, "StepLR's gamma", "in (0, 1]", self.gamma)


@dataclass(frozen=True)
class MultiStepLR:
    """`torch.optim.lr_scheduler.MultiStepLR`: times `gamma` after each of the `milestones` (epochs)."""

    kind: ClassVar[str] = "MultiStepLR"
    milestones: tuple[int, ...]
    gamma: float

    def __post_init__(self) -> None:
        rises = all(a <= b for a, b in zip(self.milestones, self.milestones[1:], strict=False))
        positive = bool(self.milestones) and self.milestones[0] >= 1
        _require(rises and positive, "MultiStepLR's milestones", "rising epochs from 1 on", self.milestones)
        _require(0 < self.gamma <= 1, "MultiStepLR's gamma", "in (0, 1]", self.gamma)


@dataclass(frozen=True)
class ExponentialLR:
    """`torch.optim.lr_scheduler.ExponentialLR`: times `gamma` every epoch."""

    kind: ClassVar[str] = "ExponentialLR"
    gamma: float

    def __post_init__(self) -> None:
        _require(0 < self.gamma <= 1, "ExponentialLR's gamma", "in (0, 1]", self.gamma)


@dataclass(frozen=True)
class ReduceLROnPlateau:
    """`torch.optim.lr_scheduler.ReduceLROnPlateau`: times `factor` after `patience` epochs without gain."""

    kind: ClassVar[str] = "ReduceLROnPlateau"
    factor: float
    patience: int

    def __post_init__(self) -> None:
        _require(0 < self.factor < 1, "ReduceLROnPlateau's factor", "in (0, 1)", self.factor)
        _require(self.patience >= 0, "ReduceLROnPlateau's patience", "at least 0", self.patience)


@dataclass(frozen=True)
class Replay:
    """The rate of each epoch as another training had it (the last one goes on): for a refit, which has no
    validation rows that a scheduler could watch."""

    kind: ClassVar[str] = "replay"
    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        _require(
            bool(self.rates) and min(self.rates) >= 0, "a replay's rates", "at least one, none negative", self.rates
        )


Scheduler = NoScheduler | StepLR | MultiStepLR | ExponentialLR | ReduceLROnPlateau | Replay
SCHEDULERS: dict[str, type[Scheduler]] = {
    cls.kind: cls for cls in (NoScheduler, StepLR, MultiStepLR, ExponentialLR, ReduceLROnPlateau)
}


def make_scheduler(kind: str, **parameters: Any) -> Scheduler:
    """The scheduler named `kind` with its parameters.

    Raises PlanError for an unknown kind, an unknown or missing parameter, or a value out of range.
    """
    if kind not in SCHEDULERS:
        raise PlanError(
            f"Unknown scheduler {kind!r}; there are {', '.join(SCHEDULERS)}.{did_you_mean(kind, SCHEDULERS)}"
        )
    cls = SCHEDULERS[kind]
    names = {f.name for f in fields(cls)}
    if set(parameters) != names:
        raise PlanError(f"{kind} takes {sorted(names) or 'no parameters'}, but got {sorted(parameters)}.")
    if "milestones" in parameters:
        parameters["milestones"] = tuple(parameters["milestones"])
    return cls(**parameters)


@dataclass(frozen=True)
class NetworkSpec:
    """Capacity of a network: `depth` hidden layers of `width` units each; with `input_scale` each input has a learned
    factor before the first of them (Holzmueller et al. 2024, RealMLP)."""

    depth: int
    width: int
    input_scale: bool = False

    def __post_init__(self) -> None:
        _require(self.depth >= 1, "depth", "at least 1", self.depth)
        _require(self.width >= 1, "width", "at least 1", self.width)

    def __str__(self) -> str:
        return f"{self.depth} x {self.width}"

    def n_weights(self, n_inputs: int, n_outputs: int) -> int:
        """Weights between so many inputs and outputs.

        >>> NetworkSpec(2, 32).n_weights(10, 1)
        1376
        """
        return self.width * (n_inputs + (self.depth - 1) * self.width + n_outputs)


@dataclass(frozen=True)
class TrainSpec:
    """How one network is trained.

    `weight_decay` is the L2 penalty as torch's optimisers understand it (decoupled in AdamW, added to the gradient by
    the others; `sgd` has a momentum of 0.9); `l1` is the strength of the absolute penalty. Both act on weights, never
    on biases or embeddings. With `averaging` the network that is scored and kept has a running average of the
    parameters, over about that share of the steps so far, the latest ones (polynomial-decay averaging, Shamir & Zhang
    2013); 0 keeps the parameters as they are. The inputs' factors, where the network has them, learn at `factor_rate`
    times the learning rate (Holzmueller et al. 2024, RealMLP). With `class_weights` rows weigh in the loss by how rare
    their class is (`autoproc.data.class_weights`): 0 by nothing, 1 so that all classes count as much; None is no
    different from 0, where the metric does not mind classes. `patience` counts epochs without a better validation
    score after which a member stops; 0 trains all `max_epochs` epochs.
    """

    max_epochs: int = 100
    patience: int = 15
    batch_size: int = 256
    optimizer: Optimizer = "adamw"
    learning_rate: float = 2e-3
    scheduler: Scheduler = field(default_factory=NoScheduler)
    dropout: float = 0.0
    l1: float = 0.0
    weight_decay: float = 0.0
    averaging: float = 0.0
    factor_rate: float = 1.0
    class_weights: float | None = None

    def __post_init__(self) -> None:
        _require(self.max_epochs >= 1, "max_epochs", "at least 1", self.max_epochs)
        _require(self.patience >= 0, "patience", "at least 0", self.patience)
        _require(self.batch_size >= 1, "batch_size", "at least 1", self.batch_size)
        _require(self.optimizer in OPTIMIZERS, "optimizer", f"one of {', '.join(OPTIMIZERS)}", self.optimizer)
        _require(self.learning_rate > 0, "learning_rate", "above 0", self.learning_rate)
        _require(0 <= self.dropout < 1, "dropout", "in [0, 1)", self.dropout)
        _require(self.l1 >= 0, "l1", "at least 0", self.l1)
        _require(self.weight_decay >= 0, "weight_decay", "at least 0", self.weight_decay)
        _require(0 <= self.averaging <= 1, "averaging", "in [0, 1]", self.averaging)
        _require(self.factor_rate > 0, "factor_rate", "above 0", self.factor_rate)
        _require(0 <= (self.class_weights or 0) <= 1, "class_weights", "in [0, 1]", self.class_weights)


@dataclass(frozen=True)
class Candidate:
    """One configuration of the search: its K members share it and differ by fold."""

    network: NetworkSpec
    train: TrainSpec

    @property
    def parameters(self) -> dict[str, str | int | float]:
        """Flat and readable, as the record and the command line show it."""
        train = self.train
        scheduler = {f"scheduler.{f.name}": getattr(train.scheduler, f.name) for f in fields(train.scheduler)}
        if "scheduler.milestones" in scheduler:
            scheduler["scheduler.milestones"] = ", ".join(map(str, scheduler["scheduler.milestones"]))
        return {
            "depth": self.network.depth,
            "width": self.network.width,
            "optimizer": train.optimizer,
            "learning_rate": train.learning_rate,
            "scheduler": train.scheduler.kind,
            **scheduler,
            "dropout": train.dropout,
            "l1": train.l1,
            "weight_decay": train.weight_decay,
            "averaging": train.averaging,
            **({"factor_rate": train.factor_rate} if self.network.input_scale else {}),
            **({"class_weights": train.class_weights} if train.class_weights is not None else {}),
            "batch_size": train.batch_size,
        }
