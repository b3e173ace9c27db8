"""Arrays from a safetensors file, of which it is known beforehand what they have to be.

The format is simple: 8 bytes with the length of a header, the header (JSON: type, shape and place of each array), and
the arrays one behind the other. Nothing is reserved for an array before the whole file is known to be right.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoproc.errors import BundleError
from autoproc.export.files import CHUNK, Files, Member, reading
from autoproc.export.strict_json import read_object, shown

_MOST_HEADER = 4 * 2**20
_TYPES = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}


@dataclass(frozen=True)
class ArraySpec:
    """What an array has to be."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def read_arrays(files: Files, name: str, wanted: Mapping[str, ArraySpec]) -> dict[str, NDArray[np.floating]]:
    """The arrays of the file, which must be the wanted ones and finite. Raises BundleError for anything else."""
    for array, content in _contents(files, name, wanted):
        if not np.isfinite(np.frombuffer(content, wanted[array].dtype)).all():
            raise BundleError(f"{_must_hold(name, array, wanted[array])}, but some are not finite.")
    arrays: dict[str, NDArray[np.floating]] = {
        array: np.empty(spec.shape, spec.dtype.newbyteorder("=")) for array, spec in wanted.items()
    }
    filled = dict.fromkeys(arrays, 0)
    for array, content in _contents(files, name, wanted):
        part = np.frombuffer(content, wanted[array].dtype)
        arrays[array].reshape(-1)[filled[array] : filled[array] + part.size] = part
        filled[array] += part.size
    return arrays


def _contents(files: Files, name: str, wanted: Mapping[str, ArraySpec]) -> Iterator[tuple[str, bytes]]:
    """Pieces of each array, with its name, in the file's order: whole numbers of them."""
    member = files.open(name)
    with reading(name), member.stream as stream:
        for array in _read_header(member, name, wanted):
            left = wanted[array].n_bytes
            while left:
                content = stream.read(min(left, CHUNK))
                if len(content) < min(left, CHUNK):
                    raise BundleError(f"{name} ends in the middle of the array {array!r}.")
                left -= len(content)
                yield array, content


def _read_header(member: Member, name: str, wanted: Mapping[str, ArraySpec]) -> list[str]:
    """The arrays' names in the order of their places; the stream stands behind the header."""
    length = int.from_bytes(member.stream.read(8), "little")
    if not 0 < length <= min(_MOST_HEADER, member.n_bytes - 8):
        raise BundleError(f"{name} cannot be read (a header of {length:,} bytes, in a file of {member.n_bytes:,}).")
    header = read_object(member.stream.read(length), f"The header of {name}")
    header.pop("__metadata__", None)
    for array in sorted(set(header) ^ set(wanted)):
        raise BundleError(f"{name} {'must not' if array in header else 'must'} hold an array {shown(array)}.")
    starts = {array: _read_place(header[array], name, array, spec) for array, spec in wanted.items()}
    end = 0
    for array in sorted(starts, key=lambda array: (starts[array], wanted[array].n_bytes)):
        if starts[array] != end:
            raise BundleError(f"The array {array!r} of {name} does not follow on the one before it.")
        end += wanted[array].n_bytes
    if 8 + length + end != member.n_bytes:
        raise BundleError(f"{name} must have {8 + length + end:,} bytes, but has {member.n_bytes:,}.")
    return sorted(starts, key=lambda array: (starts[array], wanted[array].n_bytes))


def _read_place(entry: object, name: str, array: str, spec: ArraySpec) -> int:
    """Where the array starts. Its header must say of it what is wanted."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise BundleError(
            f"The header of {name} must give {array!r} a type, a shape and a place, but has {shown(entry)}."
        )
    dtype, shape, place = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not (_are_counts(shape) and _are_counts(place) and len(place) == 2 and place[0] <= place[1]):
        raise BundleError(f"The header of {name} has a shape or place of {array!r} that is none: {shown(entry)}.")
    if not isinstance(dtype, str) or _TYPES.get(dtype) != spec.dtype or tuple(shape) != spec.shape:
        raise BundleError(f"{_must_hold(name, array, spec)}, but its header says {shown(dtype)} in {shown(shape)}.")
    if place[1] - place[0] != spec.n_bytes:
        raise BundleError(f"The header of {name} gives {array!r} a place of another size than its numbers take.")
    start: int = place[0]
    return start


def _are_counts(values: object) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _must_hold(name: str, array: str, spec: ArraySpec) -> str:
    return f"The array {array!r} of {name} must hold finite {spec.dtype.name} numbers in the shape {spec.shape}"
