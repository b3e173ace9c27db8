"""How much a random split flatters where rows hang together: the same table split at random, by group and by time.

    python -m benchmarks.splits wages.csv:wage:group=id,time=year --time-limit 1m --markdown

For each way one job, as a user would run it: the cross-validated score of the best trial with its standard error, and
the holdout's with its 95 % interval, of rows that are drawn in the same way. The interval of an honest split covers its
cross-validated score, and not that of the random split, where that one flatters. Prints a JSON line a job, or the lines
of a Markdown table.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from typing import Any

from benchmarks.default_job import mean, number, run

COLUMNS = (
    "table",
    "split",
    "metric",
    "cross-validated",
    "holdout",
    "its interval covers the cross-validated score",
    "that of the random split",
)


def ways(relations: str) -> dict[str, list[str]]:
    """Options of the random split, and of that by each column named in `group=COL,time=COL`.

    >>> list(ways("group=who,time=when")), ways("time=when")["by time"]
    (['at random', 'by group', 'by time'], ['--time', 'when'])
    """
    named = dict(pair.split("=", 1) for pair in relations.split(","))
    # At random the columns stay what they are: nobody who splits at random knows better.
    return {"at random": []} | {f"by {kind}": [f"--{kind}", column] for kind, column in named.items()}


def compare(table: str, relations: str, time_limit: str, seed: int, common: list[str]) -> Iterator[dict[str, Any]]:
    """A job for each way to split, each in a home of its own: they would share the holdout."""
    random: float | None = None
    for way, options in ways(relations).items():
        with tempfile.TemporaryDirectory() as home:
            result = run(table, time_limit, seed, home, *common, *options)
        best, verdict = result["search"]["best"], result["verdict"]
        random = best["score"] if random is None else random  # it comes first
        low, high = verdict["interval"]
        yield {
            "table": result["table"],
            "split": way,
            "metric": result["metric"]["name"],
            "cross_validated": best["score"],
            "standard_error": best["standard_error"],
            "holdout": verdict["score"],
            "holdout_interval": verdict["interval"],
            "covers_own": low <= best["score"] <= high,
            "covers_random": low <= random <= high,
        }


def line(told: dict[str, Any]) -> str:
    """One line of the Markdown table."""
    low, high = told["holdout_interval"]
    cells = (
        told["table"],
        told["split"],
        told["metric"].replace("_", " "),
        mean(told["cross_validated"], told["standard_error"]),
        f"{number(told['holdout'])} ({number(low)} to {number(high)})",
        "yes" if told["covers_own"] else "no",
        "" if told["split"] == "at random" else "yes" if told["covers_random"] else "no",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", metavar="FILE:TARGET:group=COL[,time=COL]")
    parser.add_argument("--time-limit", default="1m", help="for each job (default: 1m)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--task", help="of all tables (default: from the target)")
    parser.add_argument("--markdown", action="store_true", help="print the lines of a Markdown table")
    asked = parser.parse_args()
    common = ["--task", asked.task] if asked.task else []
    if asked.markdown:
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    for table in asked.tables:
        named, _, relations = table.rpartition(":")
        for told in compare(named, relations, asked.time_limit, asked.seed, common):
            print(line(told) if asked.markdown else json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
