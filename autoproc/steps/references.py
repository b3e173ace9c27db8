"""Reference models: what others would have reached on the same folds and the same holdout.

A linear model and boosted trees, both scikit-learn's with its default settings, and with rare classes weighed as the
networks weigh them. They read the matrix that the networks read, and learn whatever they need from a fold's training
rows alone.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from autoproc.configurations import choose_class_weights
from autoproc.data.class_weights import class_weights
from autoproc.data.metrics import Target
from autoproc.data.vectorize import Layout
from autoproc.deadline import Deadline
from autoproc.plan import Plan
from autoproc.prepared import Prepared
from autoproc.results import FittedReference, FloatArray, Problem, Reference, Score

_MOST_TREE_CATEGORIES = 255  # that the trees can tell apart; codes beyond count as numbers
_MOST_ITERATIONS = 1_000
_LARGEST = 1e15  # number for a linear model, which squares it as float32
_MOST_ROWS = 200_000  # that a reference learns from

Matrix = NDArray[np.float32]
ClassWeights = dict[int, float] | None


def train_references(
    prepared: Prepared, plan: Plan, deadline: Deadline, leave_out: Callable[[str], None]
) -> tuple[FittedReference, ...]:
    """The references for which there is time; `leave_out` is told of each other one, and of rows, and why."""
    fitted = []
    n_rows = len(prepared.matrix)
    if n_rows > _MOST_ROWS:
        leave_out(f"The reference models learn from {_MOST_ROWS:,} rows of {n_rows:,}, drawn at random.")
    for name, make in _kinds(prepared, plan).items():
        trained = _train(name, make, prepared, deadline, plan.seed)
        if trained is None:
            leave_out(
                f"The reference model {name!r} would take longer than its part of the time limit, so it is left out; a "
                "longer --time-limit has it."
            )
        else:
            fitted.append(trained)
    return tuple(fitted)


def _kinds(prepared: Prepared, plan: Plan) -> dict[str, Callable[[], Any]]:
    """What makes a new scikit-learn model, by the name that people know it by."""
    problem, layout = prepared.problem, prepared.schema.layout
    power = choose_class_weights(plan, prepared.chosen.metric.class_weights)
    weights = dict(enumerate(class_weights(np.array(problem.class_counts), power))) if power else None
    linear = "logistic regression" if problem.is_classification else "ridge regression"
    return {
        linear: lambda: make_pipeline(_plain_columns(layout), _linear(problem, weights)),
        "boosted trees": lambda: _trees(problem, layout, plan.seed, weights),
    }


def _train(
    name: str, make: Callable[[], Any], prepared: Prepared, deadline: Deadline, seed: int
) -> FittedReference | None:
    """None where the folds that are left, and all rows at the end, would take longer than there is."""
    matrix, targets, problem, folds = prepared.matrix, prepared.targets, prepared.problem, prepared.protocol.splits

    def fit(rows: NDArray[np.int64]) -> Callable[[Matrix], FloatArray]:
        if len(rows) > _MOST_ROWS:
            rows = np.sort(np.random.default_rng(seed).choice(rows, _MOST_ROWS, replace=False))
        return _fit(make(), matrix[rows], targets[rows], problem)

    deadline.clock.tick()
    started, scores = deadline.now, []
    for n_done, fold in enumerate(folds, start=1):
        predict = fit(fold.train)
        scores.append(prepared.chosen.metric.one(targets[fold.validation], predict(matrix[fold.validation])))
        deadline.clock.tick()
        each = (deadline.now - started) / n_done
        if each * (len(folds) + 1 - n_done) > deadline.remaining:
            return None
    predict = fit(np.arange(len(matrix)))
    deadline.clock.tick()
    return FittedReference(Reference(name, Score.of(np.array(scores)), deadline.now - started), predict)


def _fit(model: Any, rows: Matrix, targets: Target, problem: Problem) -> Callable[[Matrix], FloatArray]:
    flat = targets[:, 0] if problem.task == "regression" else targets
    # One thread takes as long as two on tables of this kind, and far less where another program wants a core.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # after so many steps it is near enough for a reference
        model.fit(rows, flat)
    return lambda asked: _predictions(model, asked, problem)


def _predictions(model: Any, rows: Matrix, problem: Problem) -> FloatArray:
    """Probabilities of the positive class (n,), of classes (n, C), or values (n, t)."""
    if not problem.is_classification:
        return np.asarray(model.predict(rows), dtype=np.float64).reshape(len(rows), -1)
    probabilities = np.zeros((len(rows), len(problem.classes)))
    probabilities[:, model.classes_] = model.predict_proba(rows)  # a class may lack training rows
    return probabilities[:, 1] if problem.task == "binary" else probabilities


def _linear(problem: Problem, weights: ClassWeights) -> Any:
    if not problem.is_classification:
        return Ridge()
    return LogisticRegression(max_iter=_MOST_ITERATIONS, class_weight=weights)


def _plain_columns(layout: Layout) -> Any:
    """What a linear model can read: numbers without gaps on one scale, marks of gaps, and a column a category."""
    numbers = [*layout.numeric, *layout.passthrough]
    categories = [column for column, _ in (*layout.one_hot, *layout.embedded)]
    clip = FunctionTransformer(np.clip, kw_args={"a_min": -_LARGEST, "a_max": _LARGEST})
    fill = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return make_column_transformer(
        (make_pipeline(clip, fill, StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), categories),
    )


def _trees(problem: Problem, layout: Layout, seed: int, weights: ClassWeights) -> Any:
    sizes = (*layout.one_hot, *layout.embedded)
    categories = [column for column, n_codes in sizes if n_codes <= _MOST_TREE_CATEGORIES]
    asked = {"categorical_features": categories or None, "early_stopping": True, "random_state": seed}
    if problem.is_classification:
        return HistGradientBoostingClassifier(**asked, class_weight=weights)
    trees = HistGradientBoostingRegressor(**asked)
    return MultiOutputRegressor(trees) if len(problem.targets) > 1 else trees
