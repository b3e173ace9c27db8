"""Dates and times: which format a column is written in, and the moment in each cell."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.data.cells import Cells, read_cells

Moments = NDArray[np.datetime64]

ISO = "ISO8601"
_ISO_SHAPE = re.compile(r"\d{4}-\d{2}(-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?\s*(Z|[+-]\d{2}(:?\d{2})?)?)?")
_DAYS = (
    "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%d.%m.%Y", "%m/%d/%y", "%d/%m/%y",
    "%d.%m.%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y",
)  # fmt: skip
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
FORMATS = (ISO, *(day + time for day in _DAYS for time in _TIMES))
"""Earlier ones win: where the values allow both, the month is read before the day."""

_SAMPLE = 50


@dataclass(frozen=True)
class DateFormat:
    """The format of a column, and whether its values would allow day and month to be swapped."""

    format: str
    ambiguous: bool


def read_moments(values: Sequence[str], date_format: str) -> Moments:
    """The moment that each spelling stands for, in UTC; NaT for one that fits neither the format nor ISO 8601."""
    moments = _parse_iso(values)
    if date_format != ISO:
        given = _to_moments(values, date_format)
        moments = np.where(np.isnat(given), moments, given)
    return moments


def find_date_format(cells: Cells) -> DateFormat | None:
    """The format that fits most of the values, or None where it fits fewer than half of a sample."""
    sample = cells.values[:_SAMPLE]
    if not sample or 2 * sum(_might_be_date(value) for value in sample) < len(sample):
        return None
    fits = _n_fitting(sample)
    most = max(fits.values())
    if 2 * most < len(sample):
        return None
    # The sample may leave day and month open where the other values decide it.
    finalists = [name for name in FORMATS if fits[name] == most][:4]
    n_fit = [np.count_nonzero(~np.isnat(read_moments(cells.values, name))) for name in finalists]
    best = int(np.argmax(n_fit))
    found = finalists[best]
    return DateFormat(found, found != ISO and _swapped(found) in finalists[best + 1 :] and n_fit.count(n_fit[best]) > 1)


def column_moments(series: pd.Series, date_format: str, missing: Sequence[str] = ()) -> Moments:
    """The moment in each cell (n,), in UTC; NaT where there is none."""
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        moments = pd.to_datetime(series, utc=True).dt.tz_localize(None).to_numpy("datetime64[us]", copy=True)
        moments[np.isin(moments, read_moments(missing, date_format))] = np.datetime64("NaT", "us")
        return moments
    cells = read_cells(series, missing)
    return np.append(read_moments(cells.values, date_format), np.datetime64("NaT", "us"))[cells.codes]


def _n_fitting(sample: Sequence[str]) -> dict[str, int]:
    """How many values fit each format, or else ISO 8601, as `read_moments` reads them."""
    iso = ~np.isnat(_parse_iso(sample))
    if iso.all():
        return dict.fromkeys(FORMATS, len(sample))
    others = {name: ~np.isnat(_to_moments(sample, name)) for name in FORMATS[1:]}
    return {ISO: int(iso.sum()), **{name: int((iso | given).sum()) for name, given in others.items()}}


def _might_be_date(value: str) -> bool:
    return 6 <= len(value) <= 40 and sum(c.isdigit() for c in value) >= 3 and any(c in "-/. " for c in value)


def _swapped(date_format: str) -> str:
    return date_format.translate(str.maketrans("dm", "md"))


def _parse_iso(values: Sequence[str]) -> Moments:
    return _to_moments([value if _ISO_SHAPE.fullmatch(value) else None for value in values], ISO)


def _to_moments(values: Sequence[str | None], date_format: str) -> Moments:
    moments = pd.to_datetime(np.array(values, dtype=object), format=date_format, errors="coerce", utc=True)
    return moments.tz_localize(None).to_numpy("datetime64[us]")
