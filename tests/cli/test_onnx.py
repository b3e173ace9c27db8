"""`autoproc export RUN model.onnx` on the command line."""

import importlib.util
from pathlib import Path

import onnx
import pytest

from autoproc.cli.app import run
from autoproc.export.bundle import copy_bundle
from autoproc.export.onnx.model import is_exported
from tests.export import bundles


@pytest.fixture
def job(empty_folder: Path) -> Path:
    """A job with a model and the table that it was made from."""
    folder = empty_folder / "mlruns" / "jobs" / "abc123"
    folder.mkdir(parents=True)
    bundles.make("binary").write(folder / "model")
    bundles.rows().to_csv(empty_folder / "table.csv", index=False)
    (folder / "plan.yaml").write_text(f"data: {empty_folder / 'table.csv'}\ntarget: [y]\n")
    return folder


def test_a_jobs_model_is_written_and_compared(
    job: Path, empty_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(empty_folder.iterdir())
    assert run(["export", "last", "mine.onnx"]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("mine.onnx: the model of the job abc123, which it equals to within ")
    assert "on rows of the job's table" in told.err
    assert is_exported(empty_folder / "mine.onnx")
    assert sorted(empty_folder.iterdir()) == sorted([*before, empty_folder / "mine.onnx"])


@pytest.mark.parametrize("gone", ["table", "plan", "columns"])
def test_a_jobs_table_may_be_gone(job: Path, gone: str, capsys: pytest.CaptureFixture[str]) -> None:
    if gone == "table":
        Path("table.csv").unlink()
    elif gone == "columns":
        Path("table.csv").write_text("other\n1\n")
    else:
        (job / "plan.yaml").write_text("{")
    assert run(["export", "last", "mine.onnx"]) == 0
    assert "made-up rows" in capsys.readouterr().err


def test_a_bundle_is_exported_too(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy_bundle(job / "model", Path("mine.zip"))
    assert run(["export", "mine.zip", "mine.onnx"]) == 0
    assert run(["export", "mine.zip", "mine"]) == 0
    told = capsys.readouterr().err
    assert "mine.onnx: the model mine.zip, which it equals" in told
    assert "mine/: the model mine.zip\n" in told


def test_only_our_own_files_are_replaced(job: Path, fails, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "other", [], [])), "theirs.onnx")
    theirs = Path("theirs.onnx").read_bytes()
    assert "theirs.onnx exists already" in fails("export", "last", "theirs.onnx")
    assert "the file theirs.onnx is no ONNX model of autoproc's" in fails(
        "export", "last", "theirs.onnx", "--overwrite"
    )
    assert Path("theirs.onnx").read_bytes() == theirs
    assert run(["export", "last", "mine.onnx"]) == 0
    capsys.readouterr()
    assert "mine.onnx exists already" in fails("export", "last", "mine.onnx")
    assert run(["export", "last", "mine.onnx", "--overwrite"]) == 0
    copy_bundle(job / "model", Path("folder.onnx"))
    capsys.readouterr()
    assert "replaces a model only" in fails("export", "last", "folder.onnx", "--overwrite")


def test_nothing_is_left_of_a_file_that_differs(job: Path, fails, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(Path().rglob("*"))
    monkeypatch.setattr("autoproc.export.onnx.file.largest_difference", lambda *_: 2e-4)
    assert "differs from it by 0.0002, more than 1e-04. Nothing was written." in fails("export", "last", "mine.onnx")
    assert sorted(Path().rglob("*")) == before


def test_what_to_install_is_said(job: Path, fails, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> object:
        return None if name == "onnxruntime" else importlib.util.find_spec(name)

    monkeypatch.setattr("autoproc.cli.models.find_spec", found)
    told = fails("export", "last", "mine.onnx")
    assert "onnxruntime is not installed. Install them: pip install 'autoproc[onnx]'" in " ".join(told.split())
    assert not Path("mine.onnx").exists()
