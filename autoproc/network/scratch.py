"""Memory for intermediate results, reserved once and used again in every step.

Fresh memory of a step's size comes from the operating system and has to be filled with zeros first, which took up to
a third of a step's time.
"""

from math import prod

import torch
from torch import Tensor


class Scratch:
    """Tensors by name; what an earlier `take` of the same name returned is overwritten."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._blocks: dict[str, Tensor] = {}

    def take(self, name: str, *shape: int) -> Tensor:
        """A contiguous float32 tensor of this shape with undefined content."""
        size = prod(shape)
        block = self._blocks.get(name)
        if block is None or len(block) < size:
            self._blocks.pop(name, None)  # before its successor is there
            block = self._blocks[name] = torch.empty(size, device=self._device)
        return block[:size].view(shape)

    @property
    def n_bytes(self) -> int:
        """What is reserved."""
        return sum(block.nbytes for block in self._blocks.values())
