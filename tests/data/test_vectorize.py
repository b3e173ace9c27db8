import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoproc.data.encoders import BooleanColumn, CategoryColumn, DateColumn, NumberColumn
from autoproc.data.problem import define_problem
from autoproc.data.table import Table, read_table
from autoproc.data.vectorize import Layout, Schema
from autoproc.errors import BundleError, DataError
from autoproc.plan import Plan

NAN = float("nan")
_N = 60


def _frame() -> pd.DataFrame:
    """One column of each kind and of several types; missing cells in most; beside them what is left out."""
    rng = np.random.default_rng(0)
    holes = pd.Series(np.arange(_N) % 7 == 3)
    town = pd.Series(rng.choice(["Ulm", "Bonn", "None"], _N), dtype="str")
    return pd.DataFrame(
        {
            "size": pd.Series(rng.normal(size=_N)).mask(holes),
            "rooms": pd.Series(rng.integers(1, 9, _N)).astype("Int64").mask(holes),
            "new": pd.Series(rng.random(_N) < 0.5).astype("boolean").mask(holes),
            "town": town.mask(holes).astype("category"),
            "street": pd.Series([f"street {i % 12}" for i in range(_N)], dtype="str"),
            "sold": pd.Series(pd.date_range("2019-12-01 06:00", periods=_N, freq="31h")).mask(holes),
            "id": [f"h{i}" for i in range(_N)],
            "land": "DE",
            "price": rng.normal(size=_N),
        }
    )


def _fit(data: pd.DataFrame | Path, missing: tuple[str, ...] = (), target: str = "price") -> tuple[Table, Schema]:
    table = read_table(data, missing)
    return table, Schema.fit(table, define_problem(table, Plan(target=target)))


def _equal(a: object, b: object) -> None:
    np.testing.assert_array_equal(a, b)


_SCHEMA = _fit(_frame())[1]


# The schema


def test_the_schema_of_one_column_of_each_kind() -> None:
    assert _SCHEMA.columns == ("size", "rooms", "new", "town", "street", "sold")
    assert [encoder.kind for encoder in _SCHEMA.encoders] == [
        "numeric", "numeric", "boolean", "categorical", "categorical", "datetime",
    ]  # fmt: skip
    assert _SCHEMA.layout == Layout(
        n_columns=12,
        numeric=(0, 1, 5),
        passthrough=(2, 6, 7, 8, 9, 10, 11),
        indicators=(0, 1, 2, 5),
        one_hot=((3, 5),),
        embedded=((4, 14),),
    )


@pytest.mark.parametrize(("n_categories", "one_hot"), [(8, True), (9, False)])
def test_few_categories_are_one_hot_and_more_embedded(n_categories: int, one_hot: bool) -> None:
    layout = Schema((CategoryColumn("x", tuple(map(str, range(n_categories)))),)).layout
    assert (layout.one_hot if one_hot else layout.embedded) == ((0, n_categories + 2),)
    assert (layout.embedded if one_hot else layout.one_hot) == ()


def test_each_column_of_the_matrix_has_one_place_in_the_layout() -> None:
    layout = _SCHEMA.layout
    places = [*layout.numeric, *layout.passthrough, *(column for column, _ in (*layout.one_hot, *layout.embedded))]
    assert sorted(places) == list(range(layout.n_columns))
    assert set(layout.indicators) <= {*layout.numeric, *layout.passthrough}


def test_the_target_has_no_part_in_the_schema() -> None:
    frame = _frame()
    assert _fit(frame.assign(price=frame["price"].iloc[::-1].to_numpy()))[1] == _SCHEMA


# The matrix


def test_a_matrix_by_hand() -> None:
    encoders = (
        NumberColumn("n", True), BooleanColumn("b", False), CategoryColumn("c", ("x", "y")),
        DateColumn("d", "%d.%m.%Y", ("week",), False),
    )  # fmt: skip
    frame = pd.DataFrame(
        {
            "d": ["03.01.2000", "oops", ""],
            "c": ["y", "z", None],
            "more": [1, 2, 3],
            "b": ["yes", "0", "?"],
            "n": ["0.5", "inf", "-9.0"],
        }
    )
    matrix = Schema(encoders, ("-9",)).matrix(frame)
    assert matrix.dtype == np.float32
    _equal(matrix, [[0.5, 1, 3, 2, 0, 1], [NAN, -1, 1, NAN, NAN, NAN], [NAN, NAN, 0, NAN, NAN, NAN]])


def test_codes_stay_within_their_vocabulary_and_only_numbers_are_nan() -> None:
    matrix = _SCHEMA.matrix(_frame())
    layout = _SCHEMA.layout
    for column, size in (*layout.one_hot, *layout.embedded):
        assert set(np.unique(matrix[:, column])) <= set(range(size))
    missing = np.isnan(matrix).any(axis=0)
    waves = set(layout.passthrough) - set(layout.indicators)
    assert set(np.flatnonzero(missing)) - waves == set(layout.indicators)


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "nullable", "text", "category"])
def test_the_same_content_gives_the_same_matrix_wherever_it_comes_from(tmp_path: Path, kind: str) -> None:
    frame = _frame()
    wanted = _SCHEMA.matrix(frame)
    text = frame.astype("str").mask(frame.isna(), "")
    path = tmp_path / f"data.{kind}"
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind in ("csv", "tsv"):
        frame.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    sources: dict[str, pd.DataFrame] = {
        "nullable": frame.convert_dtypes(),
        "text": text,
        "category": text.astype("category"),
    }
    source = sources.get(kind, path)
    _equal(_SCHEMA.matrix(read_table(source)), wanted)
    if kind != "category":  # whose numbers are words by request
        table, schema = _fit(source)
        assert schema == _SCHEMA
        _equal(schema.matrix(table), wanted)


@settings(max_examples=15)
@given(st.permutations(list(_frame().columns)), st.lists(st.integers(0, _N - 1), max_size=8))
def test_order_of_columns_and_of_rows_and_other_rows_have_no_say(columns: list[str], rows: list[int]) -> None:
    frame = _frame()
    _equal(_SCHEMA.matrix(frame[columns].iloc[rows]), _SCHEMA.matrix(frame)[rows])


def test_neither_target_nor_unused_columns_are_needed() -> None:
    frame = _frame()
    _equal(_SCHEMA.matrix(frame[list(_SCHEMA.columns)]), _SCHEMA.matrix(frame))


def test_rows_are_read_without_a_change_to_them() -> None:
    frame = _frame()
    _SCHEMA.matrix(frame)
    pd.testing.assert_frame_equal(frame, _frame())


def test_no_rows_give_an_empty_matrix() -> None:
    assert _SCHEMA.matrix(_frame().iloc[:0]).shape == (0, 12)
    assert _SCHEMA.matrix(pd.DataFrame(columns=list(_SCHEMA.columns))).shape == (0, 12)


def test_numbers_beyond_float32_stay_finite() -> None:
    matrix = Schema((NumberColumn("x", False),)).matrix(pd.DataFrame({"x": [1e300, -1e300, 1e-300]}))
    assert np.isfinite(matrix).all()
    assert matrix.ravel().tolist() == [np.finfo(np.float32).max, np.finfo(np.float32).min, 0]


def test_spellings_of_missing_are_kept_for_rows_to_come() -> None:
    frame = pd.DataFrame(
        {"x": [-9.0, *np.arange(1, 40) / 4], "c": ["gone", *["a", "b", "c"] * 13], "y": [0.5, 1.5] * 20}
    )
    _, schema = _fit(frame, ("-9", "gone"), "y")
    assert schema.missing == ("-9", "gone")
    assert schema.layout.indicators == (0,)
    _equal(schema.matrix(pd.DataFrame({"x": [-9, 2], "c": ["gone", "new"]})), [[NAN, 0], [2, 1]])
    _equal(schema.matrix(pd.DataFrame({"x": ["-9.0", "2"], "c": ["gone", "new"]})), [[NAN, 0], [2, 1]])


def test_names_that_are_no_text() -> None:
    frame = pd.DataFrame({0: [1.5, 2.5, 2.5, 7.0], 1: [0.5, 1.5, 3.0, 2.0]})
    table, schema = _fit(frame, target="1")
    _equal(schema.matrix(frame), schema.matrix(table))


def test_missing_columns_are_named_with_their_likeness() -> None:
    frame = _frame().rename(columns={"size": "Size", "town": "city"}).drop(columns="sold")
    message = (
        r"The data lack 3 of the 6 columns that the model was trained on: 'size', 'town', 'sold'\. Add them, or give "
        r"them back the names that they had\. Did you mean 'Size' for 'size'\?$"
    )
    with pytest.raises(DataError, match=message):
        _SCHEMA.matrix(frame)
    with pytest.raises(DataError) as refused:
        _SCHEMA.matrix(_frame().rename(columns=str.upper))
    assert str(refused.value).count("Did you mean") == 1 and str(refused.value).endswith(", ...?")
    assert str(refused.value).count(" for ") == 3


def test_a_foreign_table_gets_no_suggestions() -> None:
    foreign = pd.DataFrame(0, index=range(3), columns=["sepal_length", "petal_width", "species"])
    with pytest.raises(
        DataError, match=r"The data have none of the 6 columns that .* give the columns back their names\.$"
    ):
        _SCHEMA.matrix(foreign)


def test_of_many_lacking_columns_the_first_are_named() -> None:
    wide = pd.DataFrame({f"x{i}": [1.5, 2.5, 2.5, 7.0] for i in range(30)}).assign(price=[1.0, 2.5, 3.5, 4.5])
    with pytest.raises(DataError, match=r"'x19', 'x20' and 9 more\. Add them"):
        _fit(wide)[1].matrix(wide[["x0"]])


def test_one_column_is_not_suggested_for_two() -> None:
    renamed = _frame().drop(columns="size").rename(columns={"town": "sizes"})
    with pytest.raises(DataError, match=r"Did you mean 'sizes' for 'size'\?$"):
        _SCHEMA.matrix(renamed)
    _, schema = _fit(_frame().assign(sizer=_frame()["size"]))
    with pytest.raises(DataError, match=r"names that they had\.$"):
        schema.matrix(renamed)


def test_a_column_that_is_there_twice() -> None:
    frame = pd.concat([_frame(), _frame()[["size"]]], axis=1)
    with pytest.raises(DataError, match="The data have more than one column named 'size'"):
        _SCHEMA.matrix(frame)
    twice = pd.concat([_frame(), _frame()[["land"]]], axis=1)
    _equal(_SCHEMA.matrix(twice), _SCHEMA.matrix(_frame()))


def test_columns_of_several_levels() -> None:
    with pytest.raises(DataError, match="columns of several levels"):
        _SCHEMA.matrix(pd.concat({"a": _frame()}, axis=1))


# The card

_NAMES = st.text(min_size=1, max_size=5)
_COLUMNS = st.one_of(
    st.builds(NumberColumn, _NAMES, st.booleans()),
    st.builds(BooleanColumn, _NAMES, st.booleans()),
    st.builds(CategoryColumn, _NAMES, st.lists(_NAMES, min_size=1, max_size=12, unique=True).map(tuple)),
    st.builds(
        DateColumn, _NAMES, st.sampled_from(["ISO8601", "%d.%m.%Y"]),
        st.lists(st.sampled_from(["year", "week", "day"]), unique=True).map(tuple), st.booleans(),
    ),
)  # fmt: skip
_SCHEMAS = st.builds(
    Schema,
    st.lists(_COLUMNS, min_size=1, max_size=5, unique_by=lambda column: column.name).map(tuple),
    st.lists(_NAMES, max_size=2).map(tuple),
)


@given(_SCHEMAS)
def test_a_card_is_read_back_to_an_equal_schema(schema: Schema) -> None:
    assert Schema.from_json(json.loads(json.dumps(schema.to_json(), allow_nan=False))) == schema


def test_a_schema_read_back_makes_the_same_matrix() -> None:
    _equal(Schema.from_json(_SCHEMA.to_json()).matrix(_frame()), _SCHEMA.matrix(_frame()))


_DAMAGES: dict[str, tuple[tuple[object, ...], object, str]] = {
    "no encoder": (("encoders",), [], "at encoders: .*at least 1 item"),
    "encoders of another type": (("encoders",), "all", "at encoders: "),
    "a mapping of encoders": (("encoders",), {"0": {}}, "at encoders: "),
    "another key": (("more",), 1, "at more: "),
    "missing of another type": (("missing",), [1], "at missing.0: "),
    "an encoder of another type": (("encoders", 0), 3, "at encoders.0: "),
    "an unknown kind": (("encoders", 0, "kind"), "image", "at encoders.0: .*'image'"),
    "another kind": (("encoders", 0, "kind"), "categorical", "at encoders.0.categorical.categories: "),
    "another key of an encoder": (("encoders", 0, "run"), "rm", "at encoders.0.numeric.run: "),
    "a name of another type": (("encoders", 0, "name"), 3, "at encoders.0.numeric.name: "),
    "the same name twice": (("encoders", 0, "name"), "rooms", ": the names of the columns must differ"),
    "a flag that is a number": (("encoders", 0, "indicator"), 1, "at encoders.0.numeric.indicator: "),
    "a flag that is a word": (("encoders", 0, "indicator"), "yes", "at encoders.0.numeric.indicator: "),
    "no category": (("encoders", 3, "categories"), [], "at encoders.3.categorical.categories: "),
    "many categories": (("encoders", 3, "categories"), list(map(str, range(257))), "at encoders.3.*at most 256"),
    "a category twice": (("encoders", 3, "categories"), ["a", "a"], "at encoders.3.categorical: the categories must"),
    "a category of another type": (("encoders", 3, "categories"), ["a", None], "encoders.3.categorical.categories.1: "),
    "a strange format": (("encoders", 5, "format"), "%q", "at encoders.5.datetime: there is no date format '%q'"),
    "a strange cycle": (("encoders", 5, "cycles"), ["moon"], "at encoders.5.datetime.cycles.0: "),
    "a cycle twice": (("encoders", 5, "cycles"), ["day", "day"], "at encoders.5.datetime: the cycles must differ"),
}


@pytest.mark.parametrize("damage", _DAMAGES)
def test_a_damaged_card_is_refused(damage: str) -> None:
    path, value, message = _DAMAGES[damage]
    card = copy.deepcopy(_SCHEMA.to_json())
    place: Any = card
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(BundleError, match=f"The schema of the model, how its columns are read, is damaged.*{message}"):
        Schema.from_json(card)


@pytest.mark.parametrize("card", [None, 1, "x", [], {}, {"encoders": None}, {"missing": []}])
def test_what_is_no_card_is_refused(card: object) -> None:
    with pytest.raises(BundleError, match="how its columns are read, is damaged"):
        Schema.from_json(card)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["encoders", "missing", "kind", "name"]), inner)
)))  # fmt: skip
def test_any_json_is_a_schema_or_a_clear_error(card: object) -> None:
    with pytest.raises(BundleError):
        Schema.from_json(card)


def test_schema_and_matrix_that_are_made_together_are_those_that_are_made_apart() -> None:
    table, schema = _fit(_frame())
    together, matrix = Schema.fit_matrix(table, define_problem(table, Plan(target="price")))
    assert together == schema
    _equal(matrix, schema.matrix(table))
    assert matrix.dtype == np.float32
