"""One forward and one backward pass for S networks at once, written out by hand.

What autograd would do, but in memory that is reserved once, with gradients written where the optimiser reads them, and
with no pass over the numbers that need not be made. tests/network/test_passes.py compares it with autograd.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from autoproc.network.dropout import Dropout
from autoproc.network.layers import ParameterTable
from autoproc.network.scratch import Scratch
from autoproc.network.sizes import EMBEDDING_SIZE, INPUT_SCALE


@dataclass(frozen=True)
class Batch:
    """What S members read: scaled `dense` inputs (S, rows, n_dense), `codes` (S, rows, C), and in training each row's
    pattern of dropout (S * rows,)."""

    dense: Tensor
    codes: Tensor
    patterns: Tensor | None = None


class Network:
    """S networks with the parameters `rows` (S, n_columns of `table`); `backward` fills `gradients`, of the same shape.

    What a pass returns or remembers lies in `scratch` and is valid until the next pass.
    """

    def __init__(self, table: ParameterTable, rows: Tensor, scratch: Scratch, gradients: Tensor | None = None) -> None:
        self._scratch = scratch
        parameters = table.views(rows)
        depth = sum(name.startswith("hidden.") for name in table.names) // 2
        self._weights = [parameters[f"hidden.{layer}.weight"] for layer in range(depth)]
        self._first_weight = self._weights[0]
        self._input_scale = parameters.get(INPUT_SCALE)  # (S, inputs), multiplied into the first layer's weights
        self._biases = [parameters[f"hidden.{layer}.bias"].unsqueeze(1) for layer in range(depth)]
        self._output_weight = parameters["output.weight"]
        self._output_bias = parameters["output.bias"].unsqueeze(2)
        self._embedding = _Embedding(table, rows, scratch, gradients) if "embedding" in parameters else None
        self._slopes = table.views(gradients) if gradients is not None else {}
        self._hidden: list[Tensor] = []  # activations of the last forward pass, layer by layer

    @property
    def n_outputs(self) -> int:
        return self._output_bias.shape[1]

    def forward(self, batch: Batch, dropout: Dropout | None = None) -> Tensor:
        """Outputs (S, n_outputs, rows): logits, or standardised values."""
        hidden = batch.dense
        n_members, n_rows, n_dense = hidden.shape
        self._hidden = []
        if self._input_scale is not None:
            scaled = self._scratch.take("scaled weight", *self._first_weight.shape)
            self._weights[0] = torch.mul(self._first_weight, self._input_scale.unsqueeze(2), out=scaled)
        for layer, (weight, bias) in enumerate(zip(self._weights, self._biases, strict=True)):
            units = self._scratch.take(f"hidden.{layer}", n_members, n_rows, bias.shape[2])
            if layer == 0 and self._embedding is not None:
                torch.baddbmm(bias, hidden, weight[:, :n_dense], out=units)
                units.baddbmm_(self._embedding.look_up(batch.codes), weight[:, n_dense:])
            else:
                torch.baddbmm(bias, hidden, weight, out=units)
            hidden = units.relu_()
            if dropout is not None and batch.patterns is not None:
                dropout.drop(layer, hidden, batch.patterns, self._scratch)
            self._hidden.append(hidden)
        out = self._scratch.take("output", n_members, self.n_outputs, n_rows)
        return torch.baddbmm(self._output_bias, self._output_weight, hidden.transpose(1, 2), out=out)

    def backward(self, batch: Batch, slopes: Tensor, dropout: Dropout | None = None) -> None:
        """Fill the gradients with the slopes of the loss in the parameters, given those in the outputs, `slopes`
        (S, n_outputs, rows), of the forward pass just made."""
        self._multiply(slopes, self._hidden[-1], self._slopes["output.weight"])
        torch.sum(slopes, dim=2, out=self._slopes["output.bias"])
        upstream, weight = slopes.transpose(1, 2), self._output_weight
        for layer in reversed(range(len(self._weights))):
            units = self._hidden[layer]
            inner = self._scratch.take(f"slopes.{layer % 2}", *units.shape)
            _product(upstream, weight, inner)
            torch.ops.aten.threshold_backward.grad_input(inner, units, 0, grad_input=inner)
            if dropout is not None:
                dropout.scale(inner)
            torch.sum(inner, dim=1, out=self._slopes[f"hidden.{layer}.bias"])
            if layer:
                self._multiply(self._hidden[layer - 1].transpose(1, 2), inner, self._slopes[f"hidden.{layer}.weight"])
            upstream, weight = inner, self._weights[layer].transpose(1, 2)
        self._backward_inputs(batch, upstream)

    def _backward_inputs(self, batch: Batch, upstream: Tensor) -> None:
        """The slopes of the first layer's weights, and of the embeddings below it."""
        dense, into = batch.dense, self._slopes["hidden.0.weight"]
        n_dense = dense.shape[2]
        self._multiply(dense.transpose(1, 2), upstream, into[:, :n_dense])
        if self._embedding is not None:
            self._multiply(self._embedding.vectors.transpose(1, 2), upstream, into[:, n_dense:])
            inner = self._scratch.take("slopes.embedded", *self._embedding.vectors.shape)
            torch.bmm(upstream, self._weights[0][:, n_dense:].transpose(1, 2), out=inner)
            self._slopes["embedding"].zero_()
            self._embedding.add_slopes(inner)
        if self._input_scale is not None:  # until here `into` has the slopes of the scaled weights
            product = torch.mul(into, self._first_weight, out=self._scratch.take("product", *into.shape))
            torch.sum(product, dim=2, out=self._slopes[INPUT_SCALE])
            into.mul_(self._input_scale.unsqueeze(2))

    def _multiply(self, left: Tensor, right: Tensor, into: Tensor) -> None:
        """Put the product in its place. torch multiplies all members in one call only if the product's memory is in
        one piece, which is worth a copy."""
        into.copy_(torch.bmm(left, right, out=self._scratch.take("product", *into.shape)))


class _Embedding:
    """Each member's vectors of codes. Rows of parameters are cut into pieces of EMBEDDING_SIZE, and some of the pieces
    are the embeddings."""

    def __init__(self, table: ParameterTable, rows: Tensor, scratch: Scratch, gradients: Tensor | None) -> None:
        self._pieces = rows.view(-1, EMBEDDING_SIZE)
        self._slopes = gradients.view(-1, EMBEDDING_SIZE) if gradients is not None else self._pieces.new_empty(0)
        self._scratch = scratch
        first = table.starts[table.names.index("embedding")] // EMBEDDING_SIZE
        members = torch.arange(rows.shape[0], device=rows.device) * (table.n_columns // EMBEDDING_SIZE)
        self._firsts = (members + first)[:, None, None]
        self._places: Tensor
        self.vectors: Tensor
        """Of the last look-up."""

    def look_up(self, codes: Tensor) -> Tensor:
        """The vectors of `codes` (S, rows, C) side by side: (S, rows, C * EMBEDDING_SIZE)."""
        n_members, n_rows, n_codes = codes.shape
        self._places = (codes + self._firsts).flatten()
        self.vectors = self._scratch.take("embedded", n_members, n_rows, n_codes * EMBEDDING_SIZE)
        torch.index_select(self._pieces, 0, self._places, out=self.vectors.view(-1, EMBEDDING_SIZE))
        return self.vectors

    def add_slopes(self, slopes: Tensor) -> None:
        """Add the slopes in the vectors looked up, of their shape, to the embeddings' gradients."""
        self._slopes.index_add_(0, self._places, slopes.view(-1, EMBEDDING_SIZE))


def _product(left: Tensor, right: Tensor, out: Tensor) -> None:
    """`left` (S, rows, k) times `right` (S, k, units); of a single k, where the library is slow, by broadcasting."""
    if left.shape[2] == 1:
        torch.mul(left, right, out=out)
    else:
        torch.bmm(left, right, out=out)
