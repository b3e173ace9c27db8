"""The curves of single trainings."""

from dataclasses import replace

from autoproc.report.figures.training import training_figures
from tests.report import evidence_data as made


def test_the_schedulers_steps_are_marked() -> None:
    [training] = made.evidence().trainings
    _, rates = training_figures([training], "f1")
    line, marks = rates.data
    assert line["line"]["shape"] == "hv" and (marks["x"], marks["y"]) == ([6], [0.01])
    assert rates.caption == "StepLR(step_size 5); the same in all folds. The mark is its step."


def test_folds_that_step_at_different_epochs_have_a_line_each() -> None:
    [training] = made.evidence().trainings
    differing = replace(training, learning_rates=[[0.1, 0.1, 0.01], [0.1, 0.01, None]], scheduler="ReduceLROnPlateau")
    _, rates = training_figures([differing], "f1")
    assert [trace["x"] for trace in rates.data] == [[1, 2, 3], [1, 2], [3], [2]]
    assert "a line a fold. Marks are its 2 steps." in rates.caption


def test_without_a_scheduler_the_rate_stays() -> None:
    [training] = made.evidence().trainings
    _, rates = training_figures([replace(training, learning_rates=[[0.1] * 4], scheduler="none")], "f1")
    assert rates.caption == "No scheduler; the same in all folds."
    assert rates.data[1]["x"] == []


def test_folds_that_stop_at_other_epochs_may_have_one_schedule() -> None:
    [training] = made.evidence().trainings
    same = replace(training, learning_rates=[[0.1, 0.01, None], [0.1, 0.01, 0.01]])
    _, rates = training_figures([same], "f1")
    assert "the same in all folds. The mark is its step." in rates.caption
