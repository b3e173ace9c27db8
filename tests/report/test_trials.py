"""What trials say of their parameters."""

from dataclasses import replace

import pytest

from autoproc.report.trials import FEWEST_TRIALS, complete, importances, searched
from tests.report import evidence_data as made


def test_parameters_that_do_not_differ_are_left_out() -> None:
    by_name = {parameter.name: parameter for parameter in searched(made.trials())}
    assert "depth" not in by_name and "batch_size" not in by_name
    assert by_name["optimizer"].options == ("adam", "adamw", "rmsprop")
    assert by_name["learning_rate"].log and not by_name["learning_rate"].has_off
    assert by_name["l1"].log and by_name["l1"].has_off and by_name["l1"].low == pytest.approx(1e-6)
    assert not by_name["dropout"].log
    assert by_name["scheduler.step_size"].title == "scheduler: step size"


def test_places_go_from_the_lowest_to_the_highest_and_off_lies_below() -> None:
    by_name = {parameter.name: parameter for parameter in searched(made.trials())}
    rate, l1 = by_name["learning_rate"], by_name["l1"]
    assert (rate.place(rate.low), rate.place(rate.high)) == (0.0, 1.0)
    assert rate.place((rate.low * rate.high) ** 0.5) == pytest.approx(0.5)
    assert l1.place(0.0) < 0 == l1.place(l1.low)
    assert [by_name["optimizer"].place(name) for name in ("adam", "adamw", "rmsprop")] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(("direction", "sign"), [("maximize", 1), ("minimize", -1)])
def test_the_parameter_that_decides_is_the_most_important(direction, sign: int) -> None:
    trials = [replace(t, score=t.score and sign * t.score) for t in made.trials(60)]
    found = importances(trials, direction)
    assert max(found, key=lambda name: found[name]) == "learning_rate" and found["learning_rate"] > 0.5
    assert sum(found.values()) == pytest.approx(1)
    assert "scheduler.step_size" not in found, "not every trial has it"


def test_of_few_complete_trials_nothing_is_said() -> None:
    trials = complete(made.trials())[: FEWEST_TRIALS - 1]
    assert len(trials) == FEWEST_TRIALS - 1 and importances(trials, "maximize") == {}


def test_pruned_and_failed_trials_have_no_part() -> None:
    assert {trial.state for trial in complete(made.trials())} == {"complete"}
