"""A difference between a file and its bundle is seen, wherever it is."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from autoproc.data.encoders import CategoryColumn, NumberColumn
from autoproc.data.vectorize import Schema
from autoproc.errors import BundleError
from autoproc.export.bundle import Opened
from autoproc.export.onnx.check import feeds, largest_difference, must_agree
from autoproc.plan import Task
from tests.export import bundles
from tests.export.onnx.made import opened, session


@pytest.mark.parametrize("task", bundles.TASKS)
@pytest.mark.parametrize(
    "table", [None, bundles.rows(), bundles.rows(3000), bundles.rows(0)], ids=["none", "few", "many", "empty"]
)
def test_a_file_equals_its_bundle(task: Task, table: pd.DataFrame | None) -> None:
    bundle = opened(bundles.SCHEMA, task)
    assert 0 < largest_difference(bundle, session(bundle), table) < 1e-5


@pytest.mark.parametrize("task", bundles.TASKS)
def test_other_weights_are_another_model(task: Task) -> None:
    bundle, other = opened(bundles.SCHEMA, task), opened(bundles.SCHEMA, task, seed=3)
    difference = largest_difference(bundle, session(other), None)
    with pytest.raises(BundleError, match=r"differs from it by .*more than 1e-04. Nothing was written"):
        must_agree(difference)


def test_no_number_is_a_difference() -> None:
    bundle = opened(bundles.SCHEMA, "regression")
    damaged = {**bundle.weights, "output.bias": np.full_like(bundle.weights["output.bias"], np.nan)}
    difference = largest_difference(bundle, session(replace(bundle, weights=damaged)), None)
    with pytest.raises(BundleError, match="differs from it by nan"):
        must_agree(difference)


def with_threshold(bundle: Opened, threshold: float) -> Opened:
    return replace(bundle, model=replace(bundle.model, threshold=threshold))


def test_a_label_is_as_far_off_as_its_probability_is_from_the_threshold() -> None:
    bundle = opened(bundles.SCHEMA, threshold=0.3)
    assert 0.05 < largest_difference(bundle, session(with_threshold(bundle, 0.4)), None) < 0.1
    assert largest_difference(bundle, session(with_threshold(bundle, 0.3 + 1e-6)), None) < 1e-5


def test_values_differ_in_units_of_their_targets_spread() -> None:
    bundle = opened(bundles.SCHEMA, "vector_regression")
    bundle.weights["target.spread"][:] = (1e6, 1e-6)
    moved = {**bundle.weights, "target.center": bundle.weights["target.center"] + np.array([1e4, 1e-9])}
    found = largest_difference(bundle, session(replace(bundle, weights=moved)), None)
    assert found == pytest.approx(1e-2, rel=1e-3)


def test_a_table_is_looked_at_beside_rows_that_are_made_up() -> None:
    """A member that sees one category differently shows only where that is."""
    schema = Schema((CategoryColumn("town", tuple("abcdefghij")), NumberColumn("size", indicator=False)))
    bundle = opened(schema, "regression")
    vectors = bundle.weights["embedding"].copy()
    vectors[:, 5] += 3
    other = session(replace(bundle, weights={**bundle.weights, "embedding": vectors}))
    for table in (None, pd.DataFrame({"town": ["d"], "size": ["7"]}), pd.DataFrame({"town": ["e"], "size": ["7"]})):
        assert largest_difference(bundle, other, table) > 0.01


def test_what_is_fed_is_decided_by_the_file_alone() -> None:
    frame = pd.DataFrame(
        {
            "size": ["1.5", " 2 ", "many", None], "new": [True, None, 1.0, "no"], "colour": [" red", "", None, "1.0"],
            "town": [1, 2, 3, 4], "sold": ["1970-01-02", "1970-01-01T00:00:01.5Z", "soon", None], "more": 1,
        }
    )  # fmt: skip
    fed = {name: cells[:, 0].tolist() for name, cells in feeds(bundles.SCHEMA, frame[frame.columns[::-1]]).items()}
    np.testing.assert_equal(fed.pop("size"), [1.5, 2.0, np.nan, np.nan])
    np.testing.assert_equal(fed.pop("sold"), [86400.0, 1.5, np.nan, np.nan])
    assert fed == {"new": ["True", "", "1", "no"], "colour": [" red", "", "", "1.0"], "town": ["1", "2", "3", "4"]}
