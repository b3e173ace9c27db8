"""What a job tells its log, and those who ask for more: what it runs on, each training, and where its time went."""

from collections.abc import Mapping
from pathlib import Path

from autoproc.format import format_bytes, format_count, format_seconds
from autoproc.outcomes import Finalist
from autoproc.prepared import Prepared
from autoproc.report.phrases import configuration_text, score_text, trained_text
from autoproc.results import Trained, Trial
from autoproc.tracking import names


def start_details(prepared: Prepared, tags: Mapping[str, str], folder: Path) -> list[tuple[str, str]]:
    """Step and text of what a job is made of: `tags` are those of its record, `folder` is its own."""
    matrix = prepared.matrix
    n_rows, n_columns = matrix.shape
    n_train_rows = max(len(fold.train) for fold in prepared.protocol.splits)
    sizes = (
        f"a matrix of {format_count(n_rows)} x {format_count(n_columns)} ({format_bytes(matrix.nbytes)}), "
        f"{prepared.n_pieces} pieces a number; the largest fold trains on {format_count(n_train_rows)} rows"
    )
    versions = ("versions", tags[names.VERSIONS])
    return [("job", str(folder)), versions, ("machine", tags[names.HARDWARE]), ("sizes", sizes)]


def training_detail(trained: Trained) -> str:
    """A training by what it was trained with and what came of it."""
    return f"{configuration_text(trained.candidate.parameters)}: {trained_text(trained)}{_effort(trained)}"


def trial_detail(trial: Trial, trained: Trained) -> str:
    """A trial: what came of it, why, and with what it was trained."""
    score = "failed" if trial.state == "failed" else f"{score_text(trial.score)} ({trial.state})"
    reason = f", {' '.join(trial.reason.split())}" if trial.reason else ""
    configuration = f"; {configuration_text(trial.parameters)}" if trial.n_epochs else ""
    return f"trial {trial.number}: {score}{reason}{_effort(trained)}{configuration}"


def finalist_detail(finalist: Finalist) -> str:
    """A finalist's training on fresh folds."""
    assert finalist.fresh is not None
    return f"trial {finalist.trial.number}: {trained_text(finalist.fresh)}{_effort(finalist.fresh)}"


def step_detail(seconds: float) -> str:
    return f"took {format_seconds(seconds)}"


def _effort(trained: Trained) -> str:
    n_epochs = trained.n_epochs
    return f", {n_epochs} epoch{'' if n_epochs == 1 else 's'} in {format_seconds(trained.seconds)}"
