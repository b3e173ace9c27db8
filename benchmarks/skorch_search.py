"""The search of `benchmarks/search.py` with Optuna and skorch; one of the processes that share the study.

What makes it as quick as skorch allows: one thread a process, and a process a core; rows scaled beforehand, in memory;
an epoch shuffled in one go and cut into batches, in place of torch's DataLoader, which collates row by row; no
callbacks; fused Adam and AdamW, and RMSprop in torch's foreach form; no dropout layer where nothing is dropped; the
validation rows in one pass; weights copied only when they are the best so far; folds in lockstep, so that a trial is
pruned as early as autoproc prunes it.
"""

import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from math import ceil, isfinite, nan
from typing import Any

import numpy as np
import optuna
import skorch
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from torch import Tensor, nn
from torch.optim import lr_scheduler

from autoproc.network.fold_data import FoldData
from autoproc.network.loss import predictions
from autoproc.network.sizes import InputSizes
from autoproc.plan import Task
from autoproc.spec import Candidate, NetworkSpec, TrainSpec
from autoproc.steps.search import OptunaSuggest, WorseHalfPruner, is_check
from benchmarks.contenders import Rows
from benchmarks.perceptron import Perceptron
from benchmarks.search import TRIALS, Log, Setting, State, work

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"optimizer": torch.optim.Adam, "optimizer__fused": True},
    "adamw": {"optimizer": torch.optim.AdamW, "optimizer__fused": True},
    "rmsprop": {"optimizer": torch.optim.RMSprop, "optimizer__foreach": True},
}
CRITERIA: dict[Task, type[nn.Module]] = {
    "binary": nn.BCEWithLogitsLoss,
    "multiclass": nn.CrossEntropyLoss,
    "regression": nn.MSELoss,
    "vector_regression": nn.MSELoss,
}
STATES: dict[State, optuna.trial.TrialState] = {
    "complete": optuna.trial.TrialState.COMPLETE,
    "pruned": optuna.trial.TrialState.PRUNED,
    "failed": optuna.trial.TrialState.FAIL,
    "stopped": optuna.trial.TrialState.FAIL,
}
Inputs = dict[str, Tensor]


class Batches:
    """The batches of one epoch, in a new order each time."""

    def __init__(self, dataset: skorch.dataset.Dataset, batch_size: int) -> None:
        self._inputs, self._targets = dataset.X, dataset.y
        self._n_steps = ceil(len(self._targets) / batch_size)

    def __iter__(self) -> Iterator[tuple[Inputs, Tensor]]:
        order = torch.randperm(len(self._targets))
        shuffled = [rows[order].tensor_split(self._n_steps) for rows in (*self._inputs.values(), self._targets)]
        for dense, codes, targets in zip(*shuffled, strict=True):
            yield {"dense": dense, "codes": codes}, targets


class Net(skorch.NeuralNet):
    """With an L1 penalty on weights."""

    def __init__(self, *args: Any, l1: float = 0.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.l1 = l1

    def get_loss(self, y_pred: Tensor, y_true: Tensor, X: Any = None, training: bool = False) -> Tensor:
        loss: Tensor = super().get_loss(y_pred, y_true, X=X, training=training)
        if training and self.l1:
            loss = loss + self.l1 * sum(weight.abs().sum() for weight in self.module_.weights)
        return loss


@dataclass(frozen=True)
class FoldRows:
    """Training and validation rows as one fold sees them, and what gives its predictions their units."""

    train: Rows
    validation: Rows
    truth: np.ndarray
    center: Tensor
    spread: Tensor

    @classmethod
    def of(cls, data: FoldData, number: int) -> "FoldRows":
        fold = data.folds[number]
        train, validation = (Rows.of(data, number, rows) for rows in (fold.train, fold.validation))
        statistics = data.target_center[[number]], data.target_spread[[number]]
        return cls(train, validation, data.raw_targets[fold.validation], *statistics)


def pair(rows: Rows) -> tuple[Inputs, Tensor]:
    return {"dense": rows.dense, "codes": rows.codes}, rows.targets


class Training:
    """One fold of a trial."""

    def __init__(self, candidate: Candidate, rows: FoldRows, setting: Setting, fold: int) -> None:
        self._spec, self._rows, self._metric = candidate.train, rows, setting.metric
        self._task = setting.prepared.problem.task
        torch.manual_seed(fold)  # candidates of equal shape start alike, as in autoproc
        self._net = make_net(candidate, setting).initialize()
        self._scheduler = make_scheduler(self._net.optimizer_, self._spec)
        self.best, self.failed = nan, False
        self._epoch = self._best_epoch = 0

    @property
    def finished(self) -> bool:
        impatient = self._epoch - self._best_epoch >= self._spec.patience
        return self.failed or impatient or self._epoch >= self._spec.max_epochs

    def train_epoch(self) -> None:
        self._net.partial_fit(*pair(self._rows.train))
        self._epoch += 1
        loss, score = self._validate()
        self.failed = not isfinite(loss)
        if isinstance(self._scheduler, lr_scheduler.ReduceLROnPlateau):
            self._scheduler.step(loss)
        elif self._scheduler is not None:
            self._scheduler.step()
        if self._epoch == 1 or self._metric.gain(score, self.best) > 0:
            self.best, self._best_epoch = score, self._epoch
            self._kept = deepcopy(self._net.module_.state_dict())

    def _validate(self) -> tuple[float, float]:
        """Loss and score of the validation rows."""
        rows = self._rows
        outputs = self._net.evaluation_step(pair(rows.validation))
        loss = self._net.get_loss(outputs, rows.validation.targets)
        columns = outputs[:, None] if self._task == "binary" else outputs
        predicted = predictions(self._task, columns.T[None], rows.center, rows.spread)
        return float(loss), float(self._metric(rows.truth, predicted.numpy())[0])


def make_net(candidate: Candidate, setting: Setting) -> Net:
    spec, problem = candidate.train, setting.prepared.problem
    return Net(
        Perceptron,
        module__sizes=InputSizes.of(setting.prepared.schema.layout),
        module__network=candidate.network,
        module__dropout=spec.dropout,
        module__n_outputs=problem.n_outputs,
        module__task=problem.task,
        criterion=CRITERIA[problem.task],
        **OPTIMIZERS[spec.optimizer],
        optimizer__param_groups=[("body.*weight", {"weight_decay": spec.weight_decay})],
        optimizer__weight_decay=0.0,
        lr=spec.learning_rate,
        l1=spec.l1,
        batch_size=spec.batch_size,
        max_epochs=1,
        iterator_train=Batches,
        train_split=None,
        callbacks="disable",
        verbose=0,
    )


def make_scheduler(optimizer: torch.optim.Optimizer, spec: TrainSpec) -> Any:
    """torch's own, or None."""
    scheduler = spec.scheduler
    return None if scheduler.kind == "none" else getattr(lr_scheduler, scheduler.kind)(optimizer, **vars(scheduler))


def train(trial: optuna.Trial, folds: list[FoldRows], setting: Setting, log: Log) -> tuple[State, float, int]:
    """How a trial ends, with its score and epochs: all folds train side by side, epoch by epoch."""
    candidate = setting.sample(OptunaSuggest(trial))
    trainings = [Training(candidate, rows, setting, fold) for fold, rows in enumerate(folds)]
    epoch = 0
    while True:
        epoch += 1
        for training in trainings:
            if not training.finished:
                training.train_epoch()
        score = float(np.mean([training.best for training in trainings]))
        if any(training.failed for training in trainings):
            return "failed", nan, epoch
        if is_check(epoch):  # the pruner looks at no other, and the journal waits for the disk with each report
            trial.report(score, epoch)
        if all(training.finished for training in trainings):
            return "complete", score, epoch
        # Like the grown network that autoproc starts from, trial 0 is trained to its end.
        if trial.number and is_check(epoch) and trial.should_prune():
            return "pruned", score, epoch
        if log.deadline.passed:
            return "stopped", score, epoch


def search_by_skorch(setting: Setting, number: int, journal: str) -> Callable[[Log], None]:
    """The part of the search that process `number` does."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    torch.set_num_threads(1)
    prepared = setting.prepared
    splits, task = prepared.protocol.splits, prepared.problem.task
    data = FoldData(prepared.matrix, prepared.targets, prepared.schema.layout, splits, task, 0, torch.device("cpu"))
    folds = [FoldRows.of(data, fold) for fold in range(len(splits))]
    Training(Candidate(NetworkSpec(1, 8), setting.default), folds[0], setting, 0).train_epoch()  # loads what is left
    study = optuna.create_study(
        study_name="search",
        storage=JournalStorage(JournalFileBackend(journal)),
        sampler=optuna.samplers.TPESampler(seed=setting.plan.seed + number),  # with one seed they would draw the same
        pruner=WorseHalfPruner(),
        direction=setting.metric.direction,
        load_if_exists=True,
    )
    if number == 0:
        for spec in (setting.unregularised, setting.default):
            study.enqueue_trial(dict(setting.space.encode(spec)))

    def search(log: Log) -> None:
        while not log.deadline.passed:
            trial = study.ask()
            if trial.number >= TRIALS:
                return
            state, score, n_epochs = train(trial, folds, setting, log)
            study.tell(trial, score if state == "complete" else None, STATES[state])
            log.note(trial.number, state, score, n_epochs)

    return search


def main() -> None:
    table, seed, number, journal = sys.argv[1:]
    work(search_by_skorch(Setting.of(table, int(seed)), int(number), journal))


if __name__ == "__main__":
    main()
