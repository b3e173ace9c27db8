"""A job with one validation split, whose one score has no standard error."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import autoproc
from autoproc.tracking import names
from tests.end_to_end import tables
from tests.end_to_end.conftest import Ended, Finished


@pytest.fixture(params=["folds", "refit"])
def finished(request: pytest.FixtureRequest, here: Callable[..., Ended], folder: Path) -> Finished:
    tables.write(tables.table(), folder / "table.csv")
    tables.write_plan(folder, protocol={})
    ended = here(
        "tune", "table.csv", "--target", "failed", "--config", "small.yaml", "--trials", 3,
        "--protocol", "validation_split", "--final", request.param, "--json",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    return Finished(folder, ended)


def strict(text: str) -> Any:
    """JSON as its standard has it, without NaN."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_one_split_gives_a_model_and_scores_without_standard_errors(finished: Finished) -> None:
    result = strict(finished.ended.out)
    assert strict((finished.job / "result.json").read_text(encoding="utf-8")) == result
    protocol, final = result["protocol"], result["model"]["final"]
    assert (protocol["kind"], protocol["folds"]) == ("validation_split", 1)
    assert result["search"]["best"]["standard_error"] is None
    assert result["baseline"]["network_standard_error"] is None
    assert result["verdict"]["cross_validated_standard_error"] is None
    assert len(result["growth"]["rungs"]) >= 1 and result["growth"]["verdict"]["reason"]
    assert "nan" not in finished.ended.err
    card = strict((finished.model / "card.json").read_text(encoding="utf-8"))
    assert (card["verdict"], card["winner"]) == (result["verdict"], result["selection"]["winner"])
    assert result["selection"]["optimism"]["interval"] == [None, None]
    assert result["verdict"]["optimism"]["interval"] == [None, None]
    assert strict((finished.model / "network.json").read_text())["members"] == 1
    assert final in ("folds", "refit")
    assert len(autoproc.load(finished.model).predict(tables.table())) == tables.N_ROWS


def test_one_split_is_on_record(finished: Finished, here: Callable[..., Ended]) -> None:
    assert {run.info.status for run in finished.record.runs} == {"FINISHED"}
    [parent] = finished.record.parents
    assert "nan" not in parent.data.tags[names.DESCRIPTION]
    for run in finished.record.children(parent.info.run_id, "trial"):
        assert names.fold_score(1) in run.data.metrics and names.fold_score(2) not in run.data.metrics
    shown = here("show")
    assert shown.code == 0 and "nan" not in shown.out
