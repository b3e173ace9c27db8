"""Several jobs beside each other."""

from dataclasses import replace

import plotly.graph_objects as plotly

from autoproc.report.comparison import comparison_page
from autoproc.report.evidence import Evidence
from tests.report import evidence_data as made
from tests.report.pages import Read, is_empty


def other(**changes: object) -> Evidence:
    settings = {"seed": 1, "trials": 4}
    return made.evidence(**{"run_id": "91bc" * 8, "finished": "2031-05-07 09:00", "settings": settings, **changes})


def test_scores_settings_and_searches_stand_beside_each_other() -> None:
    read = Read.of(comparison_page([made.evidence(), other()]))
    assert "machines.csv, 2031-05-06 10:41 (3f2a0123)" in read.text and "(91bc91bc)" in read.text
    assert "0.728 (0.640 to 0.800)" in read.text
    assert "In common: trials 4." in read.text
    holdout, searches = read.figures
    assert len(holdout["data"][0]["x"]) == len(searches["data"]) == 2
    for figure in read.figures:
        assert not is_empty(figure)
        plotly.Figure(figure)


def test_time_limits_have_a_unit_and_all_trials_are_within_the_frame() -> None:
    jobs = [other(settings={"time_limit": seconds}) for seconds in (7200.0, 7230.0, "none")]
    read = Read.of(comparison_page(jobs))
    assert all(told in read.text for told in ("7200 s", "7230 s", "none")), "limits that differ a little, too"
    _, searches = read.figures
    low, high = searches["layout"]["xaxis"]["range"]
    assert -1 < low < 0 and high > max(searches["data"][0]["x"])


def test_jobs_that_do_not_compare_are_told() -> None:
    third = other(metric="rmse", direction="minimize", targets=["price"], receipt="RE-USED, opening 2")
    read = Read.of(comparison_page([made.evidence(), third]))
    for told in ("different tables or targets", "different metrics", "is used up"):
        assert told in read.text
    assert len(read.figures) == 4, "a picture for each metric"
    assert "their scores do not compare" not in Read.of(comparison_page([made.evidence(), other()])).text


def test_jobs_without_a_verdict_or_a_search_have_no_empty_figures() -> None:
    stopped = other(search=None, exported=None, worth=[])
    read = Read.of(comparison_page([stopped, replace(stopped, run_id="77d0")]))
    assert read.figures == [] and "no verdict" in read.text


def test_names_get_nowhere_as_markup() -> None:
    read = Read.of(comparison_page([other(table=made.HTML, settings={"target": made.SCRIPT}), other(table=made.HTML)]))
    assert made.HTML in read.text and "img" not in {tag for tag, _ in read.tags}
    assert "<img" not in str(read.figures)
