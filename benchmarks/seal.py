"""What the seal holds against, shown with real processes: nothing of the package is replaced, or knows that it is
watched.

    python -m benchmarks.seal examples/machine_failure.csv:machine_failure --markdown

- so many processes that open one holdout at the same moment, again and again: each time one has it, and every other one
  can say who;
- two jobs on one table: the one that comes second keeps its model, and says how it comes to a score;
- a job that is killed (SIGKILL) between receipt and score: as soon as the receipt is there, and as soon as MLflow has
  it;
- the same file under another name;
- the same table but for one cell.

Prints a JSON line each, or the lines of a Markdown table: what happened, and whether that is what was promised. Takes
about two minutes. The jobs are as small as a plan can make them, in a folder that is removed at the end.
"""

import argparse
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from autoproc.data.openings import read_receipt
from autoproc.data.receipts import previous_receipts, write_receipt
from autoproc.errors import PlanError
from autoproc.tracking import names

ROOT = Path(__file__).parents[1]
SMALL: dict[str, Any] = {
    "trials": 2,
    "time_limit": None,
    "device": "cpu",
    "force": True,  # whatever so small a network has learned
    "protocol": {"kind": "k_fold", "folds": 3},
    "train": {"max_epochs": 4},
    "baseline": {"max_epochs": 4, "learning_rates": [0.01]},
    "growth": {"rungs": [[1, 8]], "max_epochs": 4, "learning_rate_factors": [1.0]},
}
RECEIPT, RECORDED = "receipts/*.json", "artifacts/*/artifacts/receipt/*.json"
POLL_SECONDS = 0.001
TRIES = 5


@dataclass(frozen=True)
class Ended:
    """A command that has ended; `said` is the last line of its standard error."""

    code: int
    out: str
    said: str


@dataclass(frozen=True)
class Stage:
    """A folder with a table and a plan, in which commands run."""

    folder: Path
    target: str
    table: str = "table.csv"
    plan: str = "plan.yaml"

    @property
    def home(self) -> Path:
        return self.folder / "mlruns"

    def start(self, command: str, table: str, *options: str) -> subprocess.Popen[str]:
        arguments = [sys.executable, "-m", "autoproc", command, table, "--target", self.target, "--json", *options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        pipe = subprocess.PIPE
        return subprocess.Popen(arguments, cwd=self.folder, env=environment, stdout=pipe, stderr=pipe, text=True)

    def tune(self, table: str, *options: str) -> Ended:
        return ended(self.start("tune", table, "--config", self.plan, *options))

    def openings(self, table: str) -> list[dict[str, Any]]:
        """What `autoproc holdout` tells of a table."""
        told: list[dict[str, Any]] = json.loads(ended(self.start("holdout", table)).out)
        return told


def ended(process: subprocess.Popen[str]) -> Ended:
    out, err = process.communicate()
    return Ended(process.returncode, out, (err.splitlines() or [""])[-1])


@dataclass(frozen=True)
class Moment:
    """`n_first` openings of one holdout counted as the first; `n_told` of the others could name the one that has it."""

    n_first: int
    n_told: int


def open_at_once(home: Path, n_processes: int, n_holdouts: int) -> list[Moment]:
    """For each of so many holdouts, what came of so many processes that opened it at the same moment."""
    context = multiprocessing.get_context("spawn")
    barrier, pool = context.Barrier(n_processes), []
    for number in range(n_processes):
        pool.append(context.Process(target=_open_each, args=(home, n_holdouts, f"run-{number}", barrier)))
        pool[-1].start()
    for process in pool:
        process.join()
    moments = []
    for i in range(n_holdouts):
        told = [(home / f"{i}-run-{number}").read_text(encoding="utf-8") for number in range(n_processes)]
        [receipt] = previous_receipts(home, f"{i:016x}")
        n_told = sum(f"by run {receipt.run_id}," in refusal for refusal in told if refusal)
        moments.append(Moment(told.count(""), n_told))
    return moments


def _open_each(home: Path, n_holdouts: int, run_id: str, barrier: Barrier) -> None:
    """Open one holdout after the other, each when all are ready, and leave a file with the refusal, if there is one."""
    for i in range(n_holdouts):
        refusal = ""
        barrier.wait()
        try:
            write_receipt(home, f"{i:016x}", run_id, "fingerprint", None)
        except PlanError as error:
            refusal = str(error)
        (home / f"{i}-{run_id}").write_text(refusal, encoding="utf-8")


def race(stage: Stage) -> list[Ended]:
    """Two jobs on the stage's table that start at the same time; the one that has a score comes first."""
    jobs = [stage.start("tune", stage.table, "--config", stage.plan) for _ in range(2)]
    return sorted(map(ended, jobs), key=lambda job: job.code)


def kill(stage: Stage, when: str) -> str:
    """Start a job and kill it as soon as its home has a file `when`: its run id. Tried again where it was through."""
    attempts = (_kill_once(stage, when) for _ in range(TRIES))
    return next(run_id for run_id in attempts if not (stage.home / "jobs" / run_id / "result.json").exists())


def _kill_once(stage: Stage, when: str) -> str:
    """The job's run id; every receipt in the home is of the stage's one table."""
    before = set(stage.home.glob(when))
    reopen = ("--reopen-holdout", "the last one was killed too late") if before else ()
    job = stage.start("tune", stage.table, "--config", stage.plan, *reopen)
    while job.poll() is None and set(stage.home.glob(when)) == before:
        time.sleep(POLL_SECONDS)
    job.kill()
    job.communicate()
    receipts = map(read_receipt, stage.home.glob(RECEIPT))
    return max(receipts, key=lambda receipt: receipt.opening).run_id


def change_one_cell(source: Path, target: str, out: Path) -> str:
    """Write a table in which one cell differs, of the last row and not of the target: how it was and is."""
    frame = pd.read_csv(source, dtype=str, keep_default_na=False)
    column = next(name for name in reversed(frame.columns) if name != target and frame[name].nunique() > 1)
    old = frame[column].iloc[-1]
    new = frame.loc[frame[column] != old, column].iloc[0]
    frame.loc[len(frame) - 1, column] = new
    frame.to_csv(out, index=False)
    return f"{column} of the last row: {new} instead of {old}"


def shows(scratch: Path, table: Path, target: str) -> Iterator[dict[str, Any]]:
    """What happened, one after the other, in folders below `scratch`."""
    yield _show_moments(scratch)
    yield from _show_race_and_copies(_stage(scratch / "race", table, target))
    yield _show_kill(_stage(scratch / "early", table, target), RECEIPT, "the receipt is there")
    yield _show_kill(_stage(scratch / "late", table, target), RECORDED, "MLflow has the receipt")


def _stage(folder: Path, table: Path, target: str) -> Stage:
    stage = Stage(folder, target)
    folder.mkdir()
    shutil.copy(table, folder / stage.table)
    (folder / stage.plan).write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    return stage


def _show_moments(home: Path) -> dict[str, Any]:
    moments = open_at_once(home, n_processes=4, n_holdouts=250)
    n_first, n_told = (sum(getattr(moment, name) for moment in moments) for name in ("n_first", "n_told"))
    return {
        "show": "4 processes open one holdout at the same moment, 250 times",
        "happened": f"{n_first} have it, {n_told} are refused and told who has it",
        "as_promised": {moment.n_first for moment in moments} == {1} and n_told == 3 * len(moments),
    }


def _show_race_and_copies(stage: Stage) -> Iterator[dict[str, Any]]:
    winner, loser = race(stage)
    told = stage.openings(stage.table)
    yield {
        "show": "two jobs at once",
        "happened": f"exit codes {winner.code} and {loser.code}, {len(told)} receipt; the second said: {loser.said}",
        "as_promised": (winner.code, loser.code, len(told)) == (0, 2, 1) and "model is exported" in loser.said,
    }
    shutil.copy(stage.folder / stage.table, stage.folder / "copy.csv")
    copy = stage.tune("copy.csv")
    yield {
        "show": "the same file under another name",
        "happened": f"exit code {copy.code}: {copy.said}",
        "as_promised": copy.code == 2 and told[0]["run_id"] in copy.said and stage.openings("copy.csv") == told,
    }
    cell = change_one_cell(stage.folder / stage.table, stage.target, stage.folder / "changed.csv")
    before, changed = stage.openings("changed.csv"), stage.tune("changed.csv")
    after = stage.openings("changed.csv")
    yield {
        "show": "one changed cell",
        "happened": f"{cell}: a table of its own, never opened before; exit code {changed.code}, {len(after)} receipt",
        "as_promised": (before, changed.code, len(after)) == ([], 0, 1) and stage.openings(stage.table) == told,
    }


def _show_kill(stage: Stage, when: str, what: str) -> dict[str, Any]:
    from mlflow import MlflowClient  # takes seconds to load, which none of the processes at the same moment needs

    run_id = kill(stage, when)
    again = stage.tune(stage.table)
    has_model = (stage.home / "jobs" / run_id / "model" / "card.json").exists()
    reopened = stage.tune(stage.table, "--reopen-holdout", "the job was killed")
    # The next job in the home closes the record of the one that was killed.
    run = MlflowClient(f"sqlite:///{(stage.home / 'mlflow.db').as_posix()}").get_run(run_id)
    recorded = run.data.tags.get(names.RECEIPT_OPENING)
    opening = json.loads(reopened.out)["verdict"]["receipt"]["opening"]
    refused = again.code == 2 and run_id in again.said and "no score" in again.said
    return {
        "show": f"a job killed as soon as {what}",
        "happened": f"no result, {'its model stands' if has_model else 'no model'}; MLflow: {run.info.status}, opening "
        f"{recorded}; run again: exit code {again.code}: {again.said} With a reason: exit code {reopened.code}, "
        f"opening {opening}",
        "as_promised": refused and has_model and (run.info.status, recorded) == ("KILLED", str(opening - 1)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = f"{ROOT / 'examples' / 'machine_failure.csv'}:machine_failure"
    parser.add_argument("table", nargs="?", default=default, metavar="FILE:TARGET", help="a CSV file")
    parser.add_argument("--markdown", action="store_true", help="print the lines of a Markdown table")
    asked = parser.parse_args()
    path, _, target = asked.table.rpartition(":")
    if asked.markdown:
        print("| show | what happened | as promised |\n|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for told in shows(Path(scratch), Path(path), target):
            told["happened"] = re.sub(rf"{re.escape(scratch)}/\w+/", "", told["happened"])
            cells = (told["show"], told["happened"], "yes" if told["as_promised"] else "**no**")
            print(f"| {' | '.join(cells)} |" if asked.markdown else json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
