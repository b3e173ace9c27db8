from autoproc.data.metrics import Target
from autoproc.plan import Plan
from autoproc.results import Problem, Protocol


def choose_protocol(y: Target, problem: Problem, plan: Plan, n_holdout: int) -> Protocol:
    raise NotImplementedError
