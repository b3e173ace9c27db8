"""Small models made by hand: a schema with a column of every kind, and random weights."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoproc.calibration import with_temperature
from autoproc.data.encoders import BooleanColumn, CategoryColumn, DateColumn, NumberColumn
from autoproc.data.vectorize import Schema
from autoproc.export.bundle import write_bundle
from autoproc.export.card import CARD, list_files, sealed_card
from autoproc.network.arrays import TARGET_STATISTICS, expected_shapes
from autoproc.network.averaging import SHARE, equal_shares
from autoproc.network.predictor import Predictor
from autoproc.outcomes import FinalNetworks
from autoproc.plan import Task
from autoproc.spec import NetworkSpec

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression", "vector_regression")
NETWORK = NetworkSpec(2, 3)
N_MEMBERS = 2
N_PIECES = 3
SEED = 2  # one at which every class is predicted for some rows, whatever the threshold
SCHEMA = Schema(
    (
        NumberColumn("size", indicator=True),
        BooleanColumn("new", indicator=False),
        CategoryColumn("colour", ("red", "green")),
        CategoryColumn("town", tuple("abcdefghij")),
        DateColumn("sold", "ISO8601", ("year", "week"), indicator=True),
    )
)
_CLASSES: dict[Task, list[str]] = {"binary": ["no", "yes"], "multiclass": ["a", "b", "c"]}
_TARGETS: dict[Task, list[str]] = {"vector_regression": ["heat", "cold"]}


@dataclass(frozen=True)
class Made:
    """What `write_bundle` takes."""

    card: dict[str, Any]
    weights: dict[str, NDArray[np.floating]]
    temperature: float = 1.0

    @property
    def final(self) -> FinalNetworks:
        return FinalNetworks("folds", NETWORK, self.weights, (), (), self.temperature)

    def write(self, folder: Path) -> Path:
        write_bundle(folder, self.card, SCHEMA, self.final)
        return folder

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[np.floating]:
        average = Predictor(self.card["task"], SCHEMA.layout, self.weights).mean
        return with_temperature(average, self.temperature)(matrix)


def make(task: Task, **card: object) -> Made:
    """A model of the task; `card` replaces entries of its card."""
    classes, targets = _CLASSES.get(task, []), _TARGETS.get(task, ["y"])
    threshold = 0.5 if task == "binary" else None
    filled = {"task": task, "targets": targets, "classes": classes, "threshold": threshold, **card}
    n_outputs = len(filled["classes"]) if task == "multiclass" else len(filled["targets"])
    random = np.random.default_rng(SEED)
    shapes = expected_shapes(NETWORK, SCHEMA.layout, task, n_outputs, N_MEMBERS, N_PIECES)
    weights: dict[str, NDArray[np.floating]] = {
        name: random.normal(size=shape).astype(np.float64 if name in TARGET_STATISTICS else np.float32)
        for name, shape in shapes.items()
    }
    weights["output.bias"][:] = 0
    weights[SHARE] = equal_shares(N_MEMBERS)
    weights["input.spread"] = np.abs(weights["input.spread"]) + 1
    weights["input.edges"].sort(axis=1)
    return Made(filled, weights)


def edit(path: Path, **changes: Any) -> None:
    """Change entries of a JSON file of a bundle, and make its card vouch for that."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    seal(path.parent)


def seal(folder: Path) -> None:
    """Make a bundle's card vouch for its files as they are, as somebody does who means harm."""
    card = json.loads((folder / CARD).read_text())
    contents = {name: (folder / name).read_bytes() for name in card["files"]}
    (folder / CARD).write_bytes(sealed_card(card, list_files(contents)))


def replace(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Replace files of a bundle, and make its card vouch for them."""
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    seal(folder)


def rows(n_rows: int = 20) -> pd.DataFrame:
    """Rows that fit the schema, with missing cells and categories that it does not know."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "size": random.normal(size=n_rows),
            "new": random.choice(["yes", "no"], n_rows),
            "colour": random.choice(["red", "green", "pink"], n_rows),
            "town": random.choice(list("abcxyz"), n_rows),
            "sold": pd.date_range("2020-01-01", periods=n_rows, freq="9D").astype("str"),
        }
    )
    return frame.mask(random.random(frame.shape) < 0.15)
