"""What waits is in the file, whole and in order, whatever becomes of the process that wrote it."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.errors import HomeError
from autoproc.tracking.entries import (
    BatchEntry,
    EndEntry,
    Entry,
    ExperimentTagEntry,
    FileEntry,
    InputEntry,
    ModelEntry,
    ResumeEntry,
    RunEntry,
    Standing,
    from_json,
    to_json,
)
from autoproc.tracking.outbox import DELIVERED, ENTRIES, Address, Outbox, Waiting

ADDRESS = Address("run", "7", "http://host:5000")
ODD = 'a\nb\x00"\u2028\ud800😀'
STANDING = Standing("roc_auc", True, 0.9, 0.8, 0.95, "key", 2)
ENTRIES_OF_EACH_KIND: tuple[Entry, ...] = (
    RunEntry(ODD, ODD, 1, 2, {ODD: ODD}, {"p": "1"}, (("m", 0.5, 3, 1),)),
    BatchEntry((("m", 0.1 + 0.2, 3, 0),), {"p": ODD}, {"t": "x"}),
    FileEntry("jobs/run/plan.yaml", ""),
    InputEntry({"name": ODD}),
    ExperimentTagEntry("key", "value"),
    ModelEntry("jobs/run/mlflow-model", "name", True, STANDING),
    ResumeEntry(),
    EndEntry("FINISHED", 5),
)


def end(number: int) -> EndEntry:
    return EndEntry("FINISHED", number)


def drain(outbox: Outbox) -> list[Entry | None]:
    drained = []
    while outbox:
        drained.append(outbox.first().entry)
        outbox.mark_delivered()
    return drained


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox.make(tmp_path, ADDRESS)


def reopened(folder: Path) -> Outbox:
    found = Outbox.open(folder)
    assert found is not None
    return found


def test_each_kind_of_entry_comes_back_as_it_was_on_one_line_without_pickle() -> None:
    for entry in ENTRIES_OF_EACH_KIND:
        line = to_json(entry)
        assert line.isascii() and "\n" not in line
        assert from_json(line) == entry


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_value_comes_back_to_the_last_bit(value: float) -> None:
    entry = BatchEntry((("m", value, 0, 0),))
    assert from_json(to_json(entry)) == entry


def test_a_bound_that_nobody_knows_stays_unknown() -> None:
    entry = from_json(to_json(ModelEntry("p", "n", False, Standing("rmse", False, 1.0, math.nan, math.nan, "k", 1))))
    assert isinstance(entry, ModelEntry) and math.isnan(entry.standing.low)


def test_what_was_appended_comes_out_in_order_and_once(outbox: Outbox) -> None:
    for number in range(3):
        outbox.append(end(number))
    assert (len(outbox), outbox.first().number) == (3, 1)
    assert drain(outbox) == [end(0), end(1), end(2)]
    outbox.append(end(3))
    assert (outbox.first().number, drain(outbox)) == (4, [end(3)])


def test_another_process_goes_on_where_the_first_has_ended(outbox: Outbox, tmp_path: Path) -> None:
    for number in range(4):
        outbox.append(end(number))
    outbox.mark_delivered()
    outbox.secure()
    again = reopened(tmp_path)
    assert (again.address, len(again), again.first().number) == (ADDRESS, 3, 2)
    assert drain(again) == [end(1), end(2), end(3)]


def test_what_is_set_aside_waits_without_being_due_and_other_processes_know(outbox: Outbox, tmp_path: Path) -> None:
    for number in range(4):
        outbox.append(end(number))
    outbox.set_aside()
    outbox.mark_delivered()
    outbox.set_aside()
    for box in (outbox, reopened(tmp_path)):
        assert (len(box), box.is_due, box.aside, box.first().number) == (3, True, (1, 3), 4)
        assert [box.entry(number) for number in box.aside] == [Waiting(1, end(0)), Waiting(3, end(2))]
    outbox.mark_delivered()
    outbox.mark_aside_delivered(1)
    again = reopened(tmp_path)
    assert (len(again), again.is_due, again.aside) == (1, False, (3,))
    again.mark_aside_delivered(3)
    assert len(reopened(tmp_path)) == 0


def test_a_line_torn_by_a_crash_is_none(outbox: Outbox, tmp_path: Path) -> None:
    outbox.append(end(1))
    with (tmp_path / ENTRIES).open("a") as file:
        file.write('{"kind": "end", "sta')
    assert drain(reopened(tmp_path)) == [end(1)]


def test_a_new_one_does_not_take_an_earlier_ones_count_for_its_own(tmp_path: Path) -> None:
    (tmp_path / DELIVERED).write_text("57")
    Outbox.make(tmp_path, ADDRESS).append(end(1))
    assert drain(reopened(tmp_path)) == [end(1)]


def test_more_may_follow_once_a_torn_line_is_gone(outbox: Outbox, tmp_path: Path) -> None:
    outbox.append(end(1))
    whole = (tmp_path / ENTRIES).read_bytes()
    for torn in (b"", b'{"kind": "end", "sta'):
        (tmp_path / ENTRIES).write_bytes(whole + torn)
        again = reopened(tmp_path)
        again.mend()
        again.append(end(2))
        assert drain(reopened(tmp_path)) == [end(1), end(2)]
        (tmp_path / DELIVERED).unlink()


@pytest.mark.parametrize("damaged", ["{", "[]", '{"kind": "unknown"}', '{"kind": "end"}', "\xff"])
def test_a_damaged_line_is_known_as_such_and_the_rest_stands(outbox: Outbox, tmp_path: Path, damaged: str) -> None:
    outbox.append(end(1))
    with (tmp_path / ENTRIES).open("a", encoding="latin-1") as file:
        file.write(f"{damaged}\n")
    again = reopened(tmp_path)
    assert drain(again) == [end(1), None]


@pytest.mark.parametrize("text", ["", "no number", "-3", "1\n1\nx"])
def test_a_count_that_was_lost_means_to_look_again(outbox: Outbox, tmp_path: Path, text: str) -> None:
    outbox.append(end(1))
    outbox.mark_delivered()
    (tmp_path / DELIVERED).write_text(text)
    assert len(reopened(tmp_path)) == 1


def test_what_cannot_be_appended_leaves_the_outbox_as_it_was(
    outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.append(end(1))
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no device here that is always full")
    with monkeypatch.context() as patched:
        patched.setattr(outbox, "_entries", full)
        with pytest.raises(OSError, match="No space left"):
            outbox.append(end(2))
    outbox.append(end(3))
    assert drain(reopened(tmp_path)) == [end(1), end(3)]


def test_an_entry_of_which_the_disk_takes_a_part_leaves_nothing_of_it(outbox: Outbox, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="the system limits no files")
    outbox.append(end(1))
    before = (tmp_path / ENTRIES).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 5, limits[1]))
    try:
        with pytest.raises(OSError, match="No space left"):
            outbox.append(end(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / ENTRIES).read_bytes() == before
    outbox.append(end(3))
    assert drain(reopened(tmp_path)) == [end(1), end(3)]


def test_a_complete_record_leaves_nothing(outbox: Outbox, tmp_path: Path) -> None:
    outbox.append(end(1))
    outbox.mark_delivered()
    outbox.remove()
    assert list(tmp_path.iterdir()) == []
    assert Outbox.open(tmp_path) is None


@pytest.mark.parametrize("head", ["", "{}", '{"format": 99, "run_id": "r", "experiment_id": "1", "uri": null}', "[1]"])
def test_an_outbox_that_is_none_is_an_error_that_says_what_to_do(tmp_path: Path, head: str) -> None:
    (tmp_path / ENTRIES).write_text(f"{head}\n")
    with pytest.raises(HomeError, match="remove the file"):
        Outbox.open(tmp_path)
