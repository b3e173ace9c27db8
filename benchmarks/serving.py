"""A bundle, `autoproc predict`, MLflow's pyfunc and MLflow's server on the same rows: largest difference, and speed.

    python -m benchmarks.serving MODEL=TABLE [MODEL=TABLE ...] [--markdown]

MODEL is a bundle, which is handed to MLflow as a job does it; TABLE is a CSV or Parquet file with the model's columns.
A process of MLflow's own serves on this machine (`mlflow models serve --env-manager local`), one after the other.
Differences are of probabilities, or of values in units of their standard deviation; `labels` counts those that differ.
Rows a second are of all the rows at once, from a file or a frame in memory, the best of three; milliseconds for one row
are the median of fifty. For `predict_file`, which the command runs, they are from file to file. The cost of the
hint at drift stands beside, of the bundle's own time. Prints a JSON line a model.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autoproc.data.table import read_table
from autoproc.export.bundle import load
from autoproc.export.mlflow_model import typical_row, write_mlflow_model
from autoproc.export.model import Model
from autoproc.export.prediction import predict_file, whole_file
from autoproc.tracking.server import end_tree

_ONE_ROW_TIMES = 50
_MOST_SENT = 5_000  # rows in one request


def measure(bundle: Path, table: Path) -> dict[str, Any]:
    model, frame = load(bundle), read_table(table).frame
    truth = model.predict(frame)
    one = frame.head(1)
    result: dict[str, Any] = {"model": str(bundle), "table": table.name, "task": model.task, "rows": len(frame)}
    with tempfile.TemporaryDirectory() as scratch:
        folder, out = Path(scratch) / "mlflow", Path(scratch) / "out.parquet"

        def from_file_to_file() -> pd.DataFrame:
            with whole_file(out) as write:
                predict_file(model, table, write, lambda done: None)
            return pd.read_parquet(out)

        result["bundle"] = _told(model, truth, lambda rows: model.predict(rows), frame, one)
        matrix = model.matrix(frame)
        result["drift_share"] = _best(lambda: model.count_odd(matrix)) / _best(lambda: model.predict(frame))
        found = from_file_to_file()
        seconds = _best(from_file_to_file)
        result["predict_file"] = {**_differences(model, truth, found), "rows_a_second": len(frame) / seconds}
        write_mlflow_model(folder, bundle, typical_row(frame, list(model.schema.columns)))
        import mlflow.pyfunc

        served = mlflow.pyfunc.load_model(str(folder))
        result["pyfunc"] = _told(model, truth, served.predict, frame, one)
        with _server(folder) as address:
            sent = frame.head(_MOST_SENT)
            for name, kind, body in (("http_json", "application/json", _as_json), ("http_csv", "text/csv", _as_csv)):
                ask = _asking(address, kind, body)
                result[name] = _told(model, truth.head(_MOST_SENT), ask, sent, one)
    return result


def _told(
    model: Model,
    truth: pd.DataFrame,
    predict: Callable[[pd.DataFrame], pd.DataFrame],
    frame: pd.DataFrame,
    one: pd.DataFrame,
) -> dict[str, float]:
    differences = _differences(model, truth, predict(frame))
    speed = len(frame) / _best(lambda: predict(frame))
    seconds = []
    for _ in range(_ONE_ROW_TIMES):
        started = time.perf_counter()
        predict(one)
        seconds.append(time.perf_counter() - started)
    return {**differences, "rows_a_second": speed, "ms_for_one_row": 1_000 * statistics.median(seconds)}


def _differences(model: Model, truth: pd.DataFrame, found: pd.DataFrame) -> dict[str, float]:
    assert list(found.columns) == list(truth.columns) and len(found) == len(truth)
    numbers = list(truth.columns[1:]) if model.classes else list(truth.columns)
    units = np.ones(len(numbers)) if model.classes else truth[numbers].std().to_numpy()
    gap = np.abs(found[numbers].to_numpy() - truth[numbers].to_numpy()) / units
    labels = found.iloc[:, 0].to_numpy() != truth.iloc[:, 0].to_numpy() if model.classes else np.zeros(1)
    return {"largest_difference": float(gap.max()), "labels": int(labels.sum())}


def _best(run: Callable[[], object]) -> float:
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def _as_json(frame: pd.DataFrame) -> bytes:
    rows = frame.astype(object).where(frame.notna(), None)
    return json.dumps({"dataframe_split": {"columns": list(frame), "data": rows.to_numpy().tolist()}}).encode()


def _as_csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def _asking(address: str, kind: str, body: Callable[[pd.DataFrame], bytes]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def ask(frame: pd.DataFrame) -> pd.DataFrame:
        request = urllib.request.Request(address, body(frame), {"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=600) as answer:
            return pd.DataFrame(json.load(answer)["predictions"])

    return ask


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    options = ["--env-manager", "local", "--host", "127.0.0.1", "--port", port, "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", "-m", folder, *options],
        env={**os.environ, "PATH": programs, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while process.poll() is None and not _answers(f"http://127.0.0.1:{port}/health"):
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        end_tree(process.pid)
        process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10):
            return True
    except (urllib.error.URLError, OSError):
        return False


_WAYS = ("bundle", "predict_file", "pyfunc", "http_json", "http_csv")


def _row(result: dict[str, Any]) -> str:
    cells = [result["table"], result["task"], f"{result['rows']:,}"]
    for way in _WAYS:
        found = result[way]
        one = f", {found['ms_for_one_row']:.2g} ms" if "ms_for_one_row" in found else ""
        wrong = f" ({found['labels']} labels)" if found["labels"] else ""
        cells.append(f"{found['largest_difference']:.1g}{wrong}; {found['rows_a_second']:,.0f}/s{one}")
    return f"| {' | '.join(cells)} | {100 * result['drift_share']:.1f} % |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="+", metavar="MODEL=TABLE")
    parser.add_argument("--markdown", action="store_true")
    given = parser.parse_args()
    results = []
    for pair in given.pairs:
        bundle, _, table = pair.rpartition("=")
        results.append(measure(Path(bundle), Path(table)))
        print(json.dumps(results[-1]), flush=True)
    if given.markdown:
        heads = ("table", "task", "rows", *_WAYS, "drift")
        print("\n".join([f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *map(_row, results)]))


if __name__ == "__main__":
    main()
