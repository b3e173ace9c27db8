"""Whether every plan file that is read can also be carried out, or fails by an error with a name: plans drawn from the
plan's own schema, odd values and far ends included, each on a table of 120 rows, from the file to the verdict. Half
of them are odd in a few places alone, so that they come that far.

    python -m benchmarks.plan_fuzz --minutes 10

Prints a JSON line for each plan that ends otherwise, with its traceback, and a summary; exit code 1 if there is one.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings

from autoproc.errors import AutoprocError
from autoproc.plan import make_plan
from autoproc.process import tune
from tests.end_to_end import tables
from tests.plan_files import nearly_usual_plan_files, plan_files

SECONDS = 5
"""Time limit of a job; plans without one have it too."""
EXAMPLES = 20
FRAME = tables.table(n_rows=120)


def carry_out(values: dict[str, Any], folder: Path) -> str:
    """What came of the plan in these values: `done`, or the name of an error of the user. Raises what is neither."""
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    try:
        plan = make_plan(path)
        limit = min(plan.time_limit or SECONDS, SECONDS)
        tune(plan.model_copy(update={"home": str(folder / "home"), "time_limit": limit, "data": None}), FRAME)
    except AutoprocError as error:
        return type(error).__name__
    return "done"


def attempt(number: int, until: float, outcomes: Counter[str], folder: Path) -> None:
    """Carry out some plans of one seed, until the time is over."""

    @seed(number)
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate], derandomize=False,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(values=plan_files() | nearly_usual_plan_files())
    def run(values: dict[str, Any]) -> None:
        if time.monotonic() > until:
            return
        try:
            # Each with a home of its own: a holdout is opened once.
            with tempfile.TemporaryDirectory(dir=folder) as own, contextlib.redirect_stderr(None):
                outcome = carry_out(values, Path(own))
        except Exception as error:  # whatever it is, it is what is looked for
            outcome = "failed"
            told = {"plan": values, "error": repr(error)[:500], "traceback": traceback.format_exc()[-2_000:]}
            print(json.dumps(told), flush=True)
        outcomes[outcome] += 1

    run()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, metavar="N", help="how long to draw plans")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="where to begin")
    asked = parser.parse_args()
    until, number, outcomes = time.monotonic() + 60 * asked.minutes, asked.seed, Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < until:
            attempt(number, until, outcomes, Path(folder))
            number += 1
    print(json.dumps({"plans": outcomes.total(), "outcomes": dict(outcomes), "seeds": [asked.seed, number]}))
    return 1 if outcomes["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
