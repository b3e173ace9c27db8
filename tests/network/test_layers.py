from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autoproc.network.layers import FIRST_WEIGHT, ParameterTable
from autoproc.network.sizes import EMBEDDING_SIZE, INPUT_SCALE, InputSizes
from autoproc.spec import NetworkSpec

SIZES = InputSizes(n_dense=3, n_numeric=3, vocabularies=(4, 2))
TABLE = ParameterTable.of(NetworkSpec(2, 5), SIZES, 2)
INPUTS = st.one_of(
    st.builds(InputSizes, st.integers(1, 9), st.just(0), st.just(())),
    st.builds(
        InputSizes, st.integers(0, 9), st.just(0), st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple)
    ),
)
TABLES = st.builds(
    ParameterTable.of,
    st.builds(NetworkSpec, st.integers(1, 4), st.integers(1, 20), st.booleans()),
    INPUTS,
    st.integers(1, 5),
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_weights_come_first_and_embeddings_last():
    assert TABLE.names == (
        "hidden.0.weight",
        "hidden.1.weight",
        "output.weight",
        "hidden.0.bias",
        "hidden.1.bias",
        "output.bias",
        "embedding",
    )
    assert TABLE.shapes == ((19, 5), (5, 5), (2, 5), (5,), (5,), (2,), (6, EMBEDDING_SIZE))
    assert TABLE.starts == (0, 96, 128, 144, 152, 160, 168)
    assert TABLE.n_weights == 144
    assert TABLE.n_columns == 168 + 48
    assert TABLE.n_parameters == 19 * 5 + 25 + 10 + 12 + 48
    assert TABLE.n_outputs == 2


def test_without_embedded_columns_there_is_no_embedding():
    table = ParameterTable.of(NetworkSpec(1, 4), InputSizes(3, 2, ()), 1)
    assert table.names == ("hidden.0.weight", "output.weight", "hidden.0.bias", "output.bias")


@given(TABLES)
def test_places_are_aligned_and_lie_one_after_the_other(table):
    assert table.n_columns % EMBEDDING_SIZE == 0
    assert all(start % EMBEDDING_SIZE == 0 for start in table.starts)
    ends = [start + prod(shape) for start, shape in zip(table.starts, table.shapes, strict=True)]
    for end, following in zip(ends, (*table.starts[1:], table.n_columns), strict=True):
        assert 0 <= following - end < EMBEDDING_SIZE
    assert table.n_weights in table.starts
    assert all(
        name.endswith("weight") == (start < table.n_weights)
        for name, start in zip(table.names, table.starts, strict=True)
    )


@given(TABLES)
def test_views_share_memory_and_cover_each_parameter_once(table):
    rows = torch.zeros(3, table.n_columns)
    views = table.views(rows)
    for view in views.values():
        view.add_(1)
    assert set(rows.unique().tolist()) <= {0.0, 1.0}
    assert rows.sum().item() == 3 * table.n_parameters
    assert [tuple(view.shape) for view in views.values()] == [(3, *shape) for shape in table.shapes]


@given(TABLES)
def test_columns_between_the_places_are_zero_at_the_start(table):
    row = table.initial(generator())
    taken = torch.zeros(1, table.n_columns)
    for view in table.views(taken).values():
        view.fill_(1)
    assert row.shape == (table.n_columns,)
    assert (row[taken[0] == 0] == 0).all()


def test_starting_parameters_follow_from_the_seed():
    assert torch.equal(TABLE.initial(generator(1)), TABLE.initial(generator(1)))
    assert not torch.equal(TABLE.initial(generator(1)), TABLE.initial(generator(2)))


def test_starting_parameters_have_hes_spread():
    table = ParameterTable.of(NetworkSpec(2, 100), InputSizes(100, 100, (50,)), 100)
    views = table.views(table.initial(generator())[None])
    for name, gain in (("hidden.0.weight", 2.0), ("hidden.1.weight", 2.0), ("output.weight", 1 / 3)):
        view = views[name]
        n_inputs = view.shape[2] if name == "output.weight" else view.shape[1]
        assert view.std().item() == pytest.approx(np.sqrt(gain / n_inputs), rel=0.05)
        assert view.abs().max().item() <= np.sqrt(3 * gain / n_inputs)
    assert views["embedding"].std().item() == pytest.approx(0.5, rel=0.1)
    assert all((views[name] == 0).all() for name in views if name.endswith(".bias"))


def test_the_spread_of_the_last_layer_follows_from_its_inputs():
    """It is stored the other way round than the hidden ones."""
    table = ParameterTable.of(NetworkSpec(1, 400), InputSizes(2, 2, ()), 4)
    output = table.views(table.initial(generator())[None])["output.weight"]
    assert output.shape == (1, 4, 400)
    assert 0.045 < output.abs().max().item() <= 1 / 20


def test_factors_of_the_inputs_are_learned_but_not_penalised_and_start_from_one():
    plain, scaled = (ParameterTable.of(NetworkSpec(2, 5, input_scale), SIZES, 2) for input_scale in (False, True))
    assert set(scaled.names) - set(plain.names) == {INPUT_SCALE}
    assert scaled.n_weights == plain.n_weights
    row, other = (table.initial(generator())[None] for table in (scaled, plain))
    assert (scaled.views(row)[INPUT_SCALE] == 1).all()
    for name, view in plain.views(other).items():
        assert torch.equal(scaled.views(row)[name], view), "and nothing else starts elsewhere"


def test_in_a_plain_network_the_factors_are_part_of_the_first_weights():
    table = ParameterTable.of(NetworkSpec(2, 5, input_scale=True), SIZES, 2)
    row = table.initial(generator())
    views = {name: view[0] for name, view in table.views(row[None]).items()}
    views[INPUT_SCALE].copy_(torch.arange(19))
    plain = table.plain(row)
    assert list(plain) == [name for name in table.names if name != INPUT_SCALE]
    torch.testing.assert_close(plain[FIRST_WEIGHT], torch.diag(torch.arange(19.0)) @ views[FIRST_WEIGHT])
    assert all(torch.equal(plain[name], views[name]) for name in plain if name != FIRST_WEIGHT)
