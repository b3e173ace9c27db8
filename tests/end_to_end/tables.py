"""Small tables with something to learn in them, and a plan that is done with them in seconds."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

N_ROWS = 240
TARGETS: dict[str, tuple[str, ...]] = {
    "binary": ("failed",),
    "multiclass": ("grade",),
    "regression": ("price",),
    "vector_regression": ("heat", "cold"),
}
FEATURES = ("size", "load", "colour", "town", "sold")
SMALL: dict[str, Any] = {
    "trials": 5,
    "time_limit": None,
    "device": "cpu",
    "protocol": {"kind": "k_fold", "folds": 3},
    "train": {"max_epochs": 8, "patience": 4},
    "baseline": {"max_epochs": 20, "learning_rates": [0.01, 0.03]},
    "growth": {"rungs": [[1, 4], [1, 8]], "max_epochs": 8, "patience": 5, "learning_rate_factors": [1.0, 0.3]},
}


def table(task: str = "binary", n_rows: int = N_ROWS, seed: int = 0) -> pd.DataFrame:
    """Numbers, few and many categories and dates, with missing cells; the targets follow from three of them."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": random.normal(size=n_rows).round(4),
            "load": random.normal(100, 15, n_rows).round(2),
            "colour": random.choice(["red", "green", "blue"], n_rows),
            "town": random.choice([f"town {i}" for i in range(12)], n_rows),
            "sold": pd.date_range("2020-01-01", periods=n_rows, freq="17h").strftime("%Y-%m-%d %H:%M"),
        }
    )
    signal = 2 * frame["size"] + (frame["load"] - 100) / 15 + 1.5 * (frame["colour"] == "red")
    signal += 0.3 * random.normal(size=n_rows)
    holes = random.random((n_rows, 2)) < 0.08
    frame[["size", "colour"]] = frame[["size", "colour"]].mask(holes)
    return frame.assign(**_targets(task, signal.to_numpy()))


def _targets(task: str, signal: np.ndarray) -> dict[str, np.ndarray]:
    if task == "binary":  # rare enough for a threshold of its own
        return {"failed": np.where(signal > np.quantile(signal, 0.85), "yes", "no")}
    if task == "multiclass":
        return {"grade": np.digitize(signal, np.quantile(signal, [0.33, 0.67]))}
    if task == "regression":
        return {"price": (300 + 40 * signal).round(2)}
    return {"heat": (20 + 3 * signal).round(3), "cold": (signal**2 / 100).round(5)}


def noise(n_rows: int = 120) -> pd.DataFrame:
    """A table whose target has nothing to do with the rest."""
    random = np.random.default_rng(7)
    return pd.DataFrame({"a": random.normal(size=n_rows), "b": random.normal(size=n_rows), "y": random.random(n_rows)})


def write(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_csv(path, index=False)
    return path


def write_plan(folder: Path, **changes: Any) -> Path:
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump({**SMALL, **changes}), encoding="utf-8")
    return path
