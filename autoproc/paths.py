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
    return Path(name).expanduser()


def why_impossible(name: str | PathLike[str]) -> str | None:
    """Why there cannot be such a path on this machine; None where there can."""
    try:
        os.lstat(Path(name).expanduser())
    except RuntimeError:
        return "there is no such user"
    except ValueError:  # of a NUL, or of half a character
        return "a character is in it that no name can have"
    except OSError as error:
        return "a name in it is too long" if error.errno == ENAMETOOLONG else None
    return None
