"""How numbers are written in text: which sign begins the decimals, and which parts thousands."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.data.cells import MISSING, PLACEHOLDERS

Notation = Literal["point", "comma"]
"""The sign that begins the decimals; the other one parts thousands."""

_SIGNS: dict[Notation, tuple[str, str]] = {"point": (".", ","), "comma": (",", ".")}
_APART = " \u00a0\u2009\u202f'\u2019_"  # what else parts thousands
_NUMBER_SHARE = 0.95
_FEWEST_PARTED = 30  # decimals written out have three digits each by chance in at most one table of twenty


def _pattern(decimal: str, thousands: str) -> str:
    groups = rf"[1-9][0-9]{{0,2}}(?:[{thousands}{_APART}][0-9]{{3}})+"
    return rf"[+-]?(?:(?:{groups}|[0-9]+)(?:[{decimal}][0-9]+)?|[{decimal}][0-9]+)(?:[eE][+-]?[0-9]+)?"


_PATTERNS = {notation: _pattern(*signs) for notation, signs in _SIGNS.items()}
_COMPILED = {notation: re.compile(pattern) for notation, pattern in _PATTERNS.items()}
_TO_PLAIN = {
    notation: str.maketrans({decimal: ".", **dict.fromkeys(thousands + _APART, "")})
    for notation, (decimal, thousands) in _SIGNS.items()
}
_AROUND = "[\\s'\"`\u2018\u2019\u201c\u201d\u00b4%\u2030$\u20ac\u00a3\u00a5\u20b9=]*(?:(?:USD|EUR|CHF|GBP)\\s*)?"
_DISGUISED = re.compile(rf"[+-]?{_AROUND}(?:{'|'.join(_PATTERNS.values())}){_AROUND}")


class Written(NamedTuple):
    """The notation of each column of numbers, where any of them must be rewritten, and what is to be said of it."""

    notations: Mapping[str, Notation]
    notices: tuple[str, ...]


def find_notation(sample: Mapping[str, Sequence[str]], file_name: str, separator: str) -> Written:
    """How the columns of numbers in a file are written, going by the cells of its first rows.

    A number that can be read in one way only, such as 1,5 or 1.234,5, tells the notation of its column, and of those
    columns that leave it open. Where none does, numbers such as 1,234 have decimals in a file separated by semicolons,
    as those are written where the comma begins decimals, and thousands in any other.
    """
    different = {name: tuple(dict.fromkeys(map(str.strip, cells))) for name, cells in sample.items()}
    found = {name: _told_by(cells) for name, cells in different.items()}
    sure = {told for told in found.values() if told in ("point", "comma")}
    if (
        separator == ";"
        and not sure
        and _part_thousands([different[name] for name in found if found[name] == "either"])
    ):
        sure = {"comma"}
    notations: dict[str, Notation] = {}
    for name, told in found.items():
        if told == "either":
            with_comma = separator == ";" and any("," in cell for cell in different[name])
            told = next(iter(sure)) if len(sure) == 1 else "comma" if with_comma else "point"
        if told == "point" or told == "comma":
            notations[name] = told
    decimals, thousands = False, ""
    for name, notation in notations.items():
        for cell in different[name]:
            after = _plain_cell(cell, notation)
            if after != cell:
                decimals |= notation == "comma" and "," in cell
                parted = after != (cell.replace(",", ".") if notation == "comma" else cell)
                thousands = thousands or (f"{cell!r} in {name!r} as {after}" if parted else "")
    notices = (
        *((f"{file_name} writes numbers with a decimal comma; they were read as such.",) if decimals else ()),
        *((f"{file_name} parts thousands; they were read together, {thousands}.",) if thousands else ()),
    )
    return Written(notations if notices else {}, notices)


def _told_by(cells: Collection[str]) -> Literal["point", "comma", "either", ""]:
    """The notation that the different cells of a column tell; nothing where they hold no numbers, or are at odds."""
    present = [cell for cell in cells if cell not in MISSING and cell not in PLACEHOLDERS]
    point, comma = (sum(1 for cell in present if fits.fullmatch(cell)) for fits in _COMPILED.values())
    if not present or max(point, comma) < _NUMBER_SHARE * len(present):
        return ""
    return "either" if point == comma else "point" if point > comma else "comma"


def _part_thousands(columns: Sequence[Sequence[str]]) -> bool:
    """Whether points part thousands in columns of numbers that could have three decimals each: numbers below a thousand
    stand beside them without any, and of so many decimals some would have fewer digits."""
    with_point = [{cell for cell in cells if "." in cell} for cells in columns]
    beside = any(found and len(found) < len(set(cells)) for found, cells in zip(with_point, columns, strict=True))
    return beside and len(set().union(*with_point)) >= _FEWEST_PARTED


def _plain_cell(cell: str, notation: Notation) -> str:
    return cell.translate(_TO_PLAIN[notation]) if _COMPILED[notation].fullmatch(cell) else cell


def plain(cells: "pd.Series[str]", notation: Notation) -> "pd.Series[str]":
    """The cells of a column with its numbers written as 1234.5; all else stays."""
    return cells.map(lambda cell: _plain_cell(cell.strip(), notation), na_action="ignore").astype(cells.dtype)


def disguised(values: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each spelling is a number in another way of writing: with thousands apart, quotes, signs of currency or
    percent, or digits of other alphabets.

    >>> disguised(["$1,234.50", "45 %", "1.5", "12A", "2020-01-01"]).tolist()
    [True, True, True, False, False]
    """
    return np.array([_DISGUISED.fullmatch(_in_plain_letters(value)) is not None for value in values], dtype=np.bool_)


def _in_plain_letters(value: str) -> str:
    usual = unicodedata.normalize("NFKC", value).replace("\u2212", "-")
    return "".join(char for char in usual if unicodedata.category(char) != "Cf")
