"""What `predict` writes, in parts, and what it must not overwrite."""

import io
import re
import sys

import numpy as np
import pandas as pd
import pytest

from autoproc.cli import predict as command
from autoproc.cli.app import run
from autoproc.export import prediction
from autoproc.export.bundle import load
from tests.export import bundles

N_ROWS = 50


@pytest.fixture
def model(empty_folder):
    """A table `new.csv`, and models of two kinds beside it: `model` (binary) and `values` (regression)."""
    bundles.make("binary").write(empty_folder / "model")
    bundles.make("regression").write(empty_folder / "values")
    bundles.rows(N_ROWS).to_csv("new.csv", index=False)
    return load("model")


def predicted(capfdbinary, *arguments):
    assert run(["predict", *map(str, arguments)]) == 0
    out, err = capfdbinary.readouterr()
    assert err == b""
    return pd.read_csv(io.BytesIO(out))


def rows():
    return pd.read_csv("new.csv", dtype="str")


def test_predictions_are_written_to_standard_output(model, capfdbinary):
    pd.testing.assert_frame_equal(predicted(capfdbinary, "model", "new.csv"), model.predict(rows()))


def test_predictions_are_written_to_a_file(model, empty_folder, capfdbinary):
    assert run(["predict", "model", "new.csv"]) == 0
    shown, _ = capfdbinary.readouterr()
    for name in ("p.csv", "p.parquet"):
        assert run(["predict", "model", "new.csv", "--out", name]) == 0
        assert capfdbinary.readouterr() == (b"", f"{name}: predictions of {N_ROWS} rows\n".encode())
    assert (empty_folder / "p.csv").read_bytes() == shown
    pd.testing.assert_frame_equal(pd.read_parquet("p.parquet"), model.predict(rows()))
    names = {path.name for path in empty_folder.iterdir()}
    assert names == {"model", "values", "new.csv", "p.csv", "p.parquet"}


@pytest.mark.parametrize("out", ["p.csv", "p.parquet"])
@pytest.mark.parametrize("chunk_rows", [1, 7, 49, 50])
def test_predictions_do_not_hang_on_the_size_of_the_parts(model, out, chunk_rows, monkeypatch):
    monkeypatch.setattr(prediction, "CHUNK_ROWS", chunk_rows)
    assert run(["predict", "model", "new.csv", "--out", out]) == 0
    found = pd.read_parquet(out) if out == "p.parquet" else pd.read_csv(out)
    pd.testing.assert_frame_equal(found, model.predict(rows()), rtol=1e-5)


def test_parts_of_many_rows_are_predicted_exactly_as_the_whole(model, empty_folder):
    n_rows = 2 * prediction.CHUNK_ROWS + 77
    table = bundles.rows(n_rows)
    table.to_parquet("many.parquet")
    assert run(["predict", "model", "many.parquet", "--out", "p.parquet"]) == 0
    found = pd.read_parquet("p.parquet")
    pd.testing.assert_frame_equal(found, model.predict(table), rtol=0, atol=0)


def test_proba_leaves_out_the_label(model, capfdbinary):
    found = predicted(capfdbinary, "model", "new.csv", "--proba")
    assert list(found.columns) == ["probability_no", "probability_yes"]
    pd.testing.assert_frame_equal(found, model.predict_proba(rows()))


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.9])
def test_a_threshold_decides_about_the_label_alone(model, capfdbinary, threshold):
    found = predicted(capfdbinary, "model", "new.csv", "--threshold", threshold)
    wanted = model.predict_proba(rows())
    pd.testing.assert_frame_equal(found[wanted.columns], wanted)
    assert list(found["y"]) == list(np.where(wanted["probability_yes"] >= threshold, "yes", "no"))


def test_options_that_a_model_has_no_use_for_are_refused(model, fails):
    assert "--proba is for classes, but this is a model of regression" in fails(
        "predict", "values", "new.csv", "--proba"
    )
    told = fails("predict", "values", "new.csv", "--threshold", "0.3")
    assert "--threshold is for two classes, but this is a model of regression" in told
    assert "--threshold must be a probability from 0 to 1, but is 1.5" in fails(
        "predict", "model", "new.csv", "--threshold", "1.5"
    )
    assert "Give one of them" in fails("predict", "model", "new.csv", "--threshold", "0.5", "--proba")


def test_predictions_do_not_overwrite_their_table(fails, empty_folder):
    (empty_folder / "new.csv").write_text("a\n1\n", encoding="utf-8")
    assert "--out must not name the table that is predicted" in fails("predict", "last", "new.csv", "--out", "new.csv")
    assert "--out must name a file" in fails("predict", "last", "new.csv", "--out", ".")
    assert (empty_folder / "new.csv").read_text(encoding="utf-8") == "a\n1\n"


def test_predictions_are_not_written_under_the_name_of_another_kind(fails, empty_folder):
    (empty_folder / "new.csv").write_text("a\n1\n", encoding="utf-8")
    assert "Name p.csv or p.parquet" in fails("predict", "last", "new.csv", "--out", "p.XLSX")
    assert not (empty_folder / "p.XLSX").exists()


@pytest.mark.parametrize("out", ["p.csv", "p.parquet"])
def test_a_table_that_is_damaged_further_down_leaves_nothing(model, fails, empty_folder, out, monkeypatch):
    monkeypatch.setattr(prediction, "CHUNK_ROWS", 10)
    with open("new.csv", "a") as file:
        file.write("1,2,3\n")
    (empty_folder / out).write_text("before")
    assert f"Line {N_ROWS + 2} of new.csv has 3 cells" in fails("predict", "model", "new.csv", "--out", out)
    assert (empty_folder / out).read_text() == "before"
    assert sorted(path.name for path in empty_folder.iterdir()) == sorted(["model", "values", "new.csv", out])


def test_a_missing_column_is_named_and_nothing_written(model, fails, empty_folder):
    rows().drop(columns="town").to_csv("few.csv", index=False)
    assert "lack 1 of the 5 columns that the model was trained on: 'town'" in fails("predict", "model", "few.csv")


def test_rows_far_outside_of_training_are_told_of_once(empty_folder, capfdbinary, monkeypatch):
    matrix = bundles.SCHEMA.matrix(bundles.rows(300))
    from autoproc.data.drift import Seen

    bundles.make("binary", seen=Seen.of(bundles.SCHEMA, matrix).to_json()).write(empty_folder / "model")
    monkeypatch.setattr(prediction, "CHUNK_ROWS", 10)
    bundles.rows(N_ROWS).assign(size=1e9, new="perhaps").to_csv("new.csv", index=False)
    assert run(["predict", "model", "new.csv", "--out", "p.csv"]) == 0
    out, err = capfdbinary.readouterr()
    told, *lines = err.decode().splitlines()
    assert out == b"" and told == "p.csv: predictions of 50 rows" and len(lines) == 3
    assert lines[0].startswith("note: these rows are far outside of what training saw")
    assert lines[1].startswith("  'size': 50 of 50 numbers (100 %) lie beyond what training saw, ")
    assert lines[2].startswith("  'new': 50 of 50 cells (100 %) are missing or cannot be read, in training ")
    bundles.rows(N_ROWS).to_csv("new.csv", index=False)
    assert run(["predict", "model", "new.csv", "--out", "p.csv"]) == 0
    assert capfdbinary.readouterr() == (b"", b"p.csv: predictions of 50 rows\n")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_how_far_it_is(model, monkeypatch):
    monkeypatch.setattr(prediction, "CHUNK_ROWS", 10)
    for name in ("CI", "TERM"):
        monkeypatch.delenv(name, raising=False)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert run(["predict", "model", "new.csv", "--out", "p.csv"]) == 0
    assert re.search(r"10 rows, \d\d % of the table", terminal.getvalue())


def test_the_predictions_on_a_terminal_are_not_written_over(model, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(sys, "stdout", Terminal())
    with command._showing(None) as on_done:
        on_done(prediction.Done(10, 0.2))
    assert terminal.getvalue() == ""
