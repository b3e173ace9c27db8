"""An exported file predicts what its bundle does, whatever the schema, the task and the rows."""

import json
from importlib.metadata import version
from itertools import pairwise

import numpy as np
import onnx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoproc.data.encoders import BooleanColumn, CategoryColumn, DateColumn, Encoder, NumberColumn
from autoproc.data.vectorize import Schema
from autoproc.export.bundle import Opened
from autoproc.export.onnx.check import feeds, predict
from autoproc.export.onnx.model import to_onnx
from autoproc.export.onnx.rows import edge_rows, likely_rows
from autoproc.plan import Task
from tests.export import bundles
from tests.export.onnx.made import opened, session

NUMBER, TRUTH = NumberColumn("size", indicator=True), BooleanColumn("new", indicator=True)
FEW, MANY = CategoryColumn("colour", ("red", "green")), CategoryColumn("town", tuple("abcdefghij"))
DATE = DateColumn("sold", "ISO8601", ("year", "day"), indicator=True)
HOSTILE = (
    "label",
    "probabilities",
    "values",
    "/",
    "//x",
    "rows",
    "größe 日本",
    '"quoted"',
    "a\nb",
    "{}",
    "If.1",
    "y",
)


def rows_of(schema: Schema, n_rows: int = 50) -> pd.DataFrame:
    """Likely and odd ones."""
    n_scaled = len(schema.layout.numeric)
    likely = likely_rows(schema, np.zeros(n_scaled), np.full(n_scaled, 2.0), n_rows)
    return pd.concat([edge_rows(schema), likely], ignore_index=True)


def must_predict_the_same(bundle: Opened, frame: pd.DataFrame) -> pd.DataFrame:
    model = bundle.model
    wanted, found = model.predict(frame), predict(session(bundle), model, feeds(model.schema, frame))
    assert list(found.columns) == list(wanted.columns)
    assert np.isfinite(wanted.select_dtypes("number").to_numpy()).all()
    numeric = wanted.columns[bool(model.classes) :]
    np.testing.assert_allclose(found[numeric], wanted[numeric], rtol=2e-5, atol=2e-5)
    if model.classes:
        assert found.iloc[:, 0].tolist() == wanted.iloc[:, 0].tolist()
    return found


@pytest.mark.parametrize("task", bundles.TASKS)
@pytest.mark.parametrize("n_pieces", [0, 3])
@pytest.mark.parametrize("depth", [1, 3])
def test_every_task_and_network(task: Task, n_pieces: int, depth: int) -> None:
    must_predict_the_same(opened(bundles.SCHEMA, task, n_pieces=n_pieces, depth=depth), rows_of(bundles.SCHEMA))


@pytest.mark.parametrize(
    "encoders",
    [(NUMBER,), (TRUTH,), (FEW,), (MANY,), (DATE,), (NUMBER, DATE), (FEW, MANY), (TRUTH, MANY), (MANY, NUMBER, TRUTH)],
    ids=lambda encoders: " ".join(encoder.name for encoder in encoders),
)
@pytest.mark.parametrize("n_pieces", [0, 2])
def test_kinds_of_columns_may_be_absent(encoders: tuple[Encoder, ...], n_pieces: int) -> None:
    schema = Schema(encoders)
    must_predict_the_same(opened(schema, "vector_regression", n_pieces=n_pieces), rows_of(schema))


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.5), (0.05, 0.9, 0.05), tuple([1 / 7] * 7)])
def test_members_count_by_their_shares(shares: tuple[float, ...]) -> None:
    must_predict_the_same(opened(bundles.SCHEMA, "multiclass", shares=shares), rows_of(bundles.SCHEMA))


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.5, 10.0])
def test_probabilities_have_their_temperature(task: Task, temperature: float) -> None:
    must_predict_the_same(opened(bundles.SCHEMA, task, temperature=temperature), rows_of(bundles.SCHEMA))


@pytest.mark.parametrize("threshold", [None, 0.0, 0.3, 0.6, 1.0])
def test_the_threshold_decides_about_the_positive_class(threshold: float | None) -> None:
    found = must_predict_the_same(opened(bundles.SCHEMA, threshold=threshold), rows_of(bundles.SCHEMA, 200))
    limit = 0.5 if threshold is None else threshold
    assert (found["y"] == "yes").tolist() == (found["probability_yes"] >= limit).tolist()
    assert found["y"].nunique() == (1 if threshold in (0, 1) else 2)


@pytest.mark.parametrize(
    ("classes", "kind"),
    [(["0", "1"], "i"), (["-1", "10"], "i"), (["0", "x"], "O"), (["007", "7"], "O"), (["größe", "ß\0x"], "O")],
)
def test_labels_are_whole_numbers_where_all_classes_are(classes: list[str], kind: str) -> None:
    bundle = opened(bundles.SCHEMA, classes=classes)
    label, _ = session(bundle).run(None, feeds(bundles.SCHEMA, rows_of(bundles.SCHEMA)))
    assert label.dtype.kind == kind
    assert set(label.tolist()) == ({*map(int, classes)} if kind == "i" else {*classes})


@pytest.mark.parametrize("task", bundles.TASKS)
@pytest.mark.parametrize("n_rows", [0, 1, 7])
def test_batches_may_have_any_number_of_rows(task: Task, n_rows: int) -> None:
    bundle, frame = opened(bundles.SCHEMA, task), bundles.rows().iloc[:n_rows]
    assert len(must_predict_the_same(bundle, frame)) == n_rows


def test_missing_spellings_of_the_user_are_missing() -> None:
    schema = Schema(bundles.SCHEMA.encoders, missing=("-1", "red", "no", "2020-01-10"))
    frame = bundles.rows(40).assign(size=[-1.0, 1.0] * 20, sold=["2020-01-10", "2020-01-11"] * 20)
    marked = must_predict_the_same(opened(schema, "regression"), frame)
    assert not np.allclose(marked, must_predict_the_same(opened(bundles.SCHEMA, "regression"), frame))


def test_a_file_needs_no_words_where_a_table_has_numbers_or_truth_values() -> None:
    schema = Schema((CategoryColumn("grade", ("1", "2")), TRUTH, NUMBER))
    frame = pd.DataFrame({"grade": [1.0, 2.0, np.nan, 3.0], "new": [True, False, None, True], "size": [1, 2, 3, 4]})
    must_predict_the_same(opened(schema, "regression"), frame)
    must_predict_the_same(opened(schema, "regression"), frame.astype("str"))


def test_names_stay_as_they_are_however_odd() -> None:
    schema = Schema(tuple(NumberColumn(name, indicator=False) for name in HOSTILE))
    bundle = opened(schema)
    must_predict_the_same(bundle, rows_of(schema))
    made = session(bundle)
    assert [given.name for given in made.get_inputs()] == list(HOSTILE)
    assert [output.name for output in made.get_outputs()] == ["label_", "probabilities_"]
    about = made.get_modelmeta().custom_metadata_map
    assert json.loads(about["outputs"]) == {"label": "label_", "probabilities": "probabilities_"}


letters = st.characters(exclude_categories=["Cs"])
names = st.text(letters, min_size=1, max_size=6).filter(lambda name: name == name.strip())
categories = st.lists(names, min_size=1, max_size=12, unique=True).map(tuple)


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    made: list[Encoder] = []
    for name in draw(st.lists(names, min_size=1, max_size=5, unique=True)):
        kind, indicator = draw(st.sampled_from(["number", "truth", "category", "date"])), draw(st.booleans())
        if kind == "category":
            made.append(CategoryColumn(name, draw(categories)))
        elif kind == "date":
            made.append(DateColumn(name, "ISO8601", draw(st.sampled_from([(), ("day",), ("week", "year")])), indicator))
        else:
            made.append((NumberColumn if kind == "number" else BooleanColumn)(name, indicator))
    return Schema(tuple(made), draw(st.lists(names, max_size=2).map(tuple)))


@settings(max_examples=15)
@given(schemas(), st.sampled_from(bundles.TASKS), st.sampled_from([0, 2]))
def test_any_schema(schema: Schema, task: Task, n_pieces: int) -> None:
    must_predict_the_same(opened(schema, task, n_pieces=n_pieces), rows_of(schema))


# What is in the file


@pytest.mark.parametrize("task", bundles.TASKS)
def test_inputs_outputs_and_metadata_say_what_is_to_be_known(task: Task) -> None:
    bundle = opened(bundles.SCHEMA, task, threshold=0.4 if task == "binary" else None)
    made = session(bundle)
    assert [(i.name, i.type, i.shape) for i in made.get_inputs()] == [
        ("size", "tensor(double)", ["rows", 1]),
        ("new", "tensor(string)", ["rows", 1]),
        ("colour", "tensor(string)", ["rows", 1]),
        ("town", "tensor(string)", ["rows", 1]),
        ("sold", "tensor(double)", ["rows", 1]),
    ]
    about = made.get_modelmeta().custom_metadata_map
    assert (about["autoproc_version"], about["format"], about["task"]) == (version("autoproc"), "1", task)
    assert json.loads(about["targets"]) == list(bundle.model.targets)
    assert json.loads(about["columns"])[4] == {
        "name": "sold", "kind": "datetime", "given as": "seconds since 1970-01-01 UTC", "missing": "NaN",
    }  # fmt: skip
    outputs = [(o.name, o.shape) for o in made.get_outputs()]
    if bundle.model.classes:
        assert outputs == [("label", ["rows"]), ("probabilities", ["rows", len(bundle.model.classes)])]
        assert json.loads(about["classes"]) == list(bundle.model.classes)
        assert json.loads(about["probabilities"]) == [f"probability_{name}" for name in bundle.model.classes]
        assert json.loads(about["threshold"]) == bundle.model.threshold
    else:
        assert outputs == [("values", ["rows", len(bundle.model.targets)])]
        assert "targets' own units" in about["units"]


def test_operator_sets_are_pinned_and_all_are_of_the_standard() -> None:
    made = to_onnx(opened(bundles.SCHEMA))
    assert {opset.domain: opset.version for opset in made.opset_import} == {"": 20, "ai.onnx.ml": 3}
    assert (made.ir_version, made.producer_name) == (9, "autoproc")
    assert {node.domain for node in made.graph.node} == {"", "ai.onnx.ml"}
    onnx.checker.check_model(made, full_check=True)


def test_the_same_bundle_gives_the_same_file() -> None:
    first, second = (to_onnx(opened(bundles.SCHEMA)).SerializeToString() for _ in range(2))
    assert first == second


def test_values_keep_more_digits_than_32_bits_have() -> None:
    bundle = opened(bundles.SCHEMA, "regression")
    bundle.weights["target.center"][:] = 1.7e9  # type: ignore[index]
    found = predict(session(bundle), bundle.model, feeds(bundles.SCHEMA, bundles.rows()))
    assert all(abs(a - b) < 100 for a, b in pairwise(found["y"]))
    assert found["y"].nunique() > 15
