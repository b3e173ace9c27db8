"""The figures of the search."""

from dataclasses import replace

import pytest

from autoproc.report.evidence import SearchFacts
from autoproc.report.figures import search as module
from autoproc.report.figures.base import Picture, Shown
from autoproc.report.figures.search import search_figures
from tests.report import evidence_data as made


def drawn(search: SearchFacts, direction="maximize") -> dict[str, Shown]:
    return {shown.title: shown for shown in search_figures(search, "average_precision", direction)}


def picture(shown: Shown) -> Picture:
    assert isinstance(shown, Picture)
    return shown


@pytest.mark.parametrize(("direction", "best"), [("maximize", max), ("minimize", min)])
def test_the_best_so_far_never_gets_worse(direction: str, best) -> None:
    trials = made.trials()
    history = picture(drawn(SearchFacts(trials, 2, 0), direction)["Score over trials"])
    [line] = [trace for trace in history.data if trace["name"] == "best so far"]
    scores = [trial.score for trial in trials if trial.state == "complete"]
    assert line["y"] == [best(scores[: i + 1]) for i in range(len(scores))] + [best(scores)]
    assert {trace["name"] for trace in history.data} >= {"complete", "winner", "the search's best"}
    assert "Without a score, as they failed: 1." in history.caption


def test_trials_pruned_far_away_do_not_press_the_others_together() -> None:
    trials = [replace(t, score=-1e6 if t.number == 4 else t.score) for t in made.trials()]
    assert trials[4].state == "pruned"
    history = picture(drawn(SearchFacts(trials, 2, 0))["Score over trials"])
    assert history.layout["yaxis"]["range"][0] > 0 and "pruned early: 1." in history.caption


def test_each_parameter_has_its_slice_and_its_axis_among_the_others() -> None:
    shown = drawn(SearchFacts(made.trials(), 2, 0))
    assert {"learning rate", "optimizer", "L1", "scheduler: step size"} <= shown.keys()
    names = picture(shown["Parameters and score"]).layout["xaxis"]["ticktext"]
    assert names[-1] == "average precision" and "scheduler: step size" not in names, "not every trial has it"
    assert picture(shown["L1"]).layout["xaxis"]["ticktext"][0] == "off"
    diamond = picture(shown["dropout"]).data[1]
    assert diamond["text"] == ["0"], "the winner"


def test_what_cannot_be_said_is_told() -> None:
    shown = drawn(SearchFacts(made.trials(1), 0, 0))
    assert list(shown) == ["Score over trials", "Parameters and score"]
    assert "1 trial came to an end" in shown["Parameters and score"].text  # type: ignore[union-attr]
    few = drawn(SearchFacts(made.trials(9), 2, 0))["Importance of the parameters"]
    assert "10 are the fewest" in few.text  # type: ignore[union-attr]


def test_more_trials_than_a_page_can_hold_are_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_DRAWN", 5)
    search = SearchFacts(made.trials(), 2, 0)
    shown = drawn(search)
    n_done = sum(trial.state == "complete" for trial in search.trials)
    assert shown["Many trials"].text.endswith(f"of {n_done} complete trials.")  # type: ignore[union-attr]
    points = sum(len(trace["x"]) for trace in picture(shown["width"]).data)
    assert 4 <= points <= 7


def test_what_was_cut_short_is_told_apart_and_says_nothing_of_its_parameters() -> None:
    trials = made.trials()
    n_complete = sum(trial.state == "complete" for trial in trials)
    last = max(trial.number for trial in trials if trial.state == "complete")
    short = [replace(t, reason="cut short by the time limit") if t.number == last else t for t in trials]
    shown = drawn(SearchFacts(short, 2, 0))
    history = picture(shown["Score over trials"])
    [marks] = [trace for trace in history.data if trace["name"] == "cut short"]
    assert marks["x"] == [last]
    assert f"{n_complete - 1} of {len(trials)} trials came to their end" in history.caption
    assert "With the score when they were cut short by the time limit: 1." in history.caption
    assert f"{n_complete - 1} complete trials" in picture(shown["Parameters and score"]).caption
