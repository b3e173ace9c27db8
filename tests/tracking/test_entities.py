import json
import math

from hypothesis import given
from hypothesis import strategies as st
from mlflow.entities import Dataset, Metric, Param, RunTag
from mlflow.types import Schema
from mlflow.utils.validation import _validate_batch_log_limits, _validate_dataset

from autoproc.results import Column, Problem
from autoproc.tracking import entities, names
from autoproc.tracking.tracker import Child


@given(st.integers(0, 2500), st.integers(0, 250), st.integers(0, 250))
def test_batches_hold_everything_in_order_and_within_mlflows_limits(n_metrics: int, n_params: int, n_tags: int) -> None:
    points = [("m", float(i), 0, i) for i in range(n_metrics)]
    params = {f"p{i}": "v" for i in range(n_params)}
    tags = {f"t{i}": "v" for i in range(n_tags)}
    made = list(entities.batches(points, params, tags))
    assert [metric for batch in made for metric in batch.metrics] == [Metric(*point) for point in points]
    assert [param for batch in made for param in batch.params] == [Param(*pair) for pair in params.items()]
    assert [tag for batch in made for tag in batch.tags] == [RunTag(*pair) for pair in tags.items()]
    for batch in made:
        _validate_batch_log_limits(batch.metrics, batch.params, batch.tags)
        assert batch.metrics or batch.params or batch.tags


def test_a_usual_child_takes_one_batch() -> None:
    child = Child(
        "t", "trial", "complete", 0, 1, {"p": 1}, {"final/score": 1.0}, {f"c/{i}": [0.5] * 100 for i in range(5)}
    )
    entry = entities.run_entry(child)
    assert len(list(entities.batches(entry.metrics, entry.parameters))) == 1


def test_a_curve_starts_at_epoch_1_and_its_times_spread_over_the_training() -> None:
    points = list(entities.curve_points({"c": [0.1, 0.2, 0.3, 0.4]}, 1_000, 5_000))
    assert points == [("c", 0.1, 2_000, 1), ("c", 0.2, 3_000, 2), ("c", 0.3, 4_000, 3), ("c", 0.4, 5_000, 4)]


@given(st.lists(st.floats(), max_size=20))
def test_only_finite_values_are_sent(values: list[float]) -> None:
    points = entities.curve_points({"c": values}, 0, 1)
    assert [(step, value) for _, value, _, step in points] == [
        (epoch, value) for epoch, value in enumerate(values, start=1) if math.isfinite(value)
    ]
    finals = entities.final_points({f"m{i}": value for i, value in enumerate(values)}, 0)
    assert [value for _, value, _, _ in finals] == [value for value in values if math.isfinite(value)]


def test_a_childs_tags_say_what_it_is(child: Child) -> None:
    tags = entities.run_entry(child).tags
    assert (tags[names.STAGE], tags[names.STATE]) == ("trial", "pruned")
    assert tags[names.COLOR] == names.STATE_COLORS["pruned"]
    assert tags[names.REASON] == "behind the better half"
    assert tags[names.SOURCE_NAME] == "autoproc"
    assert tags[names.USER]


def test_only_trial_states_have_a_color() -> None:
    rung = Child("growth 1", "growth", "overfits", 0, 1)
    assert names.COLOR not in entities.run_entry(rung).tags


def test_the_table_is_described_by_its_columns_without_its_cells() -> None:
    columns = (
        Column("x", "numeric", True, ""),
        Column("when", "datetime", True, ""),
        Column("id", "id", False, "a value of its own in each row"),
    )
    problem = Problem("binary", ("y",), ("no", "yes"), (60, 40), columns, "")
    dataset = Dataset(**entities.table_entry("data.csv", "/somewhere/data.csv", "f" * 64, 100, problem).dataset)
    _validate_dataset(dataset)
    assert json.loads(dataset.source) == {"uri": "/somewhere/data.csv"}
    assert json.loads(dataset.profile)["num_rows"] == 100
    schema = Schema.from_json(json.dumps(json.loads(dataset.schema)["mlflow_colspec"]))
    assert schema.input_names() == ["x", "when", "id", "y"]
    assert [str(kind) for kind in schema.input_types()] == [
        "DataType.double",
        "DataType.datetime",
        "DataType.string",
        "DataType.string",
    ]
    assert schema.required_input_names() == ["x", "when", "y"]
