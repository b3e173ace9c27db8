"""Prediction takes few libraries: none that only training, the record or the report need."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.export import bundles

NOT_NEEDED = (
    "alembic", "filelock", "lightning", "matplotlib", "mlflow", "onnx", "onnxruntime", "optuna", "plotly", "pyarrow",
    "rich", "safetensors", "scipy", "sklearn", "skops", "sqlalchemy", "threadpoolctl", "torch", "yaml",
)  # fmt: skip

# Modules that cannot be found are as good as not installed.
_WITHOUT = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {(*NOT_NEEDED, "click")!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""

_PREDICT = """
import autoproc, pandas as pd

model = autoproc.load(sys.argv[1])
print(model.predict(pd.read_csv(sys.argv[2])).to_csv(index=False))
"""

_COMMAND = """
from autoproc.cli import main

sys.argv[0] = "autoproc"
sys.exit(main())
"""


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def model_and_rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("inference")
    bundles.rows().to_csv(folder / "rows.csv", index=False)
    return bundles.make("binary").write(folder / "model"), folder / "rows.csv"


def test_a_bundle_predicts_where_the_other_libraries_are_not_installed(model_and_rows: tuple[Path, Path]) -> None:
    without, with_all = (python(code + _PREDICT, *model_and_rows) for code in (_WITHOUT, "import sys\n"))
    assert without.returncode == 0, without.stderr
    assert without.stdout == with_all.stdout


def test_the_command_predicts_there_and_says_what_training_needs(model_and_rows: tuple[Path, Path]) -> None:
    model, rows = model_and_rows
    without = _WITHOUT.replace(", 'click'", "").replace("'pyarrow', ", "") + _COMMAND
    done = python(without, "predict", model, rows)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 21
    refused = python(without, "tune", rows, "--target", "size")
    assert refused.returncode == 2
    assert "is not installed" in refused.stderr and "autoproc[tune]" in refused.stderr
    assert "Traceback" not in refused.stderr
