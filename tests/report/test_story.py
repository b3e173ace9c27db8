"""The story fills in as the job proceeds, and nothing from the data can break it or run in it."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.outcomes import Resamples
from autoproc.report.facts import JobFacts
from autoproc.report.story import story
from autoproc.results import Column
from tests.report import facts_data as data

HEADINGS = [
    "## Holdout",
    "## Use the model",
    "## Data",
    "## Decisions",
    "## Baseline",
    "## Reference models",
    "## Growth",
    "## Search",
]
MAX_TAG = 8_000


def finished(**changes: object) -> JobFacts:
    facts = replace(
        data.start(),
        baseline=data.baseline(),
        references=data.references(),
        growth=data.growth(),
        search=data.search(),
        verdict=data.verdict(),
        model_path="/jobs/run/model",
        seconds=185.0,
    )
    return replace(facts, **changes)  # type: ignore[arg-type]


def headings(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("## ")]


def test_the_story_fills_in_as_the_job_proceeds() -> None:
    facts = data.start()
    told = [len(headings(story(facts)))]
    for step in ("baseline", "references", "growth", "search", "verdict", "model_path"):
        facts = replace(facts, **{step: getattr(finished(), step)})
        told.append(len(headings(story(facts))))
    assert told == [2, 3, 4, 5, 6, 7, 8]


def test_the_story_begins_with_the_links_to_the_jobs_views() -> None:
    facts = replace(data.start(), views=(("all trainings", "./#/runs?a=1&b=2"), ("charts", "./#/charts")))
    assert story(facts).split("\n\n")[1] == "[all trainings](./#/runs?a=1&b=2) · [charts](./#/charts)"


def test_a_job_under_way_says_so_and_a_finished_one_does_not() -> None:
    assert "not complete" in story(data.start())
    assert "not complete" not in story(finished())
    under_way = replace(data.start(), now="search: trial 3 <i>of</i> 9")
    assert "**Just now:** search: trial 3 &#60;i&#62;of" in story(under_way)
    assert "Just now" not in story(finished(now="search: trial 9 of 9"))
    exported = replace(finished(), verdict=None)
    assert exported.model_path and "not complete" in story(exported)
    assert "Took 3 min 05 s" in story(finished())


def test_an_open_holdout_without_a_score_is_told_until_there_is_one() -> None:
    opened = replace(data.start(), receipt=data.verdict(opening=2).receipt)
    assert "**The holdout was opened** at 2031" in story(opened) and "(opening 2). No score" in story(opened)
    assert "**The holdout was opened**" not in story(replace(opened, verdict=data.verdict()))


def test_a_finished_job_tells_every_step_the_result_first() -> None:
    found = headings(story(finished()))
    assert [heading.split(" until")[0] for heading in found] == HEADINGS


def test_a_job_that_was_stopped_says_why() -> None:
    assert "**Stopped:** The disk is full" in story(replace(data.start(), stopped_by="The disk is full."))


@pytest.mark.parametrize(
    "figure",
    [
        "| **holdout** | **0.728 (95 %: 0.640 to 0.800)** |",
        "| the winner alone, cross-validated (the search chose by it) | 0.742 ± 0.023 |",
        "| the same on fresh folds | 0.731 ± 0.023 |",
        "| the same networks one by one on the holdout | 0.719 (95 %: 0.630 to 0.790) |",
        "| dummy on the holdout | 0.0340 |",
        "| recall at threshold 0.31 | 0.600 (95 %: 0.500 to 0.700) |",
        "| **2** | **2 x 64** | **0.750 ± 0.023** | **0.700 ± 0.023** | **31** | **overfits** |",
        "| network 1 x 16 | 0.550 ± 0.023 |",
        "The best is trial 3: **0.742 ± 0.021**",
        "| l1 | off |",
        "autoproc.load('/jobs/run/model').predict(frame)",
        "autoproc predict /jobs/run/model new.csv",
        "**serial** (a value of its own in each row)",
        "Classes of the development rows: no (7,727), yes (273).",
    ],
)
def test_a_finished_job_tells_its_figures(figure: str) -> None:
    assert figure in story(finished())


def test_a_re_use_is_marked_wherever_a_score_of_the_holdout_stands() -> None:
    text = story(finished(verdict=data.verdict(opening=2, reason="to try <b>again</b>")))
    assert "**Re-use:**" in text
    assert "to try &#60;b&#62;again&#60;/b&#62;" in text
    assert text.count("(re-use)") == 5
    assert "none of which had a part in any choice" not in text
    assert "(re-use)" not in story(finished())


def test_every_table_has_the_same_number_of_cells_in_each_row() -> None:
    for table in re.findall(r"(?:^\|.*\n)+", story(finished()), flags=re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1


NASTY = st.text(alphabet=st.sampled_from("ab|`*_<>[]()#~$\\\"'&@:/.\n\r\t\x00\x1b!-+="), min_size=1, max_size=30)


@given(NASTY)
def test_names_and_classes_cannot_change_the_pages_structure(name: str) -> None:
    def told(text: str) -> str:
        columns = (Column(text, "id", False, text), *data.problem().columns)
        problem = data.problem(targets=(text,), classes=(text, text), columns=columns, reason=text)
        return story(finished(problem=problem, table_name=text, notices=(text,), metric_reason=text, stopped_by=text))

    def structure(text: str) -> list[str]:
        return [re.sub(r"&#\d+;", "", line) for line in text.splitlines()]

    plain, odd = structure(told("plain")), structure(told(name))
    assert len(plain) == len(odd)
    for markup in "|`*_<>[]~#":
        assert [line.count(markup) for line in plain] == [line.count(markup) for line in odd]


def test_a_wide_table_with_many_classes_still_fits_into_mlflows_tag() -> None:
    columns = tuple(Column(f"a rather long name of column {i}", "id", False, "constant " * 20) for i in range(500))
    classes = tuple(f"class {i}" for i in range(300))
    problem = data.problem(columns=columns, classes=classes, class_counts=(1,) * 300)
    text = story(finished(problem=problem, notices=("a notice",) * 50))
    assert len(text) <= MAX_TAG
    assert "and 480 more" in text
    assert "and 41 more notices" in text


def test_the_story_tells_what_was_settled_out_of_fold() -> None:
    told = story(replace(data.start(), decision=data.decision()))
    assert "## Out of fold" in told
    assert "| f1 at 0.5 | 0.610 ± 0.023 |" in told
    assert "The same rows chose the epochs, the networks of an ensemble and the threshold" in told
    assert "Calibration: temperature 1.31: log loss 0.412 ± 0.0058 -> 0.398 ± 0.0058 out of fold (these rows" in told
    assert "Threshold 0.062: lowest cost out of fold, 20 a false negative" in told
    assert "Cost of a row out of fold, at the threshold of the other folds: 0.350; at 0.5 0.520" in told
    assert "Out of fold" not in story(data.start())


def test_by_time_the_story_says_which_network_meets_the_holdout_and_what_the_intervals_are_of() -> None:
    verdict = replace(data.verdict(), single_are="refit", resamples=Resamples("stretches of time", 10, 0.0))
    told = story(finished(verdict=verdict))
    assert "| its refit on all development rows on the holdout | 0.719 (95 %: 0.630 to 0.790) |" in told
    assert "Intervals: by Student's t over 10 stretches of time." in told
    assert "Intervals:" not in story(finished())
