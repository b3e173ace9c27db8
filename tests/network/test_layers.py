import numpy as np
import pytest
import torch

from autoproc.network.inputs import Inputs, InputSizes
from autoproc.network.layers import Dropout, ParameterTable, forward
from autoproc.spec import NetworkSpec

SIZES = InputSizes(n_dense=3, n_numeric=3, vocabularies=(4, 2))
TABLE = ParameterTable.of(NetworkSpec(2, 5), SIZES, 2)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_inputs(n_members, n_rows):
    dense = torch.randn(n_members, n_rows, 3, generator=generator())
    codes = torch.stack(
        [torch.randint(low, high, (n_members, n_rows), generator=generator()) for low, high in ((0, 4), (4, 6))], dim=2
    )
    return Inputs(dense, codes)


def test_weights_come_first_and_everything_has_a_place():
    assert TABLE.names == (
        "hidden.0.weight",
        "hidden.1.weight",
        "output.weight",
        "hidden.0.bias",
        "hidden.1.bias",
        "output.bias",
        "embedding",
    )
    assert TABLE.shapes == ((19, 5), (5, 5), (5, 2), (5,), (5,), (2,), (6, 8))
    assert TABLE.n_weights == 19 * 5 + 25 + 10
    assert TABLE.n_parameters == TABLE.n_weights + 12 + 48


def test_without_embedded_columns_there_is_no_embedding():
    table = ParameterTable.of(NetworkSpec(1, 4), InputSizes(3, 2, ()), 1)
    assert table.names == ("hidden.0.weight", "output.weight", "hidden.0.bias", "output.bias")


def test_views_share_memory_and_cover_each_row_once():
    rows = torch.zeros(3, TABLE.n_parameters)
    views = TABLE.views(rows)
    for view in views.values():
        view.add_(1)
    assert (rows == 1).all()
    assert [tuple(view.shape) for view in views.values()] == [(3, *shape) for shape in TABLE.shapes]


def test_starting_parameters_follow_from_the_seed():
    assert torch.equal(TABLE.initial(generator(1)), TABLE.initial(generator(1)))
    assert not torch.equal(TABLE.initial(generator(1)), TABLE.initial(generator(2)))


def test_starting_parameters_have_hes_spread():
    table = ParameterTable.of(NetworkSpec(2, 100), InputSizes(100, 100, (50,)), 100)
    views = table.views(table.initial(generator())[None])
    for name, gain in (("hidden.1.weight", 2.0), ("output.weight", 1 / 3)):
        view = views[name]
        assert view.std().item() == pytest.approx(np.sqrt(gain / view.shape[1]), rel=0.05)
        assert view.abs().max().item() <= np.sqrt(3 * gain / view.shape[1])
    assert views["embedding"].std().item() == pytest.approx(0.5, rel=0.1)
    assert all((views[name] == 0).all() for name in views if name.endswith(".bias"))


def test_forward_is_each_members_own_network():
    rows = torch.randn(3, TABLE.n_parameters, generator=generator(5))
    inputs = random_inputs(3, 7)
    outputs = forward(TABLE.views(rows), inputs)
    assert outputs.shape == (3, 7, 2)
    for s in range(3):
        p = {name: view[s].numpy() for name, view in TABLE.views(rows).items()}
        embedded = p["embedding"][inputs.codes[s].numpy()].reshape(7, 16)
        hidden = np.concatenate([inputs.dense[s].numpy(), embedded], axis=1)
        for layer in ("hidden.0", "hidden.1"):
            hidden = np.maximum(hidden @ p[f"{layer}.weight"] + p[f"{layer}.bias"], 0)
        expected = hidden @ p["output.weight"] + p["output.bias"]
        np.testing.assert_allclose(outputs[s], expected, rtol=1e-4, atol=1e-4)


def test_gradients_do_not_mix_members():
    rows = torch.randn(3, TABLE.n_parameters, generator=generator(5)).requires_grad_()
    forward(TABLE.views(rows), random_inputs(3, 7))[1].sum().backward()
    touched = rows.grad.abs().sum(dim=1) > 0
    assert touched.tolist() == [False, True, False]


RATES = [0.0, 0.1, 0.5, 0.9]


@pytest.fixture(scope="module")
def dropped():
    """Ones after dropout, one member a rate."""
    return Dropout(torch.tensor(RATES), generator())(torch.ones(len(RATES), 400, 250))


@pytest.mark.parametrize("member", range(len(RATES)))
def test_dropout_meets_each_members_rate_and_keeps_the_mean(dropped, member):
    rate, units = RATES[member], dropped[member]
    kept = (units != 0).float()
    bound = 5 * np.sqrt(0.25 / kept.numel()) + 1 / 512
    assert kept.mean().item() == pytest.approx(1 - rate, abs=bound)
    assert units.mean().item() == pytest.approx(1, abs=5 * np.sqrt(rate / (1 - rate) / kept.numel()) + 1e-6)
    assert units.var().item() == pytest.approx(rate / (1 - rate), rel=0.05, abs=1e-9)
    assert len(units.unique()) == (1 if rate == 0 else 2)


def test_dropout_is_independent_from_unit_to_unit_and_row_to_row(dropped):
    kept = (dropped[2] != 0).double()
    for shifted in (kept.roll(1, dims=1), kept.roll(1, dims=0), kept.roll(8, dims=1)):
        correlation = torch.corrcoef(torch.stack([kept.flatten(), shifted.flatten()]))[0, 1]
        assert abs(correlation.item()) < 5 / np.sqrt(kept.numel())


def test_no_dropout_leaves_the_units_as_they_are():
    hidden = torch.randn(2, 3, 5, generator=generator())
    assert torch.equal(Dropout(torch.zeros(2), generator())(hidden), hidden)


@pytest.mark.parametrize("rate", [0.998, 0.9999])
def test_the_highest_rates_still_keep_a_few_units(rate):
    units = Dropout(torch.tensor([rate]), generator())(torch.ones(1, 300, 300))
    assert torch.isfinite(units).all()
    assert 0 < (units != 0).float().mean() < 0.008
    assert units.mean().item() == pytest.approx(1, abs=0.3)


def test_dropout_takes_any_number_of_units():
    assert Dropout(torch.tensor([0.5]), generator())(torch.ones(1, 1, 3)).shape == (1, 1, 3)


def test_forward_drops_hidden_units_only_where_asked():
    rows = torch.randn(2, TABLE.n_parameters, generator=generator(5))
    inputs = random_inputs(2, 7)
    plain = forward(TABLE.views(rows), inputs)
    noisy = forward(TABLE.views(rows), inputs, Dropout(torch.tensor([0.0, 0.5]), generator()))
    torch.testing.assert_close(noisy[0], plain[0])
    assert not torch.allclose(noisy[1], plain[1])
