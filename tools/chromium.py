"""A Chromium of this machine, without a window: what the tests marked `browser` and the documentation's pictures look
with. Nothing is downloaded."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

MISSING = "no Chromium or Chrome was found on this machine (Debian: apt-get install chromium)"

TIMEOUT = 120_000  # milliseconds; a machine may be busy with other tests

_COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PROGRAMS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
)


def find_chromium() -> str | None:
    """The path of a browser that can be driven, if there is one."""
    programs = [shutil.which(command) for command in _COMMANDS]
    return next((path for path in [*programs, *_PROGRAMS] if path and Path(path).exists()), None)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A browser that ends with this block. Raises FileNotFoundError where there is none."""
    program = find_chromium()
    if program is None:
        raise FileNotFoundError(MISSING)
    options = ["--disable-dev-shm-usage"]  # small in containers
    if sys.platform == "linux" and os.geteuid() == 0:
        options.append("--no-sandbox")  # Chromium has none for root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


def new_page(browser: Browser, width: int = 1500, height: int = 950) -> Page:
    """A page of a visitor who has been here before, in whose browser nothing else is open; sizes are in pixels."""
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    page.set_default_timeout(TIMEOUT)
    # On a first visit MLflow opens a panel of its assistant, which takes a quarter of the page.
    seen = "localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')"
    page.add_init_script(f"if (location.protocol === 'http:') {seen}")  # a blank page has no storage
    return page
