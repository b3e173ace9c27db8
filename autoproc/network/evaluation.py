"""How S networks do on rows of their folds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from autoproc.data.metrics import Metric
from autoproc.network.fold_data import EvaluationRows, FoldData
from autoproc.network.loss import losses, predictions
from autoproc.network.passes import Batch, Network
from autoproc.network.scratch import Scratch

ROWS_AT_ONCE = 512
"""Rows of each member in one pass: keeps what it computes near the processor."""


@dataclass(frozen=True)
class Marks:
    """Score and mean loss of one network on some rows; NaN where there are none."""

    score: float
    loss: float


NO_MARKS = Marks(float("nan"), float("nan"))


def evaluate(
    network: Network, folds: Tensor, where: EvaluationRows, data: FoldData, metric: Metric, scratch: Scratch
) -> list[Marks]:
    """The marks of S networks on the rows `where` of their folds (S,)."""
    n_rows = where.padded.shape[1]
    if not n_rows:
        return [NO_MARKS] * len(folds)
    rows = where.padded[folds]
    places, codes = data.places(folds[:, None], rows), data.codes(rows)
    outputs = scratch.take("outputs", len(folds), network.n_outputs, n_rows)
    for start in range(0, n_rows, ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        outputs[:, :, part] = network.forward(Batch(data.dense(places[:, part], scratch), codes[:, part]))
    lost = losses(data.task, outputs, data.targets(folds[:, None], rows)).cpu().numpy()
    own = folds.cpu()
    center, spread = data.target_center[own], data.target_spread[own]
    predicted = predictions(data.task, outputs.cpu(), center, spread).numpy()
    marks = [NO_MARKS] * len(folds)
    for fold in sorted(set(own.tolist())):
        true_rows, members = where.rows[fold], np.flatnonzero(own.numpy() == fold)
        if len(true_rows):
            part_lost, part_predicted = lost[members, : len(true_rows)], predicted[members, : len(true_rows)]
            for member, mark in zip(
                members, _marks(metric, data.raw_targets[true_rows], part_predicted, part_lost), strict=True
            ):
                marks[member] = mark
    return marks


def _marks(
    metric: Metric,
    targets: NDArray[np.int64] | NDArray[np.float64],
    predicted: NDArray[np.floating],
    lost: NDArray[np.float32],
) -> list[Marks]:
    scores, loss = metric(targets, predicted), lost.mean(axis=1, dtype=np.float64)
    return [Marks(float(score), float(mean)) for score, mean in zip(scores, loss, strict=True)]
