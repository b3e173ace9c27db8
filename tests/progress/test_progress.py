import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.errors import HomeError
from autoproc.progress import KeptProgress, SilentProgress, Status, layout
from autoproc.progress.terminal import TerminalProgress


def test_text_stands_right_of_the_step():
    assert layout("metric", "ROC AUC") == "metric      ROC AUC"
    assert layout("", "goes on") == "            goes on"
    assert layout("metric", "one\ntwo") == "metric      one\n            two"
    assert layout("metric", "") == "metric"


def test_a_long_step_keeps_a_space():
    assert layout("a very long step", "text") == "a very long step text"


@given(text=st.text("abc -\n", max_size=200), width=st.integers(30, 80))
def test_wrapping_loses_no_word_and_keeps_the_width(text, width):
    lines = layout("step", text, width).splitlines()
    assert " ".join(lines).split() == ["step", *text.split()]
    longest_word = max(map(len, text.split()), default=0)
    assert all(len(line) <= max(width, 12 + longest_word) for line in lines)


def test_the_log_holds_what_was_said_with_its_time(tmp_path):
    stream = io.StringIO()
    progress = KeptProgress(TerminalProgress(stream))
    progress.say("metric", "ROC AUC\nbecause")
    progress.log_to(tmp_path / "job.log")
    progress.update(Status("search"))
    progress.warn("sehr schön")
    lines = (tmp_path / "job.log").read_text(encoding="utf-8").splitlines()
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"
    assert [re.sub(rf"^{moment} ", "", line) for line in lines] == stream.getvalue().splitlines()
    assert all(re.match(moment, line) for line in lines)
    assert [line.split()[-1] for line in lines] == ["AUC", "because", "schön"]


def test_details_are_in_the_log_and_shown_to_who_asks_for_them(tmp_path):
    for verbose in (False, True):
        stream = io.StringIO()
        progress = KeptProgress(TerminalProgress(stream, verbose))
        progress.log_to(tmp_path / f"{verbose}.log")
        progress.detail("search", "trial 7: 0.8")
        progress.log("Traceback")
        assert stream.getvalue() == ("search      trial 7: 0.8\n" if verbose else "")
        logged = (tmp_path / f"{verbose}.log").read_text().splitlines()
        assert [line.split(" ", 1)[1] for line in logged] == ["search      trial 7: 0.8", "Traceback"]
        assert progress.told == [], "a result tells what was decided"


def test_a_log_that_cannot_be_written_is_the_users_to_mend(tmp_path):
    progress = KeptProgress(SilentProgress())
    progress.log_to(tmp_path / "gone" / "job.log")
    with pytest.raises(HomeError, match=r"job.log cannot be written: No such file or directory\."):
        progress.say("metric", "ROC AUC")


def test_silence_is_silent(capsys):
    progress = SilentProgress()
    progress.say("a", "b")
    progress.update(Status("a"))
    progress.warn("b")
    assert capsys.readouterr() == ("", "")


class Closed(SilentProgress):
    """Cannot write any more."""

    def __init__(self, error=None):
        self.error = error or BrokenPipeError()

    def say(self, step, text):
        raise self.error

    def warn(self, text):
        raise self.error

    def update(self, status):
        raise self.error


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O operation on closed file")])
def test_a_stream_that_is_closed_counts_until_it_is_to_be_endured(error):
    told = KeptProgress(Closed(error))
    calls = [lambda: told.say("metric", "RMSE"), lambda: told.warn("careful"), lambda: told.update(Status("search"))]
    for call in calls:
        with pytest.raises(type(error)):
            call()
    told.endure()
    for call in calls:
        call()
    assert told.told == [("metric", "RMSE"), ("warning", "careful")] * 2, "what nobody sees is remembered"


def test_an_error_of_another_kind_is_never_endured():
    told = KeptProgress(Closed(ZeroDivisionError()))
    told.endure()
    with pytest.raises(ZeroDivisionError):
        told.say("metric", "RMSE")


def test_a_log_that_cannot_be_written_is_warned_of_once_where_that_is_to_be_endured(tmp_path):
    progress = KeptProgress(SilentProgress())
    progress.log_to(tmp_path / "gone" / "job.log")
    with pytest.raises(HomeError, match="cannot be written"):
        progress.say("metric", "RMSE")
    progress.endure()
    progress.say("search", "96 trials")
    progress.warn("careful")
    warning = f"The job's log {tmp_path / 'gone' / 'job.log'} cannot be written: No such file or directory."
    assert progress.told[1:] == [("search", "96 trials"), ("warning", warning), ("warning", "careful")]
