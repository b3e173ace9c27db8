"""What a user can get wrong: exit code 2, one clear paragraph on standard error, and nothing left behind."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.end_to_end import tables
from tests.end_to_end.conftest import Ended, Finished, command, environment

Refused = Callable[..., str]


@pytest.fixture
def refused(here: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Runs a command that must be refused: what it said, without the program's name."""
    monkeypatch.chdir(tmp_path)
    tables.write_plan(tmp_path)

    def run(*arguments: object) -> str:
        return paragraph(here(*arguments), tmp_path)

    return run


def paragraph(ended: Ended, folder: Path) -> str:
    assert (ended.code, ended.out) == (2, ""), ended.err
    told = re.sub(r"\Astart .*: loading the libraries\n", "", ended.err)
    assert told.startswith("autoproc: ") and told.endswith(".\n") | told.endswith("?\n")
    assert told.count("\n") == 1 and "Traceback" not in told
    assert len(told) < 700
    assert not list(folder.glob("**/jobs/*")) and not list(folder.glob("**/mlflow.db"))
    return told.removeprefix("autoproc: ")


def tune(refused: Refused, table: pd.DataFrame | bytes | str, *arguments: object, target: str = "failed") -> str:
    if isinstance(table, pd.DataFrame):
        tables.write(table, Path("table.csv"))
    else:
        Path("table.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    return refused("tune", "table.csv", "--target", target, "--config", "small.yaml", *arguments)


def changed(**columns: Any) -> pd.DataFrame:
    return tables.table().assign(**columns)


# The file


def test_a_file_that_is_not_there(refused: Refused) -> None:
    tables.write(tables.table(), Path("machines.csv"))
    told = refused("tune", "machine.csv", "-t", "failed")
    assert told == "There is no file machine.csv. Did you mean 'machines.csv'?\n"


def test_a_folder_in_the_place_of_a_file(refused: Refused) -> None:
    assert "is a folder, but the data must be one file" in refused("tune", ".", "-t", "failed")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "table.csv is empty"),
        (b" \n\n", "table.csv is empty"),
        (b"a,b,failed\n", "has a line with the names of 3 columns, but no row below it"),
        (bytes(range(256)) * 40, "is not a text file"),
        (b"PK\x03\x04" + bytes(100), "is a zip archive or an Excel file"),
        (b"PAR1" + bytes(100), "cannot be read as Parquet"),
        (b"a,b,failed\n1,2,yes\n1,2\n", "Line 3 of table.csv has 2 cells, but the header has 3"),
        (b'a,b,failed\n1,"2,yes\n1,2,no\n', "Line 2 of table.csv cannot be read"),
        (b"a,a,failed\n1,2,yes\n", "more than one column named 'a'"),
    ],
)
def test_a_file_that_is_no_table(refused: Refused, content: bytes, message: str) -> None:
    assert message in tune(refused, content)


# The target


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("fialed", "has no column 'fialed' to be the target; there are size, load, colour, town, sold and 1 more. "
                   "Did you mean 'failed'?"),
        ("failed,load", "Several targets must all be numbers, but 'failed' holds "),
        ("load,load", "The targets must differ"),
    ],
)  # fmt: skip
def test_targets_that_the_table_does_not_allow(refused: Refused, target: str, message: str) -> None:
    assert message in tune(refused, tables.table(), target=target)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("yes", "The target 'failed' holds 'yes' in every row"),
        ("", "The target 'failed' has no value in any row"),
        ([f"w{i}" for i in range(tables.N_ROWS)], "a class must stand in several rows"),
        ([*["1.5"] * 230, *["many"] * 10], "must be a number in every row"),
    ],
)
def test_a_target_that_cannot_be_learned(refused: Refused, cells: Any, message: str) -> None:
    random = np.random.default_rng(0)
    if not isinstance(cells, str) and "many" in cells:
        cells = [cell if cell == "many" else str(random.normal()) for cell in cells]
    assert message in tune(refused, changed(failed=cells))


# Too few rows


def test_fewer_rows_than_folds(refused: Refused) -> None:
    told = tune(refused, tables.table("regression", n_rows=13), "--folds", 8, target="price")
    assert "8 folds need at least 16 development rows" in told and "Ask for --folds 5" in told


def test_hardly_any_rows(refused: Refused) -> None:
    assert "has too few rows" in tune(refused, tables.table("regression", n_rows=6), target="price")


def test_fewer_rows_of_a_class_than_folds(refused: Refused) -> None:
    failed = np.where(np.arange(tables.N_ROWS) < 6, "yes", "no")
    told = tune(refused, changed(failed=failed), "--folds", 8)
    assert "8 folds need at least 8 development rows of each class" in told
    assert "'yes' has 5" in told and "Ask for --folds 5" in told


# The columns


def test_features_that_are_all_constant(refused: Refused) -> None:
    told = tune(refused, changed(size=1, load="x", colour="", town="a", sold="2020-01-01"))
    assert told.startswith("No column is left to learn from (size: '1' in every row;")


def test_infinite_values(refused: Refused) -> None:
    load = tables.table()["load"].mask(np.arange(tables.N_ROWS) < 30, np.inf)
    told = tune(refused, changed(load=load))
    assert "Column 'load' holds " in told and " infinite values (lines " in told and "--missing inf" in told


def test_a_column_of_numbers_with_a_few_words(refused: Refused) -> None:
    load = tables.table()["load"].astype(str).mask(np.arange(tables.N_ROWS) < 10, "broken")
    told = tune(refused, changed(load=load))
    assert "Column 'load' holds numbers, but" in told and "are not: 'broken' (lines " in told
    assert "--missing 'broken'" in told and "--ignore load" in told


# The request


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "binry"], "Did you mean 'binary'?"),
        (["--task", "regression"], "--task regression needs numbers, but 'failed' holds no, yes."),
        (["--metric", "roc_acu"], "There is no metric 'roc_acu'."),
        (["--metric", "roc_acu"], "Did you mean 'roc_auc'?"),
        (["--metric", "rmse"], "The metric 'rmse' is for regression and vector regression, but the task is binary."),
        (["--metric", "f1,f1"], "Each metric must be asked for once, but 'f1' comes 2 times."),
        (["--cost", "false_negative=-1"], "--cost false_negative must be greater than or equal to 0"),
        (["--cost", "false_negatve=1"], "Did you mean 'false_negative'?"),
        (["--cost", "false_negative=many"], "must be a valid number, but is 'many'"),
        (["--cost", "20"], "as in --cost false_negative=20,false_positive=1, but there is '20'"),
        (["--cost", "false_negative=0,false_positive=0"], "must have a cost above 0"),
        (["--positive", "Yes"], "--positive Yes must be a class of 'failed', which are 'no' and 'yes'."),
        (["--space", "quik"], "There is no search space 'quik'"),
        (["--space", "quik"], "Did you mean 'quick'?"),
        (["--space", "table.csv"], "The search space 'table' cannot be used."),
        (["--ignore", "colr"], "Did you mean 'colour'?"),
        (["--ignore", "failed"], "both the target and to be ignored"),
        (["--protocol", "k_fold", "--repeats", 2], "Leave --repeats out, or ask for --protocol repeated_k_fold."),
        (["--holdout", "nowhere.csv"], "There is no file nowhere.csv."),
        (["--holdout", "table.csv"], "holds the same rows as table"),
        (["--device", "cuda:93"], "The device 'cuda:93' is not available"),
        (["--home", "table.csv"], "table.csv is in the way"),
        (["--home", "table.csv/home"], "is in the way"),
        (["--home", "100%"], "must not contain '%'"),
        (["--tracking-uri", "http://127.0.0.1:9"], "The record cannot be kept at 'http://127.0.0.1:9'"),
    ],
)
def test_a_request_that_cannot_be_met(refused: Refused, arguments: list[object], message: str) -> None:
    assert message in tune(refused, tables.table(), *arguments)


@pytest.mark.parametrize(
    ("task", "arguments", "message"),
    [
        ("regression", ["--cost", "false_negative=2"], "the task is regression, which has none. Leave --cost out"),
        ("multiclass", ["--cost", "false_negative=2"], "the task is multiclass, which has none. Leave --cost out"),
        ("regression", ["--metric", "rmse,log_loss"], "needs probabilities of classes, which a regression does not"),
        ("multiclass", ["--metric", "macro_fl"], "Did you mean 'macro_f1'?"),
    ],
)
def test_a_measure_that_the_task_does_not_have(
    refused: Refused, task: str, arguments: list[object], message: str
) -> None:
    assert message in tune(refused, tables.table(task), *arguments, target=tables.TARGETS[task][0])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_home_that_is_read_only(refused: Refused) -> None:
    Path("home").mkdir(mode=0o500)
    assert "is read-only for this user" in tune(refused, tables.table(), "--home", "home")


def test_a_key_that_no_plan_has(refused: Refused) -> None:
    Path("plan.yaml").write_text("growth: {rungz: [[1, 4]]}\n")
    told = refused("tune", "table.csv", "-t", "failed", "--config", "plan.yaml")
    assert "The plan plan.yaml has no key 'growth.rungz'" in told and "Did you mean 'rungs'?" in told


def test_a_holdout_that_lacks_a_column_or_has_another_kind_of_target(refused: Refused) -> None:
    tables.write(tables.table(seed=1).drop(columns=["town", "load"]), Path("lacks.csv"))
    assert "lacks 'load', 'town'" in tune(refused, tables.table(), "--holdout", "lacks.csv")
    tables.write(tables.table(seed=1).assign(failed="perhaps"), Path("kind.csv"))
    told = tune(refused, tables.table(), "--holdout", "kind.csv")
    assert "The holdout cannot be scored" in told and "perhaps" not in told


# Models


@pytest.mark.parametrize("name", ["notes.txt", ".", "nowhere.zip", "./nowhere"])
def test_what_is_no_model_predicts_nothing(refused: Refused, name: str) -> None:
    Path("notes.txt").write_text("hello")
    tables.write(tables.table(), Path("new.csv"))
    assert "model" in refused("predict", name, "new.csv")


def test_rows_that_lack_columns(refused: Refused, binary: Finished) -> None:
    rows = tables.table().drop(columns="size").rename(columns={"town": "Town"})
    tables.write(rows, Path("new.csv"))
    told = refused("predict", binary.model, "new.csv", "--out", "p.csv")
    assert "lack 2 of the 5 columns" in told and "'size', 'town'" in told and "Did you mean 'Town' for 'town'?" in told
    assert not Path("p.csv").exists()


# Real processes


def test_a_real_process_ends_the_same_way(process: Callable[..., Ended], tmp_path: Path) -> None:
    tables.write(tables.table().assign(failed="yes"), tmp_path / "table.csv")
    ended = process(tmp_path, "tune", "table.csv", "--target", "failed", "--json")
    assert "holds 'yes' in every row" in paragraph(ended, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_real_process_that_inspects_loads_no_torch(binary: Finished, tmp_path: Path) -> None:
    name, *arguments = command("inspect", binary.folder / "table.csv", "--target", "failed", "--json")
    assert name == sys.executable
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["problem"] == binary.result["problem"]
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "pandas" in imported and not imported & {"torch", "mlflow", "optuna"}
    assert list(tmp_path.iterdir()) == []
