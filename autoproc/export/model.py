"""A trained model in use: from a data frame with the training columns to a data frame of predictions."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.data.drift import DriftHint, OddCells, Seen, count_odd, drift_hints
from autoproc.data.vectorize import Schema
from autoproc.errors import DataError, PlanError
from autoproc.export.card import probability_columns
from autoproc.plan import Task


@dataclass(frozen=True)
class Model:
    """`card` says what the model is and how it was scored; `predict` is what it is for. `seen` is what training saw of
    its columns, None in models of earlier versions."""

    card: Mapping[str, Any] = field(repr=False)
    schema: Schema = field(repr=False)
    network: Callable[[NDArray[np.float32]], NDArray[np.floating]] = field(repr=False)
    task: Task
    targets: tuple[str, ...]
    classes: tuple[str, ...]
    threshold: float | None
    seen: Seen | None = field(default=None, repr=False)

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """One row of predictions for each row of `frame`, with its index.

        Classes: a column with the label, named like the target, and `probability_<class>` for each class.
        Values: one column a target, in its own units. Columns may come in any order, and further ones are
        ignored; missing cells and unseen categories are fine. Raises DataError when a column is missing.
        """
        return self.predict_matrix(self.matrix(frame), frame.index)

    def predict_proba(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The columns `probability_<class>` alone. Raises DataError as `predict` does, and PlanError for values."""
        return self.proba_of_matrix(self.matrix(frame), frame.index)

    def with_threshold(self, threshold: float) -> "Model":
        """The same model with another threshold of the positive class, from 0 to 1. Raises PlanError for another task
        than two classes."""
        if self.task != "binary":
            raise PlanError(
                f"A threshold decides between two classes, but this is a model of {self.task.replace('_', ' ')}. Leave "
                "the threshold out."
            )
        if not 0 <= threshold <= 1:
            raise PlanError(f"A threshold is a probability from 0 to 1, but got {threshold:g}. Name one of these.")
        return replace(self, threshold=float(threshold))

    def drift(self, frame: pd.DataFrame) -> tuple[DriftHint, ...]:
        """The columns of `frame` that are far outside of what training saw; `autoproc.data.drift` states the rule. Says
        nothing where the model does not know. Raises DataError as `predict` does."""
        matrix = self.matrix(frame)
        odd = self.count_odd(matrix)
        return self.drift_of(odd) if odd else ()

    def matrix(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """What the networks see of the rows: (n, n_columns). Raises DataError as `predict` does."""
        if not isinstance(frame, pd.DataFrame):
            raise DataError(f"predict takes a pandas DataFrame, but got a {type(frame).__name__}.")
        return self.schema.matrix(frame)

    def predict_matrix(self, matrix: NDArray[np.float32], index: pd.Index) -> pd.DataFrame:
        """The predictions of rows by their matrix."""
        if not self.classes:
            outputs = self.network(matrix).astype(np.float64)
            return pd.DataFrame(outputs, columns=list(self.targets), index=index)
        probabilities = self._probabilities(matrix)
        labels = np.array(natural(self.classes))[self._chosen(probabilities)]
        columns = {self.targets[0]: labels, **self._named(probabilities)}
        return pd.DataFrame(columns, index=index, copy=False)

    def proba_of_matrix(self, matrix: NDArray[np.float32], index: pd.Index) -> pd.DataFrame:
        """The probabilities of rows by their matrix. Raises PlanError where values are predicted."""
        if not self.classes:
            raise PlanError("This model predicts values, which have no probabilities. Ask for its predictions.")
        return pd.DataFrame(self._named(self._probabilities(matrix)), index=index)

    def count_odd(self, matrix: NDArray[np.float32]) -> OddCells | None:
        """How many cells of rows, by their matrix, are unlike those of training; None where that is not known."""
        return count_odd(self.schema, self.seen, matrix) if self.seen else None

    def drift_of(self, odd: OddCells) -> tuple[DriftHint, ...]:
        """What `drift` says of rows whose odd cells were counted, in parts that were added up."""
        return drift_hints(self.schema, self.seen, odd) if self.seen else ()

    def _probabilities(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Of each class (n, C)."""
        outputs = self.network(matrix).astype(np.float64)
        return np.stack([1 - outputs, outputs], axis=1) if self.task == "binary" else outputs

    def _named(self, probabilities: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return dict(zip(probability_columns(self.classes), probabilities.T, strict=True))

    def _chosen(self, probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
        """Number of the predicted class of each row: above the threshold, or the likeliest."""
        if self.threshold is None:
            return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)
        return (probabilities[:, 1] >= self.threshold).astype(np.int64)


def natural(classes: tuple[str, ...]) -> list[str] | list[int]:
    """Class names as the table had them: whole numbers where all of them are."""
    whole = all(re.fullmatch(r"-?(0|[1-9]\d{0,17})", name) for name in classes)
    return [int(name) for name in classes] if whole else list(classes)
