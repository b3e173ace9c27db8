"""Dropout for S members at once, the same whoever else is in training.

Which units a row of a batch drops is a pattern: a number from 0 to 1 for each hidden unit, which drops the unit where
it is below the member's rate. Patterns are drawn once, N_PATTERNS of them for each layer, and every row of every batch
takes one at random. That costs a quarter of drawing afresh for each unit, and leaves a member's training independent of
its neighbours; each unit is dropped in exactly the asked share of the patterns.
"""

import numpy as np
import torch
from torch import Tensor

from autoproc.network.scratch import Scratch
from autoproc.network.seeds import seed_of

N_PATTERNS = 2048
_LEAST_KEPT = 1 / 64  # of the patterns: a unit that is always dropped could not be scaled up


def make_patterns(seed: int, layer: int, width: int) -> Tensor:
    """The patterns of one hidden layer, (N_PATTERNS, width): each column holds the same numbers, evenly spread over
    (0, 1), in an order of its own."""
    # Four numbers: batches are drawn from three.
    random = np.random.default_rng(seed_of(seed, layer, width, N_PATTERNS))
    evenly = np.tile((np.arange(N_PATTERNS, dtype=np.float32) + 0.5) / N_PATTERNS, (width, 1))
    return torch.from_numpy(random.permuted(evenly, axis=1)).T.contiguous()


class Dropout:
    """One batch's dropout, with a rate of its own for each member. `rates` (S,); `patterns` has (N_PATTERNS, width)
    for each hidden layer."""

    def __init__(self, rates: Tensor, patterns: list[Tensor]) -> None:
        self._rates = rates.clamp(max=1 - _LEAST_KEPT)[:, None, None]
        self._scale = 1 / (1 - self._rates)
        self._patterns = patterns

    def drop(self, layer: int, hidden: Tensor, picked: Tensor, scratch: Scratch) -> None:
        """Drop units of `hidden` (S, rows, width) in place, and scale up the others; `picked` (S * rows,) are the
        rows' patterns."""
        factors = scratch.take("dropout", *hidden.shape)
        torch.index_select(self._patterns[layer], 0, picked, out=factors.view(-1, hidden.shape[2]))
        torch.ge(factors, self._rates, out=factors)
        hidden.mul_(factors.mul_(self._scale))

    def scale(self, slopes: Tensor) -> None:
        """The slopes of the kept units (S, rows, width) before they were scaled up, in place."""
        slopes.mul_(self._scale)
