import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from autoproc.data.metrics import METRICS
from autoproc.overfit import TAIL, judge, paired_noise, peak_epoch
from autoproc.results import Curves

N_EPOCHS = 60
EPOCHS = np.arange(1, N_EPOCHS + 1)
# Curves of a score that is better when higher: training always rises; validation rises until epoch 20, and
# then falls, stands still, or goes on rising.
RISING = 1 - np.exp(-EPOCHS / 15)
FALLING_LATE = np.where(EPOCHS <= 20, RISING, RISING[19] - 0.004 * (EPOCHS - 20))
FLAT = np.full(N_EPOCHS, 0.5)


def folds(curve, *, k=5, noise=0.01, apart=0.1, seed=0):
    """The curve as k folds show it: each on a level of its own, with noise from epoch to epoch; (k, E)."""
    random = np.random.default_rng(seed)
    return curve + apart * random.standard_normal((k, 1)) + noise * random.standard_normal((k, len(curve)))


def curves(train_score, validation_score, train_loss=None, validation_loss=None):
    """Curves whose losses go on falling unless they are given."""
    losses = [folds(1 - RISING, k=len(train_score), seed=seed) for seed in (7, 8)]
    return Curves(
        train_score=train_score,
        validation_score=validation_score,
        train_loss=losses[0] if train_loss is None else train_loss,
        validation_loss=losses[1] if validation_loss is None else validation_loss,
        learning_rate=np.full(train_score.shape, 1e-3),
    )


def test_a_clear_overfit_is_seen_by_the_metric():
    verdict = judge("2 x 64", curves(folds(RISING), folds(FALLING_LATE, seed=1)), METRICS["roc_auc"])
    assert verdict.overfit
    assert verdict.measure == "roc_auc"
    assert 17 <= verdict.epoch <= 23
    assert verdict.train_gain == pytest.approx(RISING[-TAIL:].mean() - RISING[19], abs=0.03)
    assert verdict.validation_drop == pytest.approx(FALLING_LATE[19] - FALLING_LATE[-TAIL:].mean(), abs=0.03)
    assert verdict.validation_drop > verdict.noise > 0
    assert verdict.reason.startswith(
        f"2 x 64 overfits: from epoch {verdict.epoch} to 60 training roc auc improves by 0.2"
    )
    assert "validation worsens by 0.1" in verdict.reason


def test_folds_that_lie_far_apart_do_not_hide_it():
    shown = curves(folds(RISING, apart=5), folds(FALLING_LATE, apart=5, seed=1))
    assert judge("net", shown, METRICS["r2"]).overfit


def test_a_metric_that_is_better_when_lower_is_judged_alike():
    up = curves(folds(RISING), folds(FALLING_LATE, seed=1))
    down = curves(-folds(RISING), -folds(FALLING_LATE, seed=1))
    by_r2, by_rmse = judge("net", up, METRICS["r2"]), judge("net", down, METRICS["rmse"])
    assert by_rmse.overfit
    assert (by_rmse.epoch, by_rmse.measure) == (by_r2.epoch, "rmse")
    assert by_rmse.train_gain == pytest.approx(by_r2.train_gain)
    assert by_rmse.validation_drop == pytest.approx(by_r2.validation_drop)


def test_the_wrong_direction_is_not_an_overfit():
    """An error that falls in validation is a gain, however much it looks like a falling score."""
    losing = curves(folds(RISING), folds(FALLING_LATE, seed=1))
    assert not judge("net", losing, METRICS["rmse"]).overfit


def test_a_network_that_still_improves_does_not_overfit():
    verdict = judge("net", curves(folds(RISING), folds(RISING, seed=1)), METRICS["roc_auc"])
    assert not verdict.overfit
    assert verdict.measure == "roc_auc"
    assert verdict.reason.startswith("net does not overfit")


def test_the_reason_says_that_the_best_epoch_is_too_near_the_end():
    steady = EPOCHS / N_EPOCHS
    verdict = judge("net", curves(folds(steady, noise=0), folds(steady, noise=0, seed=1)), METRICS["r2"])
    assert verdict.reason.startswith(f"net does not overfit in 60 epochs: validation is best at epoch {verdict.epoch},")
    assert verdict.epoch >= 59


def wandering(k, kept, random):
    """Noise (k, E) of unit variance, of which each epoch keeps the share `kept` of the one before."""
    steps = random.standard_normal((k, N_EPOCHS))
    for epoch in range(1, N_EPOCHS):
        steps[:, epoch] = kept * steps[:, epoch - 1] + np.sqrt(1 - kept**2) * steps[:, epoch]
    return steps


@pytest.mark.parametrize("kept", [0.0, 0.8])
@pytest.mark.parametrize("k", [1, 3, 5, 10])
def test_flat_validation_that_is_stopped_after_its_peak_is_seldom_taken_for_an_overfit(k, kept):
    """Training rises, validation is noise, and the curves end 12 epochs after the peak, as growth ends them. Before
    peaks were picked by the other folds, 28 % (5 folds) to 90 % (1 fold) of these were said to overfit."""
    random = np.random.default_rng([k, round(10 * kept)])
    said = 0
    for _ in range(100):
        score, loss = wandering(k, kept, random), wandering(k, kept, random)
        ages = ((e, e - peak_epoch(score[:, :e], METRICS["roc_auc"])) for e in range(12, N_EPOCHS + 1))
        end = next((e for e, age in ages if age >= 12), N_EPOCHS)
        train = 10 * folds(RISING, k=k)
        shown = curves(train[:, :end], score[:, :end], -train[:, :end], loss[:, :end])
        said += judge("net", shown, METRICS["roc_auc"]).overfit
    assert said <= 11  # 5 % are 5, with a standard error of 2


def test_a_fall_within_the_noise_is_not_an_overfit():
    slight = FALLING_LATE[19] + (FALLING_LATE - FALLING_LATE[19]) * np.where(EPOCHS <= 20, 1, 0.02)
    verdict = judge("net", curves(folds(RISING), folds(slight, noise=0.05, seed=1)), METRICS["roc_auc"])
    assert not verdict.overfit


def test_validation_that_falls_while_training_falls_too_is_not_an_overfit():
    shown = curves(folds(FALLING_LATE), folds(FALLING_LATE, seed=1))
    verdict = judge("net", shown, METRICS["roc_auc"])
    assert not verdict.overfit
    assert "which is not beyond noise" in verdict.reason


def test_a_single_fold_overfits_beyond_its_own_wobble():
    shown = curves(folds(RISING, k=1), folds(FALLING_LATE, k=1, seed=1))
    verdict = judge("net", shown, METRICS["roc_auc"])
    assert verdict.overfit
    assert np.isfinite(verdict.noise)


def test_a_single_fold_with_few_epochs_after_its_peak_cannot_tell():
    shown = curves(folds(RISING, k=1)[:, :28], folds(FALLING_LATE, k=1, noise=0)[:, :28])
    verdict = judge("net", shown, METRICS["roc_auc"])
    assert not verdict.overfit
    assert np.isnan(verdict.noise)
    assert not verdict.conclusive
    assert verdict.summary == "too few rows or epochs to tell"
    assert verdict.reason.startswith(
        "net: too few epochs to tell whether it overfits, because a single fold needs 10 after its best one: from"
    )


def level(score, noise, seed=0):
    """Training that rises to 0.1 above `score`, and validation that stands still there, with noise."""
    train = folds(score + 0.1 * RISING / RISING[-1], noise=0, apart=0.01)
    return curves(train, folds(np.full(N_EPOCHS, score), noise=noise, apart=0.01, seed=seed))


def test_noise_above_the_gap_between_training_and_validation_is_too_few_rows_to_tell():
    """Noise of 0.5 from epoch to epoch hides a loss of all of the 0.1 by which training is ahead in the end."""
    verdict = judge("net", level(0.5, 0.5), METRICS["roc_auc"])
    assert not verdict.overfit and not verdict.conclusive
    assert verdict.noise > 0.1
    assert verdict.reason.startswith("net: too few rows to tell whether it overfits, because noise (0.")
    assert "training roc auc improves by 0." in verdict.reason


def test_noise_below_the_gap_tells_that_a_level_curve_does_not_overfit():
    verdict = judge("net", level(0.5, 0.02), METRICS["roc_auc"])
    assert not verdict.overfit and verdict.conclusive
    assert verdict.summary == "does not overfit"
    assert verdict.noise < 0.1


def test_training_that_gains_nothing_needs_no_more_rows_to_tell():
    """Whatever the noise of validation: an overfit would show in training."""
    verdict = judge("net", curves(folds(-RISING, noise=0), folds(FLAT, noise=0.5, seed=1)), METRICS["roc_auc"])
    assert not verdict.overfit and verdict.conclusive


def test_what_was_learned_is_enough_to_tell_by():
    """A network too small to overfit has no gap, so that any noise is above it."""
    level_after_rise = np.minimum(RISING, RISING[19])
    shown = curves(folds(level_after_rise, noise=0.001), folds(level_after_rise, noise=0.02, seed=1))
    shown.train_score[:, 20:] += 1e-4 * (EPOCHS[20:] - 20)
    shown.train_score[:] += (shown.validation_score - shown.train_score)[:, -TAIL:].mean()
    verdict = judge("net", shown, METRICS["roc_auc"])
    assert not verdict.overfit and verdict.train_gain > 0
    assert verdict.conclusive


def test_folds_that_fall_by_very_different_amounts_overfit_if_all_fall_smoothly():
    """Drops of 0.05 to 0.3: their spread is not what picking the peak could have gained, which is the curves' wobble.
    Before it was taken for it, and the bound was half as large again."""
    slopes = np.array([0.05, 0.1, 0.1, 0.2, 0.3])[:, None]
    falling = 0.5 - slopes * np.maximum(EPOCHS - 20, 0) / 40 - 0.01 * np.maximum(20 - EPOCHS, 0)
    verdict = judge("net", curves(folds(RISING), folds(np.zeros(N_EPOCHS)) + falling), METRICS["roc_auc"])
    assert verdict.overfit
    assert verdict.noise == pytest.approx(0.12, abs=0.03)


def test_folds_that_fall_by_very_different_amounts_because_they_wobble_do_not():
    random = np.random.default_rng(3)
    shown = curves(folds(RISING), 0.5 + 0.1 * wandering(5, 0.8, random))
    assert judge("net", shown, METRICS["roc_auc"]).noise > 0.12


def test_each_fold_is_measured_from_the_peak_of_the_others():
    """Two folds that peak at different epochs by chance, and are level otherwise, lose nothing."""
    lucky = np.zeros((2, N_EPOCHS))
    lucky[0, 9:12] = lucky[1, 29:32] = 1.0
    verdict = judge("net", curves(folds(RISING, k=2), lucky), METRICS["roc_auc"])
    assert verdict.validation_drop == 0
    assert verdict.epoch in (11, 31)


def test_the_loss_is_looked_at_where_the_metric_stands_still():
    saturated = np.full((5, N_EPOCHS), 0.97)
    shown = curves(saturated, saturated - 0.1, folds(1 - RISING), folds(1 - FALLING_LATE, seed=1))
    verdict = judge("net", shown, METRICS["accuracy"])
    assert verdict.overfit
    assert verdict.measure == "loss"
    assert verdict.validation_drop == pytest.approx(FALLING_LATE[19] - FALLING_LATE[-TAIL:].mean(), abs=0.03)
    assert verdict.reason.startswith("net overfits: ")


def test_without_an_overfit_the_metric_is_reported():
    flat = folds(FLAT, noise=0.001)
    assert judge("net", curves(flat, flat), METRICS["accuracy"]).measure == "accuracy"


def test_a_fall_in_the_last_epochs_comes_too_late_to_count():
    late = 0.3 * (EPOCHS > 57)
    verdict = judge("net", curves(folds(RISING + late), folds(RISING - late, seed=1)), METRICS["roc_auc"])
    assert not verdict.overfit
    assert "does not overfit in 60 epochs: validation is best at epoch 5" in verdict.reason


@pytest.mark.parametrize("n_epochs", [1, 2, 3, 7])
def test_few_epochs_give_a_verdict_too(n_epochs):
    shown = curves(*(folds(RISING[:n_epochs], seed=seed) for seed in range(4)))
    assert not judge("net", shown, METRICS["roc_auc"]).overfit


def test_one_lucky_epoch_is_not_the_peak():
    lucky = folds(FALLING_LATE, noise=0)
    lucky[:, 44] += 0.12
    assert 18 <= peak_epoch(lucky, METRICS["roc_auc"]) <= 22
    assert 18 <= peak_epoch(-lucky, METRICS["rmse"]) <= 22


@given(k=st.integers(2, 12), seed=st.integers(0, 1000))
def test_noise_is_the_bound_of_the_one_sided_t_test(k, seed):
    differences = np.random.default_rng(seed).normal(0.5, 1, k)
    rejected = stats.ttest_1samp(differences, 0, alternative="greater").pvalue < 0.025
    assert rejected == (differences.mean() > paired_noise(differences))


def test_folds_that_overlap_have_more_noise():
    """Five folds of a fifth each: the variance of their mean is 1/5 + 1/4 of theirs, instead of 1/5."""
    differences = np.array([0.1, 0.3, 0.2, 0.4, 0.2])
    assert paired_noise(differences, 0.25) == pytest.approx(paired_noise(differences) * np.sqrt(0.45 / 0.2))


def test_a_single_fold_has_no_paired_noise():
    assert np.isnan(paired_noise(np.array([0.3])))


def test_a_fold_without_a_training_score_gives_a_verdict_too():
    """ROC AUC is not defined where the few training rows that are scored have one class."""
    train = folds(RISING)
    train[3] = np.nan
    verdict = judge("net", curves(train, folds(FALLING_LATE, seed=1)), METRICS["roc_auc"])
    assert not verdict.overfit
    assert verdict.noise > 0
