"""One temperature for all logits: found where it is known, scored on rows that did not choose it, applied."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.metrics import log_loss, roc_auc_score

from autoproc import calibration
from autoproc.calibration import calibrate, fit_temperature, tempered, with_temperature
from autoproc.results import Fold

few = settings(max_examples=30, deadline=None)


def drawn(temperature: float, n_classes: int = 2, n_rows: int = 4000) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Classes drawn by probabilities, and those of a network whose logits are `temperature` times as large."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 1.5, (n_rows, n_classes))
    true = softmax(logits, axis=1)
    y = (random.random((n_rows, 1)) > true.cumsum(axis=1)).sum(axis=1)
    if n_classes == 2:
        return y, expit(temperature * (logits[:, 1] - logits[:, 0])).astype(np.float32)
    return y, softmax(temperature * logits, axis=1).astype(np.float32)


def folds_of(n_rows: int, n_folds: int, repeats: int = 1) -> tuple[Fold, ...]:
    random = np.random.default_rng(1)
    parts = [part for _ in range(repeats) for part in np.array_split(random.permutation(n_rows), n_folds)]
    return tuple(Fold.validating(np.sort(part), n_rows) for part in parts)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_known_temperature_is_found_again(temperature: float, n_classes: int) -> None:
    assert fit_temperature(*drawn(temperature, n_classes)) == pytest.approx(temperature, rel=0.06)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_no_temperature_of_a_grid_has_a_lower_log_loss(n_classes: int) -> None:
    y, p = drawn(2.5, n_classes, 500)
    found = fit_temperature(y, p)
    grid = [log_loss(y, tempered(p, t)) for t in np.geomspace(0.2, 8, 200)]
    assert log_loss(y, tempered(p, found)) <= min(grid) + 1e-9


def test_classes_that_are_told_apart_without_fail_meet_the_lower_bound() -> None:
    y = np.arange(40) % 2
    assert fit_temperature(y, np.where(y == 1, 0.7, 0.3)) == pytest.approx(0.1, rel=0.01)


@few
@given(logits=st.lists(st.floats(-14, 14), min_size=1, max_size=30), temperature=st.floats(0.2, 5), two=st.booleans())
def test_tempered_probabilities_are_those_of_divided_logits(logits: list[float], temperature: float, two: bool) -> None:
    z = np.array(logits)
    if two:
        np.testing.assert_allclose(tempered(expit(z), temperature), expit(z / temperature), atol=2e-3, rtol=1e-3)
        return
    rows = np.stack([z, -z / 2, np.zeros_like(z)], axis=1)
    inside = np.ptp(rows, axis=1) < 12  # smaller probabilities are clipped
    expected = softmax(rows / temperature, axis=1)[inside]
    np.testing.assert_allclose(tempered(softmax(rows, axis=1), temperature)[inside], expected, atol=1e-9)


@few
@given(temperature=st.floats(0.2, 5), seed=st.integers(0, 999))
def test_neither_ranks_nor_labels_hang_on_the_temperature(temperature: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    y, p = np.arange(50) % 2, random.uniform(0.001, 0.999, 50)
    assert roc_auc_score(y, tempered(p, temperature)) == pytest.approx(roc_auc_score(y, p))
    assert ((tempered(p, temperature) >= 0.5) == (p >= 0.5)).all()
    classes = random.dirichlet(np.ones(4), 50)
    assert (tempered(classes, temperature).argmax(axis=1) == classes.argmax(axis=1)).all()


def test_a_temperature_that_helps_is_used_and_both_log_losses_are_told() -> None:
    y, p = drawn(3.0)
    folds = folds_of(len(y), 5)
    parts = [p[fold.validation] for fold in folds]
    found = calibrate(y, folds, parts)
    assert found.used and found.temperature == fit_temperature(
        np.concatenate([y[fold.validation] for fold in folds]), np.concatenate(parts)
    )
    before = [log_loss(y[fold.validation], part.astype(float)) for fold, part in zip(folds, parts, strict=True)]
    assert found.log_loss_before.folds == pytest.approx(before)
    assert len(found.log_loss_after.folds) == 5
    assert found.log_loss_after.mean < found.log_loss_before.mean - 0.1


def test_a_temperature_that_fits_single_folds_alone_is_not_used() -> None:
    """Each fold is off the other way, so that what the one asks for harms the other."""
    (y, over), (_, under) = drawn(4.0), drawn(0.4)
    folds = folds_of(len(y), 2)
    found = calibrate(y, folds, [over[folds[0].validation], under[folds[1].validation]])
    assert not found.used
    assert found.log_loss_after.mean > found.log_loss_before.mean


@pytest.mark.parametrize(("n_folds", "repeats"), [(4, 1), (3, 2), (1, 1)])
def test_no_row_is_scored_at_a_temperature_that_it_helped_to_find(
    n_folds: int, repeats: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_rows = 60
    y = np.arange(n_rows) % 2
    p = 0.2 + np.arange(n_rows) / 100  # the row's number, for those who know
    fitted: list[set[float]] = []

    def note(truth: NDArray[np.int64], probabilities: NDArray[np.floating]) -> float:
        rows = np.rint((probabilities - 0.2) * 100).astype(int)
        assert (y[rows] == truth).all()
        fitted.append(set(rows.tolist()))
        return 1.0 + len(fitted)

    scored: list[set[float]] = []

    def note_scored(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.floating]:
        assert temperature == 1.0 + len(fitted)
        scored.append(set(np.rint((probabilities - 0.2) * 100).astype(int).tolist()))
        return probabilities

    monkeypatch.setattr(calibration, "fit_temperature", note)
    monkeypatch.setattr(calibration, "tempered", note_scored)
    folds = folds_of(n_rows, n_folds, repeats) if n_folds > 1 else (Fold.validating(np.arange(30, 60), n_rows),)
    calibrate(y, folds, [p[fold.validation] for fold in folds])
    *others, everything = fitted
    assert len(others) == len(scored) == (n_folds * repeats if n_folds > 1 else 5)
    for known, mine in zip(others, scored, strict=True):
        assert known and mine and not known & mine
        assert known | mine == everything, "nothing is wasted"


def test_prediction_with_a_temperature_is_that_of_known_values() -> None:
    """Odds of 9 : 1 become 3 : 1 at a temperature of 2 and 81 : 1 at a half; of three classes the roots count."""

    def at(temperature: float, probabilities: list[float] | list[list[float]]) -> NDArray[np.floating]:
        known = np.array(probabilities, dtype=np.float64)
        return with_temperature(lambda matrix: known, temperature)(np.zeros((len(known), 1), np.float32))

    assert at(2.0, [0.9, 0.5, 0.1, 0.0, 1.0]) == pytest.approx([0.75, 0.5, 0.25, 0, 1])
    assert at(0.5, [0.9, 0.1]) == pytest.approx([81 / 82, 1 / 82])
    assert at(2.0, [[0.64, 0.16, 0.04]]) == pytest.approx(np.array([[0.8, 0.4, 0.2]]) / 1.4)


@pytest.mark.parametrize("temperature", [0.5, 0.9, 1.1, 5.0])
def test_probabilities_as_networks_give_them_stay_in_order_next_to_0_and_1(temperature: float) -> None:
    """Those of networks have 32 bits, of which near 1 no two neighbours may fall together, nor tiny ones near 0."""
    one = np.float32(1)
    near_one = [one]
    for _ in range(40):
        near_one.append(np.nextafter(near_one[-1], np.float32(0)))
    rising = np.array([0, 1e-44, 1e-30, 1e-9, 1e-8, 1e-7, 0.01, 0.5, 0.9, 0.99, 0.9999, *near_one[::-1]], np.float32)
    found = with_temperature(lambda matrix: rising, temperature)(np.zeros((len(rising), 1), np.float32))
    assert (np.diff(found) > 0).all()
    assert found[0] >= 0 and found[-1] <= 1


def test_a_low_temperature_keeps_apart_what_32_bits_would_not() -> None:
    found = tempered(np.array([0.9, 0.95, 0.97], np.float32), 0.1)
    assert (np.diff(found) > 0).all()
    assert len(np.unique(found.astype(np.float32))) == 1, "or else this test is of no use"


def test_one_sure_and_wrong_row_is_not_all_that_the_temperature_hangs_on() -> None:
    y, p = drawn(1.0)
    wrong = np.append(p, np.float32(1e-44))
    assert fit_temperature(np.append(y, 1), wrong) == pytest.approx(fit_temperature(y, p), rel=0.1)


def test_a_temperature_of_one_leaves_prediction_as_it_is() -> None:
    def predict(matrix: NDArray[np.float32]) -> NDArray[np.floating]:
        return matrix

    assert with_temperature(predict, 1.0) is predict


def test_probabilities_that_mean_what_they_say_are_seldom_given_a_temperature() -> None:
    """By chance one fits a little better in most samples; beyond one standard error it does in about one of six."""
    n_used = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        probability = random.uniform(0.05, 0.95, 200)
        y = (random.random(200) < probability).astype(np.int64)
        folds = [Fold.validating(np.arange(k, 200, 5), 200) for k in range(5)]
        n_used += calibrate(y, folds, [probability[fold.validation] for fold in folds]).used
    assert n_used <= 15
