"""A finished job's model as an ONNX file, in the hands of somebody who has neither autoproc nor its bundle."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest

import autoproc
from autoproc.cli.app import run
from tests.end_to_end import tables
from tests.end_to_end.conftest import Finished


@pytest.mark.parametrize("task", tables.TARGETS)
def test_the_file_predicts_what_the_job_does(
    jobs: Callable[[str], Finished], task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished = jobs(task)
    out = tmp_path / "model.onnx"
    with contextlib.chdir(finished.folder):
        assert run(["export", "last", str(out)]) == 0
    assert "on rows of the job's table" in capsys.readouterr().err

    frame = tables.table(task, n_rows=50, seed=7)
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    frame = frame.assign(sold=(pd.to_datetime(frame["sold"]) - pd.Timestamp(0)) / pd.Timedelta("1s"))
    fed = {
        given.name: frame[[given.name]].to_numpy("float64")
        if given.type == "tensor(double)"
        else frame[[given.name]].astype("string").fillna("").to_numpy(object)
        for given in session.get_inputs()
    }
    wanted = autoproc.load(finished.model).predict(tables.table(task, n_rows=50, seed=7))
    *label, numbers = session.run(None, fed)
    np.testing.assert_allclose(numbers, wanted.iloc[:, len(label) :].to_numpy(), rtol=1e-4, atol=1e-5)
    assert not label or label[0].tolist() == wanted.iloc[:, 0].tolist()
