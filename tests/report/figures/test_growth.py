"""The figures of growth."""

from dataclasses import replace

from autoproc.report.figures.growth import growth_figures
from tests.report import evidence_data as made


def test_the_point_of_overfitting_is_marked() -> None:
    capacity, calm, wild = growth_figures(made.rungs(), "average_precision")
    _, validation, ring = capacity.data
    assert validation["marker"]["symbol"] == ["circle", "x"] and ring["x"] == [1]
    assert "Crosses overfit: 2 x 64." in capacity.caption
    [note], [line] = wild.layout["annotations"], wild.layout["shapes"]
    assert (note["text"], note["x"], line["x0"]) == ("overfits from 6", 6, 6)
    assert calm.layout["annotations"][0]["text"] == "best: 12"
    assert wild.layout["yaxis"]["title"]["text"] == "loss", "the measure that the verdict is about"


def test_a_single_fold_has_no_band() -> None:
    [rung, _] = made.rungs()
    alone = replace(rung, curve=replace(rung.curve, spread=[None] * 12))
    assert [len(figure.data) for figure in list(growth_figures([alone], "f1"))[1:]] == [2]
