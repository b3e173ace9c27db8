import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.errors import HomeError
from autoproc.progress import LogProgress, SilentProgress, TerminalProgress, ToldProgress, layout

SHOW_CURSOR = "\x1b[?25h"
ERASE_LINE = "\r\x1b[1A\x1b[2K"


class FakeTerminal(io.StringIO):
    """A stream that says a person watches."""

    def isatty(self):
        return True


@pytest.fixture
def watched(monkeypatch):
    for name in ("NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    return FakeTerminal()


def without_codes(text):
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


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


def test_piped_output_is_plain_lines():
    stream = io.StringIO()
    with TerminalProgress(stream) as progress:
        progress.say("metric", "ROC AUC " + "x" * 200)
        progress.update("search", "trial 1")
        progress.warn("careful")
    assert stream.getvalue() == f"metric      ROC AUC {'x' * 200}\nwarning     careful\n"


@pytest.mark.parametrize("variable", [("NO_COLOR", "1"), ("CI", "true"), ("TERM", "dumb")])
def test_a_terminal_that_asks_for_plain_text_gets_it(watched, monkeypatch, variable):
    monkeypatch.setenv(*variable)
    with TerminalProgress(watched) as progress:
        progress.say("metric", "ROC AUC")
        progress.update("search", "trial 1")
    assert watched.getvalue() == "metric      ROC AUC\n"


def test_a_terminal_gets_colour_and_the_same_words(watched):
    with TerminalProgress(watched) as progress:
        progress.say("metric", "ROC AUC [bold] " + "word " * 20)
        progress.warn("careful")
    written = watched.getvalue()
    assert "\x1b[1mmetric\x1b[0m" in written
    plain = without_codes(written)
    assert plain.split() == ["metric", "ROC", "AUC", "[bold]", *["word"] * 20, "warning", "careful"]
    assert all(len(line) <= 60 for line in plain.splitlines())


def test_the_live_line_is_taken_away(watched):
    with TerminalProgress(watched) as progress:
        progress.update("search", "trial 1")
        progress.update("search", "trial 2")
        progress.say("search", "done")
        progress.update("search", "trial 3")
    assert re.sub(r"[⠀-⣿] ", "", without_codes(watched.getvalue()).replace("\r", "")).splitlines() == [
        "search      trial 2",
        "search      done",
        "search      trial 3",
    ]
    assert watched.getvalue().count(SHOW_CURSOR + ERASE_LINE) == 2


def test_the_live_line_is_taken_away_after_an_error(watched):
    with pytest.raises(KeyError), TerminalProgress(watched) as progress:
        progress.update("search", "trial 1")
        raise KeyError
    assert watched.getvalue().endswith(SHOW_CURSOR + ERASE_LINE)


def test_the_log_holds_what_was_said_with_its_time(tmp_path):
    stream = io.StringIO()
    progress = LogProgress(TerminalProgress(stream), tmp_path / "job.log")
    progress.say("metric", "ROC AUC\nbecause")
    progress.update("search", "trial 1")
    progress.warn("sehr schön")
    lines = (tmp_path / "job.log").read_text(encoding="utf-8").splitlines()
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"
    assert [re.sub(rf"^{moment} ", "", line) for line in lines] == stream.getvalue().splitlines()
    assert all(re.match(moment, line) for line in lines)
    assert [line.split()[-1] for line in lines] == ["AUC", "because", "schön"]


def test_a_log_that_cannot_be_written_is_the_users_to_mend(tmp_path):
    progress = LogProgress(SilentProgress(), tmp_path / "gone" / "job.log")
    with pytest.raises(HomeError, match=r"job.log cannot be written: No such file or directory\."):
        progress.say("metric", "ROC AUC")


def test_silence_is_silent(capsys):
    progress = SilentProgress()
    progress.say("a", "b")
    progress.update("a", "b")
    progress.warn("b")
    assert capsys.readouterr() == ("", "")


def test_a_pipe_is_told_what_goes_on_at_once_and_after_half_a_silent_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("autoproc.progress.time.monotonic", lambda: now[0])
    stream = io.StringIO()
    progress = TerminalProgress(stream)
    progress.update("start", "loading")
    for now[0], text in [(10.0, "soon"), (31.0, "trial 1"), (40.0, "trial 2"), (62.0, "trial 3")]:
        progress.update("search", text)
    assert stream.getvalue().splitlines() == ["start       loading", "search      trial 1", "search      trial 3"]


class Closed(SilentProgress):
    """Cannot write any more."""

    def __init__(self, error=None):
        self.error = error or BrokenPipeError()

    def say(self, step, text):
        raise self.error

    def warn(self, text):
        raise self.error

    def update(self, step, text):
        raise self.error


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O operation on closed file")])
def test_a_stream_that_is_closed_counts_until_it_is_to_be_endured(error):
    told = ToldProgress(Closed(error))
    calls = [lambda: told.say("metric", "RMSE"), lambda: told.warn("careful"), lambda: told.update("search", "trial 1")]
    for call in calls:
        with pytest.raises(type(error)):
            call()
    told.endure()
    for call in calls:
        call()
    assert told.told == [("metric", "RMSE"), ("warning", "careful")] * 2, "what nobody sees is remembered"


def test_an_error_of_another_kind_is_never_endured():
    told = ToldProgress(Closed(ZeroDivisionError()))
    told.endure()
    with pytest.raises(ZeroDivisionError):
        told.say("metric", "RMSE")


def test_a_log_that_cannot_be_written_is_warned_of_once_where_that_is_to_be_endured(tmp_path):
    told = ToldProgress(SilentProgress())
    progress = LogProgress(told, tmp_path / "gone" / "job.log")
    with pytest.raises(HomeError, match="cannot be written"):
        progress.say("metric", "RMSE")
    progress.endure()
    progress.say("search", "96 trials")
    progress.warn("careful")
    warning = f"The job's log {tmp_path / 'gone' / 'job.log'} cannot be written: No such file or directory."
    assert told.told[1:] == [("search", "96 trials"), ("warning", warning), ("warning", "careful")]
