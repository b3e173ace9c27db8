"""The errors that a user can cause, and how their text is put together.

Every message says what went wrong, the rule, what was found and what to do. The command line prints
it as one paragraph and ends with exit code 2; anything that is not an `AutoprocError` is a bug of ours
and keeps its traceback.
"""

import re
from collections.abc import Iterable
from pathlib import Path

_LEAST_LETTERS = 3  # of a word that is cut short
_MOST_EDITS = 3
_MOST_SHOWN = 120  # letters of what was found that a message repeats


class AutoprocError(Exception):
    """Base of all errors that a user can cause and mend."""


class DataError(AutoprocError):
    """The table, or a column or row of it, cannot be used."""


class PlanError(AutoprocError):
    """The request contradicts itself, the data, or what exists."""


class HomeError(AutoprocError):
    """The home folder or the tracking database cannot be used."""


class BundleError(AutoprocError):
    """An exported model is damaged, or is not one."""


class NoSignalError(AutoprocError):
    """The baseline network does not beat the dummy: exit code 3."""


def shown(value: object) -> str:
    """What was found, for a message: whole where it is short."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """' Did you mean 'x'?' for the known word nearest to `word`, or nothing where none is near.

    >>> did_you_mean("macro_fl", ["rmse", "macro_f1"])
    " Did you mean 'macro_f1'?"
    """
    like = nearest(word, known)
    return "" if like is None else f" Did you mean {like!r}?"


def did_you_mean_file(path: Path) -> str:
    """The same for a file that is not there, of the files beside it; the same name with another ending is near."""
    try:
        beside = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    except OSError:
        return ""
    alike = [name for name in beside if Path(name).suffix == path.suffix]
    stems = {Path(name).stem: name for name in [*beside, *alike]}  # of one stem the one with the same ending stays
    like = nearest(path.stem, stems)
    return "" if like is None else f" Did you mean {str(path.with_name(stems[like]))!r}?"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` may be a misspelling of; None where there is none.

    Near is a word that differs in case, spaces and signs alone, that is cut short by half at most, or that takes few
    edits for its length, the fewer where its first letter is another one. Words that differ in their numbers, as `x10`
    and `x11`, are not near.
    """
    asked = _bare(word)
    by_edits = [(edits, name) for name in known if (edits := _edits_if_near(asked, _bare(name))) is not None]
    return min(by_edits, key=lambda pair: pair[0])[1] if by_edits else None


def _bare(word: str) -> str:
    return re.sub(r"[\W_]", "", word.casefold())


def _edits_if_near(asked: str, known: str) -> int | None:
    """In how many letters the words differ, where they are near."""
    few, many = sorted((len(asked), len(known)))
    if few == 0 or _differ_in_numbers(asked, known):
        return None
    if few >= _LEAST_LETTERS and 2 * few >= many and (asked.startswith(known) or known.startswith(asked)):
        return many - few
    most = min(_MOST_EDITS, many // 3 if asked[0] == known[0] else (many - 1) // 4)
    if many - few > most or len({*asked} ^ {*known}) > 2 * most:  # most words differ so, at a glance
        return None
    edits = _count_edits(asked, known)
    return edits if edits <= most else None


def _differ_in_numbers(one: str, other: str) -> bool:
    mine, yours = re.findall(r"\d+", one), re.findall(r"\d+", other)
    return bool(mine and yours) and mine != yours


def _count_edits(one: str, other: str) -> int:
    """Letters to insert, remove, replace, or swap with the next one, each part of a word in one edit at most (optimal
    string alignment)."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, start=1):
        row = [i]
        for j, its in enumerate(other, start=1):
            edits = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != its))
            if i > 1 and j > 1 and (letter, one[i - 2]) == (other[j - 2], its):
                edits = min(edits, rows[-2][j - 2] + 1)
            row.append(edits)
        rows.append(row)
    return rows[-1][-1]
