"""The score of knowing only the target: scikit-learn's dummies, which never look at a feature."""

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor

from autoproc.data.metrics import Metric, Target
from autoproc.results import FloatArray, Problem


def dummy_predictions(train: Target, n_rows: int, problem: Problem) -> FloatArray:
    """What the training targets alone predict for `n_rows` rows: class shares, or the targets' means.

    (n,) for binary, (n, C) for multiclass, (n, t) for values.
    """
    known, asked = np.zeros((len(train), 1)), np.zeros((n_rows, 1))
    if not problem.is_classification:
        means = DummyRegressor().fit(known, train).predict(asked)
        return np.asarray(means, dtype=np.float64).reshape(n_rows, len(problem.targets))
    dummy = DummyClassifier(strategy="prior").fit(known, train)
    shares = np.zeros((n_rows, len(problem.classes)))
    shares[:, dummy.classes_] = dummy.predict_proba(asked)
    return shares[:, 1] if problem.task == "binary" else shares


def dummy_score(train: Target, test: Target, problem: Problem, metric: Metric) -> float:
    """Score on `test` of the dummy fitted on `train`."""
    return metric.one(test, dummy_predictions(train, len(test), problem))
