from math import inf

import pytest

from autoproc.deadline import NEVER, Deadline


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


def test_it_may_have_begun_before(clock: list[float]) -> None:
    assert Deadline.after(60, since=clock[0] - 25).remaining == 35
    assert Deadline.after(None, since=0.0) == NEVER


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
