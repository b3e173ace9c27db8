"""A bundle comes back as it was written, holds no code, and whatever else is loaded is refused in one sentence."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoproc.errors import BundleError
from autoproc.export.bundle import (
    CARD,
    FILES,
    NETWORK,
    PREPROCESSING,
    WEIGHTS,
    copy_bundle,
    export_bundle,
    load,
    write_card,
)
from autoproc.plan import Task
from tests.export import bundles

PICKLE = b"\x80\x04"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return bundles.make("binary").write(tmp_path / "model")


def refused(path: Path) -> str:
    """What is said of a bundle that cannot be loaded: one paragraph that names the bundle."""
    with pytest.raises(BundleError) as caught:
        load(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text and len(text) < 600
    return text


def edit(path: Path, **changes: Any) -> None:
    """Change entries of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


# What is written


@pytest.mark.parametrize("task", bundles.TASKS)
def test_a_bundle_predicts_what_the_trained_networks_predicted(task: Task, tmp_path: Path) -> None:
    made = bundles.make(task)
    export_bundle(
        tmp_path / "model", made.card, bundles.SCHEMA, bundles.NETWORK, made.weights, bundles.rows(), made.predict
    )
    model = load(tmp_path / "model")
    matrix = bundles.SCHEMA.matrix(bundles.rows())
    np.testing.assert_array_equal(model.network(matrix), made.predict(matrix))
    assert model.schema == bundles.SCHEMA
    assert (model.task, list(model.targets)) == (task, made.card["targets"])
    assert (list(model.classes), model.threshold) == (made.card["classes"], made.card["threshold"])


def test_a_bundle_is_four_files_and_none_of_them_is_a_pickle(bundle: Path) -> None:
    assert sorted(path.name for path in bundle.iterdir()) == sorted(FILES)
    for name in (CARD, PREPROCESSING, NETWORK):
        assert isinstance(json.loads((bundle / name).read_text(encoding="utf-8")), dict)
    weights = (bundle / WEIGHTS).read_bytes()
    assert safetensors.numpy.load(weights).keys() == bundles.make("binary").weights.keys()
    assert not any((bundle / name).read_bytes().startswith(PICKLE) for name in FILES)


def test_the_same_model_is_written_byte_for_byte_alike(tmp_path: Path) -> None:
    first, second = (bundles.make("multiclass").write(tmp_path / name) for name in ("a", "b"))
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in FILES)


def test_the_card_keeps_what_else_people_should_know(tmp_path: Path) -> None:
    made = bundles.make("binary", story="größer", scores=[0.5])
    card = load(made.write(tmp_path / "model")).card
    assert card == {"format": 1, **made.card}


def test_a_card_may_be_replaced_by_a_fuller_one(bundle: Path) -> None:
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    card = {**bundles.make("binary").card, "verdict": {"score": 0.5, "interval": [float("nan"), float("inf")]}}
    write_card(bundle, card)
    assert load(bundle).card == {"format": 1, **card, "verdict": {"score": 0.5, "interval": [None, None]}}
    after = {path.name: path.read_bytes() for path in bundle.iterdir()}
    assert {name for name in after if after[name] != before.get(name)} == {CARD}


def test_a_model_that_predicts_something_else_gets_no_place(tmp_path: Path) -> None:
    made = bundles.make("regression")
    place = tmp_path / "model"
    with pytest.raises(RuntimeError, match="differs from the trained one"):
        export_bundle(
            place, made.card, bundles.SCHEMA, bundles.NETWORK, made.weights, bundles.rows(),
            lambda matrix: made.predict(matrix) + 0.01,
        )  # fmt: skip
    assert not place.exists()


def test_an_export_that_was_cut_off_does_not_stand_in_the_way(tmp_path: Path) -> None:
    made = bundles.make("binary")
    unfinished = tmp_path / ".model.unfinished"
    unfinished.mkdir()
    (unfinished / CARD).write_text("{")
    export_bundle(
        tmp_path / "model", made.card, bundles.SCHEMA, bundles.NETWORK, made.weights, bundles.rows(), made.predict
    )
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


# Copies


@pytest.mark.parametrize("names", [("copy",), ("copy.zip",), ("one.zip", "copy"), ("one", "copy.zip")])
def test_a_copy_is_the_same_model(bundle: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    source = bundle
    for name in names:
        copy_bundle(source, tmp_path / name)
        source = tmp_path / name
    assert source.is_file() == (source.suffix == ".zip")
    pd.testing.assert_frame_equal(load(source).predict(bundles.rows()), load(bundle).predict(bundles.rows()))
    if source.is_dir():
        assert all((source / name).read_bytes() == (bundle / name).read_bytes() for name in FILES)
        assert len(list(source.iterdir())) == len(FILES)
    else:
        with zipfile.ZipFile(source) as archive:
            assert sorted(archive.namelist()) == sorted(FILES)


def test_what_is_no_whole_bundle_is_not_copied(bundle: Path, tmp_path: Path) -> None:
    (bundle / WEIGHTS).unlink()
    for name in ("copy", "copy.zip"):
        with pytest.raises(BundleError, match=WEIGHTS):
            copy_bundle(bundle, tmp_path / name)
        assert not (tmp_path / name).exists()


def test_further_files_beside_a_bundle_are_neither_read_nor_copied(bundle: Path, tmp_path: Path) -> None:
    (bundle / "notes.txt").write_text("mine")
    copy_bundle(bundle, tmp_path / "copy")
    assert not (tmp_path / "copy" / "notes.txt").exists()


# What is not a bundle


def test_a_path_without_a_model(tmp_path: Path) -> None:
    assert "There is no model" in refused(tmp_path / "nowhere")


def test_an_empty_folder(tmp_path: Path) -> None:
    text = refused(tmp_path)
    assert "is not a model" in text and f"{CARD}: No such file" in text


@pytest.mark.parametrize("name", FILES)
def test_a_bundle_that_lacks_a_file(bundle: Path, tmp_path: Path, name: str) -> None:
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for other in FILES:
            if other != name:
                made.writestr(other, (bundle / other).read_bytes())
    (bundle / name).unlink()
    assert f"there is: {name}: No such file" in refused(bundle)
    assert name in refused(archive).partition("there is:")[2]


@pytest.mark.parametrize("content", [b"", b"just words", PICKLE + b"\x95", b"PK\x03\x04 and so on"])
def test_a_file_that_is_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    assert "is not a model" in refused(path)


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "is not a model" in refused(path)


@pytest.mark.parametrize("name", [CARD, PREPROCESSING, NETWORK])
@pytest.mark.parametrize("content", ["", "{", "[1]", "null", '"text"', "[" * 100_000, "1" * 5_000])
def test_json_that_is_damaged(bundle: Path, name: str, content: str) -> None:
    (bundle / name).write_text(content, encoding="utf-8")
    text = refused(bundle)
    assert "is damaged" in text and name in text


def test_bytes_that_are_no_text(bundle: Path) -> None:
    (bundle / CARD).write_bytes(b"\xff\xfe{")
    assert CARD in refused(bundle)


_CARDS: dict[str, tuple[dict[str, Any], str]] = {
    "another format": ({"format": 2}, "format is 2, but this autoproc reads format 1"),
    "no format": ({"format": None}, "format is None"),
    "an unknown task": ({"task": "ranking"}, "unknown task 'ranking'"),
    "a task of another type": ({"task": ["binary"]}, "unknown task"),
    "too many classes": ({"classes": ["a", "b", "c"]}, "do not fit the task binary"),
    "one class": ({"classes": ["a"]}, "do not fit the task binary"),
    "the same class twice": ({"classes": ["a", "a"]}, "do not fit the task binary"),
    "classes of another type": ({"classes": [0, 1]}, "'classes'"),
    "no target": ({"targets": []}, "do not fit the task binary"),
    "two targets": ({"targets": ["a", "b"]}, "do not fit the task binary"),
    "classes of values": ({"task": "regression", "threshold": None}, "do not fit the task regression"),
    "a threshold that is no number": ({"threshold": "high"}, "threshold 'high'"),
    "a threshold that is none": ({"threshold": float("nan")}, "threshold nan"),
    "a threshold out of range": ({"threshold": 1.5}, "threshold 1.5"),
    "a threshold of many classes": ({"task": "multiclass"}, "threshold 0.5"),
}


@pytest.mark.parametrize("damage", _CARDS)
def test_a_card_that_contradicts_itself(bundle: Path, damage: str) -> None:
    changes, message = _CARDS[damage]
    edit(bundle / CARD, **changes)
    assert message in refused(bundle)


@pytest.mark.parametrize(
    "shape", [{"depth": 0}, {"width": "3"}, {"members": None}, {"depth": 10**9}, {"width": 2.0}, {"members": True}]
)
def test_a_network_without_a_shape(bundle: Path, shape: dict[str, Any]) -> None:
    edit(bundle / NETWORK, **shape)
    assert f"{NETWORK} must give depth, width and members as counts" in refused(bundle)


@pytest.mark.parametrize("shape", [{"depth": 3}, {"depth": 1}, {"depth": 50_000}, {"width": 4}, {"members": 1}])
def test_weights_of_another_network(bundle: Path, shape: dict[str, Any]) -> None:
    edit(bundle / NETWORK, **shape)
    assert WEIGHTS in refused(bundle)


def test_a_schema_that_is_damaged(bundle: Path) -> None:
    edit(bundle / PREPROCESSING, encoders=[{"kind": "image", "name": "x"}])
    text = refused(bundle)
    assert PREPROCESSING in text and "encoders.0" in text
    assert text.count("xport it again") + text.count("xport the model again") == 1


@pytest.mark.parametrize("length", [0, 4, 7, 100, -1])
def test_weights_that_are_cut_off(bundle: Path, length: int) -> None:
    whole = (bundle / WEIGHTS).read_bytes()
    (bundle / WEIGHTS).write_bytes(whole[:length])
    assert f"{WEIGHTS} cannot be read" in refused(bundle)


@pytest.mark.parametrize("kind", ["another shape", "another type", "NaN", "infinite", "missing", "one more"])
def test_weights_that_do_not_fit(bundle: Path, kind: str) -> None:
    weights = bundles.make("binary").weights
    array = weights["output.bias"]
    damaged = {
        "another shape": array[:, :0],
        "another type": array.astype(np.float64),
        "NaN": np.full_like(array, np.nan),
        "infinite": np.full_like(array, np.inf),
    }
    weights["other" if kind == "one more" else "output.bias"] = damaged.get(kind, array)
    if kind == "missing":
        del weights["output.bias"]
    (bundle / WEIGHTS).write_bytes(safetensors.numpy.save(weights))
    text = refused(bundle)
    assert WEIGHTS in text and ("other" if kind == "one more" else "output.bias") in text


@pytest.mark.parametrize("name", ["target.center", "target.spread"])
def test_statistics_of_targets_must_be_float64(bundle: Path, name: str) -> None:
    weights = bundles.make("binary").weights
    weights[name] = weights[name].astype(np.float32)
    (bundle / WEIGHTS).write_bytes(safetensors.numpy.save(weights))
    assert f"{name!r} of {WEIGHTS} must hold finite float64 numbers" in refused(bundle)


def test_a_bundle_of_another_schema(bundle: Path, tmp_path: Path) -> None:
    edit(bundle / PREPROCESSING, encoders=json.loads((bundle / PREPROCESSING).read_text())["encoders"][:2])
    assert WEIGHTS in refused(bundle)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_zip_with_damaged_bytes_is_refused_or_still_the_same_model(bundle: Path, data: st.DataObject) -> None:
    archive = bundle.parent / "model.zip"
    archive.unlink(missing_ok=True)
    copy_bundle(bundle, archive)
    content = bytearray(archive.read_bytes())
    places = st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=4)):
        content[place] ^= data.draw(st.integers(1, 255))
    archive.write_bytes(content[: data.draw(st.none() | places)])
    try:
        model = load(archive)
    except BundleError:
        return
    assert model.task == "binary"
    assert len(model.predict(bundles.rows())) == 20


def test_a_zip_with_a_password(bundle: Path, tmp_path: Path) -> None:
    archive = tmp_path / "model.zip"
    copy_bundle(bundle, archive)
    content = bytearray(archive.read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.find(signature)
        while start >= 0:
            content[start + place] |= 1  # "this entry is encrypted"
            start = content.find(signature, start + 4)
    archive.write_bytes(content)
    assert "is not a model" in refused(archive)


def test_a_folder_in_the_place_of_a_file(bundle: Path) -> None:
    (bundle / CARD).unlink()
    shutil.copytree(bundle, bundle / CARD)
    assert CARD in refused(bundle)
