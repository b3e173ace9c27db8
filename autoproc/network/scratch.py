"""Memory for intermediate results, reserved once and used again in every step.

Fresh memory of a step's size comes from the operating system and has to be filled with zeros first, which took up to
a third of a step's time.
"""

from math import prod

import torch
from torch import Tensor

_OUT_OF_MEMORY = ("DefaultCPUAllocator", "out of memory", "ALLOC_FAILED")


class Scratch:
    """Tensors by name; what an earlier `take` of the same name returned is overwritten."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._blocks: dict[str, Tensor] = {}
        self._taken: dict[tuple[str, tuple[int, ...]], Tensor] = {}

    def take(self, name: str, *shape: int) -> Tensor:
        """A contiguous float32 tensor of this shape with undefined content."""
        taken = self._taken.get((name, shape))
        if taken is None:
            taken = self._taken[name, shape] = self._reserve(name, prod(shape)).view(shape)
        return taken

    def clear(self) -> None:
        """Give all memory back."""
        self._blocks.clear()
        self._taken.clear()

    @property
    def n_bytes(self) -> int:
        """What is reserved."""
        return sum(block.nbytes for block in self._blocks.values())

    def _reserve(self, name: str, size: int) -> Tensor:
        block = self._blocks.get(name)
        if block is None or block.shape[0] < size:
            self._taken = {key: taken for key, taken in self._taken.items() if key[0] != name}
            self._blocks.pop(name, None)  # before its successor is there
            block = self._blocks[name] = torch.empty(size, device=self._device)
        return block[:size]


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory was asked for that was not there, which torch and its libraries often say in words alone."""
    out = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return out or any(words in str(error) for words in _OUT_OF_MEMORY)
