from collections.abc import Callable

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from sqlalchemy.exc import OperationalError

from autoproc.tracking.backlog import MIN_PAUSE_SECONDS, PAUSE_FACTOR, Backlog, cause


class Store:
    """What is written, by a clock that moves by `takes` seconds with each try; fails while `error` is set."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.tries = 0
        self.error: Exception | None = None
        self.now = 0.0
        self.takes = 0.0

    def entry(self, text: str) -> Callable[[], None]:
        def write() -> None:
            self.tries += 1
            self.now += self.takes
            if self.error is not None:
                raise self.error
            self.written.append(text)

        return write


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def backlog(store: Store, told: list[str]) -> Backlog:
    return Backlog(told.append, clock=lambda: store.now)


LOCKED = OperationalError("INSERT", {}, Exception("database is locked"))


@pytest.mark.parametrize("error", [ConnectionRefusedError(111, "refused"), LOCKED, MlflowException("error code 500")])
def test_what_fails_waits_in_order_and_is_warned_of_once(
    error: Exception, backlog: Backlog, store: Store, told: list[str]
) -> None:
    store.error = error
    for text in "abc":
        backlog.write(store.entry(text))
        store.now += 2 * MIN_PAUSE_SECONDS
    assert (store.written, len(backlog), len(told)) == ([], 3, 1)
    store.error = None
    backlog.write(store.entry("d"))
    assert store.written == list("abcd")
    assert not backlog
    assert len(told) == 1


def test_mlflow_is_left_alone_for_a_while_after_a_failure(backlog: Backlog, store: Store) -> None:
    store.error, store.takes = OSError("away"), 10.0
    backlog.write(store.entry("a"))
    store.now += PAUSE_FACTOR * 10.0 - 0.1
    backlog.write(store.entry("b"))
    assert store.tries == 1
    store.now += 0.2
    backlog.write(store.entry("c"))
    assert store.tries == 2


def test_a_quick_failure_is_not_tried_again_at_once(backlog: Backlog, store: Store) -> None:
    store.error = OSError("away")
    for text in "abcdef":
        backlog.write(store.entry(text))
    assert store.tries == 1


def test_flush_does_not_wait(backlog: Backlog, store: Store) -> None:
    store.error = OSError("away")
    backlog.write(store.entry("a"))
    store.error = None
    backlog.flush()
    assert store.written == ["a"]


@pytest.mark.parametrize(
    "error",
    [MlflowException("Changing param values is not allowed", INVALID_PARAMETER_VALUE), FileNotFoundError(2, "gone")],
)
def test_what_is_refused_for_good_is_dropped_with_a_warning(
    error: Exception, backlog: Backlog, store: Store, told: list[str]
) -> None:
    store.error = error
    backlog.write(store.entry("a"))
    store.error = None
    backlog.write(store.entry("b"))
    assert (store.written, len(backlog)) == (["b"], 0)
    assert len(told) == 1
    assert "left out" in told[0]


def test_a_bug_is_not_hidden(backlog: Backlog, store: Store) -> None:
    store.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        backlog.write(store.entry("a"))


def test_a_cause_is_one_short_line() -> None:
    assert cause(LOCKED) == "database is locked"
    assert cause(MlflowException("two\nlines.")) == "two lines"
    assert cause(MlflowException("(sqlite3.OperationalError) database is locked\n[SQL: SELECT 1]")).endswith("locked")
    assert cause(OSError()) == "OSError"
    assert len(cause(ValueError("x" * 5000))) == 300
