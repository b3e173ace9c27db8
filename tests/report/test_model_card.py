"""The model card tells what the bundle's card does, and nothing in it becomes markup or YAML of its own."""

import copy
from typing import Any

import numpy as np
import pytest
import yaml

from autoproc.data.drift import Seen
from autoproc.data.encoders import CategoryColumn, DateColumn, NumberColumn
from autoproc.data.vectorize import Schema
from autoproc.report.model_card import model_card

HOSTILE = "a|b\n---\n# <img src=x onerror=alert(1)> [x](javascript:alert(1)) `c` **d** {{7*7}} 'q\" : - &amp; \x1b[31m"


def schema(name: str = "town") -> Schema:
    return Schema(
        (
            NumberColumn("size", indicator=True),
            CategoryColumn(name, (name, "b")),
            DateColumn("sold", "ISO8601", (), indicator=False),
        )
    )


def card(text: str | None = None, **changes: Any) -> dict[str, Any]:
    """The card of a binary model; `text` stands wherever the data have a say."""
    said = text or "word"
    estimate = {"score": 0.9, "interval": [0.85, 0.95]}
    matrix = np.array([[1.5, 2, 7300], [np.nan, 3, 7301]], dtype=np.float32)
    made = {
        "task": "binary",
        "targets": [said],
        "classes": ["no", said],
        "threshold": 0.25,
        "final": "ensemble",
        "data": {"name": said, "fingerprint": "f7859e7c9b4322602dd0"},
        "metric": {"name": "roc_auc", "direction": "maximize", "reason": said},
        "protocol": {"reason": said, "n_development": 8_000, "n_holdout": 2_000},
        "winner": {"score": 0.8, "standard_error": 0.01, "fresh": None},
        "decision": {
            "calibration": {"used": True, "temperature": 1.5},
            "threshold": {"value": 0.25, "reason": said, "costs": None},
        },
        "versions": {"autoproc": "0.1.0"},
        "splits": {"group": None, "time": None},
        "seen": Seen.of(schema(), matrix).to_json(),
        "run_id": "5a15216eb2c4",
        "trained_on": "development rows",
        "verdict": {
            "metric": "roc_auc",
            **estimate,
            "cross_validated": 0.91,
            "cross_validated_standard_error": 0.01,
            "fresh": {"score": 0.88, "standard_error": 0.02},
            "single": {"networks": "fold networks", **estimate},
            "optimism": {"score": 0.02, "interval": [-0.01, 0.05]},
            "dummy": 0.5,
            "n_rows": 2_000,
            "beside": {"f1": {"score": 0.7, "interval": [0.6, 0.8]}},
            "resamples": {"unit": "rows", "n_units": 2_000, "left_out": 0.0},
            "references": [
                {"name": "logistic regression", "score": 0.8, "interval": [0.7, 0.85],
                 "network_better_by": {"score": 0.1, "interval": [0.05, 0.15]}},
                {"name": "boosted trees", "score": 0.95, "interval": [0.9, 0.97],
                 "network_better_by": {"score": -0.05, "interval": [-0.08, -0.02]}},
            ],
            "receipt": {"opened_at": "2026-01-01T10:00:00+00:00", "opening": 1, "reason": None},
        },
    }  # fmt: skip
    return {**made, **changes}


def parts(text: str) -> tuple[dict[str, Any], str]:
    """Front matter and page."""
    start, front, page = text.split("---\n", 2)
    assert start == ""
    return yaml.safe_load(front), page


def test_the_front_matter_has_the_scores_for_model_hubs() -> None:
    front, _ = parts(model_card(card(), schema()))
    assert front["library_name"] == "autoproc"
    assert front["pipeline_tag"] == "tabular-classification"
    assert "tabular-classification" in front["tags"]
    assert front["metrics"] == ["roc_auc", "f1"]
    [model] = front["model-index"]
    [result] = model["results"]
    assert model["name"] == "word of word"
    assert result["task"]["type"] == "tabular-classification"
    assert result["dataset"] == {"type": "tabular", "name": "word", "split": "holdout"}
    assert [(metric["type"], metric["value"]) for metric in result["metrics"]] == [("roc_auc", 0.9), ("f1", 0.7)]


def test_the_page_tells_scores_optimism_rivals_limits_and_columns() -> None:
    _, page = parts(model_card(card(), schema()))
    for told in (
        "| **this model, on the holdout** | **0.900 (95 %: 0.850 to 0.950)** |",
        "| boosted trees, on the holdout | 0.950 (95 %: 0.900 to 0.970) |",
        "| the winning configuration, cross-validated (the search chose by it) | 0.910 ± 0.010 |",
        "its networks did better on their folds than on the holdout, within noise: by 0.0200 (95 %: -0.0100 to 0.0500)",
        "- logistic regression: the network is better by 0.100 (95 %: 0.0500 to 0.150)",
        "- boosted trees: it is better by 0.0500 (95 %: 0.0200 to 0.0800); the network is not the best choice",
        "8,000 rows for development, 2,000 sealed",
        "Rows were not split by time",
        "Rows were not split by group",
        "The label is word from a probability of 0.25 on.",
        "| size | numbers | 1.5 to 1.5; 98 % from 1.5 to 1.5 | 50 % |",
        "| sold | dates | 2019-12-27 to 2019-12-28; 98 % from 2019-12-27 to 2019-12-28 | 0 % |",
        'autoproc.load("model")',
        "mlflow.pyfunc.load_model",
        "autoproc export 5a15216e model.onnx",
    ):
        assert told in page, told
    assert "Re-use" not in page


def test_a_re_use_groups_and_time_are_limits() -> None:
    made = card(splits={"group": "person", "time": "day"})
    made["verdict"]["receipt"] |= {"opening": 3, "reason": "again"}
    made["verdict"]["resamples"] = {"unit": "groups", "n_units": 7, "left_out": 0.0}
    _, page = parts(model_card(made, schema()))
    assert "**Re-use:** the holdout was opened 3 times (reason given: again)" in page
    assert "**this model, on the holdout (re-use)**" in page
    assert "Rows were split by time (day)" in page and "No group (person) was on both sides" in page
    assert "Student" in page


def test_without_a_verdict_it_says_so() -> None:
    made = card()
    del made["verdict"]
    front, page = parts(model_card(made, schema()))
    assert "model-index" not in front and "metrics" not in front
    assert "no score on a holdout (yet)" in page and "Cross-validated: 0.800 ± 0.010 (roc auc)" in page


def test_what_is_not_known_is_neither_a_score_nor_an_error() -> None:
    made = copy.deepcopy(card(seen={}))
    for estimate in (made["verdict"], made["verdict"]["optimism"], made["verdict"]["beside"]["f1"]):
        estimate |= {"score": None, "interval": [None, None]}
    made["verdict"]["references"][0]["network_better_by"] = {"score": None, "interval": [None, None]}
    front, page = parts(model_card(made, schema()))
    assert front["metrics"] == [] and front["model-index"][0]["results"][0]["metrics"] == []
    assert "not known" in page and "nan" not in page and "None" not in page


@pytest.mark.parametrize("task", ["regression", "vector_regression"])
def test_values_have_neither_classes_nor_a_threshold(task: str) -> None:
    decision = {"calibration": None, "threshold": None}
    made = card(task=task, classes=[], threshold=None, decision=decision, targets=["heat", "cold"])
    front, page = parts(model_card(made, schema()))
    assert front["pipeline_tag"] == "tabular-regression"
    assert "Predicts **heat**, **cold** from 3 columns" in page and "The label" not in page


def test_nothing_from_the_data_is_markup_or_yaml() -> None:
    made = card(HOSTILE, trained_on="all rows", scored=HOSTILE, splits={"group": HOSTILE, "time": HOSTILE})
    made["verdict"]["receipt"] |= {"opening": 2, "reason": HOSTILE}
    names = ["size", HOSTILE, "sold"]
    made["seen"] = {**made["seen"], "columns": [{**made["seen"]["columns"][i], "name": names[i]} for i in range(3)]}
    text = model_card(made, schema(HOSTILE))
    front, page = parts(text)
    wanted, plain = parts(model_card(card(trained_on="all rows"), schema()))
    assert front.keys() == wanted.keys()
    assert front["model-index"][0]["results"][0]["metrics"] == wanted["model-index"][0]["results"][0]["metrics"]
    assert "\x1b" not in text
    for markup in ("<img", "[x](", "`c`", "**d**", "a|b", "\n---", "\n# <"):
        assert markup not in page
    assert page.count("\n#") == plain.count("\n#")
    # As many cells in each row of a table as in its head.
    for line in page.splitlines():
        if line.startswith("| "):
            assert line.count("|") in (3, 5), line
