"""Who asks a job to come to its end, and when it is stopped."""

import os
import signal
import threading

import pytest

from autoproc.cli import signals
from autoproc.cli.signals import Terminated, ending_early, terminate

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


@pytest.fixture(autouse=True)
def listening():
    """What the tests are run by may ignore Ctrl-C, as what a shell starts in the background does."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler), signal.signal(signal.SIGTERM, terminate)
    yield
    signal.signal(signal.SIGINT, before[0]), signal.signal(signal.SIGTERM, before[1])


ENDS = [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]


@pytest.mark.parametrize(("number", "stop"), ENDS)
def test_a_job_that_does_not_listen_is_stopped(number, stop):
    with ending_early() as request, pytest.raises(stop):
        signal.raise_signal(number)
    assert not request.is_made


@pytest.mark.parametrize(("number", "stop"), ENDS)
def test_one_that_listens_is_asked_first_and_stopped_then(number, stop, capfd):
    with ending_early() as request:
        request.is_heard = True
        signal.raise_signal(number)
        assert request.is_made
        with pytest.raises(stop):
            signal.raise_signal(number)
    assert capfd.readouterr().err.count("Once more stops at once, and `autoproc resume` goes on.") == 1


def test_a_job_that_takes_too_long_after_sigterm_is_stopped(monkeypatch):
    monkeypatch.setattr(signals, "TERM_SECONDS", 0.01)
    with ending_early() as request, pytest.raises(Terminated):
        request.is_heard = True
        signal.raise_signal(signal.SIGTERM)
        threading.Event().wait(60)


def test_a_job_to_which_nobody_listens_is_asked_all_the_same(monkeypatch):
    monkeypatch.setattr(signals, "_STANDARD_ERROR", -1)
    with ending_early() as request:
        request.is_heard = True
        signal.raise_signal(signal.SIGINT)
        assert request.is_made


def test_nothing_comes_after_a_job_that_has_come_to_its_end(monkeypatch):
    timers = []
    monkeypatch.setattr(signals.threading, "Timer", lambda *told: timers.append(Timer(*told)) or timers[-1])
    with ending_early() as request:
        request.is_heard = True
        signal.raise_signal(signal.SIGTERM)
    [timer] = timers
    assert timer.daemon and timer.is_cancelled and timer.seconds == 8.0
    assert signal.getsignal(signal.SIGTERM) is terminate


class Timer:
    is_cancelled = False

    def __init__(self, seconds, *told):
        self.seconds = seconds

    def start(self): ...

    def cancel(self):
        self.is_cancelled = True


def test_what_ignores_ctrl_c_goes_on_ignoring_it():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with ending_early() as request:
        request.is_heard = True
        signal.raise_signal(signal.SIGINT)
        assert not request.is_made


def test_other_threads_have_no_signals():
    seen = []

    def job():
        with ending_early() as request:
            seen.append(request)

    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
    assert len(seen) == 1
