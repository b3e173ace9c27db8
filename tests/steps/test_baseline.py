import dataclasses

import numpy as np
import pytest

from autoproc.data.metrics import METRICS, Metric
from autoproc.deadline import Deadline
from autoproc.overfit import paired_noise
from autoproc.plan import make_plan
from autoproc.results import Baseline, Fold, Problem, Trained
from autoproc.spec import Candidate
from autoproc.steps.baseline import _lift_of_chance, _noise_of_mean, train_baseline
from tests.steps.scripted_engine import FOLDS, Script, ScriptedEngine, rises_to

AUC = METRICS["roc_auc"]
PLAN = make_plan(None, {"baseline": {"learning_rates": [1e-3, 1e-2, 1e-1], "max_epochs": 10}})
PROBLEM = Problem("binary", ("y",), ("no", "yes"), (50, 50), (), "")
TARGETS = np.arange(100) % 2
EVERYONE = np.arange(100)
PARTS = [Fold(EVERYONE[k != EVERYONE % 5], EVERYONE[k == EVERYONE % 5]) for k in range(5)]


def baseline(
    script: Script, n_folds: int = 5, metric: Metric = AUC, deadline: Deadline | None = None
) -> tuple[Baseline, ScriptedEngine]:
    engine = ScriptedEngine(script, n_folds)
    return train_baseline(engine, TARGETS, PARTS[:n_folds], PROBLEM, metric, PLAN, deadline or Deadline(None)), engine


def reaches(top: float) -> Script:
    return lambda candidate, epoch: (rises_to(0.99, 10, epoch), rises_to(top, 5, epoch))


def test_the_small_network_is_tried_at_each_learning_rate_without_regularisation() -> None:
    _, engine = baseline(reaches(0.8))
    assert [candidate.train.learning_rate for candidate in engine.started] == [1e-3, 1e-2, 1e-1]
    assert engine.most_running == 3
    for candidate in engine.started:
        assert (candidate.network.depth, candidate.network.width) == (PLAN.baseline.depth, PLAN.baseline.width)
        assert candidate.train.dropout == candidate.train.l1 == candidate.train.weight_decay == 0


def test_the_best_learning_rate_is_kept_and_all_are_told() -> None:
    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        return reaches(0.9 if candidate.train.learning_rate == 1e-2 else 0.6)(candidate, epoch)

    found, _ = baseline(script)
    assert found.network.candidate.train.learning_rate == 1e-2
    assert [trained.candidate.train.learning_rate for trained in found.tried] == [1e-3, 1e-2, 1e-1]
    assert found.dummy.mean == 0.5
    assert found.gain.mean == pytest.approx(0.4)
    assert found.beats_dummy
    assert found.reason.startswith("with learning rate and epoch picked on other folds, it is better by 0.400, beyond")


def test_a_gain_within_the_noise_of_the_folds_beats_nothing() -> None:
    found, _ = baseline(reaches(0.505))
    assert found.gain.mean == pytest.approx(0.005)
    assert not found.beats_dummy and "which is within noise (0.02" in found.reason


def test_a_network_that_is_worse_than_the_dummy_does_not_beat_it() -> None:
    found, _ = baseline(reaches(0.4))
    assert not found.beats_dummy
    assert found.reason.endswith("it is worse by 0.100")


def test_a_lower_score_beats_the_dummy_where_lower_is_better() -> None:
    found, _ = baseline(reaches(0.3), metric=METRICS["log_loss"])
    assert found.dummy.mean == pytest.approx(np.log(2))
    assert found.beats_dummy and found.gain.mean > 0


def test_a_fold_has_no_say_in_its_own_learning_rate_and_epoch() -> None:
    """Each fold has a lucky epoch of its own, at a learning rate of its own: picked by itself, it would score 0.9."""
    rates = PLAN.baseline.learning_rates

    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        lucky = [epoch == 2 + k and candidate.train.learning_rate == rates[k % 3] for k in range(5)]
        return FOLDS + 0.9, np.where(lucky, 0.9, 0.49)

    found, _ = baseline(script)
    assert found.gain.mean == pytest.approx(-0.01)
    assert not found.beats_dummy


def test_folds_of_another_repeat_have_no_say_because_they_validate_the_same_rows() -> None:
    """Two repeats of two folds: what picks for a fold is the one beside it, although the other repeat is luckier."""
    halves = [Fold(EVERYONE[k != EVERYONE % 2], EVERYONE[k == EVERYONE % 2]) for k in range(2)]
    quarters = [Fold(EVERYONE[k != EVERYONE // 50], EVERYONE[k == EVERYONE // 50]) for k in range(2)]
    targets = np.arange(100) // 2 % 2

    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        first, second = (0.6, 0.5) if epoch == 3 else (0.5, 0.9) if epoch == 5 else (0.5, 0.5)
        return np.full(4, 0.9), np.array([first, first, second, second])

    engine = ScriptedEngine(script, 4)
    found = train_baseline(engine, targets, halves + quarters, PROBLEM, AUC, PLAN, Deadline(None))
    assert found.gain.folds == pytest.approx((0.1, 0.1, 0.4, 0.4))


def test_a_member_that_stopped_early_keeps_its_last_score() -> None:
    """At the third epoch all are best on average, with fold 1 at the score of its second and last one."""
    curve = np.array([[0.5, 0.7, np.nan]] + [[0.5, 0.6, 0.8]] * 4)

    class Stopping(ScriptedEngine):
        def collect(self, key: int) -> Trained:
            trained = super().collect(key)
            curves = dataclasses.replace(trained.curves, validation_score=curve)
            return dataclasses.replace(trained, curves=curves)

    engine = Stopping(reaches(0.8))
    found = train_baseline(engine, TARGETS, PARTS, PROBLEM, AUC, PLAN, Deadline(None))
    assert found.gain.folds == pytest.approx((0.2, 0.3, 0.3, 0.3, 0.3))


class PredictingEngine(ScriptedEngine):
    """Predicts the rows of its one fold with a correlation to the target that is given."""

    correlation = 0.0

    def out_of_fold(self, trained: Trained) -> tuple[np.ndarray, ...]:
        rows = PARTS[0].validation
        noise = np.random.default_rng(0).random(len(rows))
        return ((self.correlation * TARGETS[rows] + (1 - self.correlation) * noise).astype(np.float32),)


@pytest.mark.parametrize(("correlation", "beats"), [(0.9, True), (0.3, False)])
def test_a_gain_on_a_single_split_has_to_exceed_the_noise_of_resampled_rows(correlation: float, beats: bool) -> None:
    y = TARGETS[PARTS[0].validation]
    engine = PredictingEngine(lambda candidate, epoch: (np.array([0.9]), np.array([score])), 1)
    engine.correlation = correlation
    score = float(AUC(y, engine.out_of_fold(None)[0][None])[0])  # type: ignore[arg-type]
    assert score > 0.5
    found = train_baseline(engine, TARGETS, PARTS[:1], PROBLEM, AUC, PLAN, Deadline(None))
    assert found.beats_dummy == beats
    assert found.gain.mean == pytest.approx(score - 0.5)
    assert "on the one validation split it is better by" in found.reason
    assert ("beyond noise" if beats else "within noise") in found.reason


def test_folds_that_see_more_and_more_rows_are_judged_by_resampled_rows_not_by_their_spread() -> None:
    """The network is far better in each fold, but by very unlike amounts."""
    forward = [Fold(EVERYONE[:n], EVERYONE[n : n + 16]) for n in (20, 40, 60, 80)]
    tops = np.array([0.7, 0.99, 0.75, 0.95])

    class Engine(ScriptedEngine):
        def out_of_fold(self, trained: Trained) -> tuple[np.ndarray, ...]:
            noise = np.random.default_rng(0).random(100)
            return tuple((0.6 * TARGETS + 0.4 * noise)[fold.validation].astype(np.float32) for fold in forward)

    engine = Engine(lambda candidate, epoch: (np.full(4, 0.99), tops), 4)
    found = train_baseline(engine, TARGETS, forward, PROBLEM, AUC, PLAN, Deadline(None))
    assert found.beats_dummy
    assert found.gain.mean == pytest.approx(tops.mean() - 0.5)


class LabellingEngine(ScriptedEngine):
    """Takes the rows for positive that `labels` (n,) says, whatever the scores of its script."""

    labels = np.zeros(0)

    def out_of_fold(self, trained: Trained) -> tuple[np.ndarray, ...]:
        return tuple(self.labels[fold.validation].astype(np.float32) for fold in _parts(len(self.labels)))


def _parts(n_rows: int) -> list[Fold]:
    rows = np.arange(n_rows)
    return [Fold(rows[k != rows % 5], rows[k == rows % 5]) for k in range(5)]


def labelled(targets: np.ndarray, labels: np.ndarray, scores: np.ndarray, name: str) -> Baseline:
    engine = LabellingEngine(lambda candidate, epoch: (FOLDS + 0.9, scores), 5)
    engine.labels = labels
    parts = _parts(len(targets))
    return train_baseline(engine, targets, parts, PROBLEM, METRICS[name], PLAN, Deadline(None))


def test_folds_that_are_unlike_in_f1_beat_the_dummy_where_all_are_better() -> None:
    """A rare class lies now above 0.5 and now below: what the folds' F1 differ by is no noise of a gain over 0."""
    targets = (np.arange(500) % 50 < 5).astype(np.int64)
    scores = np.array([0.1, 0.6, 0.15, 0.8, 0.35])
    found = labelled(targets, targets, scores, "f1")
    assert paired_noise(scores, 0.25) > scores.mean(), "their spread would hide it"
    assert found.dummy.mean == 0 and found.beats_dummy
    assert found.gain.mean == pytest.approx(scores.mean() - 0.1, abs=0.02), "labels in any order have an F1 of 0.1"


@pytest.mark.parametrize(("score", "beats"), [(0.5, False), (0.8, True)])
def test_an_f1_that_labels_have_in_any_order_is_no_signal(score: float, beats: bool) -> None:
    """The dummy takes no row for positive and scores 0; labels at random score nearly 0.5."""
    targets = (np.arange(500) % 100 < 45).astype(np.int64)
    found = labelled(targets, np.random.default_rng(0).permutation(targets), FOLDS + score, "f1")
    assert found.dummy.mean == 0
    assert found.beats_dummy == beats


def test_repeats_of_the_same_rows_take_nothing_off_the_noise() -> None:
    once = _parts(100)
    assert _noise_of_mean([0.1] * 5, once) == pytest.approx(0.1 / np.sqrt(5))
    assert _noise_of_mean([0.1] * 10, once * 2) == pytest.approx(0.1 / np.sqrt(5))


def test_average_precision_of_an_order_at_random_is_no_gain() -> None:
    y = np.array([1, 1, 1] + 17 * [0])
    random = np.random.default_rng(0).random((20_000, 20))
    metric = METRICS["average_precision"]
    assert metric(y, random).mean() - 0.15 == pytest.approx(_lift_of_chance(y, metric), abs=0.004)
    assert _lift_of_chance(y, AUC) == 0


def test_a_learning_rate_that_diverges_is_left_aside() -> None:
    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        if candidate.train.learning_rate == 1e-1:
            return FOLDS, np.full(5, np.nan)
        return reaches(0.8)(candidate, epoch)

    found, _ = baseline(script)
    assert found.beats_dummy and found.network.failed is None
    assert [trained.failed is not None for trained in found.tried] == [False, False, True]


def test_where_all_diverge_nothing_beats_the_dummy_and_the_reason_says_why() -> None:
    found, _ = baseline(lambda candidate, epoch: (FOLDS, np.full(5, np.nan)))
    assert not found.beats_dummy
    assert found.reason == "every learning rate failed: fold 1 diverged"
    assert np.isnan(found.gain.mean)


def test_time_that_is_over_leaves_an_epoch_of_each() -> None:
    found, _ = baseline(reaches(0.9), deadline=Deadline.after(0.0))
    assert [trained.curves.validation_score.shape[1] for trained in found.tried] == [1, 1, 1]
