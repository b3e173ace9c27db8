"""What `predict` and `export` write, and what they must not overwrite."""

import sys
from types import SimpleNamespace

import pytest

from autoproc.cli.app import run


@pytest.fixture
def model(monkeypatch, empty_folder):
    """A table of two rows, and a model (the folder `model`) that predicts what it read beside a class."""

    def predict(frame):
        return frame.assign(prediction=["größer", "größer"])

    stub = SimpleNamespace(load=lambda path: SimpleNamespace(predict=predict))
    monkeypatch.setitem(sys.modules, "autoproc.export.bundle", stub)
    monkeypatch.setattr("autoproc.export.bundle", stub, raising=False)
    (empty_folder / "model").mkdir()
    (empty_folder / "new.csv").write_text("word\na\nb\n", encoding="utf-8")


PREDICTED = "word,prediction\na,größer\nb,größer\n".encode()


def test_predictions_are_written_to_standard_output(model, capfdbinary):
    assert run(["predict", "model", "new.csv"]) == 0
    assert capfdbinary.readouterr() == (PREDICTED, b"")


def test_predictions_are_written_to_a_file(model, empty_folder, capfdbinary):
    assert run(["predict", "model", "new.csv", "--out", "p.csv"]) == 0
    assert capfdbinary.readouterr() == (b"", b"")
    assert (empty_folder / "p.csv").read_bytes() == PREDICTED
    assert run(["predict", "model", "new.csv", "--out", "p.parquet"]) == 0
    assert (empty_folder / "p.parquet").read_bytes().startswith(b"PAR1")
    assert sorted(path.name for path in empty_folder.iterdir()) == ["model", "new.csv", "p.csv", "p.parquet"]


def test_predictions_do_not_overwrite_their_table(fails, empty_folder):
    (empty_folder / "new.csv").write_text("a\n1\n", encoding="utf-8")
    assert "--out must not name the table that is predicted" in fails("predict", "last", "new.csv", "--out", "new.csv")
    assert "--out must name a file" in fails("predict", "last", "new.csv", "--out", ".")
    assert (empty_folder / "new.csv").read_text(encoding="utf-8") == "a\n1\n"


def test_export_does_not_overwrite_unasked(fails, empty_folder):
    (empty_folder / "mlruns" / "jobs" / "abc123" / "model").mkdir(parents=True)
    (empty_folder / "mine").mkdir()
    assert "mine exists already" in fails("export", "last", "mine")
    assert "the folder mine has no card.json" in fails("export", "last", "mine", "--overwrite")
    assert "there is no folder nowhere" in fails("export", "last", "nowhere/mine")
