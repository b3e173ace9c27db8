from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoproc.configurations import Ladder, default_training, ladder, neighbours
from autoproc.data.metrics import METRICS
from autoproc.deadline import Deadline
from autoproc.failing import MOST_IN_A_ROW
from autoproc.network.interface import Standing
from autoproc.outcomes import Search
from autoproc.plan import Plan, make_plan
from autoproc.results import Curves, Growth, Score, Trained, Trial
from autoproc.space import Integer, Space, Suggest, Value
from autoproc.space_file import load_space, parse_space
from autoproc.spec import Candidate, TrainSpec
from autoproc.steps.growth import grow_until_overfit
from autoproc.steps.search import DEFAULT, FIRST_CHECK, GROWN, WorseHalfPruner, search_regularisation
from autoproc.tracking.children import trial_child
from tests.steps.scripted_engine import FOLDS, WAITED, Script, ScriptedEngine, rises_to

AUC = METRICS["roc_auc"]
PLAN = make_plan(
    None,
    {
        "trials": 20,
        "train": {"max_epochs": 12},
        "growth": {"rungs": [[1, 8], [1, 16], [1, 32]], "max_epochs": 20, "patience": 5},
    },
)

SPACE = replace(load_space("default"), at_least=None)  # about the rung that growth chose


def by_dropout(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """The best dropout is 0.3."""
    top = 0.8 - abs(candidate.train.dropout - 0.3)
    return rises_to(0.9, 12, epoch), rises_to(top, 8, epoch)


@cache
def grown(script: Script) -> Growth:
    return grow_until_overfit(
        ScriptedEngine(script),
        AUC,
        PLAN,
        Ladder(ladder(PLAN)),
        1e-2,
        Deadline(None),
        lambda number, trained, verdict: None,
    )


def search(
    script: Script = by_dropout,
    plan: Plan = PLAN,
    deadline: Deadline | None = None,
    memory: int | None = None,
    space: Space = SPACE,
) -> tuple[Search, list[tuple[Trial, Trained]], ScriptedEngine]:
    engine, told = ScriptedEngine(script, memory=memory), []
    result = search_regularisation(
        engine,
        AUC,
        plan,
        space,
        grown(by_dropout),
        deadline or Deadline(None),
        lambda trial, trained: told.append((trial, trained)),
    )
    return result, told, engine


def test_the_default_and_its_neighbours_come_before_anything_is_drawn() -> None:
    result, _, _ = search()
    default = result.trials[DEFAULT].parameters
    changes = [{key for key in default if trial.parameters[key] != default[key]} for trial in result.trials[2:7]]
    assert changes == [{"dropout"}, {"factor_rate"}, {"learning_rate"}, {"width"}, {"dropout"}]
    assert [trial.parameters["dropout"] for trial in result.trials[1:7]] == [0, 0.1, 0, 0, 0, 0.25]
    assert [trial.parameters["factor_rate"] for trial in result.trials[1:4]] == [3, 3, 30]


def test_where_classes_weigh_it_is_tried_first_with_less_weight() -> None:
    [(lighter, more_rungs), *others] = neighbours(TrainSpec(class_weights=1.0))
    assert (lighter, more_rungs) == (TrainSpec(class_weights=0.5), 0)
    assert all(training.class_weights == 1.0 for training, _ in others)
    [(unweighed, _), *_] = neighbours(TrainSpec(class_weights=0.3))
    assert unweighed.class_weights == 0.0
    assert neighbours(TrainSpec())[0] == (TrainSpec(), 0)


def test_neighbours_that_the_space_or_the_ladder_cannot_tell_apart_are_tried_once() -> None:
    narrow = parse_space("narrow", "train: {learning_rate: {log: [1.0e-5, 1.0]}}")
    result, _, _ = search(space=narrow)
    rates = [trial.parameters["learning_rate"] for trial in result.trials[1:]]
    assert rates[1] == pytest.approx(0.3 * rates[0]) and len(set(rates)) == len(rates)


def test_every_trial_asked_for_is_finished_and_told_once() -> None:
    result, told, engine = search()
    assert [trial.number for trial in result.trials] == list(range(20))
    assert sorted(trial.number for trial, _ in told) == list(range(20))
    assert result.stopped_by == "trials"
    assert engine.most_running == 4


def test_the_grown_network_and_the_default_come_first() -> None:
    result, _, engine = search()
    first, second = result.trials[:2]
    assert first.state == "complete" and first.parameters["dropout"] == 0
    assert second.parameters["dropout"] == PLAN.train.dropout
    assert second.parameters["weight_decay"] == PLAN.train.weight_decay
    assert engine.started[0].train.dropout == PLAN.train.dropout


def test_the_default_is_tried_exactly_although_the_space_cannot_express_it() -> None:
    """No space has this learning rate, this dropout, or a batch size that is not a power of two."""
    default = {"learning_rate": 0.3, "dropout": 0.97, "batch_size": 77, "optimizer": "rmsprop", "l1": 0.5}
    plan = make_plan(None, {**PLAN.model_dump(), "train": {**PLAN.train.model_dump(), **default}})
    result, _, engine = search(plan=plan)
    wanted = default_training(plan, engine.n_train_rows, 1e-2)
    assert (wanted.learning_rate, wanted.dropout, wanted.batch_size) == (0.3, 0.97, 77)
    chosen = grown(by_dropout).best.trained.candidate
    assert engine.started[0] == replace(chosen, train=wanted)
    assert result.trials[DEFAULT].parameters == engine.started[0].parameters
    assert engine.started[1].train.learning_rate != 0.3


def test_the_best_is_the_best_of_the_complete_ones_with_its_own_weights() -> None:
    result, told, _ = search()
    complete = [(trial, trained) for trial, trained in told if trial.state == "complete"]
    best, trained = max(complete, key=lambda pair: pair[0].score.mean)
    assert result.best == best
    assert result.finalists[0].trained is trained
    assert result.best.score.mean > result.trials[0].score.mean


def test_the_finalists_are_the_five_best_the_default_and_the_grown_network_best_first() -> None:
    result, told, _ = search()
    complete = sorted((trial.score.mean for trial, _ in told if trial.state == "complete"), reverse=True)
    scores = [finalist.trial.score.mean for finalist in result.finalists]
    assert scores == sorted(scores, reverse=True) and scores[:5] == complete[:5]
    numbers = {finalist.trial.number for finalist in result.finalists}
    assert {0, DEFAULT} <= numbers and 5 <= len(numbers) <= 7
    by_number = dict((trial.number, trained) for trial, trained in told)
    assert all(finalist.trained is by_number[finalist.trial.number] for finalist in result.finalists)


def timed_search(seconds: float, growth: Growth | None = None, again: float = 1.0, **changes: object) -> Search:
    """A search of `seconds` in which each epoch of one trial takes 1 second, and the grown network took as many as
    `growth` says."""
    clock, growth = Clock(), growth or grown(by_dropout)
    plan = PLAN.model_copy(update={"trials": 500, **changes})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.monotonic", clock)
        engine = ScriptedEngine(by_dropout, width=1)
        patch.setattr(engine, "train_epoch", clock.ticking(engine.train_epoch))
        space, deadline = SPACE, Deadline.after(seconds)
        result = search_regularisation(engine, AUC, plan, space, growth, deadline, lambda *told: None, again)
    assert result.stopped_by == "time limit"
    return result


def seconds_of(search: Search) -> int:
    return sum(trial.n_epochs for trial in search.trials[1:])


def test_time_is_kept_for_training_the_finalists_again() -> None:
    """The finalists' epochs, again, take more than half of the time."""
    result = timed_search(100)
    assert 50 <= seconds_of(result) < 60, "half of the time is the search's in any case"
    assert result.seconds_an_epoch == pytest.approx(1.0)
    assert seconds_of(timed_search(99.5, again=0.0)) == 99, "an epoch more would be late"


def test_what_the_best_needs_is_kept_also_of_the_first_half() -> None:
    growth = grown(by_dropout)
    best = growth.best.trained
    best = replace(best, seconds=60.0, score=Score.of(0.99 + FOLDS))
    rungs = tuple(replace(rung, trained=best) if rung is growth.best else rung for rung in growth.rungs)
    result = timed_search(100, replace(growth, rungs=rungs))
    assert result.best.number == 0 and 0 < seconds_of(result) <= 40


def test_the_grown_network_needs_no_more_than_it_took() -> None:
    """It had more epochs than 100 seconds are enough for at the search's pace, but was faster."""
    growth = grown(by_dropout)
    best = growth.best.trained
    curves = Curves(*(np.tile(curve, 10) for curve in vars(best.curves).values()))
    best = replace(best, seconds=20.0, curves=curves, score=Score.of(0.99 + FOLDS))
    rungs = tuple(replace(rung, trained=best) if rung is growth.best else rung for rung in growth.rungs)
    result = timed_search(100, replace(growth, rungs=rungs))
    assert best.n_epochs > 100 and result.best.number == 0
    assert 50 <= seconds_of(result) < 75


def test_a_trial_that_still_runs_needs_its_time_again_too() -> None:
    """The second best of all has run since the start."""
    long = PLAN.train.model_copy(update={"max_epochs": 500, "patience": 500, "dropout": 0.3})
    result = timed_search(100, train=long)
    assert result.best.number == DEFAULT and 40 <= seconds_of(result) < 50


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def ticking(self, train: Callable[..., tuple[Standing, ...]]) -> Callable[..., tuple[Standing, ...]]:
        def train_epoch(*engine: ScriptedEngine) -> tuple[Standing, ...]:
            self.now += 1
            return train(*engine)

        return train_epoch


def test_the_worse_half_is_pruned_at_a_check() -> None:
    result, _, _ = search(plan=PLAN.model_copy(update={"trials": 40}))
    pruned = [trial for trial in result.trials if trial.state == "pruned"]
    assert pruned and all(trial.n_epochs >= FIRST_CHECK and trial.reason for trial in pruned)


def by_rate(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Level curves, at a height that the learning rate decides."""
    return FOLDS + 0.9, FOLDS + 0.5 + candidate.train.learning_rate


class Backwards(ScriptedEngine):
    """Tells of its candidates in the opposite order."""

    def train_epoch(self) -> tuple[Standing, ...]:
        return super().train_epoch()[::-1]


@pytest.mark.parametrize("metric", ["roc_auc", "rmse"])
def test_the_worse_half_of_trials_that_arrive_together_is_pruned_in_whatever_order(metric: str) -> None:
    plan = PLAN.model_copy(update={"trials": 16, "train": PLAN.train.model_copy(update={"max_epochs": 9})})
    pruned = []
    for kind in (ScriptedEngine, Backwards):
        result = search_regularisation(
            kind(by_rate, width=15), METRICS[metric], plan, SPACE, grown(by_rate), Deadline(None),
            lambda *told: None,
        )  # fmt: skip
        heights = np.array([0.5 + trial.parameters["learning_rate"] for trial in result.trials])
        worse = heights < np.median(heights) if metric == "roc_auc" else heights > np.median(heights)
        assert result.trials[DEFAULT].state == "complete", "the others are compared with it in the end"
        assert [trial.state == "pruned" for trial in result.trials[2:]] == worse[2:].tolist()
        assert all(trial.n_epochs == (FIRST_CHECK if trial.state == "pruned" else 9) for trial in result.trials[1:])
        pruned.append([trial.state for trial in result.trials])
    assert pruned[0] == pruned[1]
    assert 3 <= pruned[0].count("pruned") <= 8


def pruned_values(
    values: list[float],
    direction: Literal["maximize", "minimize"],
    epoch: int = FIRST_CHECK,
    ended: float | None = None,
) -> set[float]:
    """Which of the trials that report these values at an epoch are pruned, beside one that has ended."""
    study = optuna.create_study(direction=direction, pruner=WorseHalfPruner())
    if ended is not None:
        study.add_trial(optuna.trial.create_trial(value=ended, intermediate_values={epoch: ended}))
    trials = [study.ask() for _ in values]
    for trial, value in zip(trials, values, strict=True):
        trial.report(value, epoch)
    return {value for trial, value in zip(trials, values, strict=True) if trial.should_prune()}


EIGHT = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]


@settings(max_examples=15)
@given(st.permutations(EIGHT))
def test_the_worse_half_is_the_same_in_every_order(values: list[float]) -> None:
    assert pruned_values(values, "maximize") == {1.0, 2.0, 3.0, 4.0}
    assert pruned_values(values, "minimize") == {5.0, 6.0, 7.0, 8.0}


def test_a_trial_that_has_ended_counts_among_the_others() -> None:
    assert pruned_values(EIGHT, "maximize", ended=9.0) == {1.0, 2.0, 3.0, 4.0}
    assert pruned_values(EIGHT, "maximize", ended=0.0) == {1.0, 2.0, 3.0}
    assert pruned_values([1.0], "maximize", ended=2.0) == {1.0}
    assert pruned_values([1.0], "minimize", ended=2.0) == set()


@pytest.mark.parametrize(
    ("epoch", "checked"), [(e, e in (5, 10, 20, 40, 80)) for e in (1, 4, 5, 6, 10, 15, 20, 30, 40)]
)
def test_trials_are_judged_at_epochs_that_double(epoch: int, checked: bool) -> None:
    assert bool(pruned_values(EIGHT, "maximize", epoch)) == checked


def test_a_lone_trial_and_equals_go_on() -> None:
    assert pruned_values([1.0], "maximize") == pruned_values([3.0, 3.0, 3.0], "minimize") == set()


def test_a_diverging_trial_fails_with_its_reason_and_never_wins() -> None:
    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        if candidate.train.dropout > 0.15:
            return FOLDS, np.full(5, np.nan)
        return by_dropout(candidate, epoch)

    result, _, _ = search(script)
    failed = [trial for trial in result.trials if trial.state == "failed"]
    assert failed and all("diverged" in trial.reason for trial in failed)
    assert result.best.state == "complete" and np.isfinite(result.best.score.mean)


def test_a_search_in_which_everything_fails_keeps_the_grown_network() -> None:
    result, _, _ = search(lambda candidate, epoch: (FOLDS, np.full(5, np.nan)))
    assert result.best.number == 0
    assert (result.count("failed"), result.stopped_by) == (19, "trials")
    assert result.advice.startswith("all 19 trials failed (trial 19: fold 1 diverged), so that the grown network")


def diverging(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    return FOLDS, np.full(5, np.nan)


MANY = PLAN.model_copy(update={"trials": 500})


def test_a_search_stops_after_so_many_failures_in_a_row_for_one_cause() -> None:
    result, told, engine = search(diverging, MANY)
    assert result.stopped_by == "failures" and "and the search stopped there" in result.advice
    assert MOST_IN_A_ROW <= result.count("failed") == len(engine.started) <= MOST_IN_A_ROW + 4, "all that ran end"
    assert len(told) == len(result.trials)


def test_a_trial_that_comes_to_a_score_is_new_hope() -> None:
    """Every twentieth trial to start is a good one, which ends long after those that fail beside it."""
    started: list[Candidate] = []

    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        if candidate not in started:
            started.append(candidate)
        good = started.index(candidate) % MOST_IN_A_ROW == 1
        return by_dropout(candidate, epoch) if good else diverging(candidate, epoch)

    result, _, _ = search(script, PLAN.model_copy(update={"trials": 100}))
    assert (len(result.trials), result.stopped_by, result.advice) == (100, "trials", "")
    assert result.count("failed") > 4 * MOST_IN_A_ROW


@dataclass(frozen=True)
class Broken:
    """A leaf that gives what no configuration may have, above `bound`."""

    bound: float

    def sample(self, name: str, suggest: Suggest) -> float:
        value = suggest.number(name, 0.0, 1.0, log=False)
        return value if value <= self.bound else 7.0

    def encode(self, name: str, value: float) -> dict[str, Value]:
        return {name: value}

    def extremes(self) -> tuple[float, ...]:
        return (0.0,)


def test_a_configuration_that_is_not_valid_is_a_failed_trial_with_what_was_suggested() -> None:
    result, told, _ = search(space=replace(SPACE, train={**SPACE.train, "dropout": Broken(0.5)}))
    failed = [trial for trial in result.trials if trial.state == "failed"]
    assert len(result.trials) == 20 and 0 < len(failed) < 19
    for trial in failed:
        assert trial.reason == "the space gave no valid configuration: dropout must be in [0, 1), but is 7.0."
        assert float(trial.parameters["dropout"]) > 0.5 and np.isnan(trial.score.mean)
    assert result.best.number > 0
    for trial, trained in told:
        trial_child(trial, trained)  # can be told to the record


def test_a_space_without_any_valid_configuration_leaves_the_grown_network_and_the_default() -> None:
    result, _, engine = search(plan=MANY, space=replace(SPACE, train={**SPACE.train, "dropout": Broken(-1.0)}))
    assert (result.stopped_by, len(engine.started)) == ("failures", 1)
    assert {trial.number for trial in result.trials if trial.state == "complete"} == {GROWN, DEFAULT}
    assert result.count("failed") == MOST_IN_A_ROW and "Mend the space" in result.advice


@pytest.fixture
def time_for_one_epoch(monkeypatch: pytest.MonkeyPatch) -> Deadline:
    """A deadline that comes in the second epoch of the search."""
    clock, _ = Clock(), grown(by_dropout)
    monkeypatch.setattr("time.monotonic", clock)
    monkeypatch.setattr(ScriptedEngine, "train_epoch", clock.ticking(ScriptedEngine.train_epoch))
    return Deadline.after(1.5)


def test_time_that_is_over_ends_what_runs_as_it_stands(time_for_one_epoch: Deadline) -> None:
    result, told, _ = search(deadline=time_for_one_epoch)
    assert result.stopped_by == "time limit"
    assert len(told) == len(result.trials) == 5
    assert {trial.reason for trial in result.trials[1:]} == {"cut short by the time limit"}


def test_without_any_time_no_trial_is_started_and_the_grown_network_is_left() -> None:
    result, _, engine = search(deadline=Deadline.after(0.0))
    assert (len(result.trials), result.best.number, result.stopped_by) == (1, 0, "time limit")
    assert engine.started == []


def test_trials_that_wait_for_memory_are_trained_when_others_have_left() -> None:
    result, told, engine = search(memory=1)
    assert sorted(trial.number for trial, _ in told) == list(range(20))
    assert result.count("failed") == 0
    assert engine.most_running == 4


def test_a_trial_that_still_waits_when_time_is_over_fails_with_its_reason_and_never_wins(
    time_for_one_epoch: Deadline,
) -> None:
    result, _, _ = search(deadline=time_for_one_epoch, memory=1)
    assert [(trial.state, trial.reason) for trial in result.trials[1:]] == [
        ("complete", "cut short by the time limit"),
        *[("failed", WAITED)] * 3,
    ]
    assert result.best.state == "complete"


def test_one_trial_is_the_grown_network_alone() -> None:
    result, _, engine = search(plan=PLAN.model_copy(update={"trials": 1}))
    assert [trial.number for trial in result.trials] == [0]
    assert engine.started == []


def test_the_same_seed_asks_for_the_same_trials() -> None:
    first, second = search()[0], search()[0]
    other = search(plan=PLAN.model_copy(update={"seed": 1}))[0]
    assert [trial.parameters for trial in first.trials] == [trial.parameters for trial in second.trials]
    assert [trial.parameters for trial in first.trials] != [trial.parameters for trial in other.trials]


def test_trials_move_one_rung_up_or_down_at_most() -> None:
    result, _, _ = search(plan=PLAN.model_copy(update={"trials": 40}))
    widths = {trial.parameters["width"] for trial in result.trials}
    chosen = grown(by_dropout).best.trained.candidate.network.width
    assert widths <= {chosen // 2, chosen, chosen * 2} and len(widths) > 1


def test_a_lower_score_wins_where_lower_is_better() -> None:
    rmse = METRICS["rmse"]
    growth = grown(by_dropout)
    worse = replace(growth.best.trained.score, mean=9.0)
    rungs = tuple(replace(rung, trained=replace(rung.trained, score=worse)) for rung in growth.rungs)
    engine = ScriptedEngine(by_dropout)
    result = search_regularisation(
        engine, rmse, PLAN, SPACE, replace(growth, rungs=rungs), Deadline(None), lambda *told: None
    )
    complete = [trial.score.mean for trial in result.trials if trial.state == "complete"]
    assert result.best.score.mean == min(complete)


def test_trials_take_the_engines_sets_of_folds_in_turn() -> None:
    engine, sets = ScriptedEngine(by_dropout), []
    engine.n_fold_sets = 3
    start = engine.start
    engine.start = lambda key, candidate, fold_set=0: (sets.append((key, fold_set)), start(key, candidate))  # type: ignore[method-assign]
    search_regularisation(engine, AUC, PLAN, SPACE, grown(by_dropout), Deadline(None), lambda *told: None)
    assert sets == [(key, key % 3) for key in range(1, 20)]


def test_the_default_configuration_is_at_least_as_large_as_the_space_asks_and_trials_are_about_it() -> None:
    ladder = grown(by_dropout).ladder
    space = replace(load_space("quick"), rung=Integer(-1, 0), at_least=(ladder[-1].depth, ladder[-1].width))
    result, _, engine = search(plan=PLAN.model_copy(update={"trials": 12}), space=space)
    assert engine.started[0].network == ladder[-1] != grown(by_dropout).best.trained.candidate.network
    assert {candidate.network for candidate in engine.started} == set(ladder[-2:])
    assert result.trials[GROWN].parameters["width"] == grown(by_dropout).best.trained.candidate.network.width
