"""Receipts: one for each opening, never two first ones, and a damaged one still counts."""

import errno
import json
import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from autoproc.data.receipts import check_unopened, previous_receipts, write_receipt
from autoproc.errors import AutoprocError, HomeError, PlanError
from autoproc.outcomes import Receipt

KEY = "0123456789abcdef"


def test_a_holdout_without_a_receipt_was_never_opened(tmp_path: Path) -> None:
    assert previous_receipts(tmp_path / "none", KEY) == ()
    check_unopened(tmp_path / "none", KEY, None)


def test_a_receipt_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    receipt = write_receipt(tmp_path, KEY, "run-1", "fingerprint", None)
    assert previous_receipts(tmp_path, KEY) == (receipt,)
    assert (receipt.key, receipt.run_id, receipt.table, receipt.opening) == (KEY, "run-1", "fingerprint", 1)
    assert Path(receipt.path) == tmp_path / "receipts" / f"{KEY}.1.json"
    opened_at = datetime.fromisoformat(receipt.opened_at)
    assert opened_at.tzinfo == UTC and opened_at.microsecond == 0
    assert json.loads(Path(receipt.path).read_text(encoding="utf-8"))["opening"] == 1


def test_a_refusal_tells_the_score_that_the_first_opening_came_to(tmp_path: Path) -> None:
    write_receipt(tmp_path, KEY, "run-1", "fingerprint", None)
    with pytest.raises(PlanError, match=r"by run run-1, with no score \("):
        check_unopened(tmp_path, KEY, None)
    (tmp_path / "jobs" / "run-1").mkdir(parents=True)
    verdict = {"metric": "rmse", "score": 4.2, "interval": [3.9, 4.5]}
    (tmp_path / "jobs" / "run-1" / "result.json").write_text(json.dumps({"verdict": verdict}), encoding="utf-8")
    with pytest.raises(PlanError, match=r"by run run-1, with rmse 4.200 \(95 %: 3.900 to 4.500\)\. It may"):
        check_unopened(tmp_path, KEY, None)


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_a_second_opening_without_a_reason_is_refused_and_names_the_first(tmp_path: Path, reason: str | None) -> None:
    first = write_receipt(tmp_path, KEY, "run-1", "fingerprint", None)
    for again in (
        lambda: check_unopened(tmp_path, KEY, reason),
        lambda: write_receipt(tmp_path, KEY, "run-2", "fingerprint", reason),
    ):
        with pytest.raises(PlanError, match=r"opened before.*--reopen-holdout REASON") as refused:
            again()
        assert "run-1" in str(refused.value) and first.opened_at in str(refused.value)
    assert previous_receipts(tmp_path, KEY) == (first,)


def test_a_reason_opens_again_and_is_kept(tmp_path: Path) -> None:
    first = write_receipt(tmp_path, KEY, "run-1", "fingerprint", "not needed yet")
    check_unopened(tmp_path, KEY, "the metric was wrong")
    second = write_receipt(tmp_path, KEY, "run-2", "fingerprint", " the métric was wrong ")
    assert (first.opening, first.reason) == (1, None)
    assert (second.opening, second.reason) == (2, "the métric was wrong")
    assert previous_receipts(tmp_path, KEY) == (first, second)
    with pytest.raises(PlanError, match=r"run run-1, with no score \(.*\); and 1 more since"):
        check_unopened(tmp_path, KEY, None)


def test_receipts_are_sorted_by_number_and_belong_to_one_holdout(tmp_path: Path) -> None:
    for i in range(11):
        write_receipt(tmp_path, KEY, f"run-{i}", "fingerprint", "again")
    write_receipt(tmp_path, f"{KEY}0", "other", "fingerprint", None)
    (tmp_path / "receipts" / f"{KEY}.note.json").write_text("{}", encoding="utf-8")
    assert [receipt.opening for receipt in previous_receipts(tmp_path, KEY)] == list(range(1, 12))
    check_unopened(tmp_path, "f" * 16, None)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}", b"null", b"\xff\xfe", b'{"run_id": "run-1"}'])
def test_a_damaged_receipt_counts_as_an_opening(tmp_path: Path, damage: bytes) -> None:
    path = Path(write_receipt(tmp_path, KEY, "run-1", "fingerprint", None).path)
    path.write_bytes(damage)
    (found,) = previous_receipts(tmp_path, KEY)
    assert (found.opening, found.run_id, found.path) == (1, "unknown", str(path))
    with pytest.raises(PlanError, match="is damaged, but counts"):
        write_receipt(tmp_path, KEY, "run-2", "fingerprint", None)
    assert write_receipt(tmp_path, KEY, "run-2", "fingerprint", "mended").opening == 2


def test_a_lost_first_receipt_does_not_give_its_number_back(tmp_path: Path) -> None:
    first = write_receipt(tmp_path, KEY, "run-1", "fingerprint", None)
    write_receipt(tmp_path, KEY, "run-2", "fingerprint", "again")
    Path(first.path).unlink()
    with pytest.raises(PlanError, match="run-2"):
        check_unopened(tmp_path, KEY, None)
    assert write_receipt(tmp_path, KEY, "run-3", "fingerprint", "again").opening == 3


def _race(home: Path, n_threads: int, reason: str | None) -> list[Receipt | AutoprocError]:
    start = threading.Barrier(n_threads)
    results: list[Receipt | AutoprocError] = []

    def open_one(i: int) -> None:
        start.wait()
        try:
            results.append(write_receipt(home, KEY, f"run-{i}-{reason}", "fingerprint", reason))
        except AutoprocError as error:
            results.append(error)

    threads = [threading.Thread(target=open_one, args=(i,)) for i in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("attempt", range(10))
def test_of_several_at_once_one_has_the_first_opening(tmp_path: Path, attempt: int) -> None:
    results = _race(tmp_path, 4, None)
    assert [result.opening for result in results if isinstance(result, Receipt)] == [1]
    assert sum(isinstance(result, PlanError) for result in results) == 3


def test_with_a_reason_several_at_once_have_an_opening_each(tmp_path: Path) -> None:
    results = _race(tmp_path, 6, "all at once")
    assert sorted(result.opening for result in results if isinstance(result, Receipt)) == [1, 2, 3, 4, 5, 6]


def test_a_receipt_that_appears_while_one_is_written_refuses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = Path.mkdir

    def late(self: Path, *args: object, **options: object) -> None:
        monkeypatch.setattr(Path, "mkdir", mkdir)
        write_receipt(tmp_path, KEY, "faster", "fingerprint", None)

    monkeypatch.setattr(Path, "mkdir", late)
    with pytest.raises(PlanError, match="by run faster"):
        write_receipt(tmp_path, KEY, "slower", "fingerprint", None)
    assert [receipt.run_id for receipt in previous_receipts(tmp_path, KEY)] == ["faster"]


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "receipts").write_text("in the way", encoding="utf-8")
    for use in (
        lambda: previous_receipts(tmp_path, KEY),
        lambda: write_receipt(tmp_path, KEY, "run", "fingerprint", None),
    ):
        with pytest.raises(HomeError, match="no holdout is opened"):
            use()


def test_a_receipt_that_did_not_reach_the_disk_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(HomeError, match="the disk is full"):
        write_receipt(tmp_path, KEY, "run", "fingerprint", None)
    assert list((tmp_path / "receipts").iterdir()) == []


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EBADF, errno.EOPNOTSUPP])
def test_a_file_system_that_cannot_sync_a_folder_has_receipts_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    sync = os.fsync

    def files_alone(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        sync(handle)

    monkeypatch.setattr("os.fsync", files_alone)
    receipt = write_receipt(tmp_path, KEY, "run", "fingerprint", None)
    assert previous_receipts(tmp_path, KEY) == (receipt,)


def test_a_receipt_whose_name_may_not_last_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: object, flags: int) -> int:
        assert len(list((tmp_path / "receipts").glob("*.json"))) == 1, "the name is there already"
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.open", broken)
    with pytest.raises(HomeError, match="Input/output error"):
        write_receipt(tmp_path, KEY, "run", "fingerprint", None)
    monkeypatch.undo()
    assert list((tmp_path / "receipts").iterdir()) == []


def test_a_name_whose_text_cannot_follow_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: Path, target: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("os.link", fail)
    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(HomeError, match="no holdout is opened"):
        write_receipt(tmp_path, KEY, "run", "fingerprint", None)
    assert list((tmp_path / "receipts").iterdir()) == []


def test_a_link_that_is_made_twice_is_the_receipts_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def twice(source: Path, target: Path) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr("os.link", twice)
    assert write_receipt(tmp_path, KEY, "run", "fingerprint", None).opening == 1


def test_what_a_killed_job_left_of_a_receipt_it_did_not_come_to_name_is_no_opening(tmp_path: Path) -> None:
    (tmp_path / "receipts").mkdir()
    (tmp_path / "receipts" / f".{KEY}.1.json.0123.tmp").write_text('{"key": ', encoding="utf-8")
    check_unopened(tmp_path, KEY, None)
    assert write_receipt(tmp_path, KEY, "run", "fingerprint", None).opening == 1


def test_a_file_system_without_links_has_receipts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(source: object, target: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", link)
    first = write_receipt(tmp_path, KEY, "run-1", "fingerprint", None)
    assert previous_receipts(tmp_path, KEY) == (first,)
    assert [path.name for path in (tmp_path / "receipts").iterdir()] == [f"{KEY}.1.json"]
    results = _race(tmp_path, 4, "again")
    assert sorted(result.opening for result in results if isinstance(result, Receipt)) == [2, 3, 4, 5]
