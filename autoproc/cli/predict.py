"""`autoproc predict`."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autoproc.cli.jobs import named_model
from autoproc.cli.models import require_parent
from autoproc.cli.options import home_option, out_option
from autoproc.cli.output import examples
from autoproc.durable import cause
from autoproc.errors import PlanError
from autoproc.format import format_count

if TYPE_CHECKING:
    from autoproc.data.drift import DriftHint
    from autoproc.export.model import Model
    from autoproc.export.prediction import Done, Write

_HINTS_SHOWN = 10
_NOT_WRITTEN = (".arrow", ".feather", ".json", ".jsonl", ".ods", ".tsv", ".xls", ".xlsx")


@click.command(
    short_help="Predict the rows of a table with a model.",
    epilog=examples(
        "autoproc predict last new.csv",
        "autoproc predict churn-model.zip new.parquet --out predictions.parquet",
        "autoproc predict churn-model.zip new.csv --threshold 0.3",
        "autoproc predict mlruns/jobs/RUN/model new.csv --proba --out probabilities.csv",
    ),
)
@click.argument("model")
@click.argument("data")
@out_option("Where to write: Parquet if it ends in .parquet, else CSV.  [default: CSV to standard output]")
@click.option("--proba", is_flag=True, help="Write the probabilities alone, without the label (classes).")
@click.option(
    "--threshold",
    type=float,
    metavar="P",
    help="Probability from which the label is the positive class (two classes).  [default: the model's]",
)
@home_option
def predict(model: str, data: str, out: Path | None, proba: bool, threshold: float | None, home: str) -> None:
    """Predict each row of the table DATA with MODEL, in the table's order.

    MODEL is an exported model (folder or .zip), a run id, its first characters, or `last`. Classes: the label and a
    column `probability_<class>` each; values: one column a target. The table is read and predicted a part at a time,
    and may be larger than memory. Columns that are far outside of what training saw are told at the end.
    """
    if proba and threshold is not None:
        raise PlanError("--threshold decides about the label, which --proba leaves out. Give one of them.")
    if out is not None:
        _require_writable(out, data)
    path = named_model(model, home)
    from autoproc.export.bundle import load
    from autoproc.export.prediction import predict_file

    loaded = load(path)
    _require_classes(loaded, proba, threshold)
    if threshold is not None:
        loaded = loaded.with_threshold(threshold)
    n_rows = 0
    with _writing(out) as write, _showing(out) as show:

        def on_done(done: "Done") -> None:
            nonlocal n_rows
            n_rows = done.n_rows
            show(done)

        hints = predict_file(loaded, Path(data), write, on_done, proba)
    if out is not None:
        click.echo(f"{out}: predictions of {n_rows:,} {'row' if n_rows == 1 else 'rows'}", err=True)
    _tell(hints)


def _require_writable(out: Path, data: str) -> None:
    require_parent(out)
    if out.is_dir():
        raise PlanError(f"--out must name a file, but {out} is a folder. Name a file in it: {out / 'predictions.csv'}.")
    if out.suffix.lower() in _NOT_WRITTEN:
        raise PlanError(
            f"--out is written as Parquet where it ends in .parquet, else as CSV, but {out} is called like a file of "
            f"another kind. Name {out.with_suffix('.csv')} or {out.with_suffix('.parquet')}."
        )
    if out.exists() and Path(data).exists() and out.samefile(data):
        raise PlanError(f"--out must not name the table that is predicted, but both are {out}. Name another file.")


def _require_classes(model: "Model", proba: bool, threshold: float | None) -> None:
    """Raises PlanError for options that this model has no use for."""
    task = model.task.replace("_", " ")
    if proba and not model.classes:
        raise PlanError(f"--proba is for classes, but this is a model of {task}, which has none. Leave it out.")
    if threshold is not None and model.task != "binary":
        raise PlanError(f"--threshold is for two classes, but this is a model of {task}. Leave it out.")
    if threshold is not None and not 0 <= threshold <= 1:
        raise PlanError(f"--threshold must be a probability from 0 to 1, but is {threshold:g}. Name one of these.")


@contextmanager
def _writing(out: Path | None) -> "Iterator[Write]":
    from autoproc.export.prediction import csv_lines, whole_table

    if out is None:
        yield csv_lines(lambda part: click.echo(part, nl=False))
        return
    try:
        with whole_table(out) as write:
            yield write
    except OSError as error:
        raise PlanError(f"{out} cannot be written: {cause(error)}. Name another file with --out.") from None


@contextmanager
def _showing(out: Path | None) -> "Iterator[Callable[[Done], None]]":
    """Shows how far one is, where it takes more than one part: on a terminal to which the predictions do not go
    themselves, unless autoproc is installed for prediction alone, without what draws there."""
    from autoproc.progress import Status
    from autoproc.progress.terminal import TerminalProgress, is_watched

    if not (is_watched(sys.stderr) and find_spec("rich")) or (out is None and sys.stdout.isatty()):
        yield lambda done: None
        return
    started = time.monotonic()
    with TerminalProgress() as progress:

        def show(done: "Done") -> None:
            if done.share < 1:
                pace = 60 * done.n_rows / max(time.monotonic() - started, 1e-9)
                text = f"{format_count(done.n_rows)} rows, {100 * done.share:.0f} % of the table"
                progress.update(Status("predict", running=text, per_minute=pace))

        yield show


def _tell(hints: "tuple[DriftHint, ...]") -> None:
    """Say once what is to be doubted about the predictions."""
    if not hints:
        return
    click.echo("note: these rows are far outside of what training saw, and their predictions may be wrong:", err=True)
    for hint in hints[:_HINTS_SHOWN]:
        click.echo(f"  {hint.text}", err=True)
    if len(hints) > _HINTS_SHOWN:
        click.echo(f"  and {format_count(len(hints) - _HINTS_SHOWN)} more", err=True)
