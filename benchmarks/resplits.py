"""What the numbers of a job are worth, on re-splits of real tables: how far the search flatters itself, which rule
picks the winner best, how often the pick is worse than the default configuration, whether the holdout's interval
covers, which kind of final model is best, and whether a temperature found out of fold lowers the log loss.

    python -m benchmarks.resplits titanic.csv:Survived adult.csv:income --seeds 12 --time-limit 1m --out lines.jsonl
    python -m benchmarks.resplits --summary lines.jsonl

For each table and seed half of the rows are set aside before anything else. The other half goes through the process as
a user would run it, with a holdout of its own. What it came to is then scored on the half that was set aside, which
nobody has seen, and which is large beside the holdout. A JSON line a run is added to `--out`; runs that stand there are
not repeated.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from autoproc.calibration import with_temperature
from autoproc.configurations import final_kind
from autoproc.data.metrics import METRICS, Metric
from autoproc.data.problem import encode_target
from autoproc.data.scores import log_loss
from autoproc.data.table import read_table
from autoproc.deadline import Deadline
from autoproc.finishing import Engines, decide_by_out_of_fold, final_networks, select_winner
from autoproc.network.predictor import Predictor
from autoproc.optimism import between_folds
from autoproc.outcomes import DEFAULT, Calibration, Finalist, Receipt, Selection
from autoproc.plan import Plan, make_plan
from autoproc.prepared import Prepared
from autoproc.process import SEARCH_SHARE, prepare
from autoproc.resampling import Resampling
from autoproc.results import Score, Weights
from autoproc.space_file import load_space
from autoproc.steps.baseline import train_baseline
from autoproc.steps.growth import grow_until_overfit
from autoproc.steps.search import search_regularisation
from autoproc.steps.selection import pick
from benchmarks.quality import lines_of

UNUSED_SHARE = 0.5
KINDS = ("folds", "refit", "refits", "ensemble")


def run(table: str, seed: int, time_limit: str, options: dict[str, Any]) -> dict[str, Any]:
    """One re-split: what the process came to, and what it is worth on the rows that were set aside."""
    path, _, targets = table.rpartition(":")
    overrides = {"target": targets.split(","), "time_limit": time_limit, "seed": seed, **options}
    plan = make_plan(None, overrides)
    frame = read_table(path).frame
    unused = np.random.default_rng(seed).permutation(len(frame)) < UNUSED_SHARE * len(frame)
    deadline = Deadline.after(plan.time_limit)
    prepared, holdout = prepare(plan, frame[~unused].reset_index(drop=True))
    selection, finals, calibrations = tune(prepared, plan, deadline)
    unused_rows = frame[unused].reset_index(drop=True)
    score = on_rows(prepared, unused_rows)
    # A benchmark, not a job: nothing is exported, and no receipt is left behind.
    opened = holdout.open(Receipt(holdout.key, "", "benchmark", prepared.fingerprint, 1, None, ""))
    metric, problem, exported = prepared.chosen.metric, prepared.problem, final_kind(plan)
    return {
        "table": Path(path).stem,
        "seed": seed,
        "metric": metric.name,
        "direction": metric.direction,
        "options": options,
        "finalists": [told(each, score) for each in selection.finalists],
        "winner": selection.winner.trial.number,
        "optimism": selection.optimism and [selection.optimism.score, *selection.optimism.interval],
        "finals": {kind: score(weights).tolist()[0] for kind, weights in finals.items()},
        "calibration": {
            kind: tempered_losses(prepared, finals[kind], calibrations[kind], unused_rows) for kind in calibrations
        },
        "judged": exported,
        "holdout": judged(prepared, finals[exported], encode_target(opened.table, problem), opened.table.frame),
        "n_holdout": holdout.n_rows,
        "n_unused": int(unused.sum()),
    }


def tune(
    prepared: Prepared, plan: Plan, deadline: Deadline
) -> tuple[Selection, dict[str, Weights], dict[str, Calibration]]:
    """The process from the baseline to the final model, of which all kinds are made; and what the temperatures of
    those of fold networks would be."""
    metric = prepared.chosen.metric
    engines = Engines(prepared, plan, print)
    with engines.open(*prepared.protocol.fold_sets) as engine:
        until = deadline.share(plan.baseline.time_share)
        baseline = train_baseline(engine, prepared, plan, until)
        rate = baseline.network.candidate.train.learning_rate
        until = deadline.share(plan.growth.time_share)
        growth = grow_until_overfit(engine, metric, plan, prepared.ladder, rate, until, lambda *of_rung: None)
        until = deadline.share(SEARCH_SHARE)
        space = load_space(plan.space).fitting(plan, minds_classes=metric.class_weights > 0)
        ignore, again = lambda *told: None, prepared.protocol.again
        search = search_regularisation(engine, metric, plan, space, growth, until, ignore, again)
    selection = select_winner(engines, search, until, ignore)
    networks = {
        kind: final_networks(replace(engines, plan=plan.model_copy(update={"final": kind})), selection)
        for kind in KINDS
    }
    finals = {kind: final.weights for kind, final in networks.items()}
    calibrations = {
        kind: calibration
        for kind in ("folds", "ensemble")
        if (calibration := decide_by_out_of_fold(prepared, selection.winner, networks[kind], plan).calibration)
    }
    finals["folds of the search"] = selection.winner.trained.weights
    return selection, finals, calibrations


def tempered_losses(
    prepared: Prepared, weights: Weights, calibration: Calibration, frame: pd.DataFrame
) -> dict[str, Any]:
    """The log loss on rows, of the networks' average as it is and with the temperature."""
    y, matrix = encode_target(read_table(frame), prepared.problem).astype(np.int64), prepared.schema.matrix(frame)
    average = Predictor(prepared.problem.task, prepared.schema.layout, weights).mean
    losses = [
        float(log_loss(y, with_temperature(average, temperature)(matrix)[None])[0])
        for temperature in (1.0, calibration.temperature)
    ]
    return {"temperature": calibration.temperature, "used": calibration.used, "plain": losses[0], "tempered": losses[1]}


def on_rows(prepared: Prepared, frame: pd.DataFrame) -> Callable[[Weights], np.ndarray]:
    """Scores networks on rows: that of their average, then each network's own."""
    matrix, targets = prepared.schema.matrix(frame), encode_target(read_table(frame), prepared.problem)

    def score(weights: Weights) -> np.ndarray:
        predictor = Predictor(prepared.problem.task, prepared.schema.layout, weights)
        return prepared.chosen.metric(
            targets, np.concatenate([predictor.mean(matrix)[None], predictor.members(matrix)])
        )

    return score


def told(finalist: Finalist, score: Callable[[Weights], np.ndarray]) -> dict[str, Any]:
    """A finalist's scores; on the rows set aside `unused` is that of their average, `single` the mean of their own."""
    scores, fresh = score(finalist.trained.weights), finalist.fresh
    return {
        "number": finalist.trial.number,
        "search": list(finalist.trained.score.folds),
        "fresh": list(fresh.score.folds) if fresh and not fresh.failed else None,
        "unused": float(scores[0]),
        "single": float(scores[1:].mean()),
    }


def judged(prepared: Prepared, weights: Weights, targets: np.ndarray, frame: pd.DataFrame) -> list[float]:
    """The holdout's score with its interval, as the verdict has it."""
    metric, problem = prepared.chosen.metric, prepared.problem
    predictions = Predictor(problem.task, prepared.schema.layout, weights).mean(prepared.schema.matrix(frame))
    resampling = Resampling(targets, problem.is_classification, 0)
    estimate = resampling.estimate(lambda y, predicted: {"score": metric(y, predicted)}, predictions)["score"]
    return [estimate.score, *estimate.interval]


# What the lines come to.

Rule = Callable[[Sequence[dict[str, Any]], Metric], dict[str, Any]]


def by_search(finalists: Sequence[dict[str, Any]], metric: Metric) -> dict[str, Any]:
    return finalists[0]


def by_fresh(finalists: Sequence[dict[str, Any]], metric: Metric) -> dict[str, Any]:
    return finalists[metric.argbest(np.array([np.mean(each["fresh"]) for each in finalists]))]


def by_both(finalists: Sequence[dict[str, Any]], metric: Metric) -> dict[str, Any]:
    return finalists[pick([(score_of(each["search"]), score_of(each["fresh"])) for each in finalists], metric)]


def default_unless_beaten(finalists: Sequence[dict[str, Any]], metric: Metric) -> dict[str, Any]:
    """The best on fresh folds, if it beats the default there by one standard error, paired by fold."""
    best, default = by_fresh(finalists, metric), default_of(finalists)
    lead = Score.of(np.asarray(metric.gain(np.array(best["fresh"]), np.array(default["fresh"]))))
    return best if lead.mean > np.nan_to_num(lead.standard_error) else default


def always_default(finalists: Sequence[dict[str, Any]], metric: Metric) -> dict[str, Any]:
    return default_of(finalists)


RULES: dict[str, Rule] = {
    "best in the search": by_search,
    "best on fresh folds": by_fresh,
    "best on both, by their errors": by_both,
    "default unless beaten by one standard error": default_unless_beaten,
    "always the default": always_default,
}


def default_of(finalists: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return next(each for each in finalists if each["number"] == DEFAULT)


def score_of(folds: Sequence[float]) -> Score:
    return Score.of(np.array(folds))


def summary(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The Markdown tables. Gains are in standard errors of the default's cross-validated score, so that tables and
    metrics can be averaged; positive: better."""
    usable = [line for line in lines if any(each["number"] == DEFAULT and each["fresh"] for each in line["finalists"])]
    yield f"{len(lines)} runs, {len(usable)} with the default on fresh folds."
    yield from rule_lines(usable)
    yield from optimism_lines(usable)
    yield from coverage_lines(lines)
    yield from kind_lines(lines)
    yield from calibration_lines([line for line in lines if line.get("calibration")])


def rescored(line: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in line["finalists"] if each["fresh"]]


def unit(line: dict[str, Any]) -> float:
    """A standard error of the default's cross-validated score."""
    return score_of(default_of(line["finalists"])["search"]).standard_error


def rule_lines(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "\n| rule | gain over the default, standard errors | worse than the default | mean rank |\n|---|---|---|---|"
    gains: dict[str, list[float]] = {name: [] for name in RULES}
    for line in lines:
        metric, default = metric_of(line), default_of(line["finalists"])["unused"]
        for name, rule in RULES.items():
            gains[name].append(float(metric.gain(rule(rescored(line), metric)["unused"], default)) / unit(line))
    ranks = mean_ranks(np.array(list(gains.values())))
    for (name, values), rank in zip(gains.items(), ranks, strict=True):
        worse = f"{sum(value < 0 for value in values)} of {len(values)}"
        yield f"| {name} | {mean_and_error(values)} | {worse} | {rank:.2f} |"


def optimism_lines(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """How much better a score is than that of the same single networks on the rows set aside."""
    yield (
        "\n| table | search's best, in the search | the pick, on fresh folds | default, in the search "
        "| difference told: search to fresh, covered |\n|---|---|---|---|---|"
    )
    for table in dict.fromkeys(line["table"] for line in lines):
        mine = [line for line in lines if line["table"] == table]
        columns: list[list[float]] = [[], [], []]
        covered = 0
        for line in mine:
            metric, finalists = metric_of(line), rescored(line)
            first, picked, default = (rule(finalists, metric) for rule in (by_search, by_both, always_default))
            for column, (which, folds) in zip(
                columns, ((first, "search"), (picked, "fresh"), (default, "search")), strict=True
            ):
                column.append(float(metric.gain(np.mean(which[folds]), which["single"])) / unit(line))
            told = between_folds(score_of(first["search"]), score_of(first["fresh"]), metric)
            truth = float(metric.gain(np.mean(first["search"]), first["single"]))
            covered += told.interval[0] <= truth <= told.interval[1]
        cells = [mean_and_error(column) for column in columns]
        yield f"| {table} | {' | '.join(cells)} | {covered} of {len(mine)} |"


def coverage_lines(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "\n| table | the holdout's interval covers the score on the rows set aside | their rows |\n|---|---|---|"
    for table in dict.fromkeys(line["table"] for line in lines):
        mine = [line for line in lines if line["table"] == table]
        covered = sum(line["holdout"][1] <= line["finals"][line["judged"]] <= line["holdout"][2] for line in mine)
        yield f"| {table} | {covered} of {len(mine)} | {mine[0]['n_holdout']:,}, {mine[0]['n_unused']:,} |"


def kind_lines(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    kinds = [kind for kind in lines[0]["finals"] if all(kind in line["finals"] for line in lines)]
    yield "\n| final model | mean rank | gain over one refit, standard errors |\n|---|---|---|"
    gains = np.array(
        [
            [float(metric_of(line).gain(line["finals"][kind], line["finals"]["refit"])) / unit(line) for line in lines]
            for kind in kinds
        ]
    )
    for kind, values, rank in zip(kinds, gains, mean_ranks(gains), strict=True):
        yield f"| {kind} | {rank:.2f} | {mean_and_error(values)} |"


def calibration_lines(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Log losses on the rows set aside; by the rule they are tempered only where that helps out of fold."""
    if lines:
        yield (
            "\n| table, final model | temperature, mean | used | log loss: plain | tempered | by the rule "
            "| the rule helps |\n|---|---|---|---|---|---|---|"
        )
    for table, kind in product(dict.fromkeys(line["table"] for line in lines), ("folds", "ensemble")):
        mine = [line["calibration"][kind] for line in lines if line["table"] == table]
        ruled = np.array([each["tempered"] if each["used"] else each["plain"] for each in mine])
        plain, tempered = (np.array([each[key] for each in mine]) for key in ("plain", "tempered"))
        cells = (
            f"{table}, {kind}",
            f"{np.mean([each['temperature'] for each in mine]):.2f}",
            f"{sum(each['used'] for each in mine)} of {len(mine)}",
            *(f"{values.mean():.4f}" for values in (plain, tempered, ruled)),
            f"{sum(ruled < plain)} of {sum(each['used'] for each in mine)}",
        )
        yield f"| {' | '.join(cells)} |"


def metric_of(line: dict[str, Any]) -> Metric:
    return METRICS[line["metric"]]


def mean_ranks(gains: np.ndarray) -> np.ndarray:
    """Mean rank (1: best; ties share) of each row of (rules, runs)."""
    return np.asarray(rankdata(-gains, axis=0).mean(axis=1))


def mean_and_error(values: Sequence[float] | np.ndarray) -> str:
    return f"{np.mean(values):+.2f} ± {np.std(values, ddof=1) / math.sqrt(len(values)):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="FILE:TARGET[,TARGET]")
    parser.add_argument("--seeds", type=int, default=12, help="re-splits of each table (default: 12)")
    parser.add_argument("--time-limit", default="1m", help="for each run (default: 1m)")
    parser.add_argument("--options", type=json.loads, default={}, help="more of the plan, as JSON")
    parser.add_argument("--out", type=Path, help="add the lines to this file, and go on where it ends")
    parser.add_argument("--summary", type=Path, help="print the tables of a file's lines; runs nothing")
    asked = parser.parse_args()
    if asked.summary:
        print("\n".join(summary([json.loads(line) for line in asked.summary.read_text().splitlines()])))
        return
    done = lines_of(asked.out)
    known = {(line["table"], line["seed"], json.dumps(line["options"])) for line in done}
    for seed in range(asked.seeds):
        for table in asked.tables:
            if (Path(table.rpartition(":")[0]).stem, seed, json.dumps(asked.options)) in known:
                continue
            text = json.dumps(run(table, seed, asked.time_limit, asked.options))
            print(text, flush=True)
            if asked.out:
                with asked.out.open("a") as out:
                    out.write(f"{text}\n")


if __name__ == "__main__":
    main()
