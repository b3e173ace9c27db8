import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np

from autoproc.provenance import commit_at, hardware, splits_hash, versions
from autoproc.results import Fold, Protocol

FOLDS = (Fold(np.array([0, 1]), np.array([2])), Fold(np.array([1, 2]), np.array([0])))
PROTOCOL = Protocol("k_fold", 2, 1, "", 3, 1, FOLDS)
LINES = np.array([1, 3, 4])


def test_the_same_splits_have_the_same_hash_and_others_another() -> None:
    same = splits_hash(PROTOCOL, LINES)
    assert splits_hash(replace(PROTOCOL, reason="told otherwise"), LINES) == same
    assert splits_hash(replace(PROTOCOL, splits=FOLDS[::-1]), LINES) != same
    assert splits_hash(replace(PROTOCOL, fresh=FOLDS), LINES) != same
    assert splits_hash(PROTOCOL, LINES + 1) != same
    moved = (Fold(FOLDS[0].train[:1], np.array([1, 2])), FOLDS[1])
    assert splits_hash(replace(PROTOCOL, splits=moved), LINES) != same


def test_the_commit_is_that_of_the_repository_around_a_folder(tmp_path: Path) -> None:
    assert commit_at(tmp_path) is None
    inner = tmp_path / "repository" / "data"
    inner.mkdir(parents=True)
    identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "--quiet"], [*identity, "commit", "--quiet", "--allow-empty", "-m", "one"]):
        subprocess.run(["git", *command], cwd=inner.parent, check=True)
    commit = commit_at(inner)
    assert commit is not None and len(commit) == 40
    assert commit_at(tmp_path / "gone") is None


def test_machine_and_versions_are_one_line_each_for_people() -> None:
    assert hardware("cpu").startswith("cpu; ") and "memory" in hardware("cpu") and "\n" not in hardware("cpu")
    assert {"python", "torch", "mlflow", "autoproc"} <= versions().keys()
