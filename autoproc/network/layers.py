"""The parameters of S networks as the rows of one matrix.

Row s holds every parameter of member s, so that an optimiser's update, a snapshot of the best weights, or the arrival
and departure of members is an operation on rows.
"""

from dataclasses import dataclass
from math import prod, sqrt

import torch
from torch import Tensor

from autoproc.network.sizes import EMBEDDING_SIZE, INPUT_SCALE, InputSizes, parameter_shapes
from autoproc.spec import NetworkSpec

FIRST_WEIGHT = "hidden.0.weight"
_ALIGNED = EMBEDDING_SIZE  # places start at multiples of it: a row is then also a table of embeddings' rows


@dataclass(frozen=True)
class ParameterTable:
    """Where each parameter of a network lies in a row: names, shapes and first columns.

    Weights, which the penalties act on, come first and fill the first `n_weights` columns, and embeddings come last.
    Columns between the places belong to nobody and stay 0.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    starts: tuple[int, ...]
    n_weights: int
    n_columns: int

    @classmethod
    def of(cls, network: NetworkSpec, sizes: InputSizes, n_outputs: int) -> "ParameterTable":
        """The table of the networks' parameters, in the order of `parameter_shapes`."""
        shapes = parameter_shapes(network, sizes, n_outputs)
        starts = [0]
        for shape in shapes.values():
            starts.append(starts[-1] + -(-prod(shape) // _ALIGNED) * _ALIGNED)
        n_weights = sum(name.endswith(".weight") for name in shapes)
        return cls(tuple(shapes), tuple(shapes.values()), tuple(starts[:-1]), starts[n_weights], starts[-1])

    @property
    def n_parameters(self) -> int:
        """Numbers that a network learns."""
        return sum(map(prod, self.shapes))

    @property
    def factors(self) -> slice:
        """Columns of the inputs' factors, of which there may be none."""
        if INPUT_SCALE not in self.names:
            return slice(0, 0)
        place = self.names.index(INPUT_SCALE)
        return slice(self.starts[place], self.starts[place] + prod(self.shapes[place]))

    @property
    def n_outputs(self) -> int:
        return self.shapes[self.names.index("output.bias")][0]

    def views(self, rows: Tensor) -> dict[str, Tensor]:
        """Views of `rows` (S, n_columns) by name, each (S, *shape)."""
        return {
            name: rows[:, start : start + prod(shape)].view(len(rows), *shape)
            for name, shape, start in zip(self.names, self.shapes, self.starts, strict=True)
        }

    def plain(self, row: Tensor) -> dict[str, Tensor]:
        """The parameters in one member's `row` (n_columns,) by name, as a network without factors of the inputs has
        them: they are multiplied into the first layer's weights."""
        parameters = {name: view[0] for name, view in self.views(row[None]).items()}
        if INPUT_SCALE in parameters:
            parameters[FIRST_WEIGHT] = parameters[FIRST_WEIGHT] * parameters.pop(INPUT_SCALE)[:, None]
        return parameters

    def initial(self, generator: torch.Generator) -> Tensor:
        """One member's starting row (n_columns,): He's uniform for hidden weights, a smaller range for the last
        layer, normal embeddings, factors of 1, zero biases."""
        row = torch.zeros(1, self.n_columns)
        for name, view in self.views(row).items():
            if name == INPUT_SCALE:
                view.fill_(1)
            elif name == "embedding":
                view.normal_(0, 0.5, generator=generator)
            elif name == "output.weight":
                bound = sqrt(1 / view.shape[2])
                view.uniform_(-bound, bound, generator=generator)
            elif name.endswith(".weight"):
                bound = sqrt(6 / view.shape[1])
                view.uniform_(-bound, bound, generator=generator)
        return row[0]
