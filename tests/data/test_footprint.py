"""What does not fit into memory is refused before work starts, by estimates that are near what tables take."""

from pathlib import Path

import pandas as pd
import pytest

from autoproc.configurations import Ladder, choose_ladder
from autoproc.data import footprint
from autoproc.data.footprint import Room, fitting
from autoproc.data.table import read_table
from autoproc.data.vectorize import Layout
from autoproc.errors import PlanError
from autoproc.plan import Plan, make_plan
from tests.end_to_end import tables

GB = 10**9
LAYOUT = Layout(4, numeric=(0, 1), passthrough=(), indicators=(1,), one_hot=((2, 5),), embedded=((3, 40),))


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of 8 GB, of which this process takes half of one."""
    monkeypatch.setattr(footprint, "total_memory", lambda: 8 * GB)
    monkeypatch.setattr(footprint, "used_memory", lambda: GB // 2)


def room(limit: str | None = None, **asked: object) -> Room:
    return Room.of(make_plan(None, {"memory_limit": limit, **asked}))


def test_without_a_limit_half_of_the_machine_counts() -> None:
    assert room().limit == 4 * GB
    assert room("2GB").limit == 2 * GB


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        (
            "0.001KB",
            "but is 1 bytes, and Python with the libraries alone takes about 450 MB",
        ),
        ("400MB", "must leave room for a job, but is 400 MB.* Raise --memory-limit; this machine has 8.0 GB"),
        ("9GB", "must not be more than there is, but is 9.0 GB, and this machine has 8.0 GB. Lower --memory-limit"),
        ("500TB", "must not be more than there is"),
    ],
)
def test_limits_that_no_job_keeps_or_that_limit_nothing_are_refused(limit: str, told: str) -> None:
    with pytest.raises(PlanError, match=told):
        room(limit)


def test_a_gpu_may_have_more_memory_than_the_machine() -> None:
    assert room("60GB", device="cuda").limit == 60 * GB


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_a_file_takes_is_about_what_is_estimated(tmp_path: Path, ending: str) -> None:
    frame, path = pd.concat([tables.table()] * 50), tmp_path / f"table.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path, index=False)
    taken = int(read_table(path).frame.memory_usage(index=False, deep=True).sum())
    assert 0.6 < footprint._bytes_of_file(path) / taken < 1.7


def test_a_file_that_is_too_large_to_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text("a,b\n" + "123,456\n" * 200_000)
    room("500MB").must_hold_file(path)
    path.write_text("a,b\n" + "123,456\n" * 2_000_000)
    told = r"large.csv \(16 MB\) does not fit into memory: it takes about 54\d MB to be read, but the memory limit"
    with pytest.raises(PlanError, match=told):
        room("500MB").must_hold_file(path)


def test_rows_that_leave_no_room_for_training_are_refused() -> None:
    left = [room("2GB").must_hold_training("table", n_rows, LAYOUT) for n_rows in (1_000, 1_000_000)]
    assert 0 < left[1] < left[0] < 2 * GB
    told = r"table \(90,000,000 development rows, 4 columns\) does not fit into memory: it takes about \d.* GB to train"
    with pytest.raises(PlanError, match=told):
        room("2GB").must_hold_training("table", 90_000_000, LAYOUT)


def test_the_ladder_ends_where_networks_find_no_room() -> None:
    whole = choose_ladder(Plan(), 100, 1, 0)
    assert fitting(whole, 100, 1, 5, GB) == whole
    shorter = fitting(Ladder(whole.rungs, "it began so"), 100, 1, 5, 2_000_000)
    assert shorter.rungs == whole.rungs[: len(shorter.rungs)]
    assert 0 < len(shorter.rungs) < len(whole.rungs)
    assert shorter.reason.startswith(f"it began so; the ladder ends at {shorter.rungs[-1]}")
    more_folds = fitting(whole, 100, 1, 10, 2_000_000)
    assert len(more_folds.rungs) < len(shorter.rungs)


def test_a_limit_that_leaves_no_room_for_the_smallest_network_is_refused() -> None:
    whole = choose_ladder(Plan(), 5_000, 1, 0)
    with pytest.raises(PlanError, match=r"only 1 MB are left for them, and those of 5 folds, 1 x 32 on 5,000 inputs"):
        fitting(whole, 5_000, 1, 5, 1_000_000)
