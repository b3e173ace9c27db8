"""Parameters in the order in which they go with the score."""

from dataclasses import replace
from typing import Any

import numpy as np

from autoproc.report.effects import MIN_TRIALS, by_effect
from autoproc.results import Trial, TrialState
from tests.report import facts_data as data

RANDOM = np.random.default_rng(0)
RATES = np.exp(RANDOM.uniform(-7, -3, 60))
NAMES = ("noise", "optimizer", "learning_rate")


def trial(score: float, state: TrialState = "complete", **parameters: Any) -> Trial:
    return replace(data.search().best, state=state, score=data.score(score), parameters=parameters)


def trials(n_trials: int = 60) -> list[Trial]:
    """The score has its peak within the learning rates, and hangs a little on the optimizer."""
    optimizers = RANDOM.choice(["adam", "sgd"], n_trials)
    return [
        trial(-abs(np.log(rate) + 5) + 0.5 * (name == "adam"), noise=float(noise), optimizer=name, learning_rate=rate)
        for rate, name, noise in zip(RATES, optimizers, RANDOM.normal(size=n_trials), strict=False)
    ]


def test_what_explains_most_of_the_score_comes_first_also_where_the_best_is_in_the_middle() -> None:
    assert by_effect(trials(), NAMES) == ("learning_rate", "optimizer", "noise")


def test_of_few_trials_the_order_is_left_alone() -> None:
    assert by_effect(trials(MIN_TRIALS - 1), NAMES) == NAMES
    failed = [trial(float("nan"), "failed", noise=0.0, optimizer="sgd", learning_rate=1.0)] * 60
    assert by_effect([*trials(MIN_TRIALS - 1), *failed], NAMES) == NAMES


def test_what_is_off_is_apart_from_small_values() -> None:
    dropped = np.where(np.arange(60) % 2, RANDOM.uniform(0.01, 0.6, 60), 0.0)
    scored = [trial(float(value == 0), dropout=float(value), noise=float(value > 0.3)) for value in dropped]
    assert by_effect(scored, ("noise", "dropout")) == ("dropout", "noise")


def test_equal_scores_and_single_values_have_no_effect() -> None:
    same = [trial(0.5, noise=float(number), constant=1) for number in range(60)]
    assert by_effect(same, ("noise", "constant")) == ("noise", "constant")
    one_value = [replace(each, parameters={**each.parameters, "constant": 1}) for each in trials()]
    assert by_effect(one_value, ("constant", "learning_rate")) == ("learning_rate", "constant")
