"""From the vectoriser's matrix to what the first layer reads.

The matrix is widened once, for all folds. What is learned from rows (centre and scale of the numbers, and the edges of
the pieces that they are cut into) is a statistic of each fold's training rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autoproc.data.vectorize import Layout
from autoproc.network.widening import FAR, widened

_BLOCK_CELLS = 2**20  # that quantiles are taken of at once: 8 MiB, and some copies


@dataclass(frozen=True)
class Inputs:
    """What autoproc.network.widening makes of n rows, as tensors."""

    dense: Tensor
    codes: Tensor


def widen(matrix: NDArray[np.float32], layout: Layout, device: torch.device) -> Inputs:
    """The vectoriser's matrix (n, n_columns) as network inputs of n rows."""
    dense, codes = widened(matrix, layout)
    return Inputs(torch.from_numpy(dense).to(device), torch.from_numpy(codes).to(device))


def fit_scaling(numbers: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Median and robust scale (interquartile range, else half the full range, else 1) of each column.

    `numbers` is (n, d), finite, or NaN for missing; a column without any number gets centre 0 and scale 1.
    """
    center = np.zeros(numbers.shape[1])
    scale = np.ones(numbers.shape[1])
    for columns, present in _present(numbers):
        low, q1, center[columns], q3, high = np.quantile(present.astype(np.float64), [0, 0.25, 0.5, 0.75, 1], axis=1)
        scale[columns] = np.where(q3 > q1, q3 - q1, np.where(high > low, (high - low) / 2, 1.0))
    tiny, huge = np.finfo(np.float32).tiny, np.finfo(np.float32).max
    return center.astype(np.float32), np.clip(scale, tiny, huge).astype(np.float32)


def fit_edges(
    numbers: NDArray[np.float32], center: NDArray[np.float32], spread: NDArray[np.float32], n_pieces: int
) -> NDArray[np.float32]:
    """Edges (n_pieces + 1, d) of pieces of each column that hold about as many of the numbers (n, d) each: quantiles,
    as they are when centred and scaled. Where fewer values differ, the last edge is repeated."""
    edges = np.zeros((n_pieces + 1, numbers.shape[1]), dtype=np.float32)
    for columns, present in _present(numbers):
        scaled = np.clip((present - center[columns, None]) / spread[columns, None], -FAR, FAR).astype(np.float64)
        quantiles = np.quantile(scaled, np.linspace(0, 1, n_pieces + 1), axis=1).astype(np.float32)
        place = np.cumsum(np.diff(quantiles, axis=0, prepend=quantiles[:1]) > 0, axis=0)  # among those that differ
        distinct = np.repeat(quantiles[-1:], n_pieces + 1, axis=0)
        np.put_along_axis(distinct, place, quantiles, axis=0)
        edges[:, columns] = distinct
    return edges


def _present(numbers: NDArray[np.float32]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Columns that hold equally many numbers, and those (c, m): there may be thousands, and in blocks they take a
    fifth of the time. Columns that hold none are left out."""
    counts = np.count_nonzero(~np.isnan(numbers), axis=0)
    for count in np.unique(counts[counts > 0]):
        alike = np.flatnonzero(counts == count)
        for columns in np.array_split(alike, -(-len(alike) * len(numbers) // _BLOCK_CELLS)):
            cells = numbers[:, columns].T
            yield columns, cells[~np.isnan(cells)].reshape(len(columns), count)


def scale_(dense: Tensor, center: Tensor, spread: Tensor, edges: Tensor) -> Tensor:
    """Centre and scale the numeric part of each member, cut it into pieces, clip it smoothly, and put 0 for missing
    numbers; in place.

    `dense` is (members, rows, n_dense), `center` and `spread` (members, n_numeric), `edges` (members, n_pieces + 1,
    n_numeric). The clipping x / sqrt(1 + (x / 3)^2) keeps far values within 3 scales (Holzmueller et al. 2024,
    RealMLP). A piece is 0 before it, 1 behind it, and rises between (Gorishniy et al. 2022, "On embeddings for
    numerical features", section 3.2).
    """
    n_numeric, n_pieces = center.shape[1], edges.shape[1] - 1
    numbers = dense[..., :n_numeric]
    numbers.sub_(center[:, None]).div_(spread[:, None]).clamp_(-FAR, FAR)
    if n_numeric and n_pieces:
        pieces = dense[..., -n_numeric * n_pieces :].view(*dense.shape[:2], n_pieces, n_numeric)
        widths = edges.diff(dim=1)
        torch.sub(numbers.unsqueeze(2), edges[:, None, :-1], out=pieces)
        pieces.mul_(torch.where(widths > 0, 1 / widths, 0)[:, None]).clamp_(0, 1).nan_to_num_(0.0)
    numbers.div_((numbers / 3).square_().add_(1).sqrt_()).nan_to_num_(0.0)
    return dense
