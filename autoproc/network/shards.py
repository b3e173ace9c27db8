"""Members of all shapes, dealt out over stacks that train at the same time: one thread a core.

Threads that each train a stack of their own wait for each other once an epoch. Cores that share the work of
every single operation wait for each other thousands of times, and crawl when another program wants a core.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray

from autoproc.network.member import Member
from autoproc.network.scratch import is_out_of_memory
from autoproc.network.stack import Stack
from autoproc.spec import NetworkSpec, TrainSpec

Signature = tuple[NetworkSpec, int]
"""What members must share to train in one stack: the network's shape and the batch size."""


class Shards:
    """For each signature `n_threads` stacks; `make_stack` builds one for a signature."""

    def __init__(self, make_stack: Callable[[Signature], Stack], n_threads: int) -> None:
        self._make_stack = make_stack
        self._n_threads = n_threads
        self._pool = ThreadPoolExecutor(n_threads, "stack", initializer=lambda: torch.set_num_threads(1))
        self._stacks: dict[Signature, list[Stack]] = {}

    def add(self, signature: Signature, key: int, spec: TrainSpec, folds: Sequence[int]) -> list[Member]:
        """Let one member a fold in, each into the stack that has the fewest."""
        if signature not in self._stacks:
            self._stacks[signature] = [self._make_stack(signature) for _ in range(self._n_threads)]
        stacks = self._stacks[signature]
        members = []
        for fold in folds:
            emptiest = min(stacks, key=len)
            members += emptiest.add(key, spec, [fold])
        return members

    def train_epoch(self) -> None:
        """Train all members by one epoch."""
        # The longest first: then the last to end leaves the other threads waiting for the shortest time.
        stacks = sorted(filter(len, chain.from_iterable(self._stacks.values())), key=lambda stack: -stack.work)
        if self._n_threads == 1:
            for stack in stacks:
                stack.train_epoch()
            return
        with _single_threaded():
            list(self._pool.map(Stack.train_epoch, stacks))

    def n_members(self, signature: Signature) -> int:
        """Members of one signature that are in training."""
        return sum(map(len, self._stacks.get(signature, ())))

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """Those that have members."""
        return tuple(self._stacks)

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown()

    def remove(self, leaving: Callable[[Member], bool]) -> list[tuple[Member, dict[str, NDArray[np.float32]]]]:
        """Take out the members for which `leaving` holds, with their best parameters by name."""
        removed = []
        for signature, shards in list(self._stacks.items()):
            for stack in shards:
                removed += _remove(stack, leaving)
            if not any(map(len, shards)):
                del self._stacks[signature]
            else:
                _even_out(shards)
        return removed


def _remove(stack: Stack, leaving: Callable[[Member], bool]) -> list[tuple[Member, dict[str, NDArray[np.float32]]]]:
    rows = [row for row, member in enumerate(stack.members) if leaving(member)]
    members = [stack.members[row] for row in rows]
    return list(zip(members, stack.remove(rows) if rows else [], strict=True))


def _even_out(stacks: Sequence[Stack]) -> None:
    """Let the fullest give to the emptiest until they differ by at most one member. Without memory for that they stay
    as they are, which costs time alone."""
    try:
        while len(fullest := max(stacks, key=len)) - len(emptiest := min(stacks, key=len)) > 1:
            fullest.give(emptiest)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Keep torch's operations on one core each; the process's setting comes back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
