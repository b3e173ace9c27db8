"""The wall clock labels what happens, and decides nothing: it jumps, and is set back."""

import re
from pathlib import Path

import autoproc

LABELS = {
    "data/receipts.py",  # when a holdout was opened
    "running.py",  # the run's name
    "progress/log.py",  # the log's lines
    "report/gather.py",  # when the report was made
    "tracking/children.py",  # when trainings began and ended
    "tracking/entities.py",  # when values were handed over
    "tracking/home.py",  # when jobs began, and were last alive
    "tracking/views.py",  # when a view was made
}
WALL_CLOCK = re.compile(r"\b(time\.time|datetime\.now|datetime\.utcnow|date\.today)\(")


def test_only_labels_come_from_the_wall_clock() -> None:
    package = Path(autoproc.__file__).parent
    found = {path for path in package.rglob("*.py") if WALL_CLOCK.search(path.read_text(encoding="utf-8"))}
    assert {path.relative_to(package).as_posix() for path in found} == LABELS
