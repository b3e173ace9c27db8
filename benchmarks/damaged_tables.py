"""What autoproc makes of damaged tables: each must end in success, or in one clear paragraph with exit code 2 (or 3,
where the baseline finds no signal): no traceback, no hang, and nothing left behind.

    python -m benchmarks.damaged_tables --data DIR > lines.jsonl

The damages are in `benchmarks/damages.py`: so many tables are made, each by one of them from one of the sets in DIR
(the shipped example by default; DIR may have an INDEX.csv with file, target and modality, else the last column of each
CSV file is the target). Each is inspected in this process first. What is accepted goes to `autoproc tune`, as a user
types it, in a process and a folder of its own. Where only the way of writing was changed, an accepted table must read
as the undamaged one does.

Prints a JSON line a table and a summary; exit code 1 if any fails. Takes 20 CPU seconds a table that is accepted
(`--inspect` leaves `tune` out).
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autoproc.errors import AutoprocError
from autoproc.plan import make_plan
from autoproc.prepared import Prepared
from autoproc.process import inspect
from benchmarks.damages import DAMAGES, SAME, Damaged, Source, made

ROOT = Path(__file__).parents[1]
MOST_SECONDS = 60
"""CPU seconds of one command; on a machine that is shared the clock may tell more."""
MOST_WALL_SECONDS = 900
MOST_LETTERS = 2_000
DONE, REFUSED, NO_SIGNAL = 0, 2, 3
# What a job leaves in its home, and where it ran.
HOME = {"jobs", "receipts", "artifacts", "running", "mlflow.db", "mlflow.lock"}


@dataclass(frozen=True)
class Made:
    """A damaged table on its way through."""

    damage: str
    source: Source
    seed: int
    content: Damaged

    @property
    def name(self) -> str:
        return f"table{self.content.ending}"

    @property
    def target(self) -> str:
        return ",".join(self.source.targets)


@dataclass(frozen=True)
class Ended:
    """A command that has ended: its exit code, what it wrote, its CPU and wall seconds."""

    code: int
    out: str
    err: str
    cpu: float
    wall: float


def read_sources(folder: Path, n_rows: int) -> Iterator[Source]:
    """Some rows of each set in the folder, in their order."""
    for path, targets in _files(folder):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        rows = np.sort(np.random.default_rng(0).permutation(len(frame))[:n_rows])
        yield Source(path.stem, frame.iloc[rows].reset_index(drop=True), targets)


def _files(folder: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    index = folder / "INDEX.csv"
    if index.exists():
        for row in pd.read_csv(index, dtype=str, keep_default_na=False).itertuples(index=False):
            if row.modality == "table":
                yield folder / str(row.file), tuple(str(row.target).split(";"))
        return
    for path in sorted(folder.glob("*.csv")):
        yield path, (pd.read_csv(path, nrows=0).columns[-1],)


def make_tables(sources: list[Source], n_tables: int, only: set[str]) -> Iterator[Made]:
    """One table of each damage, then one more of each, of the sets in turn."""
    damages = [name for name in DAMAGES if name in only or not only]
    for i in range(n_tables):
        name, seed = damages[i % len(damages)], i // len(damages)
        source = sources[(i + seed) % len(sources)]
        yield Made(name, source, seed, made(name, source, seed))


def attempt(table: Made, undamaged: Prepared | str, whole: bool) -> dict[str, Any]:
    """What came of a table, and what is wrong with that."""
    told: dict[str, Any] = {"damage": table.damage, "set": table.source.name, "seed": table.seed}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "work"
        folder.mkdir()
        (folder / table.name).write_bytes(table.content.content)
        started = time.process_time()
        found = _inspect(folder / table.name, table.source.targets)
        told["inspect_cpu"] = round(time.process_time() - started, 2)
        faults = list(_faults_of_inspection(found, table.damage, undamaged))
        if isinstance(found, Prepared):
            told["kinds"] = dict(Counter(column.kind for column in found.problem.columns))
            told["notes"] = [note.replace(scratch, "") for note in (*found.development.notices, *found.warnings)]
            if whole:
                ended = _tune(Path(scratch), folder, table)
                faults += _faults_of_command(ended, Path(scratch), folder, table.name)
                told |= {"code": ended.code, "cpu": round(ended.cpu, 1), "wall": round(ended.wall, 1)}
                told["said"] = ended.err.strip().rpartition("\n")[2].replace(scratch, "")
        else:
            told["code"] = REFUSED
            told["said"] = str(found).replace(scratch, "")[:MOST_LETTERS]
        if told["inspect_cpu"] > MOST_SECONDS:
            faults.append(f"inspect took {told['inspect_cpu']} s of CPU time")
    return {**told, "faults": [fault.replace(scratch, "") for fault in faults]}


def _inspect(path: Path, targets: tuple[str, ...]) -> Prepared | Exception:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return inspect(make_plan(overrides={"data": str(path), "target": targets}))
    except Exception as error:  # which kinds are errors of the user is what is looked at
        return error


def _faults_of_inspection(found: Prepared | Exception, damage: str, undamaged: Prepared | str) -> Iterator[str]:
    if isinstance(found, AutoprocError):
        if "\n" in str(found) or len(str(found)) > MOST_LETTERS:
            yield f"not one clear paragraph: {len(str(found))} letters, {str(found)[:200]!r}"
    elif isinstance(found, Exception):
        yield "".join(traceback.format_exception(found)[-4:])
    elif damage in SAME and isinstance(undamaged, Prepared):
        if found.schema.columns != undamaged.schema.columns or found.problem.task != undamaged.problem.task:
            yield f"reads otherwise: {found.schema.columns}, {found.problem.task}"
        elif not np.allclose(found.matrix, undamaged.matrix, equal_nan=True):
            wrong = ~np.isclose(found.matrix, undamaged.matrix, equal_nan=True)
            yield f"reads {wrong.sum()} cells otherwise, in columns {np.flatnonzero(wrong.any(axis=0))}"
        elif not np.allclose(found.targets, undamaged.targets):
            yield "reads the targets otherwise"


def _tune(scratch: Path, folder: Path, table: Made) -> Ended:
    """The command as a user types it; its home and its temporary files are in folders of their own."""
    temporary = scratch / "tmp"
    temporary.mkdir()
    options = ["--time-limit", "10s", "--trials", "4", "--json", "--home", str(scratch / "home")]
    command = [sys.executable, "-m", "autoproc", "tune", table.name, "--target", table.target, *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    started = time.monotonic()
    with (scratch / "out").open("wb") as out, (scratch / "err").open("wb") as err:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err, preexec_fn=_limit
        )
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    said = [(scratch / name).read_text(encoding="utf-8") for name in ("out", "err")]
    return Ended(process.returncode, *said, used.ru_utime + used.ru_stime, time.monotonic() - started)


def _limit() -> None:
    """A command that hangs is killed: soon after its CPU time is over, or by the alarm."""
    import signal

    resource.setrlimit(resource.RLIMIT_CPU, (3 * MOST_SECONDS, 3 * MOST_SECONDS))
    signal.alarm(MOST_WALL_SECONDS)


def _faults_of_command(ended: Ended, scratch: Path, folder: Path, name: str) -> Iterator[str]:
    if ended.code not in (DONE, REFUSED, NO_SIGNAL):
        yield f"exit code {ended.code}: {ended.err[-1500:]}"
    if "Traceback" in ended.err:
        yield f"a traceback: {ended.err[-1500:]}"
    if ended.cpu > MOST_SECONDS:
        yield f"took {ended.cpu:.0f} s of CPU time"
    if ended.code == DONE and not _is_result(ended.out):
        yield f"standard output is no result: {ended.out[:200]!r}"
    if ended.code in (REFUSED, NO_SIGNAL):
        paragraph = ended.err.partition("autoproc: ")[2].strip()
        if not paragraph or "\n" in paragraph or len(paragraph) > MOST_LETTERS or ended.out:
            yield f"not one clear paragraph: {ended.err[-500:]!r}"
    left = [path.name for path in folder.iterdir() if path.name != name]
    left += [path.name for path in (scratch / "tmp").iterdir() if not _is_librarys(path.name)]
    home = scratch / "home"
    left += [path.name for path in home.iterdir() if path.name not in HOME] if home.exists() else []
    if left:
        yield f"leaves behind {', '.join(left)}"


def _is_result(out: str) -> bool:
    try:
        return "verdict" in json.loads(out)
    except ValueError:
        return False


def _is_librarys(name: str) -> bool:
    """What matplotlib and torch keep between runs."""
    return bool(re.match(r"matplotlib-|torchinductor", name))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "examples", metavar="DIR", help="a folder of tables")
    parser.add_argument("--tables", type=int, default=200, metavar="N", help="tables to damage")
    parser.add_argument("--rows", type=int, default=600, metavar="N", help="rows of each set")
    parser.add_argument("--only", metavar="NAME[,...]", default="", help="damages to make")
    parser.add_argument("--inspect", action="store_true", help="without tune")
    asked = parser.parse_args()
    sources = list(read_sources(asked.data, asked.rows))
    with tempfile.TemporaryDirectory() as scratch:
        undamaged = {source.name: _undamaged(source, Path(scratch)) for source in sources}
    outcomes: Counter[str] = Counter()
    for table in make_tables(sources, asked.tables, set(filter(None, asked.only.split(",")))):
        told = attempt(table, undamaged[table.source.name], not asked.inspect)
        outcomes["failed" if told["faults"] else f"exit code {told.get('code', 'not run')}"] += 1
        print(json.dumps(told, ensure_ascii=True), flush=True)
    print(json.dumps({"tables": asked.tables, "damages": len(DAMAGES), "outcomes": dict(outcomes)}))
    return 1 if outcomes["failed"] else 0


def _undamaged(source: Source, scratch: Path) -> Prepared | str:
    path = scratch / f"{source.name}.csv"
    path.write_text(source.text, encoding="utf-8")
    found = _inspect(path, source.targets)
    return found if isinstance(found, Prepared) else str(found)


if __name__ == "__main__":
    sys.exit(main())
