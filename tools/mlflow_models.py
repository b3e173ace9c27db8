"""`mlflow models serve` of a model, for programs that ask it for predictions."""

import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autoproc.tracking.listening import any_free_port
from autoproc.tracking.server import end_tree

ROOT = Path(__file__).parents[1]


@contextmanager
def serving_model(folder: Path) -> Iterator[str]:
    """The address that takes rows for the MLflow model in `folder`. The server ends with this block. Raises
    RuntimeError, with the end of its log, where it does not start."""
    base = f"http://127.0.0.1:{(port := any_free_port())}"
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # MLflow looks for uvicorn there
    environment = {**os.environ, "PATH": programs, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    options = ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "models", "serve", "-m", folder, *options],
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while not _answers(f"{base}/health"):
                try:
                    process.wait(0.2)
                except subprocess.TimeoutExpired:
                    continue
                log.seek(0)
                raise RuntimeError(log.read().decode("utf-8", "replace")[-3000:])
            yield f"{base}/invocations"
        finally:
            end_tree(process.pid)
            process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10):
            return True
    except (urllib.error.URLError, OSError):
        return False
