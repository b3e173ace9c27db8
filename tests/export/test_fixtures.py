"""Bundles of every released format load for ever, and predict what they did when they were made."""

import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from autoproc.data.table import read_table
from autoproc.errors import PlanError
from autoproc.export.bundle import load
from autoproc.export.card import FORMAT
from tests.export import bundles
from tests.export.fixtures import make

FORMATS = sorted(make.HERE.glob("format-*"))
TOLERANCE = 1e-4  # other processors add up in another order

EACH = [pytest.param(folder, task, id=f"{folder.name}-{task}") for folder in FORMATS for task in bundles.TASKS]


def test_every_format_up_to_the_one_that_is_written_has_its_fixtures() -> None:
    assert [folder.name for folder in FORMATS] == [f"format-{number}" for number in range(5, FORMAT + 1)]


@pytest.mark.parametrize(("folder", "task"), EACH)
def test_a_bundle_of_an_earlier_version_predicts_what_it_did(folder: Path, task: str, tmp_path: Path) -> None:
    rows, wanted = read_table(folder / make.ROWS).frame, pd.read_csv(folder / f"{task}.csv")
    with zipfile.ZipFile(folder / f"{task}.zip") as archive:
        archive.extractall(tmp_path / "model")
    for path in (folder / f"{task}.zip", tmp_path / "model"):
        model = load(path)
        assert model.task == task
        pd.testing.assert_frame_equal(model.predict(rows), wanted, rtol=TOLERANCE, atol=TOLERANCE)


def test_fixtures_tell_rows_and_classes_apart() -> None:
    for folder in FORMATS:
        for task in bundles.TASKS:
            predicted = pd.read_csv(folder / f"{task}.csv")
            assert len(predicted.drop_duplicates()) == len(predicted)
        assert pd.read_csv(folder / "multiclass.csv")["y"].nunique() == 3


def test_fixtures_are_never_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(FORMATS[-1], tmp_path / FORMATS[-1].name)
    monkeypatch.setattr(make, "HERE", tmp_path)
    with pytest.raises(PlanError, match="there already"):
        make.main()
