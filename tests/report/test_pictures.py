"""The pictures of a job: what they show, and that they are text without code."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

from autoproc.report.pictures import optimism_picture
from autoproc.results import Selection
from tests.report import facts_data as data


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


def test_the_same_job_draws_the_same_picture() -> None:
    first, again = (optimism_picture(data.selection(), data.verdict()) for _ in range(2))
    assert first == again
