from collections.abc import Iterator

import pytest
import torch


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Torch works with two threads, whatever the machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def global_generator_untouched() -> Iterator[None]:
    """Nothing in the network may draw from torch's global generator: results must follow from seeds alone."""
    before = torch.get_rng_state()
    yield
    assert torch.equal(before, torch.get_rng_state())
