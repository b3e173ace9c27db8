"""Who may read what a home holds."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoproc.tracking.database import make_database
from autoproc.tracking.home import open_home

pytestmark = pytest.mark.skipif(os.name != "posix", reason="folders inherit their rights on Windows")


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Everybody may read what is made without a word about it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_home_that_autoproc_makes_is_its_makers_alone(tmp_path: Path) -> None:
    home = open_home(tmp_path / "above" / "home")
    job = home.start_job("job")
    assert {mode(folder) for folder in (home.path, home.jobs, home.receipts, home.artifacts, home.running, job)} == {
        0o700
    }
    assert mode(home.path.parent) == 0o755, "what is not ours is left as others are"


def test_what_autoproc_makes_in_a_folder_that_was_there_is_its_makers_alone(tmp_path: Path) -> None:
    """As in a checkout, whose mlruns/ everybody may read."""
    tmp_path.chmod(0o755)
    home = open_home(tmp_path)
    assert mode(home.path) == 0o755
    assert {mode(folder) for folder in (home.jobs, home.receipts, home.artifacts, home.start_job("job"))} == {0o700}


def test_the_rights_of_what_is_there_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs").chmod(0o750)
    home = open_home(tmp_path)
    home.start_job("job")
    assert mode(home.jobs) == 0o750


def test_a_home_that_was_shared_with_a_group_on_purpose_is_the_groups(tmp_path: Path) -> None:
    tmp_path.chmod(0o2770)
    home = open_home(tmp_path)
    folders = (home.jobs, home.receipts, home.artifacts, home.running, home.start_job("job"))
    assert {mode(folder) for folder in folders} == {0o2770}


@pytest.mark.parametrize("given", [0o2700, 0o2750])
def test_a_group_that_is_inherited_but_may_not_write_shares_nothing(given: int, tmp_path: Path) -> None:
    tmp_path.chmod(given)
    assert mode(open_home(tmp_path).jobs) & 0o777 == 0o700


@pytest.mark.parametrize(("given", "expected"), [(0o755, 0o600), (0o2770, 0o660)])
def test_the_database_goes_by_the_home(given: int, expected: int, tmp_path: Path) -> None:
    tmp_path.chmod(given)
    make_database(tmp_path / "mlflow.db")
    assert mode(tmp_path / "mlflow.db") == expected
