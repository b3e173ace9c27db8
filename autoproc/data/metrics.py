"""What success means: the metrics by name, the choice of one, and the threshold of a binary prediction."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autoproc.data import scores
from autoproc.errors import DataError, PlanError, did_you_mean
from autoproc.plan import CostPlan, Plan, Task
from autoproc.results import Direction, FloatArray, Problem

Target = NDArray[np.int64] | NDArray[np.float64]

RARE_SHARE = 0.2
"""A positive class with a smaller share of the rows is rare."""
BALANCED_FACTOR = 2.0
"""Classes are balanced where each has between 1 / this and this times an equal share of the rows."""
# Shares of true values hang on those next to 0 alone where so few rows, the nearest, make up most of the sum of
# 1 / |y|, and the nearest is below this share of the median.
_FEW_ROWS = 0.01
_MOST = 0.5
_NEAR_ZERO = 0.01


class Need(NamedTuple):
    """What true values have to be for a metric to tell good predictions from bad ones; `words` follow "needs"."""

    is_met: Callable[[Any], bool]
    words: str


def _has_two_values(y: Target) -> bool:
    return bool(np.any(y != y[0]))


def _varies(y: Target) -> bool:
    """Whether every target does."""
    return bool(np.all(np.ptp(y, axis=0) > 0))


def _has_no_zero(y: Target) -> bool:
    return bool(np.all(y))


_TWO_CLASSES = Need(_has_two_values, "rows of two classes or more")
_VARIETY = Need(_varies, "a target that is not the same in all rows")
_NO_ZEROS = Need(_has_no_zero, "true values other than 0, because it divides by them")


@dataclass(frozen=True)
class Metric:
    """A measure of success. Only here is it decided which way is better: `gain`, `best` and `argbest`.

    `function` is one of `autoproc.data.scores`, where the shapes of its arguments stand. `by_label` ones look at the
    predicted classes alone, of two classes at a probability of 0.5. Where the `need` is not met, `function` gives NaN
    or what scikit-learn agrees on (an average precision of 0 without a positive row), which means nothing. What is
    trained for the metric weighs rare classes with the power `class_weights`
    (docs/decisions/036-class-weights.md).
    """

    name: str
    direction: Direction
    tasks: tuple[Task, ...]
    function: Callable[[Any, Any], FloatArray]
    description: str
    by_label: bool = False
    need: Need | None = None
    class_weights: float = 0.0

    def is_defined(self, y: Target) -> bool:
        """Whether a score on rows with the true values `y`, (n,) class numbers or (n, t) values, means anything.

        >>> METRICS["average_precision"].is_defined(np.array([0, 0, 0]))
        False
        """
        return len(y) > 0 and (self.need is None or self.need.is_met(y))

    def __call__(self, y: Target, predictions: NDArray[np.floating]) -> FloatArray:
        """Scores (S,) of S networks, in the metric's own units.

        `y` is (n,) class numbers or (n, t) values; `predictions` are (S, n) probabilities of the positive class,
        (S, n, C) class probabilities or (S, n, t) values. A network with a prediction that is not finite scores
        NaN, and so do all where the metric is not defined (a ROC AUC of one class).
        """
        finite = np.isfinite(predictions).all(axis=tuple(range(1, predictions.ndim)))
        with np.errstate(invalid="ignore", over="ignore"):  # networks that have diverged: what they score is NaN
            return np.where(finite, self.function(y, predictions), np.nan)

    def one(self, y: Target, predictions: NDArray[np.floating]) -> float:
        """The score of one network: `predictions` are (n,), (n, C) or (n, t)."""
        return float(self(y, predictions[None])[0])

    def gain(self, new: FloatArray | float, old: FloatArray | float) -> FloatArray:
        """How much better `new` is than `old`, positive: better; in the metric's units.

        >>> float(METRICS["rmse"].gain(2.0, 3.0))
        1.0
        """
        return np.multiply(self._sign, np.subtract(new, old))

    def best(self, values: FloatArray) -> float:
        """The best of the values that are not NaN; NaN where all are."""
        return self._sign * float(np.fmax.reduce(self._sign * values, axis=None))

    def argbest(self, values: FloatArray) -> int:
        """Index of the first of the best values (n,), NaN left aside. Raises ValueError where all are NaN."""
        return int(np.nanargmax(self._sign * values))

    def best_so_far(self, curves: FloatArray) -> FloatArray:
        """The best value up to each epoch, (K, E) -> (K, E)."""
        return np.asarray(self._sign * np.fmax.accumulate(self._sign * curves, axis=1))

    @property
    def _sign(self) -> float:
        return 1.0 if self.direction == "maximize" else -1.0


_CLASSES: tuple[Task, ...] = ("binary", "multiclass")
_VALUES: tuple[Task, ...] = ("regression", "vector_regression")

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "roc_auc",
            "maximize",
            _CLASSES,
            scores.roc_auc,
            "chance that a positive row ranks above a negative one",
            need=_TWO_CLASSES,
        ),
        Metric(
            "average_precision",
            "maximize",
            ("binary",),
            scores.average_precision,
            "precision averaged over recall",
            need=_TWO_CLASSES,
        ),
        Metric(
            "accuracy",
            "maximize",
            _CLASSES,
            scores.accuracy,
            "share of the rows whose class is predicted",
            by_label=True,
        ),
        Metric(
            "balanced_accuracy",
            "maximize",
            _CLASSES,
            scores.balanced_accuracy,
            "mean recall of the classes",
            by_label=True,
            need=_TWO_CLASSES,
            class_weights=1.0,
        ),
        Metric(
            "f1",
            "maximize",
            ("binary",),
            scores.f1,
            "F1 of the positive class at threshold 0.5",
            by_label=True,
            need=_TWO_CLASSES,
            class_weights=0.5,
        ),
        Metric(
            "macro_f1",
            "maximize",
            ("multiclass",),
            scores.macro_f1,
            "mean F1 of the classes",
            by_label=True,
            need=_TWO_CLASSES,
            class_weights=0.5,
        ),
        Metric(
            "weighted_f1",
            "maximize",
            ("multiclass",),
            scores.weighted_f1,
            "mean F1 of the classes, by their rows",
            by_label=True,
        ),
        Metric(
            "mcc",
            "maximize",
            _CLASSES,
            scores.mcc,
            "correlation of true and predicted classes",
            by_label=True,
            need=_TWO_CLASSES,
            class_weights=0.5,
        ),
        Metric("log_loss", "minimize", _CLASSES, scores.log_loss, "mean negative log probability of the true class"),
        Metric("brier", "minimize", ("binary",), scores.brier, "mean squared error of the probability"),
        Metric("rmse", "minimize", _VALUES, scores.rmse, "root mean squared error, in the target's units"),
        Metric("mae", "minimize", _VALUES, scores.mae, "mean absolute error, in the target's units"),
        Metric("medae", "minimize", _VALUES, scores.medae, "median absolute error, in the target's units"),
        Metric(
            "mape", "minimize", _VALUES, scores.mape, "mean absolute error as a share of the true value", need=_NO_ZEROS
        ),
        Metric("r2", "maximize", _VALUES, scores.r2, "share of the variance that is explained", need=_VARIETY),
    )
}


@dataclass(frozen=True)
class ChosenMetric:
    """The metric that everything is decided by, why, and those that are shown beside it."""

    metric: Metric
    reason: str
    beside: tuple[Metric, ...]


def choose_metric(problem: Problem, plan: Plan) -> ChosenMetric:
    """The first metric that the plan asks for, or else the one that suits the task and its balance; further ones
    that were asked for come first beside it.

    Raises PlanError for a name that no metric has or that comes twice, a metric of another task, and costs without
    a decision.
    """
    _check_cost(problem.task, plan.cost)
    names, reason = _default(problem)
    if plan.metric:
        for name in plan.metric:
            _check_name(name, problem.task)
        _check_distinct(plan.metric)
        names, reason = (*plan.metric, *names), f"as asked{_labels_note(METRICS[plan.metric[0]], problem, plan.cost)}"
    first, *others = [METRICS[name] for name in dict.fromkeys(names)]
    return ChosenMetric(first, reason, tuple(others))


def has_rare_positive(problem: Problem) -> bool:
    """Whether the positive class of a binary problem is rare."""
    return problem.class_counts[1] < RARE_SHARE * sum(problem.class_counts)


def wants_best_f1(problem: Problem, metric: Metric) -> bool:
    """Whether labels are decided where F1 is best: where the positive class is rare, and no other measure of labels,
    which counts them at 0.5, was asked for."""
    return has_rare_positive(problem) and (not metric.by_label or metric.name == "f1")


def check_defined(metrics: Iterable[Metric], problem: Problem, targets: Target) -> None:
    """Raises DataError where a metric does not tell good predictions of these targets, the development rows', from bad
    ones: shares of true values, where some are 0, or next to it, or on both sides of it."""
    if not any(metric.name == "mape" for metric in metrics):
        return
    for name, values in zip(problem.targets, targets.T, strict=True):
        if found := _why_no_shares(values):
            raise DataError(
                f"The metric 'mape' divides by the true value, so all must lie on one side of 0 and none next to it, "
                f"but {name!r} holds {found}. Ask for mae or medae, which are in the target's units."
            )


def missing_cost(cost: CostPlan | None) -> tuple[str, ...]:
    """A sentence for each cost that was not named, where the other one was."""
    named = set(CostPlan.model_fields) if cost is None else cost.model_fields_set
    return tuple(
        f"The cost of a {name.replace('_', ' ')} was not named; it is taken to be {getattr(cost, name):g}."
        for name in CostPlan.model_fields
        if name not in named
    )


def best_threshold(y: NDArray[np.int64], probability: FloatArray) -> float:
    """The threshold in (0, 1) with the highest F1, where rows with `probability >= threshold` are positive.

    `y` (n,) of 0 and 1, `probability` (n,) without NaN. Thresholds stand midway between neighbouring
    probabilities; of equally good ones the nearest to 0.5 is taken, and 0.5 where all probabilities are 0.

    >>> best_threshold(np.array([0, 1, 0, 1]), np.array([0.0, 0.25, 0.5, 0.75]))
    0.125
    """
    thresholds, hits, n_predicted = _decisions(y, probability)
    return _nearest_best(thresholds, 2 * hits / np.maximum(n_predicted + np.count_nonzero(y), 1))


def cheapest_threshold(y: NDArray[np.int64], probability: FloatArray, cost: CostPlan) -> float:
    """The threshold in (0, 1) with the lowest mean cost; else like `best_threshold`.

    >>> dear = CostPlan(false_negative=20.0, false_positive=1.0)
    >>> cheapest_threshold(np.array([0, 1, 0, 1]), np.array([0.0, 0.25, 0.5, 0.75]), dear)
    0.125
    """
    thresholds, hits, n_predicted = _decisions(y, probability)
    missed, false_alarms = np.count_nonzero(y) - hits, n_predicted - hits
    return _nearest_best(thresholds, -(cost.false_negative * missed + cost.false_positive * false_alarms))


def expected_cost(y: NDArray[np.int64], probability: FloatArray, threshold: float, cost: CostPlan) -> FloatArray:
    """Mean cost of a row where rows with `probability >= threshold` are taken for positive ones: (...) of (..., n)
    probabilities of the rows `y` (n,).

    >>> dear = CostPlan(false_negative=20.0, false_positive=1.0)
    >>> float(expected_cost(np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4]), 0.3, dear))
    5.25
    """
    predicted = probability.astype(np.float64) >= threshold
    prices = np.where(y == 1, cost.false_negative * ~predicted, cost.false_positive * predicted)
    return np.asarray(np.mean(prices, axis=-1))


def _decisions(
    y: NDArray[np.int64], probability: FloatArray
) -> tuple[FloatArray, NDArray[np.int64], NDArray[np.int64]]:
    """Every way to part the rows by a threshold in (0, 1): the thresholds, and at each how many rows are positive
    truly and by prediction, and how many by prediction."""
    order = np.argsort(-probability, kind="stable")
    falling = probability[order]
    last = np.flatnonzero(np.append(np.diff(falling) < 0, True))  # the last row of each distinct probability
    one, zero = falling.dtype.type(1), falling.dtype.type(0)
    upper, lower = np.append(one, falling[last]), np.append(falling[np.append(0, last[:-1] + 1)], zero)
    middle = lower + (upper - lower) / 2  # in the type of the probabilities, so that comparing does not round it
    thresholds = np.where(middle > lower, middle, upper)  # neighbouring floats have no middle
    hits, n_predicted = np.append(0, np.cumsum(y[order])[last]), np.append(0, last + 1)
    usable = (thresholds > 0) & (thresholds < 1)
    return thresholds[usable], hits[usable], n_predicted[usable]


def _nearest_best(thresholds: FloatArray, gains: FloatArray) -> float:
    """Of the thresholds with the highest gain the nearest to 0.5."""
    if not len(thresholds):
        return 0.5
    ties = thresholds[gains == gains.max()]
    return float(ties[np.argmin(np.abs(ties - 0.5))])


def at_threshold(y: NDArray[np.int64], probability: FloatArray, threshold: float) -> dict[str, FloatArray]:
    """Precision, recall and F1 where rows with `probability >= threshold` are positive, 0 where not defined: (...) of
    (..., n) probabilities of the rows `y` (n,).

    >>> found = at_threshold(np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4]), 0.3)
    >>> {name: float(value) for name, value in found.items()}
    {'precision': 0.5, 'recall': 0.5, 'f1_at_threshold': 0.5}
    """
    predicted = probability.astype(np.float64) >= threshold
    hits = np.sum(predicted & (y == 1), axis=-1)
    n_predicted, n_positive = np.sum(predicted, axis=-1), np.sum(y == 1)
    return {
        "precision": hits / np.maximum(n_predicted, 1),
        "recall": hits / np.maximum(n_positive, 1),
        "f1_at_threshold": 2 * hits / np.maximum(n_predicted + n_positive, 1),
    }


def _labels_note(metric: Metric, problem: Problem, cost: CostPlan | None) -> str:
    """That a metric of labels is not taken at the threshold that the model will have, where that may be another."""
    if problem.task != "binary" or not metric.by_label or not (cost or wants_best_f1(problem, metric)):
        return ""
    best = "the lowest cost" if cost else "the best F1"
    return f"; it is taken at a probability of 0.5, while the model decides at the threshold with {best}"


def _why_no_shares(values: FloatArray) -> str | None:
    """Which of the values (n,) make shares of them meaningless; None where none do."""
    n_zeros, n_rows = int(np.count_nonzero(values == 0)), f"{len(values):,} rows"
    if n_zeros:
        return f"{n_zeros:,} {'zero' if n_zeros == 1 else 'zeros'} in {n_rows}"
    if values.min() < 0 < values.max():
        n_negative = int(np.count_nonzero(values < 0))
        return f"values on both sides: {n_negative:,} of {n_rows} are negative"
    sizes = np.sort(np.abs(values))
    n_nearest = max(1, round(_FEW_ROWS * len(sizes)))
    weights = sizes[0] / sizes  # 1 / |y|, in units that do not overflow
    share = float(weights[:n_nearest].sum() / weights.sum())
    if sizes[0] < _NEAR_ZERO * np.median(sizes) and share > _MOST:
        return (
            f"values so near to it that they alone would decide: {n_nearest:,} of {n_rows}, down to {sizes[0]:g}, make "
            f"up {share:.1%} of the sum of 1 / |value|"
        )
    return None


def _default(problem: Problem) -> tuple[tuple[str, ...], str]:
    """The metric that suits the problem and those beside it, and why."""
    if problem.task == "binary":
        return _default_binary(problem)
    if problem.task == "multiclass":
        return _default_multiclass(problem)
    if problem.task == "regression":
        return ("rmse", "r2", "mae"), f"{problem.targets[0]!r} is a number, and large errors count most"
    targets = f"the {len(problem.targets)} targets are numbers"
    return ("rmse", "r2", "mae"), f"{targets}; of each target's own measure the mean is taken"


def _default_binary(problem: Problem) -> tuple[tuple[str, ...], str]:
    n_rows, positive = sum(problem.class_counts), problem.class_counts[1]
    share = f"{_percent(positive / n_rows)} of {n_rows:,} rows"
    if has_rare_positive(problem):
        return ("average_precision", "roc_auc"), f"the positive class {problem.classes[1]!r} is rare ({share})"
    return ("roc_auc", "average_precision"), f"the positive class {problem.classes[1]!r} is not rare ({share})"


def _default_multiclass(problem: Problem) -> tuple[tuple[str, ...], str]:
    n_rows, n_classes = sum(problem.class_counts), len(problem.classes)
    least, most = min(problem.class_counts) / n_rows, max(problem.class_counts) / n_rows
    first, last = _percent(least), _percent(most)
    shares = f"{first if first == last else f'{first} to {last}'} of {n_rows:,} rows"
    if least * BALANCED_FACTOR * n_classes >= 1 and most * n_classes <= BALANCED_FACTOR:
        return ("accuracy", "macro_f1"), f"the {n_classes} classes are balanced (each has {shares})"
    reason = f"the {n_classes} classes are not balanced (they have {shares})"
    return ("macro_f1", "balanced_accuracy", "accuracy"), reason


def _check_cost(task: Task, cost: CostPlan | None) -> None:
    """Raises PlanError for costs where no threshold decides."""
    if cost is None or task == "binary":
        return
    instead = {"multiclass": "balanced_accuracy or macro_f1, by which rare classes count as much as others"}
    raise PlanError(
        f"Costs choose the threshold between two classes, but the task is {_tasks([task])}, which has none. Leave "
        f"--cost out, and say with --metric what counts: {instead.get(task, 'rmse minds large errors most, mae all')}."
    )


def _check_distinct(names: tuple[str, ...]) -> None:
    """Raises PlanError for a name that comes twice."""
    for name in names:
        if names.count(name) > 1:
            raise PlanError(
                f"Each metric must be asked for once, but {name!r} comes {names.count(name)} times. Name it once: the "
                "first metric decides, the others are recorded."
            )


def _check_name(name: str, task: Task) -> None:
    """Raises PlanError unless `name` is a metric for the task."""
    fitting = [metric.name for metric in METRICS.values() if task in metric.tasks]
    choice = f"For {_tasks([task])} there are {', '.join(fitting)}."
    if name not in METRICS:
        raise PlanError(f"There is no metric {name!r}. {choice}{did_you_mean(name, fitting)}")
    if name not in fitting:
        found = f"but the task is {_tasks([task])}"
        if task in _VALUES:
            found = f"and needs probabilities of classes, which a {_tasks([task])} does not have"
        raise PlanError(f"The metric {name!r} is for {_tasks(METRICS[name].tasks)}, {found}. {choice}")


def _tasks(tasks: Iterable[Task]) -> str:
    return " and ".join(task.replace("_", " ") for task in tasks)


def _percent(share: float) -> str:
    """A share in percent, with a decimal or, below 1 %, two digits."""
    return f"{100 * share:.1f} %" if share >= 0.01 else f"{100 * share:.2g} %"
