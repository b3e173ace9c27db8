"""Predictions: one row for each row, whatever the rows hold, in the table's own terms."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoproc.data.drift import Seen
from autoproc.errors import DataError, PlanError
from autoproc.export.bundle import load
from autoproc.export.model import Model
from autoproc.plan import Task
from tests.export import bundles

COLUMNS = {
    "binary": ["y", "probability_no", "probability_yes"],
    "multiclass": ["y", "probability_a", "probability_b", "probability_c"],
    "regression": ["y"],
    "vector_regression": ["heat", "cold"],
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[Task, Model]:
    folder = tmp_path_factory.mktemp("models")
    return {task: load(bundles.make(task).write(folder / task)) for task in bundles.TASKS}


def with_classes(tmp_path: Path, task: Task, classes: list[str], threshold: float | None = None) -> Model:
    return load(bundles.make(task, classes=classes, threshold=threshold).write(tmp_path / "model"))


@pytest.mark.parametrize("task", bundles.TASKS)
def test_predictions_have_their_columns_and_the_rows_index(models: dict[Task, Model], task: Task) -> None:
    frame = bundles.rows().set_axis([f"row {i}" for i in range(20)][::-1])
    predicted = models[task].predict(frame)
    assert list(predicted.columns) == COLUMNS[task]
    assert predicted.index.equals(frame.index)
    assert np.isfinite(predicted.select_dtypes("number").to_numpy()).all()


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_probabilities_add_up_and_the_label_is_the_likeliest(models: dict[Task, Model], task: Task) -> None:
    model = models[task]
    predicted = model.predict(bundles.rows(200))
    probabilities = predicted.drop(columns="y").to_numpy()
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    labelled = probabilities[np.arange(200), [model.classes.index(label) for label in predicted["y"]]]
    np.testing.assert_allclose(labelled, probabilities.max(axis=1), atol=1e-6)
    assert predicted["y"].nunique() == len(model.classes)


@pytest.mark.parametrize("task", bundles.TASKS)
def test_the_networks_outputs_reach_the_columns_unchanged(models: dict[Task, Model], task: Task) -> None:
    outputs = bundles.make(task).predict(bundles.SCHEMA.matrix(bundles.rows()))
    predicted = models[task].predict(bundles.rows())
    wanted = outputs[:, None] if task == "binary" else outputs
    names = COLUMNS[task][-wanted.shape[1] :]
    np.testing.assert_array_equal(predicted[names].to_numpy(wanted.dtype), wanted)


@settings(max_examples=20)
@given(st.permutations(list(bundles.rows(1).columns)), st.lists(st.integers(0, 19), max_size=6))
def test_order_of_columns_other_columns_and_other_rows_have_no_say(
    models: dict[Task, Model], columns: list[str], picked: list[int]
) -> None:
    frame, model = bundles.rows(), models["multiclass"]
    shuffled = frame[columns].assign(more="extra", y="a").iloc[picked]
    pd.testing.assert_frame_equal(model.predict(shuffled), model.predict(frame).iloc[picked], rtol=1e-5)


def test_rows_are_left_as_they_were(models: dict[Task, Model]) -> None:
    frame = bundles.rows()
    models["binary"].predict(frame)
    pd.testing.assert_frame_equal(frame, bundles.rows())


@pytest.mark.parametrize("task", bundles.TASKS)
def test_no_rows_give_no_predictions_but_their_columns(models: dict[Task, Model], task: Task) -> None:
    predicted = models[task].predict(bundles.rows().iloc[:0])
    assert len(predicted) == 0
    assert list(predicted.columns) == COLUMNS[task]


@pytest.mark.parametrize("task", bundles.TASKS)
def test_rows_in_which_everything_is_missing_are_predicted(models: dict[Task, Model], task: Task) -> None:
    empty = pd.DataFrame(None, index=range(3), columns=bundles.SCHEMA.columns, dtype=object)
    predicted = models[task].predict(empty)
    assert np.isfinite(predicted.select_dtypes("number").to_numpy()).all()
    assert len(predicted.drop_duplicates()) == 1


def test_categories_that_were_never_seen_are_all_the_same_to_a_model(models: dict[Task, Model]) -> None:
    frame = bundles.rows()
    model = models["binary"]
    one, other = (model.predict(frame.assign(town=town, colour=town)) for town in ("Atlantis", "Utopia"))
    pd.testing.assert_frame_equal(one, other)
    assert not one.equals(model.predict(frame.assign(town="a", colour="red")))


def test_numbers_beyond_all_measure_are_predicted(models: dict[Task, Model]) -> None:
    frame = bundles.rows(4).assign(size=[np.inf, -np.inf, 1e300, "many"])
    assert np.isfinite(models["regression"].predict(frame).to_numpy()).all()


def test_a_missing_column_is_named(models: dict[Task, Model]) -> None:
    with pytest.raises(DataError, match=r"lack 2 of the 5 columns .*'size', 'town'\. .* mean 'Town' for 'town'\?"):
        models["binary"].predict(bundles.rows().drop(columns="size").rename(columns={"town": "Town"}))


@pytest.mark.parametrize("rows", [[{"size": 1}], np.zeros((3, 5)), "new.csv", pd.Series([1, 2]), None])
def test_only_a_data_frame_is_predicted(models: dict[Task, Model], rows: object) -> None:
    with pytest.raises(DataError, match=f"takes a pandas DataFrame, but got a {type(rows).__name__}"):
        models["binary"].predict(rows)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        (["0", "1"], {0, 1}),
        (["-1", "10"], {-1, 10}),
        (["0", "x"], {"0", "x"}),
        (["007", "7"], {"007", "7"}),
        (["0.5", "1"], {"0.5", "1"}),
    ],
)
def test_labels_are_whole_numbers_where_all_classes_are(
    tmp_path: Path, classes: list[str], labels: set[object]
) -> None:
    predicted = with_classes(tmp_path, "binary", classes).predict(bundles.rows(200))
    assert set(predicted["y"].tolist()) == labels
    assert list(predicted.columns[1:]) == [f"probability_{name}" for name in classes]
    assert pd.api.types.is_integer_dtype(predicted["y"]) == all(isinstance(label, int) for label in labels)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_the_threshold_decides_about_the_positive_class(tmp_path: Path, threshold: float) -> None:
    predicted = with_classes(tmp_path, "binary", ["no", "yes"], threshold).predict(bundles.rows(200))
    wanted = np.where(predicted["probability_yes"] >= threshold, "yes", "no")
    assert list(predicted["y"]) == list(wanted)
    assert predicted["y"].nunique() == 2


def test_a_models_repr_stays_short(models: dict[Task, Model]) -> None:
    assert repr(models["binary"]) == "Model(task='binary', targets=('y',), classes=('no', 'yes'), threshold=0.5)"


def test_another_threshold_decides_about_the_label_alone(models: dict[Task, Model]) -> None:
    model = models["binary"]
    other = model.with_threshold(0.9).predict(bundles.rows())
    assert list(other["y"]) == list(np.where(other["probability_yes"] >= 0.9, "yes", "no"))
    pd.testing.assert_frame_equal(other.drop(columns="y"), model.predict_proba(bundles.rows()))
    assert model.threshold == 0.5


@pytest.mark.parametrize("task", ["multiclass", "regression", "vector_regression"])
def test_a_threshold_is_for_two_classes(models: dict[Task, Model], task: Task) -> None:
    with pytest.raises(PlanError, match="decides between two classes"):
        models[task].with_threshold(0.5)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_is_a_probability(models: dict[Task, Model], threshold: float) -> None:
    with pytest.raises(PlanError, match="from 0 to 1"):
        models["binary"].with_threshold(threshold)


def test_values_have_no_probabilities(models: dict[Task, Model]) -> None:
    with pytest.raises(PlanError, match="values, which have no probabilities"):
        models["regression"].predict_proba(bundles.rows())


def test_a_model_says_where_rows_are_far_outside_of_training(tmp_path: Path) -> None:
    seen = Seen.of(bundles.SCHEMA, bundles.SCHEMA.matrix(bundles.rows(200)))
    model = load(bundles.make("binary", seen=seen.to_json()).write(tmp_path / "model"))
    assert model.drift(bundles.rows(40)) == ()
    [hint] = model.drift(bundles.rows(40).assign(town="Atlantis"))
    assert (hint.column, hint.sign, hint.n_odd, hint.share) == ("town", "unseen", 40, 1.0)
    with pytest.raises(DataError, match="lack 1 of the 5"):
        model.drift(bundles.rows().drop(columns="town"))


def test_a_model_that_does_not_know_what_training_saw_says_nothing(models: dict[Task, Model]) -> None:
    assert models["binary"].drift(bundles.rows(40).assign(town="Atlantis")) == ()
