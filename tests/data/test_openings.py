"""What came of an opening is in the job's result, and what is in doubt has no score."""

import json
from pathlib import Path

import pytest

from autoproc.data.openings import Opening, opening_of, receipts_of
from autoproc.data.receipts import write_receipt
from autoproc.outcomes import Receipt

VERDICT = {"metric": "average_precision", "score": 0.728, "interval": [0.64, 0.8]}


@pytest.fixture
def receipt(tmp_path: Path) -> Receipt:
    return write_receipt(tmp_path, "0123456789abcdef", "run-1", "fingerprint", None)


def write_result(home: Path, text: str) -> None:
    (home / "jobs" / "run-1").mkdir(parents=True)
    (home / "jobs" / "run-1" / "result.json").write_text(text, encoding="utf-8")


def test_a_finished_job_has_a_score(tmp_path: Path, receipt: Receipt) -> None:
    write_result(tmp_path, json.dumps({"verdict": VERDICT}))
    opening = opening_of(tmp_path, receipt)
    assert opening.receipt == receipt and opening.outcome is not None
    assert (opening.outcome.metric, opening.outcome.estimate.score) == ("average_precision", 0.728)
    assert opening.score_text == "average precision 0.728 (95 %: 0.640 to 0.800)"


def test_a_score_that_is_not_defined_is_not_called_nan(tmp_path: Path, receipt: Receipt) -> None:
    write_result(tmp_path, json.dumps({"verdict": VERDICT | {"interval": [None, None]}}))
    assert opening_of(tmp_path, receipt).score_text == "average precision 0.728 (no interval)"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"verdict": null}', '{"verdict": {"score": 1}}'])
def test_a_result_without_a_verdict_is_no_score(tmp_path: Path, receipt: Receipt, text: str) -> None:
    write_result(tmp_path, text)
    assert opening_of(tmp_path, receipt) == Opening(receipt, None)


def test_a_job_that_did_not_come_to_its_end_has_no_score(tmp_path: Path, receipt: Receipt) -> None:
    assert opening_of(tmp_path, receipt).score_text.startswith("no score (its job has not come to its end")


def test_a_job_knows_its_own_openings(tmp_path: Path, receipt: Receipt) -> None:
    second = write_receipt(tmp_path, "f" * 16, "run-1", "fingerprint", None)
    write_receipt(tmp_path, "f" * 16, "run-2", "fingerprint", "again")
    (tmp_path / "receipts" / "a.note.json").write_text("{}", encoding="utf-8")
    (tmp_path / "receipts" / f"{'e' * 16}.1.json").write_text("damaged", encoding="utf-8")
    assert receipts_of(tmp_path, "run-1") == (receipt, second)
    assert receipts_of(tmp_path / "none", "run-1") == ()
