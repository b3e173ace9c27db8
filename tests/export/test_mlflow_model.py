"""The model as MLflow's: loaded by MLflow itself, without pickle, it predicts what the bundle predicts."""

from pathlib import Path

import pandas as pd
import pytest

from autoproc.errors import BundleError, DataError
from autoproc.export.bundle import load
from autoproc.export.mlflow_model import typical_row, write_mlflow_model
from tests.export import bundles
from tests.served import load_served

FRAME = pd.DataFrame(
    {
        "size": [1.5, 2.5, None, 9.0],
        "new": [True, False, True, True],
        "colour": ["red", "green", "green", None],
        "town": ["a", "b", "c", "b"],
        "sold": ["2020-01-01", "2021-05-06", "2020-01-01", None],
    }
)


@pytest.mark.parametrize("task", bundles.TASKS)
def test_mlflow_loads_it_without_pickle_and_predicts_the_same(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundles.make(task).write(tmp_path / "model")
    write_mlflow_model(tmp_path / "mlflow", bundle, typical_row(FRAME, list(FRAME)))
    assert not [file for file in (tmp_path / "mlflow").rglob("*") if file.suffix in (".pkl", ".pickle", ".py")]
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    served = load_served(tmp_path / "mlflow")
    shuffled = FRAME[["town", "sold", "new", "size", "colour"]]
    pd.testing.assert_frame_equal(served.predict(shuffled), load(bundle).predict(FRAME))
    signature = served.metadata.signature
    assert signature.inputs.input_names() == list(FRAME)
    assert signature.outputs.input_names() == list(load(bundle).predict(FRAME).columns)
    assert len(served.input_example) == 1
    with pytest.raises(DataError, match="colour"):
        served.predict(FRAME.drop(columns="colour"))


def test_the_example_is_made_up_of_what_is_typical() -> None:
    row = typical_row(FRAME, ["size", "new", "colour", "sold"])
    assert row.to_dict("records") == [{"size": 2.5, "new": True, "colour": "green", "sold": "2020-01-01"}]


def test_what_cannot_be_written_is_told_as_such(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")
    with pytest.raises(BundleError, match="MLflow"):
        write_mlflow_model(tmp_path / "in the way" / "mlflow", bundle, typical_row(FRAME, list(FRAME)))
