"""The protocol: how development rows are split for validation, and why."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold, StratifiedShuffleSplit

from autoproc.data.metrics import Target
from autoproc.data.related_splits import MIN_VALIDATION_ROWS, grouped_folds, grouped_split, timed_folds, timed_split
from autoproc.data.relations import UNRELATED, Relations
from autoproc.errors import DataError, PlanError
from autoproc.plan import Plan, ProtocolKind, ProtocolPlan
from autoproc.results import Fold, Problem, Protocol

FOLDS = 5
REPEATS = 2
MOST_RESHUFFLED = 100  # sets of splits; then the first one's turn comes again
# Beyond those that a plan can ask for, so that no seed is used twice.
_FRESH_REPEAT, _RESHUFFLED_REPEAT = 1_000, 2_000


class _Choice(NamedTuple):
    kind: ProtocolKind
    folds: int
    repeats: int


def choose_protocol(
    y: Target, problem: Problem, plan: Plan, n_holdout: int, relations: Relations = UNRELATED
) -> Protocol:
    """The splits that the plan asks for, or else those that suit the number of rows.

    `y` holds the development rows' targets (n,) or (n, t), `relations` how the rows hang together. Classes are
    stratified. The splits follow from these and the plan's seed; the first repeat is the same however many there are.

    Raises PlanError where the request contradicts itself, and DataError where rows, or rows of a class, are too few.
    """
    _check_consistent(plan.protocol, plan.time is not None)
    if plan.protocol.reshuffle and plan.final == "ensemble":
        raise PlanError(
            "An ensemble is picked by what trials predict of the same rows, but with --reshuffle each has folds of its "
            "own. Leave --reshuffle out, or ask for another --final."
        )
    choice = _choose(len(y), plan.protocol, plan.time is not None)
    splits = _split(y, problem, plan, relations, choice, first_repeat=0)
    if plan.protocol.folds is not None and plan.time is not None and len(splits) < choice.folds:
        raise DataError(_too_few_times(plan, len(splits)))
    choice = choice._replace(folds=len(splits) // choice.repeats)
    return Protocol(
        kind=choice.kind,
        folds=choice.folds,
        repeats=choice.repeats,
        reason=_reason(choice, plan, len(y), len(splits[0].validation), problem.is_classification, relations),
        n_development=len(y),
        n_holdout=n_holdout,
        splits=splits,
        reshuffled=_reshuffled(y, problem, plan, relations, choice),
        fresh=_fresh(y, problem, plan, relations, choice, splits),
    )


def _split(
    y: Target, problem: Problem, plan: Plan, relations: Relations, choice: _Choice, first_repeat: int
) -> tuple[Fold, ...]:
    """The splits of the kind that was chosen; another `first_repeat` draws others."""
    seeds = [_seed(plan, first_repeat + repeat) for repeat in range(choice.repeats)]
    if relations.times is not None or relations.groups is not None:
        return _related(y, relations, choice, problem, plan, seeds)
    by_class = np.bincount(y, minlength=len(problem.classes)) if problem.is_classification else None
    if choice.kind == "validation_split":
        return (_validation_split(y, by_class, problem, plan, seeds[0]),)
    _check_enough_for_folds(len(y), by_class, problem, choice.folds)
    return tuple(fold for seed in seeds for fold in _k_folds(y, by_class, choice, seed))


def _fresh(
    y: Target, problem: Problem, plan: Plan, relations: Relations, choice: _Choice, splits: tuple[Fold, ...]
) -> tuple[Fold, ...]:
    """Splits of the same kind drawn anew; a single split validates on rows on which the other did not, where there are
    enough; forward in time, one fold more, so that all are cut elsewhere. None where that cannot be done, or comes to
    the same, as a single split forward in time does: its validation rows are the last ones."""
    if relations.times is not None:
        choice = choice._replace(folds=choice.folds + 1)
    elif choice.kind == "validation_split" and (other := _other_split(y, problem, plan, relations, splits[0])):
        return (other,)
    try:
        fresh = _split(y, problem, plan, relations, choice, first_repeat=_FRESH_REPEAT)
    except DataError:  # by group or time a class may lack where another draw had it
        return ()
    same = [np.array_equal(new.validation, old.validation) for new, old in zip(fresh, splits, strict=False)]
    return () if all(same) else fresh


def _other_split(y: Target, problem: Problem, plan: Plan, relations: Relations, split: Fold) -> Fold | None:
    """A split whose validation rows, as many or about so, are all among those that `split` trains on; None where these
    are too few."""
    rest, n_validation, seed = split.train, len(split.validation), _seed(plan, _FRESH_REPEAT)
    share = n_validation / len(rest)
    if share >= 1:
        return None
    try:
        if relations.groups is not None:
            groups = np.unique(relations.groups[rest], return_inverse=True)[1]
            [inner] = grouped_split(y[rest], groups, problem, share, seed)
        else:
            by_class = np.bincount(y[rest], minlength=len(problem.classes)) if problem.is_classification else None
            inner = _drawn_split(y[rest], by_class, problem, n_validation, seed)
    except DataError:
        return None
    return Fold.validating(rest[inner.validation], len(y))


def _reshuffled(
    y: Target, problem: Problem, plan: Plan, relations: Relations, choice: _Choice
) -> tuple[tuple[Fold, ...], ...]:
    """Further sets of splits of the same kind: with the first, one for each trial, if these are not many."""
    if not plan.protocol.reshuffle:
        return ()
    starts = range(_RESHUFFLED_REPEAT, _RESHUFFLED_REPEAT + min(plan.trials - 1, MOST_RESHUFFLED) * choice.repeats)
    return tuple(_split(y, problem, plan, relations, choice, start) for start in starts[:: choice.repeats])


def _check_consistent(asked: ProtocolPlan, timed: bool) -> None:
    """Raises PlanError for a request that contradicts itself."""
    repeats = asked.repeats or 1
    if timed and asked.reshuffle:
        raise PlanError(
            "Folds forward in time are the same each time, so --reshuffle has no meaning with --time. Leave it out."
        )
    if timed and (repeats > 1 or asked.kind == "repeated_k_fold"):
        raise PlanError(
            "Folds forward in time are the same each time, so repeats have no meaning with --time. Leave --repeats "
            "out, or ask for --protocol k_fold."
        )
    if asked.kind == "validation_split" and (asked.folds is not None or repeats > 1):
        extra = "--folds" if asked.folds is not None else "--repeats"
        raise PlanError(
            f"The protocol validation_split makes one split, so {extra} has no meaning. Leave {extra} out, or ask for "
            "--protocol k_fold."
        )
    if asked.kind == "k_fold" and repeats > 1:
        raise PlanError(
            f"The protocol k_fold makes its folds once, but --repeats {repeats} asks for more. Leave --repeats out, or "
            "ask for --protocol repeated_k_fold."
        )
    if asked.kind == "repeated_k_fold" and asked.repeats == 1:
        raise PlanError(
            "The protocol repeated_k_fold needs 2 repeats or more, but --repeats is 1. Leave --repeats out, or ask for "
            "--protocol k_fold."
        )
    if asked.few_rows > asked.many_rows:
        raise PlanError(
            f"The plan's protocol.few_rows ({asked.few_rows:,}) must not be above protocol.many_rows "
            f"({asked.many_rows:,}). Change one of them."
        )


def _choose(n_rows: int, asked: ProtocolPlan, timed: bool) -> _Choice:
    kind = asked.kind or _fitting_kind(n_rows, asked)
    if timed and kind == "repeated_k_fold":
        kind = "k_fold"
    if kind == "validation_split":
        return _Choice(kind, 1, 1)
    repeats = (asked.repeats or REPEATS) if kind == "repeated_k_fold" else 1
    return _Choice(kind, asked.folds or FOLDS, repeats)


def _fitting_kind(n_rows: int, asked: ProtocolPlan) -> ProtocolKind:
    if asked.repeats is not None:
        return "repeated_k_fold" if asked.repeats > 1 else "k_fold"
    if n_rows < asked.few_rows:
        return "repeated_k_fold"
    return "validation_split" if n_rows >= asked.many_rows and asked.folds is None else "k_fold"


def _check_enough_for_folds(n_rows: int, by_class: NDArray[np.int64] | None, problem: Problem, folds: int) -> None:
    """Raises DataError where a fold would get too few rows, or none of a class."""
    if n_rows < MIN_VALIDATION_ROWS * folds:
        raise DataError(
            f"{folds} folds need at least {MIN_VALIDATION_ROWS * folds} development rows, {MIN_VALIDATION_ROWS} for "
            f"each fold's validation, but there are {n_rows}. {_fewer(n_rows // MIN_VALIDATION_ROWS)} rows."
        )
    if by_class is not None and by_class.min() < folds:
        rarest = int(np.argmin(by_class))
        raise DataError(
            f"{folds} folds need at least {folds} development rows of each class, one for each fold, but the class "
            f"{problem.classes[rarest]!r} has {by_class[rarest]}. {_fewer(int(by_class[rarest]))} rows of the "
            "class, merge it with another, or leave its rows out."
        )


def _fewer(most_folds: int) -> str:
    return f"Ask for --folds {most_folds}, or add" if most_folds >= 2 else "Add"


def _k_folds(y: Target, by_class: NDArray[np.int64] | None, choice: _Choice, seed: int) -> tuple[Fold, ...]:
    """The folds of one repeat, whose sizes differ by at most a row."""
    splitter = KFold if by_class is None else StratifiedKFold
    folds = splitter(choice.folds, shuffle=True, random_state=seed)
    return tuple(Fold.validating(validation, len(y)) for _, validation in folds.split(np.zeros(len(y)), y))


def _validation_split(y: Target, by_class: NDArray[np.int64] | None, problem: Problem, plan: Plan, seed: int) -> Fold:
    n_rows, share = len(y), _validation_share(plan, len(y))
    n_validation = round(share * n_rows)
    smaller = min(n_validation, n_rows - n_validation)
    if smaller < MIN_VALIDATION_ROWS:
        raise DataError(
            f"A validation split needs at least {MIN_VALIDATION_ROWS} rows for training and as many for validation, "
            f"but a share of {share:g} of {n_rows} development rows leaves {smaller} for one of them. Add rows, change "
            "protocol.validation_share, or ask for --protocol k_fold."
        )
    return _drawn_split(y, by_class, problem, n_validation, seed)


def _validation_share(plan: Plan, n_rows: int) -> float:
    """Of a single split: the plan's, or what as many rows are as tell all there is to know."""
    return min(plan.protocol.validation_share, plan.protocol.most_validation / n_rows)


def _drawn_split(y: Target, by_class: NDArray[np.int64] | None, problem: Problem, n_validation: int, seed: int) -> Fold:
    """The split that validates on `n_validation` rows, drawn by class. Raises DataError where a class is too rare."""
    n_rows = len(y)
    if by_class is None:
        order = np.random.default_rng(seed).permutation(n_rows)
        return Fold.validating(order[:n_validation], n_rows)
    _check_enough_for_split(by_class, min(n_validation, n_rows - n_validation) / n_rows, problem)
    splitter = StratifiedShuffleSplit(1, test_size=n_validation, random_state=seed)
    _, validation = next(splitter.split(np.zeros(n_rows), y))
    return Fold.validating(validation, n_rows)


def _check_enough_for_split(by_class: NDArray[np.int64], share: float, problem: Problem) -> None:
    """Raises DataError where a class is too rare to stand in both parts, of which the smaller one has `share`."""
    rarest = int(np.argmin(by_class))
    if by_class[rarest] * share < 1:
        raise DataError(
            f"A validation split needs rows of each class in both parts, but the class {problem.classes[rarest]!r} has "
            f"only {by_class[rarest]} development rows, and the smaller part takes a share of {share:.2g}. Ask for "
            "--protocol k_fold, change protocol.validation_share, merge the class with another, or add rows of it."
        )


def _seed(plan: Plan, repeat: int) -> int:
    """A seed of its own for each repeat."""
    return int(np.random.SeedSequence((plan.seed, repeat)).generate_state(1)[0])


def _related(
    y: Target, relations: Relations, choice: _Choice, problem: Problem, plan: Plan, seeds: Sequence[int]
) -> tuple[Fold, ...]:
    """Splits that keep groups together, or go forward in time, or both."""
    share, groups = _validation_share(plan, len(y)), relations.groups
    if relations.times is not None:
        if choice.kind == "validation_split":
            return timed_split(y, relations, problem, share)
        return timed_folds(y, relations, problem, choice.folds)
    assert groups is not None
    if choice.kind == "validation_split":
        return grouped_split(y, groups, problem, share, seeds[0])
    return tuple(fold for seed in seeds for fold in grouped_folds(y, groups, problem, choice.folds, seed))


def _too_few_times(plan: Plan, n_folds: int) -> str:
    return (
        f"{plan.protocol.folds} folds forward in time need as many different times in the later half of the "
        f"development rows, but {plan.time!r} parts it into {n_folds}. Ask for --folds {n_folds}, or leave --folds out."
    )


def _reason(choice: _Choice, plan: Plan, n_rows: int, n_validation: int, stratified: bool, relations: Relations) -> str:
    asked, rows = plan.protocol, f"{n_rows:,} development rows"
    stratified = stratified and relations.times is None
    kind = "stratified " if stratified else ""
    how = _how(plan, relations)
    if choice.kind == "validation_split":
        split = f"one {kind}split{how} with {n_validation:,} rows for validation"
        return f"{split}, as asked ({rows})" if asked.kind else f"{rows} are many (from {asked.many_rows:,}): {split}"
    folds = f"{choice.folds} {kind}folds{how}"
    if choice.kind == "k_fold":
        once = (
            "each validates on rows later than those that it trains on"
            if plan.time
            else f"each of {rows} validates once"
        )
        return f"{folds}, as asked ({rows})" if _was_asked(asked) else f"{folds}: {once}"
    folds = f"{choice.repeats} times {folds}"
    if _was_asked(asked):
        return f"{folds}, as asked ({rows})"
    return f"{rows} are few (below {asked.few_rows:,}): {folds}, so that chance counts for less"


def _how(plan: Plan, relations: Relations) -> str:
    """By which columns rows hang together, and what follows."""
    by_time = f" forward in time by {plan.time!r}" if plan.time is not None else ""
    groups = (
        f" that keep the {relations.n_groups:,} groups of {plan.group!r} together" if plan.group is not None else ""
    )
    return f"{by_time}{' and' if by_time and groups else ''}{groups}"


def _was_asked(asked: ProtocolPlan) -> bool:
    return asked.kind is not None or asked.repeats is not None
