"""MLflow's user interface: the real server is started once; it must leave no process behind."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoproc.errors import HomeError, PlanError
from autoproc.tracking import server
from autoproc.tracking.home import Home
from autoproc.tracking.listening import Place
from autoproc.tracking.mlflow_tracker import MlflowTracker
from autoproc.tracking.views import view_links

ROOT = Path(__file__).parents[2]

SERVE = """
import signal, sys
from pathlib import Path
from autoproc.tracking.home import Home
from autoproc.tracking.listening import Place
from autoproc.tracking.server import serve
signal.signal(signal.SIGINT, signal.default_int_handler)
tell = lambda links: print(links[0].address, flush=True)
sys.exit(serve(Home(Path(sys.argv[1])), Place(port=int(sys.argv[2])), tell))
"""


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def port() -> int:
    return Place(port=49_000 + os.getpid() % 10_000).next


def child_ids(pid: int) -> list[int]:
    told = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=True)
    return [int(line) for line in told.stdout.split()]


def start(home: Home, port: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MLFLOW_STATIC_PREFIX": "/meant-for-another-server"}
    command = [sys.executable, "-c", SERVE, str(home.path), str(port)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C cannot be sent to one process only")
def test_the_server_shows_the_newest_job_until_ctrl_c(home: Home, tracker: MlflowTracker, port: int) -> None:
    home.start_job("0" * 32)  # tracked elsewhere: this server does not know it
    home.start_job(tracker.run_id)
    home.start_job("f" * 32)
    tracker.finish("FINISHED")
    with start(home, port) as process:
        assert process.stdout is not None
        link = process.stdout.readline().strip()
        expected, _ = view_links(f"http://127.0.0.1:{port}", tracker.experiment_id, tracker.run_id)
        assert link == expected.address, process.stderr and process.stderr.read()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{port}/") as page:
            assert b"<title>MLflow</title>" in page.read()
        foreign = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": "elsewhere.example.org"})
        with pytest.raises(urllib.error.HTTPError, match="403"):  # a page from elsewhere under this machine's address
            opener.open(foreign)
        [pid] = child_ids(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    assert not answers(port)
    log = (home.path / f"ui-{port}.log").read_text()
    assert "Uvicorn running" in log
    assert f"Started server process [{pid}]" in log, "MLflow has loaded itself twice, in two processes"


def test_a_home_without_a_database_says_what_to_do(tmp_path: Path, port: int) -> None:
    with pytest.raises(PlanError, match="autoproc tune"):
        server.serve(Home(tmp_path), Place(port=port), pytest.fail)
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_refused_with_one_that_is_free(home: Home, taken_port: int) -> None:
    with pytest.raises(PlanError, match=f"Port {taken_port} is taken") as refused:
        server.serve(home, Place(port=taken_port), pytest.fail)
    offered = int(str(refused.value).split("--port ")[1].rstrip("."))
    assert offered != taken_port
    assert Place(port=offered).is_free


def test_after_the_last_port_any_free_one_is_offered() -> None:
    assert 1 <= Place(port=65_535).next <= 65_535


def test_a_server_that_dies_is_told_with_its_last_words(home: Home, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "import sys; print('the database is too new'); sys.exit(3)"
    monkeypatch.setattr(server, "_command", lambda home, place: [sys.executable, "-c", script])
    with pytest.raises(HomeError, match=r"has ended by itself\..*the database is too new"):
        server.serve(home, Place(port=port), pytest.fail)


def test_a_server_that_does_not_answer_is_told_apart_from_one_that_died(
    home: Home, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_command", lambda home, place: [sys.executable, "-c", "import time; time.sleep(300)"])
    monkeypatch.setattr(server, "START_SECONDS", 0.0)
    with pytest.raises(HomeError, match="does not answer after 0 s"):
        server.serve(home, Place(port=port), pytest.fail)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_the_server_ends_when_the_command_is_killed(home: Home, tmp_path: Path) -> None:
    """The process of the server in small: it watches the lock as the real one does, and has a child of its own."""
    lock = tmp_path / "ui.lock"
    watched = (
        "import os, subprocess, sys; from pathlib import Path; from autoproc.tracking.server import end_tree; "
        "from autoproc.tracking.server_process import watch; "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)']); "
        f"watch(Path({str(lock)!r}), lambda: end_tree(os.getpid())); print('watching', flush=True); child.wait()"
    )
    holder = (
        "import subprocess, sys; from filelock import FileLock; "
        f"lock = FileLock({str(lock)!r}); lock.acquire(); "
        f"tree = subprocess.Popen([sys.executable, '-c', {watched!r}], start_new_session=True); tree.wait()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", holder]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"watching"
        process.kill()
        # The pipe ends when the last process that has it, the server's own child, has ended.
        assert process.communicate(timeout=60) == (b"", None)
