"""The report that a job makes at its end: what is kept, measured and drawn for it."""

from dataclasses import replace
from pathlib import Path

from autoproc.outcomes import FinalNetworks
from autoproc.plan import Plan
from autoproc.prepared import Prepared
from autoproc.report import documents
from autoproc.report.facts import JobFacts
from autoproc.report.gather import gather
from autoproc.report.importance import permutation_importance
from autoproc.report.report import write_report


def make_report(
    folder: Path, facts: JobFacts, prepared: Prepared, plan: Plan, run_id: str, final: FinalNetworks | None
) -> Path:
    """Write into the job's folder what its report is drawn from, and the report; its path. `final` are the networks
    that were exported, if the job came so far. Raises OSError."""
    evidence = gather(facts, prepared, documents.parameters(plan, prepared), run_id, final)
    if final and facts.selection:
        importance = permutation_importance(prepared, facts.selection.winner, plan.seed)
        evidence = replace(evidence, importance=importance)
    return write_report(folder, evidence)
