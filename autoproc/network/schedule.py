"""Learning-rate schedules: torch's own schedulers, each on a stand-in for an optimiser.

The stand-in only carries the rate, so that every member follows exactly what torch's class does.
"""

import torch
from torch.optim import lr_scheduler

from autoproc.spec import ExponentialLR, MultiStepLR, NoScheduler, ReduceLROnPlateau, Replay, Scheduler, StepLR


class _Rate(torch.optim.Optimizer):
    """A learning rate without parameters. It leaves out the base class's own start, which would load torch's
    compiler for seconds."""

    def __init__(self, learning_rate: float) -> None:
        self.param_groups = [{"lr": learning_rate}]

    def step(self) -> None:  # type: ignore[override]  # torch warns when a scheduler steps before its optimiser
        """Nothing is left to do."""


class Schedule:
    """The learning rate of one member, epoch by epoch."""

    def __init__(self, learning_rate: float, scheduler: Scheduler) -> None:
        self._optimizer = _Rate(learning_rate)
        self._scheduler = _torch_scheduler(self._optimizer, scheduler)

    @property
    def learning_rate(self) -> float:
        """The rate of the coming epoch."""
        return float(self._optimizer.param_groups[0]["lr"])

    def step(self, validation_loss: float) -> None:
        """To be called after an epoch's validation."""
        self._optimizer.step()
        if isinstance(self._scheduler, lr_scheduler.ReduceLROnPlateau):
            self._scheduler.step(validation_loss)
        elif self._scheduler is not None:
            self._scheduler.step()


def _torch_scheduler(
    optimizer: torch.optim.Optimizer, scheduler: Scheduler
) -> lr_scheduler.LRScheduler | lr_scheduler.ReduceLROnPlateau | None:
    match scheduler:
        case NoScheduler():
            return None
        case StepLR(step_size, gamma):
            return lr_scheduler.StepLR(optimizer, step_size=step_size, gamma=gamma)
        case MultiStepLR(milestones, gamma):
            return lr_scheduler.MultiStepLR(optimizer, milestones=list(milestones), gamma=gamma)
        case ExponentialLR(gamma):
            return lr_scheduler.ExponentialLR(optimizer, gamma=gamma)
        case Replay(rates):
            start = optimizer.param_groups[0]["lr"]
            return lr_scheduler.LambdaLR(optimizer, lambda epoch: rates[min(epoch, len(rates) - 1)] / start)
        case ReduceLROnPlateau(factor, patience):
            return lr_scheduler.ReduceLROnPlateau(optimizer, factor=factor, patience=patience)
