"""How wide the inputs of a network are; without torch, for what is decided before anything trains."""

from dataclasses import dataclass
from itertools import pairwise

from autoproc.data.vectorize import Layout
from autoproc.spec import NetworkSpec

EMBEDDING_SIZE = 8
INPUT_SCALE = "input.scale"


@dataclass(frozen=True)
class InputSizes:
    """Widths that the first layer follows from: `n_dense` columns, of which the first `n_numeric` are scaled per fold
    and the last say how far each of these numbers is through each of its `n_pieces` pieces; and the vocabulary size of
    each embedded column."""

    n_dense: int
    n_numeric: int
    vocabularies: tuple[int, ...]
    n_pieces: int = 0

    @classmethod
    def of(cls, layout: Layout, n_pieces: int = 0) -> "InputSizes":
        one_hot = sum(size for _, size in layout.one_hot)
        n_numeric = len(layout.numeric)
        n_dense = n_numeric * (1 + n_pieces) + len(layout.passthrough) + len(layout.indicators) + one_hot
        return cls(n_dense, n_numeric, tuple(size for _, size in layout.embedded), n_pieces)

    @property
    def n_widened(self) -> int:
        """Dense columns that are not pieces."""
        return self.n_dense - self.n_numeric * self.n_pieces

    @property
    def width(self) -> int:
        """Inputs of the first layer."""
        return self.n_dense + EMBEDDING_SIZE * len(self.vocabularies)


def parameter_shapes(network: NetworkSpec, sizes: InputSizes, n_outputs: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of each parameter of one network: weights first, which end in `.weight`, and embeddings last.

    Hidden weights are (inputs, units), those of the output (outputs, units): the fastest way round for products with
    many columns and with few."""
    widths = [sizes.width, *[network.width] * network.depth]
    hidden = {f"hidden.{i}": pair for i, pair in enumerate(pairwise(widths))}
    shapes: dict[str, tuple[int, ...]] = {f"{layer}.weight": pair for layer, pair in hidden.items()}
    shapes["output.weight"] = (n_outputs, network.width)
    shapes |= {f"{layer}.bias": (network.width,) for layer in hidden}
    shapes["output.bias"] = (n_outputs,)
    if network.input_scale:
        shapes[INPUT_SCALE] = (sizes.width,)
    if sizes.vocabularies:
        shapes["embedding"] = (sum(sizes.vocabularies), EMBEDDING_SIZE)
    return shapes
