"""The hand-written passes against torch's autograd on networks as anybody would write them."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autoproc.network.dropout import N_PATTERNS, Dropout, make_patterns
from autoproc.network.layers import ParameterTable
from autoproc.network.passes import Batch, Network
from autoproc.network.scratch import Scratch
from autoproc.network.sizes import EMBEDDING_SIZE, InputSizes
from autoproc.spec import NetworkSpec

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Case:
    """S networks, what they read, and the slopes of a made-up loss in their outputs."""

    table: ParameterTable
    rows: torch.Tensor
    batch: Batch
    slopes: torch.Tensor
    rates: torch.Tensor | None
    patterns: list[torch.Tensor]

    @property
    def dropout(self):
        return None if self.rates is None else Dropout(self.rates, self.patterns)

    def part(self, members):
        """The same case of some of its members."""
        batch = self.batch
        picked = batch.patterns.view(len(self.rows), -1)[members].flatten()
        rates = None if self.rates is None else self.rates[members]
        part = Batch(batch.dense[members], batch.codes[members], picked)
        return Case(self.table, self.rows[members], part, self.slopes[members], rates, self.patterns)


def make(
    depth=2,
    width=5,
    n_outputs=2,
    n_dense=3,
    vocabularies=(4, 2),
    rates=None,
    n_members=3,
    n_rows=7,
    seed=0,
    input_scale=False,
) -> Case:
    """Random numbers in all places; `rates` has the members' dropout."""
    generator = torch.Generator().manual_seed(seed)
    table = ParameterTable.of(
        NetworkSpec(depth, width, input_scale), InputSizes(n_dense, n_dense, vocabularies), n_outputs
    )
    rows = torch.zeros(n_members, table.n_columns)
    for view in table.views(rows).values():
        view.normal_(generator=generator)
    first, codes = 0, torch.zeros(n_members, n_rows, len(vocabularies), dtype=torch.int64)
    for column, size in enumerate(vocabularies):
        codes[..., column] = torch.randint(first, first + size, (n_members, n_rows), generator=generator)
        first += size
    batch = Batch(
        torch.randn(n_members, n_rows, n_dense, generator=generator),
        codes,
        torch.randint(N_PATTERNS, (n_members * n_rows,), generator=generator),
    )
    slopes = torch.randn(n_members, n_outputs, n_rows, generator=generator)
    patterns = [make_patterns(seed, layer, width) for layer in range(depth)]
    return Case(table, rows, batch, slopes, None if rates is None else torch.tensor(rates), patterns)


def by_hand(case, scratch=None):
    """Outputs and gradients of the network under test; the gradients' memory holds other numbers before."""
    gradients = torch.zeros_like(case.rows)
    for view in case.table.views(gradients).values():
        view.fill_(7.0)
    network = Network(case.table, case.rows, scratch or Scratch(CPU), gradients)
    outputs = network.forward(case.batch, case.dropout).clone()
    network.backward(case.batch, case.slopes.clone(), case.dropout)
    return outputs, gradients


def by_autograd(case):
    """Outputs and gradients of one network after the other, in double precision."""
    outputs, gradients = [], []
    for member in range(len(case.rows)):
        row = case.rows[member].double().requires_grad_()
        outputs.append(plain_outputs(case, member, row))
        (outputs[-1] * case.slopes[member]).sum().backward()
        gradients.append(row.grad)
    return torch.stack(outputs).detach().float(), torch.stack(gradients).float()


def plain_outputs(case, member, row):
    """(n_outputs, rows) of a member with the parameters `row`."""
    parameters = {name: view[0] for name, view in case.table.views(row[None]).items()}
    hidden = case.batch.dense[member].double()
    if "embedding" in parameters:
        hidden = torch.cat([hidden, parameters["embedding"][case.batch.codes[member]].flatten(1)], dim=1)
    hidden = hidden * parameters.get("input.scale", 1)
    for layer, patterns in enumerate(case.patterns):
        hidden = torch.relu(hidden @ parameters[f"hidden.{layer}.weight"] + parameters[f"hidden.{layer}.bias"])
        if case.rates is not None:
            rate = case.rates[member]
            kept = patterns[case.batch.patterns.view(len(case.rows), -1)[member]] >= rate
            hidden = hidden * kept / (1 - rate.double())
    return (hidden @ parameters["output.weight"].T + parameters["output.bias"]).T


def assert_as_autograd(case):
    outputs, gradients = by_hand(case)
    expected_outputs, expected_gradients = by_autograd(case)
    torch.testing.assert_close(outputs, expected_outputs, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradients, expected_gradients, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rates", [None, [0.0, 0.3, 0.8]], ids=["plain", "dropout"])
@pytest.mark.parametrize(("n_dense", "vocabularies"), [(3, ()), (3, (4, 2)), (0, (4, 2)), (0, (3,))])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("input_scale", [False, True])
def test_outputs_and_gradients_are_those_of_autograd(depth, n_outputs, n_dense, vocabularies, rates, input_scale):
    assert_as_autograd(
        make(
            depth=depth,
            n_outputs=n_outputs,
            n_dense=n_dense,
            vocabularies=vocabularies,
            rates=rates,
            input_scale=input_scale,
        )
    )


@given(st.data())
def test_outputs_and_gradients_are_those_of_autograd_for_any_shape(data):
    n_members = data.draw(st.integers(1, 4), "members")
    vocabularies = data.draw(st.lists(st.integers(1, 4), max_size=3).map(tuple), "vocabularies")
    rates = st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.9]), min_size=n_members, max_size=n_members)
    assert_as_autograd(
        make(
            depth=data.draw(st.integers(1, 3), "depth"),
            width=data.draw(st.integers(1, 9), "width"),
            n_outputs=data.draw(st.integers(1, 4), "outputs"),
            n_dense=data.draw(st.integers(0 if vocabularies else 1, 4), "dense"),
            vocabularies=vocabularies,
            rates=data.draw(st.none() | rates, "rates"),
            input_scale=data.draw(st.booleans(), "input scale"),
            n_members=n_members,
            n_rows=data.draw(st.integers(1, 6), "rows"),
            seed=data.draw(st.integers(0, 1000), "seed"),
        )
    )


def test_the_passes_do_something():
    """Without this the comparisons above could agree on nothing but zeros."""
    case = make(n_rows=20)
    outputs, gradients = by_autograd(case)
    assert (outputs != 0).all()
    assert all((view != 0).float().mean() > 0.5 for view in case.table.views(gradients).values())


def test_columns_between_the_places_stay_zero():
    case = make(width=3, n_outputs=1)
    _, gradients = by_hand(case)
    filled = torch.zeros_like(gradients)
    for view in case.table.views(filled).values():
        view.fill_(1)
    assert (filled == 0).any()
    assert (gradients[filled == 0] == 0).all()


@pytest.mark.parametrize("rates", [None, [0.2, 0.5, 0.5]])
def test_a_member_alone_is_what_it_is_among_others(rates):
    case = make(rates=rates)
    outputs, gradients = by_hand(case)
    for member in range(3):
        alone_outputs, alone_gradients = by_hand(case.part([member]))
        torch.testing.assert_close(alone_outputs[0], outputs[member], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(alone_gradients[0], gradients[member], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("wild", [torch.nan, torch.inf])
def test_neighbours_with_broken_numbers_change_nothing(wild):
    case, beside = make(rates=[0.2, 0.5, 0.5]), make(rates=[0.2, 0.5, 0.5])
    for numbers in (beside.rows, beside.batch.dense, beside.slopes):
        numbers[[0, 2]] = wild
    outputs, gradients = by_hand(case)
    outputs_beside, gradients_beside = by_hand(beside)
    assert torch.equal(outputs_beside[1], outputs[1])
    assert torch.equal(gradients_beside[1], gradients[1])
    assert not torch.isfinite(outputs_beside[[0, 2]]).any()


def test_a_pass_is_not_changed_by_what_earlier_ones_left_behind():
    """Fewer rows than before, and then more: as the batches of training and of scoring follow each other."""
    scratch = Scratch(CPU)
    for n_rows in (7, 2, 9, 7):
        case = make(n_rows=n_rows, rates=[0.2, 0.5, 0.5], seed=n_rows)
        for shared, fresh in zip(by_hand(case, scratch), by_hand(case), strict=True):
            assert torch.equal(shared, fresh)


def test_a_network_reads_the_parameters_as_they_are_now():
    """The optimiser changes them in place, between one pass and the next."""
    case = make()
    gradients = torch.zeros_like(case.rows)
    network = Network(case.table, case.rows, Scratch(CPU), gradients)
    for _ in range(2):
        for view in case.table.views(case.rows).values():
            view.mul_(-1.1)
        torch.testing.assert_close(network.forward(case.batch), by_autograd(case)[0], rtol=1e-4, atol=1e-4)
        network.backward(case.batch, case.slopes)
        torch.testing.assert_close(gradients, by_autograd(case)[1], rtol=1e-4, atol=1e-4)


def test_without_patterns_nothing_is_dropped():
    case = make(rates=[0.9, 0.9, 0.9])
    undropped = Batch(case.batch.dense, case.batch.codes)
    network = Network(case.table, case.rows, Scratch(CPU))
    scored = network.forward(undropped, case.dropout).clone()
    assert torch.equal(scored, network.forward(undropped))
    assert not torch.equal(scored, network.forward(case.batch, case.dropout))


def test_dropped_units_get_no_slopes():
    case = make(depth=1, rates=[0.0, 0.5, 0.9], n_rows=1)
    _, gradients = by_hand(case)
    kept = case.patterns[0][case.batch.patterns] >= case.rates[:, None]
    assert (case.table.views(gradients)["hidden.0.bias"][~kept] == 0).all()
    assert (case.table.views(gradients)["output.weight"][~kept[:, None].expand(-1, 2, -1)] == 0).all()
    assert (~kept).any()


def test_codes_that_nobody_reads_have_no_slopes_and_rows_that_share_a_code_add_up():
    case = make(n_dense=0, vocabularies=(5,), n_rows=4)
    case.batch.codes[:] = torch.tensor([1, 1, 1, 3])[:, None]
    _, gradients = by_hand(case)
    slopes = case.table.views(gradients)["embedding"]
    assert slopes.shape == (3, 5, EMBEDDING_SIZE)
    assert (slopes[:, [0, 2, 4]] == 0).all()
    torch.testing.assert_close(gradients, by_autograd(case)[1], rtol=1e-4, atol=1e-4)


def test_outputs_have_a_row_for_each_output():
    case = make(n_outputs=3)
    network = Network(case.table, case.rows, Scratch(CPU))
    assert network.n_outputs == 3
    assert network.forward(case.batch).shape == (3, 3, 7)
