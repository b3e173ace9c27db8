"""The command line from its arguments to its exit code; what a whole job does is tested with the process."""

import json
import os
import re
import shlex
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autoproc as package
from autoproc import errors
from autoproc.cli.app import _Terminated, autoproc, run
from autoproc.cli.options import overrides, plan_from
from autoproc.cli.output import examples
from autoproc.plan import Plan

COMMANDS = ("tune", "inspect", "show", "ui", "export", "predict", "spaces")
# autoproc itself must not need these before its arguments are parsed.
HEAVY = {"torch", "mlflow", "optuna", "pandas", "sklearn", "scipy", "pydantic", "numpy", "pyarrow", "rich", "yaml"}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Commands run in a folder of their own, where nothing is."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def process(monkeypatch):
    """A stand-in for the process that notes the plans it gets and returns, or raises, its `outcome`."""

    class Stub(SimpleNamespace):
        def tune(self, plan, progress):
            self.plans.append(plan)
            if isinstance(self.outcome, BaseException):
                raise self.outcome
            progress.say("metric", "ROC AUC")
            print("a library speaks")
            return SimpleNamespace(to_json=lambda: self.outcome)

    stub = Stub(plans=[], outcome={"score": float("nan")})
    monkeypatch.setitem(sys.modules, "autoproc.process", stub)
    monkeypatch.setattr(package, "process", stub, raising=False)
    return stub


def fails(capsys, *arguments, code=2):
    """Standard error of a command that must end with `code` and write nothing else."""
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err


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
            plan_from({key: value for key, value in parsed.params.items() if key not in ("as_json", "quiet")})


def test_examples_keep_their_lines():
    assert examples("a", "b") == "\b\nExamples:\n  a\n  b"


def test_the_version(capsys):
    assert run(["--version"]) == 0
    assert re.fullmatch(r"autoproc \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


def test_every_option_of_tune_is_a_place_in_the_plan():
    elsewhere = {"config", "as_json", "quiet", "help"}
    for parameter in autoproc.commands["tune"].params:
        if parameter.name in elsewhere:
            continue
        *sections, key = parameter.name.split("__")
        model = Plan
        for section in sections:
            model = model.model_fields[section].annotation
        assert key in model.model_fields, parameter.name


def test_options_become_the_plan(process):
    arguments = (
        "tune my.csv -t a,b --target c --task vector_regression --metric rmse --ignore id --ignore x,y --missing ? "
        "--protocol repeated_k_fold --folds 3 --repeats 2 --holdout-share 0.3 --seed 7 --space wide --trials 9 "
        "--time-limit 1h30m --device cpu --final refit --force --reopen-holdout again --home jobs "
        "--tracking-uri http://x --experiment e --positive yes --quiet"
    )
    assert run(shlex.split(arguments)) == 0
    expected = Plan(
        data="my.csv",
        target=("a", "b", "c"),
        task="vector_regression",
        metric="rmse",
        positive="yes",
        ignore=("id", "x", "y"),
        missing=("?",),
        holdout_share=0.3,
        reopen_holdout="again",
        protocol={"kind": "repeated_k_fold", "folds": 3, "repeats": 2},
        space="wide",
        trials=9,
        time_limit=5400,
        seed=7,
        device="cpu",
        force=True,
        final="refit",
        home="jobs",
        tracking_uri="http://x",
        experiment="e",
    )
    assert process.plans == [expected]


def test_options_that_are_not_given_leave_the_plans_defaults(process):
    assert run(["tune", "my.csv", "--target", "y"]) == 0
    assert process.plans == [Plan(data="my.csv", target=("y",))]


def test_options_override_the_plan_file(process, empty_folder):
    (empty_folder / "plan.yaml").write_text("data: a.csv\ntarget: y\nseed: 3\ntrials: 5\n", encoding="utf-8")
    assert run(["tune", "--config", "plan.yaml", "--seed", "4"]) == 0
    assert process.plans == [Plan(data="a.csv", target=("y",), seed=4, trials=5)]


def test_time_limit_none_is_no_limit(process):
    assert run(["tune", "my.csv", "--target", "y", "--time-limit", "none"]) == 0
    assert process.plans[0].time_limit is None


@given(seed=st.none() | st.integers(0, 99), folds=st.none() | st.integers(2, 9), ignore=st.lists(st.just("a")))
def test_overrides_hold_what_was_given_and_nothing_else(seed, folds, ignore):
    given_options = {"seed": seed, "protocol__folds": folds, "ignore": tuple(ignore), "config": "x"}
    expected = {"seed": seed} if seed is not None else {}
    expected |= {"protocol": {"folds": folds}} if folds is not None else {}
    expected |= {"ignore": tuple(ignore)} if ignore else {}
    assert overrides(given_options) == expected


def test_tune_writes_json_alone_to_standard_output(process, capsys):
    assert run(["tune", "my.csv", "--target", "y", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"score": None}
    assert captured.err == "metric      ROC AUC\na library speaks\n"


def test_tune_writes_nothing_to_standard_output_without_json(process, capsys):
    assert run(["tune", "my.csv", "--target", "y", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "a library speaks\n")


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (errors.DataError("x"), 2),
        (errors.PlanError("x"), 2),
        (errors.HomeError("x"), 2),
        (errors.BundleError("x"), 2),
        (errors.NoSignalError("x"), 3),
        (KeyboardInterrupt(), 130),
        (_Terminated(), 143),
    ],
)
def test_each_end_has_its_exit_code(process, capsys, outcome, code):
    process.outcome = outcome
    told = fails(capsys, "tune", "my.csv", "--target", "y", code=code)
    assert told.strip() == ("autoproc: x" if str(outcome) else "")


def test_a_bug_of_ours_keeps_its_traceback(process, capsys):
    process.outcome = ZeroDivisionError("ours")
    assert run(["tune", "my.csv", "--target", "y"]) == 1
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
def test_arguments_that_do_not_parse(capsys, arguments, message):
    assert message in fails(capsys, *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tune"], "No table was named. Name one: `autoproc tune DATA --target COLUMN`, or `data:` in the plan file."),
        (["tune", "my.csv"], "No target was named. Name the column to predict with --target, or `target:` in the plan"),
        (["inspect", "my.csv"], "No target was named."),
        (["tune", "--config", "nowhere.yaml"], "The plan nowhere.yaml cannot be read: No such file or directory."),
        (["tune", "my.csv", "-t", "y", "--task", "binray"], "Did you mean 'binary'?"),
        (["tune", "my.csv", "-t", "y", "--time-limit", "soon"], "'time_limit' must be a duration such as 90s"),
        (["tune", "my.csv", "-t", "y", "--device", "gpu"], "'device' must be auto, cpu, mps, cuda or cuda:N"),
        (
            ["tune", "my.csv", "-t", "y", "--folds", "1"],
            "'protocol.folds' must be greater than or equal to 2, but is 1",
        ),
        (["spaces", "defualt"], "no search space 'defualt'; there are default, quick, wide. Did you mean 'default'?"),
        (["show"], "There is no job in mlruns. Run `autoproc tune` first, or name another --home."),
        (["show", "3f2a", "--home", "elsewhere"], "There is no job in elsewhere."),
        (["export", "last", "model"], "There is no job in mlruns."),
        (["predict", "last", "new.csv"], "There is no job in mlruns."),
        (["predict", "m.zip", "new.csv", "--out", "no/p.csv"], "no/p.csv cannot be written: there is no folder no."),
        (["inspect", "nowhere.csv", "-t", "y"], "nowhere.csv"),
    ],
)
def test_what_the_user_has_to_mend_is_one_paragraph(capsys, arguments, message):
    told = fails(capsys, *arguments)
    assert told.startswith("autoproc: ")
    assert message in told
    assert told.count("\n") == 1


def test_predictions_do_not_overwrite_their_table(capsys, empty_folder):
    (empty_folder / "new.csv").write_text("a\n1\n", encoding="utf-8")
    assert "--out must not name the table that is predicted" in fails(
        capsys, "predict", "last", "new.csv", "--out", "new.csv"
    )
    assert "--out must name a file" in fails(capsys, "predict", "last", "new.csv", "--out", ".")
    assert (empty_folder / "new.csv").read_text(encoding="utf-8") == "a\n1\n"


def test_export_does_not_overwrite_unasked(capsys, empty_folder):
    (empty_folder / "mlruns" / "jobs" / "abc123" / "model").mkdir(parents=True)
    (empty_folder / "mine").mkdir()
    assert "mine exists already" in fails(capsys, "export", "last", "mine")
    assert "the folder mine has no card.json" in fails(capsys, "export", "last", "mine", "--overwrite")
    assert "there is no folder nowhere" in fails(capsys, "export", "last", "nowhere/mine")


def test_a_job_without_a_result_says_where_to_look(capsys, empty_folder):
    job = empty_folder / "mlruns" / "jobs" / "abc123"
    job.mkdir(parents=True)
    told = fails(capsys, "show", "last")
    assert "The job abc123 has no result" in told
    assert "autoproc tune --config" in told
    (job / "result.json").write_text("{", encoding="utf-8")
    assert "cannot be read" in fails(capsys, "show", "last")


def test_spaces_are_listed_with_what_they_are_for(capsys):
    assert run(["spaces"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["default", "quick", "wide"]
    assert all(re.fullmatch(r"\w+ +[A-Z].*\.", line) for line in lines)


def test_a_printed_space_can_be_used(capsys, empty_folder):
    assert run(["spaces", "quick"]) == 0
    path = empty_folder / "mine.yaml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    from autoproc.space_file import load_space

    assert load_space(str(path)).train == load_space("quick").train


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
    assert set(seen) == {"table", "problem", "metric", "protocol", "notices"}
    assert seen["problem"]["task"] == "binary"
    assert seen["protocol"]["n_development"] + seen["protocol"]["n_holdout"] == 80


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
