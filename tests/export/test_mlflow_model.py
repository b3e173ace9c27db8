"""The model as MLflow's: loaded by MLflow itself, without pickle, it predicts what the bundle predicts."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from autoproc.errors import BundleError
from autoproc.export.bundle import load
from autoproc.export.mlflow_model import typical_row, write_mlflow_model
from autoproc.export.model import Model
from tests.export import bundles
from tests.served import load_served

FRAME = pd.DataFrame(
    {
        "size": [1.0, 2.0, 3.0, 9.0],
        "new": [True, False, True, True],
        "colour": ["red", "green", "green", None],
        "town": ["a", "b", "c", "b"],
        "sold": ["2020-01-01", "2021-05-06", "2020-01-01", "2022-12-31"],
    }
)


@pytest.fixture(scope="module", params=bundles.TASKS)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Model, Path]:
    """A model of each task as MLflow loads it with pickle forbidden, as the bundle is loaded, and its folder."""
    folder = tmp_path_factory.mktemp("served")
    bundle = bundles.make(request.param).write(folder / "model")
    write_mlflow_model(folder / "mlflow", bundle, typical_row(FRAME, list(FRAME)))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
        return load_served(folder / "mlflow"), load(bundle), folder / "mlflow"


def test_nothing_in_it_is_a_pickle_or_code(served: tuple[Any, Model, Path]) -> None:
    _, _, folder = served
    assert not [file for file in folder.rglob("*") if file.suffix in (".pkl", ".pickle", ".py")]
    assert not [file for file in folder.rglob("*") if file.is_file() and file.read_bytes().startswith(b"\x80\x04")]


def test_the_names_that_kept_models_call_this_package_by_hold(served: tuple[Any, Model, Path]) -> None:
    """Models of earlier versions are in people's registries."""
    flavour = yaml.safe_load((served[2] / "MLmodel").read_text())["flavors"]["python_function"]
    assert (flavour["loader_module"], flavour["data"]) == ("autoproc.export.mlflow_model", "data/model")
    assert callable(sys.modules["autoproc.export.mlflow_model"]._load_pyfunc)


def test_it_needs_what_predicts_and_no_more(served: tuple[Any, Model, Path]) -> None:
    lines = (served[2] / "requirements.txt").read_text().split()
    names = [line.partition("==")[0] for line in lines]
    assert names == ["mlflow", "autoproc", "numpy", "pandas", "pyarrow", "pydantic"]
    assert all("==" in line and "+" not in line for line in lines)


def test_its_signature_names_columns_in_and_out(served: tuple[Any, Model, Path]) -> None:
    mlflows, model, _ = served
    signature = mlflows.metadata.signature
    assert signature.inputs.input_names() == list(FRAME)
    assert signature.outputs.input_names() == list(model.predict(FRAME).columns)
    assert len(mlflows.input_example) == 1


_SENT: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "as they were": lambda frame: frame,
    "ints for floats": lambda frame: frame.astype({"size": "int64"}),
    "small ints for floats": lambda frame: frame.astype({"size": "int8"}),
    "float32 for floats": lambda frame: frame.astype({"size": "float32"}),
    "words for floats": lambda frame: frame.astype({"size": "str"}),
    "objects for floats": lambda frame: frame.astype({"size": object}),
    "booleans as words": lambda frame: frame.assign(new=["True", "false", "yes", "t"]),
    "booleans as numbers": lambda frame: frame.assign(new=[1, 0, 1.0, 1]),
    "categories as categories": lambda frame: frame.astype({"colour": "category", "town": "category"}),
    "dates as timestamps": lambda frame: frame.assign(sold=pd.to_datetime(frame["sold"])),
    "dates with a zone": lambda frame: frame.assign(sold=pd.to_datetime(frame["sold"], utc=True)),
    "dates as objects": lambda frame: frame.assign(sold=[pd.Timestamp(day).date() for day in frame["sold"]]),
    "another order": lambda frame: frame[["town", "sold", "new", "size", "colour"]],
    "extra columns": lambda frame: frame.assign(more=[{"a": 1}] * 4, y="?"),
    "an index": lambda frame: frame.set_axis(list("wxyz")),
}


@pytest.mark.parametrize("sent", _SENT)
def test_it_predicts_what_the_bundle_does_whatever_types_are_sent(served: tuple[Any, Model, Path], sent: str) -> None:
    mlflows, model, _ = served
    frame = _SENT[sent](FRAME)
    predicted = mlflows.predict(frame)
    pd.testing.assert_frame_equal(predicted, model.predict(frame))
    np.testing.assert_array_equal(predicted.to_numpy(), model.predict(FRAME).to_numpy())


def test_categories_may_be_numbers(tmp_path: Path) -> None:
    """Those of the table were whole numbers, which are sent as such, as floats or as words."""
    from autoproc.data.encoders import CategoryColumn
    from autoproc.data.vectorize import Schema
    from autoproc.export.bundle import write_bundle

    encoders = list(bundles.SCHEMA.encoders)
    encoders[2] = CategoryColumn("colour", ("1", "20"))
    made = bundles.make("regression")
    write_bundle(tmp_path / "model", made.card, Schema(tuple(encoders)), made.final)
    frame = FRAME.assign(colour=[1, 20, 20, 1])
    write_mlflow_model(tmp_path / "mlflow", tmp_path / "model", typical_row(frame, list(frame)))
    mlflows = load_served(tmp_path / "mlflow")
    wanted = mlflows.predict(frame)
    assert wanted["y"].nunique() > 1
    for colours in (["1", "20", "20", "1"], [1.0, 20.0, 20.0, 1.0], ["1.0", "20", " 20 ", "1"]):
        pd.testing.assert_frame_equal(mlflows.predict(frame.assign(colour=colours)), wanted)


def test_a_missing_column_is_named(served: tuple[Any, Model, Path]) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=r"lack 1 of the 5 columns .*: 'colour'\.") as caught:
        served[0].predict(FRAME.drop(columns="colour"))
    assert caught.value.get_http_status_code() == 400


def test_the_example_is_made_up_of_what_is_typical() -> None:
    row = typical_row(FRAME, ["size", "new", "colour", "sold"])
    assert row.to_dict("records") == [{"size": 3.0, "new": True, "colour": "green", "sold": "2020-01-01"}]


def test_what_cannot_be_written_is_told_as_such(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")
    with pytest.raises(BundleError, match="MLflow"):
        write_mlflow_model(tmp_path / "in the way" / "mlflow", bundle, typical_row(FRAME, list(FRAME)))
