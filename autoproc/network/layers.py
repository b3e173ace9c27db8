"""The network itself: S members' parameters in one matrix, and one forward pass for all of them.

Row s of the (S, P) matrix holds every parameter of member s, so that an optimiser's update, a snapshot
of the best weights, or the arrival and departure of members is an operation on rows.
"""

from dataclasses import dataclass
from itertools import accumulate
from math import prod, sqrt

import torch
from torch import Tensor
from torch.nn import functional

from autoproc.network.inputs import EMBEDDING_SIZE, Inputs, InputSizes
from autoproc.spec import NetworkSpec


@dataclass(frozen=True)
class ParameterTable:
    """Where each parameter of a network lies in a row: names, shapes and offsets. Weights, which the
    penalties act on, come first and fill the first `n_weights` columns."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    n_weights: int

    @classmethod
    def of(cls, network: NetworkSpec, sizes: InputSizes, n_outputs: int) -> "ParameterTable":
        widths = [sizes.width, *[network.width] * network.depth, n_outputs]
        layers = [*(f"hidden.{i}" for i in range(network.depth)), "output"]
        weights = {f"{layer}.weight": (a, b) for layer, a, b in zip(layers, widths, widths[1:], strict=False)}
        biases = {f"{layer}.bias": (width,) for layer, width in zip(layers, widths[1:], strict=True)}
        embedding = {"embedding": (sum(sizes.vocabularies), EMBEDDING_SIZE)} if sizes.vocabularies else {}
        shapes = {**weights, **biases, **embedding}
        return cls(tuple(shapes), tuple(shapes.values()), sum(prod(shape) for shape in weights.values()))

    @property
    def n_parameters(self) -> int:
        """P, the length of a row."""
        return sum(map(prod, self.shapes))

    def views(self, rows: Tensor) -> dict[str, Tensor]:
        """Views of `rows` (S, P) by name, each (S, *shape)."""
        stops = list(accumulate(map(prod, self.shapes)))
        starts = [0, *stops[:-1]]
        return {
            name: rows[:, start:stop].view(len(rows), *shape)
            for name, shape, start, stop in zip(self.names, self.shapes, starts, stops, strict=True)
        }

    def initial(self, generator: torch.Generator) -> Tensor:
        """One member's starting parameters (P,): He's uniform for hidden weights, a smaller range for the
        last layer, normal embeddings, zero biases."""
        row = torch.zeros(1, self.n_parameters)
        for name, view in self.views(row).items():
            if name == "embedding":
                view.normal_(0, 0.5, generator=generator)
            elif name.endswith(".weight"):
                gain = 1 if name == "output.weight" else 6
                bound = sqrt(gain / view.shape[1])
                view.uniform_(-bound, bound, generator=generator)
        return row[0]


class Dropout:
    """Dropout with a rate of its own for each member.

    One random byte decides about a unit (an int64 draw gives eight), so a rate is met to within 1/256
    (at most 255/256), and kept units are scaled by the share that is really kept.
    """

    def __init__(self, rates: Tensor, generator: torch.Generator) -> None:
        dropped = (rates * 256).round().clamp(max=255)
        self._threshold = dropped.to(torch.uint8)[:, None, None]
        self._scale = (256 / (256 - dropped))[:, None, None]
        self._generator = generator

    def __call__(self, hidden: Tensor) -> Tensor:
        """`hidden` (S, rows, width) with units dropped; in training only."""
        draws = torch.empty(-(-hidden.numel() // 8), dtype=torch.int64, device=hidden.device)
        draws.random_(-(2**63), None, generator=self._generator)
        bytes_ = draws.view(torch.uint8)[: hidden.numel()].view(hidden.shape)
        return hidden * ((bytes_ >= self._threshold) * self._scale)


def forward(parameters: dict[str, Tensor], inputs: Inputs, dropout: Dropout | None = None) -> Tensor:
    """Outputs (S, rows, n_outputs) of S members for scaled inputs (S, rows, ...): logits, or
    standardised values."""
    hidden = inputs.dense
    if "embedding" in parameters:
        hidden = torch.cat([hidden, _embed(parameters["embedding"], inputs.codes)], dim=-1)
    depth = sum(name.startswith("hidden.") for name in parameters) // 2
    for layer in range(depth):
        hidden = _linear(parameters, f"hidden.{layer}", hidden).relu_()
        if dropout is not None:
            hidden = dropout(hidden)
    return _linear(parameters, "output", hidden)


def _linear(parameters: dict[str, Tensor], layer: str, hidden: Tensor) -> Tensor:
    return torch.baddbmm(parameters[f"{layer}.bias"].unsqueeze(1), hidden, parameters[f"{layer}.weight"])


def _embed(table: Tensor, codes: Tensor) -> Tensor:
    """Rows of each member's table: (S, R, e) and codes (S, rows, C) -> (S, rows, C * e)."""
    n_members, n_codes, size = table.shape
    shift = torch.arange(n_members, device=codes.device)[:, None, None] * n_codes
    looked_up = functional.embedding(codes + shift, table.reshape(n_members * n_codes, size))
    return looked_up.flatten(2)
