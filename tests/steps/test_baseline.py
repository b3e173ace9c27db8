import dataclasses

import numpy as np
import pytest

from autoproc import process
from autoproc.data.metrics import METRICS, ChosenMetric, Metric
from autoproc.data.relations import UNRELATED, Relations
from autoproc.deadline import Deadline
from autoproc.plan import make_plan
from autoproc.prepared import Prepared
from autoproc.results import Baseline, Fold, Problem, Protocol, Trained
from autoproc.spec import Candidate
from autoproc.steps.baseline import _lift_of_chance, _noise_of_mean, _Resampled, train_baseline
from tests.end_to_end import tables
from tests.steps.scripted_engine import FOLDS, Script, ScriptedEngine, rises_to

AUC = METRICS["roc_auc"]
PLAN = make_plan(None, {"baseline": {"learning_rates": [1e-3, 1e-2, 1e-1], "max_epochs": 10}})
PROBLEM = Problem("binary", ("y",), ("no", "yes"), (50, 50), (), "")
TARGETS = np.arange(100) % 2
EVERYONE = np.arange(100)
PARTS = [Fold(EVERYONE[k != EVERYONE % 5], EVERYONE[k == EVERYONE % 5]) for k in range(5)]
READ = process.inspect(make_plan(None, {"target": tables.TARGETS["binary"]}), tables.table("binary"))


def prepared(
    targets: np.ndarray, folds: list[Fold], metric: Metric = AUC, relations: Relations = UNRELATED
) -> Prepared:
    """Rows with these targets and folds; nothing that is read of a table has a say in the baseline."""
    protocol = Protocol("k_fold", len(folds), 1, "", len(targets), 0, tuple(folds))
    chosen = ChosenMetric(metric, "", ())
    return dataclasses.replace(
        READ, problem=PROBLEM, chosen=chosen, protocol=protocol, targets=targets, relations=relations
    )


def baseline(
    script: Script, n_folds: int = 5, metric: Metric = AUC, deadline: Deadline | None = None
) -> tuple[Baseline, ScriptedEngine]:
    engine = ScriptedEngine(script, n_folds)
    return train_baseline(engine, prepared(TARGETS, PARTS[:n_folds], metric), PLAN, deadline or Deadline(None)), engine


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


def test_a_learning_rate_at_which_a_fold_is_stuck_does_not_hide_what_the_others_learn() -> None:
    """The fastest rate is the best of all on four folds; on the fifth its units have died, in training as well."""

    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        fast = candidate.train.learning_rate == 1e-1
        learned = np.where(fast & (np.arange(5) == 2), 0.0, 0.4 if fast else 0.3)
        return learned - np.log(2), learned + 0.5  # its loss is that of the dummy, less what is learned

    found, _ = baseline(script)
    assert found.beats_dummy
    assert found.gain.folds == pytest.approx((0.3,) * 5)


def test_where_each_learning_rate_is_stuck_on_a_fold_all_are_picked_from() -> None:
    learned = np.array([0.4, 0.4, 0.0, 0.4, 0.4])
    found, _ = baseline(lambda candidate, epoch: (learned - np.log(2), learned + 0.5))
    assert found.gain.folds == pytest.approx(tuple(learned))


def test_folds_of_another_repeat_have_no_say_because_they_validate_the_same_rows() -> None:
    """Two repeats of two folds: what picks for a fold is the one beside it, although the other repeat is luckier."""
    halves = [Fold(EVERYONE[k != EVERYONE % 2], EVERYONE[k == EVERYONE % 2]) for k in range(2)]
    quarters = [Fold(EVERYONE[k != EVERYONE // 50], EVERYONE[k == EVERYONE // 50]) for k in range(2)]
    targets = np.arange(100) // 2 % 2

    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        first, second = (0.6, 0.5) if epoch == 3 else (0.5, 0.9) if epoch == 5 else (0.5, 0.5)
        return np.full(4, 0.9), np.array([first, first, second, second])

    engine = ScriptedEngine(script, 4)
    found = train_baseline(engine, prepared(targets, halves + quarters), PLAN, Deadline(None))
    assert found.gain.folds == pytest.approx((0.1, 0.1, 0.4, 0.4))


def test_a_member_that_stopped_early_keeps_its_last_score() -> None:
    """At the third epoch all are best on average, with fold 1 at the score of its second and last one."""
    curve = np.array([[0.5, 0.7, np.nan]] + [[0.5, 0.6, 0.8]] * 4)

    class Stopping(ScriptedEngine):
        def collect(self, key: int) -> Trained:
            trained = super().collect(key)
            curves = dataclasses.replace(trained.curves, validation_score=curve)
            return dataclasses.replace(trained, curves=curves, best_epochs=(2, 3, 3, 3, 3))

    engine = Stopping(reaches(0.8))
    found = train_baseline(engine, prepared(TARGETS, PARTS), PLAN, Deadline(None))
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
    found = train_baseline(engine, prepared(TARGETS, PARTS[:1]), PLAN, Deadline(None))
    assert found.beats_dummy == beats
    assert found.gain.mean == pytest.approx(score - 0.5)
    assert "on the one validation split it is better by" in found.reason
    assert ("beyond noise" if beats else "within noise") in found.reason


def test_folds_that_see_more_and_more_rows_are_judged_by_resampled_rows_not_by_their_spread() -> None:
    """The network is far better in each fold, but by very unlike amounts."""
    forward = [Fold(EVERYONE[:n], EVERYONE[n : n + 16]) for n in (20, 40, 60, 80)]
    tops = np.array([0.7, 0.99, 0.75, 0.95])
    in_time = Relations(times=np.arange(100.0))

    class Engine(ScriptedEngine):
        def out_of_fold(self, trained: Trained) -> tuple[np.ndarray, ...]:
            noise = np.random.default_rng(0).random(100)
            return tuple((0.6 * TARGETS + 0.4 * noise)[fold.validation].astype(np.float32) for fold in forward)

    engine = Engine(lambda candidate, epoch: (np.full(4, 0.99), tops), 4)
    found = train_baseline(engine, prepared(TARGETS, forward, AUC, in_time), PLAN, Deadline(None))
    assert found.beats_dummy
    assert found.gain.mean == pytest.approx(tops.mean() - 0.5)


def test_folds_by_group_are_judged_by_their_spread_however_unlike_in_size() -> None:
    """Each group is a fold, so that no part of it could be drawn again; and nothing is predicted."""
    groups = np.repeat(np.arange(4), [10, 20, 30, 40])
    folds = [Fold(EVERYONE[groups != k], EVERYONE[groups == k]) for k in range(4)]
    for top, beats in ((0.9, True), (0.51, False)):
        engine = ScriptedEngine(lambda candidate, epoch, top=top: (np.full(4, 0.9), top + FOLDS[:4]), 4)
        found = train_baseline(engine, prepared(TARGETS, folds, AUC, Relations(groups)), PLAN, Deadline(None))
        assert found.beats_dummy == beats


class OneSplit(ScriptedEngine):
    """Validates on the last 60 of 100 rows, and predicts them at an AUC of 0.75."""

    split = Fold(EVERYONE[:40], EVERYONE[40:])
    predicted = np.where(np.arange(100) // 2 % 2, TARGETS, 0.5).astype(np.float32)

    def out_of_fold(self, trained: Trained) -> tuple[np.ndarray, ...]:
        return (self.predicted[self.split.validation],)


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        (None, "beyond noise"),
        (EVERYONE // 20, "which is within noise"),  # three groups tell little, however many rows they have
        (np.repeat([0, 1], [40, 60]), "but all rows that validate hang together, so noise is not known"),
    ],
)
def test_on_a_single_split_the_rows_of_a_group_are_drawn_together(groups: np.ndarray | None, told: str) -> None:
    engine = OneSplit(lambda candidate, epoch: (np.array([0.9]), np.array([0.75])), 1)
    case = prepared(TARGETS, [OneSplit.split], AUC, Relations(groups))
    # In the last group the other way round, so that groups are unlike.
    engine.predicted = OneSplit.predicted if groups is None else np.where(EVERYONE < 80, TARGETS, 1 - TARGETS)
    found = train_baseline(engine, case, PLAN, Deadline(None))
    assert told in found.reason
    assert found.beats_dummy == (groups is None)


def test_draws_for_which_the_metric_is_not_defined_tell_nothing_of_noise() -> None:
    """All positive rows are of one of ten groups: without it average precision would be 0, for the dummy too."""
    targets = np.where((EVERYONE >= 94) | (EVERYONE < 10), 1, 0)
    engine = OneSplit(lambda candidate, epoch: (np.array([0.9]), np.array([1.0])), 1)
    engine.predicted = targets.astype(np.float32)
    case = prepared(targets, [OneSplit.split], METRICS["average_precision"], Relations(EVERYONE // 6))
    found = train_baseline(engine, case, PLAN, Deadline(None))
    assert found.beats_dummy


class LosingEngine(ScriptedEngine):
    """Its validation losses are `loss` (K,) in each epoch, whatever the scores of its script."""

    loss = np.zeros(5)

    def collect(self, key: int) -> Trained:
        trained = super().collect(key)
        loss = np.repeat(self.loss[:, None], trained.n_epochs, axis=1)
        return dataclasses.replace(trained, curves=dataclasses.replace(trained.curves, validation_loss=loss))


@pytest.mark.parametrize(
    ("name", "score", "loss", "beats"),
    [
        ("f1", 0.6, np.log(2) + FOLDS, False),  # labels at random have an F1, too; the dummy takes no row for positive
        ("f1", 0.6, 0.5 + FOLDS, True),
        ("f1", 0.6, 0.5 + 5 * FOLDS, True),
        ("accuracy", 0.5, 0.5 + FOLDS, True),  # as good as the dummy, but for lack of a threshold
    ],
)
def test_a_metric_of_labels_is_judged_by_the_log_loss(name: str, score: float, loss: np.ndarray, beats: bool) -> None:
    engine = LosingEngine(lambda candidate, epoch: (FOLDS + 0.9, FOLDS + score), 5)
    engine.loss = loss
    found = train_baseline(engine, prepared(TARGETS, PARTS, METRICS[name]), PLAN, Deadline(None))
    assert found.beats_dummy == beats
    assert found.gain.mean == pytest.approx(np.log(2) - loss.mean(), abs=1e-6)
    assert found.network.score.mean == pytest.approx(score), "what is told is the metric that was asked for"
    assert found.reason.startswith("by log loss (labels at random can beat the dummy too), with learning rate")


def test_the_noise_of_the_log_loss_is_that_of_the_weights_that_lose_least() -> None:
    """The learning rate with the best labels is sure of itself, and wrong at times: that would hide any lead."""
    calm, sure = np.where(TARGETS, 0.8, 0.2), np.where(EVERYONE % 10 > 1, TARGETS, 1 - TARGETS)

    class Engine(OneSplit):
        def collect(self, key: int) -> Trained:
            trained = super().collect(key)
            is_sure = trained.candidate.train.learning_rate == 1e-1
            loss = np.full((1, trained.n_epochs), 3.2 if is_sure else 0.22)
            return dataclasses.replace(trained, curves=dataclasses.replace(trained.curves, validation_loss=loss))

        def out_of_fold(self, trained: Trained) -> tuple[np.ndarray, ...]:
            is_sure = trained.candidate.train.learning_rate == 1e-1
            return ((sure if is_sure else calm)[self.split.validation],)

    labels = {1e-3: 0.6, 1e-2: 0.6, 1e-1: 0.8}
    engine = Engine(lambda candidate, epoch: (np.ones(1), np.array([labels[candidate.train.learning_rate]])), 1)
    found = train_baseline(engine, prepared(TARGETS, [OneSplit.split], METRICS["f1"]), PLAN, Deadline(None))
    assert found.network.candidate.train.learning_rate == 1e-1
    assert found.beats_dummy


def test_few_parts_tell_noise_badly_and_repeats_of_the_same_rows_take_nothing_off() -> None:
    many, few = _Resampled(0.1, 1_000), _Resampled(0.1, 3)
    once = _noise_of_mean([many] * 5, PARTS)
    assert once == pytest.approx(3 * 0.1 / np.sqrt(5), rel=0.01), "three standard errors"
    assert _noise_of_mean([many] * 10, PARTS * 2) == pytest.approx(once)
    assert _noise_of_mean([few] * 5, PARTS) > 1.3 * once
    assert np.isnan(_noise_of_mean([], PARTS))


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


def test_what_an_order_at_random_gains_is_told_where_it_is_taken_off() -> None:
    found, _ = baseline(reaches(0.9), metric=METRICS["average_precision"])
    lift = _lift_of_chance(TARGETS[PARTS[0].validation], METRICS["average_precision"])
    assert found.gain.mean == pytest.approx(0.9 - 0.5 - lift)
    assert found.reason.endswith(f", not counting the {lift:.4f} that an order at random gains")
