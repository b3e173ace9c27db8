"""What the shell completes, as click's own scripts ask for it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest
from click.shell_completion import ShellComplete

import autoproc as package
from autoproc import plan
from autoproc.cli import completion
from autoproc.cli.app import autoproc
from autoproc.data.metrics import METRICS
from autoproc.space_file import shipped_spaces
from tests.cli.test_app import HEAVY


def complete(*words):
    """What may stand in the place of the last word; files and folders as `<file>` and `<dir>`."""
    *before, incomplete = words
    items = ShellComplete(autoproc, {}, "autoproc", "_AUTOPROC_COMPLETE").get_completions(list(before), incomplete)
    return [item.value if item.type == "plain" else f"<{item.type}>" for item in items]


@pytest.fixture
def table(empty_folder):
    (empty_folder / "table.csv").write_text("size;air temperature;air,wet;id\n1;2;3;4\n", encoding="utf-8")


def test_fixed_names_are_those_of_the_plan():
    assert set(completion.TASKS) == set(get_args(plan.Task))
    assert set(completion.METRICS) == set(METRICS)
    assert set(completion.PROTOCOLS) == set(get_args(plan.ProtocolKind))
    assert set(completion.FINAL_KINDS) == set(get_args(plan.FinalKind))
    assert set(completion.SHIPPED_ROWS) == set(get_args(plan.Plan.model_fields["ship"].annotation))
    assert set(completion.SPACES) == set(shipped_spaces())


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["tu"], ["tune"]),
        (["tune", "--tar"], ["--target"]),
        (["tune", "x.csv", "--task", "m"], ["multiclass"]),
        (["tune", "x.csv", "--metric", "f1,m"], ["f1,mcc", "f1,macro_f1", "f1,mae", "f1,medae", "f1,mape"]),
        (["tune", "x.csv", "--protocol", "k"], ["k_fold"]),
        (["tune", "x.csv", "--final", "refit"], ["refit", "refits"]),
        (["tune", "x.csv", "--space", "w"], ["wide"]),
        (["tune", "x.csv", "--space", "mine"], ["<file>"]),
        (["spaces", "c"], ["classic"]),
        (["tune", "x"], ["<file>"]),
        (["tune", "--config", "x"], ["<file>"]),
        (["ui", "--home", "x"], ["<dir>"]),
        (["show", ""], []),
        (["predict", "mine"], ["<file>"]),
        (["tune", "none.csv", "--target", "s"], []),
    ],
)
def test_names_are_completed(words, found):
    assert complete(*words) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["tune", "table.csv", "--target", "s"], ["size"]),
        (["inspect", "table.csv", "--ignore", "size,i"], ["size,id"]),
        (["tune", "--metric", "rmse", "table.csv", "--group", "i"], ["id"]),
        (["tune", "table.csv", "--seed", "1", "--time", "air"], ["air temperature"]),
    ],
)
def test_columns_of_the_table_are_completed(table, words, found):
    assert complete(*words) == found


def test_bash_gets_a_name_with_spaces_as_it_is_to_be_typed(table, monkeypatch):
    monkeypatch.setenv("_AUTOPROC_COMPLETE", "bash_complete")
    assert complete("tune", "table.csv", "--target", "air") == ["air\\ temperature"]


def test_a_column_cannot_write_to_the_terminal_or_run_anything(empty_folder, monkeypatch):
    (empty_folder / "evil.csv").write_text('"a$(reboot)","b\x1b[2J","c\nd"\n1,2,3\n', encoding="utf-8")
    monkeypatch.setenv("_AUTOPROC_COMPLETE", "bash_complete")
    assert complete("tune", "evil.csv", "--target", "") == ["a\\$\\(reboot\\)", "c"]


def test_columns_of_a_parquet_file_are_completed(empty_folder):
    pd.DataFrame({"size": [1], "id": [2]}).to_parquet("table.parquet")
    assert complete("tune", "table.parquet", "--target", "") == ["size", "id"]
    Path("broken.parquet").write_text("no", encoding="utf-8")
    assert complete("tune", "broken.parquet", "--target", "") == []


def test_jobs_are_completed_the_newest_first():
    for number, name in enumerate(["aa1", "ab2", "b3"]):
        job = Path("home", "jobs", name)
        job.mkdir(parents=True)
        os.utime(job, (number, number))
    assert complete("show", "--home", "home", "") == ["last", "b3", "ab2", "aa1"]
    assert complete("predict", "--home", "home", "a") == ["ab2", "aa1"]
    assert complete("show", "a") == []


def test_a_real_process_completes_without_loading_anything_heavy(table):
    asked = {"COMP_WORDS": "autoproc tune table.csv --target s", "COMP_CWORD": "4"}
    root = os.path.dirname(os.path.dirname(package.__file__))
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "autoproc"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": root, "_AUTOPROC_COMPLETE": "bash_complete", **asked},
    )
    assert ended.stdout == "plain,size\n"
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in ended.stderr.splitlines()}
    assert "click" in imported and not imported & HEAVY
