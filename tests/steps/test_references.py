"""Reference models: the same folds, the same shapes as a network's predictions, and no more time than there is."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline

from autoproc import process
from autoproc.deadline import NEVER, Deadline
from autoproc.plan import Plan, Task, make_plan
from autoproc.prepared import Prepared
from autoproc.steps import references
from autoproc.steps.references import train_references
from tests.end_to_end import tables

TASKS = get_args(Task)


def prepared(task: Task, metric: str | None = None) -> Prepared:
    asked = {"target": tables.TARGETS[task], "task": task, "protocol": {"folds": 3, "repeats": 1}, "metric": metric}
    return process.inspect(make_plan(None, asked), tables.table(task))


def seeded(seed: int) -> Plan:
    return make_plan(None, {"seed": seed})


def never(text: str) -> None:
    raise AssertionError(text)


@pytest.mark.parametrize("task", TASKS)
def test_a_linear_model_and_trees_are_scored_on_the_folds_and_beat_the_dummy(task: Task) -> None:
    case = prepared(task)
    linear, trees = train_references(case, seeded(0), NEVER, never)
    kind = "logistic regression" if task in ("binary", "multiclass") else "ridge regression"
    assert (linear.reference.name, trees.reference.name) == (kind, "boosted trees")
    shape = {"binary": (240,), "multiclass": (240, 3), "regression": (240, 1), "vector_regression": (240, 2)}[task]
    for fitted in (linear, trees):
        assert len(fitted.reference.score.folds) == 3
        assert fitted.reference.seconds > 0
        predicted = fitted.predict(case.matrix)
        assert predicted.shape == (len(case.matrix), *shape[1:])
        assert np.isfinite(predicted).all()
        known = case.chosen.metric(case.targets, predicted[None])[0]
        assert case.chosen.metric.gain(known, 0.5 if task == "binary" else fitted.reference.score.mean) > 0


def test_the_scores_are_scikit_learns_on_the_same_rows() -> None:
    case = prepared("binary")
    _, trees = train_references(case, seeded(7), NEVER, never)
    layout = case.schema.layout
    columns = [column for column, _ in (*layout.one_hot, *layout.embedded)]
    for fold, score in zip(case.protocol.splits, trees.reference.score.folds, strict=True):
        model = HistGradientBoostingClassifier(categorical_features=columns, early_stopping=True, random_state=7)
        model.fit(case.matrix[fold.train], case.targets[fold.train])
        expected = model.predict_proba(case.matrix[fold.validation])[:, 1]
        assert score == pytest.approx(float(case.chosen.metric(case.targets[fold.validation], expected[None])[0]))


def test_rare_classes_weigh_as_much_as_in_the_networks() -> None:
    case = prepared("binary", "balanced_accuracy")
    _, trees = train_references(case, seeded(7), NEVER, never)
    columns = [column for column, _ in (*case.schema.layout.one_hot, *case.schema.layout.embedded)]
    model = HistGradientBoostingClassifier(
        categorical_features=columns, early_stopping=True, random_state=7, class_weight="balanced"
    ).fit(case.matrix, case.targets)
    np.testing.assert_allclose(trees.predict(case.matrix), model.predict_proba(case.matrix)[:, 1])
    plan = make_plan(None, {"seed": 7, "train": {"class_weights": 0}})
    _, unweighed = train_references(case, plan, NEVER, never)
    assert not np.allclose(unweighed.predict(case.matrix), trees.predict(case.matrix))


def test_the_same_seed_gives_the_same_references() -> None:
    case = prepared("regression")
    first, again = (train_references(case, seeded(3), NEVER, never) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert one.reference.score == other.reference.score
        np.testing.assert_array_equal(one.predict(case.matrix), other.predict(case.matrix))


def test_what_would_take_too_long_is_left_out_and_told_of() -> None:
    told: list[str] = []
    assert train_references(prepared("binary"), seeded(0), Deadline.after(0), told.append) == ()
    assert [text.split("'")[1] for text in told] == ["logistic regression", "boosted trees"]


@pytest.mark.parametrize("weights", [None, {0: 1.0, 1: 2.0, 2: 0.5}], ids=["unweighed", "weighed"])
@pytest.mark.parametrize("name", ["logistic regression", "boosted trees"])
def test_a_class_without_training_rows_has_no_probability(name: str, weights: references.ClassWeights) -> None:
    case = prepared("multiclass")
    rows = np.flatnonzero(case.targets != 1)
    layout = case.schema.layout
    linear = make_pipeline(references._plain_columns(layout), references._linear(case.problem, weights))
    trees = references._trees(case.problem, layout, 0, weights)
    model = linear if name == "logistic regression" else trees
    predict = references._fit(model, case.matrix[rows], case.targets[rows], case.problem)
    predicted = predict(case.matrix)
    assert predicted.shape == (len(case.matrix), 3)
    assert (predicted[:, 1] == 0).all()
    np.testing.assert_allclose(predicted.sum(axis=1), 1)


def test_of_very_many_rows_a_draw_is_learned_from_and_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    case, learned = prepared("binary"), []
    monkeypatch.setattr(references, "_MOST_ROWS", 100)
    fit = references._fit
    monkeypatch.setattr(references, "_fit", lambda model, *more: (learned.append(len(more[0])), fit(model, *more))[1])
    told: list[str] = []
    assert len(train_references(case, seeded(0), NEVER, told.append)) == 2
    assert learned == [100] * 8, "three folds and all rows"
    assert told == ["The reference models learn from 100 rows of 192, drawn at random."]


@pytest.mark.parametrize("task", TASKS)
def test_numbers_as_large_as_there_are_can_be_learnt_from(task: Task) -> None:
    case = prepared(task)
    matrix = case.matrix.copy()
    matrix[::7, case.schema.layout.numeric] = np.finfo(np.float32).max
    matrix[3::7, case.schema.layout.numeric] = -np.finfo(np.float32).max
    for fitted in train_references(replace(case, matrix=matrix), seeded(0), NEVER, never):
        assert np.isfinite(fitted.predict(matrix)).all()
