"""JSON from anywhere, with bounds on what reading it may take.

Python's reader takes what no writer of ours writes: a key twice, NaN, numbers of thousands of digits, and a nesting or
a number of values that are much larger in memory than in the file.
"""

import json
import math
import reprlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

from autoproc.errors import BundleError

MOST_BYTES = 8 * 2**20
_MOST_VALUES = 1_000_000
_MOST_KEYS = 10_000  # of one object
_MOST_LEVELS = 32
_MOST_DIGITS = 19


def read_object(content: bytes, name: str) -> dict[str, Any]:
    """The object in the file `name`. Raises BundleError, naming the file, for anything else."""
    try:
        parsed = _parse(content)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name} is not valid JSON ({error}).") from None
    if not isinstance(parsed, dict):
        raise BundleError(f"{name} must be an object, but is a {type(parsed).__name__}.")
    return parsed


def shown(value: object) -> str:
    """A value from a file, short enough for a message."""
    return reprlib.repr(value)


def _parse(content: bytes) -> object:
    if len(content) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
    if sum(map(content.count, (b"[", b"{", b","))) > _MOST_VALUES:
        raise ValueError(f"it has more than {_MOST_VALUES:,} values")
    parsed: object = json.loads(
        content.decode("utf-8"),
        object_pairs_hook=_distinct,
        parse_constant=_no_number,
        parse_float=_finite,
        parse_int=_whole,
    )
    _must_be_flat_text(parsed)
    return parsed


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > _MOST_KEYS:
        raise ValueError(f"an object has more than {_MOST_KEYS:,} keys")
    by_key = dict(pairs)
    if len(by_key) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"an object has the key {shown(twice)} twice")
    return by_key


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number is beyond all measure")
    return number


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > _MOST_DIGITS:
        raise ValueError(f"a whole number has more than {_MOST_DIGITS} digits")
    return int(digits)


def _must_be_flat_text(parsed: object) -> None:
    """Refuse a nesting that later passes might not survive, and text that no encoding can write."""
    level: list[object] = [parsed]
    for _ in range(_MOST_LEVELS):
        for text in level:
            if isinstance(text, str) and not text.isascii():
                text.encode("utf-8")  # halves of surrogate pairs, which escapes allow, are a UnicodeEncodeError
        level = [inner for outer in level for inner in _inner(outer)]
        if not level:
            return
    raise ValueError(f"it is nested more than {_MOST_LEVELS} levels deep")


def _inner(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else ()
