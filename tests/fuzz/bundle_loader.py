"""The bundle's loader under arbitrary input: what a fuzzer calls (`benchmarks.fuzz_loader`), and the tests replay."""

import json
from contextlib import suppress
from pathlib import Path

from autoproc.errors import BundleError, DataError
from autoproc.export.card import CARD, FILES, WEIGHTS
from tests.export import bundles, hostile

ARCHIVE = len(FILES)
HEADER = ARCHIVE + 1
_KINDS = HEADER + 1
_ROWS = bundles.rows(3)


def attempt(data: bytes, folder: Path) -> str:
    """Load what the bytes stand for: their first says which file of a sound bundle the others replace (one of FILES),
    or that they are an archive or the header of the weights. The card vouches for the file, if it is not the card.

    Returns what was said of it, or nothing where it was a model, which then has to predict.
    """
    from autoproc.export.bundle import load

    path = _write(data[0] % _KINDS if data else 0, data[1:], folder)
    try:
        model = load(path)
    except BundleError as error:
        assert str(error).isprintable()
        return str(error)
    with suppress(DataError):  # a model of other columns
        assert len(model.predict(_ROWS)) == len(_ROWS)
    return ""


def start(corpus: Path) -> None:
    """Write the sound bundle, file by file, as what to begin with."""
    corpus.mkdir(exist_ok=True)
    sound = hostile.whole()
    header = sound[WEIGHTS][8 : sound[WEIGHTS].index(b"}}") + 2]
    for kind, content in enumerate([*(sound[name] for name in FILES), hostile.archive(sound.items()), header]):
        (corpus / f"sound-{kind}").write_bytes(bytes([kind]) + content)


def _write(kind: int, content: bytes, folder: Path) -> Path:
    if kind == ARCHIVE:
        (folder / "model.zip").write_bytes(content)
        return folder / "model.zip"
    if kind == HEADER:
        sound = hostile.whole()[WEIGHTS]
        body = sound[8 + int.from_bytes(sound[:8], "little") :]
        contents = hostile.sealed(weights=hostile.tensors(content, body))
    elif FILES[kind] == CARD:
        contents = _card(content)
    else:
        contents = hostile.sealed(**{FILES[kind].partition(".")[0]: content})
    path = folder / "model"
    path.mkdir(exist_ok=True)
    for name, written in contents.items():
        (path / name).write_bytes(written)
    return path


def _card(content: bytes) -> dict[str, bytes]:
    """A card that vouches for itself, where it is one that can be read at all."""
    try:
        changes = json.loads(content)
        return hostile.carded(**{"files": json.loads(hostile.whole()[CARD])["files"], **changes})
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {**hostile.whole(), CARD: content}
