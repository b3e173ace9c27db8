"""Prediction with networks as they are while they train: in torch, by the engine's input layer and passes."""

import numpy as np
import torch
from numpy.typing import NDArray

from autoproc.data.vectorize import Layout
from autoproc.network.arrays import EDGES, STATISTICS, TARGET_STATISTICS
from autoproc.network.averaging import SHARE
from autoproc.network.inputs import scale_, widen
from autoproc.network.layers import ParameterTable
from autoproc.network.loss import predictions
from autoproc.network.passes import Batch, Network
from autoproc.network.scratch import Scratch
from autoproc.network.sizes import InputSizes
from autoproc.plan import Task
from autoproc.results import Weights
from autoproc.spec import NetworkSpec

CPU = torch.device("cpu")


class TorchPredictor:
    """What autoproc.network.predictor must predict; all rows in one pass."""

    def __init__(self, task: Task, layout: Layout, weights: Weights) -> None:
        self._task: Task = task
        self._layout = layout
        self._shares = np.asarray(weights[SHARE], dtype=np.float64)
        tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in weights.items()}
        self._scaling = [tensors[name] for name in STATISTICS[:3]]
        self._targets = [tensors[name] for name in TARGET_STATISTICS]
        depth = sum(name.startswith("hidden.") for name in weights) // 2
        spec = NetworkSpec(depth, weights["hidden.0.bias"].shape[1])
        self._sizes = InputSizes.of(layout, weights[EDGES].shape[1] - 1)
        self._table = ParameterTable.of(spec, self._sizes, weights["output.bias"].shape[1])
        self._rows = torch.zeros(len(self._shares), self._table.n_columns)
        for name, view in self._table.views(self._rows).items():
            view.copy_(tensors[name])

    @torch.inference_mode()
    def members(self, matrix: NDArray[np.float32]) -> NDArray[np.floating]:
        """Each network's predictions of the vectoriser's matrix: (K, n), (K, n, C) or (K, n, t)."""
        inputs, n_members = widen(matrix, self._layout, CPU), len(self._shares)
        dense = inputs.dense.new_empty(n_members, len(matrix), self._sizes.n_dense)
        dense[..., : self._sizes.n_widened] = inputs.dense
        scale_(dense, *self._scaling)
        codes = inputs.codes.expand(n_members, *inputs.codes.shape)
        outputs = Network(self._table, self._rows, Scratch(CPU)).forward(Batch(dense, codes))
        return predictions(self._task, outputs, *self._targets).numpy()

    def mean(self, matrix: NDArray[np.float32]) -> NDArray[np.floating]:
        """The networks' average prediction, each by its share: (n,), (n, C) or (n, t)."""
        each = self.members(matrix)
        return np.average(each, axis=0, weights=self._shares).astype(each.dtype)
