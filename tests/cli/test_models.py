"""What `export` writes, and what it must not overwrite."""

import os
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from autoproc.cli.app import run


def test_export_does_not_overwrite_unasked(fails, empty_folder):
    (empty_folder / "mlruns" / "jobs" / "abc123" / "model").mkdir(parents=True)
    (empty_folder / "mine").mkdir()
    assert "mine exists already" in fails("export", "last", "mine")
    assert "the folder mine has no card.json" in fails("export", "last", "mine", "--overwrite")
    assert "there is no folder nowhere" in fails("export", "last", "nowhere/mine")


@pytest.mark.parametrize("name", ["model.pkl", "model.tar.gz", "model.PT"])
def test_export_writes_no_folder_that_is_called_like_a_file(fails, empty_folder, name):
    (empty_folder / "mlruns" / "jobs" / "abc123" / "model").mkdir(parents=True)
    assert f"ends in .zip or .onnx, but {name} is called like a file of another kind" in fails("export", "last", name)
    assert not (empty_folder / name).exists()


@pytest.mark.parametrize("name", ["thesis.docx", "table.csv", "notes.zip", "broken.zip", "empty.zip"])
def test_overwrite_replaces_no_file_but_a_model(fails, empty_folder, name):
    (empty_folder / "mlruns" / "jobs" / "abc123" / "model").mkdir(parents=True)
    out = empty_folder / name
    if name in ("thesis.docx", "notes.zip"):
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("inside/card.json", "{}")
    else:
        out.write_bytes(b"" if name == "empty.zip" else b"PK\x03\x04 card.json")
    before = out.read_bytes()
    assert f"{name} exists already" in fails("export", "last", name)
    told = fails("export", "last", name, "--overwrite")
    assert f"--overwrite replaces a model only, but the file {name} has no card.json. Name another place." in told
    assert out.read_bytes() == before


@pytest.fixture
def job(empty_folder, monkeypatch):
    """A job whose model's copy is a folder or zip with a new card, and one of each with an old card."""

    def copy_bundle(source, out):
        write_model(out, "new")

    stub = SimpleNamespace(copy_bundle=copy_bundle)
    monkeypatch.setitem(sys.modules, "autoproc.export.bundle", stub)
    monkeypatch.setattr("autoproc.export.bundle", stub, raising=False)
    (empty_folder / "mlruns" / "jobs" / "abc123" / "model").mkdir(parents=True)
    for name in ("mine", "mine.zip"):
        write_model(empty_folder / name, "old")


def write_model(out, card):
    if out.suffix == ".zip":
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("card.json", card)
    else:
        out.mkdir()
        (out / "card.json").write_text(card)


def card_of(model):
    return zipfile.Path(model, "card.json").read_text() if model.suffix == ".zip" else (model / "card.json").read_text()


@pytest.mark.parametrize("name", ["mine", "mine.zip"])
def test_overwrite_replaces_a_model(job, empty_folder, name):
    assert run(["export", "last", name, "--overwrite"]) == 0
    assert card_of(empty_folder / name) == "new"
    assert sorted(path.name for path in empty_folder.iterdir()) == ["mine", "mine.zip", "mlruns"]


@pytest.mark.parametrize("name", ["mine", "mine.zip"])
def test_the_old_model_comes_back_where_the_new_one_cannot_be_placed(job, fails, empty_folder, name, monkeypatch):
    move = os.replace

    def replace(source, target):
        if Path(source).stem == "new":
            raise OSError(28, "No space left on device")
        move(source, target)

    monkeypatch.setattr("os.replace", replace)
    told = fails("export", "last", name, "--overwrite")
    assert f"The model cannot be written to {name}: No space left on device. Name another place." in told
    assert card_of(empty_folder / name) == "old"
    assert sorted(path.name for path in empty_folder.iterdir()) == ["mine", "mine.zip", "mlruns"]
