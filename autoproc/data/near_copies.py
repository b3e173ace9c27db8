"""Rows that are nearer to another row than chance gives, whatever kinds of columns the table has.

How near two rows are is told in bits: in each feature, minus log2 of the share of rows that are as close. So a cell
that differs counts for nearly nothing, and one that agrees counts for little where the feature has few values.
Features hang together, so the bits of one pair say nothing by themselves, but those of its neighbours do: nearest
first, they fall by steps that are exponentially distributed (Rényi), with a mean that Hill's estimator (1975) takes
from neighbours farther off. A row has near copies where its first few neighbours stand apart from the next by a step
that chance hardly gives.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from autoproc.results import FloatArray

FEWEST_ROWS = 60

_MOST_COPIES = 12  # of one row
_LADDER = 48  # neighbours of a row, nearest first; chance is judged on those beyond the first _MOST_COPIES + 2
_STEP = 5.0  # in mean steps: by chance e**-5 of the rows, 0.7 %
_SHORTEST_MEAN = float(np.log2(np.e))  # bits: the mean step of a single feature
_PARTS = 3  # of the features; neighbours are sought without each of them, so that a few cells may differ
_MOST_ROWS = 250_000
_MOST_FEATURES = 2_000  # in which neighbours are sought; copies agree in nearly all, and so in some that are drawn
_MOST_COORDINATES = 2**25  # of all rows together: 128 MiB, of which there are some copies
_PAIRS = 30_000_000
_FEWEST_LOOKED_AT, _MOST_LOOKED_AT = 300, 1_000
_WIDTH = 8  # columns that stand for a category in the search for neighbours
_ALIKE = 0.01  # share of the rows between two cells that count as agreeing

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class NearCopies:
    """Of `n_looked_at` rows those that have near copies, the most striking first: their numbers (m,), the nearest row
    of each (m,), and in how many features it agrees with that one, and with the first that is no copy."""

    n_looked_at: int
    rows: Rows
    nearest: Rows
    agreeing: Rows
    agreeing_with_next: Rows


@dataclass(frozen=True, eq=False)
class _Ranks:
    """Where each cell (n,) stands in its feature: the middle of the rows with that value, half their number, and
    whether it is missing. A category is either the same or as far off as can be."""

    middle: NDArray[np.float32]
    half: NDArray[np.float32]
    missing: NDArray[np.bool_]
    is_category: bool

    @classmethod
    def of(cls, cells: NDArray[np.float32], is_category: bool) -> "_Ranks":
        _, codes, counts = np.unique(cells, return_inverse=True, return_counts=True)
        middle, half = (np.cumsum(counts) - counts / 2)[codes], (counts / 2)[codes]
        return cls(middle.astype(np.float32), half.astype(np.float32), np.isnan(cells), is_category)

    def share(self, rows: Rows, others: Rows) -> NDArray[np.float32]:
        """The share of all rows that are as close to each of `rows` (q,) as `others` (q, k) are."""
        between = np.abs(self.middle[others] - self.middle[rows, None])
        share = (between + self.half[others] + self.half[rows, None]) / np.float32(len(self.middle))
        differs = between > 0 if self.is_category else self.missing[others] != self.missing[rows, None]
        return np.where(differs, np.float32(1), np.minimum(share, np.float32(1)))

    def agree(self, rows: Rows, others: Rows) -> NDArray[np.bool_]:
        """Whether `others` (q, k) are equal to `rows` (q,), or nearly so."""
        equal = self.middle[rows, None] == self.middle[others]
        return np.asarray(equal | (self.share(rows, others) <= _ALIKE))


def find_near_copies(values: NDArray[np.float32], is_category: NDArray[np.bool_], seed: int) -> NearCopies:
    """The near copies among `values` (n, d), rows that all differ; in features that are categories they are codes.

    Some rows are looked at, and compared with all; of very many rows some are left out, and with them copies.
    """
    random = np.random.default_rng(seed)
    n_features = values.shape[1]
    features = np.arange(n_features)
    if n_features > _MOST_FEATURES:
        features = np.sort(random.permutation(n_features)[:_MOST_FEATURES])
    width = int(np.where(is_category[features], _WIDTH, 2).sum())
    drawn = np.sort(random.permutation(len(values))[: min(_MOST_ROWS, max(_MOST_COORDINATES // width, FEWEST_ROWS))])
    n_looked_at = min(len(drawn), max(_FEWEST_LOOKED_AT, min(_MOST_LOOKED_AT, _PAIRS // len(drawn))))
    rows = np.sort(random.permutation(len(drawn))[:n_looked_at])
    sought, are_categories = values[np.ix_(drawn, features)], is_category[features]
    ranks = [_Ranks.of(cells, category) for cells, category in zip(sought.T, are_categories, strict=True)]
    neighbours, bits = _ladder(ranks, rows, _candidates(_coordinates(sought, are_categories, random), rows))
    steps = _steps(bits)
    longest = steps.max(axis=1)
    found = np.argsort(-longest, kind="stable")[: np.count_nonzero(longest > _STEP)]
    nearest, following = neighbours[found, 0], neighbours[found, steps[found].argmax(axis=1) + 1]
    agreeing = np.zeros((len(found), 2), np.int64)
    for cells, category in zip(values.T, is_category, strict=True):  # all of them, one after the other
        agreeing += _Ranks.of(cells[drawn], category).agree(rows[found], np.stack([nearest, following], axis=1))
    return NearCopies(
        n_looked_at=n_looked_at,
        rows=drawn[rows[found]],
        nearest=drawn[nearest],
        agreeing=agreeing[:, 0],
        agreeing_with_next=agreeing[:, 1],
    )


def _coordinates(
    values: NDArray[np.float32], is_category: NDArray[np.bool_], random: np.random.Generator
) -> list[NDArray[np.float32]]:
    """Each feature as columns in which plain distances find neighbours."""
    return [
        _points(cells, random) if category else _scaled(cells)
        for cells, category in zip(values.T, is_category, strict=True)
    ]


def _points(codes: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Categories as random points, about 1 from each other."""
    different, numbers = np.unique(codes, return_inverse=True)
    points = random.normal(scale=(2 * _WIDTH) ** -0.5, size=(len(different), _WIDTH))
    return points.astype(np.float32)[numbers]


def _scaled(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Numbers in standard deviations, outliers drawn in, and beside them whether they are missing."""
    missing = np.isnan(numbers)
    filled = np.where(missing, np.nanmedian(numbers) if not missing.all() else 0, numbers).astype(np.float64)
    inner = np.clip(filled, *np.quantile(filled, (0.01, 0.99)))
    kept = inner if np.ptp(inner) > 0 else filled
    scaled = (kept - kept.mean()) / (kept.std() or 1.0)
    return np.column_stack([scaled, missing] if missing.any() else [scaled]).astype(np.float32)


def _candidates(coordinates: list[NDArray[np.float32]], rows: Rows) -> Rows:
    """Neighbours (q, k) of the rows, some of them more than once: those without each part of the features."""
    n_neighbours = min(_LADDER + 1, len(coordinates[0]))
    n_parts = _PARTS if len(coordinates) >= _PARTS else 1
    found = []
    for part in range(n_parts):
        kept = [columns for i, columns in enumerate(coordinates) if n_parts == 1 or i % n_parts != part]
        space = np.hstack(kept)
        search = NearestNeighbors(n_neighbors=n_neighbours, algorithm="brute").fit(space)
        found.append(search.kneighbors(space[rows], return_distance=False))
    return np.sort(np.hstack(found), axis=1).astype(np.int64)


def _ladder(ranks: Sequence[_Ranks], rows: Rows, candidates: Rows) -> tuple[Rows, FloatArray]:
    """The candidates (q, k), nearest first, each once and without the row itself, and their bits (q, k)."""
    total = np.zeros(candidates.shape, np.float32)
    for feature in ranks:
        total -= np.log2(feature.share(rows, candidates))
    bits = total.astype(np.float64)
    again = candidates == rows[:, None]
    again[:, 1:] |= candidates[:, 1:] == candidates[:, :-1]
    bits[again] = -np.inf
    order = np.argsort(-bits, axis=1, kind="stable")[:, : min(_LADDER, len(ranks[0].middle) - 1)]
    return np.take_along_axis(candidates, order, axis=1), np.take_along_axis(bits, order, axis=1)


def _steps(bits: FloatArray) -> FloatArray:
    """From each of the first neighbours down to the next (q, _MOST_COPIES), in mean steps by chance: those of the row
    or of the table, whichever are longer."""
    farther = bits[:, _MOST_COPIES + 2 :]
    hill = (farther[:, :-1] - farther[:, -1:]).mean(axis=1)
    mean = np.maximum(hill, max(float(np.median(hill)), _SHORTEST_MEAN))
    first = bits[:, : _MOST_COPIES + 1]
    return np.asarray((first[:, :-1] - first[:, 1:]) / mean[:, None])
