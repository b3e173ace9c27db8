"""Is the overfit verdict right where the truth is known?

Four kinds of tables are made, and the process is carried out on each from the seal to the end of growth: real
networks, the real judge. Which verdict is right follows from how a table is made, and stands in CASES. A rung that
the judge cannot tell about counts as wrong. Prints a JSON line a question, or with --markdown a confusion table.

    python -m benchmarks.overfit_cases --markdown
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from autoproc.configurations import Ladder, ladder
from autoproc.data.metrics import Metric
from autoproc.deadline import NEVER
from autoproc.finishing import make_engine
from autoproc.overfit import paired_noise
from autoproc.plan import Plan, make_plan
from autoproc.process import prepare
from autoproc.results import Baseline, Growth, Rung
from autoproc.steps.baseline import train_baseline
from autoproc.steps.growth import grow_until_overfit

OVERFITS, DOES_NOT = "overfits", "does not overfit"
WIDE = (1, 576)  # as many parameters as 3 x 32, in one layer


class Answer(NamedTuple):
    """What was asked of one run, what is right, and what the process said; `decides` whether the run is right."""

    question: str
    truth: str
    verdict: str
    decides: bool = True


class Run(NamedTuple):
    """What the process has found on one table; `wide` is the rung of WIDE where the case asks for it."""

    baseline: Baseline
    growth: Growth
    metric: Metric
    wide: Rung | None


@dataclass(frozen=True)
class Case:
    table: Callable[[int], pd.DataFrame]
    plan: dict[str, Any]
    answers: Callable[[Run], list[Answer]]
    with_wide: bool = False


def signal(n_rows: int, seed: int) -> pd.DataFrame:
    """A product of two columns and a wave in a third decide between two classes; 15 % of the labels are wrong."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((n_rows, 6))
    wrong = random.random(n_rows) < 0.15
    return _table(x, np.where((x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) > 0) ^ wrong, "a", "b"))


def noise(seed: int) -> pd.DataFrame:
    """400 development rows whose target, two classes, three or a number in turn, has nothing to do with the columns."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((500, 8))
    two, three, number = random.integers(0, 2, 500), random.integers(0, 3, 500), random.standard_normal(500)
    return _table(x, (np.array(["a", "b"])[two], np.array(["a", "b", "c"])[three], number)[seed % 3])


def checkerboard(seed: int) -> pd.DataFrame:
    """The colour of a field on a board of 6 by 6: the exclusive or of whether row and column are odd."""
    x = np.random.default_rng(seed).uniform(0, 6, (2000, 2))
    return _table(x, np.where(np.floor(x).sum(axis=1) % 2 > 0, "a", "b"))


def _table(x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(x, columns=[f"x{i}" for i in range(x.shape[1])]).assign(y=y)


def first_does_not_last_does(run: Run) -> list[Answer]:
    first, last = run.growth.rungs[0], run.growth.rungs[-1]
    return [Answer(_name(first), DOES_NOT, first.verdict.summary), Answer(_name(last), OVERFITS, last.verdict.summary)]


def no_signal_and_overfits(run: Run) -> list[Answer]:
    """A small rung may be given up before it has memorised the rows, so that it says nothing of the run."""
    *small, large = run.growth.rungs
    rungs = [Answer(_name(rung), OVERFITS, rung.verdict.summary, decides=False) for rung in small]
    return [_baseline(run, "no signal"), *rungs, Answer(_name(large), OVERFITS, large.verdict.summary)]


def none_overfits(run: Run) -> list[Answer]:
    return [Answer(_name(rung), DOES_NOT, rung.verdict.summary) for rung in run.growth.rungs]


def depth_wins(run: Run) -> list[Answer]:
    """Growth chooses the deep rung, and no rung of one layer; and a wide network of as many parameters validates worse.
    What the baseline of one small layer says is told, too."""
    assert run.wide is not None
    deep = run.growth.rungs[-1]
    lead = run.metric.gain(np.array(deep.trained.score.folds), np.array(run.wide.trained.score.folds))
    beyond = "deep beyond noise" if lead.mean() > paired_noise(lead) else "not beyond noise"
    chosen = "deep" if run.growth.best.trained.candidate.network.depth > 1 else "wide"
    versus = f"{_name(deep)} or {_name(run.wide)}"
    told = _baseline(run, "signal")._replace(decides=False)
    return [told, Answer("chosen rung", "deep", chosen), Answer(versus, "deep beyond noise", beyond)]


def _baseline(run: Run, truth: str) -> Answer:
    return Answer("baseline", truth, "signal" if run.baseline.beats_dummy else "no signal")


def _name(rung: Rung) -> str:
    return str(rung.trained.candidate.network)


# The budget of each case is its ladder and its epochs. 1 x 2 has about 200 parameters for 1,200 development rows, the
# pieces of the numbers included; the networks for noise have more than there are rows; those for much data a tenth of
# the rows at most.
CASES: dict[str, Case] = {
    "small underfits, large overfits": Case(
        lambda seed: signal(1_500, seed),
        {"growth": {"rungs": [(1, 2), (2, 128)], "max_epochs": 60}},
        first_does_not_last_does,
    ),
    "pure noise": Case(
        noise,
        {"growth": {"rungs": [(1, 64), (2, 128)], "max_epochs": 60}},
        no_signal_and_overfits,
    ),
    "more data than can be overfitted": Case(
        lambda seed: signal(12_000, seed),
        {
            "growth": {"rungs": [(1, 4), (1, 8), (2, 8)], "max_epochs": 25},
            "baseline": {"max_epochs": 10},
            "inputs": {"pieces": 16},
        },
        none_overfits,
    ),
    "depth, not width": Case(
        checkerboard,
        # Numbers in pieces would do what depth is there to do: on a board they make one layer enough.
        {"growth": {"rungs": [(1, 16), (1, 32), (3, 32)], "max_epochs": 50}, "inputs": {"pieces": 0}},
        depth_wins,
        with_wide=True,
    ),
}


def carry_out(case: Case, seed: int) -> Run:
    """From the seal to the end of growth, which begins whatever the baseline says, as with --force."""
    plan = make_plan(None, {"target": ["y"], "seed": seed, **case.plan})
    prepared, _ = prepare(plan, case.table(seed))
    folds, metric = prepared.protocol.splits, prepared.chosen.metric
    with closing(make_engine(prepared, plan, folds)) as engine:
        baseline = train_baseline(engine, prepared, plan, NEVER)
        rate = baseline.network.candidate.train.learning_rate

        def grow(capacities: Ladder) -> Growth:
            return grow_until_overfit(engine, metric, plan, capacities, rate, NEVER, lambda *_: None)

        wide = grow(Ladder(ladder(_with_rungs(plan, WIDE)))).best if case.with_wide else None
        return Run(baseline, grow(prepared.ladder), metric, wide)


def _with_rungs(plan: Plan, *rungs: tuple[int, int]) -> Plan:
    return plan.model_copy(update={"growth": plan.growth.model_copy(update={"rungs": rungs})})


def lines(name: str, case: Case, n_seeds: int) -> Iterator[dict[str, Any]]:
    """A line a question, with how often each verdict was given, and one for the runs in which all were right."""
    started = time.perf_counter()
    answers = [case.answers(carry_out(case, seed)) for seed in range(n_seeds)]
    asked = [answer for run in answers for answer in run]
    for question, truth in dict.fromkeys((answer.question, answer.truth) for answer in asked):
        verdicts = Counter(answer.verdict for answer in asked if answer.question == question)
        yield _line(name, question, truth, verdicts)
    whole = Counter("right" if all(a.truth == a.verdict for a in run if a.decides) else "wrong" for run in answers)
    yield {**_line(name, "whole run", "right", whole), "seconds": round(time.perf_counter() - started, 1)}


def _line(name: str, question: str, truth: str, verdicts: Counter[str]) -> dict[str, Any]:
    share = verdicts[truth] / verdicts.total()
    return {"case": name, "question": question, "truth": truth, "verdicts": dict(verdicts), "right": share}


def markdown(found: Sequence[dict[str, Any]]) -> str:
    """Rows: what is true; columns: what was said, the right verdict first."""
    rows = ["| case | of | truth | verdict: the truth | another verdict | right |", "|---|---|---|---|---|---|"]
    for line in found:
        verdicts = dict(line["verdicts"])
        right = verdicts.pop(line["truth"], 0)
        others = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()) or "0"
        rows.append(
            f"| {line['case']} | {line['question']} | {line['truth']} | {right} | {others} | {line['right']:.0%} |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=40, help="runs a case (default: 40)")
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES), metavar="CASE")
    parser.add_argument("--markdown", action="store_true", help="print a confusion table in the end")
    asked = parser.parse_args()
    found = []
    for name in asked.cases:
        for line in lines(name, CASES[name], asked.seeds):
            print(json.dumps(line), flush=True)
            found.append(line)
    if asked.markdown:
        print(markdown(found))


if __name__ == "__main__":
    main()
