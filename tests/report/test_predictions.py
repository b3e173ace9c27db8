"""Summaries of out-of-fold predictions, beside scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics

from autoproc.report.evidence import ClassPredictions, TargetPredictions
from autoproc.report.predictions import histogram, summarised
from tests.report import facts_data


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def of_two(y: np.ndarray, probability: np.ndarray, threshold: float | None = 0.4) -> ClassPredictions:
    made = summarised(facts_data.problem(), y, probability, threshold)
    assert isinstance(made, ClassPredictions)
    return made


def test_two_classes(random: np.random.Generator) -> None:
    y = (random.random(900) < 0.3).astype(int)
    probability = np.clip(0.3 * y + 0.5 * random.random(900), 0, 1).round(2)  # with ties
    made = of_two(y, probability)
    assert made.confusion == metrics.confusion_matrix(y, probability >= 0.4).tolist()
    assert made.roc[0].area == pytest.approx(metrics.roc_auc_score(y, probability))
    assert made.precision_recall[0].area == pytest.approx(metrics.average_precision_score(y, probability))
    assert made.base_rate == pytest.approx(y.mean())
    false, true, _ = metrics.roc_curve(y, probability, drop_intermediate=False)
    assert np.allclose([made.roc[0].x, made.roc[0].y], [false, true], atol=1e-4)


def test_curves_of_many_rows_keep_few_points_and_their_ends(random: np.random.Generator) -> None:
    y = (random.random(5_000) < 0.5).astype(int)
    made = of_two(y, random.random(5_000), None)
    assert len(made.roc[0].x) == 200
    assert (made.roc[0].x[0], made.roc[0].y[0], made.roc[0].x[-1], made.roc[0].y[-1]) == (0, 0, 1, 1)


def test_reliability_groups_hold_all_rows_and_intervals_the_share(random: np.random.Generator) -> None:
    probability = random.random(2_000)
    groups = of_two((random.random(2_000) < probability).astype(int), probability).reliability
    assert groups.rows == [200] * 10 and groups.predicted == sorted(groups.predicted)
    inside = [low <= mean <= high for low, mean, high in zip(groups.low, groups.predicted, groups.high, strict=True)]
    assert sum(inside) >= 8, "95 % intervals of probabilities that are true"
    assert all(low <= seen <= high for low, seen, high in zip(groups.low, groups.observed, groups.high, strict=True))


def test_few_rows_of_one_class_have_no_curves() -> None:
    made = of_two(np.zeros(5, dtype=int), np.linspace(0, 1, 5))
    assert made.roc == made.precision_recall == [] and made.reliability.rows == [5]


def test_many_classes(random: np.random.Generator) -> None:
    problem = facts_data.problem(task="multiclass", classes=tuple("abcdefghij"), class_counts=(10,) * 10)
    y = random.integers(0, 9, 600)  # the last class does not occur
    probabilities = random.dirichlet(np.ones(10), 600)
    made = summarised(problem, y, probabilities, None)
    assert isinstance(made, ClassPredictions) and made.threshold is None
    assert made.confusion == metrics.confusion_matrix(y, probabilities.argmax(axis=1), labels=range(10)).tolist()
    assert made.n_drawn == len(made.roc) == 8
    drawn = [line.name for line in made.roc]
    assert drawn == sorted(drawn) and "j" not in drawn
    first = problem.classes.index(drawn[0])
    assert made.roc[0].area == pytest.approx(metrics.roc_auc_score(y == first, probabilities[:, first]))


def test_values_are_counted_in_cells_and_far_ones_apart(random: np.random.Generator) -> None:
    truth = random.normal(size=(1_000, 2))
    predicted = truth + 0.1 * random.normal(size=(1_000, 2))
    predicted[0, 0] = 1e9
    problem = facts_data.problem(task="vector_regression", targets=("a", "b"), classes=(), class_counts=())
    made = summarised(problem, truth, predicted, None)
    assert isinstance(made, TargetPredictions)
    first, second = made.targets
    assert (first.outside, second.outside) == (1, 0)
    assert np.sum(first.density) == 999 and first.edges[-1] < 100
    assert sum(first.residuals.counts) == 1_000 and first.residuals.edges[0] > -100
    assert np.trace(np.array(second.density)) > 200, "predictions near the truth lie on the diagonal"


def test_few_different_values_have_a_bin_each() -> None:
    made = histogram("stars", np.array([1.0, 2.0, 2.0, 5.0, 4.0, 3.0]))
    assert made.edges == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5] and made.counts == [1, 2, 1, 1, 1]


def test_a_histogram_holds_all_values(random: np.random.Generator) -> None:
    made = histogram("x", random.normal(size=10_000))
    assert sum(made.counts) == 10_000 and len(made.counts) <= 40
    for same in (np.full(7, 3.0), np.zeros(7), 0.1 + np.array([1, 2, 3, 1, 2, 3, 2]) * 1e-17):
        assert histogram("x", same).counts == [7]
