import numpy as np
from numpy.typing import NDArray

from autoproc.data.table import Table
from autoproc.plan import Plan
from autoproc.results import Problem


def labelled(table: Table, plan: Plan) -> Table:
    raise NotImplementedError


def define_problem(development: Table, plan: Plan) -> Problem:
    raise NotImplementedError


def encode_target(table: Table, problem: Problem) -> NDArray[np.int64] | NDArray[np.float64]:
    raise NotImplementedError
