import numpy as np
import pytest

from autoproc.failing import MOST_IN_A_ROW, cause_of, failure_advice, failures_in_a_row, is_hopeless
from autoproc.results import Score, Trial, TrialState

Ended = tuple[TrialState, str]
GOOD: Ended = ("complete", "")
PRUNED: Ended = ("pruned", "among the worse half at epoch 5")
NAN: Ended = ("failed", "fold 2 diverged in epoch 7: the loss is nan")
INF: Ended = ("failed", "fold 1 diverged in epoch 1: the loss is inf")
LARGE: Ended = ("failed", "fold 1 does not fit into the memory")


def trials(*ended: Ended, first: int = 2) -> list[Trial]:
    """Trials that the space gave; with a `first` of 1 the default configuration before them."""
    score = Score.of(np.full(3, np.nan))
    return [Trial(number, state, {}, score, 1, 1.0, reason) for number, (state, reason) in enumerate(ended, first)]


def searched(*ended: Ended) -> list[Trial]:
    """The grown network, and what came after it."""
    return trials(GOOD, *ended, first=0)


def test_divergences_are_one_cause_and_memory_is_another() -> None:
    assert cause_of(NAN[1]) == cause_of(INF[1]) != cause_of(LARGE[1])


@pytest.mark.parametrize(
    ("ended", "n_last"),
    [
        ((), 0),
        ((GOOD,), 0),
        ((GOOD, NAN, INF), 2),
        ((NAN, GOOD), 0),
        ((NAN, PRUNED, NAN), 1),
        ((NAN, LARGE, LARGE), 2),
    ],
)
def test_failures_count_from_the_last_other_end_or_cause(ended: tuple[Ended, ...], n_last: int) -> None:
    assert failures_in_a_row(trials(*ended)) == n_last


def test_the_default_configuration_says_nothing_of_the_space() -> None:
    assert failures_in_a_row(trials(NAN, first=1)) == 0
    assert failures_in_a_row([*trials(NAN, NAN), *trials(GOOD, first=1)]) == 2


def test_a_search_is_hopeless_after_so_many_failures_for_one_cause() -> None:
    assert not is_hopeless(trials(*[NAN] * (MOST_IN_A_ROW - 1)))
    assert is_hopeless(trials(*[NAN] * MOST_IN_A_ROW))
    assert not is_hopeless(trials(*[NAN, LARGE] * MOST_IN_A_ROW))


def test_there_is_no_advice_where_the_search_came_to_something() -> None:
    assert failure_advice(searched()) == ""
    assert failure_advice(searched(GOOD, *[NAN] * (MOST_IN_A_ROW - 1))) == ""
    assert failure_advice(searched(NAN, PRUNED)) == ""


def test_a_hopeless_search_says_why_it_stopped_and_what_to_do() -> None:
    told = failure_advice(searched(GOOD, *[INF] * MOST_IN_A_ROW))
    assert told.startswith(f"{MOST_IN_A_ROW} trials in a row failed (trial 21: {INF[1]}), and the search stopped")
    assert "lower `train.learning_rate`" in told and "grown network" not in told


def test_a_search_of_failures_alone_says_that_the_grown_network_is_what_it_comes_to() -> None:
    told = failure_advice(searched(LARGE, LARGE))
    assert told.startswith(f"all 2 trials failed (trial 2: {LARGE[1]}), so that the grown network, trial 0, is what")
    assert "Raise --memory-limit" in told
    assert failure_advice(searched(NAN)).startswith("the only trial failed (trial 1: ")


def test_an_unknown_cause_is_told_as_it_is() -> None:
    told = failure_advice(searched(("failed", "the moon is full")))
    assert told.endswith("(trial 1: the moon is full), so that the grown network, trial 0, is what it comes to.")
