"""A trained model in use: from a data frame with the training columns to a data frame of predictions."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.data.vectorize import Schema
from autoproc.errors import DataError
from autoproc.plan import Task


@dataclass(frozen=True)
class Model:
    """`card` says what the model is and how it was scored; `predict` is all there is to do with it."""

    card: Mapping[str, Any] = field(repr=False)
    schema: Schema = field(repr=False)
    network: Callable[[NDArray[np.float32]], NDArray[np.floating]] = field(repr=False)
    task: Task
    targets: tuple[str, ...]
    classes: tuple[str, ...]
    threshold: float | None

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """One row of predictions for each row of `frame`, with its index.

        Classes: a column with the label, named like the target, and `probability_<class>` for each class.
        Values: one column a target, in its own units. Columns may come in any order, and further ones are
        ignored; missing cells and unseen categories are fine. Raises DataError when a column is missing.
        """
        if not isinstance(frame, pd.DataFrame):
            raise DataError(f"predict takes a pandas DataFrame, but got a {type(frame).__name__}.")
        outputs = self.network(self.schema.matrix(frame)).astype(np.float64)
        if not self.classes:
            return pd.DataFrame(outputs, columns=list(self.targets), index=frame.index)
        probabilities = np.stack([1 - outputs, outputs], axis=1) if self.task == "binary" else outputs
        labels = np.array(natural(self.classes))[self._chosen(probabilities)]
        columns = {f"probability_{name}": probabilities[:, i] for i, name in enumerate(self.classes)}
        return pd.DataFrame({self.targets[0]: labels, **columns}, index=frame.index)

    def _chosen(self, probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
        """Number of the predicted class of each row: above the threshold, or the likeliest."""
        if self.threshold is None:
            return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)
        return (probabilities[:, 1] >= self.threshold).astype(np.int64)


def natural(classes: tuple[str, ...]) -> list[str] | list[int]:
    """Class names as the table had them: whole numbers where all of them are."""
    whole = all(re.fullmatch(r"-?(0|[1-9]\d{0,17})", name) for name in classes)
    return [int(name) for name in classes] if whole else list(classes)
