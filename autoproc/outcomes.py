"""The frozen values of what follows the search: finalists, the final model, and the verdict."""

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from autoproc.plan import FinalKind
from autoproc.results import Score, Trained, Trial, TrialState, Weights
from autoproc.spec import NetworkSpec

GROWN, DEFAULT = COMPARED = (0, 1)
"""Numbers of the trials with the grown network and with the default configuration, which are always finalists."""

StoppedBy = Literal["trials", "time limit", "user", "failures"]

CUT_SHORT: dict[StoppedBy, str] = {"time limit": "cut short by the time limit", "user": "cut short by the user"}
"""The reasons of trials that have a score of their own, though they might have trained on for a better one."""


def is_cut_short(reason: str) -> bool:
    return reason in CUT_SHORT.values()


ClassName = Literal["negative", "positive"]

CONSTANTS: dict[ClassName, float] = {"negative": math.inf, "positive": -math.inf}
"""Thresholds at which every row is taken for one class."""

ResampleUnit = Literal["rows", "groups", "stretches of time"]

SingleNetworks = Literal["fold networks", "last fold network", "refit", "refits"]
"""Those of the winner's least chosen folds; forward in time early ones have not seen what comes before the holdout, and
there it is the refit, if that is exported, or else the network of the last fold."""


@dataclass(frozen=True)
class Finalist:
    """A configuration that may win: `trained` on the folds that the search chose by, `fresh` on folds that chose
    nothing before; None where that was not done."""

    trial: Trial
    trained: Trained
    fresh: Trained | None = None

    @property
    def rescored(self) -> Trained | None:
        """The training on fresh folds, where it came to a score."""
        return self.fresh if self.fresh and not self.fresh.failed else None

    @property
    def least_chosen(self) -> Trained:
        """The training whose score had the smallest part in choosing: on fresh folds, or else on the search's."""
        return self.rescored or self.trained


@dataclass(frozen=True)
class Search:
    """All trials, and the best of them with the default configuration and the grown network: best first.
    `seconds_an_epoch` is what an epoch of one trial has taken, side by side with others; `advice` says what can be done
    where failures stopped the search, or nothing but the grown network came to a score."""

    trials: tuple[Trial, ...]
    finalists: tuple[Finalist, ...]
    stopped_by: StoppedBy
    seconds_an_epoch: float
    advice: str = ""

    @property
    def best(self) -> Trial:
        return self.finalists[0].trial

    def count(self, state: TrialState) -> int:
        return sum(trial.state == state for trial in self.trials)


@dataclass(frozen=True)
class Calibration:
    """The temperature that logits are divided by, fitted on all out-of-fold predictions. The log losses are out of
    fold: before, and after with the temperature of rows that are not scored; `used` where that one is lower beyond
    noise."""

    temperature: float
    log_loss_before: Score
    log_loss_after: Score
    used: bool


@dataclass(frozen=True)
class Estimate:
    """A score with its 95 % interval, in the measure's units; NaN bounds where none can be known."""

    score: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Saving:
    """What the model's decisions spare of the mean cost of a row (`by`), beside the cheaper of the two decisions that
    look at no row: to take all rows for one class (`over`)."""

    by: Estimate
    over: ClassName


@dataclass(frozen=True)
class DecisionCosts:
    """Mean costs of a row out of fold: at the threshold that is cheapest on the other folds, at 0.5, and where all rows
    are taken for one class."""

    at_threshold: float
    at_half: float
    all_negative: float
    all_positive: float
    saving: Saving


@dataclass(frozen=True)
class DecisionThreshold:
    """The probability from which on a row is positive, and why; `costs` is None where the plan names none."""

    value: float
    reason: str
    costs: DecisionCosts | None = None


@dataclass(frozen=True)
class OutOfFold:
    """What networks of the final model's kind predict of rows that they have not been trained on, after calibration:
    the metrics by name, the calibration of classes, and the threshold of a binary problem. The same rows have chosen
    the epochs, the networks of an ensemble and the threshold, so that these scores flatter a little. Where the networks
    weighed rare classes with the power `class_weights`, their probabilities lean to these."""

    scores: dict[str, Score]
    calibration: Calibration | None
    threshold: DecisionThreshold | None
    class_weights: float = 0.0


@dataclass(frozen=True)
class Selection:
    """The finalists in the search's order, which of them is `winner`, and why. `optimism` is how much better the
    search's own best scored on its folds than on fresh ones; None where there were none."""

    finalists: tuple[Finalist, ...]
    winner: Finalist
    reason: str
    optimism: Estimate | None


@dataclass(frozen=True)
class FinalNetworks:
    """What is exported: K networks of one shape, whose predictions are averaged by their shares; logits of the average
    are divided by the temperature. `out_of_fold` is what those of their kind that have not been trained on a row
    predict of it, by fold of the first repeat; `parts` are the trainings of the networks, each with what it counts."""

    kind: FinalKind
    network: NetworkSpec
    weights: Weights = field(repr=False)
    out_of_fold: tuple[NDArray[np.floating], ...] = field(repr=False)
    parts: tuple[tuple[Trained, float], ...] = field(repr=False)
    temperature: float = 1.0


@dataclass(frozen=True)
class Memory:
    """Bytes that the process might take, was estimated to take at most while training, and took at most."""

    limit: int
    estimated: int
    peak: int


@dataclass(frozen=True)
class Receipt:
    """The record that a holdout was opened. `opening` counts from 1; more than 1 is a re-use."""

    key: str
    opened_at: str
    run_id: str
    table: str
    opening: int
    reason: str | None
    path: str


@dataclass(frozen=True)
class ReferenceVerdict:
    """A reference on the same holdout. `lead` is how much better the network is, in the metric's units, with the
    interval of the difference on the same resamples."""

    name: str
    holdout: Estimate
    lead: Estimate

    @property
    def is_better(self) -> bool:
        """Whether the reference is better than the network, beyond noise."""
        return self.lead.interval[1] < 0


@dataclass(frozen=True)
class Resamples:
    """What was drawn for the holdout's intervals, of how many there are, and the share of the resamples that lacked a
    class, or any variation of a target, and were left out."""

    FEW: ClassVar[int] = 20  # units: of fewer, percentiles of a bootstrap are clearly too narrow

    unit: ResampleUnit
    n_units: int
    left_out: float

    @property
    def are_few(self) -> bool:
        return self.n_units < self.FEW


@dataclass(frozen=True)
class Verdict:
    """The one holdout score, beside the winner's on the search's folds (`cross_validated`) and on `fresh` ones, the
    dummy's and the references'. `single` is what the winner's networks that `single_are` score on the holdout one by
    one, on average; `optimism` is how much better those of the least chosen folds scored on their folds. Their average,
    or whatever else is exported, may well score better than single networks do.

    `beside` holds further measures by name; for binary problems also those at the decision `threshold`, and where costs
    are known the `saving`.
    """

    metric: str
    holdout: Estimate
    cross_validated: Score
    dummy: float
    n_rows: int
    threshold: float | None
    beside: dict[str, Estimate]
    receipt: Receipt
    single: Estimate
    optimism: Estimate
    fresh: Score | None = None
    references: tuple[ReferenceVerdict, ...] = ()
    single_are: SingleNetworks = "fold networks"
    saving: Saving | None = None
    resamples: Resamples | None = None
