"""Which MLflow a database belongs to: MLflow opens one of its own schema alone, and brings older ones up to date only
when it is asked to."""

import re
import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from autoproc.errors import HomeError

_VERSIONS = Path("store", "db_migrations", "versions")
_REVISION = re.compile(r"^(down_)?revision\b[^=]*= *[\"'](\w+)[\"']", re.MULTILINE)


def check_schema(path: Path) -> None:
    """Raises HomeError, with what to do, where a database is of an older or a newer MLflow than the installed one;
    sqlite3.Error where it cannot be read. MLflow itself, which takes seconds to load, is not loaded."""
    found, (latest, known) = _revision(path), _revisions()
    if not found or not latest or found == latest:
        return
    if found in known:
        raise HomeError(
            f"MLflow's database {path} was made by an older MLflow: its schema is {found}, and {latest} is needed. "
            "Nothing was changed in it. Make a copy of it, and then bring it up to date: "
            f"`mlflow db upgrade sqlite:///{path}`. Or choose another place with --home."
        )
    raise HomeError(
        f"MLflow's database {path} was made by a newer MLflow: its schema {found} is not known to the one that is "
        "installed. Install the version that made it, or a newer one; or choose another place with --home. Jobs, "
        "models and receipts do not lie in it: `autoproc show`, `report` and `export` work all the same."
    )


def _revision(path: Path) -> str | None:
    """The schema of a database; None where it does not say."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            return None
        row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else None


def _revisions() -> tuple[str | None, set[str]]:
    """The schema that the installed MLflow needs, and all that it knows; None and nothing where it does not tell."""
    spec = find_spec("mlflow")
    folders = [Path(place) / _VERSIONS for place in (spec.submodule_search_locations or [])] if spec else []
    own: set[str] = set()
    replaced: set[str] = set()
    for file in (file for folder in folders for file in folder.glob("*.py")):
        for is_down, revision in _REVISION.findall(file.read_text(encoding="utf-8")):
            (replaced if is_down else own).add(revision)
    latest = own - replaced
    return (latest.pop() if len(latest) == 1 else None), own
