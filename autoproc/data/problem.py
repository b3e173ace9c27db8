"""The problem: what is to be predicted, which task that is, and how the target becomes numbers."""

from dataclasses import dataclass
from textwrap import shorten
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.data.cells import PLACEHOLDERS, Cells, read_numbers, spelling
from autoproc.data.columns import MAX_LABELS, describe_columns, must_be_finite, must_be_plain
from autoproc.data.table import Table
from autoproc.errors import DataError, PlanError, did_you_mean
from autoproc.plan import Plan, Task
from autoproc.results import FloatArray, Problem

_NUMERIC_SHARE = 0.95
_LABEL_ROWS = 20
_MIN_LABEL_ROWS = 10
_MANY_CLASSES = 100
_LARGEST = 1e100
_SHOWN = 5
_SHOWN_LETTERS = 40


@dataclass(frozen=True, eq=False)
class _Target:
    """One target column: `numbers` holds the number of each of the cells' values, `numeric` whether
    nearly all cells are numbers, `typed_words` whether the data frame itself says categories."""

    name: str
    cells: Cells
    numbers: FloatArray
    numeric: bool
    typed_words: bool

    @property
    def n_values(self) -> int:
        return len(self.cells.values)

    @property
    def fewest(self) -> int:
        """Rows of the rarest value."""
        return int(self.cells.counts.min())


class _Classes(NamedTuple):
    names: tuple[str, ...]
    counts: tuple[int, ...]
    reason: str


def labelled(table: Table, plan: Plan) -> Table:
    """The rows in which every target has a value; a notice tells of the rows that were left out.

    Raises DataError for a target that the table has not, or that has no value at all, and PlanError
    where the names of targets and ignored columns contradict the table or each other.
    """
    _check_names(table, plan)
    _check_relations(table, plan)
    missing = np.stack([_read_target(table, name).cells.codes < 0 for name in plan.target])
    for name, rows in zip(plan.target, missing, strict=True):
        if rows.all():
            raise DataError(f"The target {name!r} has no value in any row of {table.name}. Name another target.")
    kept = ~missing.any(axis=0)
    dropped = np.flatnonzero(~kept)
    if not dropped.size:
        return table
    what = f"the target {plan.target[0]!r}" if len(plan.target) == 1 else "one of the targets"
    if not kept.any():
        raise DataError(f"No row of {table.name} has a value in every target. Train one job a target.")
    notice = f"Left out: {_rows(dropped.size)} without a value in {what} ({table.places(dropped)})."
    return table.take(np.flatnonzero(kept)).with_notice(notice)


def check_class_weights(plan: Plan, problem: Problem) -> None:
    """Raises PlanError where the plan weighs classes and there are none."""
    if plan.train.class_weights and not problem.is_classification:
        raise PlanError(
            f"train.class_weights weighs rows by their class, but is {plan.train.class_weights:g} for a "
            f"{problem.task.replace('_', ' ')}, which has no classes. Leave it out."
        )


def define_problem(development: Table, plan: Plan) -> Problem:
    """The task, the classes and the columns, from development rows alone.

    Raises DataError for targets and columns that cannot be learned, and PlanError where the plan asks
    for a task or a positive class that the target does not allow.
    """
    targets = tuple(_read_target(development, name) for name in plan.target)
    for target in targets:
        _must_vary(target)
        if target.numeric:
            must_be_finite(development, target.name, target.cells.spread(target.numbers))
        elif not target.typed_words:
            must_be_plain(development, target.name, target.cells, "name another target")
    task, reason = _asked_task(plan.task, targets) if plan.task else _infer_task(development, targets)
    if task != "binary" and plan.positive is not None:
        raise PlanError(f"--positive {plan.positive} names the positive class of a binary problem, but this is {task}.")
    if task in ("regression", "vector_regression"):
        for target in targets:
            _must_be_numbers(development, target.name, target.cells)
        classes = _Classes((), (), "")
    else:
        classes = _binary_classes(targets[0], plan.positive) if task == "binary" else _sorted_classes(targets[0])
        _must_differ_from_probabilities(targets[0].name, classes.names)
    columns = describe_columns(development, plan.target, plan.ignore, plan.group)
    return Problem(task, plan.target, classes.names, classes.counts, columns, f"{reason}{classes.reason}")


def encode_target(table: Table, problem: Problem) -> NDArray[np.int64] | NDArray[np.float64]:
    """Class indices (n,), in binary 1 for the positive class, or for regressions numbers (n, targets).

    Raises DataError for a missing cell, an unknown class, and what is not a finite number.
    """
    if problem.is_classification:
        return _encode_classes(table, problem)
    return np.stack([_must_be_numbers(table, name, table.cells(name)) for name in problem.targets], axis=1)


def _check_names(table: Table, plan: Plan) -> None:
    if not plan.target:
        raise PlanError(
            f"No target is named, the column to be predicted. Name one with --target: {_some(table.columns)}."
        )
    for name in plan.target:
        if name not in table.columns:
            raise DataError(_no_column(table, name, "to be the target"))
    if len(set(plan.target)) < len(plan.target):
        raise PlanError(f"The targets must differ, but are {', '.join(plan.target)}. Name each once.")
    for name in plan.ignore:
        if name not in table.columns:
            raise PlanError(_no_column(table, name, "to ignore"))
        if name in plan.target:
            raise PlanError(f"Column {name!r} is both the target and to be ignored. Take it out of --ignore.")


def _check_relations(table: Table, plan: Plan) -> None:
    for option, name in (("--group", plan.group), ("--time", plan.time)):
        if name is None:
            continue
        if name not in table.columns:
            raise PlanError(_no_column(table, name, f"for {option}"))
        if name in plan.target:
            raise PlanError(f"{option} must name a column beside the target, but {name!r} is the target. Name another.")
    if plan.group is not None and plan.group == plan.time:
        raise PlanError(f"--group and --time must name two columns, but both name {plan.group!r}. Leave one out.")


def _no_column(table: Table, name: str, purpose: str) -> str:
    known = f"there are {_some(table.columns)}.{did_you_mean(name, table.columns)}"
    return f"{table.name} has no column {name!r} {purpose}; {known}"


def _read_target(table: Table, name: str) -> _Target:
    """Placeholders such as `?` count as missing where the other cells are numbers."""
    raw = table.cells(name)
    cells = raw.without(PLACEHOLDERS)
    numbers = read_numbers(cells.values)
    n_numbers = cells.counts[~np.isnan(numbers)].sum()
    numeric = bool(n_numbers) and n_numbers >= _NUMERIC_SHARE * cells.n_present
    typed_words = isinstance(table.frame[name].dtype, pd.CategoricalDtype)
    if numeric:
        return _Target(name, cells, numbers, True, typed_words)
    return _Target(name, raw, read_numbers(raw.values), False, typed_words)


def _must_vary(target: _Target) -> None:
    if target.n_values < 2:
        held = f"{target.cells.values[0]!r} in every row" if target.n_values else "no value"
        raise DataError(
            f"The target {target.name!r} holds {held}, so there is nothing to predict. Name another target, or add "
            "rows with other values."
        )


def _infer_task(table: Table, targets: tuple[_Target, ...]) -> tuple[Task, str]:
    if len(targets) > 1:
        if words := _words_in(targets):
            raise DataError(f"Several targets must all be numbers, but {words}. Train one job a target.")
        return "vector_regression", f"{len(targets)} targets, all of them numbers"
    target = targets[0]
    what = f"{target.name!r} holds"
    if target.n_values == 2:
        return "binary", f"{what} two values"
    if not target.numeric or target.typed_words:
        _must_repeat(target)
        return "multiclass", f"{what} {target.n_values:,} classes, the rarest in {_rows(target.fewest)}"
    _must_be_numbers(
        table, target.name, target.cells, ", count a spelling as missing with --missing, or ask for --task multiclass"
    )
    if not (target.numbers == np.floor(target.numbers)).all() or target.n_values > MAX_LABELS:
        return "regression", f"{what} numbers, {target.n_values:,} different ones in {_rows(target.cells.n_present)}"
    few = f"{target.n_values} different whole numbers, the rarest in {_rows(target.fewest)}"
    if target.fewest < _MIN_LABEL_ROWS or target.cells.n_present < _LABEL_ROWS * target.n_values:
        return "regression", f"{what} {few}: too few for a class"
    return "multiclass", f"{what} only {few}"


def _asked_task(task: Task, targets: tuple[_Target, ...]) -> tuple[Task, str]:
    """Raises PlanError where the targets do not allow the task."""
    if (len(targets) > 1) != (task == "vector_regression"):
        needs = "several targets" if task == "vector_regression" else "one target"
        raise PlanError(
            f"--task {task} needs {needs}, but is given {len(targets)}: {', '.join(t.name for t in targets)}. "
            "Leave --task out, or train one job a target."
        )
    target = targets[0]
    if task in ("regression", "vector_regression"):
        if words := _words_in(targets):
            raise PlanError(f"--task {task} needs numbers, but {words}. Leave --task out, or name another target.")
    elif task == "binary" and target.n_values != 2:
        raise PlanError(
            f"--task binary needs a target of two values, but {target.name!r} has {target.n_values:,}: "
            f"{_some(target.cells.values)}. Leave --task out, or ask for multiclass."
        )
    else:
        _must_repeat(target)
    held = "" if len(targets) > 1 else f"; {target.name!r} holds {target.n_values:,} different values"
    return task, f"asked for with --task{held}"


def _words_in(targets: tuple[_Target, ...]) -> str:
    """Says which target does not hold numbers; empty where all do."""
    return next((f"{t.name!r} holds {_some(t.cells.values)}" for t in targets if not t.numeric), "")


def _must_repeat(target: _Target) -> None:
    """Raises DataError where the values are too many to be classes."""
    n_rows, n_values = target.cells.n_present, target.n_values
    unique = n_values > 2 and 2 * n_values > n_rows
    if unique or (target.numeric and n_values > _MANY_CLASSES and target.fewest < _MIN_LABEL_ROWS):
        remedy = "leave --task out for a regression" if target.numeric else "name another target"
        raise DataError(
            f"The target {target.name!r} holds {n_values:,} different values in {_rows(n_rows)} "
            f"({_some(target.cells.values)}), but a class must stand in several rows to be learned. Merge rare "
            f"classes, or {remedy}."
        )


def _must_be_numbers(table: Table, name: str, cells: Cells, remedy: str = "") -> FloatArray:
    """The number of each row (n,); raises DataError where one is none, or is infinite."""
    by_row = cells.spread(read_numbers(cells.values))
    rows = np.flatnonzero(np.isnan(by_row))
    if rows.size:
        raise DataError(
            f"The target {name!r} of {table.name} must be a number in every row, but in {_rows(rows.size)} it is not: "
            f"{_some(_spellings(cells, rows))} ({table.places(rows)}). Mend the cells or remove the rows{remedy}."
        )
    must_be_finite(table, name, by_row)
    rows = np.flatnonzero(np.abs(by_row) > _LARGEST)
    if rows.size:
        raise DataError(
            f"The target {name!r} must hold numbers of at most {_LARGEST:g}, whose squares can be added up, but in "
            f"{_rows(rows.size)} it does not ({table.places(rows)}). Mend the cells, or write them in another unit."
        )
    return by_row


def _sorted_classes(target: _Target) -> _Classes:
    """Numbers in their order, words in that of the alphabet."""
    words = np.isnan(target.numbers).any()
    order = sorted(range(target.n_values), key=lambda i: (0.0 if words else target.numbers[i], target.cells.values[i]))
    counts = target.cells.counts
    return _Classes(tuple(target.cells.values[i] for i in order), tuple(int(counts[i]) for i in order), "")


def _binary_classes(target: _Target, asked: str | None) -> _Classes:
    """The positive class last: the one asked for, else the rarer one, else the later one."""
    names, counts, _ = _sorted_classes(target)
    positive = int(counts[1] <= counts[0])
    if asked is not None:
        if spelling(asked) not in names:
            known = " and ".join(map(repr, names))
            raise PlanError(
                f"--positive {asked} must be a class of {target.name!r}, which are {known}.{did_you_mean(asked, names)}"
            )
        positive = names.index(spelling(asked))
    order = (1 - positive, positive)
    why = "as asked" if asked is not None else "the rarer one" if counts[0] != counts[1] else "the later one"
    share = 100 * counts[positive] / sum(counts)
    reason = f"; {names[positive]!r} is the positive class, {why}, with {share:.1f} % of {_rows(sum(counts))}"
    return _Classes(tuple(names[i] for i in order), tuple(counts[i] for i in order), reason)


def _must_differ_from_probabilities(target: str, classes: tuple[str, ...]) -> None:
    """Raises DataError where predictions would have two columns of one name."""
    for name in classes:
        if target == f"probability_{name}":
            raise DataError(
                f"The target must not be named {target!r}, because predictions have a column of that name for the "
                f"probability of its class {name!r}. Rename the column."
            )


def _encode_classes(table: Table, problem: Problem) -> NDArray[np.int64]:
    name = problem.targets[0]
    cells = table.cells(name)
    index = {word: i for i, word in enumerate(problem.classes)}
    by_row = np.array([*(index.get(value, -1) for value in cells.values), -1], dtype=np.int64)[cells.codes]
    rows = np.flatnonzero(by_row < 0)
    if rows.size:
        held = _spellings(cells, rows)
        raise DataError(
            f"The target {name!r} of {table.name} must be one of the classes {_some(problem.classes)}, but in "
            f"{_rows(rows.size)} it is not: {_some(held)} ({table.places(rows)}). Mend the cells or remove the rows."
            f"{did_you_mean(held[0], problem.classes)}"
        )
    return by_row


def _spellings(cells: Cells, rows: NDArray[np.int64]) -> tuple[str, ...]:
    """The different spellings in the rows, for a message."""
    return tuple(cells.values[code] if code >= 0 else "a missing cell" for code in dict.fromkeys(cells.codes[rows]))


def _some(words: tuple[str, ...]) -> str:
    shown = ", ".join(shorten(word, _SHOWN_LETTERS, placeholder="...") for word in words[:_SHOWN])
    return f"{shown} and {len(words) - _SHOWN:,} more" if len(words) > _SHOWN else shown


def _rows(count: int) -> str:
    return f"{count:,} {'row' if count == 1 else 'rows'}"
