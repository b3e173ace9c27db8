"""One forward and one backward pass for S networks at once, written out by hand.

What autograd would do, but in memory that is reserved once, with gradients written where the optimiser reads them, and
with no pass over the numbers that need not be made. tests/network/test_passes.py compares it with autograd.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from autoproc.network.dropout import Dropout
from autoproc.network.inputs import EMBEDDING_SIZE, Inputs
from autoproc.network.layers import ParameterTable
from autoproc.network.scratch import Scratch


@dataclass(frozen=True)
class Batch:
    """What S members read: scaled inputs (S, rows, ...), and in training each row's pattern of dropout (S * rows,)."""

    inputs: Inputs
    patterns: Tensor | None = None


class Network:
    """S networks with the parameters `rows` (S, n_columns of `table`)."""

    def __init__(self, table: ParameterTable, rows: Tensor, scratch: Scratch) -> None:
        self._table = table
        self._rows = rows
        self._scratch = scratch
        self._parameters = table.views(rows)
        self._depth = sum(name.startswith("hidden.") for name in table.names) // 2
        self._hidden: list[Tensor] = []  # activations of the last forward pass, layer by layer
        self._embedded: Tensor | None = None

    def forward(self, batch: Batch, dropout: Dropout | None = None, out: Tensor | None = None) -> Tensor:
        """Outputs (S, n_outputs, rows): logits, or standardised values. They and what `backward` needs are valid
        until the next pass."""
        n_members, n_rows = batch.inputs.dense.shape[:2]
        hidden = batch.inputs.dense
        self._hidden = []
        for layer in range(self._depth):
            name = f"hidden.{layer}"
            bias, weight = self._parameters[f"{name}.bias"], self._parameters[f"{name}.weight"]
            units = self._scratch.take(name, n_members, n_rows, bias.shape[1])
            torch.baddbmm(bias.unsqueeze(1), hidden, weight[:, : hidden.shape[2]], out=units)
            if layer == 0 and "embedding" in self._parameters:
                self._embedded = self._embed(batch.inputs.codes)
                units.baddbmm_(self._embedded, weight[:, hidden.shape[2] :])
            hidden = units.relu_()
            if dropout is not None and batch.patterns is not None:
                dropout.drop(layer, hidden, batch.patterns, self._scratch)
            self._hidden.append(hidden)
        bias, weight = self._parameters["output.bias"], self._parameters["output.weight"]
        if out is None:
            out = self._scratch.take("output", n_members, bias.shape[1], n_rows)
        return torch.baddbmm(bias.unsqueeze(2), weight, hidden.transpose(1, 2), out=out)

    def backward(self, batch: Batch, slopes: Tensor, gradients: Tensor, dropout: Dropout | None = None) -> None:
        """Fill `gradients` (S, n_columns) with the slopes of the loss in the parameters, given those in the outputs,
        `slopes` (S, n_outputs, rows), of the forward pass just made."""
        into = self._table.views(gradients)
        self._multiply(slopes, self._hidden[-1], into["output.weight"])
        torch.sum(slopes, dim=2, out=into["output.bias"])
        upstream, weight = slopes.transpose(1, 2), self._parameters["output.weight"]
        for layer in reversed(range(self._depth)):
            units = self._hidden[layer]
            inner = self._scratch.take(f"slopes.{layer % 2}", *units.shape)
            _product(upstream, weight, inner)
            torch.ops.aten.threshold_backward.grad_input(inner, units, 0, grad_input=inner)
            if dropout is not None:
                dropout.scale(inner)
            below = self._hidden[layer - 1] if layer else batch.inputs.dense
            into_weight = into[f"hidden.{layer}.weight"]
            self._multiply(below.transpose(1, 2), inner, into_weight[:, : below.shape[2]])
            torch.sum(inner, dim=1, out=into[f"hidden.{layer}.bias"])
            upstream, weight = inner, self._parameters[f"hidden.{layer}.weight"].transpose(1, 2)
        if self._embedded is not None:
            self._backward_embedding(batch, upstream, gradients, into)

    def _embed(self, codes: Tensor) -> Tensor:
        """(S, rows, C * EMBEDDING_SIZE): each member's vectors of the codes, side by side."""
        n_members, n_rows, n_codes = codes.shape
        embedded = self._scratch.take("embedded", n_members, n_rows, n_codes * EMBEDDING_SIZE)
        vectors = self._rows.view(-1, EMBEDDING_SIZE)
        torch.index_select(vectors, 0, self._places(codes), out=embedded.view(-1, EMBEDDING_SIZE))
        return embedded

    def _backward_embedding(self, batch: Batch, upstream: Tensor, gradients: Tensor, into: dict[str, Tensor]) -> None:
        assert self._embedded is not None
        weight, into_weight = self._parameters["hidden.0.weight"], into["hidden.0.weight"]
        n_dense = batch.inputs.dense.shape[2]
        self._multiply(self._embedded.transpose(1, 2), upstream, into_weight[:, n_dense:])
        inner = self._scratch.take("slopes.embedded", *self._embedded.shape)
        torch.bmm(upstream, weight[:, n_dense:].transpose(1, 2), out=inner)
        into["embedding"].zero_()
        gradients.view(-1, EMBEDDING_SIZE).index_add_(0, self._places(batch.inputs.codes), inner.view(-1, EMBEDDING_SIZE))

    def _multiply(self, left: Tensor, right: Tensor, into: Tensor) -> None:
        """Put the product in its place. torch multiplies all members in one call only if the product's memory is in
        one piece, which is worth a copy."""
        product = self._scratch.take("product", *into.shape)
        into.copy_(torch.bmm(left, right, out=product))

    def _places(self, codes: Tensor) -> Tensor:
        """Where the codes' vectors lie, if the rows are cut into pieces of EMBEDDING_SIZE."""
        n_columns = self._table.n_columns // EMBEDDING_SIZE
        first = self._table.starts[self._table.names.index("embedding")] // EMBEDDING_SIZE
        members = torch.arange(len(codes), device=codes.device) * n_columns + first
        return (codes + members[:, None, None]).flatten()


def _product(left: Tensor, right: Tensor, out: Tensor) -> None:
    """`left` (S, rows, k) times `right` (S, k, units); of a single k, where the library is slow, by broadcasting."""
    if left.shape[2] == 1:
        torch.mul(left, right, out=out)
    else:
        torch.bmm(left, right, out=out)
