"""The bundle: an exported model as a folder or zip that runs no code when it is loaded.

    card.json             what the model predicts, how it was scored, and with which versions it was made
    preprocessing.json    the schema: from named columns to the network's matrix
    network.json          the networks' shape, how numbers are cut into pieces, and the temperature of their average
    weights.safetensors   weights, scaling and share of each network, arrays of shape (K, ...)

The format has a version; a loader refuses what it does not know.
"""

import json
import math
import shutil
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from autoproc.calibration import with_temperature
from autoproc.data.vectorize import Schema
from autoproc.errors import BundleError, did_you_mean_file
from autoproc.export.model import Model
from autoproc.format import finite_or_null
from autoproc.network.predictor import EDGES, TARGET_STATISTICS, Predictor, expected_shapes
from autoproc.outcomes import FinalNetworks
from autoproc.plan import Task
from autoproc.results import Weights
from autoproc.spec import NetworkSpec

FORMAT = 4
CARD, PREPROCESSING, NETWORK, WEIGHTS = "card.json", "preprocessing.json", "network.json", "weights.safetensors"
FILES = (CARD, PREPROCESSING, NETWORK, WEIGHTS)
_LARGEST = 100_000
_TOLERANCE = 1e-5
TASKS: tuple[Task, ...] = get_args(Task)


def write_bundle(folder: Path, card: Mapping[str, Any], schema: Schema, final: FinalNetworks) -> None:
    """Write a bundle into a new folder; `card` has `task`, `targets`, `classes` and `threshold`, and
    whatever else people should know. Raises OSError."""
    folder.mkdir(parents=True)
    write_card(folder, card)
    n_members = len(next(iter(final.weights.values())))
    n_pieces = final.weights[EDGES].shape[1] - 1
    shape = {"depth": final.network.depth, "width": final.network.width, "members": n_members, "pieces": n_pieces}
    (folder / PREPROCESSING).write_bytes(_json_bytes(schema.to_json()))
    (folder / NETWORK).write_bytes(_json_bytes({**shape, "temperature": final.temperature}))
    arrays = {name: np.ascontiguousarray(array) for name, array in final.weights.items()}
    (folder / WEIGHTS).write_bytes(safetensors.numpy.save(arrays))


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Write a bundle's card, or replace it by a fuller one; numbers that are not finite become null. Raises OSError."""
    unfinished = folder / f".{CARD}.unfinished"
    unfinished.write_bytes(_json_bytes({"format": FORMAT, **card}))
    unfinished.replace(folder / CARD)


def export_bundle(
    folder: Path,
    card: Mapping[str, Any],
    schema: Schema,
    final: FinalNetworks,
    sample: pd.DataFrame,
    predict: Callable[[NDArray[np.float32]], NDArray[np.floating]],
) -> None:
    """Write a bundle, load it again, and compare its predictions of the rows `sample` with those of the
    trained networks (`predict`); only a bundle that agrees gets its place.

    Raises OSError, BundleError where it cannot be loaded, and RuntimeError when the two differ; then nothing is left.
    """
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        write_bundle(unfinished, card, schema, final)
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
    where = Path(path).expanduser()
    return _open(where, _read_files(where))


def copy_bundle(source: Path, out: Path) -> None:
    """Copy a bundle to a new folder, or to a zip file if `out` ends in .zip.

    Raises BundleError when `source` is no whole bundle, OSError when `out` cannot be written.
    """
    files = _read_files(source)
    _open(source, files)
    if out.suffix == ".zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return
    out.mkdir()
    for name, content in files.items():
        (out / name).write_bytes(content)


@dataclass(frozen=True)
class _Shape:
    network: NetworkSpec
    n_members: int
    n_pieces: int
    temperature: float


def _read_files(path: Path) -> dict[str, bytes]:
    """The bundle's files by name; only the names above are ever read."""
    if not path.exists():
        raise BundleError(
            f"There is no model {path}. `autoproc tune` writes one for each job.{did_you_mean_file(path)}"
        )
    try:
        if path.is_dir():
            return {name: (path / name).read_bytes() for name in FILES}
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in FILES}
    except (OSError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        # RuntimeError: an archive with a password, or packed in a way that zipfile does not know.
        raise BundleError(
            f"{path} is not a model: it must be a folder or zip with the files {', '.join(FILES)}, but there is: "
            f"{_cause(error)}. Name what `autoproc tune` or `autoproc export` wrote."
        ) from None


def _open(where: Path, files: Mapping[str, bytes]) -> Opened:
    """What the files that were read from `where` hold."""
    try:
        return _assemble(files)
    except BundleError as error:
        raise BundleError(f"The model {where} is damaged: {error} Export it again.") from None


def _cause(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{Path(error.filename).name}: {error.strerror}"
    return str(error.args[0]) if error.args else str(error)


def _assemble(files: Mapping[str, bytes]) -> Opened:
    card = _json_object(files, CARD)
    if card.get("format") != FORMAT:
        raise BundleError(f"its format is {card.get('format')!r}, but this autoproc reads format {FORMAT}.")
    schema = _read_schema(_json_object(files, PREPROCESSING))
    shape = _read_shape(_json_object(files, NETWORK))
    task, targets, classes, threshold = _read_problem(card)
    n_outputs = len(classes) if task == "multiclass" else len(targets)
    weights = _read_weights(files[WEIGHTS])
    expected = expected_shapes(shape.network, schema.layout, task, n_outputs, shape.n_members, shape.n_pieces)
    _must_match(weights, expected)
    predict = with_temperature(Predictor(task, schema.layout, weights).mean, shape.temperature)
    if not classes and shape.temperature != 1:
        raise BundleError(f"{NETWORK} has the temperature {shape.temperature}, but only classes have another than 1.")
    model = Model(card, schema, predict, task, targets, classes, threshold)
    return Opened(model, weights, shape.temperature)


def _json_object(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        content = json.loads(files[name])
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name} is not valid JSON ({error}).") from None
    if not isinstance(content, dict):
        raise BundleError(f"{name} must be an object, but is a {type(content).__name__}.")
    return content


def _read_schema(content: Mapping[str, Any]) -> Schema:
    try:
        return Schema.from_json(content)
    except BundleError as error:
        raise BundleError(f"{PREPROCESSING}: {error}") from None


def _json_bytes(content: Mapping[str, Any]) -> bytes:
    text = json.dumps(finite_or_null(dict(content)), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _read_shape(content: Mapping[str, Any]) -> _Shape:
    sizes = [size for size in map(content.get, ("depth", "width", "members")) if type(size) is int]  # true is none
    if len(sizes) != 3 or not all(1 <= size <= _LARGEST for size in sizes):
        raise BundleError(f"{NETWORK} must give depth, width and members as counts, but is {dict(content)}.")
    temperature = content.get("temperature")
    if not (isinstance(temperature, float) and 0 < temperature < math.inf):
        raise BundleError(f"{NETWORK} must give a temperature above 0, but has {temperature!r}.")
    n_pieces = content.get("pieces")
    if type(n_pieces) is not int or not 0 <= n_pieces <= _LARGEST:
        raise BundleError(f"{NETWORK} must give pieces as a count or 0, but has {n_pieces!r}.")
    depth, width, n_members = sizes
    return _Shape(NetworkSpec(depth, width), n_members, n_pieces, temperature)


def _read_problem(card: Mapping[str, Any]) -> tuple[Task, tuple[str, ...], tuple[str, ...], float | None]:
    """Task, targets, classes and threshold, which must fit each other."""
    task, threshold = card.get("task"), card.get("threshold")
    targets, classes = (_names(card.get(key), key) for key in ("targets", "classes"))
    if task not in TASKS:
        raise BundleError(f"{CARD} names the unknown task {task!r}; there are {', '.join(TASKS)}.")
    fits = {"binary": len(classes) == 2, "multiclass": len(classes) >= 2}.get(task, not classes)
    distinct = all(len(set(names)) == len(names) for names in (targets, classes))
    if not (fits and distinct) or not targets or (len(targets) > 1 and task != "vector_regression"):
        raise BundleError(f"{CARD} has targets and classes that do not fit the task {task}.")
    if threshold is not None and not (task == "binary" and isinstance(threshold, float) and 0 <= threshold <= 1):
        raise BundleError(f"{CARD} has the threshold {threshold!r}, but only a binary task has one, from 0 to 1.")
    return task, targets, classes, threshold


def _names(value: object, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise BundleError(f"{CARD} must list texts under {key!r}, but has {value!r}.")
    return tuple(value)


def _read_weights(content: bytes) -> Weights:
    try:
        return safetensors.numpy.load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise BundleError(f"{WEIGHTS} cannot be read ({error}).") from None


def _must_match(weights: Weights, shapes: Mapping[str, tuple[int, ...]]) -> None:
    for name in sorted(set(weights) ^ set(shapes)):
        raise BundleError(f"{WEIGHTS} {'must not' if name in weights else 'must'} hold an array {name!r}.")
    for name, shape in shapes.items():
        array = weights[name]
        dtype = np.dtype(np.float64 if name in TARGET_STATISTICS else np.float32)
        if array.shape != shape or array.dtype != dtype or not np.isfinite(array).all():
            raise BundleError(
                f"The array {name!r} of {WEIGHTS} must hold finite {dtype} numbers in the shape {shape}, but is "
                f"{array.dtype} in {array.shape}, or not finite."
            )
