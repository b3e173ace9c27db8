from pathlib import Path

from autoproc.results import Receipt


def previous_receipts(home: Path, key: str) -> tuple[Receipt, ...]:
    raise NotImplementedError


def check_unopened(home: Path, key: str, reopen_reason: str | None) -> None:
    raise NotImplementedError


def write_receipt(home: Path, key: str, run_id: str, table_fingerprint: str, reopen_reason: str | None) -> Receipt:
    raise NotImplementedError
