"""What came of a job's acts is taken from its journal when they come again, with the time at which they were done."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoproc.deadline import StopRequest
from autoproc.errors import HomeError
from autoproc.journal import Head, Journal, is_taken_back, read_head

HEAD = Head({"target": ["y"]}, "fingerprint", "key", "0.1.0", 9)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the monotonic clock shows."""
    now = [100.0]
    monkeypatch.setattr("autoproc.deadline.time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def folder(tmp_path: Path, clock: list[float]) -> Path:
    """A journal of five events, a second each: a value, arrays twice, one of which was forgotten, and an end."""
    folder, request = tmp_path / "journal", StopRequest()
    journal = Journal.begin(folder, HEAD, clock[0], request)
    for number, act in enumerate([1.5, "arrays", "arrays"], start=1):
        clock[0] += 1
        assert journal.once(f"act {number}", acting(journal, act)) == act
    clock[0] += 1
    journal.forget(2)
    request.is_made = True
    clock[0] += 1
    journal.tick()
    return folder


def acting(journal: Journal, came: Any) -> Any:
    def act(number: int) -> Any:
        if came == "arrays":
            journal.keep(number, {"curve": np.array([0.1, np.nan])}, {"a.weight": np.arange(3, dtype=np.float32)})
        return came

    return act


def never(number: int) -> None:
    raise AssertionError("it was done before")


def test_what_was_done_is_not_done_again_and_comes_with_its_time(folder: Path, clock: list[float]) -> None:
    clock[0] = 5000.0
    journal = Journal.resume(folder, clock[0], StopRequest(), True)
    assert (journal.now, journal.is_over, journal.is_replaying) == (0.0, False, True)
    told = [(journal.once(f"act {number}", never), journal.now) for number in (1, 2, 3)]
    assert told == [(1.5, 1.0), ("arrays", 2.0), ("arrays", 3.0)]
    journal.forget(2)
    journal.tick()
    assert (journal.now, journal.is_over, journal.is_replaying) == (5.0, True, False)
    # The time goes on where it stopped, without that in which the job lay still or came so far once more.
    clock[0] += 4
    assert journal.once("act 4", lambda number: number) == 6
    assert (journal.now, journal.is_over) == (5.0, True)
    clock[0] += 3
    journal.tick()
    assert journal.now == journal.stopwatch.now == 8.0


def test_arrays_come_back_as_they_were_and_what_was_forgotten_does_not(folder: Path) -> None:
    journal = Journal.resume(folder, 0.0, StopRequest(), True)
    arrays, forgettable = journal.arrays(3)
    assert np.array_equal(arrays["curve"], [0.1, np.nan], equal_nan=True)
    assert forgettable["a.weight"].dtype == np.float32 and forgettable["a.weight"].tolist() == [0, 1, 2]
    assert journal.arrays(2)[1] == {}


def test_the_clock_stands_still_between_two_events(tmp_path: Path, clock: list[float]) -> None:
    journal = Journal.begin(tmp_path / "journal", HEAD, clock[0] - 9, StopRequest())
    journal.tick()
    clock[0] += 1
    assert (journal.now, journal.stopwatch.now) == (9.0, 10.0)
    clock[0] -= 5  # a clock that is set back does not make time go back
    journal.tick()
    assert journal.now == 9.0


def test_what_is_done_again_to_catch_up_takes_none_of_the_jobs_time(folder: Path, clock: list[float]) -> None:
    journal = Journal.resume(folder, clock[0], StopRequest(), True)
    for name in ("act 1", "act 2", "act 3", "forget 2", "tick"):
        journal.once(name, never)

    def catch_up(number: int) -> None:
        clock[0] += 60
        journal.go_on()
        clock[0] += 2

    journal.once("epoch", catch_up)
    assert journal.now == 7.0


def test_another_act_than_before_is_refused(folder: Path) -> None:
    journal = Journal.resume(folder, 0.0, StopRequest(), True)
    with pytest.raises(HomeError, match="event 1 is 'act 1' where the job comes to 'act 9'"):
        journal.once("act 9", never)


def n_taken(folder: Path) -> int:
    """Of how many events the journal still knows, after which it is as if no more had been there."""
    journal, n_events = Journal.resume(folder, 0.0, StopRequest(), True), 0
    names = iter(["act 1", "act 2", "act 3", "forget 2", "tick"])
    while journal.is_replaying:
        journal.once(next(names), never)
        n_events += 1
    assert len((folder / "events.jsonl").read_bytes().splitlines()) == n_events
    return n_events


@pytest.mark.parametrize("torn", [b"", b'{"what": "act 6", "at"', b'{"what": "act 6"}\n', b"\xff\x00\n", b"[]\n"])
def test_a_torn_line_and_what_follows_it_are_left_out(folder: Path, torn: bytes) -> None:
    events = folder / "events.jsonl"
    events.write_bytes(events.read_bytes() + torn + (b'{"what": "act 7"}\n' if torn.endswith(b"\n") else b""))
    assert n_taken(folder) == 5
    lines = events.read_bytes().splitlines(keepends=True)
    events.write_bytes(b"".join(lines[:2]) + lines[2][:9])
    # The arrays of the second event were forgotten by one that is gone now.
    assert n_taken(folder) == 1


@pytest.mark.parametrize(("name", "n_events"), [("3.npz", 2), ("3.forgettable.npz", 2), ("2.npz", 1)])
def test_an_event_whose_arrays_are_damaged_or_lost_is_done_again(folder: Path, name: str, n_events: int) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    # Without the third event, and so without what came after, the arrays of the second ought to be there.
    assert n_taken(folder) <= n_events


def test_a_whole_journal_is_left_as_it_is(folder: Path) -> None:
    before = (folder / "events.jsonl").read_bytes()
    assert n_taken(folder) == 5
    assert (folder / "events.jsonl").read_bytes() == before


def test_an_act_that_fails_leaves_no_event(tmp_path: Path) -> None:
    journal = Journal.begin(tmp_path / "journal", HEAD, 0.0, StopRequest())
    with pytest.raises(AssertionError, match="done before"):
        journal.once("act", never)
    assert journal.once("act", lambda number: number) == 1


def test_the_head_is_what_was_asked_for(folder: Path, tmp_path: Path) -> None:
    assert read_head(folder) == HEAD
    assert vars(read_head(folder)) == vars(HEAD)
    assert read_head(tmp_path / "nothing") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        (
            json.dumps({"plan": {}, "fingerprint": "", "holdout_key": "", "version": "9.0", "format": 3}),
            "of format 3, of autoproc 9.0",
        ),
    ],
)
def test_a_head_that_is_none_is_refused(folder: Path, text: str, message: str) -> None:
    (folder / "job.json").write_text(text, encoding="utf-8")
    with pytest.raises(HomeError, match=message):
        read_head(folder)


def test_a_journal_that_is_removed_can_no_longer_be_resumed(folder: Path) -> None:
    Journal.resume(folder, 0.0, StopRequest(), True).remove()
    assert not folder.exists()


def test_a_disk_that_is_full_is_said_and_leaves_the_journal_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.resume(folder, 0.0, StopRequest(), True)
    for name in ("act 1", "act 2", "act 3", "forget 2", "tick"):
        journal.once(name, never)
    before = (folder / "events.jsonl").read_bytes()

    def full(array_file: object, **arrays: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("autoproc.journal.np.savez", full)
    with pytest.raises(HomeError, match="the disk is full"):
        journal.once("act 4", acting(journal, "arrays"))
    assert (folder / "events.jsonl").read_bytes() == before


def test_what_was_done_after_an_end_was_asked_for_is_left_out_where_the_job_goes_on_whole(folder: Path) -> None:
    journal = Journal.resume(folder, 0.0, StopRequest(), False)
    assert [journal.once(f"act {number}", never) for number in (1, 2, 3)] == [1.5, "arrays", "arrays"]
    journal.forget(2)
    assert not journal.is_replaying
    assert "tick" not in (folder / "events.jsonl").read_text()


def test_arrays_that_were_forgotten_after_an_end_was_asked_for_are_there_where_that_is_taken_back(
    tmp_path: Path, clock: list[float]
) -> None:
    folder, request = tmp_path / "journal", StopRequest()
    journal = Journal.begin(folder, HEAD, clock[0], request)
    for number in (1, 2, 3):
        journal.once(f"act {number}", acting(journal, "arrays"))
    request.is_made = True
    journal.once("act 4", acting(journal, "arrays"))
    journal.forget(1)
    journal.take_back()
    assert is_taken_back(folder)
    resumed = Journal.resume(folder, 0.0, StopRequest(), False)
    assert not is_taken_back(folder)
    for number in (1, 2, 3):
        resumed.once(f"act {number}", never)
    assert not resumed.is_replaying and len(resumed.arrays(1)[1]) == 1
    resumed.forget(1)
    assert len(resumed.arrays(1)[1]) == 0
