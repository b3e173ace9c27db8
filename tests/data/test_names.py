import pytest

from autoproc.data.names import column_names, must_name
from autoproc.errors import DataError


@pytest.mark.parametrize("unseen", [" ", "\u00a0", "\u200b", "\ufeff", "\u200e", "\u202e", "\t\n", " \u200b "])
def test_what_cannot_be_seen_is_no_part_of_a_name(unseen: str) -> None:
    assert column_names([f"{unseen}a b{unseen}", unseen]) == ["a b", "column 2"]


def test_within_a_name_nothing_changes() -> None:
    names = ["a\u200bb", "two\nlines", "\U0001f468\u200d\U0001f469", "$(x)", "é", "e\u0301"]
    assert column_names(names) == names


def test_names_must_differ() -> None:
    must_name(["a", "A", "é", "e\u0301"], "The table")
    with pytest.raises(DataError, match=r"^The table has more than one column named 'a', 'b', but names must differ\."):
        must_name(["a", "b", "c", "b", "a"], "The table")
    with pytest.raises(DataError, match=r"named '0', '1', '10', '11', '12' and 95 more, but"):
        must_name([*map(str, range(100)), *map(str, range(100))], "The table")


def test_a_name_is_no_cell_of_text() -> None:
    must_name(["x" * 1_000], "The table")
    with pytest.raises(
        DataError, match=r"column 2 of The table must have at most 1,000 letters, but has 1,001"
    ) as told:
        must_name(["a", "x" * 1_001], "The table")
    assert len(str(told.value)) < 300
