import re
from pathlib import Path

from autoproc.progress.log import JobLog


def test_each_line_has_its_time(tmp_path: Path) -> None:
    log = JobLog(tmp_path / "job.log")
    log.write("Traceback\n  line")
    log.write("schön")
    lines = (tmp_path / "job.log").read_text(encoding="utf-8").splitlines()
    assert [re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d ", "", line) for line in lines] == [
        "Traceback",
        "  line",
        "schön",
    ]


def test_a_log_does_not_grow_without_end_and_its_last_part_but_one_is_kept(tmp_path: Path) -> None:
    log = JobLog(tmp_path / "job.log", max_bytes=200)
    for number in range(100):
        log.write(f"line {number:03}")
    assert {path.name for path in tmp_path.iterdir()} == {"job.log", "job.log.1"}
    older, newer = ((tmp_path / name).read_text().splitlines() for name in ("job.log.1", "job.log"))
    numbers = [int(line[-3:]) for line in older + newer]
    assert numbers == list(range(numbers[0], 100)) and len(older) > 1
    assert all(path.stat().st_size <= 200 for path in tmp_path.iterdir())


def test_an_entry_that_is_too_large_by_itself_is_kept_whole(tmp_path: Path) -> None:
    log = JobLog(tmp_path / "job.log", max_bytes=50)
    log.write("x" * 500)
    assert (tmp_path / "job.log").stat().st_size > 500
