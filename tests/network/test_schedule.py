import pytest

from autoproc.network.schedule import Schedule
from autoproc.spec import ExponentialLR, MultiStepLR, NoScheduler, ReduceLROnPlateau, Replay, StepLR


def rates(scheduler, losses):
    schedule = Schedule(0.8, scheduler)
    seen = []
    for loss in losses:
        seen.append(schedule.learning_rate)
        schedule.step(loss)
    return seen


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        (NoScheduler(), [0.8] * 6),
        (StepLR(2, 0.5), [0.8, 0.8, 0.4, 0.4, 0.2, 0.2]),
        (MultiStepLR((1, 4), 0.5), [0.8, 0.4, 0.4, 0.4, 0.2, 0.2]),
        (MultiStepLR((3, 3), 0.5), [0.8, 0.8, 0.8, 0.2, 0.2, 0.2]),
        (Replay((0.8, 0.8, 0.2)), [0.8, 0.8, 0.2, 0.2, 0.2, 0.2]),
        (Replay((0.4, 0.0)), [0.4, 0.0, 0.0, 0.0, 0.0, 0.0]),
        (ExponentialLR(0.5), [0.8, 0.4, 0.2, 0.1, 0.05, 0.025]),
    ],
)
def test_rates_by_epoch(scheduler, expected):
    assert rates(scheduler, [1.0] * 6) == pytest.approx(expected)


def test_a_plateau_lowers_the_rate_after_its_patience():
    losses = [1.0, 0.5, 0.6, 0.6, 0.6, 0.1]
    assert rates(ReduceLROnPlateau(0.5, 1), losses) == pytest.approx([0.8, 0.8, 0.8, 0.8, 0.4, 0.4])


def test_a_falling_loss_keeps_the_rate():
    assert rates(ReduceLROnPlateau(0.5, 0), [3.0, 2.0, 1.0, 0.5]) == [0.8] * 4
