"""Paths as a user types them."""

import os
from errno import ENAMETOOLONG
from os import PathLike
from pathlib import Path

from autoproc.errors import PlanError, shown

POSSIBLE = "a path that this machine can have"


def user_path(name: str | PathLike[str]) -> Path:
    """A path with `~` for a user's folder, but for itself where there is no such user."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def possible_path(name: str | PathLike[str], called: str) -> Path:
    """The path of something that may be there or not. Raises PlanError, with what it is `called`, where there cannot be
    such a path on this machine."""
    why = why_impossible(name)
    if why is not None:
        raise PlanError(f"{called} must be {POSSIBLE} ({why}), but is {shown(str(name))}.")
    return user_path(name)


def why_impossible(name: str | PathLike[str]) -> str | None:
    """Why there cannot be such a path on this machine; None where there can."""
    path = user_path(name)
    try:
        os.lstat(path)
    except ValueError:  # of a NUL, or of half a character
        return "a character is in it that no name can have"
    except OSError as error:
        if error.errno == ENAMETOOLONG:
            return "a name in it is too long"
        if path.parts and path.parts[0].startswith("~") and not os.path.lexists(path.parts[0]):
            return "there is no such user"
    return None
