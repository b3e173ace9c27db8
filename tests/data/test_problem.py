from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.data.problem import check_class_weights, define_problem, encode_target, labelled
from autoproc.data.table import read_table
from autoproc.errors import AutoprocError, DataError, PlanError
from autoproc.plan import Plan, Task, make_plan
from autoproc.results import Problem

_N = 240
_X = pd.Series(np.random.default_rng(0).normal(size=_N), name="x")


def _cycle(*values: object) -> list[object]:
    return [values[i % len(values)] for i in range(_N)]


def _define(y: object, **wishes: Any) -> Problem:
    plan = Plan(target="y", **wishes)
    return define_problem(labelled(read_table(pd.DataFrame({"x": _X, "y": y}), plan.missing), plan), plan)


def _fails(kind: type[AutoprocError], message: str, y: object, **wishes: Any) -> None:
    with pytest.raises(kind, match=message):
        _define(y, **wishes)


def test_class_weights_want_classes() -> None:
    weighed = make_plan(None, {"train": {"class_weights": 0.5}})
    check_class_weights(weighed, _define(_cycle(0, 0, 1)))
    check_class_weights(make_plan(None, {"train": {"class_weights": 0}}), _define(_X))
    with pytest.raises(PlanError, match=r"but is 0\.5 for a regression, which has no classes\. Leave it out\."):
        check_class_weights(weighed, _define(_X))


# Which task it is


@pytest.mark.parametrize(
    ("y", "task", "classes", "reason"),
    [
        (
            _cycle(0, 0, 1), "binary", ("0", "1"),
            "'y' holds two values; '1' is the positive class, the rarer one, with 33.3 % of 240 rows",
        ),
        (
            _cycle("no", "yes", "yes"), "binary", ("yes", "no"),
            "'y' holds two values; 'no' is the positive class, the rarer one, with 33.3 % of 240 rows",
        ),
        (
            _cycle(False, True), "binary", ("False", "True"),
            "'y' holds two values; 'True' is the positive class, the later one, with 50.0 % of 240 rows",
        ),
        (
            _cycle(10.0, 9.0), "binary", ("9", "10"),
            "'y' holds two values; '10' is the positive class, the later one, with 50.0 % of 240 rows",
        ),
        (_cycle("b", "a", "c"), "multiclass", ("a", "b", "c"), "'y' holds 3 classes, the rarest in 80 rows"),
        (
            _cycle(10, 9, 8), "multiclass", ("8", "9", "10"),
            "'y' holds only 3 different whole numbers, the rarest in 80 rows",
        ),
        (_cycle("10", "9", "b"), "multiclass", ("10", "9", "b"), "'y' holds 3 classes, the rarest in 80 rows"),
        (pd.Categorical(_cycle(*range(30))), "multiclass", None, "'y' holds 30 classes, the rarest in 8 rows"),
        (_cycle("None", "a", "b"), "multiclass", ("None", "a", "b"), "'y' holds 3 classes, the rarest in 80 rows"),
        (_X, "regression", (), "'y' holds numbers, 240 different ones in 240 rows"),
        (_cycle(0.5, 1.5, 2.5), "regression", (), "'y' holds numbers, 3 different ones in 240 rows"),
        (_cycle(*range(21)), "regression", (), "'y' holds numbers, 21 different ones in 240 rows"),
        (
            _cycle(*range(13)), "regression", (),
            "'y' holds 13 different whole numbers, the rarest in 18 rows: too few for a class",
        ),
        (
            [2] * 9 + [1] * 100 + [0] * 131, "regression", (),
            "'y' holds 3 different whole numbers, the rarest in 9 rows: too few for a class",
        ),
    ],
)  # fmt: skip
def test_the_task_follows_from_the_target(y: object, task: Task, classes: tuple[str, ...] | None, reason: str) -> None:
    problem = _define(y)
    assert (problem.task, problem.reason) == (task, reason)
    assert classes is None or problem.classes == classes
    assert sum(problem.class_counts) == (_N if problem.is_classification else 0)


@pytest.mark.parametrize("y", [_cycle(0, 0, 1), _cycle(3, 4, 5), _X.tolist(), _cycle("a", "b", "c")])
def test_a_target_of_text_is_the_same_problem(y: list[object]) -> None:
    assert _define(y) == _define(list(map(str, y)))


def test_class_counts_stand_beside_their_classes() -> None:
    problem = _define(_cycle("c", "a", "c", "b", "c", "a"))
    assert problem.classes == ("a", "b", "c")
    assert problem.class_counts == (80, 40, 120)
    assert problem.n_outputs == 3


def test_several_targets_are_a_vector() -> None:
    plan = Plan(target=("y", "z"))
    table = read_table(pd.DataFrame({"y": _X, "x": _X + 1, "z": _cycle(0, 1)}))
    problem = define_problem(table, plan)
    assert (problem.task, problem.targets, problem.classes) == ("vector_regression", ("y", "z"), ())
    assert problem.reason == "2 targets, all of them numbers"
    assert [column.name for column in problem.columns] == ["x"]
    y = encode_target(table, problem)
    np.testing.assert_array_equal(y, np.stack([_X, _cycle(0, 1)], axis=1).astype(np.float64))


def test_several_targets_of_words_are_refused() -> None:
    table = read_table(pd.DataFrame({"y": _X, "x": _X, "z": _cycle("a", "b")}))
    with pytest.raises(DataError, match=r"Several targets must all be numbers, but 'z' holds a, b\. Train one job"):
        define_problem(table, Plan(target=("y", "z")))


# What the plan asks for


@pytest.mark.parametrize(
    ("y", "task", "n_classes"),
    [(_cycle(1, 2, 3), "regression", 0), (_cycle(0, 1), "regression", 0), (_cycle(0, 1), "multiclass", 2),
     (_cycle("a", "b"), "binary", 2), (_cycle(0.5, 1.5, 2.5), "multiclass", 3), (_cycle(*range(40)), "multiclass", 40)],
)  # fmt: skip
def test_the_plan_may_ask_for_a_task(y: object, task: Task, n_classes: int) -> None:
    problem = _define(y, task=task)
    assert (problem.task, len(problem.classes)) == (task, n_classes)
    assert problem.reason.startswith("asked for with --task; 'y' holds ")


@pytest.mark.parametrize(
    ("y", "task", "kind", "message"),
    [
        (
            _cycle("a", "b"),
            "regression",
            PlanError,
            "--task regression needs numbers, but 'y' holds a, b",
        ),
        (_cycle(*range(5)), "binary", PlanError, "needs a target of two values, but 'y' has 5: 0, 1, 2, 3, 4. Leave"),
        (_cycle(*range(7)), "binary", PlanError, "but 'y' has 7: 0, 1, 2, 3, 4 and 2 more"),
        (_X, "vector_regression", PlanError, "needs several targets, but is given 1: y"),
        (_X, "multiclass", DataError, "holds 240 different values in 240 rows .* or leave --task out for a regression"),
        (_cycle(*range(110)), "multiclass", DataError, "holds 110 different values in 240 rows"),
    ],
)
def test_a_task_that_the_target_does_not_allow(y: object, task: Task, kind: type[AutoprocError], message: str) -> None:
    _fails(kind, message, y, task=task)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_several_targets_are_no_such_task(task: Task) -> None:
    table = read_table(pd.DataFrame({"y": _X, "x": _X, "z": _cycle(1, 2)}))
    with pytest.raises(PlanError, match=f"--task {task} needs one target, but is given 2: y, z"):
        define_problem(table, Plan(target=("y", "z"), task=task))


@pytest.mark.parametrize(("asked", "classes"), [("0", ("1", "0")), ("1", ("0", "1")), ("1.0", ("0", "1"))])
def test_the_plan_may_ask_for_the_positive_class(asked: str, classes: tuple[str, str]) -> None:
    problem = _define(_cycle(0, 0, 1), positive=asked)
    assert problem.classes == classes
    assert f"'{classes[1]}' is the positive class, as asked, with" in problem.reason
    assert dict(zip(problem.classes, problem.class_counts, strict=True)) == {"0": 160, "1": 80}


def test_a_positive_class_that_is_none() -> None:
    message = "--positive Failed must be a class of 'y', which are 'failed' and 'fine'. Did you mean 'failed'?"
    _fails(PlanError, message, _cycle("fine", "failed"), positive="Failed")
    _fails(PlanError, "positive class of a binary problem, but this is regression", _X, positive="1")


# Targets that cannot be learned


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (_cycle(1), "The target 'y' holds '1' in every row, so there is nothing to predict"),
        (_cycle("a", None), "The target 'y' holds 'a' in every row"),
        (_cycle(None), "The target 'y' has no value in any row of frame"),
        (_cycle(""), "The target 'y' has no value in any row of frame"),
        ([f"row {i}" for i in range(_N)], r"holds 240 different values in 240 rows \(row 0, .* and 235 more\)"),
        ([f"row {i // 2}" for i in range(_N - 1)] + ["b"], r"but a class must stand in several rows"),
        (_cycle(1.0, np.inf), "Column 'y' holds 120 infinite values"),
        ([*_X[:-1], np.inf], r"Column 'y' holds 1 infinite value \(row 239\)"),
        (
            [*map(str, _X[:-2]), "12 kg", "12 kg"],
            r"'y' of frame must be a number in every row, but in 2 rows it is not: 12 kg \(rows 238, 239\)\. Mend the "
            r"cells or remove the rows, count a spelling as missing with --missing, or ask for --task multiclass",
        ),
    ],
    ids=["constant", "one value", "missing", "empty", "own class", "pairs", "two values", "infinite", "strays"],
)
def test_a_target_that_cannot_be_learned(y: object, message: str) -> None:
    _fails(DataError, message, y)


@pytest.mark.parametrize("y", [_cycle("a", "1"), _cycle("a", "1", "c"), _cycle(0, 1)])
def test_a_target_named_as_a_column_of_predictions_is_refused(y: list[object]) -> None:
    frame = pd.DataFrame({"x": np.arange(len(y)) % 7 / 2, "probability_1": y, "probability_2": y})
    with pytest.raises(DataError, match=r"must not be named 'probability_1', .* class '1'\. Rename the column\."):
        define_problem(read_table(frame), Plan(target=("probability_1",)))
    assert define_problem(read_table(frame), Plan(target=("probability_2",))).targets == ("probability_2",)


def test_columns_are_described_without_the_targets() -> None:
    plan = Plan(target="y", ignore="z")
    problem = define_problem(read_table(pd.DataFrame({"y": _cycle(0, 1), "x": _X, "z": _X})), plan)
    assert [(column.name, column.used) for column in problem.columns] == [("x", True), ("z", False)]


def test_all_columns_constant() -> None:
    with pytest.raises(DataError, match="No column is left to learn from"):
        define_problem(read_table(pd.DataFrame({"y": _cycle(0, 1), "x": _cycle(1)})), Plan(target="y"))


# Rows without a target, and names


def test_rows_without_a_target_are_left_out_with_a_notice() -> None:
    table = read_table(pd.DataFrame({"x": _X[:6], "y": ["a", None, "b", "NA", "", "-9"]}), missing=["-9"])
    kept = labelled(table, Plan(target="y"))
    assert kept.frame["y"].tolist() == ["a", "b"]
    assert kept.lines.tolist() == [0, 2]
    assert kept.notices == ("Left out: 4 rows without a value in the target 'y' (rows 1, 3, 4, 5).",)


def test_one_missing_target_of_several_is_enough() -> None:
    table = read_table(pd.DataFrame({"y": [1.0, None, 3.0], "x": [1, 2, 3], "z": [None, 2.0, 3.0]}))
    kept = labelled(table, Plan(target=("y", "z")))
    assert kept.notices == ("Left out: 2 rows without a value in one of the targets (rows 0, 1).",)
    with pytest.raises(DataError, match="No row of frame has a value in every target"):
        labelled(table.take(np.array([0, 1])), Plan(target=("y", "z")))


def test_a_complete_table_is_kept_as_it_is() -> None:
    table = read_table(pd.DataFrame({"x": _X, "y": _cycle("None", "?", "-")}))
    assert labelled(table, Plan(target="y")) is table


def test_placeholders_are_missing_where_the_target_is_numeric() -> None:
    y = [*map(str, _X[:-3]), "?", "None", "-"]
    assert labelled(read_table(pd.DataFrame({"x": _X, "y": y})), Plan(target="y")).n_rows == _N - 3
    assert _define(y).task == "regression"
    assert _define(["?", *_cycle(1, 0)[1:]]).classes == ("0", "1")


@pytest.mark.parametrize(
    ("wishes", "kind", "message"),
    [
        ({"target": "pryce"}, DataError, "frame has no column 'pryce' .* there are size, price, a, b, c and 1 more. Did"
         " you mean 'price'?"),
        ({"target": ("price", "q")}, DataError, "has no column 'q' to be the target; there are .* 1 more.$"),
        ({"target": ()}, PlanError, "No target is named, the column to be predicted. Name one with --target: size"),
        ({"target": ("price", "price")}, PlanError, "The targets must differ, but are price, price"),
        ({"target": "price", "ignore": "sizes"}, PlanError, "no column 'sizes' to ignore; .* Did you mean 'size'?"),
        ({"target": "price", "ignore": ("a", "price")}, PlanError, "'price' is both the target and to be ignored"),
    ],
)  # fmt: skip
def test_names_must_stand_in_the_table(wishes: dict[str, Any], kind: type[AutoprocError], message: str) -> None:
    table = read_table(pd.DataFrame({name: [1, 2] for name in ("size", "price", "a", "b", "c", "d")}))
    with pytest.raises(kind, match=message):
        labelled(table, Plan(**wishes))


# The target as numbers


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=30))
def test_encoded_classes_are_their_places(rows: list[str]) -> None:
    problem = Problem("multiclass", ("y",), ("c", "a", "b"), (1, 1, 1), (), "")
    y = encode_target(read_table(pd.DataFrame({"y": rows})), problem)
    assert y.dtype == np.int64
    assert [problem.classes[code] for code in y.tolist()] == rows


@pytest.mark.parametrize("y", [[0, 1, 1], ["0", "1.0", "1"], [0.0, 1.0, 1.0], pd.Categorical([0, 1, 1])])
def test_the_positive_class_is_1(y: object) -> None:
    table = read_table(pd.DataFrame({"y": y}))
    for classes, wanted in ((("0", "1"), [0, 1, 1]), (("1", "0"), [1, 0, 0])):
        problem = Problem("binary", ("y",), classes, (1, 2), (), "")
        assert encode_target(table, problem).tolist() == wanted


def test_numbers_are_a_column_each() -> None:
    problem = Problem("regression", ("y",), (), (), (), "")
    y = encode_target(read_table(pd.DataFrame({"y": ["1.5", "2"]})), problem)
    assert (y.dtype, y.tolist()) == (np.float64, [[1.5], [2.0]])


@pytest.mark.parametrize(
    ("task", "y", "message"),
    [
        ("binary", ["no", "Yes", "yes"], r"'y' of frame must be one of the classes no, yes, but in 1 row it is not: "
         r"Yes \(row 1\)\. Mend the cells or remove the rows\. Did you mean 'yes'\?"),
        ("binary", ["no", None, "maybe"], r"in 2 rows it is not: a missing cell, maybe \(rows 1, 2\)"),
        ("regression", ["1", "x", ""], r"must be a number in every row, but in 2 rows it is not: x, a missing cell"),
        ("regression", [1.0, np.inf], "holds 1 infinite value"),
    ],
)  # fmt: skip
def test_cells_that_are_no_target_are_named(task: Task, y: list[object], message: str) -> None:
    problem = Problem(task, ("y",), ("no", "yes") if task == "binary" else (), (), (), "")
    with pytest.raises(DataError, match=message):
        encode_target(read_table(pd.DataFrame({"y": y})), problem)


def test_numbers_in_disguise_are_no_classes() -> None:
    _fails(
        DataError,
        "Column 'y' holds numbers, but 240 cells of 240 are not written as such",
        [f"{i % 80}%" for i in range(_N)],
    )
    assert _define([f"{i % 3}%" for i in range(_N)]).task == "multiclass"


def test_targets_whose_squares_are_no_numbers_are_refused() -> None:
    _fails(DataError, r"must hold numbers of at most 1e\+100, .* in 240 rows .* in another unit", _X * 1e250)
    assert _define(_X * 1e99).task == "regression"
