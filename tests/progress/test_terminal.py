"""What stands on a terminal, and what goes into a pipe."""

import io
import sys

import pytest

from autoproc.deadline import Deadline
from autoproc.progress import Status
from autoproc.progress.terminal import TerminalProgress
from tests.progress.screen import Screen

SEARCH = Status(
    "search",
    "trial",
    done=23,
    at_most=1_000,
    running="8 running",
    per_minute=41.2,
    best="0.742 ± 0.021 (trial 17)",
    news="trial 22: 0.731 ± 0.020 (pruned)",
)


class FakeTerminal(io.TextIOWrapper):
    """A stream that says a person watches."""

    def __init__(self, encoding="utf-8"):
        super().__init__(io.BytesIO(), encoding=encoding, newline="", write_through=True)

    def isatty(self):
        return True

    def getvalue(self):
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture
def window(monkeypatch):
    """Sets the window's width, in an environment that asks for nothing."""
    for name in ("NO_COLOR", "CI", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("LINES", "40")
    return lambda columns: monkeypatch.setenv("COLUMNS", str(columns))


@pytest.fixture
def watched(window):
    window(80)
    return FakeTerminal()


def seen(stream, width=80):
    """The rows on the terminal, the spinner's as a star."""
    spinner = str.maketrans(dict.fromkeys("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "*"))
    return [line.translate(spinner) for line in Screen(width).write(stream.getvalue()).lines]


def test_a_status_stands_below_the_lines_until_the_next_one(watched):
    with TerminalProgress(watched) as progress:
        progress.say("metric", "ROC AUC")
        progress.update(SEARCH)
        assert seen(watched) == [
            "metric      ROC AUC",
            "search      * 23 of at most 1,000 trials, 8 running, 41 a minute",
            "              best 0.742 ± 0.021 (trial 17)",
            "              trial 22: 0.731 ± 0.020 (pruned)",
        ]
        progress.say("search", "40 trials")
        assert seen(watched) == ["metric      ROC AUC", "search      40 trials"]
        progress.warn("careful")
    assert seen(watched) == ["metric      ROC AUC", "search      40 trials", "warning     careful"]


@pytest.mark.parametrize("width", [12, 24, 40, 60, 200])
def test_no_row_is_wider_than_the_window_and_nothing_is_left_behind(window, width):
    window(width)
    stream = FakeTerminal()
    with TerminalProgress(stream) as progress:
        progress.update(SEARCH)
        shown = seen(stream, width)
        assert all(len(row) <= width for row in shown)
        assert len(shown) == len(Screen(1_000).write(stream.getvalue()).lines), "the terminal breaks no row"
        progress.say("search", "done")
    assert " ".join(seen(stream, width)).split() == ["search", "done"]


def test_a_narrow_window_shows_all_that_counts(window):
    window(44)
    stream = FakeTerminal()
    with TerminalProgress(stream) as progress:
        progress.update(SEARCH)
        text = " ".join(" ".join(seen(stream, 44)).split())
    assert "23 of at most 1,000 trials, 8 running, 41 a minute best 0.742 ± 0.021 (trial 17)" in text


def test_the_time_left_is_shown_while_there_is_any(watched, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("autoproc.deadline.time.monotonic", lambda: now[0])
    with TerminalProgress(watched) as progress:
        progress.update(Status("growth", deadline=Deadline(1130.0)))
        assert seen(watched) == ["growth      * 2 min 10 s left"]
    now[0] = 1130.0
    later = FakeTerminal()
    with TerminalProgress(later) as progress:
        progress.update(Status("growth", deadline=Deadline(1130.0)))
        assert seen(later) == ["growth      * ..."]


def test_the_cursor_is_shown_all_the_time_so_that_no_kill_can_lose_it(watched):
    with TerminalProgress(watched) as progress:
        progress.update(SEARCH)
        assert Screen(80).write(watched.getvalue()).cursor_is_shown
    assert Screen(80).write(watched.getvalue()).cursor_is_shown


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt])
def test_the_display_is_taken_away_after_an_error(watched, error):
    with pytest.raises(error), TerminalProgress(watched) as progress:
        progress.update(SEARCH)
        raise error
    assert seen(watched) == []
    assert Screen(80).write(watched.getvalue()).cursor_is_shown


def test_what_libraries_write_comes_above_the_display(watched, monkeypatch):
    monkeypatch.setattr(sys, "stderr", watched)
    monkeypatch.setattr(sys, "stdout", watched)  # as with --json
    with TerminalProgress() as progress:
        progress.update(SEARCH)
        print("a library speaks")
        print("a library warns", file=sys.stderr)
        first, second, *display = seen(watched)
        assert (first, second, len(display)) == ("a library speaks", "a library warns", 3)
        assert display[0].startswith("search      * 23 of at most")
    assert sys.stderr is watched and sys.stdout is watched
    assert seen(watched) == ["a library speaks", "a library warns"]


def test_what_goes_into_a_file_stays_out_of_the_display(watched, monkeypatch):
    elsewhere = io.StringIO()
    monkeypatch.setattr(sys, "stdout", elsewhere)
    monkeypatch.setattr(sys, "stderr", watched)
    with TerminalProgress() as progress:
        progress.update(SEARCH)
        print("a result")
    assert elsewhere.getvalue() == "a result\n"
    assert seen(watched) == []


def test_a_terminal_gets_colour_and_the_same_words(watched):
    with TerminalProgress(watched) as progress:
        progress.say("metric", "ROC AUC [bold] " + "word " * 20)
        progress.warn("careful")
    written = watched.getvalue()
    assert "\x1b[1mmetric\x1b[0m" in written and "\x1b[1;33mwarning\x1b[0m" in written
    words = " ".join(seen(watched)).split()
    assert words == ["metric", "ROC", "AUC", "[bold]", *["word"] * 20, "warning", "careful"]
    assert all(len(line) <= 80 for line in Screen(1_000).write(written).lines)


def test_no_color_takes_the_colours_alone(watched, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    with TerminalProgress(watched) as progress:
        progress.update(SEARCH)
        assert "* 23 of at most" in seen(watched)[0]
        progress.warn("careful")
    assert "33m" not in watched.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_the_characters_gets_others(window, encoding):
    window(80)
    stream = FakeTerminal(encoding)
    with TerminalProgress(stream) as progress:
        progress.update(SEARCH)
        first, best, _ = seen(stream)
        assert first[12] in "-\\|/"
        assert best.strip() == f"best 0.742 {'+-' if encoding == 'ascii' else '±'} 0.021 (trial 17)"
        progress.say("search", "R²: 0.7 ± 0.1")
    assert seen(stream) == ["search      R2: 0.7 +- 0.1" if encoding == "ascii" else "search      R²: 0.7 ± 0.1"]


def test_piped_output_is_plain_lines():
    stream = io.StringIO()
    with TerminalProgress(stream) as progress:
        progress.say("metric", "ROC AUC " + "x" * 200)
        progress.update(SEARCH)
        progress.warn("careful")
    assert stream.getvalue() == f"metric      ROC AUC {'x' * 200}\nwarning     careful\n"


def test_a_pipe_that_lacks_a_character_gets_another():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with TerminalProgress(stream) as progress:
        progress.say("search", "0.7 ± 0.1")
    assert stream.buffer.getvalue() == b"search      0.7 +- 0.1\n"


@pytest.mark.parametrize("variable", [("CI", "true"), ("TERM", "dumb"), ("TERM", "unknown")])
def test_a_terminal_that_asks_for_plain_text_gets_it(watched, monkeypatch, variable):
    monkeypatch.setenv(*variable)
    with TerminalProgress(watched) as progress:
        progress.say("metric", "ROC AUC")
        progress.update(SEARCH)
    assert watched.getvalue() == "metric      ROC AUC\n"


def test_a_terminal_that_is_said_to_be_no_ci_is_watched(watched, monkeypatch):
    monkeypatch.setenv("CI", "false")
    with TerminalProgress(watched) as progress:
        progress.update(SEARCH)
    assert "search" in watched.getvalue()


def test_a_pipe_is_told_what_goes_on_at_once_and_after_half_a_silent_minute(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("autoproc.progress.terminal.time.monotonic", lambda: now[0])
    stream = io.StringIO()
    progress = TerminalProgress(stream)
    progress.update(Status("start", running="loading"))
    for now[0], news in [(10.0, "soon"), (31.0, "trial 1"), (40.0, "trial 2"), (62.0, "trial 3")]:
        progress.update(Status("search", "trial", 1, 5, best="0.7", news=news))
    assert stream.getvalue().splitlines() == [
        "start       loading",
        "search      1 of at most 5 trials; best 0.7; trial 1",
        "search      1 of at most 5 trials; best 0.7; trial 3",
    ]
