"""One network in training: which candidate and fold it belongs to, and how it has done so far."""

from dataclasses import dataclass, field

import numpy as np

from autoproc.data.metrics import Metric
from autoproc.failing import DIVERGED, NO_MEMORY
from autoproc.network.evaluation import NO_MARKS, Marks
from autoproc.network.schedule import Schedule
from autoproc.spec import TrainSpec


@dataclass
class Member:
    """`key` names its candidate; the curves have one entry an epoch. `scored` is false where its fold has no validation
    rows: then the latest epoch is the best."""

    key: int
    fold: int
    spec: TrainSpec
    scored: bool
    schedule: Schedule
    best_score: float = float("nan")
    best_epoch: int = 0
    failed: str | None = None
    train_score: list[float] = field(default_factory=list)
    validation_score: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """Epochs trained so far."""
        return len(self.train_loss)

    @property
    def finished(self) -> bool:
        """Whether it failed, reached its last epoch, or ran out of patience."""
        impatient = 0 < self.spec.patience <= self.epoch - self.best_epoch
        return self.failed is not None or self.epoch >= self.spec.max_epochs or impatient

    def record(self, train: Marks, validation: Marks) -> None:
        """Add an epoch to the curves."""
        self.learning_rate.append(self.schedule.learning_rate)
        self.train_score.append(train.score)
        self.train_loss.append(train.loss)
        self.validation_score.append(validation.score)
        self.validation_loss.append(validation.loss)

    def note(self, train: Marks, validation: Marks, metric: Metric) -> bool:
        """Note how an epoch went, and step the schedule; whether the parameters are now the member's best."""
        self.record(train, validation)
        if self.failed:
            return False
        loss = validation.loss if self.scored else train.loss
        if not np.isfinite([loss, train.loss]).all():
            infinite = train.loss if np.isfinite(loss) else loss
            self.failed = f"{DIVERGED} in epoch {self.epoch}: the loss is {infinite}"
            return False
        self.schedule.step(loss)
        first = not self.scored or np.isnan(self.best_score)
        better = first or bool(metric.gain(validation.score, self.best_score) > 0)
        if better:
            self.best_score, self.best_epoch = validation.score, self.epoch
        return better


def new_member(key: int, fold: int, spec: TrainSpec, scored: bool = True) -> Member:
    """A member before its first epoch."""
    return Member(key, fold, spec, scored, Schedule(spec.learning_rate, spec.scheduler))


def refused(key: int, fold: int, spec: TrainSpec) -> Member:
    """A member for which there is no memory: it has failed, after an epoch in which nothing was trained."""
    member = new_member(key, fold, spec)
    member.failed = NO_MEMORY
    member.record(NO_MARKS, NO_MARKS)
    return member
