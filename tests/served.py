"""A model as MLflow itself loads it."""

import warnings
from pathlib import Path
from typing import Any


def load_served(path: str | Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of its own type hints when it is imported
        import mlflow.pyfunc

        return mlflow.pyfunc.load_model(str(path))
