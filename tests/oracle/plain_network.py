"""One network as anybody would write it: inputs column by column, torch's own layers, optimisers and schedulers."""

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import lr_scheduler

from autoproc.data.vectorize import Layout
from autoproc.plan import Task
from autoproc.spec import TrainSpec

Statistics = dict[str, NDArray[np.float32]]
Drop = Callable[[int, Tensor], Tensor]
"""Dropout of one batch: what becomes of the units (n, width) of a hidden layer, which are counted from 0."""


def keep_all(layer: int, units: Tensor) -> Tensor:
    """No dropout."""
    return units


def fit_statistics(
    matrix: NDArray[np.float32], targets: NDArray[Any], layout: Layout, task: Task, rows: Any, n_pieces: int = 0
) -> Statistics:
    """Centre and scale of the numeric columns and of the targets, of the training rows `rows`, and the edges of the
    columns' pieces."""
    center, spread = [], []
    edges = np.zeros((n_pieces + 1, len(layout.numeric)))
    for column in layout.numeric:
        cells = matrix[rows, column].astype(np.float64)
        cells = cells[~np.isnan(cells)]
        quarter, half, three_quarters = np.percentile(cells, [25, 50, 75])
        center.append(half)
        spread.append(three_quarters - quarter)
        distinct = sorted(set(np.percentile((cells - center[-1]) / spread[-1], np.linspace(0, 100, n_pieces + 1))))
        edges[: len(distinct), len(center) - 1] = distinct
        edges[len(distinct) :, len(center) - 1] = distinct[-1]
    if task in ("binary", "multiclass"):
        target_center, target_spread = [0.0], [1.0]
    else:
        target_center, target_spread = targets[rows].mean(axis=0), targets[rows].std(axis=0)
    values = (center, spread, edges, target_center, target_spread)
    names = ("input.center", "input.spread", "input.edges", "target.center", "target.spread")
    return {name: np.array(value, dtype=np.float32) for name, value in zip(names, values, strict=True)}


def dense_inputs(matrix: NDArray[np.float32], layout: Layout, statistics: Statistics) -> Tensor:
    """All inputs but the embedded ones, column by column, (n, n_dense)."""
    columns = []
    for i, column in enumerate(layout.numeric):
        z = (matrix[:, column] - statistics["input.center"][i]) / statistics["input.spread"][i]
        columns.append(np.where(np.isnan(z), 0, z / np.sqrt(1 + (z / 3) ** 2)))
    for column in layout.passthrough:
        columns.append(np.where(np.isnan(matrix[:, column]), 0, matrix[:, column]))
    for column in layout.indicators:
        columns.append(np.isnan(matrix[:, column]))
    for column, n_codes in layout.one_hot:
        columns += [matrix[:, column] == code for code in range(n_codes)]
    for low, high in pairwise(statistics["input.edges"]):
        for i, column in enumerate(layout.numeric):
            z = (matrix[:, column] - statistics["input.center"][i]) / statistics["input.spread"][i]
            through = (z - low[i]) / (high[i] - low[i]) if high[i] > low[i] else np.zeros(len(z))
            columns.append(np.where(np.isnan(z), 0, np.clip(through, 0, 1)))
    return torch.tensor(np.reshape(columns, (len(columns), len(matrix))).T.astype(np.float32))


class PlainNetwork(nn.Module):
    """A multi-layer perceptron of torch's own layers, with the stack's parameters by name."""

    def __init__(self, parameters: dict[str, NDArray[np.float32]], layout: Layout) -> None:
        super().__init__()
        depth = sum(name.startswith("hidden.") for name in parameters) // 2
        self.hidden = nn.ModuleList(_linear(parameters, f"hidden.{i}") for i in range(depth))
        self.output = _linear(parameters, "output")
        self.embeddings = nn.ModuleList()
        scale = parameters.get("input.scale")
        self.input_scale = None if scale is None else nn.Parameter(torch.tensor(scale))
        self.columns = [column for column, _ in layout.embedded]
        start = 0
        for _, size in layout.embedded:
            rows = torch.tensor(parameters["embedding"][start : start + size])
            self.embeddings.append(nn.Embedding.from_pretrained(rows, freeze=False))
            start += size

    def forward(self, dense: Tensor, codes: Tensor, drop: Drop = keep_all) -> Tensor:
        """`codes` (n, embedded columns), each from 0."""
        parts = [dense, *(table(codes[:, i]) for i, table in enumerate(self.embeddings))]
        hidden = torch.cat(parts, dim=1)
        if self.input_scale is not None:
            hidden = hidden * self.input_scale
        for number, layer in enumerate(self.hidden):
            hidden = drop(number, torch.relu(layer(hidden)))
        return self.output(hidden)

    def weights(self) -> list[nn.Parameter]:
        """What the penalties act on."""
        return [layer.weight for layer in (*self.hidden, self.output)]

    def factors(self) -> list[nn.Parameter]:
        return [self.input_scale] if self.input_scale is not None else []

    def others(self) -> list[nn.Parameter]:
        """Biases and embeddings."""
        biases = [layer.bias for layer in (*self.hidden, self.output)]
        return [*biases, *(table.weight for table in self.embeddings)]

    def named_arrays(self) -> dict[str, NDArray[np.float32]]:
        """The parameters under the names, and in the shapes, that the stack gives them."""
        layers = {**{f"hidden.{i}": layer for i, layer in enumerate(self.hidden)}, "output": self.output}
        arrays = {f"{name}.weight": _turned(name, layer.weight.detach().numpy()) for name, layer in layers.items()}
        arrays |= {f"{name}.bias": layer.bias.detach().numpy() for name, layer in layers.items()}
        if self.input_scale is not None:
            arrays["hidden.0.weight"] = arrays["hidden.0.weight"] * self.input_scale.detach().numpy()[:, None]
        if len(self.embeddings):
            arrays["embedding"] = np.concatenate([table.weight.detach().numpy() for table in self.embeddings])
        return copy.deepcopy(arrays)


def _linear(parameters: dict[str, NDArray[np.float32]], name: str) -> nn.Linear:
    weight, bias = _turned(name, parameters[f"{name}.weight"]), parameters[f"{name}.bias"]
    n_units, n_inputs = weight.shape
    layer = nn.utils.skip_init(nn.Linear, n_inputs, n_units)  # torch's start would draw from the global generator
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        layer.bias.copy_(torch.tensor(bias))
    return layer


def _turned(name: str, weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """A stack's weight as torch's layer has it, or the other way round: hidden ones are transposed."""
    return weight if name == "output" else weight.T


def make_optimizer(network: PlainNetwork, spec: TrainSpec) -> torch.optim.Optimizer:
    """torch's own, with the weight decay on weights only, and a rate of their own for the factors of the inputs."""
    groups = [
        {"params": network.weights(), "weight_decay": spec.weight_decay},
        {"params": network.others(), "weight_decay": 0.0},
        {"params": network.factors(), "weight_decay": 0.0, "lr": spec.factor_rate * spec.learning_rate},
    ]
    if spec.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=spec.learning_rate, momentum=0.9)
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop}
    return kinds[spec.optimizer](groups, lr=spec.learning_rate)


def make_scheduler(optimizer: torch.optim.Optimizer, spec: TrainSpec) -> Any:
    """torch's own, or None."""
    scheduler = spec.scheduler
    if scheduler.kind == "none":
        return None
    parameters = dict(vars(scheduler))
    return getattr(lr_scheduler, scheduler.kind)(optimizer, **parameters)


def row_losses(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    """Loss of each row, (n,)."""
    if task == "binary":
        return nn.BCEWithLogitsLoss(reduction="none")(outputs[:, 0], targets.float())
    if task == "multiclass":
        return nn.CrossEntropyLoss(reduction="none")(outputs, targets)
    return nn.MSELoss(reduction="none")(outputs, targets).mean(dim=1)
