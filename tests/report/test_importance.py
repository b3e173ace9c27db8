"""Permutation importance, of networks whose answer is known."""

from types import SimpleNamespace

import numpy as np
import pytest

from autoproc.data.metrics import METRICS
from autoproc.outcomes import Finalist
from autoproc.report import importance
from autoproc.report.importance import Effort, affordable, permutation_importance
from autoproc.results import Fold, Protocol
from tests.report import facts_data

N = 300


class KnowsFirst:
    """A network that answers with the first column of the matrix, and of a date with both of its columns."""

    def __init__(self, *ignored: object) -> None: ...

    def mean(self, matrix: np.ndarray) -> np.ndarray:
        assert np.array_equal(matrix[:, 2], -matrix[:, 3]), "a date's columns stay together"
        return (matrix[:, 0] + 0.2 * matrix[:, 2])[:, None]


@pytest.fixture
def finalist() -> Finalist:
    trained = facts_data.trained(1, 4, 0.5)
    return Finalist(facts_data.search().trials[0], trained)


def prepared(n_folds: int, n_rows: int = N) -> SimpleNamespace:
    random = np.random.default_rng(0)
    matrix = random.normal(size=(n_rows, 4)).astype(np.float32)
    matrix[:, 3] = -matrix[:, 2]
    parts = np.array_split(np.arange(n_rows), max(n_folds, 3))[:n_folds]
    splits = tuple(Fold.validating(part, n_rows) for part in parts)
    return SimpleNamespace(
        matrix=matrix,
        targets=(matrix[:, 0] + 0.2 * matrix[:, 2])[:, None].astype(np.float64),
        protocol=Protocol("k_fold", n_folds, 1, "", n_rows, 50, splits),
        chosen=SimpleNamespace(metric=METRICS["rmse"]),
        problem=SimpleNamespace(task="regression"),
        schema=SimpleNamespace(columns=("tells", "noise", "date"), first_columns=(0, 1, 2), layout=None),
    )


@pytest.fixture(autouse=True)
def known_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importance, "Predictor", KnowsFirst)


@pytest.mark.parametrize("n_folds", [3, 1])
def test_columns_that_tell_more_cost_more_and_noise_nothing(finalist: Finalist, n_folds: int) -> None:
    made = permutation_importance(prepared(n_folds), finalist, seed=0)
    assert [column.name for column in made.columns] == ["tells", "date", "noise"]
    first, second, noise = made.columns
    # Shuffled values are off by the difference of two draws: a root mean square of sqrt(2) times their scale.
    assert first.loss == pytest.approx(2**0.5, rel=0.15) and second.loss == pytest.approx(0.2 * 2**0.5, rel=0.15)
    assert noise.loss == noise.low == noise.high == 0
    assert first.low < first.loss < first.high
    assert (made.n_rows, made.n_all) == (N if n_folds == 3 else N // 3,) * 2
    assert permutation_importance(prepared(n_folds), finalist, seed=0) == made, "the same job, the same numbers"


def test_rows_that_are_too_many_are_drawn(finalist: Finalist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importance, "_MOST_ROWS", 60)
    made = permutation_importance(prepared(3), finalist, seed=0)
    assert (made.n_rows, made.n_all) == (60, N) and made.columns[0].name == "tells"


def test_columns_that_are_too_many_are_left_out(finalist: Finalist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importance, "affordable", lambda *sizes: Effort(2, N, 1))
    made = permutation_importance(prepared(3), finalist, seed=0)
    assert [column.name for column in made.columns] == ["tells", "noise"] and made.n_columns == 3


def test_a_metric_that_says_nothing_of_the_rows_leaves_no_numbers(finalist: Finalist) -> None:
    sample = prepared(3)
    sample.chosen = SimpleNamespace(metric=METRICS["mape"])
    sample.targets[:] = 0
    assert {column.loss for column in permutation_importance(sample, finalist, seed=0).columns} == {None}


def test_of_a_single_part_no_interval_is_known() -> None:
    made = importance._scored("a", np.array([0.1, np.nan]))
    assert (made.loss, made.low, made.high) == (0.1, None, None)


def test_what_is_affordable_is_at_least_something() -> None:
    assert affordable(1, 3, 10) == Effort(1, 3, 5)
    assert affordable(5_000, 10**6, 10**9) == Effort(1, 500, 1)
