"""Names of files and columns that mean something to a shell, a path, SQL, a terminal or a page: a job on them works,
and nothing is run or written elsewhere."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from autoproc.data.names import column_names
from tests.end_to_end import tables
from tests.end_to_end.conftest import Ended

NAMES = (
    "$(touch pwned)", "`touch pwned`", "; touch pwned #", "| touch pwned", "&& touch pwned", "-rf", "--help", "..",
    "%s%n", "?a=1&b=2#c", "<script>alert(1)</script>", "'; DROP TABLE runs; --", '"quoted"', "$\\frac{$", "{0}{x!r}",
    "two\nlines", "\U0001f600", "\x1b[31mred", "CON", "~", "*", "a\\b", "é" * 100, "\u202egnp",
)  # fmt: skip
LONGEST = "".join(name for name in NAMES if "\n" not in name)
FILE = LONGEST.replace("/", "").encode()[:250].decode(errors="ignore") + ".csv"  # the most that a name can have, about


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_file_of_any_name_is_read_and_nothing_else_happens(
    here: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = f"{name.replace('/', '')}.csv"
    tables.write(tables.table().rename(columns={"town": name, "failed": f"{name} failed"}), Path(file))
    ended = here("inspect", f"./{file}", "--config", plan(column_names([f"{name} failed"])[0]))
    assert ended.code == 0, ended.err
    told = [char for char in ended.out + ended.err if not char.isprintable()]
    assert set(told) <= {"\n"} and (len(name) > 30 or ended.out.count("\n") < 14)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([file, "plan.yaml"])


def plan(target: str) -> str:
    """A plan file that names the target, which may hold commas."""
    tables.write_plan(Path(), target=[target])
    return str(Path("small.yaml").rename("plan.yaml"))


@pytest.mark.parametrize("name", ["../outside.csv", "folder/../../outside.csv"])
def test_a_refusal_is_one_line_whatever_the_name(
    here: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for typed in (name, "two\nlines.csv", "\x1b[31mred.csv"):
        ended = here("inspect", typed, "--target", "two\nlines\x1b[31m")
        assert ended.code == 2 and ended.err.count("\n") == 1 and "\x1b" not in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_job_on_such_names_works_from_the_file_to_predictions(here: Callable[..., Ended], folder: Path) -> None:
    renamed = dict(zip(tables.FEATURES, NAMES, strict=False)) | {"failed": LONGEST}
    frame = pd.concat(
        [tables.table().rename(columns=renamed), pd.DataFrame({name: range(240) for name in NAMES[5:]})], axis=1
    )
    tables.write(frame, folder / FILE)
    ended = here("tune", f"./{FILE}", "--config", plan(LONGEST), "--json")
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    assert result["problem"]["target"] == [LONGEST]
    assert here("report", "last", "--out", "report.html").code == 0
    assert "<script>alert" not in Path("report.html").read_text(encoding="utf-8")
    predicted = here("predict", "last", f"./{FILE}", "--out", "predictions.csv")
    assert predicted.code == 0, predicted.err
    assert pd.read_csv("predictions.csv").columns[0] == LONGEST
    made = {FILE, "plan.yaml", "mlruns", "report.html", "predictions.csv"}
    assert {path.name for path in folder.iterdir()} == made
    assert not list(folder.parent.glob("*pwned*"))
