"""A model on MLflow's own server: over HTTP it predicts what the bundle predicts, whichever way the rows come."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from autoproc.export.bundle import load
from autoproc.export.mlflow_model import typical_row, write_mlflow_model
from autoproc.export.model import Model
from tests.end_to_end.conftest import run_here
from tests.export import bundles
from tools.mlflow_models import serving_model

JSON, CSV = "application/json", "text/csv"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundles.make("binary").write(tmp_path_factory.mktemp("bundle") / "model")


@pytest.fixture(scope="module")
def address(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the model is served, as `mlflow models serve` does it."""
    folder = tmp_path_factory.mktemp("served")
    rows = bundles.rows()
    write_mlflow_model(folder / "mlflow", model, typical_row(rows, list(rows)))
    with serving_model(folder / "mlflow") as address:
        yield address


def ask(address: str, kind: str, body: str) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(address, body.encode(), {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_each_way_of_sending_rows_is_answered_with_the_bundles_predictions(address: str, model: Path) -> None:
    rows = bundles.rows()
    loaded: Model = load(model)
    wanted = loaded.predict(rows).to_dict("records")
    records = json.loads(rows.to_json(orient="records", double_precision=15))
    whole = {name: [record[name] for record in records] for name in rows}
    split = {"columns": list(rows), "data": [list(record.values()) for record in records]}
    sent = {
        "split": (JSON, json.dumps({"dataframe_split": split})),
        "records": (JSON, json.dumps({"dataframe_records": records})),
        "inputs": (JSON, json.dumps({"inputs": whole})),
        "csv": (CSV, rows.to_csv(index=False)),
    }
    for way, (kind, body) in sent.items():
        status, answer = ask(address, kind, body)
        assert status == 200, (way, answer)
        found = pd.DataFrame(answer["predictions"])
        pd.testing.assert_frame_equal(found, pd.DataFrame(wanted), rtol=1e-6)


def test_csv_is_read_as_autoproc_predict_reads_it(address: str, model: Path, tmp_path: Path) -> None:
    """Texts that pandas would take for numbers or truth values stay what they are."""
    table = "town,sold,colour,size,new,more\n a ,2020-01-01,red, 1.50 ,t,007\nc,,1,,0,x\n"
    (tmp_path / "table.csv").write_text(table)
    ended = run_here("predict", model, tmp_path / "table.csv", "--out", tmp_path / "p.csv")
    assert ended.code == 0, ended.err
    status, answer = ask(address, CSV, table)
    assert status == 200
    pd.testing.assert_frame_equal(pd.DataFrame(answer["predictions"]), pd.read_csv(tmp_path / "p.csv"))


def test_who_sends_too_few_columns_is_told_which(address: str) -> None:
    for kind, body in ((JSON, '{"dataframe_records": [{"size": 1}]}'), (CSV, "size\n1\n")):
        status, answer = ask(address, kind, body)
        assert status == 400
        assert "lack 4 of the 5 columns that the model was trained on: 'new', 'colour', 'town'" in answer["message"]
        assert "Traceback" not in str(answer)
