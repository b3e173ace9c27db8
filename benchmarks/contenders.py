"""The same training done in four ways: by autoproc's engine, and one network after the other by a bare loop of torch,
by skorch and by Lightning.

All train `n_trials` configurations on K folds of one made-up table: the same inputs, scaled by fold beforehand; the
same layers, starting ranges, batch size, AdamW with weight decay on weights only, dropout and StepLR; the validation
loss once an epoch, and the best weights kept. autoproc scores a sample of the training rows besides.

The bare loop is as tight as torch's own modules allow: tensors in memory, batches by index, fused AdamW. skorch and
Lightning are used as they come, with their own data loaders, without progress, logs and files. All three take one
thread, which costs them the least processor time.
"""

import logging
import os
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from autoproc.data.metrics import METRICS
from autoproc.data.vectorize import Layout
from autoproc.network.engine import StackEngine
from autoproc.network.fold_data import MOST_SAMPLED, FoldData
from autoproc.network.interface import train_together
from autoproc.network.scratch import Scratch
from autoproc.network.sizes import EMBEDDING_SIZE, InputSizes
from autoproc.results import Fold
from autoproc.spec import Candidate, NetworkSpec, StepLR, TrainSpec
from benchmarks.perceptron import Perceptron

K = 5
ALL_CORES = "autoproc, all cores"
LAYOUT = Layout(
    n_columns=28,
    numeric=tuple(range(20)),
    passthrough=(),
    indicators=(),
    one_hot=tuple((column, 4) for column in range(20, 26)),
    embedded=((26, 20), (27, 20)),
)
SIZES = InputSizes.of(LAYOUT)


@dataclass(frozen=True)
class Shape:
    """What is trained: a table of so many rows, and networks of one size for some epochs."""

    rows: int
    width: int
    depth: int
    batch: int
    epochs: int
    n_trials: int = 8

    @property
    def candidates(self) -> list[Candidate]:
        return [
            Candidate(
                NetworkSpec(self.depth, self.width),
                TrainSpec(
                    max_epochs=self.epochs,
                    patience=0,
                    batch_size=self.batch,
                    optimizer="adamw",
                    learning_rate=1e-3 * (1 + trial / 4),
                    scheduler=StepLR(3, 0.5),
                    dropout=0.05 + 0.05 * trial,
                    weight_decay=1e-2,
                ),
            )
            for trial in range(self.n_trials)
        ]


@dataclass(frozen=True)
class Problem:
    """A made-up table of 28 mixed columns with a binary target."""

    matrix: np.ndarray
    targets: np.ndarray
    folds: tuple[Fold, ...]

    @classmethod
    def of(cls, n_rows: int) -> "Problem":
        random = np.random.default_rng(0)
        parts = (
            random.standard_normal((n_rows, 20)),
            random.integers(0, 4, (n_rows, 6)),
            random.integers(0, 20, (n_rows, 2)),
        )
        matrix = np.concatenate(parts, axis=1).astype(np.float32)
        signal = matrix[:, :5].sum(axis=1) + matrix[:, 20] - 1.5 + random.standard_normal(n_rows)
        everyone, shuffled = np.arange(n_rows), np.array_split(random.permutation(n_rows), K)
        folds = tuple(Fold(np.setdiff1d(everyone, part), np.sort(part)) for part in shuffled)
        return cls(matrix, (signal > 0).astype(np.int64), folds)


@dataclass(frozen=True)
class Rows:
    """Some rows as one fold sees them."""

    dense: Tensor
    codes: Tensor
    targets: Tensor

    @classmethod
    def of(cls, data: FoldData, fold: int, rows: np.ndarray) -> "Rows":
        folds, picked = torch.tensor([[fold]]), torch.from_numpy(rows)[None]
        dense = data.dense(data.places(folds, picked), Scratch(data.device))
        return cls(dense[0], data.codes(picked)[0], data.targets(folds, picked)[0])


def make_network(candidate: Candidate) -> Perceptron:
    return Perceptron(SIZES, candidate.network, candidate.train.dropout, 1, "binary")


def make_optimizer(network: Perceptron, train: TrainSpec) -> torch.optim.Optimizer:
    """Fused AdamW, with its decay on weights only."""
    others = [parameter for parameter in network.parameters() if all(parameter is not w for w in network.weights)]
    groups = [{"params": network.weights}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=train.learning_rate, weight_decay=train.weight_decay, fused=True)


loss_of = nn.functional.binary_cross_entropy_with_logits
TrainOne = Callable[[Candidate, Rows, Rows], float]
"""Trains a candidate on the first rows, and gives its best loss on the second."""


def train_bare(candidate: Candidate, train: Rows, validation: Rows) -> float:
    spec = candidate.train
    network = make_network(candidate)
    optimizer = make_optimizer(network, spec)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5)
    best = float("inf")
    for _ in range(spec.max_epochs):
        network.train()
        for rows in torch.randperm(len(train.targets)).split(spec.batch_size):
            optimizer.zero_grad()
            loss_of(network(train.dense[rows], train.codes[rows]), train.targets[rows]).backward()
            optimizer.step()
        network.eval()
        with torch.inference_mode():
            loss = float(loss_of(network(validation.dense, validation.codes), validation.targets))
        if loss < best:
            best, _kept = loss, deepcopy(network.state_dict())
        schedule.step()
    return best


def train_skorch(candidate: Candidate, train: Rows, validation: Rows) -> float:
    import skorch
    from skorch.callbacks import Checkpoint, LRScheduler
    from skorch.helper import predefined_split

    class Net(skorch.NeuralNet):
        def initialize_optimizer(self, triggered_directly: bool | None = None) -> Any:
            self.optimizer_ = make_optimizer(self.module_, candidate.train)
            return self

    class KeepBest(Checkpoint):
        def save_model(self, net: Any) -> None:
            self.kept = deepcopy(net.module_.state_dict())

    spec = candidate.train
    net = Net(
        make_network(candidate),
        nn.BCEWithLogitsLoss,
        max_epochs=spec.max_epochs,
        batch_size=spec.batch_size,
        iterator_train__shuffle=True,
        iterator_valid__batch_size=512,
        train_split=predefined_split(skorch.dataset.Dataset(*_pair(validation))),
        callbacks=[
            LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=3, gamma=0.5),
            KeepBest(monitor="valid_loss_best"),
        ],
        callbacks__print_log=None,
        verbose=0,
    )
    net.fit(*_pair(train))
    return float(min(net.history[:, "valid_loss"]))


def train_lightning(candidate: Candidate, train: Rows, validation: Rows) -> float:
    import lightning
    from torch.utils.data import DataLoader, TensorDataset

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = make_network(candidate)
            self.best, self.lost = float("inf"), 0.0

        def training_step(self, batch: Any, _: int) -> Tensor:
            return loss_of(self.network(batch[0], batch[1]), batch[2])

        def validation_step(self, batch: Any, _: int) -> None:
            self.lost += float(loss_of(self.network(batch[0], batch[1]), batch[2], reduction="sum"))

        def on_validation_epoch_end(self) -> None:
            loss, self.lost = self.lost / len(validation.targets), 0.0
            if loss < self.best:
                self.best, self.kept = loss, deepcopy(self.network.state_dict())

        def configure_optimizers(self) -> Any:
            optimizer = make_optimizer(self.network, candidate.train)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5)]

    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = lightning.Trainer(
        max_epochs=candidate.train.max_epochs, accelerator="cpu", devices=1, num_sanity_val_steps=0, **quiet
    )
    loaders = (
        DataLoader(TensorDataset(rows.dense, rows.codes, rows.targets), batch_size=size, shuffle=shuffle)
        for rows, size, shuffle in ((train, candidate.train.batch_size, True), (validation, 512, False))
    )
    module = Module()
    trainer.fit(module, *loaders)
    return module.best


def _pair(rows: Rows) -> tuple[dict[str, Tensor], Tensor]:
    return {"dense": rows.dense, "codes": rows.codes}, rows.targets


ONE_BY_ONE: dict[str, TrainOne] = {"bare loop": train_bare, "skorch": train_skorch, "Lightning": train_lightning}


def prepare(contender: str, shape: Shape) -> Callable[[], float]:
    """What trains everything when it is called, and gives the mean of the networks' best validation losses."""
    problem = Problem.of(shape.rows)
    torch.set_num_threads((os.cpu_count() or 1) if contender == ALL_CORES else 1)
    if contender not in ONE_BY_ONE:
        metric = METRICS["log_loss"]
        engine = StackEngine(problem.matrix, problem.targets, LAYOUT, problem.folds, "binary", 1, metric, 0, "cpu")
        return lambda: float(np.mean([t.score.mean for t in train_together(engine, shape.candidates)]))
    warnings.simplefilter("ignore")  # Lightning's advice to use more workers, which would slow it here
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    data = FoldData(problem.matrix, problem.targets, LAYOUT, problem.folds, "binary", 0, torch.device("cpu"))
    parts = [(Rows.of(data, k, fold.train), Rows.of(data, k, fold.validation)) for k, fold in enumerate(problem.folds)]
    train_one = ONE_BY_ONE[contender]
    return lambda: float(np.mean([train_one(candidate, *part) for candidate in shape.candidates for part in parts]))


def n_flops(shape: Shape) -> int:
    """Floating-point operations of the matrix products that autoproc's training of `shape` takes."""
    hidden = (shape.depth - 1) * shape.width**2 + shape.width
    first = SIZES.width * shape.width
    embedded = EMBEDDING_SIZE * len(SIZES.vocabularies) * shape.width
    n_train, n_validation = shape.rows * (K - 1) // K, shape.rows // K
    n_scored = n_validation + min(n_validation, MOST_SAMPLED)
    trained = 2 * n_train * (3 * hidden + 2 * first + embedded)
    scored = 2 * n_scored * (hidden + first)
    return K * shape.n_trials * shape.epochs * (trained + scored)
