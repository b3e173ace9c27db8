"""The seal against real processes: races, SIGKILL between receipt and score, copies, and one changed cell."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import autoproc
from autoproc.tracking import names
from benchmarks.seal import RECEIPT, RECORDED, Moment, Stage, change_one_cell, kill, open_at_once, race
from tests.end_to_end import tables
from tests.end_to_end.conftest import Ended, Finished, Record

NO_SCORE = "with no score (its job has not come to its end, or is gone)"


@pytest.fixture
def stage(folder: Path) -> Stage:
    tables.write(tables.table(), folder / "table.csv")
    return Stage(folder, "failed", plan=tables.write_plan(folder, trials=1).name)


def holdout(here: Callable[..., Ended], table: object, home: Path) -> list[dict[str, object]]:
    told: list[dict[str, object]] = json.loads(
        here("holdout", table, "--target", "failed", "--home", home, "--json").out
    )
    return told


def test_of_several_processes_at_the_same_moment_one_has_it_and_the_others_can_say_who(tmp_path: Path) -> None:
    assert open_at_once(tmp_path, n_processes=3, n_holdouts=40) == [Moment(n_first=1, n_told=2)] * 40


def test_the_job_that_comes_second_keeps_its_model_and_says_how_it_is_scored(
    stage: Stage, here: Callable[..., Ended]
) -> None:
    winner, loser = race(stage)
    assert (winner.code, loser.code, loser.out) == (0, 2, ""), loser.said
    first = json.loads(winner.out)["run_id"]
    [opening] = holdout(here, "table.csv", stage.home)
    assert (opening["opening"], opening["run_id"]) == (1, first)
    assert f"opened before: at {opening['opened_at']} by run {first}" in loser.said
    [second] = {job.name for job in (stage.home / "jobs").iterdir()} - {first}
    job = stage.home / "jobs" / second
    assert f"This job's model is exported all the same, without a holdout score: {job / 'model'}." in loser.said
    assert f"`autoproc tune --config {job / 'plan.yaml'} --reopen-holdout REASON` trains it again" in loser.said
    told = Record(stage.home).client.get_run(second)
    assert told.info.status == "FAILED" and names.RECEIPT_KEY not in told.data.tags
    assert "**Stopped:** A holdout of this table was opened before" in told.data.tags[names.DESCRIPTION]
    shown = here("show", second)
    assert shown.code == 2 and "has no result, because it did not come to its end" in shown.err
    assert shown.err.count(str(job / "model")) == 1
    assert here("predict", second, "table.csv", "--out", "predicted.csv").code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("when", [RECEIPT, RECORDED])
def test_a_job_killed_between_receipt_and_score_has_opened_the_holdout(
    stage: Stage, here: Callable[..., Ended], when: str
) -> None:
    killed = kill(stage, when)
    job, record = stage.home / "jobs" / killed, Record(stage.home)
    assert not (job / "result.json").exists()
    assert holdout(here, "table.csv", stage.home)[-1]["score"] is None
    told = here("holdout", "table.csv", "--target", "failed").out.splitlines()[-1]
    assert told.endswith(f"run {killed}: {NO_SCORE.removeprefix('with ')}")
    if when == RECORDED:  # before anything else could tell MLflow
        assert names.RECEIPT_KEY in record.client.get_run(killed).data.tags
        assert "**The holdout was opened**" in record.client.get_run(killed).data.tags[names.DESCRIPTION]
    again = here("tune", "table.csv", "--target", "failed", "--config", "small.yaml")
    assert again.code == 2 and f"by run {killed}, {NO_SCORE}" in again.err
    shown = here("show", killed)
    assert shown.code == 2 and "did not come to its end" in shown.err and f"{killed}/model." in shown.err
    assert len(autoproc.load(job / "model").predict(tables.table())) == tables.N_ROWS
    options = ("--config", "small.yaml", "--reopen-holdout", "it was killed", "--quiet", "--json")
    reopened = json.loads(here("tune", "table.csv", "--target", "failed", *options).out)
    receipt = reopened["verdict"]["receipt"]
    n_before = len(holdout(here, "table.csv", stage.home)) - 1  # more than one only where a kill came too late
    assert (receipt["opening"], receipt["reason"]) == (n_before + 1, "it was killed") and n_before >= 1
    run = record.client.get_run(killed)
    assert run.info.status == "KILLED"
    assert run.data.tags[names.RECEIPT_KEY] == receipt["key"]
    assert run.data.tags[names.RECEIPT_OPENING] == str(receipt["opening"] - 1)
    kept = record.client.list_artifacts(killed, names.RECEIPT_FOLDER)
    assert [Path(file.path).name for file in kept] == [f"{receipt['key']}.{receipt['opening'] - 1}.json"]


def test_a_copy_under_another_name_is_the_same_table(
    binary: Finished, here: Callable[..., Ended], folder: Path
) -> None:
    shutil.copytree(binary.home / "receipts", folder / "mlruns" / "receipts")
    shutil.copytree(binary.job, folder / "mlruns" / "jobs" / binary.job.name)
    shutil.copy(binary.folder / "table.csv", folder / "copy.csv")
    tables.write_plan(folder)
    ended = here("tune", "copy.csv", "--target", "failed", "--config", "small.yaml")
    verdict = binary.result["verdict"]
    assert ended.code == 2 and [line.split()[0] for line in ended.err.splitlines()] == ["start", "autoproc:"]
    assert f"opened before: at {verdict['receipt']['opened_at']} by run {binary.job.name}, with average" in ended.err
    assert f"average precision {verdict['score']:.3f} (95 %: " in ended.err
    [opening] = holdout(here, "copy.csv", folder / "mlruns")
    assert (opening["run_id"], opening["score"]) == (binary.job.name, verdict["score"])


def test_a_table_with_one_changed_cell_is_another(binary: Finished, here: Callable[..., Ended], folder: Path) -> None:
    shutil.copytree(binary.home / "receipts", folder / "mlruns" / "receipts")
    change_one_cell(binary.folder / "table.csv", "failed", folder / "changed.csv")
    assert holdout(here, "changed.csv", folder / "mlruns") == []
    tables.write_plan(folder, trials=1)
    ended = here("tune", "changed.csv", "--target", "failed", "--config", "small.yaml", "--json", "--quiet")
    assert ended.code == 0, ended.err
    receipt = json.loads(ended.out)["verdict"]["receipt"]
    assert (receipt["opening"], receipt["reason"]) == (1, None)
    assert receipt["key"] != binary.result["verdict"]["receipt"]["key"]
