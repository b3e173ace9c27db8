"""The exported model as MLflow's, without pickle or code: MLflow loads the bundle in it by this module.

A model that MLflow keeps names this module and asks it for `_load_pyfunc`: both names hold for all versions.
"""

import logging
import shutil
import sys
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, final

import pandas as pd

from autoproc.errors import BundleError, DataError
from autoproc.export.bundle import load
from autoproc.export.model import Model

# What loading a bundle and predicting with it needs. MLflow adds itself.
_REQUIREMENTS = ("autoproc", "numpy", "pandas", "pyarrow", "pydantic")


@final
class ServedModel:
    """What MLflow calls: a bundle that predicts data frames, with the training columns in any order."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """One row of predictions for each row. Raises MlflowException, which MLflow's server hands on to who asked,
        when a column is missing."""
        from mlflow.exceptions import MlflowException

        try:
            return self._model.predict(model_input)
        except DataError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error


def _load_pyfunc(data_path: str) -> ServedModel:
    """MLflow's name for what loads a model from the data in it."""
    if "mlflow.pyfunc.scoring_server" in sys.modules:
        _let_server_read_csv()
    return ServedModel(load(data_path))


def _let_server_read_csv() -> None:
    """MLflow's server asks the signature which type each column of a CSV request is to be read as, and gives up where
    one is of any type. Cells that are left as text are what a bundle reads from a file itself."""
    from mlflow.types import DataType, Schema

    def pandas_types(schema: Schema) -> list[Any]:
        return [column.type.to_pandas() if isinstance(column.type, DataType) else object for column in schema.inputs]

    setattr(Schema, "pandas_types", pandas_types)  # noqa: B010 (an assignment to a method has no type)


def write_mlflow_model(folder: Path, bundle: Path, example: pd.DataFrame) -> None:
    """Write the bundle as an MLflow model into a new folder, with signature and `example` (a row of the columns
    that the model uses). Raises BundleError where that cannot be done."""
    logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)  # what it checks is nothing that people have to know
    shutil.rmtree(folder, ignore_errors=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of its own type hints when it is imported
        _save(folder, bundle, example)


def _save(folder: Path, bundle: Path, example: pd.DataFrame) -> None:
    import mlflow.pyfunc
    from mlflow.exceptions import MlflowException
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    any_type: Any = AnyType
    try:
        predictions = load(bundle).predict(example)
        # Any type, and none required: whole numbers, words in place of numbers and missing columns are the model's to
        # judge, and MLflow would refuse what it takes.
        inputs = Schema([ColSpec(any_type(), name, required=False) for name in example.columns])
        outputs = Schema([ColSpec(_type_of(predictions[name]), name) for name in predictions.columns])
        mlflow.pyfunc.save_model(
            str(folder),
            loader_module=__name__,
            data_path=str(bundle),
            signature=ModelSignature(inputs, outputs),
            input_example=example,
            pip_requirements=[f"{name}=={_public(version(name))}" for name in _REQUIREMENTS],
        )
    except (MlflowException, OSError, ValueError, TypeError) as error:
        raise BundleError(f"The model cannot be written as one of MLflow's: {error}.") from error


def _public(number: str) -> str:
    """A version without what tells builds of it apart, which no index has: 2.13.0 of 2.13.0+cpu."""
    return number.partition("+")[0]


def typical_row(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """A row made up of the middle number or the most frequent cell of each column: nobody's row leaves the table."""
    return pd.DataFrame({name: _typical(frame[name].dropna()) for name in columns})


def _typical(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    if pd.api.types.is_numeric_dtype(cells.dtype) and not pd.api.types.is_bool_dtype(cells.dtype):
        return cells.sort_values().iloc[len(cells) // 2 :].head(1).reset_index(drop=True)
    return cells.mode().head(1).reset_index(drop=True)


def _type_of(column: "pd.Series[Any]") -> str:
    if pd.api.types.is_integer_dtype(column.dtype):
        return "long"
    return "double" if pd.api.types.is_float_dtype(column.dtype) else "string"
