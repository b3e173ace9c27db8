"""What `tune` and `inspect` write."""

import json

import pytest

from autoproc.cli.app import run


def test_tune_writes_json_alone_to_standard_output(process, capsys):
    assert run(["tune", "my.csv", "--target", "y", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"score": None}
    assert captured.err == "metric      ROC AUC\na library speaks\n"


def test_tune_writes_nothing_to_standard_output_without_json(process, capsys):
    assert run(["tune", "my.csv", "--target", "y", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "a library speaks\n")


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
    assert steps[:5] == ["table", "problem", "metric", "protocol", "columns"]
    assert "80 rows" in text
    assert "left out: " in text
    assert told == ""


def test_inspect_as_json(table, capsys):
    assert run(["inspect", str(table), "--target", "failed", "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert set(seen) == {"table", "problem", "metric", "protocol", "warnings", "notices"}
    assert seen["problem"]["task"] == "binary"
    assert seen["protocol"]["n_development"] + seen["protocol"]["n_holdout"] == 80
