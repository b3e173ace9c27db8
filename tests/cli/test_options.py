"""From options to the plan."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.cli.app import autoproc, run
from autoproc.cli.options import METRIC_HELP, flags, overrides
from autoproc.data.metrics import METRICS
from autoproc.plan import Plan


def test_every_option_of_tune_is_a_place_in_the_plan():
    elsewhere = {"config", "as_json", "quiet", "verbose", "help"}
    for parameter in autoproc.commands["tune"].params:
        if parameter.name in elsewhere:
            continue
        *sections, key = parameter.name.split("__")
        model = Plan
        for section in sections:
            model = model.model_fields[section].annotation
        assert key in model.model_fields, parameter.name


@pytest.mark.parametrize("command", ["tune", "inspect", "holdout"])
def test_the_flag_of_each_place_in_the_plan_is_one_that_can_be_typed(command):
    for parameter in autoproc.commands[command].params:
        if parameter.name not in ("config", "as_json", "quiet", "help", "data"):
            value = {"false_negative": "1"} if parameter.name == "cost" else "x"
            [flag] = flags(overrides({parameter.name: value})).values()
            assert flag.split()[0] in parameter.opts


def test_errors_name_the_flag_for_what_was_typed_and_the_key_for_what_the_file_says(fails, empty_folder):
    (empty_folder / "plan.yaml").write_text("data: a.csv\ntarget: y\nholdout_share: 2\ntrials: 0\n", encoding="utf-8")
    told = fails("tune", "--config", "plan.yaml", "--trials", "-1")
    assert "The plan plan.yaml's 'holdout_share' must be less than 1, but is 2." in told
    assert "--trials must be greater than or equal to 1, but is -1." in told and "'trials'" not in told


def test_holdout_takes_what_says_which_holdout_is_meant_and_nothing_else():
    named = {parameter.name for parameter in autoproc.commands["holdout"].params}
    assert named == {"data", "target", "missing", "holdout", "config", "home", "as_json"}


def test_options_become_the_plan(process):
    arguments = (
        "tune my.csv -t a,b --target c --task vector_regression --metric rmse,r2 --metric mae "
        "--cost false_negative=20 --cost false_positive=0.5 --ignore id --ignore x,y --missing ? "
        "--protocol repeated_k_fold --folds 3 --repeats 2 --holdout-share 0.3 --seed 7 --space wide --trials 9 "
        "--time-limit 1h30m --device cpu --final refit --force --reopen-holdout again --home jobs "
        "--tracking-uri http://x --experiment e --positive yes --group who --time when --quiet"
    )
    assert run(shlex.split(arguments)) == 0
    expected = Plan(
        data="my.csv",
        target=("a", "b", "c"),
        task="vector_regression",
        metric=("rmse", "r2", "mae"),
        cost={"false_negative": 20, "false_positive": 0.5},
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
        group="who",
        time="when",
    )
    assert process.plans == [expected]


def test_options_that_are_not_given_leave_the_plans_defaults(process):
    assert run(["tune", "my.csv", "--target", "y"]) == 0
    assert process.plans == [Plan(data="my.csv", target=("y",))]


def test_options_override_the_plan_file(process, empty_folder):
    (empty_folder / "plan.yaml").write_text("data: a.csv\ntarget: y\nseed: 3\ntrials: 5\n", encoding="utf-8")
    assert run(["tune", "--config", "plan.yaml", "--seed", "4"]) == 0
    assert process.plans == [Plan(data="a.csv", target=("y",), seed=4, trials=5)]


def test_a_space_beside_the_plan_file_takes_the_place_of_that_ones_with_what_it_fixes(process, empty_folder):
    (empty_folder / "plan.yaml").write_text(
        "data: a.csv\ntarget: y\nspace: default\ninputs: {pieces: 44, scale: true}\ntrain: {averaging: 0.1}\n"
    )
    assert run(["tune", "--config", "plan.yaml"]) == 0
    assert run(["tune", "--config", "plan.yaml", "--space", "classic"]) == 0
    as_saved, classic = process.plans
    assert (as_saved.inputs.pieces, as_saved.train.averaging) == (44, 0.1)
    assert (classic.inputs.pieces, classic.inputs.scale, classic.train.averaging) == (0, False, 0)


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


def test_the_help_lists_every_metric_of_every_task():
    listed = {
        part.split(": ")[0].lower(): part.split(": ")[1].split(", ")
        for part in METRIC_HELP.partition("recorded. ")[2].partition(".  [")[0].split(". ")
    }
    of_task = {"binary": "binary", "multiclass": "multiclass", "(vector) regression": "regression"}
    assert list(listed) == list(of_task)
    for words, task in of_task.items():
        assert listed[words] == [metric.name for metric in METRICS.values() if task in metric.tasks]


@pytest.mark.parametrize(
    "costs", ["20", "false_negative", "false_negative=", "=20", "false_negative=2,false_negative=3", "a=b=,c"]
)
def test_costs_that_are_no_pairs_are_refused(process, capsys, costs):
    assert run(["tune", "my.csv", "--target", "y", "--cost", costs]) == 2
    assert "--cost takes each of false_negative and false_positive once, as in" in capsys.readouterr().err
    assert process.plans == []


def test_costs_override_those_of_the_plan_file_one_by_one(process, empty_folder):
    (empty_folder / "plan.yaml").write_text("data: a.csv\ntarget: y\ncost: {false_negative: 3, false_positive: 2}\n")
    assert run(["tune", "--config", "plan.yaml", "--cost", "false_negative=5"]) == 0
    assert (process.plans[0].cost.false_negative, process.plans[0].cost.false_positive) == (5, 2)


@pytest.mark.parametrize("name", ["~nobody-is-called-so/x", "x" * 5_000], ids=["user", "long"])
@pytest.mark.parametrize(
    "command",
    [
        "show last --home {}",
        "ui --home {}",
        "report last --home {}",
        "report last --out {}",
        "compare last last --home {}",
        "resume last --home {}",
        "sync --home {}",
        "predict {} table.csv",
        "predict last table.csv --out {}",
        "export {} model.zip",
        "export last {}",
        "tune table.csv -t y --home {}",
        "holdout table.csv -t y --home {}",
    ],
)
def test_a_path_that_no_machine_can_have_is_refused(
    command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command.format(name).split()) == 2
    assert "a path that this machine can have" in capsys.readouterr().err
