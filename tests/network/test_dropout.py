import numpy as np
import pytest
import torch

from autoproc.network.dropout import N_PATTERNS, Dropout, make_patterns
from autoproc.network.scratch import Scratch

RATES = [0.0, 0.1, 0.5, 0.9]
WIDTH = 250
PATTERNS = make_patterns(seed=3, layer=0, width=WIDTH)


def drop(rates, hidden, picked, layer=0, patterns=(PATTERNS,)):
    """`hidden` (S, rows, width) after dropout."""
    dropped = hidden.clone()
    Dropout(torch.tensor(rates), list(patterns)).drop(layer, dropped, picked, Scratch(torch.device("cpu")))
    return dropped


def random_picks(*shape):
    return torch.randint(N_PATTERNS, shape, generator=torch.Generator().manual_seed(1)).flatten()


def test_each_unit_has_the_same_numbers_in_an_order_of_its_own():
    spread = (torch.arange(N_PATTERNS) + 0.5) / N_PATTERNS
    assert torch.equal(PATTERNS.sort(dim=0).values, spread[:, None].expand(-1, WIDTH))
    assert len(set(PATTERNS.argmin(dim=0).tolist())) > WIDTH * 0.8


def test_units_are_independent_of_each_other():
    correlations = torch.corrcoef(PATTERNS.T) - torch.eye(WIDTH)
    assert correlations.abs().max().item() < 6 / np.sqrt(N_PATTERNS)
    assert correlations.std().item() == pytest.approx(1 / np.sqrt(N_PATTERNS), rel=0.1)


def test_patterns_follow_from_seed_layer_and_width():
    assert torch.equal(make_patterns(3, 0, WIDTH), PATTERNS)
    for other in (make_patterns(4, 0, WIDTH), make_patterns(3, 1, WIDTH), make_patterns(3, 0, WIDTH + 1)[:, :WIDTH]):
        assert not torch.equal(other, PATTERNS)


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.3, 0.5, 0.9])
def test_all_patterns_together_drop_the_asked_share_of_each_unit(rate):
    [dropped] = drop([rate], torch.ones(1, N_PATTERNS, WIDTH), torch.arange(N_PATTERNS))
    dropped_patterns = (dropped == 0).sum(dim=0)
    assert set(dropped_patterns.tolist()) == {round(rate * N_PATTERNS)}
    torch.testing.assert_close(dropped.mean(dim=0), torch.ones(WIDTH), rtol=1e-2, atol=0)


@pytest.fixture(scope="module")
def dropped():
    """Ones after dropout, one member a rate."""
    return drop(RATES, torch.ones(len(RATES), 400, WIDTH), random_picks(len(RATES), 400))


@pytest.mark.parametrize("member", range(len(RATES)))
def test_dropout_meets_each_members_rate_and_keeps_the_mean(dropped, member):
    rate, units = RATES[member], dropped[member]
    kept = (units != 0).float()
    assert kept.mean().item() == pytest.approx(1 - rate, abs=5 * np.sqrt(0.25 / kept.numel()))
    assert units.mean().item() == pytest.approx(1, abs=5 * np.sqrt(rate / (1 - rate) / kept.numel()) + 1e-6)
    assert units.var().item() == pytest.approx(rate / (1 - rate), rel=0.05, abs=1e-9)
    assert len(units.unique()) == (1 if rate == 0 else 2)


def test_dropout_is_independent_from_unit_to_unit_and_row_to_row(dropped):
    kept = (dropped[2] != 0).double()
    for shifted in (kept.roll(1, dims=1), kept.roll(1, dims=0), kept.roll(8, dims=1)):
        correlation = torch.corrcoef(torch.stack([kept.flatten(), shifted.flatten()]))[0, 1]
        assert abs(correlation.item()) < 5 / np.sqrt(kept.numel())


def test_a_pattern_drops_units_below_the_rate_and_scales_up_the_others():
    patterns = torch.tensor([[0.1, 0.3, 0.6], [0.7, 0.2, 0.5]])
    hidden = torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
    dropped = drop([0.5, 0.2], hidden, torch.tensor([0, 1, 1, 0]), patterns=[patterns])
    expected = [[[0, 0, 6], [8, 0, 12]], [[1.25, 2.5, 3.75], [0, 6.25, 7.5]]]
    torch.testing.assert_close(dropped, torch.tensor(expected))


def test_each_layer_has_patterns_of_its_own():
    patterns = [make_patterns(0, layer, 20) for layer in (0, 1)]
    hidden, picked = torch.ones(1, 30, 20), random_picks(30)
    first, second = (drop([0.5], hidden, picked, layer, patterns) for layer in (0, 1))
    assert not torch.equal(first, second)


def test_no_dropout_leaves_the_units_as_they_are_also_beside_others():
    hidden = torch.randn(2, 3, WIDTH, generator=torch.Generator().manual_seed(0))
    dropped = drop([0.0, 0.5], hidden, random_picks(2, 3))
    assert torch.equal(dropped[0], hidden[0])
    assert not torch.equal(dropped[1], hidden[1])


def test_what_a_member_drops_does_not_hang_on_its_neighbours():
    hidden = torch.randn(3, 4, WIDTH, generator=torch.Generator().manual_seed(0))
    picked = random_picks(3, 4)
    together = drop([0.3, 0.6, 0.0], hidden, picked)
    assert torch.equal(drop([0.6], hidden[[1]], picked.view(3, 4)[1])[0], together[1])


@pytest.mark.parametrize("rate", [0.99, 0.998, 0.9999])
def test_the_highest_rates_still_keep_a_few_units(rate):
    [units] = drop([rate], torch.ones(1, N_PATTERNS, WIDTH), torch.arange(N_PATTERNS))
    assert (units.sum(dim=0) == N_PATTERNS).all(), "each unit is kept now and then, and its mean is right"
    assert (units != 0).float().mean() == 1 / 64


def test_slopes_are_scaled_as_the_kept_units_were():
    dropout = Dropout(torch.tensor([0.0, 0.5, 0.9999]), [PATTERNS])
    slopes = torch.ones(3, 2, 4)
    dropout.scale(slopes)
    assert torch.equal(slopes, torch.tensor([1.0, 2.0, 64.0])[:, None, None].expand(3, 2, 4))
