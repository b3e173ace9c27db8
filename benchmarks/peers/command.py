"""autoproc as a user calls it: its command line, with the flags that the rows ask for. It seals its own holdout in
`train.csv`."""

import json
import subprocess
import sys
import tempfile

import pandas as pd

from benchmarks.peers.job import PREDICTIONS, TEST, TRAIN, Given


def autoproc(given: Given, *more: str) -> pd.DataFrame:
    job = given.job
    asked = ["--target", ",".join(job.targets), "--metric", job.metric, "--time-limit", f"{job.seconds:g}s"]
    asked += ["--group", job.group] if job.group else []
    asked += ["--time", job.time] if job.time else []
    with tempfile.TemporaryDirectory() as home:
        kept = ["--home", home]
        tuned = call("tune", str(given.folder / TRAIN), *asked, *more, "--seed", str(job.seed), "--json", *kept)
        model, out = json.loads(tuned)["model"]["path"], given.folder / PREDICTIONS
        call("predict", model, str(given.folder / TEST), "--out", str(out), *kept)
    if not job.is_classification:
        return pd.read_csv(out)
    prefix = "probability_"
    predicted = pd.read_csv(out).filter(regex=f"^{prefix}")
    return predicted.rename(columns=lambda name: name.removeprefix(prefix))


def autoproc_all_rows(given: Given) -> pd.DataFrame:
    return autoproc(given, "--ship", "all-rows")


def call(*arguments: str) -> str:
    """Standard output; where the command fails, its own last words stay the process's last ones."""
    done = subprocess.run([sys.executable, "-m", "autoproc", *arguments], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout
