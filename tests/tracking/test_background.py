"""What is told is written later, in order, and an error is not lost. The contract stands in test_tracker.py."""

import threading
from collections.abc import Callable
from typing import cast

import pytest

from autoproc.tracking.background import BackgroundTracker
from autoproc.tracking.mlflow_tracker import MlflowTracker
from autoproc.tracking.tracker import Child, JobStatus


class SlowTracker:
    """Waits for `may_write` before it writes, and notes in which thread it did."""

    run_id = "slow"

    def __init__(self, on_record: Callable[[], None] = lambda: None) -> None:
        self.may_write = threading.Event()
        self.written: list[str] = []
        self.threads: list[str] = []
        self._on_record = on_record

    def record(self, child: Child) -> None:
        assert self.may_write.wait(10)
        self._on_record()
        self.written.append(child.name)
        self.threads.append(threading.current_thread().name)

    def finish(self, status: JobStatus) -> None:
        self.written.append(status)
        self.threads.append(threading.current_thread().name)


def child(name: str) -> Child:
    return Child(name, "trial", "complete", 1.0, 2.0)


def background(slow: SlowTracker) -> BackgroundTracker:
    return BackgroundTracker(cast(MlflowTracker, slow))


def test_nobody_waits_until_the_end_and_the_order_is_kept() -> None:
    slow = SlowTracker()
    tracker = background(slow)
    for name in ("first", "second", "third"):
        tracker.record(child(name))
    assert slow.written == []
    slow.may_write.set()
    tracker.finish("FINISHED")
    assert slow.written == ["first", "second", "third", "FINISHED"]


def test_who_waits_goes_on_when_all_is_written() -> None:
    slow = SlowTracker()
    tracker = background(slow)
    tracker.record(child("first"))
    tracker.record(child("second"))
    threading.Timer(0.05, slow.may_write.set).start()
    tracker.wait()
    assert slow.written == ["first", "second"]
    tracker.finish("FINISHED")


def test_the_record_is_closed_by_the_thread_that_holds_the_jobs_lock() -> None:
    slow = SlowTracker()
    slow.may_write.set()
    tracker = background(slow)
    tracker.record(child("first"))
    tracker.finish("KILLED")
    assert slow.threads[0].startswith("record")
    assert slow.threads[1] == threading.current_thread().name


def test_an_error_comes_out_at_the_end_and_the_record_is_closed_all_the_same() -> None:
    def fail() -> None:
        raise ValueError("a mistake of ours")

    slow = SlowTracker(fail)
    tracker = background(slow)
    tracker.record(child("first"))
    slow.may_write.set()
    with pytest.raises(ValueError, match="a mistake of ours"):
        tracker.finish("FINISHED")
    assert slow.written == ["FINISHED"]
