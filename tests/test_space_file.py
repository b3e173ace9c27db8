from pathlib import Path

import pytest

from autoproc.errors import PlanError
from autoproc.plan import InputsPlan, Plan, make_plan
from autoproc.space import Choice, Fixed, Integer, Number, OffOr, OneOf, Rising
from autoproc.space_file import change_space, load_space, parse_space, shipped_spaces
from autoproc.spec import SCHEDULERS, NetworkSpec, NoScheduler, StepLR, TrainSpec


def train_leaf(text):
    """The space whose section train has the one line `text`."""
    return parse_space("mine", f"train:\n  {text}\n")


def test_the_shipped_spaces_are_there():
    assert list(shipped_spaces()) == ["classic", "default", "quick", "wide"]


@pytest.mark.parametrize("name", list(shipped_spaces()))
def test_every_shipped_space_loads_and_says_what_it_is_for(name):
    space = load_space(name)
    assert space.name == name
    assert shipped_spaces()[name].startswith("# ")
    assert {"learning_rate", "dropout", "weight_decay", "scheduler"} <= set(space.train)


@pytest.mark.parametrize("name", list(shipped_spaces()))
@pytest.mark.parametrize("dropout", [0.0, 0.1, 0.5])
def test_every_shipped_space_holds_the_usual_default_configuration(name, dropout):
    class Replayed:
        def number(self, key, low, high, *, log):
            return suggestions[key]

        def integer(self, key, low, high):
            return suggestions[key]

        def choice(self, key, options):
            return suggestions[key]

    space = load_space(name)
    default = TrainSpec(learning_rate=3e-3, weight_decay=1e-2, dropout=dropout, class_weights=0.0)
    suggestions = space.encode(default)
    assert space.sample(Replayed(), default, [NetworkSpec(1, 4)], 0).train == default


def test_the_default_space_searches_every_lever():
    space = load_space("default")
    levers = {"optimizer", "learning_rate", "factor_rate", "dropout", "l1", "weight_decay", "class_weights"}
    assert set(space.train) == {*levers, "scheduler"}
    assert set(space.train["scheduler"].options) == {
        "none",
        "StepLR",
        "MultiStepLR",
        "ExponentialLR",
        "ReduceLROnPlateau",
    }


def test_a_lever_that_does_nothing_is_not_searched():
    space = load_space("default")
    assert space.fitting(Plan(), minds_classes=True) == space
    without = space.fitting(make_plan(overrides={"inputs": {"scale": False}}), minds_classes=True)
    assert set(space.train) - set(without.train) == {"factor_rate"}
    assert "factor_rate" not in without.searched
    assert set(space.train) - set(space.fitting(Plan(), minds_classes=False).train) == {"class_weights"}


def test_the_classic_space_has_plain_numbers_and_four_schedules_and_nothing_else():
    space = load_space("classic")
    assert space.complete(Plan()).inputs == InputsPlan(pieces=0, scale=False)
    asked = make_plan(overrides={"inputs": {"pieces": 8}})
    assert space.complete(asked).inputs == InputsPlan(pieces=8, scale=False), "the plan has its way"
    assert space.complete(Plan()).train.averaging == 0
    assert space.complete(make_plan(overrides={"train": {"averaging": 0.2}})).train.averaging == 0.2
    assert space.complete(Plan()).train.class_weights == 0
    fixed = {"averaging", "class_weights"}
    assert set(space.train) - fixed == {"learning_rate", "dropout", "l1", "weight_decay", "scheduler"}
    assert set(space.train["scheduler"].options) == {"none", *list(SCHEDULERS)[1:]}
    assert len(space.train["scheduler"].options) == 5
    assert load_space("default").complete(Plan()) == Plan()


def test_every_kind_of_leaf_is_read():
    space = parse_space(
        "mine",
        """
        network: {rung: {int: [-1, 2]}}
        train:
          batch_size: {choice: [16, 32]}
          optimizer: adam
          learning_rate: {log: [0.001, 1]}
          dropout: {off_or: {uniform: [0.1, 0.5]}}
          l1: 0
          weight_decay: {uniform: [0, 1]}
          scheduler:
            one_of:
              none:
              StepLR: {step_size: 4, gamma: {uniform: [0.1, 0.9]}}
              MultiStepLR: {milestones: {rising: {count: 2, between: [3, 9]}}, gamma: 0.5}
        """,
    )
    assert space.rung == Integer(-1, 2)
    assert space.train == {
        "batch_size": Choice((16, 32)),
        "optimizer": Fixed("adam"),
        "learning_rate": Number(0.001, 1.0, log=True),
        "dropout": OffOr(Number(0.1, 0.5, log=False)),
        "l1": Fixed(0),
        "weight_decay": Number(0.0, 1.0, log=False),
        "scheduler": OneOf(
            {
                "none": {},
                "StepLR": {"step_size": Fixed(4), "gamma": Number(0.1, 0.9, log=False)},
                "MultiStepLR": {"milestones": Rising(2, 3, 9), "gamma": Fixed(0.5)},
            }
        ),
    }


def test_a_scheduler_can_be_fixed():
    assert train_leaf("scheduler: none").train["scheduler"] == Fixed(NoScheduler())
    fixed = train_leaf("scheduler: {one_of: {StepLR: {step_size: 4, gamma: 0.5}}}").train["scheduler"]
    assert fixed.extremes() == (StepLR(4, 0.5),)
    milestones = train_leaf("scheduler: {one_of: {MultiStepLR: {milestones: [3, 9], gamma: 0.5}}}")
    assert milestones.train["scheduler"].extremes()[0].milestones == (3, 9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dropuot: 0.1", r"section train must be a mapping with the keys .*'dropuot'\. Did you mean 'dropout'\?"),
        ("dropout: {unifrom: [0, 0.5]}", r"train.dropout is of the unknown kind 'unifrom'.* Did you mean 'uniform'\?"),
        ("dropout: {uniform: [0, 0.5], log: [1, 2]}", "train.dropout must have exactly one of the keys uniform, log,"),
        ("dropout: {}", "train.dropout must have exactly one of the keys"),
        ("dropout: {uniform: [0.5, 0.1]}", r"must be a range \[low, high\] of finite numbers, but is \[0.5, 0.1\]"),
        ("dropout: {uniform: 0.5}", r"must be a range \[low, high\] of finite numbers, but is 0.5"),
        ("dropout: {uniform: [0.1]}", "must be a range"),
        ("dropout: {uniform: [true, false]}", "must be a range"),
        ("dropout: {uniform: [0, 1]}", r"dropout must be in \[0, 1\), but is 1.0"),
        ("dropout: 1.5", r"dropout must be in \[0, 1\), but is 1.5"),
        ("dropout: true", "train.dropout must hold finite numbers, but can be True"),
        ("dropout: null", "train.dropout must hold finite numbers, but can be None"),
        ("dropout: [0.1, 0.2]", r"train.dropout must hold finite numbers, but can be \(0.1, 0.2\)"),
        ("dropout: {choice: [0.1, 1.0]}", "dropout must be in"),
        ("dropout: {choice: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]}", "dropout must be in .* but is 7"),
        ("dropout: {choice: []}", "must list at least one plain option"),
        ("dropout: {choice: [[0.1]]}", "must list at least one plain option"),
        ("dropout: {off_or: {choice: [0.1]}}", "must loosen off_or by uniform or log"),
        ("dropout: {off_or: 0.1}", "must loosen off_or by uniform or log"),
        ("dropout: {one_of: {a: 1}}", "cannot be one_of: only the scheduler has named options; use choice"),
        ("dropout: {rising: {count: 2, between: [1, 2]}}", "train.dropout must hold finite numbers"),
        ("learning_rate: {log: [0, 1]}", "is log-uniform and must start above 0, but starts at 0"),
        ("learning_rate: {log: [1.0e-3, .inf]}", "must be a range .* of finite numbers"),
        ("learning_rate: {uniform: [0, 1]}", "learning_rate must be above 0, but is 0.0"),
        ("learning_rate: .nan", "must hold finite numbers"),
        ("l1: {log: [1e-5, 1e-3]}", r"is \['1e-5', '1e-3'\] \(write 1.0e-5, not 1e-5 .* as text\)\."),
        ("l1: 1e-5", r"train.l1 must hold finite numbers, but can be '1e-5' \(write 1.0e-5"),
        ("l1: {choice: [0, 1e-5]}", r"can be '1e-5' \(write 1.0e-5"),
        ("l1: {choice: [0, off]}", "train.l1 must hold finite numbers, but can be False"),
        ("l1: little", r"train.l1 must hold finite numbers, but can be 'little'\."),
        ("batch_size: {uniform: [16, 64]}", "train.batch_size must hold whole numbers, but can be 16.0"),
        ("batch_size: 0", "batch_size must be at least 1, but is 0"),
        ("batch_size: {int: [1.5, 3]}", "must be a range .* of whole numbers, but is"),
        ("optimizer: lion", "optimizer must be one of adam, adamw, rmsprop, sgd, but is 'lion'"),
        ("optimizer: {choice: [adam, 3]}", "train.optimizer must hold names, but can be 3"),
        ("scheduler: 3", "train.scheduler must hold schedulers"),
        ("scheduler: {choice: [StepLR]}", "train.scheduler must hold schedulers, as one_of or by name"),
        ("scheduler: StepRL", r"Unknown scheduler 'StepRL'.* Did you mean 'StepLR'\?"),
        ("scheduler: StepLR", r"StepLR takes \['gamma', 'step_size'\], but got \[\]"),
        ("scheduler: {one_of: {}}", "needs at least one of none, StepLR"),
        ("scheduler: {one_of: [none]}", "train.scheduler must be a mapping with the keys none, StepLR"),
        ("scheduler: {one_of: {StepRL: {}}}", r"has 'StepRL'\. Did you mean 'StepLR'\?"),
        ("scheduler: {one_of: {StepLR: {gamma: 0.5}}}", "StepLR takes step_size and gamma, but got gamma"),
        ("scheduler: {one_of: {StepLR: }}", "StepLR takes step_size and gamma, but got nothing"),
        ("scheduler: {one_of: {none: {gamma: 1}}}", "scheduler none must be a mapping with no keys, but has 'gamma'"),
        (
            "scheduler: {one_of: {StepLR: {step_size: {uniform: [1, 3]}, gamma: 0.5}}}",
            "train.scheduler.StepLR.step_size must hold whole numbers, but can be 1.0",
        ),
        (
            "scheduler: {one_of: {none: {}, ExponentialLR: {gamma: {uniform: [0.5, 2]}}}}",
            r"ExponentialLR's gamma must be in \(0, 1\], but is 2.0",
        ),
        (
            "scheduler: {one_of: {none: {}, ExponentialLR: {gamma: {choice: [0.5, 0.9, 2]}}}}",
            r"ExponentialLR's gamma must be in \(0, 1\], but is 2",
        ),
        (
            "scheduler: {one_of: {MultiStepLR: {milestones: 3, gamma: 0.5}}}",
            "train.scheduler.MultiStepLR.milestones must hold lists of epochs, but can be 3",
        ),
        (
            "scheduler: {one_of: {MultiStepLR: {milestones: {rising: {count: 0, between: [1, 2]}}, gamma: 0.5}}}",
            "needs a count from 1 to 10, but has 0",
        ),
        (
            "scheduler: {one_of: {MultiStepLR: {milestones: {rising: {between: [1, 2]}}, gamma: 0.5}}}",
            "needs a count from 1 to 10, but has None",
        ),
        (
            "scheduler: {one_of: {MultiStepLR: {milestones: {rising: {count: 2}}, gamma: 0.5}}}",
            "must be a range .* of whole numbers, but is None",
        ),
        (
            "scheduler: {one_of: {MultiStepLR: {milestones: {rising: {count: 2, betwen: [1, 2]}}, gamma: 0.5}}}",
            r"has 'betwen'\. Did you mean 'between'\?",
        ),
        (
            "scheduler: {one_of: {MultiStepLR: {milestones: {rising: {count: 2, between: [0, 5]}}, gamma: 0.5}}}",
            "MultiStepLR's milestones must be rising epochs from 1 on",
        ),
    ],
)
def test_a_bad_leaf_is_refused(text, message):
    with pytest.raises(PlanError, match=rf"^The search space 'mine' cannot be used\. .*{message}"):
        train_leaf(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: [1,\n", "'mine' is not valid YAML"),
        ("train: !!python/object/apply:os.system ['exit 1']\n", "'mine' is not valid YAML: could not determine a"),
        ("", r"'mine' cannot be used\. The file must be a mapping with the keys inputs, network, train, but is None"),
        ("- train\n", "The file must be a mapping"),
        ("trian: {}\n", r"has 'trian'\. Did you mean 'train'\?"),
        ("network: {depth: 3}\n", "section network must be a mapping with the keys rung, at_least, but has 'depth'"),
        ("inputs: {cuts: 3}\n", "has no key 'inputs.cuts'; there are pieces, scale"),
        ("inputs: {pieces: -1}\n", "'inputs.pieces' must be .* 0, but is -1"),
        ("inputs: {pieces: {int: [0, 4]}}\n", "'inputs.pieces' must be .*, but is int="),
        ("network: {at_least: 128}\n", r"network.at_least must be a depth and a width, such as \[2, 128\], but is 128"),
        ("network: {at_least: [0, 128]}\n", "network.at_least must be a depth and a width"),
        ("network: {rung: 0.5}\n", "network.rung must hold whole numbers, but can be 0.5"),
        ("network: {rung: {choice: [0, one]}}\n", "network.rung must hold whole numbers, but can be 'one'"),
    ],
)
def test_a_file_of_another_shape_is_refused(text, message):
    with pytest.raises(PlanError, match=message):
        parse_space("mine", text)


def test_a_space_is_loaded_by_path(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(shipped_spaces()["quick"], encoding="utf-8")
    assert load_space(str(path)).train == load_space("quick").train
    assert load_space(str(path)).name == "mine"


def test_an_unknown_name_is_refused_with_a_suggestion(tmp_path):
    with pytest.raises(PlanError, match=r"no search space 'defualt': .* default, quick, wide .* mean 'default'\?"):
        load_space("defualt")
    with pytest.raises(PlanError, match="There is no search space"):
        load_space(str(tmp_path))


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanError, match=r"The search space .*binary.yaml is not valid YAML: it must be text in UTF-8"):
        load_space(str(path))


SAVED = {"space": "default", "inputs": {"pieces": 44, "scale": True}, "train": {"averaging": 0.1, "patience": 7}}


def changed(values, space, old):
    plan = change_space(make_plan(overrides={**values, "space": space}), old)
    return plan.inputs, plan.train.averaging, plan.train.patience


def test_another_space_takes_the_place_of_the_plans_with_all_that_it_fixes():
    assert changed(SAVED, "classic", "default") == (InputsPlan(pieces=0, scale=False), 0, 7)


def test_what_the_plan_has_from_its_former_space_is_gone_with_it():
    saved = {"inputs": {"pieces": 0, "scale": False}, "train": {"averaging": 0.0, "patience": 7}}
    assert changed(saved, "default", "classic") == (InputsPlan(), 0.1, 7)


def test_what_neither_space_fixes_stays_as_the_plan_has_it():
    assert changed(SAVED, "wide", "quick") == (InputsPlan(pieces=44, scale=True), 0.1, 7)
    own = {"inputs": {"pieces": 8}, "train": {"averaging": 0.3}}
    assert changed(own, "default", "classic") == (InputsPlan(pieces=8), 0.3, 16)


def test_the_same_space_changes_nothing():
    plan = make_plan(overrides={**SAVED, "space": "classic"})
    assert change_space(plan, "classic") is plan


def test_a_former_space_that_is_gone_is_no_obstacle_and_a_new_one_that_is_not_there_is_an_error():
    assert changed(SAVED, "classic", "/gone/mine.yaml") == (InputsPlan(pieces=0, scale=False), 0, 7)
    with pytest.raises(PlanError, match="no search space 'clasic'"):
        changed(SAVED, "clasic", "default")


def test_a_space_keeps_the_text_that_it_was_read_from(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(shipped_spaces()["quick"], encoding="utf-8")
    space = load_space(str(path))
    path.write_text("train: {}", encoding="utf-8")
    assert space.text == shipped_spaces()["quick"]
