from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def global_generator_untouched() -> Iterator[None]:
    """Nothing in the network may draw from torch's global generator: results must follow from seeds alone."""
    before = torch.get_rng_state()
    yield
    assert torch.equal(before, torch.get_rng_state())
