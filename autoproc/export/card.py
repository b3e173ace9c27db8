"""The card of a bundle: what the model is, and what every file of the bundle has to be.

It is one file that is replaced in one go, and vouches for itself too: there is no moment at which a bundle that was
killed while it was written looks damaged.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version as installed
from typing import Any, get_args

from autoproc.errors import BundleError
from autoproc.export.files import MOST_FILES, Files, chunks, is_plain, read_whole
from autoproc.export.strict_json import MOST_BYTES, read_object, shown
from autoproc.format import finite_or_null
from autoproc.plan import Task

FORMAT = 5
CARD, PREPROCESSING, NETWORK, WEIGHTS = "card.json", "preprocessing.json", "network.json", "weights.safetensors"
FILES = (CARD, PREPROCESSING, NETWORK, WEIGHTS)
"""What every bundle has."""

TASKS: tuple[Task, ...] = get_args(Task)

_FIRST_RELEASED = 5
_CHECKSUM = re.compile(r"[0-9a-f]{64}")


class UnknownFormatError(BundleError):
    """Nothing is wrong with the bundle, but this version cannot read it."""


def sealed_card(card: Mapping[str, Any], listing: Mapping[str, Any]) -> bytes:
    """The content of a card that vouches for the files in the listing, by name, and for itself."""
    written = {"format": FORMAT, **card, "files": listing}
    content = json.loads(json_bytes({key: value for key, value in written.items() if key != "checksum"}))
    return json_bytes({**content, "checksum": _checksum_of(content)})


def described(card: Mapping[str, Any]) -> dict[str, Any]:
    """What a card says of the model, without what it says of files."""
    return {key: value for key, value in card.items() if key not in ("files", "checksum")}


def list_files(contents: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """What a card says of files."""
    return {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in contents.items()
    }


def _checksum_of(content: Mapping[str, Any]) -> str:
    """SHA-256 of a card's content without its own checksum, whatever its layout: keys sorted, no spaces, UTF-8."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """JSON that people can read; numbers that are not finite become null."""
    text = json.dumps(finite_or_null(dict(content)), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def read_card(files: Files) -> dict[str, Any]:
    """The card, which is of a known format and has not been changed."""
    card = json_object(files, CARD)
    _must_be_known(card.get("format"))
    content = {key: value for key, value in card.items() if key != "checksum"}
    if card.get("checksum") != _checksum_of(content):
        raise BundleError(f"{CARD} has been changed since it was written: its content does not have its checksum.")
    listing = card.get("files")
    if not isinstance(listing, dict) or not set(FILES[1:]) <= set(listing) or len(listing) > MOST_FILES:
        raise BundleError(f"{CARD} must list the files {', '.join(FILES[1:])}, but lists {shown(listing)}.")
    for name, entry in listing.items():
        if not is_plain(name) or name == CARD or not _is_entry(entry):
            raise BundleError(f"{CARD} must list names of files with their sha256 and bytes, but has {shown(name)}.")
    return card


def _must_be_known(version: object) -> None:
    if type(version) is not int or version < 1:
        raise BundleError(f"{CARD} must give the format as a number, but has {shown(version)}.")
    if version > FORMAT:
        raise UnknownFormatError(
            f"its format is {version}, and autoproc {installed('autoproc')} reads formats up to {FORMAT}. "
            "A newer autoproc wrote it, and is needed to load it: pip install --upgrade autoproc"
        )
    if version < _FIRST_RELEASED:
        raise UnknownFormatError(
            f"its format is {version}, which no released autoproc wrote; formats are read from {_FIRST_RELEASED} on. "
            "Train the model again."
        )


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    checksum, n_bytes = entry.get("sha256"), entry.get("bytes")
    return isinstance(checksum, str) and bool(_CHECKSUM.fullmatch(checksum)) and type(n_bytes) is int and n_bytes >= 0


def must_be_as_written(files: Files, card: Mapping[str, Any]) -> None:
    """Raises BundleError, naming it, for a file that is not what the card lists."""
    for name, entry in card["files"].items():
        if not files.has(name):
            raise BundleError(f"{name}, which {CARD} lists, is missing.")
        stream, n_bytes = files.open(name)
        stream.close()
        if n_bytes != entry["bytes"]:
            raise BundleError(f"{name} must have the {entry['bytes']:,} bytes that {CARD} lists, but has {n_bytes:,}.")
        digest = hashlib.sha256()
        for chunk in chunks(files, name):
            digest.update(chunk)
        if digest.hexdigest() != entry["sha256"]:
            raise BundleError(f"{name} has been changed since it was written: it does not have its checksum in {CARD}.")


def json_object(files: Files, name: str) -> dict[str, Any]:
    """The object in a JSON file of the bundle. Raises BundleError for anything else."""
    return read_object(read_whole(files, name, MOST_BYTES), name)


def read_problem(card: Mapping[str, Any]) -> tuple[Task, tuple[str, ...], tuple[str, ...], float | None]:
    """Task, targets, classes and threshold, which must fit each other."""
    task, threshold = card.get("task"), card.get("threshold")
    targets, classes = (_names(card.get(key), key) for key in ("targets", "classes"))
    if task not in TASKS:
        raise BundleError(f"{CARD} names the unknown task {shown(task)}; there are {', '.join(TASKS)}.")
    fits = {"binary": len(classes) == 2, "multiclass": len(classes) >= 2}.get(task, not classes)
    if not fits or not targets or (len(targets) > 1 and task != "vector_regression"):
        raise BundleError(f"{CARD} has targets and classes that do not fit the task {task}.")
    columns = (*targets, *probability_columns(classes))
    if len(set(columns)) < len(columns):
        raise BundleError(f"{CARD} has targets and classes by which predictions would have two columns of one name.")
    if threshold is not None and not (task == "binary" and isinstance(threshold, float) and 0 <= threshold <= 1):
        raise BundleError(f"{CARD} has the threshold {shown(threshold)}, but only a binary task has one, from 0 to 1.")
    return task, targets, classes, threshold


def probability_columns(classes: Sequence[str]) -> list[str]:
    """What the columns of predictions are called that hold the probability of each class."""
    return [f"probability_{name}" for name in classes]


def _names(value: object, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise BundleError(f"{CARD} must list texts under {key!r}, but has {shown(value)}.")
    return tuple(value)
