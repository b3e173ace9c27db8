"""The sealed holdout: rows that nothing can learn from until they are opened, once, with a receipt."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.data.draw import draw_groups, draw_rows, from_time
from autoproc.data.metrics import Metric
from autoproc.data.problem import encode_target, labelled
from autoproc.data.relations import UNRELATED, Relations, read_relations, read_times, unseen
from autoproc.data.table import Table, read_table
from autoproc.errors import DataError
from autoproc.outcomes import Receipt
from autoproc.plan import Plan
from autoproc.results import Problem

MIN_DEVELOPMENT_ROWS = 10
MIN_HOLDOUT_ROWS = 2

_KEY_LETTERS = 16


@dataclass(frozen=True)
class OpenHoldout:
    """A holdout's rows, how they hang together, and the receipt of their opening."""

    table: Table
    relations: Relations
    receipt: Receipt


class SealedHoldout:
    """Holdout rows under seal: their number and key are known, the rows are handed out by `open` alone.

    The key names the holdout in its receipts: the same table and targets have the same key in every job, whichever
    rows are drawn.
    """

    __slots__ = ("_opened", "_relations", "_table", "key", "n_rows")

    def __init__(self, table: Table, key: str, relations: Relations = UNRELATED) -> None:
        self.n_rows = table.n_rows
        self.key = key
        self._table = table
        self._relations = relations
        self._opened = False

    def __repr__(self) -> str:
        return f"SealedHoldout(n_rows={self.n_rows}, key={self.key!r})"

    def check_targets(self, problem: Problem, metrics: Sequence[Metric] = ()) -> None:
        """Raises DataError where the holdout could not be scored by the metrics; nothing else is said of its rows."""
        targets = ", ".join(map(repr, problem.targets))
        try:
            y = encode_target(self._table, problem)
        except DataError:
            found = "a class that no development row has" if problem.is_classification else "no finite number"
            raise DataError(
                f"The holdout cannot be scored: its target {targets} must be of the same kind as in the development "
                f"rows, but at least one row holds {found}. Mend the cells, merge rare classes, or add rows."
            ) from None
        if problem.task == "binary" and len(found_classes := np.unique(y)) < 2:
            lacking = problem.classes[1 - int(found_classes[0])]
            raise DataError(
                f"The holdout cannot be scored: it must have rows of both classes of the target {targets}, but has "
                f"none of {lacking!r}. Add rows of that class, or seal more rows with --holdout-share."
            )
        for metric in metrics:
            if metric.need and not metric.is_defined(y):
                raise DataError(
                    f"The holdout cannot be scored by {metric.name!r}, which needs {metric.need.words}. Seal more or "
                    "other rows with --holdout-share or --holdout, or ask for another metric."
                )

    def open(self, receipt: Receipt) -> OpenHoldout:
        """The rows. Raises ValueError for a receipt of another holdout, RuntimeError when opened before."""
        if receipt.key != self.key:
            raise ValueError(f"the receipt is for holdout {receipt.key}, not for {self.key}")
        if self._opened:
            raise RuntimeError(f"holdout {self.key} is open already: its rows are handed out once")
        self._opened = True
        return OpenHoldout(self._table, self._relations, receipt)


def seal(table: Table, plan: Plan) -> tuple[Table, SealedHoldout]:
    """The development rows, and the holdout under seal: rows of `table`, or those of the plan's holdout file.

    `table` has a value in every target. Which of its rows are sealed follows from their number, from which of them
    have the same value in the target, and from the seed; no other cell has a say, but for the columns that the plan
    names: whole groups are sealed, and of times the last.

    Raises DataError where rows are too few, or a holdout file lacks columns or is the table itself.
    """
    return _seal_file(table, plan.holdout, plan) if plan.holdout is not None else _seal_share(table, plan)


def holdout_key(table: Table, plan: Plan) -> str:
    """The key of the holdout that `seal` would put under seal; seals nothing. Raises DataError where a holdout file
    cannot be read, or lacks a target."""
    if plan.holdout is None:
        return _key_of_rows(table, plan)
    whole = read_table(plan.holdout, plan.missing)
    _labelled_file(whole, plan)
    return _key_of_file(whole, plan)


def _seal_share(table: Table, plan: Plan) -> tuple[Table, SealedHoldout]:
    relations = read_relations(table, plan)
    is_development, is_sealed = _split(table, plan, relations)
    n_development, n_holdout = int(is_development.sum()), int(is_sealed.sum())
    if plan.group is not None and plan.time is not None and n_holdout < MIN_HOLDOUT_ROWS:
        raise DataError(
            f"By {plan.group!r} and {plan.time!r} together nothing is left to seal: a sealed row must be later than "
            "the development rows and of a group that none of them has, but all later groups have earlier rows too. "
            "Leave --group or --time out."
        )
    if n_holdout < MIN_HOLDOUT_ROWS or n_development < MIN_DEVELOPMENT_ROWS:
        enough = table.n_rows >= MIN_DEVELOPMENT_ROWS + MIN_HOLDOUT_ROWS
        what = f"The holdout share does not fit {table.name}" if enough else f"{table.name} has too few rows"
        remedy = "Choose another --holdout-share, add rows" if enough else "Add rows"
        raise DataError(
            f"{what}: at least {MIN_DEVELOPMENT_ROWS} rows must be left for development and {MIN_HOLDOUT_ROWS} sealed "
            f"as the holdout, but a share of {plan.holdout_share:g} of {table.n_rows:,} rows seals {n_holdout:,} and "
            f"leaves {n_development:,}{_cause(plan)}. {remedy}, or seal a table of your own with --holdout FILE."
        )
    sealed = np.flatnonzero(is_sealed)
    development = table.take(np.flatnonzero(is_development))
    n_neither = table.n_rows - n_development - n_holdout
    if n_neither:
        development = development.with_notice(
            f"Left out: {n_neither:,} later rows of groups ({plan.group}) that stand among the development rows too."
        )
    if plan.group is not None and abs(n_holdout / table.n_rows - plan.holdout_share) > plan.holdout_share / 4:
        largest = table.cells(plan.group).counts.max() / table.n_rows
        development = development.with_notice(
            f"Groups of {plan.group!r} cannot be divided: {n_holdout / table.n_rows:.1%} of the rows are sealed, where "
            f"{plan.holdout_share:.1%} were asked for; the largest group has {largest:.1%}."
        )
    return _alone(development), SealedHoldout(table.take(sealed), _key_of_rows(table, plan), relations.take(is_sealed))


def _split(table: Table, plan: Plan, relations: Relations) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each row (n,) is for development, and whether it is sealed. By time and group together some are neither:
    later rows of a group that has earlier ones."""
    if relations.times is not None:
        before = relations.times < from_time(relations.times, plan.holdout_share)
        return before, unseen(relations.groups, before, ~before)
    strata = _strata(table, plan)
    if relations.groups is not None:
        drawn = draw_groups(relations.groups, strata, plan.holdout_share, plan.seed)
    else:
        drawn = draw_rows(strata, round(plan.holdout_share * table.n_rows), plan.seed)
    return ~drawn, drawn


def _cause(plan: Plan) -> str:
    """Why a share seals other than so many rows."""
    if plan.time is not None:
        among = f", and the groups of {plan.group!r} are only counted where no row of theirs is earlier"
        return f": the rows from one time of {plan.time!r} on{among if plan.group else ''}"
    return f": whole groups of {plan.group!r}" if plan.group is not None else ""


def _strata(table: Table, plan: Plan) -> NDArray[np.int64]:
    """Rows with the same value in the one target share a number (n,); with several targets all rows do."""
    return table.cells(plan.target[0]).codes if len(plan.target) == 1 else np.zeros(table.n_rows, dtype=np.int64)


def _alone(development: Table) -> Table:
    """The same cells, without the names of categories that stand in sealed rows alone."""
    typed = development.frame.select_dtypes("category")
    used: dict[str, pd.Series] = {str(name): typed[name].cat.remove_unused_categories() for name in typed}
    return replace(development, frame=development.frame.assign(**used)) if used else development


def _seal_file(table: Table, path: str, plan: Plan) -> tuple[Table, SealedHoldout]:
    whole = read_table(path, plan.missing)
    missing = [name for name in table.columns if name not in whole.columns and name not in plan.ignore]
    if missing:
        raise DataError(
            f"The holdout {path} must have every column of {table.name}, but lacks {', '.join(map(repr, missing))}. "
            "Add the columns, or leave those that are no target out with --ignore."
        )
    holdout = _labelled_file(whole, plan)
    if holdout.n_rows < MIN_HOLDOUT_ROWS:
        raise DataError(
            f"The holdout {path} must have at least {MIN_HOLDOUT_ROWS} rows with a target, but has {holdout.n_rows}."
        )
    if holdout.fingerprint == table.fingerprint:
        raise DataError(
            f"The holdout {path} holds the same rows as {table.name}, but it must hold rows that nothing is learned "
            "from. Name another file, or leave --holdout out: then a share of the rows is sealed."
        )
    relations = _relations_of_file(table, holdout, plan)
    for notice in (*whole.notices, *holdout.notices):
        table = table.with_notice(f"Holdout {whole.name}: {notice}")
    return table, SealedHoldout(holdout, _key_of_file(whole, plan), relations)


def _labelled_file(whole: Table, plan: Plan) -> Table:
    """The rows of a holdout file that have a value in every target."""
    return labelled(replace(whole, notices=()), plan.model_copy(update={"ignore": ()}))


def _relations_of_file(table: Table, holdout: Table, plan: Plan) -> Relations:
    """How the rows of a holdout file hang together, be they all of one group or time. Raises DataError where it has
    groups of the table, or rows that are not later than the table's."""
    groups = times = None
    if plan.group is not None:
        known, cells = set(table.cells(plan.group).values), holdout.cells(plan.group)
        groups, shared = cells.codes, [value for value in cells.values if value in known]
        if shared:
            raise DataError(
                f"The holdout {holdout.name} must have groups of its own in {plan.group!r}, but {len(shared):,} "
                f"stand in {table.name} too, such as {shared[0]!r}. Move their rows to one side, or leave --group out."
            )
    if plan.time is not None:
        times = read_times(holdout, plan.time)
        if times.min() < read_times(table, plan.time).max():
            raise DataError(
                f"The holdout {holdout.name} must be later than {table.name} by {plan.time!r}, but its first row is "
                "earlier than the table's last. Move the rows to one side, or leave --time out."
            )
    return Relations(groups, times)


def _key_of_rows(table: Table, plan: Plan) -> str:
    """Not of the rows that are drawn: another draw from a table that was opened is no fresh holdout."""
    return _key("rows", table.fingerprint, *sorted(plan.target))


def _key_of_file(whole: Table, plan: Plan) -> str:
    return _key("file", whole.fingerprint, *sorted(plan.target))


def _key(*parts: str) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:_KEY_LETTERS]
