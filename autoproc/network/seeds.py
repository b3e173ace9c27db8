"""Random numbers that follow from seeds alone: no generator is shared, so nothing hangs on who draws first."""

import numpy as np
import torch


def generator(*seeds: int) -> torch.Generator:
    """A CPU generator whose stream is fixed by all of `seeds` together."""
    return torch.Generator().manual_seed(seed_of(*seeds))


def seed_of(*seeds: int) -> int:
    """One seed that is fixed by all of `seeds` together."""
    # Their number goes in as well, because a SeedSequence takes no notice of zeros at its end.
    state = np.random.SeedSequence((len(seeds), *seeds)).generate_state(2, np.uint32)
    return int(state[0]) << 32 | int(state[1])
