"""What the default job reaches on each table: runs `autoproc tune` as a user would, and prints a JSON line a table.

    python -m benchmarks.default_job titanic.csv:Survived energy.csv:heating_load,cooling_load --time-limit 3m

`--markdown` prints the lines of a table instead. Seconds are wall time from start to exit; memory is the peak of the
process. Jobs go to a home of their own that is removed at the end, unless `--home` names one to keep.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

COLUMNS = ("table", "task", "metric", "dummy", "baseline", "growth", "best trial", "holdout", "trials", "s", "MB")


def run(table: str, time_limit: str, seed: int, home: str, *options: str) -> dict[str, Any]:
    """The result of one job with further `options`, with its `wall` seconds and peak of memory, `peak_mb`."""
    path, _, targets = table.rpartition(":")
    command = [sys.executable, "-m", "autoproc", "tune", path, "--target", targets, "--json", "--home", home]
    command += ["--time-limit", time_limit, "--seed", str(seed), *options]
    measured = [sys.executable, __file__, "--child", *command]
    started = time.monotonic()
    done = subprocess.run(measured, stdout=subprocess.PIPE, check=True, text=True)
    wall = time.monotonic() - started
    result, memory = done.stdout.rsplit("\n", 2)[:2]
    return {"table": Path(path).stem, "wall": wall, **json.loads(result), "peak_mb": float(memory)}


def run_child(command: list[str]) -> None:
    """Run a command, then print the peak memory of its process in MB on a line of its own."""
    import resource  # not on Windows

    subprocess.run(command, check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(peak / 1e6 if sys.platform == "darwin" else peak / 1e3, flush=True)


def line(result: dict[str, Any]) -> str:
    """One line of the Markdown table."""
    growth, best, verdict = result["growth"], result["search"]["best"], result["verdict"]
    rung = next(rung for rung in growth["rungs"] if rung["number"] == growth["chosen"])
    overfit = growth["verdict"]
    witness = next(rung for rung in growth["rungs"] if rung["number"] == overfit["rung"])
    said = f"{witness['depth']} x {witness['width']} from epoch {overfit['epoch']}" if overfit["overfit"] else "none"
    low, high = verdict["interval"]
    cells = (
        result["table"],
        result["problem"]["task"].replace("_", " "),
        result["metric"]["name"].replace("_", " "),
        number(result["baseline"]["dummy"]),
        mean(result["baseline"]["network"], result["baseline"]["network_standard_error"]),
        f"overfits: {said}; starts from {rung['depth']} x {rung['width']}",
        mean(best["score"], best["standard_error"]),
        f"**{number(verdict['score'])}** ({number(low)} to {number(high)})",
        str(result["search"]["n_trials"]),
        f"{result['wall']:.0f}",
        f"{result['peak_mb']:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def mean(score: float, standard_error: float | None) -> str:
    return number(score) if standard_error is None else f"{number(score)} ± {number(standard_error)}"


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) >= 1 else f"{value:.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", metavar="FILE:TARGET[,TARGET]")
    parser.add_argument("--time-limit", default="3m", help="for each table (default: 3m)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--home", help="keep the jobs in this folder")
    parser.add_argument("--markdown", action="store_true", help="print the lines of a Markdown table")
    asked = parser.parse_args()
    if asked.markdown:
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for table in asked.tables:
            result = run(table, asked.time_limit, asked.seed, asked.home or scratch)
            print(line(result) if asked.markdown else json.dumps(result), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        run_child(sys.argv[2:])
    else:
        main()
