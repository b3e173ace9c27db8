"""A contender gets what it may know and nothing else, and a run that is on record is not repeated."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks import quality
from benchmarks.peers.job import Given, Job, write
from benchmarks.peers.measure import Run, measure
from benchmarks.peers.preparation import as_categories, standardised
from benchmarks.peers.sets import DataSet, read_sets

INDEX = """\
name,file,task,modality,target,group_or_query,time_column,id_columns
wages,wages.csv,regression,table,wage,person,year,row
letters,letters.csv,binary,text,y,,,
rank,rank.csv,ranking,table,y,q,,
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "splits").mkdir()
    (tmp_path / "INDEX.csv").write_text(INDEX)
    (tmp_path / "wages.csv").write_text(
        "row,person,year,job,wage\n" + "".join(f"{row},{row // 2},19{row},{'NA'},1{row}.50\n" for row in range(10, 20))
    )
    for name in ("wages", "letters", "rank"):
        np.save(tmp_path / "splits" / f"{name}.test.npy", np.arange(10) >= 8)
    return tmp_path


def wages(folder: Path) -> DataSet:
    (found,) = read_sets(folder)
    return found


def test_sets_are_the_tables_with_a_task_and_a_split(folder: Path) -> None:
    found = wages(folder)
    assert (found.name, found.targets, found.group, found.time) == ("wages", ("wage",), "person", None)
    (folder / "splits" / "wages.test.npy").unlink()
    assert list(read_sets(folder)) == []


def test_time_is_told_where_no_group_splits_the_rows(folder: Path) -> None:
    (folder / "INDEX.csv").write_text(INDEX.replace(",person,", ",,"))
    assert (wages(folder).group, wages(folder).time) == (None, "year")


def test_ids_are_left_out_and_the_test_rows_carry_features_alone(folder: Path) -> None:
    data = wages(folder)
    train, test = data.rows()
    assert list(train) == ["person", "year", "job", "wage"]
    assert len(train) == 8 and test["wage"].tolist() == ["118.50", "119.50"]
    assert list(data.features(test)) == ["year", "job"]


def test_only_empty_cells_are_missing_and_words_stay_words(tmp_path: Path) -> None:
    train = pd.DataFrame({"word": ["NA", "7", ""], "number": ["1", "", "3"], "y": ["0", "1", "1"]})
    write(tmp_path, Job("binary", ("y",), None, None, 1, 0), train, pd.DataFrame({"word": ["7"], "number": ["2"]}))
    given = Given.read(tmp_path)
    assert given.x["word"].isna().tolist() == [False, False, True]
    assert given.x["number"].isna().tolist() == [False, True, False]
    assert given.y.tolist() == ["0", "1", "1"]
    assert given.test["word"].tolist() == ["7"]


def test_preparation_takes_words_that_training_rows_do_not_have() -> None:
    many = [str(row) for row in range(300)]
    train = pd.DataFrame({"name": many, "colour": ["red", "blue"] * 150, "size": [1.0, 3.0] * 150})
    test = pd.DataFrame({"name": ["x"], "colour": ["green"], "size": [np.nan]})
    x, unseen = as_categories(train, test)
    assert list(x) == ["colour", "size"]
    assert unseen["colour"].isna().all() and unseen["colour"].dtype == x["colour"].dtype
    assert standardised(x).fit(train[list(x)]).transform(test[list(x)]).tolist() == [[0.0, 0.0, 0.0]]


def test_a_run_is_scored_on_the_rows_of_the_split(folder: Path) -> None:
    told = measure(Run("dummy", wages(folder), None, 0), sys.executable)
    assert told["scores"]["rmse"] == pytest.approx(np.sqrt(np.mean([(118.5 - 114) ** 2, (119.5 - 114) ** 2])))
    assert (told["set"], told["contender"], told["seconds"], told["seed"]) == ("wages", "dummy", None, 0)
    assert told["wall"] > 0


def test_a_run_that_fails_says_why(folder: Path, tmp_path: Path) -> None:
    told = measure(Run("unknown", wages(folder), 5.0, 0), sys.executable)
    assert told["failed"] == "KeyError: 'unknown'" and "scores" not in told


def test_what_is_on_record_is_not_run_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[Any] = []

    def measured(run: Run, python: str) -> dict[str, Any]:
        ran.append((run.contender, run.seconds, run.seed))
        return {**run.key, "scores": {"rmse": 1.0}, "wall": 1.0, "cpu": 1.0}

    monkeypatch.setattr(quality, "measure", measured)
    out = folder / "lines.jsonl"
    asked = ["quality", "--data", str(folder), "--contenders", "dummy", "naive", "--out", str(out), "--seconds"]
    monkeypatch.setattr(sys, "argv", [*asked, "5", "10"])
    quality.main()
    assert ran == [("dummy", None, 0), ("naive", 5.0, 0), ("naive", 10.0, 0)]
    monkeypatch.setattr(sys, "argv", [*asked, "10", "20", "--seeds", "2"])
    quality.main()
    assert ran[3:] == [("naive", 20.0, 0), ("dummy", None, 1), ("naive", 10.0, 1), ("naive", 20.0, 1)]
    assert [json.loads(line)["seed"] for line in out.read_text().splitlines()] == [0, 0, 0, 0, 1, 1, 1]
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["quality", "--out", str(out), "--summary", "--seconds", "10"])
    quality.main()
    assert "| wages | rmse (lower is better) |" in capsys.readouterr().out
