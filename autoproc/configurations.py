"""The configurations that the process itself proposes: what a plan's nulls mean for a given number of rows."""

from math import log2

from autoproc.plan import FinalKind, Plan, ProtocolPlan
from autoproc.results import Protocol
from autoproc.spec import NetworkSpec, TrainSpec

_BATCH_SIZES = (16, 512)
_FEWEST_PIECES, _MOST_PIECES, _MOST_PIECES_IN_ALL = 4, 16, 512
_ROWS_A_PIECE = 80  # development rows, of which each fold trains on four fifths


def choose_batch_size(plan: Plan, n_train_rows: int) -> int:
    """The plan's, or else the power of two that is nearest to the root of the number of rows, from 16 to 512.

    >>> choose_batch_size(Plan(), 6_400), choose_batch_size(Plan(), 100)
    (64, 16)
    """
    if plan.train.batch_size is not None:
        return plan.train.batch_size
    smallest, largest = _BATCH_SIZES
    return min(max(int(2 ** round(log2(max(n_train_rows, 1)) / 2)), smallest), largest)


def choose_pieces(plan: Plan, n_numeric: int, n_development: int) -> int:
    """Pieces that each number is cut into: the plan's, or else as many as leave about 64 training rows a piece, up to
    16, and no more than 512 in all. Fewer than 4 say little more than the number itself: then there are none.

    >>> choose_pieces(Plan(), 8, 16_000), choose_pieces(Plan(), 8, 700), choose_pieces(Plan(), 300, 16_000)
    (16, 8, 0)
    """
    if plan.inputs.pieces is not None:
        return plan.inputs.pieces
    n_pieces = min(_MOST_PIECES, n_development // _ROWS_A_PIECE, _MOST_PIECES_IN_ALL // max(n_numeric, 1))
    return n_pieces if n_pieces >= _FEWEST_PIECES else 0


def unregularised(plan: Plan, n_train_rows: int, learning_rate: float, max_epochs: int, patience: int = 0) -> TrainSpec:
    """Training without dropout and penalties; `patience` 0 trains all epochs."""
    return TrainSpec(
        max_epochs=max_epochs,
        patience=patience,
        batch_size=choose_batch_size(plan, n_train_rows),
        optimizer=plan.train.optimizer,
        learning_rate=learning_rate,
    )


def default_training(plan: Plan, n_train_rows: int, learning_rate: float) -> TrainSpec:
    """The default configuration; `learning_rate` is what growth found, and used unless the plan names one."""
    train = plan.train
    return TrainSpec(
        max_epochs=train.max_epochs,
        patience=train.patience,
        batch_size=choose_batch_size(plan, n_train_rows),
        optimizer=train.optimizer,
        learning_rate=train.learning_rate or learning_rate,
        dropout=train.dropout,
        l1=train.l1,
        weight_decay=train.weight_decay,
        averaging=train.averaging,
    )


def final_kind(plan: Plan) -> FinalKind:
    """The plan's, or else an ensemble, which does best (docs/decisions/004-final-model.md). Forward in time fold
    networks have not seen the latest rows, so that one is trained on all of them; and trials with folds of their own
    have no rows in common that an ensemble could be picked by."""
    if plan.final is not None:
        return plan.final
    if plan.time is not None:
        return "refit"
    return "folds" if plan.protocol.reshuffle else "ensemble"


def same_protocol(asked: ProtocolPlan, protocol: Protocol) -> ProtocolPlan:
    """The request that gives a protocol of this kind whatever the number of rows."""
    folds = {} if protocol.kind == "validation_split" else {"folds": protocol.folds, "repeats": protocol.repeats}
    return asked.model_copy(update={"kind": protocol.kind, **folds})


def ladder(plan: Plan) -> tuple[NetworkSpec, ...]:
    """The capacities that growth climbs, smallest first."""
    return tuple(NetworkSpec(depth, width, plan.inputs.scale) for depth, width in plan.growth.rungs)
