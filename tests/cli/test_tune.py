"""What `tune` and `inspect` write."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from autoproc.cli.app import run
from autoproc.data.receipts import write_receipt


def test_tune_writes_json_alone_to_standard_output(process, capsys):
    assert run(["tune", "my.csv", "--target", "y", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"score": None}
    assert captured.err == "start       my.csv: loading the libraries\nmetric      ROC AUC\na library speaks\n"


def test_tune_writes_nothing_to_standard_output_without_json(process, capsys):
    assert run(["tune", "my.csv", "--target", "y", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "a library speaks\n")


def test_the_clock_of_a_job_starts_before_its_plan_is_read(process, monkeypatch):
    monkeypatch.setattr("autoproc.cli.tune.time", SimpleNamespace(monotonic=lambda: 7.0))
    assert run(["tune", "my.csv", "--target", "y", "--quiet"]) == 0
    assert process.started == 7.0


@pytest.fixture
def table(empty_folder):
    rows = [f"{i % 7},{'red' if i % 3 else 'blue'},{i},{'yes' if i * i % 7 > 2 else 'no'}" for i in range(80)]
    path = empty_folder / "table.csv"
    path.write_text("size,colour,id,failed\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_inspect_says_what_would_be_done(table, capsys):
    assert run(["inspect", str(table), "--target", "failed"]) == 0
    text, told = capsys.readouterr()
    steps = [line.split()[0] for line in text.splitlines() if not line.startswith(" ")]
    assert steps[:6] == ["table", "problem", "metric", "holdout", "protocol", "columns"]
    assert "16 rows would be sealed; never opened in mlruns" in text
    assert "80 rows" in text
    assert "left out: " in text
    assert told == ""


def test_inspect_as_json(table, capsys):
    assert run(["inspect", str(table), "--target", "failed", "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert set(seen) == {"table", "problem", "metric", "protocol", "holdout", "warnings", "notices"}
    assert seen["problem"]["task"] == "binary"
    assert seen["protocol"]["n_development"] + seen["protocol"]["n_holdout"] == 80
    assert seen["holdout"] == {"n_rows": 16, "openings": []}


def test_inspect_says_that_the_holdout_has_been_opened_and_opens_nothing(table, capsys):
    from autoproc import process
    from autoproc.plan import make_plan

    asked = (str(table), "--target", "failed")
    key = process.inspect(make_plan(None, {"data": str(table), "target": "failed"})).holdout_key
    write_receipt(Path("jobs"), key, "abc123", "fingerprint", None)
    Path("plan.yaml").write_text("home: jobs\n", encoding="utf-8")
    before = sorted(Path().rglob("*"))
    for where in (["--home", "jobs"], ["--config", "plan.yaml"]):
        assert run(["inspect", *asked, *where]) == 0
        text = capsys.readouterr().out
        assert "16 rows would be sealed; opened already in jobs, so that a job needs --reopen-holdout" in text
        assert "opening 1, " in text and "run abc123: no score" in text
        assert run(["holdout", *asked, *where, "--json"]) == 0
        listed = json.loads(capsys.readouterr().out)
        assert run(["inspect", *asked, *where, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["holdout"]["openings"] == listed != []
    assert sorted(Path().rglob("*")) == before
