"""Scores beside each other."""

from autoproc.report.evidence import Point
from autoproc.report.figures.base import GREEN, ORANGE
from autoproc.report.figures.scores import fold_figures, reference_figures, worth_figures
from tests.report import evidence_data as made


def test_what_was_flattered_is_orange_whichever_way_is_better() -> None:
    worth = [
        Point("search's folds", 0.7, 0.6, 0.8),
        Point("fresh folds", 0.6, None, None),
        Point("holdout", 0.65, 0.5, 0.8),
    ]
    for direction, colors in (("maximize", [ORANGE, GREEN]), ("minimize", [GREEN, ORANGE])):
        [figure] = worth_figures(made.evidence(worth=worth, direction=direction))
        steps = [trace for trace in figure.data if trace.get("type") == "bar"]
        assert [step["marker"]["color"] for step in steps] == colors
        assert [step["text"] for step in steps] == [["-0.100"], ["+0.0500"]]


def test_models_stand_best_first() -> None:
    others = [Point("linear", 0.2, None, None), Point("trees", 0.9, 0.8, 1.0)]
    for direction, first in (("maximize", "trees"), ("minimize", "linear")):
        [figure] = reference_figures(made.evidence(others=others, direction=direction))
        assert figure.layout["yaxis"]["ticktext"][0] == first


def test_folds_without_a_score_are_left_out() -> None:
    [figure] = fold_figures(made.evidence())
    means = [trace["y"][0] for trace in figure.data if trace["mode"] == "lines"]
    assert means[1] == (0.6 + 0.7) / 2
    assert list(fold_figures(made.evidence(folds=[]))) == list(worth_figures(made.evidence(worth=[]))) == []
