"""The bundle: an exported model as a folder or zip that runs no code when it is loaded.

    card.json             what the model predicts, how it was scored, with which versions it was made, and the checksums
    preprocessing.json    the schema: from named columns to the network's matrix
    network.json          the networks' shape, how numbers are cut into pieces, and the temperature of their average
    weights.safetensors   weights, scaling and share of each network, arrays of shape (K, ...)
    README.md             the card for people, which a bundle may lack

and whatever further files the card lists. The card vouches for all of them, and for itself. The format has a version;
what a loader makes of it stands in docs/bundle.md.
"""

import math
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.calibration import with_temperature
from autoproc.data.drift import Seen
from autoproc.data.vectorize import Schema
from autoproc.durable import whole_file
from autoproc.errors import BundleError, did_you_mean_file
from autoproc.export.card import (
    CARD,
    FILES,
    NETWORK,
    PREPROCESSING,
    WEIGHTS,
    UnknownFormatError,
    described,
    json_bytes,
    json_object,
    list_files,
    must_be_as_written,
    read_card,
    read_problem,
    sealed_card,
)
from autoproc.export.files import Files, chunks, open_files
from autoproc.export.model import Model
from autoproc.export.strict_json import shown
from autoproc.export.tensors import ArraySpec, read_arrays
from autoproc.network.arrays import EDGES, SPREAD, TARGET_STATISTICS, expected_shapes
from autoproc.network.averaging import SHARE
from autoproc.network.predictor import Predictor
from autoproc.outcomes import FinalNetworks
from autoproc.paths import user_path, why_impossible
from autoproc.results import Weights
from autoproc.spec import NetworkSpec

Further = Mapping[str, bytes]
NOTHING: Further = MappingProxyType({})

README = "README.md"
SEEN = "seen"
"""The card's entry for what training saw of each column."""

_LARGEST = 100_000
_MOST_PIECES = 1_000
_TOLERANCE = 1e-5
_MOST_SAID = 400  # characters of what is said of a bundle that may have put words in our mouth


def write_bundle(
    folder: Path, card: Mapping[str, Any], schema: Schema, final: FinalNetworks, further: Further = NOTHING
) -> None:
    """Write a bundle into a new folder; `card` has `task`, `targets`, `classes` and `threshold`, and
    whatever else people should know, `further` files by name that go with it. Raises OSError."""
    import safetensors.numpy  # which prediction does without

    folder.mkdir(parents=True)
    n_members = len(next(iter(final.weights.values())))
    n_pieces = final.weights[EDGES].shape[1] - 1
    shape = {"depth": final.network.depth, "width": final.network.width, "members": n_members, "pieces": n_pieces}
    arrays = {name: np.ascontiguousarray(array) for name, array in final.weights.items()}
    contents = {
        PREPROCESSING: json_bytes(schema.to_json()),
        NETWORK: json_bytes({**shape, "temperature": final.temperature}),
        WEIGHTS: safetensors.numpy.save(arrays),
        **further,
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    _place(folder / CARD, sealed_card(card, list_files(contents)))


def write_card(folder: Path, card: Mapping[str, Any], further: Further = NOTHING) -> None:
    """Replace a bundle's card by a fuller one, and `further` files that go with it; numbers that are not finite become
    null. At each moment there is a whole bundle: what is just being replaced is not listed. What the other files have
    to be is taken over from the card that was there, so that nothing vouches for damage. Raises OSError, and
    BundleError where that card is damaged.
    """
    with _opened(folder) as files, _damage_told(folder):
        kept = {name: entry for name, entry in read_card(files)["files"].items() if name not in further}
    if further:
        _place(folder / CARD, sealed_card(card, kept))
    for name, content in further.items():
        _place(folder / name, content)
    _place(folder / CARD, sealed_card(card, {**kept, **list_files(further)}))


def export_bundle(
    folder: Path,
    card: Mapping[str, Any],
    schema: Schema,
    final: FinalNetworks,
    sample: pd.DataFrame,
    predict: Callable[[NDArray[np.float32]], NDArray[np.floating]],
    further: Further = NOTHING,
) -> None:
    """Write a bundle, load it again, and compare its predictions of the rows `sample` with those of the
    trained networks (`predict`); only a bundle that agrees gets its place.

    Raises OSError, BundleError where it cannot be loaded, and RuntimeError when the two differ; then nothing is left.
    """
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        write_bundle(unfinished, card, schema, final, further)
        loaded = load(unfinished)
        trained, exported = predict(schema.matrix(sample)), loaded.network(loaded.schema.matrix(sample))
        if not np.allclose(trained, exported, rtol=_TOLERANCE, atol=_TOLERANCE):
            raise RuntimeError(f"the exported model differs from the trained one by {np.abs(trained - exported).max()}")
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def load(path: str | Path) -> Model:
    """The model in a bundle, a folder or a zip file. Raises BundleError for anything else."""
    return open_bundle(path).model


@dataclass(frozen=True)
class Opened:
    """A bundle's model, and what its networks are made of."""

    model: Model
    weights: Weights
    temperature: float


def open_bundle(path: str | Path) -> Opened:
    """What is in a bundle, a folder or a zip file. Raises BundleError for anything else."""
    why = why_impossible(path)
    if why is not None:
        raise BundleError(f"There is no model {shown(str(path))}: {why}.")
    where = user_path(path)
    with _opened(where) as files, _damage_told(where):
        return _assemble(read_card(files), files)


def copy_bundle(source: Path, out: Path) -> None:
    """Copy a bundle to a new folder, or to a zip file if `out` ends in .zip.

    Raises BundleError when `source` is no whole bundle, OSError when `out` cannot be written.
    """
    with _opened(source) as files:
        with _damage_told(source):
            card = read_card(files)
            _assemble(card, files)
        names = (CARD, *card["files"])
        if out.suffix.lower() == ".zip":
            _copy_to_archive(files, names, out)
        else:
            out.mkdir()
            for name in names:
                with (out / name).open("wb") as file:
                    file.writelines(chunks(files, name))


@dataclass(frozen=True)
class _Shape:
    network: NetworkSpec
    n_members: int
    n_pieces: int
    temperature: float


@contextmanager
def _opened(where: Path) -> Iterator[Files]:
    """The files at `where`, if they look like a bundle's."""
    if not where.exists():
        raise BundleError(
            f"There is no model {where}. `autoproc tune` writes one for each job.{did_you_mean_file(where)}"
        )
    with ExitStack() as stack:
        try:
            files = stack.enter_context(open_files(where))
            if not files.has(CARD):
                raise BundleError(f"it must be a folder or zip with the files {', '.join(FILES)}, but has no {CARD}.")
        except BundleError as error:
            remedy = "Name what `autoproc tune` or `autoproc export` wrote."
            if where.suffix.lower() == ".onnx":
                remedy = "An ONNX file is for onnxruntime: name the folder or .zip that it was made of."
            raise BundleError(f"{where} is not a model: {_plain_text(error)} {remedy}") from None
        yield files


@contextmanager
def _damage_told(where: Path) -> Iterator[None]:
    """What is wrong with the bundle at `where`, and what to do."""
    try:
        yield
    except UnknownFormatError as error:
        raise BundleError(f"The model {where} cannot be loaded: {_plain_text(error)}") from None
    except BundleError as error:
        raise BundleError(f"The model {where} is damaged: {_plain_text(error)} Export it again.") from None


def _plain_text(error: BundleError) -> str:
    """One short line of it that is safe to print."""
    text = str(error)
    shortened = text if len(text) <= _MOST_SAID else f"{text[:_MOST_SAID]} ..."
    return "".join(character if character.isprintable() else "?" for character in shortened)


def _copy_to_archive(files: Files, names: tuple[str, ...], out: Path) -> None:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            member = zipfile.ZipInfo(name)  # of the same time each time: one model makes one archive
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            with archive.open(member, "w", force_zip64=True) as file:
                file.writelines(chunks(files, name))


def _place(path: Path, content: bytes) -> None:
    with whole_file(path) as file:
        file.write(content)


def _assemble(card: Mapping[str, Any], files: Files) -> Opened:
    must_be_as_written(files, card)
    schema = _read_schema(json_object(files, PREPROCESSING))
    shape = _read_shape(json_object(files, NETWORK))
    seen = _read_seen(card, schema)
    task, targets, classes, threshold = read_problem(card)
    if not classes and shape.temperature != 1:
        raise BundleError(f"{NETWORK} has the temperature {shape.temperature}, but only classes have another than 1.")
    n_outputs = len(classes) if task == "multiclass" else len(targets)
    shapes = expected_shapes(shape.network, schema.layout, task, n_outputs, shape.n_members, shape.n_pieces)
    weights = read_arrays(files, WEIGHTS, {name: _array_spec(name, its) for name, its in shapes.items()})
    _must_average(weights)
    predict = with_temperature(Predictor(task, schema.layout, weights).mean, shape.temperature)
    model = Model(described(card), schema, predict, task, targets, classes, threshold, seen)
    return Opened(model, weights, shape.temperature)


def _read_schema(content: Mapping[str, Any]) -> Schema:
    try:
        return Schema.from_json(content)
    except BundleError as error:
        raise BundleError(f"{PREPROCESSING}: {error}") from None


def _read_seen(card: Mapping[str, Any], schema: Schema) -> Seen | None:
    """What training saw, if the card tells."""
    if SEEN not in card:
        return None
    try:
        return Seen.from_json(card[SEEN], schema)
    except BundleError as error:
        raise BundleError(f"{CARD}: {error}") from None


def _read_shape(content: Mapping[str, Any]) -> _Shape:
    sizes = [size for size in map(content.get, ("depth", "width", "members")) if type(size) is int]  # true is none
    if len(sizes) != 3 or not all(1 <= size <= _LARGEST for size in sizes):
        raise BundleError(f"{NETWORK} must give depth, width and members as counts, but is {shown(content)}.")
    temperature = content.get("temperature")
    if not (isinstance(temperature, float) and 0 < temperature < math.inf):
        raise BundleError(f"{NETWORK} must give a temperature above 0, but has {shown(temperature)}.")
    n_pieces = content.get("pieces")
    if type(n_pieces) is not int or not 0 <= n_pieces <= _MOST_PIECES:
        raise BundleError(f"{NETWORK} must give pieces as a count or 0, but has {shown(n_pieces)}.")
    depth, width, n_members = sizes
    return _Shape(NetworkSpec(depth, width), n_members, n_pieces, temperature)


def _array_spec(name: str, shape: tuple[int, ...]) -> ArraySpec:
    return ArraySpec(shape, np.dtype("<f8" if name in TARGET_STATISTICS else "<f4"))


def _must_average(weights: Weights) -> None:
    """Raises BundleError for finite numbers that no prediction can be made with."""
    shares = weights[SHARE]
    if (shares < 0).any() or not np.isclose(shares.sum(dtype=np.float64), 1, atol=1e-3):
        raise BundleError(f"The array {SHARE!r} of {WEIGHTS} must hold shares that sum to 1.")
    if (weights[SPREAD] <= 0).any():
        raise BundleError(f"The array {SPREAD!r} of {WEIGHTS} must hold numbers above 0.")
