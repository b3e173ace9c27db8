"""The engine as anybody would write it: one network after the other, with torch's own layers, optimisers
and schedulers. Slow and plain, it is the judge of `StackEngine`.

Of autoproc's network it takes only what fixes the random numbers: a member's starting parameters, the order
of its batches, and which units each row drops.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_sample_weight
from torch import Tensor, nn
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel

from autoproc.data.metrics import Metric
from autoproc.data.vectorize import Layout
from autoproc.network.averaging import SHARE, equal_shares
from autoproc.network.fold_data import FoldData
from autoproc.network.interface import Standing
from autoproc.network.layers import ParameterTable
from autoproc.network.seeds import generator
from autoproc.network.sizes import InputSizes
from autoproc.plan import Task
from autoproc.results import Curves, Fold, Score, Trained
from autoproc.spec import Candidate, NetworkSpec, TrainSpec
from tests.oracle.plain_network import (
    Drop,
    PlainNetwork,
    dense_inputs,
    fit_statistics,
    keep_all,
    make_optimizer,
    make_scheduler,
    row_losses,
)


class PlainMember:
    """One network in training on one fold."""

    def __init__(self, spec: TrainSpec, network: PlainNetwork, data: "PlainData", fold: int, metric: Metric) -> None:
        self.spec, self.network, self.data, self.fold, self.metric = spec, network, data, fold, metric
        self.optimizer = make_optimizer(network, spec)
        self.scheduler = make_scheduler(self.optimizer, spec)
        self.average = AveragedModel(network, avg_fn=lambda a, now, n: a + (now - a) / (1 + spec.averaging * n))
        self.curves: dict[str, list[float]] = {name: [] for name in Curves.__dataclass_fields__}
        self.best_score, self.best_epoch = float("nan"), 0
        self.best = network.named_arrays()
        self.failed: str | None = None

    @property
    def epoch(self) -> int:
        return len(self.curves["train_loss"])

    @property
    def finished(self) -> bool:
        waited = self.epoch - self.best_epoch
        patient = self.spec.patience == 0 or waited < self.spec.patience
        return bool(self.failed) or self.epoch == self.spec.max_epochs or not patient

    def train_epoch(self) -> None:
        self.curves["learning_rate"].append(self.optimizer.param_groups[0]["lr"])
        for rows, patterns in self.data.batches(self.fold, self.epoch + 1, self.spec.batch_size):
            self.optimizer.zero_grad()
            _, loss = self.data.outputs(self.network, self.fold, rows, self.data.dropout(self.spec.dropout, patterns))
            penalty = sum(weight.abs().sum() for weight in self.network.weights())
            weighed = loss * self.data.weights(rows, self.fold, self.spec.class_weights)
            (weighed.mean() + self.spec.l1 * penalty).backward()
            self.optimizer.step()
            self.average.update_parameters(self.network)
        validation = self.data.folds[self.fold].validation
        for name, rows in (("train", self.data.train_sample[self.fold]), ("validation", validation)):
            score, loss = self._evaluate(rows)
            self.curves[f"{name}_score"].append(score)
            self.curves[f"{name}_loss"].append(loss)
        self._judge(bool(len(validation)))

    def _evaluate(self, rows: NDArray[np.int64]) -> tuple[float, float]:
        if not len(rows):
            return float("nan"), float("nan")
        with torch.no_grad():
            outputs, loss = self.data.outputs(self._scored, self.fold, rows)
        predicted = self.data.predictions(outputs, self.fold)
        return float(self.metric(self.data.targets[rows], predicted[None])[0]), float(loss.mean())

    def _judge(self, scored: bool) -> None:
        loss = self.curves["validation_loss" if scored else "train_loss"][-1]
        trained = self.curves["train_loss"][-1]
        if not np.isfinite([loss, trained]).all():
            self.failed = f"diverged in epoch {self.epoch}: the loss is {trained if np.isfinite(loss) else loss}"
            return
        if isinstance(self.scheduler, lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step(loss)
        elif self.scheduler is not None:
            self.scheduler.step()
        score = self.curves["validation_score"][-1]
        if not scored or np.isnan(self.best_score) or self.metric.gain(score, self.best_score) > 0:
            self.best_score, self.best_epoch, self.best = score, self.epoch, self._scored.named_arrays()

    @property
    def _scored(self) -> PlainNetwork:
        average: PlainNetwork = self.average.module
        return average if self.spec.averaging else self.network


class PlainData:
    """The rows as each fold sees them, one fold after the other."""

    def __init__(
        self,
        matrix: Any,
        targets: Any,
        layout: Layout,
        folds: Sequence[Fold],
        task: Task,
        seed: int,
        torchs_dropout: bool = False,
        n_pieces: int = 0,
    ) -> None:
        self.layout, self.targets, self.folds, self.task, self.seed = layout, targets, folds, task, seed
        self._torchs_dropout = torchs_dropout
        self._order = FoldData(matrix, targets, layout, folds, task, seed, torch.device("cpu"))
        self.train_sample = self._order.train_sample.rows
        self.codes = torch.tensor(matrix[:, [column for column, _ in layout.embedded]].astype(np.int64))
        self.statistics = [fit_statistics(matrix, targets, layout, task, fold.train, n_pieces) for fold in folds]
        self.dense = [dense_inputs(matrix, layout, statistics) for statistics in self.statistics]

    def batches(self, fold: int, epoch: int, batch_size: int) -> list[tuple[NDArray[np.int64], Tensor]]:
        """The rows (n,) of each step, and the pattern of dropout (n,) of each row."""
        batches = self._order.batches(fold, epoch, batch_size)
        return [
            (rows[weights > 0].numpy(), patterns[weights > 0])
            for rows, patterns, weights in zip(batches.rows, batches.patterns, batches.weights, strict=True)
        ]

    def dropout(self, rate: float, picked: Tensor) -> Drop:
        """Drops the units whose number in the row's pattern is below the rate, and scales up the others. torch's own
        draws from its global generator instead."""
        if not rate:
            return keep_all
        if self._torchs_dropout:
            layers = nn.Dropout(rate)
            return lambda layer, units: layers(units)

        def drop(layer: int, units: Tensor) -> Tensor:
            patterns = self._order.patterns(layer, units.shape[1])
            return units * (patterns[picked] >= rate) / (1 - rate)

        return drop

    def weights(self, rows: NDArray[np.int64], fold: int, power: float | None) -> Tensor:
        """Of the rows (n,) in the loss: a power of scikit-learn's balanced weights, so that they are 1 on average."""
        if not power:
            return torch.ones(len(rows))
        truth = self.targets[self.folds[fold].train]
        weights = compute_sample_weight("balanced", truth) ** power
        of_class = dict(zip(truth, weights / weights.mean(), strict=True))
        return torch.tensor([of_class[value] for value in self.targets[rows]], dtype=torch.float32)

    def outputs(
        self, network: PlainNetwork, fold: int, rows: NDArray[np.int64], drop: Drop = keep_all
    ) -> tuple[Tensor, Tensor]:
        """The network's outputs (n, c) of the rows, and the loss of each (n,)."""
        outputs = network(self.dense[fold][rows], self.codes[rows], drop)
        targets = self.targets[rows]
        if self.task in ("regression", "vector_regression"):
            statistics = self.statistics[fold]
            targets = ((targets - statistics["target.center"]) / statistics["target.spread"]).astype(np.float32)
        return outputs, row_losses(self.task, outputs, torch.tensor(targets))

    def predictions(self, outputs: Tensor, fold: int) -> NDArray[np.floating]:
        """Probabilities, or values in the targets' units."""
        if self.task == "binary":
            return torch.sigmoid(outputs[:, 0]).numpy()
        if self.task == "multiclass":
            return torch.softmax(outputs, dim=1).numpy()
        statistics = self.statistics[fold]
        return outputs.numpy() * statistics["target.spread"] + statistics["target.center"]


class PlainEngine:
    """The `Engine` that trains one network at a time."""

    def __init__(
        self,
        matrix: NDArray[np.float32],
        targets: NDArray[Any],
        layout: Layout,
        folds: Sequence[Fold],
        task: Task,
        n_outputs: int,
        metric: Metric,
        seed: int,
        device: str = "cpu",
        torchs_dropout: bool = False,
        n_pieces: int = 0,
    ) -> None:
        self._data = PlainData(matrix, targets, layout, folds, task, seed, torchs_dropout, n_pieces)
        self._n_pieces = n_pieces
        self._n_outputs, self._metric, self._seed = n_outputs, metric, seed
        self._running: dict[int, tuple[Candidate, list[PlainMember]]] = {}

    @property
    def n_folds(self) -> int:
        return len(self._data.folds)

    @property
    def n_train_rows(self) -> int:
        return max(len(fold.train) for fold in self._data.folds)

    def has_room(self, network: NetworkSpec, batch_size: int) -> bool:
        return not self._running

    n_fold_sets = 1

    def start(self, key: int, candidate: Candidate, fold_set: int = 0) -> None:
        members = [
            PlainMember(candidate.train, self._network(candidate.network, fold), self._data, fold, self._metric)
            for fold in range(self.n_folds)
        ]
        self._running[key] = (candidate, members)

    def train_epoch(self) -> tuple[Standing, ...]:
        for _, members in self._running.values():
            for member in members:
                if not member.finished:
                    member.train_epoch()
        return tuple(self._standing(key, members) for key, (_, members) in self._running.items())

    def collect(self, key: int) -> Trained:
        candidate, members = self._running.pop(key)
        failed = next((f"fold {m.fold + 1} {reason}" for m in members if (reason := self._failure(m))), None)
        best_scores = [np.nan if failed else m.best_score for m in members]
        at_best = [m.curves["train_score"][m.best_epoch - 1] if m.best_epoch else np.nan for m in members]
        weights = [{**m.best, **self._data.statistics[m.fold]} for m in members]
        return Trained(
            candidate=candidate,
            curves=Curves(**{name: _padded([m.curves[name] for m in members]) for name in members[0].curves}),
            score=Score.of(np.array(best_scores)),
            train_score=Score.of(np.array(at_best)),
            best_epochs=tuple(m.best_epoch for m in members),
            seconds=0.0,
            failed=failed,
            weights={name: np.stack([part[name] for part in weights]) for name in weights[0]}
            | {SHARE: equal_shares(len(members))},
        )

    def forget(self, key: int) -> None: ...

    def out_of_fold(self, trained: Trained) -> tuple[NDArray[np.floating], ...]:
        predicted = []
        for k, fold in enumerate(self._data.folds):
            network = PlainNetwork({name: array[k] for name, array in trained.weights.items()}, self._data.layout)
            with torch.no_grad():
                outputs, _ = self._data.outputs(network, k, fold.validation)
            predicted.append(self._data.predictions(outputs, k))
        return tuple(predicted)

    def _failure(self, member: PlainMember) -> str | None:
        if not member.failed and len(self._data.folds[member.fold].validation) and np.isnan(member.best_score):
            return f"has no score: {self._metric.name} is not defined on its validation rows"
        return member.failed

    def _network(self, network: NetworkSpec, fold: int) -> PlainNetwork:
        table = ParameterTable.of(network, InputSizes.of(self._data.layout, self._n_pieces), self._n_outputs)
        row = table.initial(generator(self._seed, fold))
        parameters = {name: view[0].numpy() for name, view in table.views(row[None]).items()}
        return PlainNetwork(parameters, self._data.layout)

    def _standing(self, key: int, members: list[PlainMember]) -> Standing:
        return Standing(
            key=key,
            epoch=max(m.epoch for m in members),
            validation=np.array([m.curves["validation_score"][-1] for m in members]),
            best=float(np.mean([m.best_score for m in members])),
            finished=any(m.failed for m in members) or all(m.finished for m in members),
        )


def _padded(curves: list[list[float]]) -> NDArray[np.float64]:
    longest = max(map(len, curves))
    return np.array([curve + [np.nan] * (longest - len(curve)) for curve in curves], dtype=np.float64)
