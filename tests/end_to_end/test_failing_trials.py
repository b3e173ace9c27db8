"""A job whose trials fail, all of them for one cause: it says why, and comes to a result all the same."""

import json
from collections.abc import Callable
from pathlib import Path

from autoproc.failing import MOST_IN_A_ROW
from autoproc.tracking import names
from tests.end_to_end import tables
from tests.end_to_end.conftest import Ended, Record

SPACE = "train: {learning_rate: 1.0e+9, dropout: {uniform: [0.0, 0.5]}}"
"""The first step of it leaves a network whose loss is not finite."""


def test_a_job_whose_every_trial_fails_says_why_and_exports_the_grown_network(
    here: Callable[..., Ended], folder: Path
) -> None:
    tables.write(tables.table(), folder / "table.csv")
    tables.write_plan(folder, trials=100)
    (folder / "hot.yaml").write_text(SPACE, encoding="utf-8")
    ended = here("tune", "table.csv", "--target", "failed", "--config", "small.yaml", "--space", "hot.yaml", "--json")
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    search = result["search"]
    assert (search["stopped_by"], search["best"]["number"]) == ("failures", 0)
    assert MOST_IN_A_ROW <= search["n_failed"] == search["n_trials"] - 1 < 2 * MOST_IN_A_ROW
    assert "trials failed (trial" in search["advice"] and "lower `train.learning_rate`" in search["advice"]
    assert search["advice"] in " ".join(ended.err.split())
    assert result["selection"]["winner"]["number"] == 0 and result["verdict"]["score"] > result["verdict"]["dummy"]
    record = Record(folder / "mlruns")
    runs = record.children(result["run_id"], "trial")
    assert [run.data.tags[names.STATE] for run in runs].count("failed") == search["n_failed"]
    assert sum("diverged in epoch 1" in run.data.tags[names.REASON] for run in runs) == search["n_failed"]
    assert "**Failures:**" in record.client.get_run(result["run_id"]).data.tags[names.DESCRIPTION]
    assert "Failures: all" in (folder / "mlruns" / "jobs" / result["run_id"] / "report.html").read_text()
