"""Receipts: one file for each opening of a holdout, written before its rows are read.

A file is created by one process alone and never written again, so that of two jobs at once only one has
the first opening. A receipt that cannot be read still counts: what is in doubt was opened.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from autoproc.errors import HomeError, PlanError
from autoproc.results import Receipt

UNKNOWN = "unknown"
"""What stands in the place of a damaged receipt's values."""


def previous_receipts(home: Path, key: str) -> tuple[Receipt, ...]:
    """The openings of the holdout `key` so far, in their order. Raises HomeError where they cannot be listed."""
    folder = home / "receipts"
    name = re.compile(rf"{re.escape(key)}\.(\d+)\.json")
    with _home_errors(folder):
        names = os.listdir(folder) if folder.exists() else []
    numbers = sorted(int(match[1]) for match in map(name.fullmatch, names) if match)
    return tuple(_read(_path(home, key, number), key, number) for number in numbers)


def check_unopened(home: Path, key: str, reopen_reason: str | None) -> None:
    """Raises PlanError when the holdout was opened before and there is no reason to open it again."""
    _justified(previous_receipts(home, key), reopen_reason)


def write_receipt(home: Path, key: str, run_id: str, table_fingerprint: str, reopen_reason: str | None) -> Receipt:
    """The receipt of the next opening, on disk before this returns.

    Raises PlanError when the holdout was opened before (be it a moment ago, by another process) and there is no
    reason to open it again, and HomeError when the receipt cannot be written: then nothing may be opened.
    """
    while True:
        previous = previous_receipts(home, key)
        reason = _justified(previous, reopen_reason)
        opening = previous[-1].opening + 1 if previous else 1
        path = _path(home, key, opening)
        opened_at = datetime.now(UTC).isoformat(timespec="seconds")
        receipt = Receipt(key, opened_at, run_id, table_fingerprint, opening, reason, str(path))
        if _create(path, _to_json(receipt)):
            return receipt


def _justified(previous: tuple[Receipt, ...], reopen_reason: str | None) -> str | None:
    """The reason to open again; None for a first opening, which needs none. Raises PlanError where it lacks."""
    reason = (reopen_reason or "").strip()
    if not previous:
        return None
    if not reason:
        raise PlanError(_refusal(previous))
    return reason


def _path(home: Path, key: str, opening: int) -> Path:
    return home / "receipts" / f"{key}.{opening}.json"


def _create(path: Path, text: str) -> bool:
    """Write a new file through to the disk; False when there is one already."""
    with _home_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("x", encoding="utf-8", newline="\n")
        except FileExistsError:
            return False
        try:
            with file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            _sync_folder(path.parent)
        except OSError:
            with suppress(OSError):  # the holdout stays closed: no trace of an opening may be left
                path.unlink()
            raise
    return True


def _sync_folder(folder: Path) -> None:
    """Make a new name in the folder last; systems that cannot open a folder do so by themselves."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _to_json(receipt: Receipt) -> str:
    card = {
        "key": receipt.key,
        "opening": receipt.opening,
        "opened_at": receipt.opened_at,
        "run_id": receipt.run_id,
        "table": receipt.table,
        "reason": receipt.reason,
    }
    return json.dumps(card, indent=2, ensure_ascii=False) + "\n"


def _read(path: Path, key: str, opening: int) -> Receipt:
    """The receipt in a file; what the file's name does not say is unknown where it is damaged."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        values = [card[name] for name in ("opened_at", "run_id", "table")]
        reason = card["reason"]
    except (OSError, ValueError, KeyError, TypeError):
        values, reason = [UNKNOWN] * 3, None
    opened_at, run_id, table = map(str, values)
    return Receipt(key, opened_at, run_id, table, opening, None if reason is None else str(reason), str(path))


def _refusal(previous: tuple[Receipt, ...]) -> str:
    first = previous[0]
    again = f", and {len(previous) - 1} more since" if len(previous) > 1 else ""
    opened = f"at {first.opened_at} by run {first.run_id}"
    if first.opened_at == UNKNOWN:
        opened = f"its receipt {first.path} is damaged or still being written, but counts"
    return (
        f"A holdout of this table was opened before ({opened}{again}; `autoproc holdout` tells what came of it). It "
        "may be opened once, because a score that was seen and then improved on is no longer honest, and another "
        "--seed does not make the rows fresh. Collect new rows and seal them with --holdout FILE; or say with "
        "--reopen-holdout REASON why these are opened again, and the score is marked as a re-use wherever it stands."
    )


@contextmanager
def _home_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HomeError(
            f"The receipts in {folder} cannot be used: {error.strerror or error}. Without a receipt no holdout is "
            "opened. Make the folder writable, make room on the disk, or choose another place with --home."
        ) from None
