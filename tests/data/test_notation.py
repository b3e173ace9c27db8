"""Numbers in the notations of the world: read as what they are, or not at all."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.data.notation import disguised, find_notation, plain

DECIMALS = "x.csv writes numbers with a decimal comma; they were read as such."


def read(separator: str, **columns: list[str]) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """The cells as they are read, and what is said."""
    written = find_notation(columns, "x.csv", separator)
    notations = written.notations.items()
    return {n: plain(pd.Series(columns[n], dtype="str"), told).tolist() for n, told in notations}, written.notices


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("given_cells", "cells"),
    [
        (["1,5", "-2,25", "3"], ["1.5", "-2.25", "3"]),
        (["0,123", "0,5"], ["0.123", "0.5"]),
        (["1.234,5", "1.234"], ["1234.5", "1234"]),
        (["1 234,5", "7"], ["1234.5", "7"]),
        (["1,5e-3", ",5"], ["1.5e-3", ".5"]),
        (["1,5", " 2,5 ", "", "NA", "-"], ["1.5", "2.5", "", "NA", "-"]),
    ],
)
def test_a_decimal_comma(separator: str, given_cells: list[str], cells: list[str]) -> None:
    rewritten, notices = read(separator, a=given_cells)
    assert rewritten == {"a": cells} and notices[0] == DECIMALS


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("given_cells", "cells", "told"),
    [
        (["1,234.5", "7"], ["1234.5", "7"], "'1,234.5' in 'a' as 1234.5"),
        (["1,234,567", "7"], ["1234567", "7"], "'1,234,567' in 'a' as 1234567"),
        (["1'234.5", "7.25"], ["1234.5", "7.25"], "\"1'234.5\" in 'a' as 1234.5"),
        (["7.5", "12\u00a0345"], ["7.5", "12345"], "'12\\xa0345' in 'a' as 12345"),
        (["7.5", "12_345"], ["7.5", "12345"], "'12_345' in 'a' as 12345"),
    ],
)
def test_thousands_apart(separator: str, given_cells: list[str], cells: list[str], told: str) -> None:
    assert read(separator, a=given_cells) == (
        {"a": cells},
        (f"x.csv parts thousands; they were read together, {told}.",),
    )


def test_a_number_that_can_be_read_in_two_ways_is_read_like_the_others() -> None:
    assert read(",", a=["1,234", "999"], b=["1,5", "2,5"])[0]["a"] == ["1.234", "999"]
    assert read(";", a=["1,234", "999"], b=["1.5", "2.5"])[0]["a"] == ["1234", "999"]
    assert read(";", a=["1.234", "999"], b=["1,5", "2,5"])[0]["a"] == ["1234", "999"]


def test_where_nothing_tells_the_separator_does() -> None:
    assert read(";", a=["1,234", "999"]) == ({"a": ["1.234", "999"]}, (DECIMALS,))
    for separator in (",", "\t"):
        assert read(separator, a=["1,234", "999"])[0] == {"a": ["1234", "999"]}


def test_many_numbers_of_three_decimals_beside_whole_ones_have_thousands() -> None:
    parted = [f"{i}.{i:03}" for i in range(101, 131)]
    assert read(";", a=[*parted, "7", "999"], b=["1.234", "0"])[0]["b"] == ["1234", "0"]
    assert read(";", a=[*parted[1:], "7"]) == read(",", a=[*parted, "7"]) == read(";", a=parted) == ({}, ())


def test_columns_at_odds_are_each_read_in_their_own_way() -> None:
    assert read(";", a=["1.5", "2.5"], b=["1,5", "2,5"])[0] == {"a": ["1.5", "2.5"], "b": ["1.5", "2.5"]}


@pytest.mark.parametrize(
    "cells",
    [
        ["1.5", "2.25", "1e-05"],
        ["1.234", "999"],
        ["1,5", "2.5"],
        ["a,b", "1,5", "c"],
        ["1,2,4", "3", "1,5"],
        ["01.02.2020", "03.04.2021"],
        ["", "NA"],
        ["12,34,567"],
        ["1 2 3"],
        ["12:30"],
    ],
    ids=str,
)
def test_what_is_plain_or_no_column_of_numbers_stays(cells: list[str]) -> None:
    assert read(";", a=cells) == ({}, ())


def test_in_a_column_of_numbers_words_stay() -> None:
    cells = pd.Series(["1,5", "about 1,5", None, "x"], dtype="str")
    assert plain(cells, "comma").fillna("none").tolist() == ["1.5", "about 1,5", "none", "x"]


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=20))
def test_a_number_is_the_same_in_every_notation(values: list[float]) -> None:
    american = [f"{value:,.4f}" for value in values]
    german = [text.translate(str.maketrans(",.", ".,")) for text in american]
    expected = [f"{value:.4f}" for value in values]
    for cells, separator in ((american, ","), (german, ";")):
        rewritten, _ = read(separator, a=cells)
        assert rewritten.get("a", cells) == expected


@pytest.mark.parametrize(
    "value",
    [
        "1.5", "$1,234.50", "-$5", "€ 5", "5 €", "USD 12", "12 %", "12,5‰", "'39'", "“39”", '="5"', "\u22125",
        "\uff11\uff12", "12\u200b", "1 234",
    ],
)  # fmt: skip
def test_numbers_in_disguise(value: str) -> None:
    assert disguised([value]).all()


@pytest.mark.parametrize("value", ["", "12A", "A12", "5 kg", "2020-01-01", "1-2", "044 123 45 67", "1,2,4", "%", "a 5"])
def test_no_numbers_in_disguise(value: str) -> None:
    assert not disguised([value]).any()
