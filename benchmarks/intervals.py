"""How often do the holdout's 95 % intervals hold what they should?

Errors are simulated whose mean is 0: of groups that differ as much between each other as within, and of series in which
each error keeps a share of the one before. Intervals are those of the verdict, beside those of rows drawn one by one,
as if none had to do with another. Prints a table; rates of N cases have a standard error of sqrt(rate (1 - rate) / N),
which is 0.013 for 0.95 of 300.

    python -m benchmarks.intervals --cases 300
"""

import argparse
from collections.abc import Callable

import numpy as np

from autoproc.data.relations import Relations
from autoproc.resampling import Resampling

GROUPS = (2, 4, 8, 15, 25, 60)
ROWS_A_GROUP = 10
SERIES = tuple((n_rows, kept) for n_rows in (100, 300, 1000) for kept in (0.0, 0.5, 0.9))
_WARM_UP = 200

Errors = Callable[[np.random.Generator], np.ndarray]


def of_groups(n_groups: int) -> Errors:
    return lambda random: (
        np.repeat(random.normal(size=n_groups), ROWS_A_GROUP) + random.normal(size=n_groups * ROWS_A_GROUP)
    )


def of_series(n_rows: int, kept: float) -> Errors:
    def errors(random: np.random.Generator) -> np.ndarray:
        steps = random.normal(size=_WARM_UP + n_rows)
        for row in range(1, len(steps)):
            steps[row] += kept * steps[row - 1]
        return steps[_WARM_UP:]

    return errors


def covered(errors: Errors, relations: Relations, n_cases: int) -> tuple[int, float]:
    """How many units are drawn, and the share of the cases whose interval holds the mean, which is 0."""
    hits = 0
    for seed in range(n_cases):
        values = errors(np.random.default_rng(seed))
        resampling = Resampling.of(values, False, relations, seed)
        low, high = resampling.estimate(lambda y, _: {"mean": np.array([y.mean()])}, values)["mean"].interval
        hits += low <= 0 <= high
    return resampling.n_units, hits / n_cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=300, help="simulated holdouts a line (default: 300)")
    n_cases = parser.parse_args().cases
    cases = [
        (f"{n} groups of {ROWS_A_GROUP}", of_groups(n), Relations(np.repeat(np.arange(n), ROWS_A_GROUP)))
        for n in GROUPS
    ]
    cases += [
        (f"{n:,} rows in time, {kept} kept", of_series(n, kept), Relations(times=np.arange(float(n))))
        for n, kept in SERIES
    ]
    print("| errors | drawn | as the verdict | by single rows |\n| --- | --- | --- | --- |")
    for title, errors, relations in cases:
        n_units, together = covered(errors, relations, n_cases)
        _, alone = covered(errors, Relations(), n_cases)
        print(f"| {title} | {n_units} | {together:.3f} | {alone:.3f} |", flush=True)


if __name__ == "__main__":
    main()
