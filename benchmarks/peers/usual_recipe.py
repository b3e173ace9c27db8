"""The usual recipe: Optuna's TPE over width, depth, dropout, learning rate and weight decay; skorch, 5 shuffled folds,
30 epochs, patience 5; numbers imputed and standardised, words one-hot; then the best configuration on all rows."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import optuna
import pandas as pd
import skorch
import torch
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import LabelEncoder, StandardScaler
from skorch.callbacks import EarlyStopping
from torch import nn

from benchmarks.peers.job import Given, Job
from benchmarks.peers.preparation import few_words, standardised
from benchmarks.peers.scores import LOWER_IS_BETTER, scores

FOLDS, EPOCHS, PATIENCE = 5, 30, 5


class Perceptron(nn.Module):
    def __init__(self, n_inputs: int, n_outputs: int, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        sizes, layers = [n_inputs, *[width] * depth], []
        for size, after in pairwise(sizes):
            layers += [nn.Linear(size, after), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], n_outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


@dataclass(frozen=True)
class Configuration:
    width: int
    depth: int
    dropout: float
    learning_rate: float
    weight_decay: float

    @classmethod
    def suggested(cls, trial: optuna.trial.BaseTrial) -> "Configuration":
        return cls(
            trial.suggest_categorical("width", [32, 64, 128, 256]),
            trial.suggest_int("depth", 1, 4),
            trial.suggest_float("dropout", 0.0, 0.5),
            trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
            trial.suggest_float("weight_decay", 1e-6, 1e-2, log=True),
        )


class Trained:
    """Preparation and network of some rows, which predict others."""

    def __init__(self, configuration: Configuration, job: Job, x: pd.DataFrame, y: pd.DataFrame) -> None:
        self._preparation = standardised(x).fit(x)
        self._labels, self._scaler = LabelEncoder(), StandardScaler()
        if job.is_classification:
            targets = self._labels.fit_transform(y.iloc[:, 0]).astype(np.int64)
            n_outputs = len(self._labels.classes_)
        else:
            targets = self._scaler.fit_transform(y).astype(np.float32)
            n_outputs = targets.shape[1]
        self._job, self._names = job, list(y)
        inputs = self._inputs(x)
        torch.manual_seed(job.seed)
        self._net = make_net(configuration, job, inputs.shape[1], n_outputs).fit(inputs, targets)

    def predict(self, x: pd.DataFrame) -> pd.DataFrame:
        inputs = self._inputs(x)
        if self._job.is_classification:
            return pd.DataFrame(self._net.predict_proba(inputs), columns=self._labels.classes_)
        return pd.DataFrame(self._scaler.inverse_transform(self._net.predict(inputs)), columns=self._names)

    def _inputs(self, x: pd.DataFrame) -> np.ndarray:
        return self._preparation.transform(x).astype(np.float32)


def make_net(configuration: Configuration, job: Job, n_inputs: int, n_outputs: int) -> Any:
    """With skorch's own validation split, by which training stops early."""
    kind = skorch.NeuralNetClassifier if job.is_classification else skorch.NeuralNetRegressor
    return kind(
        Perceptron,
        module__n_inputs=n_inputs,
        module__n_outputs=n_outputs,
        module__width=configuration.width,
        module__depth=configuration.depth,
        module__dropout=configuration.dropout,
        criterion=nn.CrossEntropyLoss if job.is_classification else nn.MSELoss,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=configuration.weight_decay,
        lr=configuration.learning_rate,
        max_epochs=EPOCHS,
        iterator_train__shuffle=True,
        callbacks=[EarlyStopping(patience=PATIENCE, load_best=True, sink=lambda _: None)],
        verbose=0,
    )


def naive(given: Given) -> pd.DataFrame:
    job = given.job
    (x, test), y = few_words(given.x, given.test), given.train[list(job.targets)]
    folds = (StratifiedKFold if job.is_classification else KFold)(FOLDS, shuffle=True, random_state=job.seed)
    splits = list(folds.split(x, y.iloc[:, 0]))

    def cross_validated(trial: optuna.Trial) -> float:
        configuration = Configuration.suggested(trial)
        of_folds = []
        for train, validation in splits:
            predicted = Trained(configuration, job, x.iloc[train], y.iloc[train]).predict(x.iloc[validation])
            of_folds.append(scores(job.task, y.iloc[train], y.iloc[validation], predicted)[job.metric])
        return float(np.mean(of_folds))

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="minimize" if job.metric in LOWER_IS_BETTER else "maximize",
        sampler=optuna.samplers.TPESampler(seed=job.seed),
    )
    study.optimize(cross_validated, timeout=job.seconds)
    print(f"{len(study.trials)} trials, the best {study.best_value:.4f} cross-validated", flush=True)
    best = Configuration.suggested(optuna.trial.FixedTrial(study.best_params))
    return Trained(best, job, x, y).predict(test)
