"""Runs are told seed by seed, and recorded figures stand in for those that are missing only."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.peers.picture import Point, draw, on_set, over_all
from benchmarks.peers.registry import CONTENDERS
from benchmarks.peers.results import METRICS, Results, read_recorded
from benchmarks.peers.summary import summary


def line(
    contender: str, seed: int = 0, seconds: float | None = 120.0, of: str = "titanic", **end: Any
) -> dict[str, Any]:
    return {"set": of, "contender": contender, "seconds": seconds, "seed": seed, "wall": 10.0, "cpu": 15.0, **end}


def auc(value: float) -> dict[str, Any]:
    return {"scores": {"roc_auc": value, "average_precision": value / 2}}


RECORDED = pd.DataFrame(
    [
        ("titanic", "dummy", np.nan, "roc_auc", "0.5"),
        ("titanic", "naive", 120, "roc_auc", "0.7"),
        ("energy", "naive", 120, "rmse", "2.0"),
        ("titanic", "ag_nn", 120, "roc_auc", "cannot"),
        ("all", "naive", 120, "median_wall", "127"),
    ],
    columns=["set", "contender", "seconds", "metric", "value"],
)


def table(*lines: dict[str, Any], recorded: pd.DataFrame = RECORDED, seconds: float = 120) -> dict[str, dict[str, str]]:
    """The cells of the summary, by its first two columns and by contender."""
    rows = [text.strip("| ").split(" | ") for text in summary(Results.of(lines, recorded), seconds) if "|" in text]
    head, _, *body = rows
    return {" ".join(cells[:2]).strip(): dict(zip(head[2:], cells[2:], strict=True)) for cells in body}


def test_scores_are_means_over_seeds_and_the_best_is_bold() -> None:
    told = table(line("autoproc", **auc(0.8)), line("autoproc", 1, **auc(0.9)), line("hgb", seconds=None, **auc(0.7)))
    assert told["titanic roc auc"]["autoproc"] == "**0.8500 ± 0.0707**"
    assert told["titanic roc auc"]["hgb"] == "0.7000"
    assert told["titanic average precision"]["autoproc"] == "**0.4250 ± 0.0354**"
    assert told["mean normalised score"]["hgb"] == f"{(0.7 - 0.5) / (0.85 - 0.5):.3f}"
    assert told["wall seconds, median"]["autoproc"] == "10"
    assert told["CPU seconds, median"]["autoproc"] == "15"


def test_a_recorded_figure_is_marked_and_gives_way_to_a_run() -> None:
    told = table(line("autoproc", **auc(0.8)))
    assert told["titanic roc auc"]["naive"] == "0.7000†"
    assert told["titanic average precision"]["naive"] == "-"
    assert told["titanic roc auc"]["ag_nn"] == "cannot†"
    assert told["wall seconds, median"]["naive"] == "127†"
    assert told["mean rank"] == {"dummy": "3.00", "autoproc": "1.00", "naive": "2.00", "ag_nn": "4.00"}
    told = table(line("autoproc", **auc(0.8)), line("naive", **auc(0.6)))
    assert told["titanic roc auc"]["naive"] == "0.6000"
    assert told["wall seconds, median"]["naive"] == "10"


def test_recorded_figures_are_of_their_own_budget_and_of_sets_that_were_run() -> None:
    told = table(line("autoproc", seconds=30.0, **auc(0.8)), seconds=30)
    assert set(told["titanic roc auc"]) == {"dummy", "autoproc"}
    assert not any(name.startswith("energy") for name in told)


def test_failures_are_told_beside_the_seeds_that_have_a_score() -> None:
    told = table(line("autoproc", **auc(0.8)), line("autoproc", 1, failed="out of memory"), line("naive", failed="no"))
    assert told["titanic roc auc"]["autoproc"] == "**0.8000** (1 of 2 failed)"
    assert told["titanic roc auc"]["naive"] == "failed"
    assert told["mean normalised score"]["naive"] == "0.000"


def test_lower_errors_are_better() -> None:
    lines = [line(name, of="energy", scores={"rmse": value}) for name, value in (("autoproc", 1.0), ("flaml", 3.0))]
    told = table(*lines)
    assert told["energy rmse (lower is better)"]["autoproc"] == "**1.0000**"
    assert told["mean rank"] == {"autoproc": "1.00", "naive": "2.00", "flaml": "3.00"}


def test_what_is_recorded_is_of_known_contenders_and_metrics() -> None:
    recorded = read_recorded()
    assert set(recorded["contender"]) <= set(CONTENDERS)
    assert set(recorded["metric"]) <= {*METRICS, "median_wall"}
    assert all(np.isnan(row.seconds) != CONTENDERS[row.contender].timed for row in recorded.itertuples())
    energy = recorded[(recorded["set"] == "energy_efficiency") & (recorded["contender"] == "realmlp_td")]
    assert energy["value"].astype(float).tolist() == pytest.approx([1.1614])


def test_a_point_stands_at_its_measured_seconds_and_in_the_mean_only_if_all_sets_were_run() -> None:
    slow = {**line("autoproc", 1, **auc(0.9)), "wall": 30.0}
    lines = [line("autoproc", **auc(0.8)), slow, line("autoproc", of="energy", scores={"rmse": 1.0})]
    results = Results.of([*lines, line("hgb", seconds=None, **auc(0.7))], RECORDED)
    assert sorted(on_set(results, "titanic", "roc_auc")) == [
        Point("autoproc", 20.0, pytest.approx(0.85), False),
        Point("hgb", 10.0, 0.7, False),
        Point("naive", 127.0, 0.7, True),
    ]
    assert [point.contender for point in over_all(results)] == ["autoproc", "naive"]
    assert next((point.contender, point.value) for point in on_set(results, "energy", "rmse")) == ("autoproc", 1.0)


def test_the_picture_names_each_set(tmp_path: Path) -> None:
    draw(Results.of([line("autoproc", **auc(0.8))], RECORDED), tmp_path / "seconds.svg")
    text = (tmp_path / "seconds.svg").read_text()
    assert "titanic: roc auc" in text and "mean normalised score" in text and "ag_nn" not in text
