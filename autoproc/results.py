"""The frozen values that one step hands to the next, and that the record and the command line show.

Here stands what comes before and from training; what follows the search is in `outcomes`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autoproc.plan import ProtocolKind, Task
from autoproc.spec import Candidate, NetworkSpec

FloatArray = NDArray[np.float64]
Weights = Mapping[str, NDArray[np.floating]]
"""Arrays of a network by name; float32 but for the targets' statistics, which are float64."""
Direction = Literal["maximize", "minimize"]
ColumnKind = Literal["numeric", "categorical", "boolean", "datetime", "text", "id", "group", "constant", "ignored"]
TrialState = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True)
class Column:
    """One column beside the target: what it holds and whether the network sees it (and if not, why)."""

    name: str
    kind: ColumnKind
    used: bool
    note: str


@dataclass(frozen=True)
class Problem:
    """What is to be predicted. `classes` is empty for regression; the positive class comes last in binary."""

    task: Task
    targets: tuple[str, ...]
    classes: tuple[str, ...]
    class_counts: tuple[int, ...]
    columns: tuple[Column, ...]
    reason: str

    @property
    def is_classification(self) -> bool:
        return self.task in ("binary", "multiclass")

    @property
    def n_outputs(self) -> int:
        """Units of the last layer: one logit, one a class, or one a target."""
        return len(self.classes) if self.task == "multiclass" else len(self.targets)


@dataclass(frozen=True)
class Fold:
    """One (training, validation) pair of development rows: indices, disjoint, rising."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]

    @classmethod
    def validating(cls, rows: NDArray[np.int64] | NDArray[np.bool_], n_rows: int) -> "Fold":
        """The fold that validates on `rows`, numbers or a mask, and trains on all others of `n_rows`."""
        is_validation = np.zeros(n_rows, dtype=bool)
        is_validation[rows] = True
        return cls(np.flatnonzero(~is_validation), np.flatnonzero(is_validation))


FRESH = -1
"""The number of the set of fresh folds."""


@dataclass(frozen=True)
class Protocol:
    """How development rows are split, and why. `splits` has folds x repeats entries; `fresh` are as many drawn anew,
    for scoring what was chosen by `splits`, or none where rows can be split in one way only. `reshuffled` are further
    sets like `splits`, where trials shall have folds of their own."""

    kind: ProtocolKind
    folds: int
    repeats: int
    reason: str
    n_development: int
    n_holdout: int
    splits: tuple[Fold, ...] = field(repr=False)
    reshuffled: tuple[tuple[Fold, ...], ...] = field(default=(), repr=False)
    fresh: tuple[Fold, ...] = field(default=(), repr=False)

    @property
    def fold_sets(self) -> tuple[tuple[Fold, ...], ...]:
        """The splits, and those that trials of the search have in turn."""
        return (self.splits, *self.reshuffled)

    def folds_of(self, trained: "Trained") -> tuple[Fold, ...]:
        """The folds that a training had."""
        return self.fresh if trained.fold_set == FRESH else self.fold_sets[trained.fold_set]

    def once(self, trained: "Trained") -> tuple[Fold, ...]:
        """Of a training's folds those of the first repeat, which validate each row once at most."""
        return self.folds_of(trained)[: self.folds]

    @property
    def again(self) -> float:
        """How much the fresh folds take to train, where the splits take 1."""
        return len(self.fresh) / len(self.splits)


@dataclass(frozen=True)
class Score:
    """Mean over folds, with its standard error (the folds' standard deviation / sqrt(K); NaN for one fold)."""

    mean: float
    standard_error: float
    folds: tuple[float, ...]

    @classmethod
    def of(cls, folds: FloatArray) -> "Score":
        error = float(np.std(folds, ddof=1) / np.sqrt(len(folds))) if len(folds) > 1 else float("nan")
        return cls(float(np.mean(folds)), error, tuple(map(float, folds)))


@dataclass(frozen=True)
class Reference:
    """A model of another kind, scored on the same folds in `seconds`."""

    name: str
    score: Score
    seconds: float


@dataclass(frozen=True)
class FittedReference:
    """A reference and its model, trained on all development rows: `predict` maps the schema's matrix (n, n_columns) to
    what a network predicts, in the same shape."""

    reference: Reference
    predict: Callable[[NDArray[np.float32]], FloatArray]


@dataclass(frozen=True)
class Curves:
    """What K members showed over E epochs: arrays of shape (K, E), NaN after a member has stopped.

    Scores are in the metric's own units; losses are without penalties. The training score is measured on
    a fixed sample of training rows, no larger than the validation set, without dropout.
    """

    train_score: FloatArray
    validation_score: FloatArray
    train_loss: FloatArray
    validation_loss: FloatArray
    learning_rate: FloatArray


def carry_forward(curves: FloatArray, n_epochs: int) -> FloatArray:
    """Curves (K, E) up to epoch n_epochs: (K, n_epochs), each NaN replaced by the member's last value before it. Curves
    without an epoch, of what never trained, stay as they are."""
    if not curves.shape[1]:
        return curves
    epochs = np.arange(curves.shape[1])
    known = np.maximum.accumulate(np.where(np.isnan(curves), 0, epochs), axis=1)
    asked = np.minimum(np.arange(n_epochs), epochs[-1])
    return np.asarray(np.take_along_axis(curves, known[:, asked], axis=1))


@dataclass(frozen=True)
class Trained:
    """One candidate after training: its K members' curves, scores at their best epochs, and weights there.

    `weights` maps a parameter's name to an array of shape (K, ...); `best_epochs` count from 1. `fold_set` numbers the
    folds that it trained on: 0 are the protocol's splits, higher ones its reshuffled ones, and FRESH the fresh ones.
    `failed` holds the reason when a member diverged, found no memory or has no score; then the score is NaN.
    """

    candidate: Candidate
    curves: Curves
    score: Score
    train_score: Score
    best_epochs: tuple[int, ...]
    seconds: float
    failed: str | None
    weights: Weights = field(repr=False)
    fold_set: int = 0

    @property
    def n_epochs(self) -> int:
        """Epochs of the member that trained longest."""
        return int(self.curves.validation_score.shape[1])


@dataclass(frozen=True)
class Baseline:
    """`gain` is how much better than the dummy the network is (positive: better), paired by fold, with learning
    rate and epoch picked without the fold that is scored; on one split, the difference of the two scores. Of a metric
    of labels it is the log loss that is compared."""

    dummy: Score
    network: Trained
    gain: Score
    beats_dummy: bool
    reason: str
    tried: tuple[Trained, ...] = field(repr=False)


@dataclass(frozen=True)
class OverfitVerdict:
    """Whether a rung overfits: after `epoch` training went on to gain `train_gain` (in the units of
    `measure`, positive: better) while validation lost `validation_drop` of it. Both are means of the folds'
    changes, each from the epoch at which the other folds are best; `noise` is the one-sided 97.5 % bound on what
    the drop is by chance, NaN for a single fold with too few epochs after its peak. Not `conclusive`: rows or epochs
    are too few for an overfit to be seen."""

    overfit: bool
    epoch: int
    measure: str
    train_gain: float
    validation_drop: float
    noise: float
    reason: str
    conclusive: bool = True

    @property
    def summary(self) -> str:
        """The verdict in a few words."""
        if self.overfit:
            return "overfits"
        return "does not overfit" if self.conclusive else "too few rows or epochs to tell"


@dataclass(frozen=True)
class Rung:
    """One capacity of the ladder, judged: `trained` is the best of its trainings."""

    number: int
    trained: Trained
    verdict: OverfitVerdict


@dataclass(frozen=True)
class Growth:
    """The ladder as far as it was climbed, and all its capacities. The search starts from the rung `chosen`:
    the smallest that validates within one standard error of the best."""

    rungs: tuple[Rung, ...]
    ladder: tuple[NetworkSpec, ...]
    chosen: int
    overfit: bool
    reason: str

    @property
    def best(self) -> Rung:
        return next(rung for rung in self.rungs if rung.number == self.chosen)

    @property
    def witness(self) -> Rung:
        """The rung whose verdict speaks for the whole ladder: the last that overfits, or else the last."""
        return next((rung for rung in reversed(self.rungs) if rung.verdict.overfit), self.rungs[-1])


@dataclass(frozen=True)
class Trial:
    """One finished trial; `score` is the mean over folds at the members' best epochs so far."""

    number: int
    state: TrialState
    parameters: dict[str, str | int | float]
    score: Score
    n_epochs: int
    seconds: float
    reason: str
