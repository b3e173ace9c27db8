import math

import pytest

from autoproc.errors import PlanError
from autoproc.spec import (
    SCHEDULERS,
    Candidate,
    ExponentialLR,
    MultiStepLR,
    NetworkSpec,
    NoScheduler,
    ReduceLROnPlateau,
    Replay,
    StepLR,
    TrainSpec,
    make_scheduler,
)

PARAMETERS = {
    "none": {},
    "StepLR": {"step_size": 3, "gamma": 0.5},
    "MultiStepLR": {"milestones": [2, 5], "gamma": 0.5},
    "ExponentialLR": {"gamma": 0.9},
    "ReduceLROnPlateau": {"factor": 0.5, "patience": 2},
}


def test_each_scheduler_is_made_by_its_name():
    assert set(PARAMETERS) == set(SCHEDULERS)
    assert [make_scheduler(kind, **parameters) for kind, parameters in PARAMETERS.items()] == [
        NoScheduler(),
        StepLR(3, 0.5),
        MultiStepLR((2, 5), 0.5),
        ExponentialLR(0.9),
        ReduceLROnPlateau(0.5, 2),
    ]


def test_an_unknown_scheduler_is_refused_with_a_suggestion():
    with pytest.raises(
        PlanError, match=r"Unknown scheduler 'step_lr'; there are none, StepLR.* Did you mean 'StepLR'\?"
    ):
        make_scheduler("step_lr")


@pytest.mark.parametrize("parameters", [{}, {"gamma": 0.5}, {"step_size": 3, "gamma": 0.5, "factor": 1}])
def test_missing_or_surplus_scheduler_parameters_are_refused(parameters):
    with pytest.raises(PlanError, match=r"StepLR takes \['gamma', 'step_size'\], but got"):
        make_scheduler("StepLR", **parameters)


def test_a_scheduler_without_parameters_takes_none():
    with pytest.raises(PlanError, match="none takes no parameters"):
        make_scheduler("none", gamma=0.5)


@pytest.mark.parametrize(
    ("kind", "changed", "rule"),
    [
        ("StepLR", {"step_size": 0}, "step_size must be at least 1, but is 0"),
        ("StepLR", {"gamma": 0.0}, r"gamma must be in \(0, 1\], but is 0.0"),
        ("StepLR", {"gamma": 1.5}, r"gamma must be in \(0, 1\], but is 1.5"),
        ("MultiStepLR", {"milestones": [5, 2]}, r"milestones must be rising epochs from 1 on, but is \(5, 2\)"),
        ("MultiStepLR", {"milestones": []}, "milestones must be rising"),
        ("MultiStepLR", {"milestones": [0, 2]}, "milestones must be rising"),
        ("MultiStepLR", {"gamma": 2.0}, "gamma must be in"),
        ("ExponentialLR", {"gamma": -0.1}, "gamma must be in"),
        ("ExponentialLR", {"gamma": math.nan}, "gamma must be in"),
        ("ReduceLROnPlateau", {"factor": 1.0}, r"factor must be in \(0, 1\), but is 1.0"),
        ("ReduceLROnPlateau", {"patience": -1}, "patience must be at least 0, but is -1"),
    ],
)
def test_scheduler_parameters_out_of_range_are_refused(kind, changed, rule):
    with pytest.raises(PlanError, match=rule):
        make_scheduler(kind, **{**PARAMETERS[kind], **changed})


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"max_epochs": 0}, "max_epochs must be at least 1, but is 0"),
        ({"patience": -1}, "patience must be at least 0"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"optimizer": "lion"}, "optimizer must be one of adam, adamw, rmsprop, sgd, but is 'lion'"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"learning_rate": math.nan}, "learning_rate must be above 0"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), but is 1.0"),
        ({"dropout": -0.1}, "dropout must be in"),
        ({"l1": -1e-9}, "l1 must be at least 0"),
        ({"weight_decay": math.nan}, "weight_decay must be at least 0"),
    ],
)
def test_training_values_out_of_range_are_refused(changed, rule):
    with pytest.raises(PlanError, match=rule):
        TrainSpec(**changed)


def test_a_network_needs_a_layer_and_a_unit():
    assert str(NetworkSpec(2, 64)) == "2 x 64"
    with pytest.raises(PlanError, match="depth must be at least 1, but is 0"):
        NetworkSpec(0, 8)
    with pytest.raises(PlanError, match="width must be at least 1, but is 0"):
        NetworkSpec(1, 0)


@pytest.mark.parametrize("kind", list(PARAMETERS))
def test_parameters_are_flat_and_plain(kind):
    scheduler = make_scheduler(kind, **PARAMETERS[kind])
    parameters = Candidate(NetworkSpec(2, 8), TrainSpec(scheduler=scheduler)).parameters
    assert all(isinstance(value, str | int | float) for value in parameters.values())
    assert parameters["scheduler"] == kind
    assert {name for name in parameters if name.startswith("scheduler.")} == {
        f"scheduler.{name}" for name in PARAMETERS[kind]
    }


def test_parameters_show_milestones_as_text():
    candidate = Candidate(NetworkSpec(1, 4), TrainSpec(scheduler=MultiStepLR((2, 5), 0.5)))
    assert candidate.parameters["scheduler.milestones"] == "2, 5"


def test_a_replay_is_no_scheduler_that_a_plan_could_name():
    assert "replay" not in SCHEDULERS
    assert Replay((0.1, 0.0)).rates == (0.1, 0.0)


@pytest.mark.parametrize("rates", [(), (0.1, -0.1)])
def test_a_replay_needs_rates(rates):
    with pytest.raises(PlanError, match="a replay's rates must be at least one, none negative"):
        Replay(rates)
