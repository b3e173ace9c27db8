import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from autoproc.data.class_weights import class_weights

COUNTS = st.lists(st.integers(1, 10**6), min_size=2, max_size=60).map(np.array)


@given(COUNTS)
def test_at_power_1_they_are_scikit_learns_balanced_weights(counts: np.ndarray) -> None:
    classes = np.arange(len(counts))
    few = np.minimum(counts, 50)
    expected = compute_class_weight("balanced", classes=classes, y=np.repeat(classes, few))
    np.testing.assert_allclose(class_weights(few, 1.0), expected)


@given(COUNTS, st.floats(0, 1))
def test_they_are_1_on_average_and_rarer_classes_weigh_no_less(counts: np.ndarray, power: float) -> None:
    weights = class_weights(counts, power)
    assert (weights * counts).sum() == pytest.approx(counts.sum())
    assert (np.diff(weights[np.argsort(counts)]) <= 1e-9 * weights.max()).all()


def test_at_power_0_all_rows_weigh_the_same_and_a_class_without_rows_does_not_matter() -> None:
    assert class_weights(np.array([3, 1, 0]), 0.0).tolist() == [1, 1, 1]
    assert np.isfinite(class_weights(np.array([3, 1, 0]), 1.0)).all()
    np.testing.assert_allclose(class_weights(np.array([3, 1, 0]), 1.0)[:2], class_weights(np.array([3, 1]), 1.0))
