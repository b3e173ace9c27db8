import torch
from hypothesis import given
from hypothesis import strategies as st

from autoproc.network.seeds import generator, seed_of


def test_generators_differ_in_every_seed():
    draws = [
        torch.rand(1, generator=generator(*seeds)).item() for seeds in ((1, 2), (2, 1), (1,), (1, 2, 0), (0, 1, 2))
    ]
    assert len(set(draws)) == 5
    assert torch.rand(1, generator=generator(1, 2)).item() == draws[0]


@given(st.lists(st.integers(0, 2**32), min_size=1, max_size=5))
def test_a_seed_is_one_that_torch_takes_and_is_that_of_the_generator(seeds):
    assert seed_of(*seeds) == generator(*seeds).initial_seed()
    assert seed_of(*seeds) != seed_of(*seeds, 0)


def test_drawing_from_one_generator_leaves_the_others_alone():
    first, second = generator(3), generator(3)
    torch.rand(100, generator=first)
    assert torch.equal(torch.rand(5, generator=second), torch.rand(5, generator=generator(3)))
