"""Adam, AdamW, RMSprop and SGD for S members at once, each with its own kind, rate and penalties.

torch's own fused kernels do the work, one pass over the numbers for all members of a kind. They know one learning rate
for all, so they are given the rate 1 and move a displacement u, and the parameters follow it at each member's rate:

    g' = g + l1 * sign(w) + l2 * w                 weights only; l2 is the weight_decay of all kinds but AdamW
    u  = u - (the kind's step for g') - decay * w  weights only; decay is AdamW's weight_decay
    w  = w0 + rate * u                             w0: the parameters at the start of the epoch, where u = 0

which is torch.optim's update for a rate that stays the same for the epoch. Factors of the inputs have a rate of their
own, `factor_rate` times the others'. A running average a follows the parameters, where one is kept: at step t, with a
member's share s, it moves by 1 / (1 + s * (t - 1)) of the way to w.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from autoproc.network.scratch import Scratch
from autoproc.spec import Optimizer, TrainSpec

_EPS = 1e-8
_MOMENTUM = 0.9  # of SGD
_BETAS = {"adam": (0.9, 0.999), "adamw": (0.9, 0.999), "rmsprop": (0.0, 0.99)}
# RMSprop is Adam without the first moment, and without the correction for moments that start at 0: the correction is
# gone after so many steps.
_ENDLESS = 1e9


@dataclass(frozen=True)
class Progress:
    """Where S members stand: `parameters` (S, P), `moments` (2, S, P), the `steps` (S,) that they have taken, and the
    parameters' running `average` (S, P), where one is kept; all float32 and changed in place."""

    parameters: Tensor
    moments: Tensor
    steps: Tensor
    average: Tensor | None = None


class Update:
    """One epoch's updates of members with these `specs`, at `rates` which are constant in it.

    `gradients` (S, P) is where each step finds them. Of the columns the first `n_weights` are weights, and `factors`
    are those of the inputs.
    """

    def __init__(
        self,
        specs: Sequence[TrainSpec],
        rates: Sequence[float],
        progress: Progress,
        gradients: Tensor,
        n_weights: int,
        factors: slice,
        scratch: Scratch,
    ) -> None:
        self._parameters = progress.parameters
        self._steps = progress.steps
        self._start = scratch.take("start", *gradients.shape).copy_(progress.parameters)
        self._displacement = scratch.take("displacement", *gradients.shape).zero_()
        self._rates = self._column(rates)
        self._moves = [
            self._move(
                optimizer, [row for row, spec in enumerate(specs) if spec.optimizer == optimizer], gradients, progress
            )
            for optimizer in sorted({spec.optimizer for spec in specs})
        ]
        adamw = [spec.optimizer == "adamw" for spec in specs]
        penalties = [spec.l1 for spec in specs]
        added = [0.0 if decoupled else spec.weight_decay for spec, decoupled in zip(specs, adamw, strict=True)]
        decoupled = [-spec.weight_decay if decoupled else 0.0 for spec, decoupled in zip(specs, adamw, strict=True)]
        self._weights, self._slopes, self._drift = (
            numbers[:, :n_weights] for numbers in (progress.parameters, gradients, self._displacement)
        )
        self._l1, self._l2, self._decay = (self._column(c) if any(c) else None for c in (penalties, added, decoupled))
        self._signs = scratch.take("signs", *self._weights.shape) if any(penalties) else None
        self._factors, self._factor_drift = progress.parameters[:, factors], self._displacement[:, factors]
        more = [spec.factor_rate - 1 for spec in specs]
        self._faster = self._rates * self._column(more) if any(more) else None
        self._average = progress.average
        self._shares = self._column([spec.averaging for spec in specs])

    def step(self) -> None:
        """Change the parameters; the gradients are used up."""
        if self._l1 is not None:
            self._slopes.addcmul_(torch.sign(self._weights, out=self._signs), self._l1)
        if self._l2 is not None:
            self._slopes.addcmul_(self._weights, self._l2)
        if self._decay is not None:
            self._drift.addcmul_(self._weights, self._decay)
        self._steps += 1
        for move in self._moves:
            move()
        torch.addcmul(self._start, self._displacement, self._rates, out=self._parameters)
        if self._faster is not None:
            self._factors.addcmul_(self._factor_drift, self._faster)
        if self._average is not None:
            self._average.lerp_(self._parameters, 1 / (1 + self._shares * (self._steps[:, None] - 1)))

    def _column(self, values: Sequence[float]) -> Tensor:
        return torch.tensor(values, device=self._parameters.device)[:, None]

    def _move(
        self, optimizer: Optimizer, members: Sequence[int], gradients: Tensor, progress: Progress
    ) -> Callable[[], None]:
        """What moves the displacement of `members` by a step of this kind at rate 1."""
        moved, slopes, first, second = (
            [numbers[row] for row in members] for numbers in (self._displacement, gradients, *progress.moments)
        )
        if optimizer == "sgd":
            return partial(
                torch._fused_sgd_, moved, slopes, first, weight_decay=0.0, momentum=_MOMENTUM, lr=1.0,
                dampening=0.0, nesterov=False, maximize=False, is_first_step=False,
            )  # fmt: skip
        endless = torch.tensor(_ENDLESS, device=gradients.device)
        steps = [endless if optimizer == "rmsprop" else progress.steps[row] for row in members]
        beta1, beta2 = _BETAS[optimizer]
        return partial(
            torch._fused_adam_, moved, slopes, first, second, [], steps, lr=1.0, beta1=beta1, beta2=beta2,
            weight_decay=0.0, eps=_EPS, amsgrad=False, maximize=False,
        )  # fmt: skip
