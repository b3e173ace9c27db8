"""Who delivers does so beside the job, tries again, and never keeps anybody waiting."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError

from autoproc.tracking.courier import Courier
from autoproc.tracking.delivery import Delivery
from autoproc.tracking.entries import EndEntry
from autoproc.tracking.failures import UploadError, cause
from autoproc.tracking.outbox import Address, Outbox

LOCKED = OperationalError("INSERT", {}, Exception("database is locked"))
NEVER = 3_600.0


class Server:
    """Takes one entry at a time, while it has no `error`, or so many tries have failed by it; `may_answer` holds its
    answers back."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()
        self.taken: list[int] = []
        self.retried: tuple[int, ...] = ()
        self.threads: set[str] = set()
        self.n_tries = 0
        self.most_failures = 1_000_000

    def retry(self, outbox: Outbox, warn: object, enough: Callable[[], bool]) -> Exception | None:
        self.retried += outbox.aside
        return None

    def empty(
        self, outbox: Outbox, warn: object, enough: Callable[[], bool], on_aside: Callable[[UploadError], None]
    ) -> Exception | None:
        while outbox.is_due and not enough():
            self.asked.set()
            assert self.may_answer.wait(10)
            self.n_tries += 1
            if isinstance(self.error, UploadError):
                outbox.set_aside()
                on_aside(self.error)
                continue
            if self.error is not None and self.n_tries <= self.most_failures:
                return self.error
            entry = outbox.first().entry
            assert isinstance(entry, EndEntry)
            self.taken.append(entry.ended_at)
            self.threads.add(threading.current_thread().name)
            outbox.mark_delivered()
        return None


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox.make(tmp_path, Address("run", "0", None))


Make = Callable[..., Courier]


@pytest.fixture
def make(server: Server, outbox: Outbox, told: list[str]) -> Iterator[Make]:
    made: list[Courier] = []

    def courier(pause: float = NEVER, **more: Callable[..., Any]) -> Courier:
        made.append(Courier(outbox, cast(Delivery, server), told.append, pause=lambda n_failures: pause, **more))
        return made[-1]

    yield courier
    server.error = None
    server.may_answer.set()
    for each in made:
        each.close(0.0, 10.0)


@pytest.fixture
def told() -> list[str]:
    return []


def hand(outbox: Outbox, courier: Courier, *numbers: int) -> None:
    for number in numbers:
        outbox.append(EndEntry("FINISHED", number))
        courier.wake()


def test_nobody_waits_for_a_slow_server_and_the_order_is_kept(make: Make, outbox: Outbox, server: Server) -> None:
    server.may_answer.clear()
    courier = make()
    hand(outbox, courier, 1, 2, 3)
    assert server.taken == []
    server.may_answer.set()
    courier.wait(10)
    assert (server.taken, len(outbox), server.threads) == ([1, 2, 3], 0, {"record"})


def test_whoever_waits_goes_on_after_so_much_time(make: Make, outbox: Outbox, server: Server) -> None:
    server.may_answer.clear()
    courier = make()
    hand(outbox, courier, 1)
    courier.wait(0.01)
    assert len(outbox) == 1


@pytest.mark.parametrize("error", [ConnectionRefusedError(111, "refused"), LOCKED, MlflowException("error code 500")])
def test_what_fails_waits_and_is_warned_of_once(
    error: Exception, make: Make, outbox: Outbox, server: Server, told: list[str]
) -> None:
    server.error = error
    courier = make()
    hand(outbox, courier, 1)
    courier.wait(10)
    hand(outbox, courier, 2)
    courier.wait(10)
    assert (server.taken, len(outbox), server.n_tries, len(told)) == ([], 2, 1, 1)


def test_it_is_tried_again_after_a_pause_though_nothing_new_comes(make: Make, outbox: Outbox, server: Server) -> None:
    server.error = OSError("away")
    courier = make(pause=0.001)
    hand(outbox, courier, 1)
    courier.wait(10)
    server.error = None
    for _ in range(1_000):  # at most: a few milliseconds
        if not outbox:
            break
        courier.wake()
        courier.wait(0.01)
    assert server.taken == [1]


@pytest.mark.parametrize(("error", "taken"), [(LOCKED, [1]), (OSError("away"), [])])
def test_at_the_end_a_locked_database_is_tried_twice_and_what_is_away_once(
    error: Exception, taken: list[int], make: Make, outbox: Outbox, server: Server
) -> None:
    server.error, server.most_failures = error, 2
    courier = make()
    hand(outbox, courier, 1)
    courier.wait(10)
    courier.close(10.0, 10.0)
    assert server.taken == taken


def test_the_end_is_a_last_try_at_once(make: Make, outbox: Outbox, server: Server) -> None:
    server.error = OSError("away")
    courier = make()
    hand(outbox, courier, 1, 2)
    courier.wait(10)
    server.error = None
    courier.close(10.0, 10.0)
    assert server.taken == [1, 2]


def test_a_server_that_does_not_answer_at_the_end_is_left(make: Make, outbox: Outbox, server: Server) -> None:
    server.may_answer.clear()
    courier = make()
    hand(outbox, courier, 1)
    courier.close(0.0, 0.01)
    assert len(outbox) == 1


def test_a_server_that_is_slow_at_the_end_is_left_between_two_entries(
    make: Make, outbox: Outbox, server: Server
) -> None:
    server.may_answer.clear()
    courier = make()
    hand(outbox, courier, 1, 2)
    assert server.asked.wait(10)
    courier.close(0.0, 0.0)
    server.may_answer.set()
    courier.close(0.0, 10.0)
    assert server.taken == [1]


def test_what_cannot_be_kept_is_set_aside_and_tried_again_at_the_end_alone(
    make: Make, outbox: Outbox, server: Server, told: list[str]
) -> None:
    server.error = UploadError("read-only")
    courier = make(pause=0.0)
    hand(outbox, courier, 1, 2)
    courier.wait(10)
    server.error = None
    hand(outbox, courier, 3)
    courier.wait(10)
    assert (server.taken, server.retried, len(outbox)) == ([3], (), 2)
    [warning] = told
    assert "could not keep a file or model of the job: read-only" in warning
    courier.close(10.0, 10.0)
    assert server.retried == (1, 2)


def test_other_jobs_wait_for_this_ones_entries(make: Make, outbox: Outbox, server: Server) -> None:
    order: list[str] = []
    begun, is_needed = threading.Event(), threading.Event()

    def others(enough: Callable[[], bool]) -> bool:
        order.append(f"others after {server.taken}")
        begun.set()
        if not server.taken:
            assert is_needed.wait(10) and enough()  # an entry of this job has come
            return False
        assert not enough()
        return True

    courier = make(meanwhile=others, after=lambda: order.append("after"))
    assert begun.wait(10)
    courier.wait(10)  # nobody waits for what others have left
    hand(outbox, courier, 1)
    is_needed.set()
    courier.wait(10)
    hand(outbox, courier, 2)
    courier.close(10.0, 10.0)
    assert order[:2] == ["others after []", "others after [1]"]
    assert order[-1] == "after" and server.taken == [1, 2]


def test_other_jobs_are_done_at_the_end_of_one_that_never_rests(make: Make, outbox: Outbox, server: Server) -> None:
    order: list[list[int]] = []
    server.may_answer.clear()
    outbox.append(EndEntry("FINISHED", 1))
    courier = make(meanwhile=lambda enough: order.append([*server.taken]) or not enough())
    assert server.asked.wait(10)
    ending = threading.Thread(target=courier.close, args=(10.0, 10.0))
    ending.start()
    server.may_answer.set()
    ending.join()
    assert order[-1] == [1]


def test_a_bug_does_not_stop_the_job_and_comes_out_at_its_end(outbox: Outbox, told: list[str]) -> None:
    class Broken:
        def empty(self, *arguments: object) -> None:
            raise ZeroDivisionError("a mistake of ours")

    ended: list[str] = []
    courier = Courier(outbox, cast(Delivery, Broken()), told.append, after=lambda: ended.append("after"))
    hand(outbox, courier, 1)
    courier.wait(10)
    with pytest.raises(ZeroDivisionError, match="a mistake of ours"):
        courier.close(10.0, 10.0)
    assert ended == ["after"]


def test_a_cause_is_one_short_line_without_secrets() -> None:
    assert cause(LOCKED) == "database is locked"
    assert cause(MlflowException("two\nlines.")) == "two lines"
    assert cause(MlflowException("(sqlite3.OperationalError) database is locked\n[SQL: SELECT 1]")).endswith("locked")
    assert cause(OSError()) == "OSError"
    assert len(cause(ValueError("x" * 5000))) == 300
    page = "failed with error code 404 != 200. Response body: '<!DOCTYPE HTML>\\n<html>...'"
    assert cause(MlflowException(f"API request to endpoint /api {page}")) == (
        "API request to endpoint /api failed with error code 404 != 200"
    )
    assert "s3cret" not in cause(MlflowException("API request to http://ann:s3cret@host/api failed"))
