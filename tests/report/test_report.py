"""The page of a job: whole, harmless, and with no figure empty."""

import re
from dataclasses import replace
from pathlib import Path

import plotly.graph_objects as plotly
import pytest

from autoproc.report.evidence import Evidence, Histogram, Remark, SearchFacts, read_evidence
from autoproc.report.report import PAGE, TOPICS, report_page, write_report
from autoproc.report.text import visible
from tests.report import evidence_data as made
from tests.report.pages import Read, digest, is_empty

SEEN = tuple(map(visible, made.NAMES))


def hostile() -> Evidence:
    """A job whose every name would do harm if it could, as a job keeps them."""
    return made.evidence(
        table=SEEN[0],
        targets=[SEEN[1]],
        story=made.STORY.replace("10,000 rows", "&#60;script&#62;alert(3)&#60;/script&#62; <script>alert(4)</script>"),
        remarks=[Remark("bad", SEEN[1])],
        data=made.data(SEEN, (SEEN[0], SEEN[2])),
        importance=made.importance(SEEN),
        settings={"target": SEEN[1]},
    )


def many_classes() -> Evidence:
    names = tuple(f"class {k}" for k in range(60))
    return made.evidence(data=made.data(classes=names), predictions=made.class_predictions(60), task="multiclass")


def values() -> Evidence:
    targets = [Histogram(name, [0.0, 1.0, 2.0], [30, 50]) for name in SEEN[:2]]
    data = replace(made.data(classes=()), targets=targets)
    return made.evidence(data=data, predictions=made.value_predictions(SEEN[:2]), metric="rmse", direction="minimize")


def stopped() -> Evidence:
    """A job that its baseline ended."""
    nothing = {"rungs": [], "search": None, "trainings": [], "worth": [], "exported": None, "others": []}
    kept = {"predictions": None, "importance": None, "receipt": None}
    story = "# failed of machines.csv\n\n**Stopped:** no signal\n\n## Data\n\n10 rows.\n"
    return made.evidence(story=story, **nothing, **kept)


JOBS = {
    "binary": made.evidence,
    "hostile": hostile,
    "60 classes": many_classes,
    "values": values,
    "stopped": stopped,
    "one trial": lambda: made.evidence(search=SearchFacts(made.trials(1), 0, 0)),
    "none complete but the grown": lambda: made.evidence(
        search=SearchFacts([replace(t, state="pruned" if t.number else "complete") for t in made.trials(9)], 0, 0)
    ),
    "1,000 trials": lambda: made.evidence(search=SearchFacts(made.trials(1_000), 2, 0)),
    "one feature": lambda: made.evidence(data=made.data(("only",)), importance=made.importance(("only",))),
}


@pytest.fixture(scope="module", params=JOBS)
def page(request: pytest.FixtureRequest) -> str:
    return report_page(JOBS[request.param]())


def test_no_figure_is_empty_and_plotly_knows_all_that_it_holds(page: str) -> None:
    read = Read.of(page)
    places = [attributes["data-figure"] for _, attributes in read.tags if "data-figure" in attributes]
    assert places == [str(number) for number in range(len(read.figures))] != []
    for figure in read.figures:
        assert not is_empty(figure)
        plotly.Figure(figure)  # raises ValueError for what it does not know


def test_a_page_asks_no_host_for_anything(page: str) -> None:
    read = Read.of(page)
    for tag, attributes in read.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not {"src", "srcset", "action", "data"} & set(attributes)
        assert (attributes.get("href") or "#").startswith("#")
    own = page.replace(read.programs[0], "")  # plotly's names addresses that no figure here makes it ask for
    assert not re.search(r"https?://|//[a-z]|url\(|@import", own)
    assert len(page.encode()) < 6_000_000


def test_only_the_pages_own_scripts_may_run(page: str) -> None:
    read = Read.of(page)
    assert f"script-src {' '.join(map(digest, read.programs))};" in read.policy
    assert len(read.programs) == 2 and "default-src 'none'" in read.policy
    assert not [name for _, attributes in read.tags for name in attributes if name.startswith("on")]


def test_names_are_shown_as_they_are_and_nothing_gets_in() -> None:
    page = report_page(hostile())
    read = Read.of(page)
    assert not [tag for tag, attributes in read.tags if attributes.get("class") == "injected" or tag == "img"]
    for name in SEEN:
        assert name in read.text, "with its whole length"
    assert "<script>alert(4)</script>" in read.text
    shown = str(read.figures)
    assert "<img" not in shown and "<script" not in shown
    assert "&lt;img class=&#x27;" not in shown and "&lt;img class='inj" in shown
    assert "bell␇ red␛[31m\\\\u202eback" in shown


def test_names_that_look_like_numbers_stand_at_places_of_their_own() -> None:
    figures = Read.of(report_page(hostile())).figures
    axes = [axis for figure in figures for key, axis in figure["layout"].items() if key.startswith(("xaxis", "yaxis"))]
    ticks = [axis for axis in axes if "12" in axis.get("ticktext", [])]
    assert ticks and all(axis["tickvals"] == list(range(len(axis["ticktext"]))) for axis in ticks)


def test_figures_stand_under_the_headings_of_the_story() -> None:
    headings = re.findall(r"^## (.*)$", made.story_of_facts(), re.MULTILINE)
    assert set(TOPICS) <= set(headings), "or their figures stand apart from what is told of them"
    page = report_page(made.evidence(story=made.story_of_facts()))
    parts = page.split("<section ")[1:]
    with_figures = [re.search(r"<h2>(.*?)</h2>", part)[1] for part in parts if "data-figure" in part]  # type: ignore[index]
    with_figures.remove("Curves of the best trials")
    assert with_figures == [heading for heading in headings if heading in TOPICS]


def test_a_figure_without_a_story_has_a_heading_of_its_own() -> None:
    page = report_page(made.evidence(story="# failed of machines.csv\n"))
    assert [topic for topic in TOPICS if f"<h2>{topic}</h2>" in page] == list(TOPICS)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    evidence = hostile()
    path = write_report(tmp_path, evidence)
    assert path == tmp_path / PAGE and path.read_text(encoding="utf-8") == report_page(evidence)
    assert read_evidence(tmp_path) == evidence
