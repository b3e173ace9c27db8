"""The vectoriser's matrix as columns that a network reads, without torch: for training and for prediction alike."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autoproc.data.vectorize import Layout

FAR = 1e4  # beyond this many scales a value says nothing more; keeps squares finite in float32


class Widened(NamedTuple):
    """`dense` float32 (n, n_widened), NaN only in its numeric part; `codes` int64 (n, embedded columns), shifted so
    that all embedded columns share one table."""

    dense: NDArray[np.float32]
    codes: NDArray[np.int64]


def widened(matrix: NDArray[np.float32], layout: Layout) -> Widened:
    """The vectoriser's matrix (n, n_columns): numbers with NaN for missing, fixed-scale columns, missing indicators and
    one-hot codes side by side, and the codes of embedded columns apart."""
    numeric, passthrough, indicators = map(list, (layout.numeric, layout.passthrough, layout.indicators))
    ends = np.cumsum([len(numeric), len(passthrough), len(indicators), *(size for _, size in layout.one_hot)])
    fixed = matrix[:, passthrough]
    # Row by row in memory, which looking rows up is fast for, and each part straight into its place: a large table's
    # parts beside it would take as much again.
    dense = np.empty((len(matrix), int(ends[-1])), dtype=np.float32)
    dense[:, : ends[0]] = matrix[:, numeric]
    dense[:, ends[0] : ends[1]] = np.where(np.isnan(fixed), np.float32(0), fixed)
    dense[:, ends[1] : ends[2]] = np.isnan(matrix[:, indicators])
    for (column, size), end in zip(layout.one_hot, ends[3:], strict=True):
        dense[:, end - size : end] = matrix[:, [column]] == np.arange(size, dtype=np.float32)
    starts = np.cumsum([0, *(size for _, size in layout.embedded)])[:-1]
    codes = matrix[:, [column for column, _ in layout.embedded]].astype(np.int64, order="C") + starts.astype(np.int64)
    return Widened(dense, codes)


def steepness(edges: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much of each piece lies in one unit of its number, by the edges (..., n_pieces + 1, d): (..., n_pieces, d).
    None of it where two edges are the same, and never infinite."""
    widths = np.diff(edges, axis=-2)
    with np.errstate(divide="ignore", over="ignore"):
        return np.where(widths > 0, np.minimum(1 / widths, np.finfo(np.float32).max), np.float32(0))
