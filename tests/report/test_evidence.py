"""What a job keeps for its report, as a file."""

import json
from pathlib import Path

import pytest

from autoproc.errors import HomeError
from autoproc.report.evidence import FILE, Point, read_evidence
from tests.report import evidence_data as made


def test_a_job_without_the_file_has_none(tmp_path: Path) -> None:
    assert read_evidence(tmp_path) is None


def test_numbers_that_are_not_finite_are_null(tmp_path: Path) -> None:
    text = made.evidence(exported=Point("exported model", 0.5, float("nan"), float("inf"))).to_json()
    assert json.loads(text)["exported"] == {"name": "exported model", "score": 0.5, "low": None, "high": None}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda content: content.pop("metric"), "damaged or of another version of autoproc: at metric field required"),
        (lambda content: content["data"].update(more=1), "at data.more "),
        (lambda content: content.update(form=2), "has form 2, but this version of autoproc reads form 1"),
    ],
)
def test_a_damaged_file_is_told_with_its_place(tmp_path: Path, change, told: str) -> None:
    content = json.loads(made.evidence().to_json())
    change(content)
    (tmp_path / FILE).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(HomeError, match=told):
        read_evidence(tmp_path)


def test_a_file_that_is_no_json_or_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{", encoding="utf-8")
    with pytest.raises(HomeError, match="at its beginning"):
        read_evidence(tmp_path)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    with pytest.raises(HomeError, match="cannot be read"):
        read_evidence(tmp_path)
