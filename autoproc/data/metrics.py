from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoproc.plan import Plan, Task
from autoproc.results import Direction, FloatArray, Problem

Target = NDArray[np.int64] | NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    name: str
    direction: Direction
    tasks: tuple[Task, ...]
    function: Callable[[Any, Any], FloatArray]
    description: str

    def __call__(self, y: Target, predictions: NDArray[np.floating]) -> FloatArray:
        raise NotImplementedError

    def gain(self, new: FloatArray | float, old: FloatArray | float) -> FloatArray:
        raise NotImplementedError

    def best(self, values: FloatArray) -> float:
        raise NotImplementedError

    def argbest(self, values: FloatArray) -> int:
        raise NotImplementedError


METRICS: dict[str, Metric] = {}


@dataclass(frozen=True)
class ChosenMetric:
    metric: Metric
    reason: str
    beside: tuple[Metric, ...]


def choose_metric(problem: Problem, plan: Plan) -> ChosenMetric:
    raise NotImplementedError


def best_threshold(y: NDArray[np.int64], probability: FloatArray) -> float:
    raise NotImplementedError


def at_threshold(y: NDArray[np.int64], probability: FloatArray, threshold: float) -> dict[str, float]:
    raise NotImplementedError
