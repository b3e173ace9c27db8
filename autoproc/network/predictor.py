"""Prediction with trained networks: all that is needed after training, without data or folds."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from autoproc.data.vectorize import Layout
from autoproc.network.arrays import EDGES, STATISTICS
from autoproc.network.averaging import SHARE
from autoproc.network.inputs import Inputs, scale_, widen
from autoproc.network.layers import ParameterTable
from autoproc.network.loss import predictions
from autoproc.network.passes import Batch, Network
from autoproc.network.scratch import Scratch
from autoproc.network.sizes import InputSizes
from autoproc.plan import Task
from autoproc.results import Fold, Weights
from autoproc.spec import NetworkSpec

_MOST_ROWS = 4096  # in one pass
_MOST_FLOATS = 16 * 2**20  # in one layer of all networks: fewer rows at once for more or larger networks


class Predictor:
    """K networks of one shape with their own scaling and share: members (K, ...) of everything in `weights`."""

    def __init__(self, task: Task, layout: Layout, weights: Weights) -> None:
        self._task: Task = task
        self._layout = layout
        self._shares = np.asarray(weights[SHARE], dtype=np.float64)
        tensors = {
            name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in weights.items() if name != SHARE
        }
        self._statistics = {name: tensors.pop(name) for name in STATISTICS}
        depth = sum(name.endswith(".bias") for name in tensors) - 1
        spec = NetworkSpec(depth, tensors["hidden.0.bias"].shape[1])
        self._sizes = InputSizes.of(layout, self._statistics[EDGES].shape[1] - 1)
        self._table = ParameterTable.of(spec, self._sizes, tensors["output.bias"].shape[1])
        self._rows = torch.zeros(self.n_members, self._table.n_columns)
        for name, view in self._table.views(self._rows).items():
            view.copy_(tensors[name])

    @property
    def n_members(self) -> int:
        """K, the number of networks."""
        return len(self._statistics["input.center"])

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
            yield self._predict(widen(matrix[start : start + self._rows_at_once], self._layout, torch.device("cpu")))

    @property
    def _rows_at_once(self) -> int:
        inputs, width = self._table.shapes[0][:2]
        a_row = self.n_members * max(inputs, width, self._table.n_outputs)
        most = min(max(_MOST_FLOATS // a_row, 1), _MOST_ROWS)
        return 1 << (most.bit_length() - 1)  # a power of two: rows that come in many such parts have the same passes

    @torch.inference_mode()
    def _predict(self, inputs: Inputs) -> NDArray[np.floating]:
        copies = inputs.dense.new_empty(self.n_members, len(inputs.dense), self._sizes.n_dense)
        copies[..., : self._sizes.n_widened] = inputs.dense
        scale_(copies, self._statistics["input.center"], self._statistics["input.spread"], self._statistics[EDGES])
        codes = inputs.codes.expand(self.n_members, *inputs.codes.shape)
        network = Network(self._table, self._rows, Scratch(copies.device))
        outputs = network.forward(Batch(copies, codes))
        center, spread = self._statistics["target.center"], self._statistics["target.spread"]
        return predictions(self._task, outputs, center, spread).numpy()


def out_of_fold(
    task: Task, layout: Layout, matrix: NDArray[np.float32], weights: Weights, folds: Sequence[Fold]
) -> tuple[NDArray[np.floating], ...]:
    """What each of K networks predicts of its own fold's validation rows: K arrays (n_k,), (n_k, C) or (n_k, t)."""
    return tuple(
        Predictor(task, layout, {name: array[[k]] for name, array in weights.items()}).mean(matrix[fold.validation])
        for k, fold in enumerate(folds)
    )
