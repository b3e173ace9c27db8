from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autoproc.data.metrics import METRICS
from autoproc.deadline import Deadline
from autoproc.network.averaging import SHARE, equal_shares
from autoproc.network.interface import train_together
from autoproc.outcomes import Finalist, FinalNetworks
from autoproc.results import FRESH, Fold, Protocol, Trained, Trial
from autoproc.spec import Candidate, ExponentialLR, NetworkSpec, ReduceLROnPlateau, Replay, TrainSpec
from autoproc.steps.final import FinalFailedError, NoTimeError, ensemble, everything, fold_networks, refit, train_again
from tests.network.sample_data import sample
from tests.steps.scripted_engine import ScriptedEngine, rises_to

BEST = Candidate(
    NetworkSpec(1, 4), TrainSpec(max_epochs=40, patience=5, dropout=0.2, weight_decay=0.1, scheduler=ExponentialLR(0.9))
)


def trained(*best_epochs: int) -> Trained:
    engine = ScriptedEngine(lambda candidate, epoch: (rises_to(0.9, 5, epoch), rises_to(0.8, 5, epoch)))
    [found] = train_together(engine, [BEST])
    return replace(found, best_epochs=best_epochs)


def test_everything_trains_and_nothing_validates() -> None:
    fold = everything(7)
    assert fold.train.tolist() == list(range(7))
    assert fold.validation.tolist() == []


@pytest.mark.parametrize(
    ("best_epochs", "n_epochs"),
    [((7, 9, 30), 9), ((3, 5, 6, 10, 12), 6), ((4, 5), 4), ((1, 1), 1), ((0, 0), 1), ((12,), 12)],
)
def test_a_refit_takes_the_folds_median_best_epoch(best_epochs: tuple[int, ...], n_epochs: int) -> None:
    engine = ScriptedEngine(lambda candidate, epoch: (np.array([0.9]), np.array([0.1])), n_folds=1)
    again = refit(engine, trained(*best_epochs))
    [candidate] = engine.started
    assert candidate.train.max_epochs == n_epochs
    assert again.curves.validation_score.shape == (1, n_epochs)


def test_what_is_not_trained_to_its_end_in_time_is_no_final_model() -> None:
    passed = Deadline.after(0)
    engine = ScriptedEngine(lambda candidate, epoch: (np.array([0.9]), np.array([0.1])), n_folds=1)
    with pytest.raises(NoTimeError):
        refit(engine, trained(7), passed)
    engine = ScriptedEngine(lambda candidate, epoch: (rises_to(0.9, 5, epoch), rises_to(0.8, 5, epoch)))
    with pytest.raises(NoTimeError):
        train_again(engine, [(trained(7), 1.0)], passed)
    assert train_again(engine, [(trained(7), 1.0)], Deadline.after(1000))[0][0].n_epochs > 1


def test_what_came_to_its_end_as_the_time_ran_out_is_the_final_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last epoch is the one in which the time runs out, of which only those that need more know."""
    now = [0.0]
    monkeypatch.setattr("autoproc.deadline.time.monotonic", lambda: now[0])

    def script(candidate: Candidate, epoch: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        now[0] = 100.0 * (epoch >= 3)
        return np.array([0.9]), np.array([0.1])

    def again(*best_epochs: int) -> Trained:
        now[0] = 0.0
        return refit(ScriptedEngine(script, n_folds=1), trained(*best_epochs), Deadline.after(50))

    assert again(3).n_epochs == 3
    with pytest.raises(NoTimeError):
        again(4)


def with_rates(rates: np.ndarray, *best_epochs: int) -> Trained:
    best = trained(*best_epochs)
    return replace(best, curves=replace(best.curves, learning_rate=rates))


def test_a_refit_changes_nothing_else_of_the_configuration() -> None:
    engine = ScriptedEngine(lambda candidate, epoch: (np.array([0.9]), np.array([0.1])), n_folds=1)
    refit(engine, trained(7))
    [candidate] = engine.started
    replay = Replay((1.0,) * 7)  # the rate of a scripted engine
    assert candidate == replace(BEST, train=replace(BEST.train, max_epochs=7, patience=0, scheduler=replay))


def test_a_refit_takes_the_folds_median_rate_of_each_epoch_among_those_that_trained_it() -> None:
    rates = np.array([[0.4, 0.4, 0.2, 0.2], [0.4, 0.2, 0.1, np.nan], [0.4, 0.2, np.nan, np.nan]])
    engine = ScriptedEngine(lambda candidate, epoch: (np.array([0.9]), np.array([0.1])), n_folds=1)
    refit(engine, with_rates(rates, 4, 3, 3))
    [candidate] = engine.started
    assert isinstance(candidate.train.scheduler, Replay)
    assert candidate.train.scheduler.rates == pytest.approx((0.4, 0.2, 0.15))


def test_the_rates_of_a_real_refit_follow_those_of_folds_that_lower_them_on_a_plateau() -> None:
    problem = sample("regression")
    whole = replace(problem, folds=(everything(len(problem.matrix)),))
    spec = TrainSpec(max_epochs=30, patience=0, batch_size=16, learning_rate=0.05, scheduler=ReduceLROnPlateau(0.5, 0))
    [best] = train_together(problem.engine(), [Candidate(NetworkSpec(1, 8), spec)])
    again = refit(whole.engine(), replace(best, best_epochs=(30, 30, 30)))
    rates = again.curves.learning_rate[0]
    np.testing.assert_allclose(rates, np.median(best.curves.learning_rate, axis=0))
    assert rates[0] == 0.05 and len(set(rates)) > 3


def test_several_refits_start_from_different_weights_and_see_the_same_rows() -> None:
    problem = sample("regression")
    whole = replace(problem, folds=(everything(len(problem.matrix)),) * 3)
    spec = TrainSpec(max_epochs=6, patience=2, batch_size=16, learning_rate=0.01)
    [best] = train_together(problem.engine(), [Candidate(NetworkSpec(1, 4), spec)])
    weights = refit(whole.engine(), best).weights
    assert len(np.unique(weights["hidden.0.weight"], axis=0)) == 3
    assert len(np.unique(weights["target.center"])) == 1


def test_a_refit_of_real_networks_is_one_network_of_all_rows() -> None:
    problem = sample("regression")
    whole = replace(problem, folds=(everything(len(problem.matrix)),))
    spec = TrainSpec(max_epochs=6, patience=2, batch_size=16, learning_rate=0.01)
    [best] = train_together(problem.engine(), [Candidate(NetworkSpec(1, 4), spec)])
    again = refit(whole.engine(), best)
    assert again.failed is None
    assert again.weights.keys() == best.weights.keys()
    assert {len(array) for array in again.weights.values()} == {1}
    assert again.curves.train_loss.shape == (1, max(1, round(float(np.median(best.best_epochs)))))
    assert again.weights["target.center"] == pytest.approx(problem.targets.mean())


# Fold networks and the ensemble

METRIC = METRICS["rmse"]
TRUTH = np.linspace(0, 1, 12)[:, None]
FOLDS = tuple(Fold.validating(np.arange(first, first + 6), 12) for first in (0, 6))
FRESH_FOLDS = tuple(Fold.validating(np.arange(first, 12, 2), 12) for first in (0, 1))
PROTOCOL = Protocol("k_fold", 2, 1, "", 12, 3, FOLDS, fresh=FRESH_FOLDS)


def predict(trained: Trained, folds: Sequence[Fold]) -> list[NDArray[np.float32]]:
    """What a finalist's only weight says: the truth, off by so much, upwards or downwards."""
    off = trained.weights["output.bias"][0, 0]
    return [(TRUTH[fold.validation] + off).astype(np.float32) for fold in folds]


def off_by(off: float, width: int = 2, fold_set: int = 0) -> Trained:
    """A training of two networks that are off by the same."""
    weights = {
        "hidden.0.weight": np.zeros((2, 3, width), np.float32),
        "hidden.0.bias": np.zeros((2, width), np.float32),
        "output.weight": np.zeros((2, 1, width), np.float32),
        "output.bias": np.full((2, 1), off, np.float32),
        SHARE: equal_shares(2),
    }
    candidate = replace(BEST, network=NetworkSpec(1, width))
    return replace(trained(1), weights=weights, candidate=candidate, fold_set=fold_set)


def finalist(number: int, off: float, width: int = 2, fresh: float | None = None) -> Finalist:
    made = off_by(off, width)
    again = None if fresh is None else off_by(fresh, width, FRESH)
    return Finalist(Trial(number, "complete", {}, made.score, 1, 1.0, ""), made, again)


def joined_by(*finalists: Finalist) -> FinalNetworks:
    return ensemble(finalists, PROTOCOL, predict, TRUTH, METRIC)


def test_an_ensemble_takes_each_as_often_as_makes_the_average_best() -> None:
    """+0.3 and -0.1 cancel out at one to three."""
    final = joined_by(finalist(0, -0.1), finalist(1, 0.3, width=5))
    assert final.network == NetworkSpec(1, 5)
    assert final.weights[SHARE].tolist() == pytest.approx([0.375, 0.375, 0.125, 0.125])
    for fold, predicted in zip(FOLDS, final.out_of_fold, strict=True):
        np.testing.assert_allclose(predicted, TRUTH[fold.validation], atol=1e-6)


def test_an_ensemble_of_one_that_no_other_helps_is_that_one() -> None:
    best = finalist(0, 0.1)
    final = joined_by(best, finalist(1, 0.3), finalist(2, 0.2))
    for name, array in best.trained.weights.items():
        np.testing.assert_array_equal(final.weights[name], array)


def test_networks_of_fresh_folds_count_as_much_as_those_of_the_searchs() -> None:
    """-0.1 and 0.1 cancel out; the other finalist has no fresh networks, and is off."""
    final = joined_by(finalist(0, 0.05), finalist(1, -0.1, fresh=0.1))
    assert final.weights[SHARE].tolist() == [0.25] * 4
    assert [training.fold_set for training, _ in final.parts] == [0, FRESH]
    np.testing.assert_allclose(np.concatenate(final.out_of_fold), TRUTH, atol=1e-6)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=4))
def test_an_ensemble_is_never_worse_out_of_fold_than_its_best_member(offs: list[float]) -> None:
    final = joined_by(*(finalist(number, off) for number, off in enumerate(offs)))
    errors = [METRIC.one(TRUTH[fold.validation], part) for fold, part in zip(FOLDS, final.out_of_fold, strict=True)]
    assert np.mean(errors) <= min(map(abs, offs)) + 1e-6


def test_fold_networks_are_the_winners_own_of_both_kinds_of_fold() -> None:
    final = fold_networks(finalist(0, 0.2, fresh=0.4), PROTOCOL, predict)
    assert final.network == NetworkSpec(1, 2)
    assert final.weights["output.bias"][:, 0].tolist() == pytest.approx([0.2, 0.2, 0.4, 0.4])
    np.testing.assert_allclose(final.out_of_fold[1], TRUTH[6:] + 0.3, rtol=1e-6)


def test_fresh_networks_that_failed_are_left_out() -> None:
    broken = finalist(0, 0.2, fresh=0.4)
    assert broken.fresh
    broken = replace(broken, fresh=replace(broken.fresh, failed="fold 1 diverged"))
    assert len(fold_networks(broken, PROTOCOL, predict).weights[SHARE]) == 2


def test_of_repeated_folds_a_row_is_predicted_by_all_networks_that_have_not_seen_it() -> None:
    """Four folds, of two repeats, in one training: out of fold each row stands once, with the mean of two networks."""
    twice = replace(PROTOCOL, kind="repeated_k_fold", repeats=2, splits=(*FOLDS, *FRESH_FOLDS), fresh=())
    made = finalist(0, 0.0)

    def by_fold(trained: Trained, folds: Sequence[Fold]) -> list[NDArray[np.float32]]:
        return [TRUTH[fold.validation].astype(np.float32) + (k >= 2) for k, fold in enumerate(folds)]

    final = fold_networks(made, twice, by_fold)
    assert [len(part) for part in final.out_of_fold] == [6, 6]
    np.testing.assert_allclose(np.concatenate(final.out_of_fold), TRUTH + 0.5, rtol=1e-6)


def test_training_again_keeps_shares_and_sets_of_folds() -> None:
    engine = ScriptedEngine(lambda candidate, epoch: (rises_to(0.9, 5, epoch), rises_to(0.8, 5, epoch)))
    parts = train_again(engine, [(off_by(0.1), 2.0), (off_by(0.2, fold_set=FRESH), 1.0)])
    assert [share for _, share in parts] == [2.0, 1.0]
    assert [training.fold_set for training, _ in parts] == [0, FRESH]
    assert engine.started == [off_by(0.1).candidate] * 2


def test_a_network_that_fails_on_more_rows_is_told() -> None:
    engine = ScriptedEngine(lambda candidate, epoch: (np.ones(5), np.full(5, np.nan)))
    with pytest.raises(FinalFailedError, match="fold 1 diverged"):
        train_again(engine, [(off_by(0.1), 1.0)])
    with pytest.raises(FinalFailedError, match="fold 1 diverged"):
        refit(engine, trained(7))
