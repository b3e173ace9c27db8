"""The arrays of an exported network: their names and shapes, known without torch before a file of them is read."""

from autoproc.data.vectorize import Layout
from autoproc.network.averaging import SHARE
from autoproc.network.sizes import InputSizes, parameter_shapes
from autoproc.plan import Task
from autoproc.spec import NetworkSpec

TARGET_STATISTICS = ("target.center", "target.spread")
SPREAD, EDGES = "input.spread", "input.edges"
STATISTICS = ("input.center", SPREAD, EDGES, *TARGET_STATISTICS)


def expected_shapes(
    network: NetworkSpec, layout: Layout, task: Task, n_outputs: int, n_members: int, n_pieces: int = 0
) -> dict[str, tuple[int, ...]]:
    """Name and shape of every array that a Predictor of this kind needs; classes have one target statistic,
    which they do not use. Arrays are float32, but for the targets' statistics, which are float64."""
    sizes = InputSizes.of(layout, n_pieces)
    n_scaled = 1 if task in ("binary", "multiclass") else n_outputs
    of_inputs: list[tuple[int, ...]] = [(sizes.n_numeric,), (sizes.n_numeric,), (n_pieces + 1, sizes.n_numeric)]
    statistics = dict(zip(STATISTICS, [*of_inputs, (n_scaled,), (n_scaled,)], strict=True))
    shapes: dict[str, tuple[int, ...]] = {**parameter_shapes(network, sizes, n_outputs), **statistics, SHARE: ()}
    return {name: (n_members, *shape) for name, shape in shapes.items()}
