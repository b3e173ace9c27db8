"""The frozen values of what follows the search: finalists, the final model, and the verdict."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autoproc.results import Score, Trained, Trial, TrialState, Weights
from autoproc.spec import NetworkSpec

GROWN, DEFAULT = COMPARED = (0, 1)
"""Numbers of the trials with the grown network and with the default configuration, which are always finalists."""


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


@dataclass(frozen=True)
class Search:
    """All trials, and the best of them with the default configuration and the grown network: best first.
    `seconds_an_epoch` is what an epoch of one trial has taken, side by side with others."""

    trials: tuple[Trial, ...]
    finalists: tuple[Finalist, ...]
    stopped_by: Literal["trials", "time limit"]
    seconds_an_epoch: float

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
class DecisionThreshold:
    """The probability from which on a row is positive, and why. The costs are means a row out of fold, at this
    threshold and at 0.5; None where the plan names no costs."""

    value: float
    reason: str
    expected_cost: float | None = None
    expected_cost_at_half: float | None = None


@dataclass(frozen=True)
class OutOfFold:
    """What networks of the final model's kind predict of rows that they have not been trained on, after calibration:
    the metrics by name, the calibration of classes, and the threshold of a binary problem."""

    scores: dict[str, Score]
    calibration: Calibration | None
    threshold: DecisionThreshold | None


@dataclass(frozen=True)
class Estimate:
    """A score on the holdout with its 95 % bootstrap interval, in the measure's units."""

    score: float
    interval: tuple[float, float]


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
    """What is exported: K networks of one shape, whose predictions are averaged by their shares. `out_of_fold` is what
    those of their kind that have not been trained on a row predict of it, by fold of the first repeat; `parts` are the
    trainings that the networks come from, each with what it counts."""

    network: NetworkSpec
    weights: Weights = field(repr=False)
    out_of_fold: tuple[NDArray[np.floating], ...] = field(repr=False)
    parts: tuple[tuple[Trained, float], ...] = field(repr=False)


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
class Verdict:
    """The one holdout score, beside the winner's on the search's folds (`cross_validated`) and on `fresh` ones, the
    dummy's and the references'. `optimism` is how much better the winner scored on the fresh folds, or else on the
    search's, than the final model does here. `winner` is what the winner's own networks, those that the search scored,
    come to here, on average.

    `beside` holds further measures by name; for binary problems also those at the decision `threshold`.
    """

    metric: str
    holdout: Estimate
    cross_validated: Score
    dummy: float
    n_rows: int
    threshold: float | None
    beside: dict[str, Estimate]
    receipt: Receipt
    optimism: Estimate
    fresh: Score | None = None
    references: tuple[ReferenceVerdict, ...] = ()
    winner: Estimate | None = None
