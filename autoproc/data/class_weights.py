"""How much the rows of each class weigh in training for metrics that mind rare classes."""

import numpy as np
from numpy.typing import NDArray

from autoproc.results import FloatArray


def class_weights(counts: NDArray[np.int64], power: float) -> FloatArray:
    """Weights (C,) of the rows of each class, given how many of them there are (C,): proportional to 1 / count^power,
    1 on average over the rows. A class without rows weighs as much as one with a single row.

    Power 1 is what scikit-learn calls balanced: all classes count as much, however rare (King & Zeng 2001, "Logistic
    regression in rare events data"). Between 0 and 1 rare classes count for more than their rows, but for less than
    the others.

    >>> class_weights(np.array([90, 10]), 1.0).round(2).tolist(), class_weights(np.array([90, 10]), 0.0).tolist()
    ([0.56, 5.0], [1.0, 1.0])
    """
    weights = np.maximum(counts, 1) ** -float(power)
    return np.asarray(weights * counts.sum() / (weights * counts).sum())
