"""What the trials of a search say of its parameters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import optuna

from autoproc.outcomes import is_cut_short
from autoproc.report.evidence import TrialFacts
from autoproc.report.phrases import value_text
from autoproc.results import Direction

Value = str | int | float

FEWEST_TRIALS = 10
"""Of fewer an importance means nothing."""
_SPAN = 10.0  # times the smallest: numbers that lie further apart stand on a logarithmic axis
_TITLES = {"l1": "L1", "weight_decay": "L2"}


@dataclass(frozen=True)
class Parameter:
    """A parameter that differs between trials: words and their `options`, or numbers with `low` and `high`, where zeros
    are off and left aside on a logarithmic axis."""

    name: str
    options: tuple[str, ...]
    low: float
    high: float
    log: bool
    has_off: bool

    @property
    def title(self) -> str:
        return _TITLES.get(self.name, self.name.replace("_", " ").replace(".", ": "))

    def place(self, value: Value) -> float:
        """Where a value stands between the lowest, 0, and the highest, 1; off is below."""
        if self.options:
            return self.options.index(str(value)) / max(len(self.options) - 1, 1)
        number = float(value)
        if self.log and number <= 0:
            return -0.12
        low, high, here = (math.log(x) if self.log else x for x in (self.low, self.high, number))
        return (here - low) / (high - low) if high > low else 0.5

    def text(self, value: Value) -> str:
        return value_text(self.name, value)


def searched(trials: Sequence[TrialFacts]) -> list[Parameter]:
    """The parameters that differ, in the order in which trials name them."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.values))
    found = (_parameter(name, [trial.values[name] for trial in trials if name in trial.values]) for name in names)
    return [parameter for parameter in found if parameter]


def scored(trials: Sequence[TrialFacts]) -> list[TrialFacts]:
    """Those with a score of their own: that came to their end, or were cut short with what they had by then."""
    return [trial for trial in trials if trial.state == "complete" and trial.score is not None]


def complete(trials: Sequence[TrialFacts]) -> list[TrialFacts]:
    """Those that came to their end with a score: one that was cut short says little of its parameters."""
    return [trial for trial in scored(trials) if not is_cut_short(trial.reason)]


def importances(trials: Sequence[TrialFacts], direction: Direction) -> dict[str, float]:
    """How much of what sets the better trials apart hangs on each parameter that all complete trials have, by Optuna's
    PED-ANOVA (Watanabe et al. 2023); the shares add up to 1. Empty for fewer than FEWEST_TRIALS."""
    done = complete(trials)
    parameters = [p for p in searched(done) if all(p.name in trial.values for trial in done)]
    if len(done) < FEWEST_TRIALS or not parameters:
        return {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction=direction)
    for trial in done:
        study.add_trial(
            optuna.trial.create_trial(
                params={p.name: _coded(p, trial.values[p.name]) for p in parameters},
                distributions={p.name: _distribution(p) for p in parameters},
                value=trial.score,
            )
        )
    return dict(optuna.importance.get_param_importances(study))


def _parameter(name: str, values: Sequence[Value]) -> Parameter | None:
    distinct = set(values)
    if len(distinct) < 2:
        return None
    if any(isinstance(value, str) for value in distinct):
        return Parameter(name, tuple(sorted(map(str, distinct))), 0.0, 1.0, False, False)
    numbers = sorted(float(value) for value in distinct)
    positive = [number for number in numbers if number > 0]
    log = len(positive) > 0 and numbers[0] >= 0 and positive[-1] / positive[0] > _SPAN
    return Parameter(name, (), positive[0] if log else numbers[0], numbers[-1], log, log and numbers[0] == 0)


def _coded(parameter: Parameter, value: Value) -> str | float:
    """A value for Optuna, which has no zeros on a logarithmic axis: off is a tenth of the lowest."""
    if parameter.options:
        return str(value)
    return parameter.low / 10 if parameter.log and float(value) <= 0 else float(value)


def _distribution(parameter: Parameter) -> optuna.distributions.BaseDistribution:
    if parameter.options:
        return optuna.distributions.CategoricalDistribution(parameter.options)
    low = parameter.low / 10 if parameter.has_off else parameter.low
    return optuna.distributions.FloatDistribution(low, parameter.high, log=parameter.log)
