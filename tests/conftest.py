"""A strict, quiet and repeatable environment for every test.

The environment is set before torch, MLflow or rich are imported; nothing heavy is imported here.
"""

import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath

import pytest
from filelock import FileLock
from hypothesis import settings

os.environ.update(
    {
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
)
os.environ.pop("MLFLOW_TRACKING_URI", None)

TOGETHER = ("browser", "integration")
"""Folders whose tests share a server."""

# Tests assert no times, and fail or pass alike in every run.
settings.register_profile("autoproc", deadline=None, derandomize=True, max_examples=50, print_blob=True)
settings.load_profile("autoproc")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests of servers and other processes often wait."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Tests that need the same job, server or browser go to one worker: of two, one would wait for the other."""
    from xdist.scheduler import LoadScopeScheduling

    class ByWhatTheyNeed(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = PurePosixPath(nodeid.partition("::")[0])
            if path.parent.name in TOGETHER:
                return str(path.parent)
            return str(path) if path.parent.name == "end_to_end" else nodeid

    return ByWhatTheyNeed(config, log)


@pytest.fixture(autouse=True)
def same_numbers_whatever_ran_before(request: pytest.FixtureRequest) -> None:
    """A module's generator starts anew for each test: the tests that a worker has run before it differ from run to
    run."""
    generator = getattr(getattr(request.node, "module", None), "RANDOM", None)
    if generator is not None:
        seed = zlib.crc32(request.node.nodeid.encode())
        generator.bit_generator.state = type(generator.bit_generator)(seed).state


@pytest.fixture(scope="session", autouse=True)
def databases_are_copied() -> None:
    """MLflow's migrations, which take seconds, run once in each worker: further new homes get copies of what they made.
    tests/tracking/test_database.py has them run."""
    from autoproc.tracking import database

    make, made = database._in_memory, []

    @contextmanager
    def copied() -> Iterator[sqlite3.Connection]:
        if not made:
            with make() as content:
                made.append(content.serialize())
        with closing(sqlite3.connect(":memory:")) as copy:
            copy.deserialize(made[0])
            yield copy

    copied.make = make
    database._in_memory = copied


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that the workers of this session have in common."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def once(shared: Path) -> Callable[[str, Callable[[Path], None]], Path]:
    """The folder `name`, filled by `make` in the worker that asks first; the others wait for it."""

    def get(name: str, make: Callable[[Path], None]) -> Path:
        folder = shared / f"shared-{name}"
        with FileLock(f"{folder}.lock"):
            if not (folder / "made").exists():
                folder.mkdir()
                make(folder)
                (folder / "made").touch()
        return folder

    return get
