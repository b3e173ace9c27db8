"""The errors that a user can cause, and how their text is put together.

Every message says what went wrong, the rule, what was found and what to do. The command line prints
it as one paragraph and ends with exit code 2; anything that is not an `AutoprocError` is a bug of ours
and keeps its traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches


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


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """' Did you mean 'x'?' for the known word nearest to `word`, or nothing where none is near.

    >>> did_you_mean("macro_fl", ["rmse", "macro_f1"])
    " Did you mean 'macro_f1'?"
    """
    like = nearest(word, known)
    return "" if like is None else f" Did you mean {like!r}?"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word nearest to `word`, whatever the case; None where none is near."""
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else None
