"""How predictions for the test rows are scored: by scikit-learn, apart from any contender."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score, root_mean_squared_error

HEADLINES: dict[str, tuple[str, ...]] = {
    "binary": ("roc_auc", "average_precision"),
    "multiclass": ("accuracy",),
    "regression": ("rmse",),
    "vector_regression": ("rmse",),
}
"""Of each task; the first ranks the contenders."""
LOWER_IS_BETTER = {"rmse"}


def headline(task: str) -> str:
    """The metric that ranks the contenders."""
    return HEADLINES[task][0]


def scores(task: str, train: pd.DataFrame, truth: pd.DataFrame, predicted: pd.DataFrame) -> dict[str, float]:
    """All metrics of a task, on rows with the targets `truth`, text as in the file; the training rows' targets tell the
    rarer class. Raises ValueError where predictions are missing, not finite or of other classes."""
    if len(predicted) != len(truth):
        raise ValueError(f"{len(predicted)} predictions for {len(truth)} rows")
    if not np.isfinite(predicted.to_numpy(float)).all():
        raise ValueError("predictions that are not finite")
    if task not in ("binary", "multiclass"):
        # The mean of the targets' errors, so that RMSE is in the targets' unit.
        return {"rmse": float(root_mean_squared_error(truth.astype(float), predicted[list(truth)]))}
    labels = truth.iloc[:, 0].to_numpy()
    if missing := sorted(set(labels) - set(predicted)):
        raise ValueError(f"no column for the classes {missing}")
    if task == "multiclass":
        return {"accuracy": float(accuracy_score(labels, predicted.idxmax(axis="columns").to_numpy()))}
    positive = rarer(train.iloc[:, 0])
    return {name: float(score(labels == positive, predicted[positive])) for name, score in OF_PROBABILITIES.items()}


OF_PROBABILITIES: dict[str, Callable[..., float]] = {
    "roc_auc": roc_auc_score,
    "average_precision": average_precision_score,
}


def rarer(labels: pd.Series) -> str:
    """The rarer of two classes; of two as frequent the last by name.

    >>> rarer(pd.Series(["yes", "no", "no"])), rarer(pd.Series(["0", "1"]))
    ('yes', '1')
    """
    counts = labels.value_counts().sort_index(ascending=False)
    return str(counts.idxmin())
