"""Who may read what a home holds: whoever made it, alone, unless the home was shared with a group on purpose
(docs/decisions/033-who-may-read-a-home.md).

A home is shared where its group may write to it and its folder has the set-group-ID bit, by which the system hands the
group on to all that is made in it: `chgrp team HOME; chmod 2770 HOME`. Only what is made anew gets its rights here;
those of what is there are the owner's business. On Windows folders inherit theirs, and nothing here has an effect.
"""

import os
import stat
from pathlib import Path

_FOLDER, _FILE = 0o700, 0o600
_SHARED_FOLDER, _SHARED_FILE = 0o2770, 0o660


def make_folder(folder: Path, home: Path) -> None:
    """Make a folder of a home, or the home itself, where it is missing. Raises OSError."""
    shared = is_shared(home)  # before there is anything in it
    try:
        folder.mkdir(mode=_FOLDER, parents=True)
    except FileExistsError:
        if not folder.is_dir():
            raise
        return
    if shared:
        folder.chmod(_SHARED_FOLDER)


def make_file(path: Path, home: Path) -> None:
    """Make an empty file of a home; one that is there stays as it is. Raises OSError."""
    path.touch(mode=_FILE)
    if is_shared(home) and not path.stat().st_size:
        path.chmod(_SHARED_FILE)


def is_shared(home: Path) -> bool:
    """Whether a home was shared with a group on purpose; False where there is none."""
    try:
        mode = home.stat().st_mode
    except OSError:
        return False
    return os.name == "posix" and bool(mode & stat.S_ISGID) and mode & stat.S_IRWXG == stat.S_IRWXG
