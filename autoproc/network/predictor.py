"""Prediction with trained networks: all that is needed after training, without data or folds, and without torch, so
that a model can be taken to where torch is too much. A test compares it with the networks as they train.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from autoproc.data.vectorize import Layout
from autoproc.network.arrays import EDGES, SPREAD, TARGET_STATISTICS
from autoproc.network.averaging import SHARE
from autoproc.network.sizes import InputSizes
from autoproc.network.widening import FAR, Widened, steepness, widened
from autoproc.plan import Task
from autoproc.results import Fold, Weights

_MOST_ROWS = 4096  # in one pass
_MOST_FLOATS = 4 * 2**20  # in one layer of all networks: fewer rows at once for more or larger networks


class Predictor:
    """K networks of one shape with their own scaling and share: members (K, ...) of everything in `weights`."""

    def __init__(self, task: Task, layout: Layout, weights: Weights) -> None:
        self._task: Task = task
        self._layout = layout
        self._weights = weights
        self._shares = np.asarray(weights[SHARE], dtype=np.float64)
        self._depth = sum(name.startswith("hidden.") for name in weights) // 2
        self._output_weight = np.ascontiguousarray(weights["output.weight"].transpose(0, 2, 1))
        edges = weights[EDGES]
        n_pieces, n_numeric = edges.shape[1] - 1, edges.shape[2]
        self._sizes = InputSizes.of(layout, n_pieces)
        # All pieces of all numbers side by side, for arithmetic on long runs. A product with `_repeat` sets each number
        # beside its pieces, unchanged: it adds nothing but zeros to it.
        self._lower = edges[:, :-1].reshape(self.n_members, 1, -1)
        self._steepness = steepness(edges).reshape(self.n_members, 1, -1)
        self._repeat = np.tile(np.eye(n_numeric, dtype=np.float32), (1, n_pieces))

    @property
    def n_members(self) -> int:
        """K, the number of networks."""
        return len(self._shares)

    def members(self, matrix: NDArray[np.float32]) -> NDArray[np.floating]:
        """Each network's predictions of the vectoriser's matrix (n, n_columns): (K, n), (K, n, C) or (K, n, t)."""
        return np.concatenate(list(self._passes(matrix)), axis=1)

    def mean(self, matrix: NDArray[np.float32]) -> NDArray[np.floating]:
        """The networks' average prediction, each by its share: (n,), (n, C) or (n, t)."""
        passes = self._passes(matrix)  # whose predictions are never held all at once
        return np.concatenate([np.average(p, axis=0, weights=self._shares).astype(p.dtype) for p in passes])

    def _passes(self, matrix: NDArray[np.float32]) -> Iterator[NDArray[np.floating]]:
        """The networks' predictions (K, ...) of some rows after the others."""
        for start in range(0, max(len(matrix), 1), self._rows_at_once):
            yield self._predict(widened(matrix[start : start + self._rows_at_once], self._layout))

    @property
    def _rows_at_once(self) -> int:
        n_outputs, width = self._weights["output.weight"].shape[1:]
        a_row = self.n_members * max(self._sizes.width, width, n_outputs)
        most: int = min(max(_MOST_FLOATS // a_row, 1), _MOST_ROWS)
        return 1 << (most.bit_length() - 1)  # a power of two: rows that come in many such parts have the same passes

    def _predict(self, rows: Widened) -> NDArray[np.floating]:
        with np.errstate(over="ignore", invalid="ignore"):  # numbers that are too far are clipped
            units: NDArray[np.floating] = self._inputs(rows)
            for layer in range(self._depth):
                units = units @ self._weights[f"hidden.{layer}.weight"]
                units += self._weights[f"hidden.{layer}.bias"][:, None]
                np.maximum(units, 0, out=units)
            outputs = units @ self._output_weight
            outputs += self._weights["output.bias"][:, None]
            return self._predictions(outputs)

    def _inputs(self, rows: Widened) -> NDArray[np.float32]:
        """What the first layer reads (K, n, inputs), as autoproc.network.inputs scales it in training."""
        n_rows, n_widened = rows.dense.shape
        n_numeric, n_dense = self._sizes.n_numeric, self._sizes.n_dense
        numbers = rows.dense[:, :n_numeric]
        missing = np.isnan(numbers)
        scaled = numbers - self._weights["input.center"][:, None]
        scaled /= self._weights[SPREAD][:, None]
        np.clip(scaled, -FAR, FAR, out=scaled)
        scaled[:, missing] = -FAR  # before all pieces

        inputs = np.empty((self.n_members, n_rows, self._sizes.width), dtype=np.float32)
        pieces = inputs[..., n_widened:n_dense]
        np.matmul(scaled, self._repeat, out=pieces)
        pieces -= self._lower
        pieces *= self._steepness
        np.clip(pieces, 0, 1, out=pieces)

        scales = np.square(scaled / 3)
        scales += 1
        scaled /= np.sqrt(scales, out=scales)
        scaled[:, missing] = 0
        inputs[..., :n_numeric] = scaled
        inputs[..., n_numeric:n_widened] = rows.dense[:, n_numeric:]
        if self._sizes.vocabularies:
            vectors = np.take(self._weights["embedding"], rows.codes, axis=1)
            inputs[..., n_dense:] = vectors.reshape(self.n_members, n_rows, self._sizes.width - n_dense)
        return inputs

    def _predictions(self, outputs: NDArray[np.floating]) -> NDArray[np.floating]:
        """What outputs (K, n, c) predict: autoproc.network.loss says what that is."""
        if self._task == "binary":
            return np.asarray(1 / (1 + np.exp(-outputs[..., 0])))
        if self._task == "multiclass":
            powers = np.exp(outputs - outputs.max(axis=2, keepdims=True))
            return np.asarray(powers / powers.sum(axis=2, keepdims=True))
        center, spread = (self._weights[name][:, None] for name in TARGET_STATISTICS)
        return outputs.astype(np.float64) * spread + center


def out_of_fold(
    task: Task, layout: Layout, matrix: NDArray[np.float32], weights: Weights, folds: Sequence[Fold]
) -> tuple[NDArray[np.floating], ...]:
    """What each of K networks predicts of its own fold's validation rows: K arrays (n_k,), (n_k, C) or (n_k, t)."""
    return tuple(
        Predictor(task, layout, {name: array[[k]] for name, array in weights.items()}).mean(matrix[fold.validation])
        for k, fold in enumerate(folds)
    )
