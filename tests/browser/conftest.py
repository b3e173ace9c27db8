"""A finished job on a table with hostile names, MLflow's server that shows it, and a browser to look with."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import yaml
from mlflow import MlflowClient

from autoproc.cli.app import run
from autoproc.tracking.home import Home
from autoproc.tracking.views import Link, view_links
from tests.browser import hostile
from tests.end_to_end import tables
from tools.mlflow_ui import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# MLflow's own use of SQLAlchemy, which we cannot mend.
MLFLOWS_WARNING = "ignore:The ``noload`` loader strategy:DeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.filterwarnings(MLFLOWS_WARNING))


@dataclass(frozen=True)
class Recorded:
    """A home with a finished job."""

    home: Home
    run_id: str

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.home.tracking_uri)

    @property
    def experiment_id(self) -> str:
        return str(self.client.get_run(self.run_id).info.experiment_id)

    def links(self, run_id: str = "") -> tuple[Link, Link]:
        """The paths of a job's views on the server."""
        return view_links("", self.experiment_id, run_id or self.run_id)

    def page(self, run_id: str = "") -> str:
        """The path of a run's own page."""
        return f"/#/experiments/{self.experiment_id}/runs/{run_id or self.run_id}"


@dataclass
class Visit:
    """A page of the server, and what happens in it that should not."""

    page: "Page"
    address: str
    dialogs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def open(self, path: str, shows: str) -> None:
        """Open what follows the server's address, and wait until the text `shows` is to be seen."""
        self.page.goto("about:blank")  # by another fragment alone nothing would be loaded anew
        self.page.goto(self.address + path)
        self.page.get_by_text(shows, exact=True).first.wait_for()

    def check_harmless(self) -> None:
        """Nothing of the data has become a part of the page, or has asked for anything."""
        assert self.dialogs == self.errors == []
        assert self.page.locator(hostile.INJECTED).count() == 0
        assert self.hosts <= {urlsplit(self.address).netloc, ""}


@pytest.fixture(scope="session")
def chromium() -> ModuleType:
    """What opens a browser. Without one, or without what drives it, the tests are skipped."""
    tools: ModuleType = pytest.importorskip("tools.chromium", reason="playwright is not installed, see `make test`")
    if tools.find_chromium() is None:
        pytest.skip(tools.MISSING)
    return tools


@pytest.fixture(scope="session")
def recorded(chromium: ModuleType, once: Callable[[str, Callable[[Path], None]], Path]) -> Recorded:
    """A small job on a table with hostile names, which is run only where there is a browser to look at it."""

    def make(folder: Path) -> None:
        table = hostile.write(folder)
        plan = folder / "small.yaml"
        plan.write_text(yaml.safe_dump({**tables.SMALL, "home": str(folder / "mlruns")}), encoding="utf-8")
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()) as told:
            target = ["--target", hostile.TARGET]
            assert run(["tune", str(table), *target, "--config", str(plan), "--json"]) == 0, told.getvalue()
        out.flush()
        (folder / "result.json").write_bytes(out.buffer.getvalue())  # type: ignore[attr-defined]

    folder = once("hostile", make)
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return Recorded(Home(folder / "mlruns"), result["run_id"])


@pytest.fixture(scope="module")
def address(chromium: ModuleType, recorded: Recorded) -> Iterator[str]:
    """Where `autoproc ui` shows the recorded job."""
    with serving(recorded.home.path) as links:
        (title, path), _ = recorded.links()
        yield links[title].removesuffix(path)


@pytest.fixture(scope="module")
def browser(chromium: ModuleType) -> "Iterator[Browser]":
    with chromium.open_browser() as browser:
        yield browser


@pytest.fixture
def visit(chromium: ModuleType, browser: "Browser", address: str) -> Iterator[Visit]:
    """A visitor with a wide window: the table of runs draws only columns that are in sight."""
    page = chromium.new_page(browser, width=3000, height=1400)
    yield Visit(page, address)
    page.context.close()
