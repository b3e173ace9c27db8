"""Do exported models predict the same, and how fast? A model's bundle, the networks as they were trained in torch, and
what the model can be exported to, side by side.

    python -m benchmarks.exports RUN_OR_MODEL...                     of the job's table, if it can be read
    python -m benchmarks.exports model.zip --data new.csv --seconds 5 --markdown

For each model a JSON line, or a line of a Markdown table, for each form: the largest difference from the bundle (of
probabilities, or of values in units of the targets' spread), rows a second in batches of 2,000, and milliseconds for
one row: the median of as many calls as fit the seconds, and beside it the processor time of this process alone, which
others on the machine disturb less. What is timed is prediction from rows in the form that the
form takes (a data frame for the bundle, arrays for ONNX, a file for `predict`, a request for HTTP) to its result.
MLflow's forms are what a job hands to it, and its server is a process of its own on this machine. One thread.
"""

import argparse
import json
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from autoproc.calibration import with_temperature
from autoproc.cli.jobs import named_model
from autoproc.data.table import read_table
from autoproc.export.bundle import Opened, open_bundle
from autoproc.export.mlflow_model import typical_row, write_mlflow_model
from autoproc.export.onnx.check import as_table, distance, feeds, made_up_rows, open_session
from autoproc.export.onnx.file import jobs_table
from autoproc.export.onnx.model import to_onnx
from autoproc.export.prediction import predict_file, whole_file
from tests.oracle.torch_predictor import TorchPredictor
from tools.mlflow_models import serving_model

BATCH = 2_000


@dataclass(frozen=True)
class Form:
    """One form of a model, ready to predict: `request` makes of rows what it takes, `answer` is what is timed, and
    `table` makes predictions with the bundle's columns of what it gives."""

    request: Callable[[pd.DataFrame], Any]
    answer: Callable[[Any], Any]
    table: Callable[[Any], pd.DataFrame] = lambda answer: answer


Prepare = Callable[[Path, Opened, pd.DataFrame], AbstractContextManager[Form]]
"""From a bundle's place, the bundle, and rows as an example."""


def as_bundle(place: Path, opened: Opened, example: pd.DataFrame) -> AbstractContextManager[Form]:
    return nullcontext(Form(lambda rows: rows, opened.model.predict))


def as_onnx(place: Path, opened: Opened, example: pd.DataFrame) -> AbstractContextManager[Form]:
    session = open_session(to_onnx(opened).SerializeToString(), n_threads=1)
    return nullcontext(
        Form(
            lambda rows: feeds(opened.model.schema, rows),
            lambda fed: session.run(None, fed),
            lambda outputs: as_table(outputs, opened.model),
        )
    )


def as_trained(place: Path, opened: Opened, example: pd.DataFrame) -> AbstractContextManager[Form]:
    """In torch, by the passes that the networks were trained with."""
    model = opened.model
    average = TorchPredictor(model.task, model.schema.layout, opened.weights).mean
    in_torch = replace(model, network=with_temperature(average, opened.temperature))
    return nullcontext(Form(lambda rows: rows, in_torch.predict))


def with_drift(place: Path, opened: Opened, example: pd.DataFrame) -> AbstractContextManager[Form]:
    """What is far from training is counted, too: what that costs."""
    model = opened.model

    def answer(rows: pd.DataFrame) -> pd.DataFrame:
        matrix = model.matrix(rows)
        model.count_odd(matrix)
        return model.predict_matrix(matrix, rows.index)

    return nullcontext(Form(lambda rows: rows, answer))


@contextmanager
def from_file_to_file(place: Path, opened: Opened, example: pd.DataFrame) -> Iterator[Form]:
    """As `autoproc predict` does it."""
    with tempfile.TemporaryDirectory() as scratch:
        numbers = count()

        def request(rows: pd.DataFrame) -> Path:
            table = Path(scratch) / f"{next(numbers)}.csv"
            rows.to_csv(table, index=False)
            return table

        def answer(table: Path) -> Path:
            out = table.with_suffix(".parquet")
            with whole_file(out) as write:
                predict_file(opened.model, table, write, lambda done: None)
            return out

        yield Form(request, answer, pd.read_parquet)


@contextmanager
def as_pyfunc(place: Path, opened: Opened, example: pd.DataFrame) -> Iterator[Form]:
    with mlflow_model(place, opened, example) as folder:
        import mlflow.pyfunc

        yield Form(lambda rows: rows, mlflow.pyfunc.load_model(str(folder)).predict)


def as_served(kind: str, body: Callable[[pd.DataFrame], str]) -> Prepare:
    """By `mlflow models serve`, which takes rows as a `body` of some kind."""

    @contextmanager
    def prepare(place: Path, opened: Opened, example: pd.DataFrame) -> Iterator[Form]:
        with mlflow_model(place, opened, example) as folder, serving_model(folder) as address:

            def answer(sent: bytes) -> list[dict[str, Any]]:
                request = urllib.request.Request(address, sent, {"Content-Type": kind})
                with urllib.request.urlopen(request, timeout=600) as found:
                    predictions: list[dict[str, Any]] = json.load(found)["predictions"]
                    return predictions

            yield Form(lambda rows: body(rows).encode(), answer, pd.DataFrame)

    return prepare


@contextmanager
def mlflow_model(place: Path, opened: Opened, example: pd.DataFrame) -> Iterator[Path]:
    """The bundle as a job hands it to MLflow."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "mlflow"
        write_mlflow_model(folder, place, typical_row(example, list(opened.model.schema.columns)))
        yield folder


def as_json(rows: pd.DataFrame) -> str:
    cells = rows.astype(object).where(rows.notna(), None).to_numpy().tolist()
    return json.dumps({"dataframe_split": {"columns": list(rows), "data": cells}})


FORMS: dict[str, Prepare] = {
    "trained": as_trained,
    "bundle": as_bundle,
    "drift": with_drift,
    "predict": from_file_to_file,
    "ONNX": as_onnx,
    "pyfunc": as_pyfunc,
    "HTTP-JSON": as_served("application/json", as_json),
    "HTTP-CSV": as_served("text/csv", lambda rows: rows.to_csv(index=False)),
}


def measure(place: Path, rows: pd.DataFrame, names: list[str], seconds: float) -> list[dict[str, Any]]:
    """What each form comes to, in the order of `names`."""
    opened = open_bundle(place)
    expected = opened.model.predict(rows)
    results = []
    for name in names:
        with FORMS[name](place, opened, rows) as form:
            found = pd.concat(
                [
                    form.table(form.answer(form.request(rows.iloc[start : start + BATCH])))
                    for start in range(0, len(rows), BATCH)
                ],
                ignore_index=True,
            )
            requests = {size: form.request(rows.iloc[:size]) for size in (1, BATCH)}
            taken = {size: timed(partial(form.answer, request), seconds) for size, request in requests.items()}
            results.append(
                {
                    "model": str(place),
                    "form": name,
                    "networks": len(opened.weights["member.share"]),
                    "rows": len(rows),
                    "largest_difference": distance(opened, expected, found),
                    "rows_per_second": round(min(BATCH, len(rows)) / taken[BATCH].wall),
                    "milliseconds_one_row": round(1e3 * taken[1].wall, 4),
                    "processor_milliseconds_one_row": round(1e3 * taken[1].processor, 4),
                }
            )
    return results


@dataclass(frozen=True)
class Taken:
    """Median seconds of a call."""

    wall: float
    processor: float


def timed(act: Callable[[], object], seconds: float) -> Taken:
    """What a call takes, of those that fit in so many seconds after some to warm up; at least three."""
    walls: list[float] = []
    processors: list[float] = []
    until = time.perf_counter() + seconds
    while len(walls) < 6 or time.perf_counter() < until:
        wall, processor = time.perf_counter(), time.process_time()
        act()
        processors.append(time.process_time() - processor)
        walls.append(time.perf_counter() - wall)
    warm = slice(len(walls) // 10 + 1, None)
    return Taken(median(walls[warm]), median(processors[warm]))


def rows_of(place: Path, data: str | None, n_rows: int) -> pd.DataFrame:
    """Rows of the table `data`, of the job's, or else such as the model knows."""
    table = read_table(data).frame if data else jobs_table(place)
    if table is None:
        table = made_up_rows(open_bundle(place), n_rows)
    return table.iloc[np.linspace(0, len(table) - 1, min(n_rows, len(table))).astype(int)].reset_index(drop=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "models", nargs="+", metavar="RUN_OR_MODEL", help="run id, its first characters, `last`, or path"
    )
    parser.add_argument("--home", default="mlruns", help="folder of the jobs (default: mlruns)")
    parser.add_argument("--data", help="table to predict, instead of the job's")
    parser.add_argument("--rows", type=int, default=10_000, help="at most so many rows are compared (default: 10,000)")
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=list(FORMS))
    parser.add_argument("--seconds", type=float, default=2.0, help="for each speed of each form (default: 2)")
    parser.add_argument("--markdown", action="store_true", help="print the lines of a Markdown table")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    threadpool_limits(1)
    titles = ["model", "form", "networks", "rows", "largest difference", "rows a second", "ms for one row (processor)"]
    if asked.markdown:
        print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for name in asked.models:
        place = named_model(name, asked.home)
        for result in measure(place, rows_of(place, asked.data, asked.rows), asked.forms, asked.seconds):
            print(line(result) if asked.markdown else json.dumps(result), flush=True)


def line(result: dict[str, Any]) -> str:
    cells = [
        *(str(result[key]) for key in ("model", "form", "networks")),
        f"{result['rows']:,}",
        f"{result['largest_difference']:.1e}",
        f"{result['rows_per_second']:,}",
        f"{result['milliseconds_one_row']:.3f} ({result['processor_milliseconds_one_row']:.3f})",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
