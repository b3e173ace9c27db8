"""How good autoproc is beside other tools: each fits the training rows of the same outer splits within a budget, on two
cores and in a process of its own, and its predictions for the test rows are scored once.

    python -m benchmarks.quality --data DIR --seconds 120 --seeds 3 --out lines.jsonl
    python -m benchmarks.quality --out lines.jsonl --summary
    python -m benchmarks.quality --out lines.jsonl --picture seconds.svg

A JSON line a run is added to `--out`; runs that stand there are not repeated, so begin a new file for a new version of
a tool. `--data` holds the sets and their splits (see `benchmarks/peers/sets.py`). The contenders are told the metric
they are scored by and the group or time by which the rows were split, where they take it. `naive` needs the extra
`bench`; realmlp_td, tabm_d, ag_nn, ag_medium and flaml run in an environment of their own (`make bench-peers`).
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.peers.measure import ROOT, Run, measure
from benchmarks.peers.registry import CONTENDERS
from benchmarks.peers.results import Results, read_recorded
from benchmarks.peers.sets import INDEX, DataSet, read_sets

DATA = "AUTOPROC_BENCH_DATA"
HERE = [name for name, contender in CONTENDERS.items() if not contender.apart]
PEERS = ROOT / ".venv-peers" / "bin" / "python"


def runs(data: Sequence[DataSet], contenders: Sequence[str], budgets: Sequence[float], seeds: int) -> Iterator[Run]:
    """All runs, the seeds outermost: a file that is not finished compares what it has."""
    for seed, one, contender in product(range(seeds), data, contenders):
        for seconds in budgets if CONTENDERS[contender].timed else (None,):
            yield Run(contender, one, seconds, seed)


def lines_of(path: Path | None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path and path.exists() else []


def run_all(asked: argparse.Namespace, data: Sequence[DataSet]) -> None:
    done = [{key: line[key] for key in ("set", "contender", "seconds", "seed")} for line in lines_of(asked.out)]
    for run in runs(data, asked.contenders or HERE, asked.seconds, asked.seeds):
        if run.key in done:
            continue
        text = json.dumps(measure(run, asked.peers_python if CONTENDERS[run.contender].apart else sys.executable))
        print(text, flush=True)
        if asked.out:
            with asked.out.open("a") as out:
                out.write(f"{text}\n")


def tell(asked: argparse.Namespace) -> None:
    """The tables and the picture of the lines so far."""
    from benchmarks.peers.picture import draw
    from benchmarks.peers.summary import LEGEND, summary

    names, recorded = asked.contenders or list(CONTENDERS), read_recorded()
    lines = [line for line in lines_of(asked.out) if line["contender"] in names]
    results = Results.of(lines, recorded[recorded["contender"].isin(names)])
    if asked.summary:
        print("\n".join([LEGEND, *(line for seconds in asked.seconds for line in ("", *summary(results, seconds)))]))
    if asked.picture:
        draw(results, asked.picture)


def parse() -> tuple[argparse.Namespace, list[DataSet]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get(DATA), help=f"the sets' folder (default: ${DATA})")
    parser.add_argument("--sets", nargs="+", metavar="NAME", help="(default: all)")
    parser.add_argument(
        "--contenders", nargs="+", choices=CONTENDERS, metavar="NAME", help=f"(default: {', '.join(HERE)})"
    )
    parser.add_argument("--seconds", nargs="+", type=float, default=[120], help="budgets of a run (default: 120)")
    parser.add_argument("--seeds", type=int, default=1, help="runs with seeds 0, 1, ... (default: 1)")
    parser.add_argument("--out", type=Path, help="add the lines to this file, and go on where it ends")
    parser.add_argument("--peers-python", default=str(PEERS), help="interpreter of the peers (default: .venv-peers')")
    parser.add_argument("--summary", action="store_true", help="print the table of the lines in --out; runs nothing")
    parser.add_argument("--picture", type=Path, help="draw the lines in --out as an SVG file; runs nothing")
    asked = parser.parse_args()
    if asked.summary or asked.picture:
        if not lines_of(asked.out):
            parser.error("--summary and --picture tell of lines in --out, and there are none")
        return asked, []
    if not asked.data or not (asked.data / INDEX).exists():
        parser.error(f"no data: name a folder with {INDEX} by --data or ${DATA}")
    data = list(read_sets(asked.data))
    known = [one.name for one in data]
    if unknown := set(asked.sets or ()) - set(known):
        parser.error(f"no such sets: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if any(CONTENDERS[name].apart for name in asked.contenders or ()) and not Path(asked.peers_python).exists():
        parser.error(f"no interpreter {asked.peers_python} for the peers: `make bench-peers` sets it up")
    return asked, [one for one in data if not asked.sets or one.name in asked.sets]


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a run's process ends with this one
    asked, data = parse()
    if data:
        run_all(asked, data)
    else:
        tell(asked)


if __name__ == "__main__":
    main()
