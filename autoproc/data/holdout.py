from autoproc.data.table import Table
from autoproc.plan import Plan
from autoproc.results import Problem, Receipt


class SealedHoldout:
    n_rows: int
    key: str

    def check_targets(self, problem: Problem) -> None:
        raise NotImplementedError

    def open(self, receipt: Receipt) -> Table:
        raise NotImplementedError


def seal(table: Table, plan: Plan) -> tuple[Table, SealedHoldout]:
    raise NotImplementedError
