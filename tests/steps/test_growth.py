import numpy as np
import pytest

from autoproc.configurations import Ladder
from autoproc.configurations import ladder as capacities
from autoproc.data.metrics import METRICS
from autoproc.deadline import Deadline
from autoproc.errors import NoSignalError
from autoproc.plan import Plan, make_plan
from autoproc.results import Growth, OverfitVerdict, Trained
from autoproc.spec import Candidate
from autoproc.steps.growth import grow_until_overfit
from tests.steps.scripted_engine import FOLDS, Script, ScriptedEngine, rises_to

AUC = METRICS["roc_auc"]
PLAN = make_plan(None, {"growth": {"rungs": [[1, 8], [1, 16], [1, 32], [1, 64]], "max_epochs": 60, "patience": 8}})


Told = tuple[int, Trained, OverfitVerdict | None]


def grow(
    script: Script, deadline: Deadline | None = None, plan: Plan = PLAN, ladder: Ladder | None = None
) -> tuple[Growth, list[Told], ScriptedEngine]:
    engine, told = ScriptedEngine(script), []
    ladder, deadline = ladder or Ladder(capacities(plan)), deadline or Deadline(None)
    growth = grow_until_overfit(engine, AUC, plan, ladder, 1e-2, deadline, lambda *training: told.append(training))
    return growth, told, engine


def overfits_from(width: int) -> Script:
    """Validation grows with the width; from `width` on it falls after epoch 10 (seen as 11: the peak is
    looked for on smoothed curves), from a lower height."""

    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        train = rises_to(0.99, 60, epoch)
        if candidate.network.width < width:
            return train, rises_to(0.7 + candidate.network.width / 1000, 30, epoch)
        return train, rises_to(0.7, 10, epoch, fall=0.01)

    return script


def test_growth_ends_at_the_first_overfitting_rung_that_is_not_better() -> None:
    growth, _, _ = grow(overfits_from(32))
    assert [rung.number for rung in growth.rungs] == [0, 1, 2]
    assert [rung.verdict.overfit for rung in growth.rungs] == [False, False, True]
    assert growth.overfit and growth.witness.number == 2 and growth.witness.verdict.epoch == 11
    assert growth.best.number == growth.chosen
    assert "no longer validates better" in growth.reason


def test_every_training_is_told_of_and_one_a_rung_has_its_verdict() -> None:
    growth, told, engine = grow(overfits_from(32))
    assert [number for number, _, _ in told] == [0, 0, 1, 1, 2, 2]
    assert [trained.candidate for _, trained, _ in told] == engine.started
    judged = [(number, trained, verdict) for number, trained, verdict in told if verdict]
    assert judged == [(rung.number, rung.trained, rung.verdict) for rung in growth.rungs]


def test_an_overfitting_first_rung_is_compared_with_the_next() -> None:
    growth, _, _ = grow(overfits_from(1))
    assert [rung.number for rung in growth.rungs] == [0, 1]
    assert growth.overfit


def test_growth_without_overfitting_climbs_the_whole_ladder_and_says_so() -> None:
    growth, _, _ = grow(overfits_from(1000))
    assert len(growth.rungs) == 4 and not growth.overfit
    assert growth.chosen == 3
    assert growth.reason.startswith("no rung overfits, and growth ended because the ladder has no larger rung: ")


@pytest.mark.parametrize(("gains_at", "rungs"), [(8, [0, 1, 2]), (16, [0, 1, 2, 3]), (32, [0, 1, 2, 3])])
def test_larger_networks_that_validate_no_better_several_times_in_a_row_end_growth(
    gains_at: int, rungs: list[int]
) -> None:
    """Two in a row, here; a rung that validates better starts the count anew."""

    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        return rises_to(0.99, 60, epoch), rises_to(0.8 if candidate.network.width >= gains_at else 0.7, 5, epoch)

    plan = PLAN.model_copy(update={"growth": PLAN.growth.model_copy(update={"most_flat": 2})})
    growth, _, _ = grow(script, plan=plan)
    assert [rung.number for rung in growth.rungs] == rungs
    assert not growth.overfit
    assert growth.best.trained.candidate.network.width == gains_at
    told = "2 larger networks in a row validated no better" if gains_at < 32 else "the ladder has no larger rung"
    assert growth.reason.startswith(f"no rung overfits, and growth ended because {told}: ")


def test_a_better_rung_goes_on_although_it_overfits() -> None:
    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        top = 0.6 + candidate.network.width / 200
        return rises_to(0.99, 60, epoch), rises_to(top, 10, epoch, fall=0.01)

    growth, _, _ = grow(script)
    assert [rung.verdict.overfit for rung in growth.rungs] == [True] * 4
    assert growth.chosen == 3


def test_the_reason_says_where_a_ladder_begins_that_is_not_whole() -> None:
    whole, _, _ = grow(overfits_from(32))
    began, _, _ = grow(
        overfits_from(32), ladder=Ladder(capacities(PLAN)[1:], "growth began at 1 x 16, as 1 x 8 is small")
    )
    assert began.reason == f"{whole.reason}; growth began at 1 x 16, as 1 x 8 is small"
    assert (began.best.trained.candidate, began.ladder) == (whole.best.trained.candidate, whole.ladder[1:])


def test_time_that_is_over_ends_growth_after_one_rung() -> None:
    growth, told, _ = grow(overfits_from(1000), Deadline.after(0.0))
    assert len(growth.rungs) == 1 and not growth.overfit
    assert "growth ended because its time ran out" in growth.reason
    assert [trained.n_epochs for _, trained, _ in told] == [10, 10], "so many the first rung always gets"


@pytest.mark.parametrize(("cut_at", "rungs"), [(1, [0]), (9, [0]), (10, [0, 1])])
def test_a_later_rung_that_time_has_cut_short_is_not_judged(
    cut_at: int, rungs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("autoproc.deadline.time.monotonic", lambda: now)

    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        nonlocal now
        if candidate.network.width == 16 and epoch == cut_at:
            now = 2.0
        return overfits_from(1000)(candidate, epoch)

    growth, told, _ = grow(script, Deadline(1.0))
    assert [rung.number for rung in growth.rungs] == rungs
    assert "growth ended because its time ran out" in growth.reason
    late = [(trained.n_epochs, verdict is not None) for number, trained, verdict in told if number == 1]
    assert [n_epochs for n_epochs, _ in late] == [cut_at, cut_at]
    assert any(judged for _, judged in late) == (1 in rungs)


def test_each_rung_tries_each_learning_rate_and_keeps_the_better_one() -> None:
    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        top = 0.8 if candidate.train.learning_rate < 5e-3 else 0.7
        return rises_to(0.9, 60, epoch), rises_to(top, 20, epoch, fall=0.01)

    growth, _, engine = grow(script)
    assert {candidate.train.learning_rate for candidate in engine.started} == {1e-2, 3e-3}
    assert all(rung.trained.candidate.train.learning_rate == pytest.approx(3e-3) for rung in growth.rungs)
    assert all(c.train.dropout == c.train.l1 == c.train.weight_decay == 0 for c in engine.started)


def test_a_rung_is_given_up_when_its_peak_is_old() -> None:
    growth, _, _ = grow(overfits_from(1))
    n_epochs = growth.rungs[0].trained.curves.validation_score.shape[1]
    assert 10 + PLAN.growth.patience <= n_epochs <= 10 + PLAN.growth.patience + 1


def test_a_diverging_rung_is_passed_over() -> None:
    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        if candidate.network.width == 16:
            return FOLDS, np.full(5, np.nan)
        return overfits_from(32)(candidate, epoch)

    growth, told, _ = grow(script)
    assert [rung.number for rung in growth.rungs] == [0, 2]
    failed = [(trained.failed, verdict) for number, trained, verdict in told if number == 1]
    assert failed == [("fold 1 diverged", None)] * 2


def test_growth_in_which_everything_diverges_is_an_error() -> None:
    with pytest.raises(NoSignalError, match="Every network of the growth ladder failed"):
        grow(lambda candidate, epoch: (FOLDS, np.full(5, np.nan)))
