import numpy as np
import pytest

from autoproc.data.metrics import METRICS
from autoproc.network.evaluation import Marks
from autoproc.network.member import Member
from autoproc.network.schedule import Schedule
from autoproc.spec import NoScheduler, ReduceLROnPlateau, StepLR, TrainSpec

AUC, LOG_LOSS = METRICS["roc_auc"], METRICS["log_loss"]
NAN, INF = float("nan"), float("inf")
NO_ROWS = Marks(NAN, NAN)


def member(scored=True, scheduler=None, **spec):
    spec = TrainSpec(**{"max_epochs": 20, "patience": 0, "learning_rate": 0.8, **spec})
    return Member(0, 0, spec, scored, Schedule(spec.learning_rate, scheduler or NoScheduler()))


def note(member, score, loss=0.5, train_loss=0.4, metric=AUC):
    """An epoch with this validation score and these losses; whether it is the best."""
    return member.note(Marks(score + 0.1, train_loss), Marks(score, loss), metric)


def test_each_epoch_adds_one_entry_to_every_curve():
    one = member()
    for epoch, score in enumerate((0.5, 0.6, 0.4), start=1):
        note(one, score)
        assert one.epoch == epoch
    assert one.validation_score == [0.5, 0.6, 0.4]
    assert one.train_score == pytest.approx([0.6, 0.7, 0.5])
    assert (one.validation_loss, one.train_loss, one.learning_rate) == ([0.5] * 3, [0.4] * 3, [0.8] * 3)


@pytest.mark.parametrize(
    ("metric", "scores", "better", "best"),
    [
        (AUC, (0.5, 0.7, 0.7, 0.6), [True, True, False, False], (0.7, 2)),
        (LOG_LOSS, (0.5, 0.7, 0.3, 0.3), [True, False, True, False], (0.3, 3)),
        (AUC, (NAN, 0.4, NAN, 0.3), [True, True, False, False], (0.4, 2)),
        (AUC, (0.4, NAN, 0.5), [True, False, True], (0.5, 3)),
    ],
    ids=["higher is better, the first of equals", "lower is better", "undefined at first", "undefined later"],
)
def test_the_best_epoch_is_that_of_the_best_score(metric, scores, better, best):
    one = member()
    assert [note(one, score, metric=metric) for score in scores] == better
    assert (one.best_score, one.best_epoch) == best


def test_without_validation_rows_the_latest_epoch_is_the_best():
    one = member(scored=False, patience=1, max_epochs=3)
    for epoch in (1, 2, 3):
        assert not one.finished
        assert one.note(Marks(0.5, 0.1 * epoch), NO_ROWS, AUC)
        assert one.best_epoch == epoch
    assert one.finished
    assert one.failed is None
    assert np.isnan(one.best_score)


@pytest.mark.parametrize(("patience", "n_epochs"), [(1, 3), (2, 4), (0, 6)])
def test_patience_counts_epochs_without_a_better_score(patience, n_epochs):
    one = member(patience=patience, max_epochs=6)
    while not one.finished:
        note(one, 0.6 if one.epoch == 1 else 0.5)
    assert one.epoch == n_epochs
    assert one.best_epoch == 2


def test_a_member_is_not_finished_before_its_first_epoch():
    assert not member(patience=1).finished


@pytest.mark.parametrize(
    ("loss", "train_loss", "told"), [(NAN, 0.4, "nan"), (INF, 0.4, "inf"), (0.5, INF, "inf"), (0.5, NAN, "nan")]
)
def test_a_loss_that_is_no_number_is_divergence(loss, train_loss, told):
    one = member(scheduler=StepLR(1, 0.5))
    assert note(one, 0.5)
    assert not note(one, 0.9, loss, train_loss)
    assert one.failed == f"diverged in epoch 2: the loss is {told}"
    assert one.finished
    assert (one.best_score, one.best_epoch) == (0.5, 1)
    assert one.validation_score == [0.5, 0.9]
    assert one.schedule.learning_rate == 0.4, "the schedule stands still"


def test_without_validation_rows_the_training_loss_tells_of_divergence():
    one = member(scored=False)
    assert not one.note(Marks(0.5, INF), NO_ROWS, AUC)
    assert one.failed == "diverged in epoch 1: the loss is inf"


def test_one_that_has_failed_keeps_its_reason_and_never_is_better():
    one = member()
    one.failed = "does not fit into the memory"
    assert not one.note(NO_ROWS, NO_ROWS, AUC)
    assert (one.failed, one.best_epoch, one.finished) == ("does not fit into the memory", 0, True)
    assert one.epoch == 1
    assert np.isnan(one.validation_score).all()


def test_the_schedule_sets_the_rate_of_the_coming_epoch():
    one = member(scheduler=StepLR(1, 0.5))
    for _ in range(3):
        note(one, 0.5)
    assert one.learning_rate == [0.8, 0.4, 0.2]


@pytest.mark.parametrize(
    ("scored", "expected"),
    [(True, [0.8, 0.8, 0.4]), (False, [0.8, 0.8, 0.8])],
    ids=["of validation", "of training where there is no validation"],
)
def test_a_plateau_is_one_of_the_loss(scored, expected):
    """The validation loss stays, the training loss falls."""
    one = member(scored=scored, scheduler=ReduceLROnPlateau(0.5, 0))
    for epoch in range(3):
        note(one, 0.5, loss=1.0 if scored else NAN, train_loss=1 / (epoch + 1))
    assert one.learning_rate == expected
