"""What is known of a job so far: the one value that its lines on the terminal and its story are told from."""

from dataclasses import dataclass, field

from autoproc.outcomes import Memory, OutOfFold, Receipt, Search, Selection, Verdict
from autoproc.prepared import Prepared
from autoproc.results import Baseline, Direction, Growth, Problem, Protocol, Reference


@dataclass(frozen=True)
class JobFacts:
    """What has been decided and measured; None for what has not happened (yet)."""

    table_name: str
    notices: tuple[str, ...]
    warnings: tuple[str, ...]
    problem: Problem
    metric: str
    metric_direction: Direction
    metric_reason: str
    protocol: Protocol = field(repr=False)
    baseline: Baseline | None = None
    references: tuple[Reference, ...] = ()
    growth: Growth | None = None
    search: Search | None = None
    decision: OutOfFold | None = None
    selection: Selection | None = None
    receipt: Receipt | None = None
    verdict: Verdict | None = None
    model_path: str | None = None
    shipped: str | None = None
    seconds: float | None = None
    memory: Memory | None = None
    stopped_by: str | None = None
    views: tuple[tuple[str, str], ...] = ()  # titles and addresses within MLflow's pages
    now: str | None = None

    @classmethod
    def of(cls, prepared: Prepared) -> "JobFacts":
        """What is known before anything trains."""
        table, chosen = prepared.development, prepared.chosen
        metric = chosen.metric
        return cls(
            table_name=table.name,
            notices=table.notices,
            warnings=prepared.warnings,
            problem=prepared.problem,
            metric=metric.name,
            metric_direction=metric.direction,
            metric_reason=chosen.reason,
            protocol=prepared.protocol,
        )

    @property
    def n_rows(self) -> int:
        return self.protocol.n_development + self.protocol.n_holdout
