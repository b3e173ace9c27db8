"""Adam, AdamW and RMSprop for S members at once, each with its own kind, rate and penalties.

The three are one update with different coefficients, so members of different kinds share a stack:
    g' = g + l1 * sign(w) + l2 * w             (weights only; l2 is Adam's and RMSprop's weight_decay)
    m  = b1 * m + (1 - b1) * g'                (RMSprop: b1 = 0)
    v  = b2 * v + (1 - b2) * g'^2              (RMSprop: b2 = alpha = 0.99)
    w  = w * (1 - lr * decay)                  (weights only; AdamW's weight_decay)
    w  = w - lr / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + eps)    (RMSprop: without the corrections)
as in torch.optim, whose defaults for betas, alpha and eps are used.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from autoproc.spec import TrainSpec

_EPS = 1e-8
_BETAS = {"adam": (0.9, 0.999), "adamw": (0.9, 0.999), "rmsprop": (0.0, 0.99)}
# Adam's correction of the moments' start at zero; RMSprop has none.
_CORRECTED = {"adam": 1.0, "adamw": 1.0, "rmsprop": 0.0}


def coefficients(specs: Sequence[TrainSpec]) -> Tensor:
    """Constant coefficients of members, float64 (S, 6): b1, b2, corrected, l1, l2, decoupled decay."""
    rows = [
        (
            *_BETAS[spec.optimizer],
            _CORRECTED[spec.optimizer],
            spec.l1,
            spec.weight_decay if spec.optimizer != "adamw" else 0.0,
            spec.weight_decay if spec.optimizer == "adamw" else 0.0,
        )
        for spec in specs
    ]
    return torch.tensor(rows, dtype=torch.float64).reshape(len(specs), 6)


class Update:
    """One epoch's updates: binds the members' coefficients and learning rates, which are constant in it.

    `moments` is (2, S, P), changed in place by `step`; `steps` (S,) counts the updates that members have
    had before this epoch. What is a number a member is float64 on the CPU, as in torch.optim (some devices
    have no float64), and reaches the moments' device as float32.
    """

    def __init__(
        self, constants: Tensor, learning_rates: Tensor, steps: Tensor, moments: Tensor, n_weights: int
    ) -> None:
        b1, b2, self._corrected, l1, l2, decay = constants.T[:, :, None]
        self._device = moments.device
        self._b1, self._b2 = b1, b2
        self._rise1, self._rise2 = self._send(1 - b1), self._send(1 - b2)
        self._rates = learning_rates.double()[:, None]
        self._shrink = self._send(1 - self._rates * decay)
        self._l1, self._l2 = self._send(l1), self._send(l2)
        self._has_l1, self._has_l2, self._has_decay = (
            bool((l1 > 0).any()),
            bool((l2 > 0).any()),
            bool((decay > 0).any()),
        )
        self._steps = steps.double()[:, None]
        self._first, self._second = moments
        self._n_weights = n_weights

    def step(self, parameters: Tensor, gradients: Tensor) -> None:
        """Change `parameters` (S, P) in place; `gradients` (S, P) is used up."""
        self._steps = self._steps + 1
        weights, slopes = parameters[:, : self._n_weights], gradients[:, : self._n_weights]
        if self._has_l1:
            slopes.add_(weights.sign().mul_(self._l1))
        if self._has_l2:
            slopes.addcmul_(weights, self._l2)
        if self._has_decay:
            weights.mul_(self._shrink)
        self._first.lerp_(gradients, self._rise1)
        self._second.lerp_(gradients.square_(), self._rise2)
        correction1 = 1 - self._corrected * self._b1**self._steps
        correction2 = 1 - self._corrected * self._b2**self._steps
        # The gradients' memory serves for what follows: fresh memory of this size is slow to get.
        denominator = torch.mul(self._second, self._send(1 / correction2), out=gradients).sqrt_().add_(_EPS)
        step = torch.div(self._first, denominator, out=denominator)
        parameters.sub_(step.mul_(self._send(self._rates / correction1)))

    def _send(self, numbers: Tensor) -> Tensor:
        return numbers.float().to(self._device)
