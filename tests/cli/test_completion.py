"""What the shell completes, as click's own scripts ask for it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest
from click.shell_completion import ShellComplete, shell_complete

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


def test_a_column_cannot_write_to_the_terminal(empty_folder):
    (empty_folder / "evil.csv").write_text('"a$(reboot)","b\x1b[2J","c\nd"\n1,2,3\n', encoding="utf-8")
    assert complete("tune", "evil.csv", "--target", "") == ["a$(reboot)", "c"]


IN_BASH = """
compopt() { echo "compopt $*"; }
complete() { :; }
source "$1/script"
COMP_WORDS=(autoproc tune x.csv --target "$2") COMP_CWORD=4
_autoproc_completion "$1/autoproc"
eval "for word in ${COMPREPLY[@]}; do echo \\"<\\$word>\\"; done"
echo "${COMPREPLY[@]}"
"""


def in_bash(name, typed, folder, capsys):
    """What bash does with the name for which `typed` stands: the words that it reads, and what it shows."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash here")
    shell_complete(autoproc, {}, "autoproc", "_AUTOPROC_COMPLETE", "bash_source")
    (folder / "script").write_text(capsys.readouterr().out, encoding="utf-8")
    (folder / "autoproc").write_text(f"#!/bin/sh\ncat <<'END'\nplain,{name}\nEND\n", encoding="utf-8")
    (folder / "autoproc").chmod(0o755)
    (folder / "a1").touch()  # what `a*` would stand for
    done = subprocess.run(["bash", "-c", IN_BASH, "-", folder, typed], capture_output=True, text=True, cwd=folder)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", ["a$(reboot)", "a `b`", "a*", "it's\\n", "größe", "f1,mcc", "--target", "a;b", "~"])
def test_bash_reads_a_completed_name_as_one_word(name, tmp_path, capsys):
    read, shown = in_bash(name, "a", tmp_path, capsys)
    assert read == f"<{name}>"
    if name in ("f1,mcc", "--target"):
        assert shown == name


def test_in_a_quoted_word_bash_itself_quotes(tmp_path, capsys):
    assert in_bash("ab", "'a", tmp_path, capsys) == ["compopt -o filenames", "<ab>", "ab"]


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


def asked(shell, words, monkeypatch, capsys):
    """The lines that a shell gets for the last word; bash counts `=` as one."""
    typed = re.sub(r"(--\w+)=", r"\1 = ", words) if shell == "bash" else words
    monkeypatch.setenv("COMP_WORDS", typed)
    last = typed.split(" ")[-1] if shell == "fish" else str(typed.count(" "))
    monkeypatch.setenv("COMP_CWORD", last)
    assert shell_complete(autoproc, {}, "autoproc", "_AUTOPROC_COMPLETE", f"{shell}_complete") == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("words", "values", "whole"),
    [
        ("autoproc tune x.csv --task m", ["multiclass"], ["multiclass"]),
        ("autoproc tune x.csv --task=m", ["multiclass"], ["--task=multiclass"]),
        ("autoproc tune x.csv --metric=f1,mc", ["f1,mcc"], ["--metric=f1,mcc"]),
    ],
)
def test_every_shell_gets_what_takes_the_place_of_the_word(words, values, whole, monkeypatch, capsys):
    assert asked("bash", words, monkeypatch, capsys) == [f"plain,{value}" for value in values]
    assert asked("fish", words, monkeypatch, capsys) == [f"plain,{value}" for value in whole]
    assert asked("zsh", words, monkeypatch, capsys) == [line for value in whole for line in ("plain", value, "_")]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_read_its_script(shell, tmp_path, capsys):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    assert shell_complete(autoproc, {}, "autoproc", "_AUTOPROC_COMPLETE", f"{shell}_source") == 0
    (tmp_path / "script").write_text(capsys.readouterr().out, encoding="utf-8")
    read = subprocess.run([shell, "-n", tmp_path / "script"], capture_output=True, text=True)
    assert (read.returncode, read.stderr) == (0, "")


def test_fish_keeps_what_stands_after_a_comma(tmp_path, capsys):
    shell_complete(autoproc, {}, "autoproc", "_AUTOPROC_COMPLETE", "fish_source")
    script = capsys.readouterr().out
    assert 'string split --max 1 ","' in script
    if shutil.which("fish") is None:
        pytest.skip("there is no fish here")
    (tmp_path / "script").write_text(script, encoding="utf-8")
    (tmp_path / "autoproc").write_text("#!/bin/sh\necho plain,f1,mcc\n", encoding="utf-8")
    (tmp_path / "autoproc").chmod(0o755)
    asked = ["fish", "--no-config", "-c", f"source {tmp_path}/script; complete -C 'autoproc tune --metric f1,'"]
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    answer = subprocess.run(asked, capture_output=True, text=True, env={**os.environ, "PATH": path})
    assert answer.stdout == "f1,mcc\n"


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
