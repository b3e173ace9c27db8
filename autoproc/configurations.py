"""The configurations that the process itself proposes: what a plan's nulls mean for a given number of rows."""

from dataclasses import replace
from math import isqrt, log2
from typing import NamedTuple

from autoproc.plan import FinalKind, Plan, ProtocolPlan
from autoproc.results import Protocol
from autoproc.spec import NetworkSpec, TrainSpec

_BATCH_SIZES = (16, 512)
_UNREGULARISED_BATCHES = (4, 2)  # times as large, where an epoch still has ...
_FEWEST_STEPS = 16
_RUNGS = ((1, 32), (2, 32), (2, 64), (2, 128), (3, 128), (3, 256), (3, 512), (4, 512))
_FEWEST_PIECES, _MOST_PIECES, _MOST_PIECES_IN_ALL = 4, 64, 512
_ROWS_A_PIECE = 80  # development rows, of which each fold trains on four fifths


class Ladder(NamedTuple):
    """Capacities, smallest first, and why they are not all there are, if they are not."""

    rungs: tuple[NetworkSpec, ...]
    reason: str = ""

    def ending_at(self, n_rungs: int) -> "Ladder":
        """The first so many rungs: those whose networks find room in memory."""
        if n_rungs >= len(self.rungs):
            return self
        why = f"the ladder ends at {self.rungs[n_rungs - 1]}, as larger networks find no room under the memory limit"
        return Ladder(self.rungs[:n_rungs], "; ".join(filter(None, (self.reason, why))))


def choose_batch_size(plan: Plan, n_train_rows: int) -> int:
    """The plan's, or else the power of two that is nearest to the root of the number of rows, from 16 to 512.

    >>> choose_batch_size(Plan(), 6_400), choose_batch_size(Plan(), 100)
    (64, 16)
    """
    if plan.train.batch_size is not None:
        return plan.train.batch_size
    smallest, largest = _BATCH_SIZES
    return min(max(int(2 ** round(log2(max(n_train_rows, 1)) / 2)), smallest), largest)


def _large_batches(plan: Plan, n_train_rows: int) -> int:
    """The plan's batch size, or else up to four times that of regularised training, within the same limit: fewer steps,
    too, where small networks train alone, but enough to get anywhere in an epoch."""
    usual = choose_batch_size(plan, n_train_rows)
    if plan.train.batch_size is not None:
        return usual
    larger = (usual * times for times in _UNREGULARISED_BATCHES)
    return next((size for size in larger if size <= min(n_train_rows // _FEWEST_STEPS, _BATCH_SIZES[1])), usual)


def choose_pieces(plan: Plan, n_numeric: int, n_development: int) -> int:
    """Pieces that each number is cut into: the plan's, or else half the root of the number of rows, but no more than
    leave about 64 training rows a piece, nor than 64, nor than 512 in all. Fewer than 4 say little more than the number
    itself: then there are none.

    >>> choose_pieces(Plan(), 8, 8_000), choose_pieces(Plan(), 8, 700), choose_pieces(Plan(), 300, 8_000)
    (44, 8, 0)
    """
    if plan.inputs.pieces is not None:
        return plan.inputs.pieces
    by_rows = min(isqrt(n_development) // 2, n_development // _ROWS_A_PIECE)
    n_pieces = min(by_rows, _MOST_PIECES, _MOST_PIECES_IN_ALL // max(n_numeric, 1))
    return n_pieces if n_pieces >= _FEWEST_PIECES else 0


def choose_class_weights(plan: Plan, for_metric: float) -> float | None:
    """How much training weighs rare classes: as the plan says, or else as the metric wants it; None where neither
    minds classes."""
    return for_metric or None if plan.train.class_weights is None else plan.train.class_weights


def unregularised(
    plan: Plan,
    n_train_rows: int,
    learning_rate: float,
    max_epochs: int,
    patience: int = 0,
    class_weights: float | None = None,
) -> TrainSpec:
    """Training without dropout, penalties, averages, and the noise of small batches, which regularises too (Keskar et
    al. 2017, "On large-batch training for deep learning"); `patience` 0 trains all epochs."""
    return TrainSpec(
        max_epochs=max_epochs,
        patience=patience,
        batch_size=_large_batches(plan, n_train_rows),
        optimizer=plan.train.optimizer,
        learning_rate=learning_rate,
        class_weights=class_weights,
    )


def default_training(
    plan: Plan, n_train_rows: int, learning_rate: float, class_weights: float | None = None
) -> TrainSpec:
    """The default configuration, unless the plan names a learning rate with the one that suits it where
    `learning_rate` suits unregularised training: adaptive steps go with the root of the batch size (Malladi et al.
    2022, "On the SDEs and scaling rules for adaptive gradient algorithms")."""
    train, batch_size = plan.train, choose_batch_size(plan, n_train_rows)
    found = learning_rate * (batch_size / _large_batches(plan, n_train_rows)) ** 0.5
    return TrainSpec(
        max_epochs=train.max_epochs,
        patience=train.patience,
        batch_size=batch_size,
        optimizer=train.optimizer,
        learning_rate=train.learning_rate or found,
        dropout=train.dropout,
        l1=train.l1,
        weight_decay=train.weight_decay,
        averaging=train.averaging,
        factor_rate=train.factor_rate,
        class_weights=class_weights,
    )


def neighbours(default: TrainSpec) -> tuple[tuple[TrainSpec, int], ...]:
    """What is worth a try before anything is known: the default configuration with one thing changed, the likeliest
    first, and how many rungs larger its network is. Where classes do not weigh, the first one is the default
    itself."""
    lighter = default.class_weights and max(0.0, default.class_weights - 0.5)
    return (
        (replace(default, class_weights=lighter), 0),
        (replace(default, dropout=0.0 if default.dropout else 0.1), 0),
        (replace(default, factor_rate=10 * default.factor_rate), 0),
        (replace(default, learning_rate=0.3 * default.learning_rate), 0),
        (default, 1),
        (replace(default, dropout=0.25), 0),
    )


def final_kind(plan: Plan) -> FinalKind:
    """The plan's, or else an ensemble, which does best (docs/decisions/004-final-model.md). Forward in time fold
    networks have not seen the latest rows, so that some are trained on all of them; and trials with folds of their own
    have no rows in common that an ensemble could be picked by."""
    if plan.final is not None:
        return plan.final
    if plan.time is not None:
        return "refits"
    return "folds" if plan.protocol.reshuffle else "ensemble"


def same_protocol(asked: ProtocolPlan, protocol: Protocol) -> ProtocolPlan:
    """The request that gives a protocol of this kind whatever the number of rows."""
    folds = {} if protocol.kind == "validation_split" else {"folds": protocol.folds, "repeats": protocol.repeats}
    return asked.model_copy(update={"kind": protocol.kind, **folds})


def ladder(plan: Plan) -> tuple[NetworkSpec, ...]:
    """The capacities of the plan, or all there are, smallest first."""
    return tuple(NetworkSpec(depth, width, plan.inputs.scale) for depth, width in plan.growth.rungs or _RUNGS)


def choose_ladder(plan: Plan, n_inputs: int, n_outputs: int, n_train_rows: int) -> Ladder:
    """The capacities that growth climbs: the plan's, or else those from the largest one that has no more weights than
    there are training rows, of which it could not learn each by heart; and the reason, where some are left out
    (docs/decisions/024-growth-begins-at-the-rows.md).

    >>> [str(network) for network in choose_ladder(Plan(), 40, 1, 9_000).rungs][:2]
    ['2 x 64', '2 x 128']
    """
    rungs = ladder(plan)
    if plan.growth.rungs is not None:
        return Ladder(rungs)
    sizes = [network.n_weights(n_inputs, n_outputs) for network in rungs]
    first = max((number for number, size in enumerate(sizes) if size <= n_train_rows), default=0)
    if not first:
        return Ladder(rungs)
    reason = (
        f"growth began at {rungs[first]}, the largest network with no more weights ({sizes[first]:,}) than training "
        f"rows ({n_train_rows:,})"
    )
    return Ladder(rungs[first:], reason)
