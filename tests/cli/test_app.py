"""The command line from its arguments to its exit code; what a whole job does is tested with the process."""

import os
import re
import shlex
import subprocess
import sys

import pytest

import autoproc as package
from autoproc import errors
from autoproc.cli.app import autoproc, run
from autoproc.cli.options import plan_from
from autoproc.cli.signals import Terminated

COMMANDS = (
    "tune",
    "resume",
    "inspect",
    "show",
    "report",
    "compare",
    "ui",
    "export",
    "predict",
    "holdout",
    "sync",
    "spaces",
)
# autoproc itself must not need these before its arguments are parsed.
HEAVY = {"torch", "mlflow", "optuna", "pandas", "sklearn", "scipy", "pydantic", "numpy", "pyarrow", "rich", "yaml"}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help_with_examples(command, flag, capsys):
    assert run([command, flag]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: autoproc {command} ")
    assert re.search(rf"\n  Examples:\n    autoproc {command}", text), "each example on a line of its own"


def test_help_lists_the_commands_in_the_order_of_use(capsys):
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    assert re.findall(r"^  (\w+)  ", text.partition("Commands:")[2], re.MULTILINE) == list(COMMANDS)
    assert "Examples:\n    autoproc tune examples/machine_failure.csv --target machine_failure\n" in text


def test_without_a_command_the_help_is_shown(capsys):
    assert run([]) == 0
    alone = capsys.readouterr().out
    run(["--help"])
    assert alone == capsys.readouterr().out


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_every_example_is_a_command_that_parses(command):
    epilog = (autoproc.commands[command] if command else autoproc).epilog
    lines = [line.strip() for line in epilog.splitlines() if line.startswith("  ")]
    assert lines
    for line in lines:
        name, *arguments = shlex.split(line.partition(" > ")[0])[1:]
        parsed = autoproc.commands[name].make_context(name, list(arguments))
        if name in ("tune", "inspect") and "--config" not in arguments:
            told = ("as_json", "quiet", "verbose")
            plan_from({key: value for key, value in parsed.params.items() if key not in told})


def test_the_version(capsys):
    assert run(["--version"]) == 0
    assert re.fullmatch(r"autoproc \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (errors.DataError("x"), 2),
        (errors.PlanError("x"), 2),
        (errors.HomeError("x"), 2),
        (errors.BundleError("x"), 2),
        (errors.NoSignalError("x"), 3),
        (KeyboardInterrupt(), 130),
        (Terminated(), 143),
    ],
)
def test_each_end_has_its_exit_code(process, fails, outcome, code):
    process.outcome = outcome
    told = fails("tune", "my.csv", "--target", "y", "--quiet", code=code)
    assert told.strip() == ("autoproc: x" if str(outcome) else "autoproc: interrupted")
    assert told.endswith("\n")


@pytest.mark.parametrize(
    "outcome", [errors.PlanError("no http://ann:s3cret@host"), ValueError("no http://ann:s3cret@host?token=s3cret")]
)
def test_no_error_and_no_traceback_repeats_a_password(process, capsys, outcome):
    process.outcome = outcome
    outcome.add_note("It was postgresql://ann:s3cret@host/record.")
    for arguments in (["tune", "my.csv", "--target", "y", "--quiet"], ["show", "a", "http://ann:s3cret@host"]):
        assert run(arguments) != 0
    told = capsys.readouterr().err
    assert told.count("no http://host") == 1 and "postgresql://host/record" in told
    assert "s3cret" not in told and "unexpected extra argument (http://host)" in told


def test_what_is_noted_on_an_error_is_told_behind_it(process, fails):
    process.outcome = errors.HomeError("The disk is full.")
    process.outcome.add_note("Make room.")
    assert fails("tune", "my.csv", "--target", "y", "--quiet").splitlines() == [
        "autoproc: The disk is full.",
        "Make room.",
    ]


def test_a_bug_of_ours_keeps_its_traceback(process, capsys):
    process.outcome = ZeroDivisionError("ours")
    assert run(["tune", "my.csv", "--target", "y", "--quiet"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("autoproc: this should not have happened; please report it")
    assert "Traceback" in told
    assert "ZeroDivisionError: ours" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tun"], "No such command 'tun'"),
        (["tune", "my.csv", "--traget", "y"], "--traget"),
        (["tune", "my.csv", "--target", "y", "--folds", "many"], "Invalid value for '--folds'"),
        (["tune", "a.csv", "b.csv", "--target", "y"], "unexpected extra argument"),
        (["export", "last"], "Missing argument 'OUT'"),
        (["predict", "last"], "Missing argument 'DATA'"),
        (["ui", "--port", "0"], "Invalid value for '--port'"),
    ],
)
def test_arguments_that_do_not_parse(fails, arguments, message):
    assert message in fails(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tune"], "No table was named. Name one: `autoproc tune DATA --target COLUMN`, or `data:` in the plan file."),
        (["tune", "my.csv"], "No target was named. Name the column to predict with --target, or `target:` in the plan"),
        (["inspect", "my.csv"], "No target was named."),
        (["tune", "--config", "nowhere.yaml"], "The plan nowhere.yaml cannot be read: No such file or directory."),
        (["tune", "my.csv", "-t", "y", "--task", "binray"], "Did you mean 'binary'?"),
        (
            ["tune", "my.csv", "-t", "y", "--time-limit", "soon"],
            "autoproc: --time-limit must be a duration such",
        ),
        (["tune", "my.csv", "-t", "y", "--device", "gpu"], "autoproc: --device must be auto, cpu, mps, cuda or cuda:N"),
        (
            ["tune", "my.csv", "-t", "y", "--folds", "1"],
            "autoproc: --folds must be greater than or equal to 2, but is 1",
        ),
        (
            ["spaces", "defualt"],
            "no search space 'defualt'; there are classic, default, quick, wide. Did you mean 'default'?",
        ),
        (["show"], "There is no job in mlruns. Run `autoproc tune` first, or name another --home."),
        (["show", "3f2a", "--home", "elsewhere"], "There is no job in elsewhere."),
        (["export", "last", "model"], "There is no job in mlruns."),
        (["predict", "last", "new.csv"], "There is no job in mlruns."),
        (["predict", "m.zip", "new.csv", "--out", "no/p.csv"], "no/p.csv cannot be written: there is no folder no."),
        (["inspect", "nowhere.csv", "-t", "y"], "nowhere.csv"),
        (["tune", "my.csv", "-t", "y", "--final", "ensamble"], "but is 'ensamble'. Did you mean 'ensemble'?"),
        (["tune", "my.csv", "-t", "y", "--ship", "all_rows"], "but is 'all_rows'. Did you mean 'all-rows'?"),
        (["tune", "my.csv", "-t", "y", "--protocol", "kfold"], "but is 'kfold'. Did you mean 'k_fold'?"),
        (["tune", "my.csv", "-t", "y", "--device", "cuda0"], "but is 'cuda0'. Did you mean 'cuda:0'?"),
    ],
)
def test_what_the_user_has_to_mend_is_one_paragraph(fails, arguments, message):
    told = fails(*arguments)
    assert told.startswith("autoproc: ")
    assert message in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--help"], ["tune", "--help"], ["--version"]])
def test_a_real_process_answers_without_loading_anything_heavy(arguments):
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "autoproc", *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(package.__file__))},
    )
    assert ended.stdout.startswith(("Usage: autoproc", "autoproc "))
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in ended.stderr.splitlines()}
    assert {"click", "autoproc"} <= imported
    assert not imported & HEAVY


def test_a_real_process_ends_with_the_exit_code(empty_folder):
    ended = subprocess.run(
        [sys.executable, "-m", "autoproc", "tune"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(package.__file__))},
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("autoproc: No table was named.")


_DROPPED = """
import signal, sys, time
from autoproc.cli import app

class Tidied:
    def __del__(self):
        signal.raise_signal(signal.{name})

def command(arguments):
    try:
        del_me = Tidied()
        del del_me
        time.sleep(20)
    except KeyboardInterrupt as interrupt:
        return 7 if isinstance(interrupt, app.Terminated) else 6

app.run = command
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test in the background would ignore it
sys.exit(app.main())
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 6), ("SIGTERM", 7)])
def test_an_interrupt_that_python_drops_while_it_tidies_up_comes_again(name, code):
    ended = subprocess.run(
        [sys.executable, "-c", _DROPPED.format(name=name)], capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (code, "")
