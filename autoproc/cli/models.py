"""`autoproc export`."""

import os
import tempfile
import zipfile
from pathlib import Path

import click

from autoproc.cli.jobs import find_model, job_folder
from autoproc.cli.options import home_option
from autoproc.cli.output import examples
from autoproc.errors import PlanError

CARD = "card.json"


@click.command(
    short_help="Copy a job's model to a folder or a .zip file.",
    epilog=examples(
        "autoproc export last churn-model",
        "autoproc export 3f2a churn-model.zip --overwrite",
    ),
)
@click.argument("run")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace a model that is already at OUT.")
@home_option
def export(run: str, out: Path, overwrite: bool, home: str) -> None:
    """Copy the model of the job RUN to OUT: a folder, or one file if OUT ends in .zip.

    RUN is a run id, its first characters, or `last`. Loading the copy needs autoproc, but neither the job nor its data.
    """
    source = find_model(job_folder(run, home))
    require_parent(out)
    if out.exists():
        _require_replaceable(out, overwrite)
    _place_copy(source, out)
    click.echo(f"{out}: the model of the job {source.parent.name}", err=True)


def require_parent(out: Path) -> None:
    """Raises PlanError where the folder of what is to be written is not there."""
    if not out.parent.is_dir():
        raise PlanError(f"{out} cannot be written: there is no folder {out.parent}. Create it first.")


def _require_replaceable(out: Path, overwrite: bool) -> None:
    if not overwrite:
        raise PlanError(f"{out} exists already. Name another place, or pass --overwrite to replace it.")
    if not _holds_model(out):
        what = "folder" if out.is_dir() else "file"
        raise PlanError(f"--overwrite replaces a model only, but the {what} {out} has no {CARD}. Name another place.")


def _holds_model(path: Path) -> bool:
    """Whether a folder or a zip file has a model's card."""
    if path.is_dir():
        return (path / CARD).is_file()
    try:
        with zipfile.ZipFile(path) as archive:
            return CARD in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def _place_copy(source: Path, out: Path) -> None:
    """Copy a bundle to `out` in whose place a whole one, old or new, stands at each moment but one."""
    from autoproc.export.bundle import copy_bundle

    try:
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".autoproc-export-") as scratch:
            copy = Path(scratch) / f"new{out.suffix}"
            copy_bundle(source, copy)
            _exchange(copy, out, Path(scratch) / "old")
    except OSError as error:
        raise PlanError(f"The model cannot be written to {out}: {error.strerror}. Name another place.") from None


def _exchange(new: Path, out: Path, old: Path) -> None:
    """Move `new` to `out`, and what stands there to `old`; put that back where the second move fails."""
    if not out.exists():
        os.replace(new, out)
        return
    os.replace(out, old)
    try:
        os.replace(new, out)
    except BaseException:
        os.replace(old, out)
        raise
