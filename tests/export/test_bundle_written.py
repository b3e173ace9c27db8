"""A bundle comes back as it was written, holds no code, and is copied whole."""

import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy

from autoproc.calibration import tempered
from autoproc.data.drift import Seen
from autoproc.errors import BundleError
from autoproc.export.bundle import copy_bundle, export_bundle, load, write_card
from autoproc.export.card import CARD, FILES, FORMAT, NETWORK, PREPROCESSING, WEIGHTS
from autoproc.plan import Task
from tests.export import bundles

PICKLE = b"\x80\x04"


# What is written


@pytest.mark.parametrize("task", bundles.TASKS)
def test_a_bundle_predicts_what_the_trained_networks_predicted(task: Task, tmp_path: Path) -> None:
    made = bundles.make(task)
    export_bundle(tmp_path / "model", made.card, bundles.SCHEMA, made.final, bundles.rows(), made.predict)
    model = load(tmp_path / "model")
    matrix = bundles.SCHEMA.matrix(bundles.rows())
    np.testing.assert_array_equal(model.network(matrix), made.predict(matrix))
    assert model.schema == bundles.SCHEMA
    assert (model.task, list(model.targets)) == (task, made.card["targets"])
    assert (list(model.classes), model.threshold) == (made.card["classes"], made.card["threshold"])


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_bundle_predicts_at_its_temperature(task: Task, tmp_path: Path) -> None:
    plain, made = bundles.make(task), replace(bundles.make(task), temperature=2.5)
    export_bundle(tmp_path / "model", made.card, bundles.SCHEMA, made.final, bundles.rows(), made.predict)
    matrix = bundles.SCHEMA.matrix(bundles.rows())
    found = load(tmp_path / "model").network(matrix)
    np.testing.assert_array_equal(found, made.predict(matrix))
    np.testing.assert_allclose(found, tempered(plain.predict(matrix), 2.5), rtol=1e-6)


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
    assert card == {"format": FORMAT, **made.card}


def test_a_card_may_be_replaced_by_a_fuller_one(bundle: Path) -> None:
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    card = {**bundles.make("binary").card, "verdict": {"score": 0.5, "interval": [float("nan"), float("inf")]}}
    write_card(bundle, card)
    assert load(bundle).card == {"format": FORMAT, **card, "verdict": {"score": 0.5, "interval": [None, None]}}
    after = {path.name: path.read_bytes() for path in bundle.iterdir()}
    assert {name for name in after if after[name] != before.get(name)} == {CARD}


def test_a_model_that_predicts_something_else_gets_no_place(tmp_path: Path) -> None:
    made = bundles.make("regression")
    place = tmp_path / "model"
    with pytest.raises(RuntimeError, match="differs from the trained one"):
        export_bundle(
            place, made.card, bundles.SCHEMA, made.final, bundles.rows(),
            lambda matrix: made.predict(matrix) + 0.01,
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_was_cut_off_does_not_stand_in_the_way(tmp_path: Path) -> None:
    made = bundles.make("binary")
    unfinished = tmp_path / ".model.unfinished"
    unfinished.mkdir()
    (unfinished / CARD).write_text("{")
    export_bundle(tmp_path / "model", made.card, bundles.SCHEMA, made.final, bundles.rows(), made.predict)
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


# Further files


FURTHER = {"README.md": b"# A model\n", "more.json": b"{}\n"}


def test_further_files_are_listed_checked_and_copied(bundle: Path, tmp_path: Path) -> None:
    made = bundles.make("binary")
    folder = tmp_path / "whole"
    export_bundle(folder, made.card, bundles.SCHEMA, made.final, bundles.rows(), made.predict, FURTHER)
    copy_bundle(folder, tmp_path / "copy.zip")
    copy_bundle(tmp_path / "copy.zip", tmp_path / "copy")
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {*FILES, *FURTHER}
    assert load(tmp_path / "copy").card == load(bundle).card  # which lists nothing of it
    for name, content in FURTHER.items():
        (tmp_path / "copy" / name).write_bytes(content[::-1])
        (folder / name).unlink()
        for path, told in ((tmp_path / "copy", "has been changed"), (folder, "is missing")):
            with pytest.raises(BundleError, match=f"{name}.*{told}"):
                load(path)
        for path in (tmp_path / "copy", folder):
            (path / name).write_bytes(content)
            assert load(path).task == "binary"


def test_a_bundle_is_whole_at_each_moment_of_a_new_card(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card, moments = bundles.make("binary").card, []
    write_card(bundle, card, FURTHER)
    replace_file = os.replace

    def replace_and_load(path: Path, target: Path) -> None:
        replace_file(path, target)
        moments.append((target.name, load(bundle).card.get("story")))

    monkeypatch.setattr("autoproc.durable.os.replace", replace_and_load)
    write_card(bundle, {**card, "story": "told"}, {"README.md": b"# Another page\n"})
    assert moments == [(CARD, "told"), ("README.md", "told"), (CARD, "told")]
    assert (bundle / "README.md").read_bytes() == b"# Another page\n"
    assert json.loads((bundle / CARD).read_text())["files"].keys() == {*FILES, *FURTHER} - {CARD}


def test_a_new_card_vouches_for_no_damage(bundle: Path) -> None:
    content = bytearray((bundle / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (bundle / WEIGHTS).write_bytes(content)
    write_card(bundle, bundles.make("binary").card)
    with pytest.raises(BundleError, match=f"{WEIGHTS} has been changed"):
        load(bundle)
    (bundle / CARD).write_text("{}")
    with pytest.raises(BundleError, match=CARD):
        write_card(bundle, bundles.make("binary").card)


def test_one_model_makes_one_archive(bundle: Path, tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        copy_bundle(bundle, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


# What training saw


def test_what_training_saw_goes_along_and_is_checked(tmp_path: Path) -> None:
    seen = Seen.of(bundles.SCHEMA, bundles.SCHEMA.matrix(bundles.rows())).to_json()
    folder = bundles.make("binary", seen=seen).write(tmp_path / "model")
    assert load(folder).seen == Seen.from_json(seen, bundles.SCHEMA)
    seen["columns"][0]["n_missing"] = "few"
    write_card(folder, {**bundles.make("binary").card, "seen": seen})
    with pytest.raises(BundleError, match=r"card\.json: what training saw is damaged at columns\.0\.n_missing"):
        load(folder)
