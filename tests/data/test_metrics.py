"""The direction of a metric, the choice of one, and the threshold of a binary prediction."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from autoproc.data.metrics import (
    METRICS,
    at_threshold,
    best_threshold,
    cheapest_threshold,
    check_defined,
    choose_metric,
    expected_cost,
    missing_cost,
)
from autoproc.errors import DataError, PlanError
from autoproc.plan import CostPlan, Plan, Task
from autoproc.results import Problem

few = settings(max_examples=100, deadline=None)
probabilities = st.lists(
    st.tuples(st.integers(0, 1), st.one_of(st.integers(0, 6).map(lambda i: i / 6), st.floats(0, 1))),
    min_size=1,
    max_size=25,
)


def _problem(task: Task, counts: tuple[int, ...] = (), n_targets: int = 1) -> Problem:
    classes = tuple(f"c{i}" for i in range(len(counts)))
    return Problem(task, tuple(f"t{i}" for i in range(n_targets)), classes, counts, (), "made up")


def _f1(y: NDArray[np.int64], p: NDArray[np.floating], threshold: float) -> float:
    return at_threshold(y, p, threshold)["f1_at_threshold"]


def test_gain_is_positive_for_what_is_better() -> None:
    assert METRICS["roc_auc"].gain(0.9, 0.8) > 0 > METRICS["roc_auc"].gain(0.7, 0.8)
    assert METRICS["rmse"].gain(1.0, 2.0) > 0 > METRICS["rmse"].gain(3.0, 2.0)
    np.testing.assert_allclose(METRICS["mae"].gain(np.array([1.0, 5.0]), np.array([2.0, 2.0])), [1.0, -3.0])
    assert np.isnan(METRICS["rmse"].gain(np.nan, 1.0))


@pytest.mark.parametrize(("name", "best"), [("roc_auc", 0.9), ("rmse", 0.1)])
def test_best_leaves_nan_aside(name: str, best: float) -> None:
    values = np.array([np.nan, 0.5, 0.1, 0.9, 0.9, 0.1])
    assert METRICS[name].best(values) == best
    assert METRICS[name].argbest(values) == int(np.flatnonzero(values == best)[0])
    assert METRICS[name].best(values.reshape(2, 3)) == best


def test_without_a_number_there_is_no_best_place() -> None:
    nothing = np.full(3, np.nan)
    assert np.isnan(METRICS["rmse"].best(nothing))
    with pytest.raises(ValueError, match="All-NaN"):
        METRICS["rmse"].argbest(nothing)


def test_the_registry_knows_each_metric_by_its_own_name() -> None:
    assert all(name == metric.name and metric.tasks and metric.description for name, metric in METRICS.items())


@pytest.mark.parametrize(
    ("counts", "name", "beside"),
    [
        ((7728, 272), "average_precision", ("roc_auc",)),
        ((6400, 1600), "roc_auc", ("average_precision",)),
        ((6401, 1599), "average_precision", ("roc_auc",)),
        ((272, 7728), "roc_auc", ("average_precision",)),
        ((50, 50, 50), "accuracy", ("macro_f1",)),
        ((25, 25, 100), "accuracy", ("macro_f1",)),
        ((24, 26, 100), "macro_f1", ("balanced_accuracy", "accuracy")),
        ((50, 50, 202), "macro_f1", ("balanced_accuracy", "accuracy")),
    ],
)
def test_the_balance_of_the_classes_decides(counts: tuple[int, ...], name: str, beside: tuple[str, ...]) -> None:
    chosen = choose_metric(_problem("binary" if len(counts) == 2 else "multiclass", counts), Plan())
    assert chosen.metric.name == name
    assert tuple(metric.name for metric in chosen.beside) == beside


@pytest.mark.parametrize(("task", "n_targets"), [("regression", 1), ("vector_regression", 3)])
def test_values_are_judged_by_rmse(task: Task, n_targets: int) -> None:
    chosen = choose_metric(_problem(task, n_targets=n_targets), Plan())
    assert [chosen.metric.name, *(metric.name for metric in chosen.beside)] == ["rmse", "r2", "mae"]


def test_the_reason_gives_the_figures() -> None:
    rare = choose_metric(_problem("binary", (7728, 272)), Plan())
    assert rare.reason == "the positive class 'c1' is rare (3.4 % of 8,000 rows)"
    very_rare = choose_metric(_problem("binary", (99_960, 40)), Plan())
    assert very_rare.reason == "the positive class 'c1' is rare (0.04 % of 100,000 rows)"
    many = choose_metric(_problem("multiclass", (5, 45, 50)), Plan())
    assert many.reason == "the 3 classes are not balanced (they have 5.0 % to 50.0 % of 100 rows)"


def test_equal_shares_are_told_once() -> None:
    even = choose_metric(_problem("multiclass", (330,) * 7), Plan())
    assert even.reason == "the 7 classes are balanced (each has 14.3 % of 2,310 rows)"
    nearly = choose_metric(_problem("multiclass", (300, 360)), Plan())
    assert "(each has 45.5 % to 54.5 % of 660 rows)" in nearly.reason


def test_a_metric_that_was_asked_for_is_taken_and_the_default_stands_beside_it() -> None:
    chosen = choose_metric(_problem("binary", (90, 10)), Plan(metric=("roc_auc",)))
    assert chosen.metric is METRICS["roc_auc"]
    assert chosen.beside == (METRICS["average_precision"],)
    assert chosen.reason == "as asked"


def test_the_first_of_several_metrics_decides_and_the_others_stand_before_the_default() -> None:
    chosen = choose_metric(_problem("binary", (90, 10)), Plan(metric=("f1", "roc_auc", "brier")))
    assert chosen.metric is METRICS["f1"]
    assert [metric.name for metric in chosen.beside] == ["roc_auc", "brier", "average_precision"]
    assert chosen.reason.startswith("as asked; it is taken at a probability of 0.5, while the model decides at")


@pytest.mark.parametrize(
    ("metric", "counts", "cost", "best"),
    [
        ("f1", (50, 50), None, None),
        ("f1", (90, 10), None, "best F1"),
        ("mcc", (90, 10), None, None),
        ("mcc", (50, 50), CostPlan(false_negative=20.0), "lowest cost"),
    ],
)
def test_a_metric_of_labels_says_where_the_model_decides_elsewhere(
    metric: str, counts: tuple[int, ...], cost: CostPlan | None, best: str | None
) -> None:
    told = choose_metric(_problem("binary", counts), Plan(metric=(metric,), cost=cost)).reason
    where = "; it is taken at a probability of 0.5, while the model decides at the threshold with the"
    assert told == ("as asked" if best is None else f"as asked{where} {best}")
    assert choose_metric(_problem("binary", counts), Plan(metric=("roc_auc",), cost=cost)).reason == "as asked"


SHARES = (METRICS["rmse"], METRICS["mape"])


def test_a_share_of_the_true_value_needs_true_values_other_than_zero() -> None:
    values = np.column_stack([np.arange(1.0, 101), np.arange(100.0) // 2])
    problem = _problem("vector_regression", n_targets=2)
    with pytest.raises(DataError, match=r"'mape' divides by the true value, .* 't1' holds 2 zeros in 100 rows. Ask"):
        check_defined(SHARES, problem, values)
    check_defined(SHARES[:1], problem, values)
    check_defined(SHARES, _problem("regression"), values[:, :1])


@pytest.mark.parametrize("nearest", [1e-9, 5e-324])
@pytest.mark.parametrize("n_rows", [20, 100, 1000])
def test_nor_may_a_few_values_next_to_zero_decide_it(nearest: float, n_rows: int) -> None:
    values = np.append(np.arange(1.0, n_rows), nearest)[:, None]
    with pytest.raises(DataError, match=r"'t0' holds values so near to it .*: \d+ of [\d,]+ rows, down to .* 100\.0%"):
        check_defined(SHARES, _problem("regression"), values)


@pytest.mark.parametrize("seed", range(50))
def test_nor_may_it_be_asked_of_values_on_both_sides_of_zero(seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal((1000, 1))
    with pytest.raises(DataError, match=r"'t0' holds values on both sides: \d+ of 1,000 rows are negative"):
        check_defined(SHARES, _problem("regression"), values)
    check_defined(SHARES, _problem("regression"), -np.abs(values) - 1)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).lognormal(sigma=1.0, size=5_000),  # prices
        np.full(20, 3.0),
        np.array([98.0, 99.0, 100.0, 101.0, 20.0]),
        np.append(np.full(990, 5.0), np.full(10, 4.0)),
    ],
)
def test_skewed_and_even_values_can_be_scored_by_their_shares(values: np.ndarray) -> None:
    check_defined(SHARES, _problem("regression"), values[:, None])


@pytest.mark.parametrize(
    ("name", "lacking", "enough"),
    [
        ("roc_auc", [1, 1, 1], [0, 1, 1]),
        ("roc_auc", [2, 2, 2], [0, 2, 2]),
        ("average_precision", [0, 0, 0], [0, 1, 0]),
        ("f1", [0, 0, 0], [0, 1, 0]),
        ("mcc", [1, 1, 1], [0, 1, 1]),
        ("r2", [[1.0, 3.0], [2.0, 3.0]], [[1.0, 3.0], [2.0, 4.0]]),
        ("mape", [[0.0], [1.0]], [[-1.0], [1.0]]),
        ("accuracy", [], [1, 1, 1]),
        ("rmse", [], [[2.0], [2.0]]),
    ],
)
def test_a_metric_says_on_which_rows_it_means_nothing(name: str, lacking: list[int], enough: list[int]) -> None:
    assert not METRICS[name].is_defined(np.array(lacking))
    assert METRICS[name].is_defined(np.array(enough))


def test_a_cost_that_was_not_named_is_told() -> None:
    assert missing_cost(None) == missing_cost(CostPlan(false_negative=2.0, false_positive=1.0)) == ()
    [told] = missing_cost(CostPlan(false_negative=20.0))
    assert told == "The cost of a false positive was not named; it is taken to be 1."


def test_a_metric_that_comes_twice_is_refused() -> None:
    with pytest.raises(PlanError, match=r"asked for once, but 'f1' comes 2 times\. Name it once"):
        choose_metric(_problem("binary", (9, 9)), Plan(metric=("f1", "mcc", "f1")))


@pytest.mark.parametrize("name", ["roc_auc", "log_loss", "f1"])
def test_a_metric_of_probabilities_is_refused_for_values(name: str) -> None:
    with pytest.raises(PlanError, match="needs probabilities of classes, which a regression does not have"):
        choose_metric(_problem("regression"), Plan(metric=("rmse", name)))


@pytest.mark.parametrize(
    ("task", "counts", "message"),
    [
        ("regression", (), "the task is regression, which has none. Leave --cost out, and say with --metric .* rmse"),
        ("multiclass", (9, 9, 9), "the task is multiclass, which has none. Leave --cost out, .* balanced_accuracy"),
    ],
)
def test_costs_are_refused_where_there_is_no_threshold(task: Task, counts: tuple[int, ...], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        choose_metric(_problem(task, counts), Plan(cost=CostPlan(false_negative=20.0)))


def test_an_unknown_metric_is_refused_with_those_there_are() -> None:
    with pytest.raises(PlanError, match=r"no metric 'macro_fl'.*For multiclass there are .*Did you mean 'macro_f1'"):
        choose_metric(_problem("multiclass", (9, 9, 9)), Plan(metric=("macro_fl",)))


def test_a_metric_of_another_task_is_refused_with_those_that_fit() -> None:
    with pytest.raises(PlanError, match="'rmse' is for regression and vector regression, but the task is binary"):
        choose_metric(_problem("binary", (9, 9)), Plan(metric=("rmse",)))
    with pytest.raises(PlanError, match="For regression there are rmse, mae, medae, mape, r2"):
        choose_metric(_problem("regression"), Plan(metric=("accuracy",)))


@few
@given(rows=probabilities, dtype=st.sampled_from([np.float32, np.float64]))
def test_no_threshold_has_a_higher_f1_than_the_best_one(rows: list[tuple[int, float]], dtype: type) -> None:
    y = np.array([row[0] for row in rows])
    p = np.array([row[1] for row in rows]).astype(dtype)
    threshold = best_threshold(y, p)
    assert 0 < threshold < 1
    assert dtype(threshold) == threshold
    others = [value for value in [*p.astype(np.float64), 0.5, 1e-300] if 0 < value < 1]
    assert _f1(y, p, threshold) >= max(_f1(y, p, other) for other in others)


def test_the_best_threshold_stands_midway_and_near_one_half() -> None:
    y, p = np.array([0, 0, 1, 1]), np.array([0.125, 0.25, 0.5, 0.875])
    assert best_threshold(y, p) == 0.375
    assert best_threshold(np.zeros(4, dtype=np.int64), p) == 0.375
    assert best_threshold(np.ones(2, dtype=np.int64), np.ones(2)) == 0.5
    assert best_threshold(np.array([0, 1]), np.zeros(2)) == 0.5


def test_the_best_threshold_parts_neighbouring_floats() -> None:
    lower = np.float32(0.3)
    p = np.array([lower, np.nextafter(lower, np.float32(1)), np.nextafter(lower, np.float32(0))])
    y = np.array([0, 1, 0])
    assert _f1(y, p, best_threshold(y, p)) == 1.0


@few
@given(rows=probabilities, threshold=st.sampled_from([1 / 6, 0.5, 0.99]))
def test_measures_at_a_threshold_equal_scikit_learn(rows: list[tuple[int, float]], threshold: float) -> None:
    y, p = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    expected = precision_recall_fscore_support(y, p >= threshold, average="binary", zero_division=0.0)[:3]
    found = at_threshold(y, p, threshold)
    assert list(found) == ["precision", "recall", "f1_at_threshold"]
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-12)


costs = st.tuples(st.sampled_from([0.0, 0.5, 1.0, 20.0]), st.sampled_from([0.0, 1.0, 3.0])).filter(any)


@few
@given(rows=probabilities, prices=costs, dtype=st.sampled_from([np.float32, np.float64]))
def test_no_threshold_costs_less_than_the_cheapest(
    rows: list[tuple[int, float]], prices: tuple[float, float], dtype: type
) -> None:
    y, p = np.array([row[0] for row in rows]), np.array([row[1] for row in rows]).astype(dtype)
    cost = CostPlan(false_negative=prices[0], false_positive=prices[1])
    threshold = cheapest_threshold(y, p, cost)
    assert 0 < threshold < 1
    below_one = np.nextafter(dtype(1), dtype(0))
    others = [value for value in [*p.astype(np.float64), 0.5, 1e-300, below_one] if 0 < value < 1]
    found = expected_cost(y, p, threshold, cost)
    assert found <= min(expected_cost(y, p, other, cost) for other in others) + 1e-12


def test_a_free_mistake_is_made_wherever_it_helps() -> None:
    y, p = np.array([0, 1, 0, 1]), np.array([0.25, 0.375, 0.5, 0.75])
    none = cheapest_threshold(y, p, CostPlan(false_negative=0.0, false_positive=1.0))
    assert none == 0.625, "of the thresholds that take no negative row the nearest to one half"
    assert cheapest_threshold(y, p, CostPlan(false_negative=1.0, false_positive=0.0)) == 0.3125
    assert cheapest_threshold(1 - y, p, CostPlan(false_negative=0.0, false_positive=1.0)) == 0.875


@few
@given(rows=probabilities, threshold=st.sampled_from([1 / 6, 0.5, 0.99]))
def test_the_expected_cost_is_that_of_the_confusion_matrix(rows: list[tuple[int, float]], threshold: float) -> None:
    y, p = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    (_, false_positive), (false_negative, _) = confusion_matrix(y, p >= threshold, labels=[0, 1])
    expected = (7 * false_negative + 2 * false_positive) / len(y)
    cost = CostPlan(false_negative=7.0, false_positive=2.0)
    assert expected_cost(y, p, threshold, cost) == pytest.approx(expected)
