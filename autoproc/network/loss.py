"""Last layer and loss by task: what outputs mean, how far they are off, and what they predict.

binary: one logit, binary cross-entropy. multiclass: C logits, softmax cross-entropy. regression and
vector regression: t values standardised per fold, mean squared error.

A network comes to the same numbers whichever others are beside it. torch's sigmoid and softmax do not see to that: with
AVX-512 they round what lies at the end of a tensor in another way.
"""

import torch
from torch import Tensor
from torch.nn import functional

from autoproc.plan import Task


def losses(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    """Loss of each row, (S, rows), for outputs (S, c, rows) and targets (S, rows) or (S, rows, t)."""
    if task == "binary":
        return functional.binary_cross_entropy_with_logits(outputs[:, 0], targets, reduction="none")
    if task == "multiclass":
        return functional.cross_entropy(outputs, targets, reduction="none")
    return (outputs - targets.transpose(1, 2)).square_().mean(dim=1)


def slopes(task: Task, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Slopes (S, c, rows), in the outputs (S, c, rows), of the rows' losses times their `weights` (S, rows)."""
    if task == "binary":
        return _sigmoid(outputs).sub_(targets[:, None]).mul_(weights[:, None])
    if task == "multiclass":
        truth = targets[:, None]
        excess = _softmax(outputs)
        return excess.scatter_add_(1, truth, excess.new_full((), -1).expand(truth.shape)).mul_(weights[:, None])
    n_values = outputs.shape[1]
    return (outputs - targets.transpose(1, 2)).mul_(weights[:, None] * (2 / n_values))


def predictions(task: Task, outputs: Tensor, center: Tensor, spread: Tensor) -> Tensor:
    """What outputs (S, c, rows) predict: probability of the positive class (S, rows), probabilities
    (S, rows, C), or values in the targets' own units (S, rows, t).

    `outputs` are on the CPU. `center` and `spread`, float64 (S, t), are the members' target statistics, which
    classes do not use; values are float64, for float32 cannot tell 1,700,000,000 from 1,700,000,060.
    """
    if task == "binary":
        return _sigmoid(outputs[:, 0])
    if task == "multiclass":
        return _softmax(outputs).transpose(1, 2)
    return outputs.transpose(1, 2).double() * spread[:, None] + center[:, None]


def _sigmoid(outputs: Tensor) -> Tensor:
    return torch.exp(-outputs).add_(1).reciprocal_()


def _softmax(outputs: Tensor) -> Tensor:
    """Along the second dimension."""
    return torch.log_softmax(outputs, dim=1).exp_()
