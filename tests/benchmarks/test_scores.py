"""Predictions are scored as the shared figures were: class 1 is the rarer one, RMSE is the mean over targets."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.peers.scores import rarer, scores


def column(*labels: str) -> pd.DataFrame:
    return pd.DataFrame({"y": labels})


def test_the_positive_class_is_the_rarer_one_of_the_training_rows() -> None:
    probabilities = pd.DataFrame({"a": [0.9, 0.8, 0.1], "b": [0.1, 0.2, 0.9]})
    told = scores("binary", column("a", "b", "b"), column("a", "a", "b"), probabilities)
    assert told == {"roc_auc": 1.0, "average_precision": 1.0}
    # Were 'b' positive, average precision would be that of one row among three.
    probabilities = pd.DataFrame({"a": [0.9, 0.2, 0.1], "b": [0.1, 0.8, 0.9]})
    told = scores("binary", column("a", "b", "b"), column("a", "b", "a"), probabilities)
    assert told["average_precision"] == pytest.approx((1 + 2 / 3) / 2)


def test_of_two_classes_as_frequent_the_last_is_positive() -> None:
    assert rarer(pd.Series(["0", "1", "1", "0"])) == "1"
    assert rarer(pd.Series(["0", "1", "1"])) == "0"


def test_the_class_with_the_highest_probability_is_the_predicted_one() -> None:
    probabilities = pd.DataFrame({"a": [0.5, 0.2], "b": [0.3, 0.2], "c": [0.2, 0.6]})
    assert scores("multiclass", column("a", "b", "c"), column("a", "b"), probabilities) == {"accuracy": 0.5}


def test_the_error_of_several_targets_is_the_mean_of_their_own() -> None:
    truth = pd.DataFrame({"heat": ["0", "0"], "cold": ["5", "5"]})
    predicted = pd.DataFrame({"cold": [8.0, 2.0], "heat": [1.0, -1.0]})
    assert scores("vector_regression", truth, truth, predicted) == {"rmse": 2.0}


@pytest.mark.parametrize(
    ("predicted", "says"),
    [
        ({"a": [0.5], "b": [0.5]}, "1 predictions for 2 rows"),
        ({"a": [0.5, np.nan], "b": [0.5, 0.5]}, "not finite"),
        ({"a": [0.5, 0.5], "c": [0.5, 0.5]}, "no column for the classes \\['b'\\]"),
    ],
)
def test_predictions_that_are_none_are_refused(predicted: dict[str, list[float]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        scores("binary", column("a", "b", "b"), column("a", "b"), pd.DataFrame(predicted))
