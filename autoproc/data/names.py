"""What a column is called, wherever it comes from."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from autoproc.errors import DataError

MOST_LETTERS = 1_000
"""A longer first line is none with names."""

# Besides white space: marks without width, and of direction, which nobody types after --target.
_UNSEEN = r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]+"
_AT_THE_ENDS = re.compile(rf"^{_UNSEEN}|{_UNSEEN}$")


def column_names(given: Iterable[object]) -> list[str]:
    """The names as text, trimmed of what cannot be seen; a column without one is called by its place.

    >>> column_names([" a ", 0, "", "b\\u200b"])
    ['a', '0', 'column 3', 'b']
    """
    return [_AT_THE_ENDS.sub("", str(name)) or f"column {place}" for place, name in enumerate(given, start=1)]


def must_name(names: Sequence[str], what: str) -> None:
    """Raises DataError where two columns of a table (`what`) have one name, or a name is longer than any is."""
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        shown = ", ".join(map(repr, twice[:5])) + (f" and {len(twice) - 5:,} more" if len(twice) > 5 else "")
        raise DataError(f"{what} has more than one column named {shown}, but names must differ. Rename them.")
    for place, name in enumerate(names, start=1):
        if len(name) > MOST_LETTERS:
            raise DataError(
                f"The name of column {place} of {what} must have at most {MOST_LETTERS:,} letters, but has "
                f"{len(name):,}: {name[:40]!r}... Give the column a shorter name, or the table a line of names."
            )
