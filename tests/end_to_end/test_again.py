"""Jobs that are run again: the saved plan, the seal of its holdout, the same seed and another one."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import autoproc
from autoproc.format import format_score
from autoproc.tracking import names
from tests.end_to_end import tables
from tests.end_to_end.conftest import Ended, Finished, Record, environment

WEIGHTS = "weights.safetensors"
LOAD_AND_PREDICT = """
import sys
import pandas as pd
import autoproc
autoproc.load(sys.argv[1]).predict(pd.read_parquet("rows.parquet")).to_parquet("predicted.parquet")
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.fixture(scope="module")
def rerun(
    binary: Finished,
    database: Path,
    once: Callable[[str, Callable[[Path], None]], Path],
    process: Callable[..., Ended],
) -> Finished:
    """The binary job's saved plan, run again as it is in a process of its own, by one who knows the holdout."""

    def make(folder: Path) -> None:
        home = folder / "mlruns"
        shutil.copytree(binary.home / "receipts", home / "receipts")
        shutil.copy(database, home / "mlflow.db")
        shutil.copy(binary.job / "plan.yaml", folder)
        again = ("--config", "plan.yaml", "--home", home, "--reopen-holdout", "to see <it> again", "--json")
        (folder / "ended.json").write_text(json.dumps(vars(process(folder, "tune", *again))))

    folder = once("rerun", make)
    return Finished(folder, Ended(**json.loads((folder / "ended.json").read_text())))


def test_a_saved_plan_runs_again_to_the_same_end(binary: Finished, rerun: Finished) -> None:
    assert rerun.ended.code == 0, rerun.ended.err
    for step in ("baseline", "growth", "search"):
        assert rerun.result[step] == binary.result[step], step
    for step in ("problem", "metric", "protocol"):  # what was found out is asked for now
        assert rerun.result[step] | {"reason": ""} == binary.result[step] | {"reason": ""}, step
    for value in ("score", "interval", "dummy", "threshold", "beside"):
        assert rerun.result["verdict"][value] == binary.result["verdict"][value]
    assert rerun.result["run_id"] != binary.result["run_id"]


def test_a_saved_plan_has_no_reason_to_open_the_holdout_again(rerun: Finished) -> None:
    assert rerun.result["verdict"]["receipt"]["reason"]
    assert yaml.safe_load((rerun.job / "plan.yaml").read_text(encoding="utf-8"))["reopen_holdout"] is None


def test_the_same_seed_makes_the_same_model_byte_for_byte(binary: Finished, rerun: Finished) -> None:
    for name in (WEIGHTS, "network.json", "preprocessing.json"):
        assert (rerun.model / name).read_bytes() == (binary.model / name).read_bytes(), name


def test_the_same_seed_asks_for_the_same_trials(binary: Finished, rerun: Finished) -> None:
    def trials(finished: Finished) -> list[tuple[object, ...]]:
        runs = finished.record.children(finished.result["run_id"], "trial")
        told = [{k: v for k, v in run.data.metrics.items() if k != names.SECONDS} for run in runs]
        return [(run.data.params, run.data.tags[names.STATE], values) for run, values in zip(runs, told, strict=True)]

    assert trials(rerun) == trials(binary)


def test_a_score_of_a_re_used_holdout_is_marked_wherever_it_stands(
    binary: Finished, rerun: Finished, here: Callable[..., Ended]
) -> None:
    receipt = rerun.result["verdict"]["receipt"]
    assert (receipt["opening"], receipt["reason"]) == (2, "to see <it> again")
    assert receipt["key"] == binary.result["verdict"]["receipt"]["key"]
    card = json.loads((rerun.model / "card.json").read_text(encoding="utf-8"))
    assert card["verdict"]["receipt"]["opening"] == 2
    assert "holdout     RE-USED, opening 2" in rerun.ended.err
    shown = here("show", "--home", rerun.home).out
    assert "RE-USED, opening 2, " in shown and "(reason given: to see <it> again)" in shown
    assert "RE-USED" not in here("show", "--home", binary.home).out
    [parent] = rerun.record.parents
    [child] = rerun.record.children(parent.info.run_id, "verdict")
    assert child.data.tags[names.STATE] == "re-use"
    for run in (parent, child):
        assert run.data.tags[names.RECEIPT_OPENING] == "2"
        assert run.data.tags[names.RECEIPT_REASON] == "to see <it> again"
    text = parent.data.tags[names.DESCRIPTION]
    score = format_score(rerun.result["verdict"]["score"])
    assert "**Re-use:**" in text and "to see &#60;it&#62; again" in text
    assert f"| **holdout (re-use)** | **{score}" in text


def test_a_saved_plan_is_refused_where_its_holdout_was_opened(
    binary: Finished, here: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(binary.home / "receipts", tmp_path / "mlruns" / "receipts")
    ended = here("tune", "--config", binary.job / "plan.yaml", "--home", "mlruns")
    assert (ended.code, ended.out) == (2, "")
    assert [line.split()[0] for line in ended.err.splitlines()] == ["start", "autoproc:"]
    assert f"opened before: at {binary.result['verdict']['receipt']['opened_at']} by run" in ended.err
    assert "--reopen-holdout REASON" in ended.err and "Traceback" not in ended.err
    assert list((tmp_path / "mlruns" / "jobs").iterdir()) == []
    assert not (tmp_path / "mlruns" / "mlflow.db").exists()


def test_another_seed_seals_other_rows_and_makes_another_model(
    binary: Finished, here: Callable[..., Ended], folder: Path
) -> None:
    ended = here(
        "tune", "--config", binary.job / "plan.yaml", "--home", "mlruns", "--seed", 3, "--json", "--quiet", "--force"
    )
    assert (ended.code, ended.err) == (0, "")
    other = json.loads(ended.out)
    assert other["verdict"]["receipt"]["key"] == binary.result["verdict"]["receipt"]["key"]
    assert other["verdict"]["receipt"]["opening"] == 1, "receipts hold for a home"
    again = here(
        "tune", "--config", binary.job / "plan.yaml", "--home", "mlruns", "--seed", 2, "--json", "--quiet", "--force"
    )
    assert again.code == 2 and "another --seed does not make the rows fresh" in again.err
    assert other["growth"] != binary.result["growth"]
    weights = folder / "mlruns" / "jobs" / other["run_id"] / "model" / WEIGHTS
    assert weights.read_bytes() != (binary.model / WEIGHTS).read_bytes()
    record = Record(folder / "mlruns")
    runs = record.children(other["run_id"], "trial")
    theirs = binary.record.children(binary.result["run_id"], "trial")
    assert [run.data.params for run in runs] != [run.data.params for run in theirs]


def test_an_exported_model_predicts_the_same_in_a_process_that_never_saw_the_data(
    binary: Finished, here: Callable[..., Ended], tmp_path: Path
) -> None:
    assert here("export", "last", tmp_path / "model.zip", "--home", binary.home).code == 0
    rows = tables.table(n_rows=50, seed=5)
    rows.loc[:5, "town"] = "a town that nobody knows"
    rows.drop(columns="failed").to_parquet(tmp_path / "rows.parquet")
    done = subprocess.run(
        [sys.executable, "-c", LOAD_AND_PREDICT, "model.zip"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    predicted = pd.read_parquet(tmp_path / "predicted.parquet")
    pd.testing.assert_frame_equal(predicted, autoproc.load(binary.model).predict(rows), check_exact=True)
    assert np.ptp(predicted["probability_yes"]) > 0.1
    assert not {"mlflow", "optuna"} & set(done.stdout.split())
    assert done.stderr == ""


def test_a_refit_exports_one_network_that_predicts(binary: Finished, here: Callable[..., Ended], folder: Path) -> None:
    ended = here(
        "tune", "--config", binary.job / "plan.yaml", "--home", "mlruns", "--final", "refit", "--trials", 1, "--json"
    )
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    assert result["model"]["final"] == "refit"
    assert json.loads((Path(result["model"]["path"]) / "network.json").read_text())["members"] == 1
    assert len(autoproc.load(result["model"]["path"]).predict(tables.table())) == tables.N_ROWS


def test_a_model_of_all_rows_is_shipped_beside_the_one_that_was_scored(
    binary: Finished, here: Callable[..., Ended], folder: Path
) -> None:
    asked = ("tune", "--config", binary.job / "plan.yaml", "--home", "mlruns", "--trials", 2, "--json")
    ended = here(*asked, "--ship", "all-rows")
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    shipped = Path(result["model"]["path"])
    scored = shipped.with_name("model-scored")
    assert result["model"]["trained_on"] == "all rows"
    cards = [json.loads((path / "card.json").read_text(encoding="utf-8")) for path in (shipped, scored)]
    assert [card["trained_on"] for card in cards] == ["all rows", "development rows"]
    assert "without the holdout's rows" in cards[0]["scored"] and "scored" not in cards[1]
    assert [card["verdict"]["score"] for card in cards] == [result["verdict"]["score"]] * 2
    assert (shipped / WEIGHTS).read_bytes() != (scored / WEIGHTS).read_bytes()
    assert "Trained on all rows" in Record(folder / "mlruns").parents[0].data.tags[names.DESCRIPTION]
    assert "trained on all rows" in ended.err
    assert len(autoproc.load(shipped).predict(tables.table())) == tables.N_ROWS


def test_the_openings_of_a_holdout_are_listed_with_what_came_of_them(
    binary: Finished, rerun: Finished, here: Callable[..., Ended], folder: Path
) -> None:
    (folder / "copy.csv").write_bytes(Path(binary.folder, "table.csv").read_bytes())
    asked = ("holdout", "copy.csv", "--target", "failed", "--home", rerun.home)
    told = here(*asked)
    assert told.code == 0, told.err
    first, second = told.out.splitlines()
    assert first.startswith("opening 1, ")
    assert first.endswith("no score (its job has not come to its end, or is gone)"), "its job lies in another home"
    assert second.startswith("opening 2 (to see <it> again), ")
    assert f"run {rerun.result['run_id']}: average precision " in second
    listed = json.loads(here(*asked, "--json").out)
    assert [each["score"] for each in listed] == [None, rerun.result["verdict"]["score"]]
    lines = (folder / "copy.csv").read_text(encoding="utf-8").splitlines()
    (folder / "copy.csv").write_text("\n".join([*lines[:-1], lines[1]]) + "\n", encoding="utf-8")
    assert here(*asked).out == "Never opened.\n", "another table"
