"""The report's page in a real browser, opened from the disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from autoproc.report.comparison import comparison_page
from autoproc.report.report import report_page
from tests.report import evidence_data as made
from tests.report.test_report import JOBS

chromium = pytest.importorskip("tools.chromium")

# A shape of any kind that a figure draws: points, bars, lines, or an image of cells.
DRAWN = ".main-svg .trace, .main-svg .hm image"


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    if chromium.find_chromium() is None:
        pytest.skip(chromium.MISSING)
    with chromium.open_browser() as opened:
        yield opened


PAGES = {
    "hostile": (lambda: report_page(JOBS["hostile"]()), "dark"),
    "values": (lambda: report_page(JOBS["values"]()), "light"),
    "60 classes": (lambda: report_page(JOBS["60 classes"]()), "light"),
    "1,000 trials": (lambda: report_page(JOBS["1,000 trials"]()), "dark"),
    "comparison": (lambda: comparison_page([made.evidence(), made.evidence(run_id="91bc0000")]), "light"),
}


@pytest.mark.parametrize("name", PAGES)
def test_every_figure_is_drawn_without_an_error_or_a_request(browser, tmp_path: Path, name: str) -> None:
    content, scheme = PAGES[name]
    page = chromium.new_page(browser)
    page.emulate_media(color_scheme=scheme)
    told: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    path = tmp_path / "page.html"
    path.write_text(content(), encoding="utf-8")
    page.goto(path.as_uri(), wait_until="commit")  # 5 MB of scripts may take long on a machine with other tests
    page.wait_for_selector("html[data-drawn]", state="attached", timeout=10 * chromium.TIMEOUT)
    plots = page.locator(".plot")
    assert plots.count() > 0
    empty = [i for i in range(plots.count()) if not plots.nth(i).locator(DRAWN).count()]
    assert empty == [] and page.locator(".injected").count() == 0
    assert told == [] and asked == [path.as_uri()]
    page.context.close()
