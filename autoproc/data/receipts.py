"""Receipts: one file for each opening of a holdout, written before its rows are read.

A file appears whole, is created by one process alone and never written again, so that of two jobs at once only one
has the first opening, and the other can read who. A receipt that cannot be read still counts: what is in doubt was
opened.
"""

import errno
import json
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from autoproc.data.openings import UNKNOWN, opening_of, read_receipt
from autoproc.durable import cause
from autoproc.errors import HomeError, PlanError
from autoproc.outcomes import Receipt

# What file systems say, network ones above all, that do not know how to sync a folder.
_NO_FOLDER_SYNC = (errno.EINVAL, errno.EBADF, errno.EOPNOTSUPP)


def previous_receipts(home: Path, key: str) -> tuple[Receipt, ...]:
    """The openings of the holdout `key` so far, in their order. Raises HomeError where they cannot be listed."""
    folder = home / "receipts"
    name = re.compile(rf"{re.escape(key)}\.(\d+)\.json")
    with _home_errors(folder):
        names = os.listdir(folder) if folder.exists() else []
    numbers = sorted(int(match[1]) for match in map(name.fullmatch, names) if match)
    return tuple(read_receipt(_path(home, key, number)) for number in numbers)


def has_opened(home: Path, key: str, run_id: str) -> bool:
    """Whether a job has opened the holdout. Raises HomeError where the receipts cannot be read."""
    return any(receipt.run_id == run_id for receipt in previous_receipts(home, key))


def check_unopened(home: Path, key: str, reopen_reason: str | None) -> None:
    """Raises PlanError when the holdout was opened before and there is no reason to open it again."""
    _justified(home, previous_receipts(home, key), reopen_reason)


def write_receipt(home: Path, key: str, run_id: str, table_fingerprint: str, reopen_reason: str | None) -> Receipt:
    """The receipt of the next opening, on disk before this returns; or that which the job had before it was resumed.

    Raises PlanError when the holdout was opened before (be it a moment ago, by another process) and there is no
    reason to open it again, and HomeError when the receipt cannot be written: then nothing may be opened.
    """
    while True:
        previous = previous_receipts(home, key)
        if mine := [receipt for receipt in previous if receipt.run_id == run_id]:
            return mine[-1]
        reason = _justified(home, previous, reopen_reason)
        opening = previous[-1].opening + 1 if previous else 1
        path = _path(home, key, opening)
        opened_at = datetime.now(UTC).isoformat(timespec="seconds")
        receipt = Receipt(key, opened_at, run_id, table_fingerprint, opening, reason, str(path))
        if _create(path, _to_json(receipt)):
            return receipt


def _justified(home: Path, previous: tuple[Receipt, ...], reopen_reason: str | None) -> str | None:
    """The reason to open again; None for a first opening, which needs none. Raises PlanError where it lacks."""
    reason = (reopen_reason or "").strip()
    if not previous:
        return None
    if not reason:
        raise PlanError(_refusal(home, previous))
    return reason


def _path(home: Path, key: str, opening: int) -> Path:
    return home / "receipts" / f"{key}.{opening}.json"


def _create(path: Path, text: str) -> bool:
    """Write a new file, whole and through to the disk; False when there is one already."""
    written = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    with _home_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with written.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if not _publish(written, path):
                return False
            with _taken_back_on_error(path):
                _sync_folder(path.parent)
        finally:
            written.unlink(missing_ok=True)
    return True


def _publish(written: Path, path: Path) -> bool:
    """Give a written file its name, which no other process has taken or takes at the same time; False where one has."""
    try:
        os.link(written, path)
    except FileExistsError:
        # A server of files that has made the link, but whose answer was lost, is asked again and finds it there.
        return os.path.samefile(written, path)
    except OSError:  # a file system without links: the name is taken first, and has its text a moment later
        try:
            path.open("x").close()
        except FileExistsError:
            return False
        with _taken_back_on_error(path):
            os.replace(written, path)
    return True


@contextmanager
def _taken_back_on_error(path: Path) -> Iterator[None]:
    """Where the new file `path` might not last, the holdout stays closed, and no trace of an opening may be left."""
    try:
        yield
    except OSError:
        with suppress(OSError):
            path.unlink()
        raise


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder last. Systems that cannot open a folder make names last by themselves."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
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


def _refusal(home: Path, previous: tuple[Receipt, ...]) -> str:
    """The story of the first opening, the rule, and what to do."""
    first = previous[0]
    opened = f"at {first.opened_at} by run {first.run_id}, with {opening_of(home, first).score_text}"
    if first.opened_at == UNKNOWN:
        opened = f"its receipt {first.path} is damaged, but counts"
    again = f"; and {len(previous) - 1} more since" if len(previous) > 1 else ""
    return (
        f"A holdout of this table was opened before: {opened}{again}. It may be opened once, because a score that was "
        "seen and then improved on is no longer honest, and another --seed does not make the rows fresh. Collect new "
        "rows and seal them with --holdout FILE; or say with --reopen-holdout REASON why these are opened again, and "
        "the score is marked as a re-use wherever it stands."
    )


@contextmanager
def _home_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HomeError(
            f"The receipts in {folder} cannot be used: {cause(error)}. Without a receipt no holdout is "
            "opened. Make the folder writable, make room on the disk, or choose another place with --home."
        ) from None
