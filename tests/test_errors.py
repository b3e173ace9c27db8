from pathlib import Path

import pytest

from autoproc.errors import (
    AutoprocError,
    BundleError,
    DataError,
    HomeError,
    NoSignalError,
    PlanError,
    did_you_mean,
    did_you_mean_file,
    nearest,
)


def test_every_error_is_an_autoproc_error():
    for error in (DataError, PlanError, HomeError, BundleError, NoSignalError):
        assert issubclass(error, AutoprocError)


def test_suggests_the_nearest_word_in_its_own_spelling():
    assert did_you_mean("steplr", ["none", "StepLR", "MultiStepLR"]) == " Did you mean 'StepLR'?"


def test_suggests_nothing_where_nothing_is_near():
    assert did_you_mean("xyz", ["rmse", "macro_f1"]) == ""
    assert did_you_mean("rmse", []) == ""


@pytest.mark.parametrize(
    ("word", "like"),
    [
        ("Machine Failure", "machine_failure"),
        ("machien_failure", "machine_failure"),
        ("bin", "binary"),
        ("colr", "colour"),
        ("agw", "age"),
        ("ensamble", "ensemble"),
        ("repeated-kfold", "repeated_k_fold"),
    ],
)
def test_what_may_be_a_misspelling_is_near(word: str, like: str) -> None:
    known = ["machine_failure", "binary", "colour", "age", "ensemble", "k_fold", "repeated_k_fold", "sensor_10"]
    assert nearest(word, known) == like


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("nofile", "machine_failure"),
        ("wage", "age"),
        ("height", "weight_kg"),
        ("sensor_10", "sensor_11"),
        ("2", "1"),
        ("petal_width", "air_temperature"),
        ("type", "type_of_the_product"),
        ("?", "!"),
        ("", "y"),
    ],
)
def test_what_is_another_word_is_not_near(word: str, other: str) -> None:
    assert nearest(word, [other]) is None and nearest(other, [word]) is None


def test_of_several_near_words_the_nearest_is_taken() -> None:
    assert nearest("trails", ["train", "trials", "trail_mix"]) == "trials"


def test_files_are_near_by_their_names_without_the_ending(tmp_path: Path) -> None:
    for name in ("table.csv", "table.json", "a.csv", "sales_2024.csv"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    assert did_you_mean_file(tmp_path / "tabel.csv") == f" Did you mean {str(tmp_path / 'table.csv')!r}?"
    assert did_you_mean_file(tmp_path / "tabel.json") == f" Did you mean {str(tmp_path / 'table.json')!r}?"
    assert did_you_mean_file(tmp_path / "table.parquet") != ""
    for other in ("b.csv", "nofile.csv", "sales_2025.csv", "foldr"):
        assert did_you_mean_file(tmp_path / other) == ""
    assert did_you_mean_file(tmp_path / "no folder" / "table.csv") == ""
