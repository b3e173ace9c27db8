"""A real process on a terminal and in a pipe, with a job that only talks."""

import json
import os
import subprocess
import sys

import pytest

import autoproc as package
from tests.progress.screen import Screen

pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")

_JOB = """
import os, signal, sys, time
from types import SimpleNamespace
import autoproc
from autoproc.cli import app
from autoproc.progress import Status

def tune(plan, frame, progress, started, request):
    for _ in range({times}):
        progress.say("metric", "RMSE \\u00b1 1")
    progress.update(Status("search", news="R\\u00b2 \\u00b1 1"))
    print("a library speaks")
    {then}
    progress.say("search", "done")
    return SimpleNamespace(to_json=lambda: {{"score": 1}})

autoproc.process = sys.modules["autoproc.process"] = SimpleNamespace(tune=tune)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test in the background would ignore it
sys.exit(app.main())
"""
_ARGUMENTS = ("tune", "my.csv", "--target", "y", "--json")
_INTERRUPT = "os.kill(os.getpid(), signal.{name}); time.sleep(20)"
_PLAIN = ("NO_COLOR", "CI", "COLUMNS", "LINES", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


def job(then="pass", times=1):
    return [sys.executable, "-c", _JOB.format(then=then, times=times), *_ARGUMENTS]


def environment(**changes):
    kept = {name: value for name, value in os.environ.items() if name not in _PLAIN}
    root = os.path.dirname(os.path.dirname(package.__file__))
    return {**kept, "TERM": "xterm", "PYTHONPATH": root, **changes}


def on_a_terminal(command, **changes):
    """Exit code, standard output (a pipe), and the terminal that standard error is."""
    terminal, end = pty.openpty()
    with subprocess.Popen(command, env=environment(**changes), stdout=subprocess.PIPE, stderr=end) as process:
        os.close(end)
        written = b""
        while chunk := _read(terminal):
            written += chunk
        out = process.stdout.read()
    os.close(terminal)
    return process.returncode, out, Screen(80).write(written.decode())


def _read(terminal):
    try:
        return os.read(terminal, 65_536)
    except OSError:  # how Linux says that the other side has closed it
        return b""


def test_a_job_on_a_terminal_leaves_its_lines_and_writes_json_alone_to_standard_output():
    code, out, screen = on_a_terminal(job())
    assert (code, json.loads(out)) == (0, {"score": 1})
    assert screen.lines == ["metric      RMSE ± 1", "a library speaks", "search      done"]
    assert screen.cursor_is_shown


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
def test_a_terminal_without_utf8_gets_other_characters(environment):
    code, _, screen = on_a_terminal(job(), **environment)
    assert code == 0
    assert screen.lines == ["metric      RMSE +- 1", "a library speaks", "search      done"]


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_interrupted_job_leaves_no_half_line_and_the_cursor(name, code):
    ended, out, screen = on_a_terminal(job(_INTERRUPT.format(name=name)))
    assert (ended, out) == (code, b"")
    assert screen.lines == ["metric      RMSE ± 1", "a library speaks", "", "autoproc: interrupted"]
    assert screen.cursor_is_shown


def test_a_job_whose_reader_goes_away_ends_without_a_word():
    with subprocess.Popen(job(times=100_000), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ran:
        assert ran.stderr.readline().decode("utf-8") == "start       my.csv: loading the libraries\n"
        ran.stderr.close()
        assert ran.stdout.read() == b""
    assert ran.returncode == 1
