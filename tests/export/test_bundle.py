"""Whatever is no whole bundle is refused in one sentence, and nothing in it is run."""

import json
import shutil
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoproc.errors import BundleError
from autoproc.export.bundle import copy_bundle, load
from autoproc.export.card import CARD, FILES, FORMAT, NETWORK, PREPROCESSING, WEIGHTS
from tests.export import bundles
from tests.export.bundles import edit

PICKLE = b"\x80\x04"


def refused(path: Path) -> str:
    """What is said of a bundle that cannot be loaded: one paragraph that names the bundle."""
    with pytest.raises(BundleError) as caught:
        load(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text and len(text) < 600
    return text


# What is not a bundle


def test_a_path_without_a_model(tmp_path: Path) -> None:
    assert "There is no model" in refused(tmp_path / "nowhere")


def test_an_empty_folder(tmp_path: Path) -> None:
    text = refused(tmp_path)
    assert "is not a model" in text and f"but has no {CARD}" in text


@pytest.mark.parametrize("name", FILES)
def test_a_bundle_that_lacks_a_file(bundle: Path, tmp_path: Path, name: str) -> None:
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for other in FILES:
            if other != name:
                made.writestr(other, (bundle / other).read_bytes())
    (bundle / name).unlink()
    for path in (bundle, archive):
        assert f"{name}, which {CARD} lists, is missing" in refused(path) or name == CARD
        assert f"but has no {CARD}" in refused(path) or name != CARD


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


def test_an_onnx_file_is_told_from_what_is_no_model_at_all(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"onnx")
    assert "name the folder or .zip that it was made of" in refused(tmp_path / "model.onnx")


def test_an_archive_may_be_called_in_capitals(bundle: Path, tmp_path: Path) -> None:
    copy_bundle(bundle, tmp_path / "MODEL.ZIP")
    assert zipfile.is_zipfile(tmp_path / "MODEL.ZIP") and load(tmp_path / "MODEL.ZIP").task == "binary"


@pytest.mark.parametrize("name", [CARD, PREPROCESSING, NETWORK])
@pytest.mark.parametrize("content", ["", "{", "[1]", "null", '"text"', "[" * 100_000, "1" * 5_000])
def test_json_that_is_damaged(bundle: Path, name: str, content: str) -> None:
    (bundle / name).write_text(content, encoding="utf-8")
    if name != CARD:
        bundles.seal(bundle)
    text = refused(bundle)
    assert "is damaged" in text and name in text


def test_bytes_that_are_no_text(bundle: Path) -> None:
    (bundle / CARD).write_bytes(b"\xff\xfe{")
    assert CARD in refused(bundle)


_CARDS: dict[str, tuple[dict[str, Any], str]] = {
    "an older format": ({"format": 4}, "format is 4, which no released autoproc wrote; formats are read from 5 on"),
    "a newer format": (
        {"format": FORMAT + 1},
        f"format is {FORMAT + 1}, and autoproc {version('autoproc')} reads formats up to",
    ),
    "no format": ({"format": None}, "must give the format as a number, but has None"),
    "a format that is no number": ({"format": True}, "must give the format as a number, but has True"),
    "an unknown task": ({"task": "ranking"}, "unknown task 'ranking'"),
    "a task of another type": ({"task": ["binary"]}, "unknown task"),
    "too many classes": ({"classes": ["a", "b", "c"]}, "do not fit the task binary"),
    "one class": ({"classes": ["a"]}, "do not fit the task binary"),
    "the same class twice": ({"classes": ["a", "a"]}, "two columns of one name"),
    "classes of another type": ({"classes": [0, 1]}, "'classes'"),
    "no target": ({"targets": []}, "do not fit the task binary"),
    "two targets": ({"targets": ["a", "b"]}, "do not fit the task binary"),
    "classes of values": ({"task": "regression", "threshold": None}, "do not fit the task regression"),
    "a threshold that is no number": ({"threshold": "high"}, "threshold 'high'"),
    "a threshold of another type": ({"threshold": 1}, "threshold 1,"),
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


@pytest.mark.parametrize("temperature", [None, 0.0, -1.0, "2", True, 1])
def test_a_temperature_that_is_none(bundle: Path, temperature: object) -> None:
    edit(bundle / NETWORK, temperature=temperature)
    assert f"{NETWORK} must give a temperature above 0" in refused(bundle)


@pytest.mark.parametrize("pieces", [None, -1, 2.0, True, 10**9])
def test_pieces_that_are_no_count(bundle: Path, pieces: object) -> None:
    edit(bundle / NETWORK, pieces=pieces)
    assert f"{NETWORK} must give pieces as a count or 0" in refused(bundle)


def test_values_have_no_temperature(tmp_path: Path) -> None:
    folder = bundles.make("regression").write(tmp_path / "model")
    edit(folder / NETWORK, temperature=2.0)
    assert "only classes have another than 1" in refused(folder)


@pytest.mark.parametrize(
    "shape", [{"depth": 3}, {"depth": 1}, {"depth": 50_000}, {"width": 4}, {"members": 1}, {"pieces": 2}]
)
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
    bundles.replace(bundle, {WEIGHTS: whole[:length]})
    assert WEIGHTS in refused(bundle)


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
    bundles.replace(bundle, {WEIGHTS: safetensors.numpy.save(weights)})
    text = refused(bundle)
    assert WEIGHTS in text and ("other" if kind == "one more" else "output.bias") in text


@pytest.mark.parametrize("name", ["target.center", "target.spread"])
def test_statistics_of_targets_must_be_float64(bundle: Path, name: str) -> None:
    weights = bundles.make("binary").weights
    weights[name] = weights[name].astype(np.float32)
    bundles.replace(bundle, {WEIGHTS: safetensors.numpy.save(weights)})
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
