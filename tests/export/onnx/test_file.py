"""What `autoproc export RUN model.onnx` does with a bundle."""

from pathlib import Path

import onnx
import pytest

from autoproc.errors import BundleError
from autoproc.export.onnx import file
from autoproc.export.onnx.model import is_exported
from tests.export import bundles


def test_a_file_is_written_and_said_to_be_compared(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.onnx"
    told = str(file.write_onnx(bundle, out, bundles.rows()))
    assert "e-0" in told and "on rows of the job's table and on rows of missing, unseen and extreme cells" in told
    assert told.endswith("in batches of 1, 7, 2,000") and "spread" not in told
    assert is_exported(out)
    onnx.checker.check_model(str(out), full_check=True)


@pytest.mark.parametrize("rows", [None, bundles.rows().drop(columns="town")], ids=["no table", "another table"])
def test_without_the_jobs_table_rows_are_made_up(bundle: Path, tmp_path: Path, rows: object) -> None:
    told = str(file.write_onnx(bundle, tmp_path / "model.onnx", rows))  # type: ignore[arg-type]
    assert "made-up rows, as the job's table is not at hand" in told


def test_values_are_compared_in_units_of_their_spread(tmp_path: Path) -> None:
    source = bundles.make("regression").write(tmp_path / "model")
    assert "of the targets' spread" in str(file.write_onnx(source, tmp_path / "model.onnx", None))


def test_a_file_that_differs_is_not_written(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = file.open_bundle(bundles.make("binary", threshold=0.9).write(tmp_path / "other"))
    monkeypatch.setattr(file, "to_onnx", lambda opened, make=file.to_onnx: make(other))
    with pytest.raises(BundleError, match="Nothing was written"):
        file.write_onnx(bundle, tmp_path / "model.onnx", None)
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and so on", b"words"])
def test_other_files_are_not_taken_for_ours(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    assert not is_exported(path)
    assert not is_exported(tmp_path / "nowhere.onnx")
