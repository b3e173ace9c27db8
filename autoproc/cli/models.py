"""`autoproc export`."""

import os
import tempfile
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import click

from autoproc.cli.jobs import named_model
from autoproc.cli.options import home_option, out_argument
from autoproc.cli.output import examples
from autoproc.errors import PlanError

CARD = "card.json"
JOBS = "jobs"
_OF_OTHERS = (
    ".7z", ".csv", ".gz", ".h5", ".joblib", ".json", ".parquet", ".pickle", ".pkl", ".pt", ".pth", ".rar",
    ".safetensors", ".tar", ".tgz", ".xz",
)  # fmt: skip
"""Ends of names that nobody gives to a folder."""


@click.command(
    short_help="Copy a job's model to a folder or a .zip file, or write it as .onnx.",
    epilog=examples(
        "autoproc export last churn-model",
        "autoproc export 3f2a churn-model.zip --overwrite",
        "autoproc export last churn-model.onnx",
    ),
)
@click.argument("run")
@out_argument
@click.option("--overwrite", is_flag=True, help="Replace a model that is already at OUT.")
@home_option
def export(run: str, out: Path, overwrite: bool, home: str) -> None:
    """Copy the model of the job RUN to OUT: a folder, or one file if OUT ends in .zip or .onnx.

    RUN is a run id, its first characters, `last`, or an exported model (folder or .zip). Loading a folder or .zip needs
    autoproc, but neither the job nor its data. An .onnx file needs onnxruntime alone: the table's columns go in, label
    and probabilities or values come out. It is compared with the model before it gets its place.
    """
    source = named_model(run, home)
    require_parent(out)
    write = _copy
    if _is_onnx(out):
        _require_onnx()
        write = _write_onnx
    if out.exists():
        _require_replaceable(out, overwrite)
    elif out.suffix.lower() in _OF_OTHERS:
        raise PlanError(
            f"A model is written as a folder, or as one file that ends in .zip or .onnx, but {out} is called like a "
            f"file of another kind. Name {out.with_suffix('.zip')}, or a folder."
        )
    told = _place(lambda copy: write(source, copy), out)
    name = f"of the job {source.parent.name}" if source.parent.parent.name == JOBS else str(source)
    click.echo(f"{out}{'/' if out.is_dir() else ''}: the model {name}{told}", err=True)


def require_parent(out: Path) -> None:
    """Raises PlanError where the folder of what is to be written is not there."""
    if not out.parent.is_dir():
        raise PlanError(f"{out} cannot be written: there is no folder {out.parent}. Create it first.")


def _require_replaceable(out: Path, overwrite: bool) -> None:
    if not overwrite:
        raise PlanError(f"{out} exists already. Name another place, or pass --overwrite to replace it.")
    if not _holds_model(out):
        what = "folder" if out.is_dir() else "file"
        lack = "is no ONNX model of autoproc's" if _is_onnx(out) else f"has no {CARD}"
        raise PlanError(f"--overwrite replaces a model only, but the {what} {out} {lack}. Name another place.")


def _holds_model(path: Path) -> bool:
    """Whether a folder or a zip file has a model's card, or an ONNX file is one of ours."""
    if path.is_dir():
        return (path / CARD).is_file() and not _is_onnx(path)
    if _is_onnx(path):
        from autoproc.export.onnx.model import is_exported

        return is_exported(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return CARD in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def _is_onnx(path: Path) -> bool:
    return path.suffix.lower() == ".onnx"


def _require_onnx() -> None:
    lacking = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if lacking:
        raise PlanError(
            f"An .onnx file is written with onnx and compared in onnxruntime, but {' and '.join(lacking)} "
            f"{'is' if len(lacking) == 1 else 'are'} not installed. Install them: pip install 'autoproc[onnx]', or pip "
            "install onnx onnxruntime."
        )


def _place(write: Callable[[Path], str], out: Path) -> str:
    """Have a model written, and put it at `out`, in whose place a whole one, old or new, stands at each moment but one.
    What `write` has to tell."""
    try:
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".autoproc-export-") as scratch:
            copy = Path(scratch) / f"new{out.suffix}"
            told = write(copy)
            _exchange(copy, out, Path(scratch) / "old")
    except OSError as error:
        raise PlanError(f"The model cannot be written to {out}: {error.strerror}. Name another place.") from None
    return told


def _copy(source: Path, out: Path) -> str:
    from autoproc.export.bundle import copy_bundle

    copy_bundle(source, out)
    return ""


def _write_onnx(source: Path, out: Path) -> str:
    from autoproc.export.onnx.file import jobs_table, write_onnx

    comparison = write_onnx(source, out, jobs_table(source))
    return f", which it equals to within {comparison}"


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
