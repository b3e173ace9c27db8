"""Networks of several shapes as one: what they predict together is the average of what each predicts alone."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoproc.network.arrays import expected_shapes
from autoproc.network.averaging import SHARE, equal_shares, joined
from autoproc.network.predictor import Predictor
from autoproc.plan import Task
from autoproc.results import Weights
from autoproc.spec import NetworkSpec
from tests.export.bundles import SCHEMA, rows

N_OUTPUTS: dict[Task, int] = {"binary": 1, "multiclass": 3, "vector_regression": 2}
MATRIX = SCHEMA.matrix(rows(30))


def made(network: NetworkSpec, task: Task, n_members: int, seed: int) -> Weights:
    random = np.random.default_rng(seed)
    shapes = expected_shapes(network, SCHEMA.layout, task, N_OUTPUTS[task], n_members)
    drawn = {name: random.normal(0, 0.5, size=shape).astype(np.float32) for name, shape in shapes.items()}
    spread = np.abs(drawn["input.spread"]) + 1
    return {**drawn, "input.spread": spread, SHARE: equal_shares(n_members)}


def predicted(task: Task, weights: Weights) -> np.ndarray:
    return Predictor(task, SCHEMA.layout, weights).mean(MATRIX)


@pytest.mark.parametrize("task", N_OUTPUTS)
@settings(max_examples=20, deadline=None)
@given(
    shapes=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 3)), min_size=1, max_size=3),
    counts=st.lists(st.integers(1, 4), min_size=3, max_size=3),
)
def test_networks_of_any_shapes_predict_together_what_they_predict_on_average(
    task: Task, shapes: Sequence[tuple[int, int, int]], counts: Sequence[int]
) -> None:
    networks = [(NetworkSpec(depth, width), n_members) for depth, width, n_members in shapes]
    weights = [made(network, task, n, seed) for seed, (network, n) in enumerate(networks)]
    parts = [(net, each, float(count)) for (net, _), each, count in zip(networks, weights, counts, strict=False)]
    network, together = joined(parts)
    alone = np.stack([predicted(task, each) for each in weights])
    wanted = np.average(alone, axis=0, weights=counts[: len(parts)])
    np.testing.assert_allclose(predicted(task, together), wanted, rtol=2e-5, atol=2e-6)
    assert network == NetworkSpec(max(s[0] for s in shapes), max(s[1] for s in shapes))
    assert together[SHARE].sum() == pytest.approx(1)


@pytest.mark.parametrize("task", N_OUTPUTS)
def test_joined_weights_are_those_that_a_bundle_of_their_shape_needs(task: Task) -> None:
    parts = [
        (NetworkSpec(1, 3), made(NetworkSpec(1, 3), task, 2, 0), 1.0),
        (NetworkSpec(2, 5), made(NetworkSpec(2, 5), task, 1, 1), 3.0),
    ]
    network, together = joined(parts)
    wanted = expected_shapes(network, SCHEMA.layout, task, N_OUTPUTS[task], 3)
    assert {name: array.shape for name, array in together.items()} == wanted
    assert together[SHARE].tolist() == pytest.approx([0.125, 0.125, 0.75])


def test_a_part_alone_stays_as_it_is() -> None:
    weights = made(NetworkSpec(2, 4), "binary", 3, 0)
    _, same = joined([(NetworkSpec(2, 4), weights, 7.0)])
    for name, array in weights.items():
        np.testing.assert_array_equal(same[name], array)
        assert same[name].dtype == array.dtype
