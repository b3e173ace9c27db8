"""A real `mlflow server` on a real PostgreSQL: skipped where no PostgreSQL is installed."""

import contextlib
import getpass
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from mlflow import MlflowClient

from autoproc.tracking import mlflow_tracker
from autoproc.tracking.listening import any_free_port
from autoproc.tracking.server import LIGHT, end_tree

HERE = Path(__file__).parent
SYSTEM_USER = "postgres"  # PostgreSQL refuses to run as root


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.integration)
            item.add_marker(pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"))


def _programs() -> Path | None:
    """The folder of PostgreSQL's programs; Debian keeps them out of the PATH."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of an empty database, on a socket of its own."""
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL is installed: apt-get install postgresql")
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    user = SYSTEM_USER if is_root else None
    # Not pytest's folder, which nobody else may enter; sockets have short paths.
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    data = folder / "data"
    try:
        if user:
            shutil.chown(folder, user)
        # Nothing here has to survive a power failure.
        settings = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "user": user, "cwd": folder}
        owner = user or getpass.getuser()
        subprocess.run([programs / "initdb", "-D", data, "-A", "trust", "-U", owner, "--no-sync"], **quiet)
        control = [programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", settings]
        subprocess.run([*control, "start"], **quiet)
        try:
            yield f"postgresql://{owner}@/postgres?host={folder}"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Server:
    """`mlflow server` on the database `store`, which may be killed and started again."""

    store: str
    folder: Path
    port: int
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.uri, registry_uri=self.uri)

    def start(self) -> None:
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1", "--backend-store-uri", self.store]
        artifacts = (self.folder / "artifacts").as_uri()
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *options, "--artifacts-destination", artifacts],
                env={**os.environ, **LIGHT},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while not self.answers():
            if self._process.poll() is not None:
                raise RuntimeError((self.folder / "server.log").read_text(encoding="utf-8")[-3000:])

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=10):
                return True
        except (urllib.error.URLError, OSError):
            # Wait for the process a little, and not at all once it has ended.
            with contextlib.suppress(subprocess.TimeoutExpired):
                assert self._process is not None
                self._process.wait(0.2)
            return False

    def kill(self) -> None:
        if self._process is not None:
            end_tree(self._process.pid)
            self._process.wait()


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """However slow the machine is: only a server that is not there counts as one that does not answer."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "300")
        for limit in ("WAIT_SECONDS", "LAST_SECONDS", "GRACE_SECONDS"):
            patched.setattr(mlflow_tracker, limit, 600.0)
        yield


@pytest.fixture(scope="session")
def server(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    made = Server(postgres, folder, any_free_port())
    made.start()
    yield made
    made.kill()
