from math import inf

import pytest

from autoproc.deadline import NEVER, Deadline, MonotonicClock, training_deadline


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the monotonic clock shows."""
    now = [1000.0]
    monkeypatch.setattr("autoproc.deadline.time.monotonic", lambda: now[0])
    return now


def test_time_runs_out(clock: list[float]) -> None:
    deadline = Deadline.after(60)
    assert (deadline.remaining, deadline.passed) == (60, False)
    clock[0] += 59
    assert (deadline.remaining, deadline.passed) == (1, False)
    clock[0] += 1
    assert (deadline.remaining, deadline.passed) == (0, True)
    clock[0] += 100
    assert (deadline.remaining, deadline.passed) == (0, True)


@pytest.mark.parametrize(("elapsed", "left"), [(0.0, 15.0), (9.0, 6.0), (10.0, 5.0), (14.0, 5.0), (500.0, 5.0)])
def test_what_comes_before_training_is_in_the_time_limit_and_training_has_a_quarter(
    clock: list[float], elapsed: float, left: float
) -> None:
    job = MonotonicClock(origin=clock[0] - elapsed)
    assert training_deadline(20.0, job).remaining == left
    assert training_deadline(None, job).remaining == inf


def test_a_clock_that_is_over_leaves_no_time() -> None:
    class Over:
        now, is_over = 3.0, True

        def tick(self) -> None: ...

    for deadline in (Deadline(10.0, Over()), Deadline(None, Over())):
        assert deadline.passed and deadline.at_least(5.0).passed and deadline.share(0.5).remaining == 0


def test_without_a_limit_it_never_does(clock: list[float]) -> None:
    clock[0] += 1e9
    for deadline in (NEVER, Deadline.after(None), NEVER.share(0.1)):
        assert (deadline.remaining, deadline.passed) == (inf, False)


def test_a_share_is_of_the_time_that_is_left(clock: list[float]) -> None:
    deadline = Deadline.after(100)
    clock[0] += 60
    part = deadline.share(0.25)
    assert part.remaining == 10
    clock[0] += 10
    assert part.passed and not deadline.passed
    clock[0] += 1000
    assert deadline.share(0.5).passed


def test_a_late_deadline_can_be_put_off(clock: list[float]) -> None:
    deadline = Deadline.after(10)
    assert deadline.at_least(3).remaining == 10
    clock[0] += 50
    assert deadline.at_least(3).remaining == 3
    assert NEVER.at_least(3).remaining == inf
