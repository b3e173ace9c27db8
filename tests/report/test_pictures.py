"""The pictures of a job: what they show, and that they are text without code."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from autoproc.outcomes import Estimate, Selection, SingleNetworks
from autoproc.report.pictures import optimism_picture
from autoproc.results import Score
from tests.report import facts_data as data

WINNER, EXPORTED = "#1d4ed8", "#4b5563"


def test_the_picture_of_optimism_is_svg_without_scripts_or_links() -> None:
    picture = optimism_picture(data.selection(), data.verdict())
    root = ElementTree.fromstring(picture)
    assert root.tag.endswith("svg")
    assert not [element for element in root.iter() if element.tag.endswith(("script", "image", "foreignObject"))]


def test_the_searchs_best_is_drawn_beside_another_winner_and_not_twice() -> None:
    both = optimism_picture(data.selection(), data.verdict())
    assert "the search's best, trial 3" in both and "the winner, trial 0" in both
    selection = data.selection()
    alone = optimism_picture(replace(selection, winner=selection.finalists[0]), data.verdict())
    assert "the search's best, trial 3" not in alone and "the winner, trial 3" in alone


def test_without_fresh_folds_two_scores_are_left() -> None:
    best = data.search().finalists[0]
    picture = optimism_picture(Selection((best,), best, "", None), data.verdict())
    assert "fresh folds" not in picture
    assert "holdout" in picture and "average precision" in picture


def lines_of(picture: str, color: str) -> list[list[tuple[float, float]]]:
    """The drawn lines of a colour, each with its points; those of the legend come last."""
    paths = re.findall(r'<path d="([^"]*)"[^>]*style="fill: none; stroke: ' + color, picture)
    return [[(float(x), float(y)) for x, y in re.findall(r"[ML] ([-\d.]+) ([-\d.]+)", path)] for path in paths]


def heights(picture: str, color: str) -> list[float]:
    """Of the bars of a colour, in the order of their drawing."""
    bars = (line for line in lines_of(picture, color) if len(line) == 2 and line[0][0] == line[1][0])
    return [abs(top - bottom) for (_, bottom), (_, top) in bars]


def test_the_winners_line_ends_in_its_own_networks_score_and_the_exported_model_stands_apart() -> None:
    as_wide, half = (replace(data.verdict(), single=Estimate(0.7, (0.66, high))) for high in (0.82, 0.74))
    for verdict, higher in ((as_wide, 1), (half, 2)):
        picture = optimism_picture(data.selection(), verdict)
        assert len(lines_of(picture, WINNER)[0]) == 3
        [exported] = heights(picture, EXPORTED)
        assert "exported model" in picture
        assert exported / heights(picture, WINNER)[-1] == pytest.approx(higher, rel=1e-3)


def test_bars_over_folds_are_students() -> None:
    """Three folds: 4.3 standard errors of 0.04 / sqrt(3) to either side, beside the holdout's bar of 0.16."""
    picture = optimism_picture(data.selection(), data.verdict())
    [exported] = heights(picture, EXPORTED)
    assert heights(picture, WINNER)[0] / exported == pytest.approx(2 * 4.3027 * 0.04 / np.sqrt(3) / 0.16, rel=1e-3)


def test_a_single_split_has_no_bar_and_the_picture_says_so() -> None:
    best = data.search().finalists[0]
    single = replace(best, trained=replace(best.trained, score=Score.of(np.array([0.742]))))
    picture = optimism_picture(Selection((single,), single, "", None), data.verdict())
    assert len(heights(picture, WINNER)) == len(heights(picture, EXPORTED)) == 1, "on the holdout alone"
    assert "where it is known" in picture
    assert "where it is known" not in optimism_picture(data.selection(), data.verdict())


def test_the_same_job_draws_the_same_picture() -> None:
    first, again = (optimism_picture(data.selection(), data.verdict()) for _ in range(2))
    assert first == again


@pytest.mark.parametrize(("single_are", "told"), [("last fold network", "last fold"), ("refit", "refit on all")])
def test_by_time_the_winners_line_says_which_network_it_ends_in(single_are: SingleNetworks, told: str) -> None:
    assert told in optimism_picture(data.selection(), replace(data.verdict(), single_are=single_are))
    assert told not in optimism_picture(data.selection(), data.verdict())
