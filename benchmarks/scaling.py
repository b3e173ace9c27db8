"""What a job takes as its table grows: peak of memory, wall and processor seconds, as a whole and step by step.

    python -m benchmarks.scaling --out lines.jsonl
    python -m benchmarks.scaling --out lines.jsonl --show --markdown --picture docs/pictures/scaling.svg

Tables are made by a seed: numbers, whole numbers and categories, a twentieth of the cells missing in every other
column, and two classes that follow from the first ten columns. One series has ever more rows of 50 columns, the other
ever more columns of 1,000 rows; `--sizes 1000000x50` runs others. Each job is `autoproc tune` with its defaults but for
`--trials`, `--time-limit` and `--epochs`, in a process of its own; memory is that of the process and all its children,
looked at ten times a second, and the peak of the process itself as the system tells it. Prints a JSON line a job; the
table is kept in the folder `--tables` if that is given.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import yaml
from numpy.typing import NDArray
from pyarrow.csv import CSVWriter, WriteOptions

ROOT = Path(__file__).parents[1]
ROWS = (1_000, 10_000, 100_000, 1_000_000)
COLUMNS = (10, 100, 1_000, 5_000)
N_COLUMNS, N_ROWS = 50, 1_000
TELLING = 10  # columns that the target follows from
KINDS = ("number", "number", "count", "word", "number")
BLOCK_CELLS = 2_500_000  # that are made and written at a time
POLL_SECONDS = 0.1
STEPS = ("prepare", "baseline", "references", "growth", "search", "fresh folds", "export", "holdout", "report")


class Size(NamedTuple):
    rows: int
    columns: int

    @classmethod
    def read(cls, text: str) -> "Size":
        """Of `1000000x50`."""
        rows, columns = map(int, text.split("x"))
        return cls(rows, columns)

    def __str__(self) -> str:
        return f"{self.rows}x{self.columns}"


def write_table(path: Path, size: Size, seed: int) -> None:
    """The table as CSV, a block of rows at a time; its rows follow from size and seed."""
    random = np.random.default_rng([seed, *size])
    words = [np.array([f"w{i}" for i in range(3 + 7 * (column % 5))]) for column in range(size.columns)]
    block = max(1, BLOCK_CELLS // size.columns)
    writer = None
    for start in range(0, size.rows, block):
        table = _block(random, min(block, size.rows - start), words)
        writer = writer or CSVWriter(path, table.schema, write_options=WriteOptions(quoting_style="none"))
        writer.write(table)
    assert writer
    writer.close()


def _block(random: np.random.Generator, n_rows: int, words: Sequence[NDArray[np.str_]]) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    signal = random.normal(size=n_rows)
    for place, mine in enumerate(words):
        kind = KINDS[place % len(KINDS)]
        if kind == "number":
            numbers = random.normal(size=n_rows)
            cells, told = np.round(numbers * 10 ** (place % 4), 4), np.sin(2 * numbers)
        elif kind == "count":
            cells = random.poisson(20, n_rows)
            told = (cells - 20) / 10
        else:
            which = random.integers(len(mine), size=n_rows)
            cells, told = mine[which], (which % 3 == 0).astype(float)
        if place < TELLING:
            signal += told
        missing = random.random(n_rows) < 0.05 if place % 2 else None
        columns[f"x{place}"] = pa.array(cells, mask=missing)
    columns["y"] = pa.array(np.where(signal > 1.2, "yes", "no"))
    return pa.table(columns)


@dataclass(frozen=True)
class Job:
    """What is asked of each job; `epochs` is the most of each training, None: the plan's defaults."""

    trials: int
    time_limit: str
    seed: int
    epochs: int | None
    options: tuple[str, ...]

    def command(self, table: Path, home: Path) -> list[str]:
        tune = ["tune", str(table), "--target", "y", "--json", "--quiet", "--home", str(home), "--seed", str(self.seed)]
        tune += ["--trials", str(self.trials), "--time-limit", self.time_limit, *self.options]
        if self.epochs is not None:
            plan = {section: {"max_epochs": self.epochs} for section in ("baseline", "growth", "train")}
            (home / "plan.yaml").write_text(yaml.safe_dump({**plan, "force": True}), encoding="utf-8")
            tune += ["--config", str(home / "plan.yaml")]
        return [sys.executable, "-m", "autoproc", *tune]


def measure(size: Size, asked: Job, tables: Path) -> dict[str, Any]:
    """Make the table, where it is not there yet, run the job, and tell what it took."""
    path = tables / f"{size}.csv"
    if not path.exists():
        write_table(path, size, asked.seed)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    with TemporaryDirectory(dir=tables) as home, TemporaryFile() as out, TemporaryFile() as err:
        before, started = os.times(), time.monotonic()
        command = asked.command(path, Path(home))
        job = subprocess.Popen(command, stdout=out, stderr=err, env=environment)
        peak_together, peak_alone, peak_at = _watch(job)
        wall, after = time.monotonic() - started, os.times()
        out.seek(0)
        err.seek(0)
        told, said = json.loads(out.read() or "{}"), err.read().decode()
    line = {
        "rows": size.rows,
        "columns": size.columns,
        "csv_mb": round(path.stat().st_size / 1e6, 1),
        "code": job.returncode,
        "peak_mb": round(max(peak_together, peak_alone) / 1e6),
        "peak_of_the_process_mb": round(peak_alone / 1e6),
        "peak_at": round(peak_at, 1),  # seconds since its start
        "wall": round(wall, 1),
        "cpu": round(after.children_user + after.children_system - before.children_user - before.children_system, 1),
        "trials": asked.trials,
        "time_limit": asked.time_limit,
        "epochs": asked.epochs,
    }
    if job.returncode:
        return line | {"said": said.strip()[-2_000:]}
    search = told["search"]
    return line | {
        "estimated_mb": round(told["memory"]["estimated"] / 1e6),
        "steps": {step: told["seconds"][step] for step in STEPS if step in told["seconds"]},
        "rungs": len(told["growth"]["rungs"]),
        "n_trials": search["n_trials"],
        "stopped_by": search["stopped_by"],
        "score": told["verdict"]["score"],
        "warnings": told["warnings"],
    }


def _watch(job: "subprocess.Popen[bytes]") -> tuple[int, int, float]:
    """Wait for the end; the most bytes of the process and its children together, and of the process alone, and when it
    was that these had come to that."""
    together, alone, at, started = 0, 0, 0.0, time.monotonic()
    while job.poll() is None:
        together = max(together, sum(_status(process, "VmRSS:") for process in _family(job.pid)))
        peak = _status(job.pid, "VmHWM:")
        if peak > alone:
            alone, at = peak, time.monotonic() - started
        time.sleep(POLL_SECONDS)
    return together, alone, at


def _family(parent: int) -> Iterator[int]:
    """A process with its children, and theirs."""
    yield parent
    with suppress(OSError):
        for thread in Path(f"/proc/{parent}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _family(int(child))


def _status(process: int, name: str) -> int:
    """Bytes; 0 of a process that has just ended."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))
    return 0


def markdown(lines: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield "| rows | columns | CSV | peak of memory | wall | CPU | prepare | growth | search | trials | a step of most |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for line in lines:
        head = f"| {line['rows']:,} | {line['columns']:,} | {line['csv_mb']:,.0f} MB | {line['peak_mb']:,} MB"
        head += f" | {line['wall']:,.0f} s | {line['cpu']:,.0f} s"
        if line["code"]:
            yield f"{head} | refused or failed (code {line['code']}) | | | | |"
            continue
        steps = line["steps"]
        longest = max(steps, key=steps.get)
        cells = [f"{steps[name]:,.0f} s" for name in ("prepare", "growth", "search")]
        yield f"{head} | {' | '.join(cells)} | {line['n_trials']} | {longest}: {steps[longest]:,.0f} s |"


def draw(lines: Sequence[dict[str, Any]], path: Path) -> None:
    """Memory and seconds over rows and over columns, on logarithmic axes; dashed: as if they grew with the table."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(9, 6), layout="constrained", sharey="row")
    done = [line for line in lines if not line["code"]]
    series = {
        "rows": [line for line in done if line["columns"] == N_COLUMNS],
        "columns": [line for line in done if line["rows"] == N_ROWS and line["columns"] != N_COLUMNS],
    }
    for place, (grows, mine) in enumerate(series.items()):
        ordered = sorted(mine, key=lambda line: int(line[grows]))
        sizes = [line[grows] for line in ordered]
        for panel, keys in zip(axes[:, place], (("peak_mb",), ("cpu", "wall")), strict=True):
            for key in keys:
                panel.plot(sizes, [line[key] for line in ordered], marker="o", label=key.replace("_", " "))
            if ordered:
                last, size = ordered[-1][keys[0]], sizes[-1]
                panel.plot(sizes, [last * each / size for each in sizes], "--", color="grey", label="linear")
            panel.set(xscale="log", yscale="log", xlabel=f"{grows}", ylabel="MB" if keys[0] == "peak_mb" else "seconds")
            panel.legend(fontsize="small")
    axes[0, 0].set_title(f"rows, of {N_COLUMNS} columns", fontsize="medium")
    axes[0, 1].set_title(f"columns, of {N_ROWS:,} rows", fontsize="medium")
    figure.savefig(path)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = [*(Size(rows, N_COLUMNS) for rows in ROWS), *(Size(N_ROWS, columns) for columns in COLUMNS)]
    parser.add_argument("--sizes", nargs="+", type=Size.read, default=usual, metavar="ROWSxCOLUMNS")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--time-limit", default="30m", help="for each job (default: 30m)")
    parser.add_argument("--epochs", type=int, help="most epochs of each training: memory is nearly that of a whole job")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tables", type=Path, help="folder of the tables, which are kept there")
    parser.add_argument("--options", default="", help="further options of autoproc tune, as one text")
    parser.add_argument("--out", type=Path, help="file that the lines are added to")
    parser.add_argument("--show", action="store_true", help="run nothing, and show what --out has")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--picture", type=Path, metavar="SVG")
    asked = parser.parse_args()
    job = Job(asked.trials, asked.time_limit, asked.seed, asked.epochs, tuple(asked.options.split()))
    lines: list[dict[str, Any]] = []
    with TemporaryDirectory() as folder:
        tables = asked.tables or Path(folder)
        tables.mkdir(parents=True, exist_ok=True)
        for size in [] if asked.show else asked.sizes:
            line = measure(size, job, tables)
            lines.append(line)
            print(json.dumps(line), flush=True)
            if asked.out:
                with asked.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
    if asked.show:
        lines = [json.loads(line) for line in asked.out.read_text(encoding="utf-8").splitlines()]
    if asked.markdown:
        print("\n".join(markdown(lines)))
    if asked.picture:
        draw(lines, asked.picture)


if __name__ == "__main__":
    main()
