"""MLflow's user interface for a home folder, on this machine only unless another place is asked for."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from filelock import FileLock, Timeout

from autoproc.errors import HomeError, PlanError
from autoproc.tracking.database import holds_record, unusable
from autoproc.tracking.home import Home, home_errors
from autoproc.tracking.listening import Place
from autoproc.tracking.privacy import make_file
from autoproc.tracking.schema import check_schema
from autoproc.tracking.views import Link, view_links

START_SECONDS = 120.0
POLL_SECONDS = 0.2
LOG_LINES = 15
JOBS_TRIED = 20

# Without these MLflow starts 15 processes that take 3 GB and half a minute.
LIGHT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
_HERE = ("localhost:*", "127.0.0.1:*")
# The environment's proxies are not for this machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def serve(home: Home, place: Place, on_ready: Callable[[Sequence[Link]], None]) -> int:
    """Run MLflow's user interface at a place of this machine until Ctrl-C; returns 0 then.

    `on_ready` gets the links to the newest job's own views as soon as the server answers. Raises PlanError when there
    is no job to show or the port is taken, and HomeError when the server does not start or ends by itself.
    """
    home = Home(home.path.absolute())
    check_database(home)
    place.check()
    try:
        with _server(home, place) as server:
            _await_answer(server, home, place)
            on_ready(newest_links(home, place))
            server.wait()
            raise HomeError(_died("has ended by itself", home, place.port))
    except KeyboardInterrupt:
        return 0


def check_database(home: Home) -> None:
    """Raises PlanError when the home has no database to show, and HomeError when that cannot be read."""
    try:
        # MLflow's server would make or complete one itself, and leave it half-made when it is ended meanwhile.
        found = holds_record(home.database)
        if found:
            check_schema(home.database)
    except sqlite3.Error as error:
        raise unusable(home.database, str(error)) from None
    if not found:
        raise PlanError(
            f"There is nothing to show: {home.path} has no record of a job. Run `autoproc tune` first, or name "
            "another --home. Jobs that were tracked on a server are shown by that server."
        )


def newest_links(home: Home, place: Place) -> tuple[Link, ...]:
    """The links to the views of the newest job that the server knows; to its first page where it knows none."""
    base = place.url
    for run_id in list(reversed(home.run_ids()))[:JOBS_TRIED]:
        answer = _get(f"{base}/api/2.0/mlflow/runs/get?run_id={quote(run_id)}")
        if answer is not None:
            return view_links(base, str(json.loads(answer)["run"]["info"]["experiment_id"]), run_id)
    return (Link("MLflow", base),)


@contextmanager
def _server(home: Home, place: Place) -> Iterator[subprocess.Popen[bytes]]:
    """The server as a process tree of its own, which ends with this block, or with this process however it dies."""
    with _open_log(home, place.port) as log, _sign_of_life(home, place):
        server = subprocess.Popen(
            _command(home, place),
            env=_environment(place),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=os.name == "posix",  # so that Ctrl-C reaches this process alone, which ends the tree
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        try:
            yield server
        finally:
            end_tree(server.pid)
            server.wait()


@contextmanager
def _sign_of_life(home: Home, place: Place) -> Iterator[None]:
    """A lock that the server's process watches: it is released by the system when this process dies."""
    lock = FileLock(_lock_path(home, place.port), timeout=0)
    with home_errors(home.path):
        home.running.mkdir(exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise PlanError(place.taken) from None
    try:
        yield
    finally:
        lock.release()


def _open_log(home: Home, port: int) -> BinaryIO:
    with home_errors(home.path):
        make_file(_log_path(home, port), home.path)  # what was asked for may name columns and classes
        return _log_path(home, port).open("wb")


def _environment(place: Place) -> dict[str, str]:
    """This process's, but for MLflow's settings: they are meant for other servers, and would move or change ours."""
    others = {name: value for name, value in os.environ.items() if not name.lstrip("_").startswith("MLFLOW_")}
    return others | LIGHT | _who_may_come(place)


def _who_may_come(place: Place) -> dict[str, str]:
    """What MLflow checks of each request: the name that it was sent to, and the page that it comes from."""
    if place.is_private:
        return {}  # MLflow's own list will do: this machine by all of its names, at any forwarded port
    hosts, pages = [*place.hosts, *_HERE], [f"http://{host}" for host in place.hosts]  # its own pages alone
    return {"MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(hosts), "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(pages)}


def _command(home: Home, place: Place) -> list[str]:
    artifacts = home.artifacts.as_uri()
    options = {
        "--host": place.host,
        "--port": str(place.port),
        "--workers": "1",
        "--backend-store-uri": home.tracking_uri,
        "--default-artifact-root": artifacts,
        "--artifacts-destination": artifacts,
    }
    arguments = [text for option in options.items() for text in option]
    return [sys.executable, "-m", "autoproc.tracking.server_process", str(_lock_path(home, place.port)), *arguments]


def _await_answer(server: subprocess.Popen[bytes], home: Home, place: Place) -> None:
    """Wait until the server answers. Raises HomeError when it dies or takes too long."""
    give_up = time.monotonic() + START_SECONDS
    while _get(f"{place.url}/health") is None:
        if server.poll() is not None:
            raise HomeError(_died("has ended by itself", home, place.port))
        if time.monotonic() > give_up:
            raise HomeError(_died(f"does not answer after {START_SECONDS:.0f} s", home, place.port))
        time.sleep(POLL_SECONDS)


def _get(url: str) -> bytes | None:
    """What the server answers; None for an error or no answer."""
    try:
        with _opener.open(url, timeout=10) as response:
            return bytes(response.read())
    except (urllib.error.URLError, OSError):
        return None


def end_tree(pid: int) -> None:
    """End a process and all it has started, if they still run. It only shows pages: nothing is lost."""
    if os.name == "posix":
        try:
            os.killpg(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # all of them have ended
            return
    else:
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(pid)], capture_output=True, check=False)


def _died(how: str, home: Home, port: int) -> str:
    log = _log_path(home, port)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
    last = " / ".join(line.strip() for line in lines if line.strip()) or "nothing"
    return f"MLflow's server for {home.path} {how}. The last lines of {log}: {last}"


def _log_path(home: Home, port: int) -> Path:
    return home.path / f"ui-{port}.log"


def _lock_path(home: Home, port: int) -> Path:
    return home.running / f"ui-{port}.lock"
