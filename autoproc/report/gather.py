"""From a job's facts to what it keeps for its report."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import numpy as np

from autoproc.calibration import tempered
from autoproc.format import format_score
from autoproc.optimism import of_mean
from autoproc.outcomes import Estimate, FinalNetworks, Search, Selection, Verdict
from autoproc.prepared import Prepared
from autoproc.report import phrases
from autoproc.report.evidence import (
    Card,
    ColumnFacts,
    Curve,
    DataFacts,
    Evidence,
    FoldScores,
    Number,
    Point,
    Predictions,
    Remark,
    RungFacts,
    SearchFacts,
    Tone,
    TrainingFacts,
    TrialFacts,
)
from autoproc.report.facts import JobFacts
from autoproc.report.predictions import histogram, summarised
from autoproc.report.story import story
from autoproc.report.text import visible
from autoproc.results import FloatArray, Growth, Rung, Score, Trained, Trial, carry_forward

Settings = dict[str, str | int | float]


def gather(
    facts: JobFacts,
    prepared: Prepared,
    settings: Settings,
    run_id: str,
    final: FinalNetworks | None = None,
) -> Evidence:
    """What is known of a job at its end, whatever that was. `final` are the networks that were exported, if any."""
    verdict, selection = facts.verdict, facts.selection
    return Evidence(
        run_id=run_id,
        finished=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        table=visible(facts.table_name),
        targets=[visible(name) for name in facts.problem.targets],
        task=facts.problem.task,
        metric=facts.metric,
        direction=facts.metric_direction,
        story=story(replace(facts, views=())),  # links lead nowhere from a file
        cards=list(_cards(facts)),
        remarks=list(_remarks(facts)),
        data=_data(prepared),
        settings={name: visible(value) if isinstance(value, str) else value for name, value in settings.items()},
        seconds=facts.seconds or 0.0,
        folds=list(_fold_scores(facts)),
        rungs=[_rung(rung, facts.growth) for rung in facts.growth.rungs] if facts.growth else [],
        search=_search(facts.search, selection) if facts.search else None,
        trainings=list(_trainings(facts.search, selection)),
        worth=list(_worth(selection, verdict)) if selection else [],
        exported=_point("exported model", verdict.holdout) if verdict else None,
        others=[_point(each.name, each.holdout) for each in verdict.references] if verdict else [],
        receipt=phrases.opening_text(verdict) if verdict else None,
        predictions=_predictions(facts, prepared, final) if selection and final else None,
    )


def _cards(facts: JobFacts) -> Iterator[Card]:
    verdict, selection = facts.verdict, facts.selection
    title = phrases.metric_title(facts.metric)
    better = "higher is better" if facts.metric_direction == "maximize" else "lower is better"
    if verdict:
        low, high = verdict.holdout.interval
        interval = "no interval" if np.isnan(low) else f"95 %: {format_score(low)} to {format_score(high)}"
        mark = "RE-USED; " if verdict.receipt.opening > 1 else ""
        yield Card(f"{title} on the holdout", format_score(verdict.holdout.score), f"{mark}{interval}; {better}")
        yield Card("dummy", format_score(verdict.dummy), "on the same rows")
        for each in verdict.references:
            low, high = each.holdout.interval
            interval = "" if np.isnan(low) else f"95 %: {format_score(low)} to {format_score(high)}"
            yield Card(each.name, format_score(each.holdout.score), interval)
        return
    if selection:
        yield Card(f"{title}, cross-validated", phrases.score_text(selection.winner.trial.score), better)
    elif facts.baseline:
        yield Card(f"{title} of the baseline", phrases.trained_text(facts.baseline.network), better)
    if facts.baseline:
        yield Card("dummy", phrases.score_text(facts.baseline.dummy), "on the same folds")


def _remarks(facts: JobFacts) -> Iterator[Remark]:
    """What speaks for the score, and what against it."""
    verdict, selection, growth = facts.verdict, facts.selection, facts.growth
    if facts.stopped_by:
        yield Remark("bad", visible(f"Stopped: {facts.stopped_by}"))
    if facts.baseline and not facts.baseline.beats_dummy:
        yield Remark("bad", visible(f"The baseline does not beat the dummy beyond noise: {facts.baseline.reason}."))
    if verdict:
        again = verdict.receipt.opening > 1
        opened = f"The holdout ({verdict.n_rows:,} rows) was {phrases.opening_text(verdict)}"
        yield Remark("bad" if again else "good", f"{opened}{'; its score may be too good' if again else ''}.")
        for each in verdict.references:
            low = each.lead.interval[0]
            tone: Tone = "bad" if each.is_better else "good" if low > 0 else "neutral"
            yield Remark(tone, f"Beside {each.name}: {phrases.standing_text(each)}.")
    if facts.search and facts.search.advice:
        yield Remark("bad", visible(f"Failures: {facts.search.advice}"))
    if selection and selection.optimism:
        told = phrases.optimism_text(selection.finalists[0].trial.number, selection.optimism)
        yield Remark("neutral" if selection.optimism.score > 0 else "good", _sentence(told))
    if growth:
        yield Remark("neutral", _sentence(visible(growth.reason)))
    for warning in facts.warnings:
        yield Remark("bad", visible(warning))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _data(prepared: Prepared) -> DataFacts:
    problem, protocol, matrix = prepared.problem, prepared.protocol, prepared.matrix
    starts = dict(zip(prepared.schema.columns, prepared.schema.first_columns, strict=True))
    coded = {column for column, _ in (*prepared.schema.layout.one_hot, *prepared.schema.layout.embedded)}

    def missing(name: str) -> int | None:
        if name not in starts:
            return None
        cells = matrix[:, starts[name]]
        return int(np.sum(cells == 0)) if starts[name] in coded else int(np.isnan(cells).sum())

    columns = [
        ColumnFacts(visible(each.name), each.kind, each.used, visible(each.note), missing(each.name))
        for each in problem.columns
    ]
    counts = zip(map(visible, problem.classes), problem.class_counts, strict=True)
    values = prepared.targets.astype(np.float64)
    names = () if problem.is_classification else problem.targets
    targets = [histogram(visible(name), values[:, i]) for i, name in enumerate(names)]
    return DataFacts(protocol.n_development, protocol.n_holdout, list(counts), targets, columns)


def _fold_scores(facts: JobFacts) -> Iterator[FoldScores]:
    if facts.baseline:
        yield _folds("dummy", facts.baseline.dummy)
    for reference in facts.references:
        yield _folds(reference.name, reference.score)
    if facts.baseline:
        yield _folds("baseline", facts.baseline.network.score)
    if facts.growth:
        yield _folds("grown network", facts.growth.best.trained.score)
    if facts.search:
        yield _folds("search's best", facts.search.best.score)
    if facts.selection and (fresh := facts.selection.winner.rescored):
        yield _folds("winner, fresh folds", fresh.score)


def _folds(name: str, score: Score) -> FoldScores:
    return FoldScores(name, list(map(_number, score.folds)))


def _rung(rung: Rung, growth: Growth) -> RungFacts:
    trained, verdict = rung.trained, rung.verdict
    by_loss = verdict.measure == "loss"
    curves = trained.curves
    training, validation = (
        (curves.train_loss, curves.validation_loss) if by_loss else (curves.train_score, curves.validation_score)
    )
    return RungFacts(
        name=str(trained.candidate.network),
        score=_number(trained.score.mean),
        standard_error=_number(trained.score.standard_error),
        train_score=_number(trained.train_score.mean),
        chosen=rung.number == growth.chosen,
        overfit=verdict.overfit,
        epoch=verdict.epoch,
        measure=verdict.measure,
        summary=verdict.summary,
        curve=_curve(training, validation),
    )


def _curve(training: FloatArray, validation: FloatArray) -> Curve:
    """Members that have stopped count with their last values."""
    n_folds, n_epochs = validation.shape
    training, validation = carry_forward(training, n_epochs), carry_forward(validation, n_epochs)
    spread = validation.std(axis=0, ddof=1) / np.sqrt(n_folds) if n_folds > 1 else np.full(n_epochs, np.nan)
    return Curve(_numbers(training.mean(axis=0)), _numbers(validation.mean(axis=0)), _numbers(spread))


def _search(search: Search, selection: Selection | None) -> SearchFacts:
    winner = selection.winner.trial.number if selection else None
    return SearchFacts([_trial(trial) for trial in search.trials], search.best.number, winner)


def _trial(trial: Trial) -> TrialFacts:
    return TrialFacts(
        trial.number,
        trial.state,
        _number(trial.score.mean),
        _number(trial.score.standard_error),
        trial.n_epochs,
        visible(trial.reason),
        {name: _shortened(value) for name, value in trial.parameters.items()},
    )


def _trainings(search: Search | None, selection: Selection | None) -> Iterator[TrainingFacts]:
    """The search's best, and the winner where that is another."""
    if not search:
        return
    best = search.finalists[0]
    yield _training(f"Trial {best.trial.number}, the search's best", best.trained)
    if selection and selection.winner.trial.number != best.trial.number:
        winner = selection.winner
        yield _training(f"Trial {winner.trial.number}, the winner{phrases.finalist_name(winner)}", winner.trained)


def _training(name: str, trained: Trained) -> TrainingFacts:
    curves = trained.curves
    _, _, (_, scheduler), *_ = phrases.configuration(trained.candidate.parameters)
    return TrainingFacts(
        name=name,
        scheduler=scheduler,
        curve=_curve(curves.train_score, curves.validation_score),
        best_epoch=float(np.median(trained.best_epochs)),
        learning_rates=[_numbers(rates) for rates in curves.learning_rate],
    )


def _worth(selection: Selection, verdict: Verdict | None) -> Iterator[Point]:
    """What the winner's networks scored where it was chosen, where nothing had been, and on the holdout."""
    winner = selection.winner
    yield _of_folds("search's folds", winner.trained)
    if winner.rescored:
        yield _of_folds("fresh folds", winner.rescored)
    if verdict:
        yield _point("holdout", verdict.single)


def _of_folds(name: str, trained: Trained) -> Point:
    return _point(name, Estimate(trained.score.mean, of_mean(trained.score)))


def _point(name: str, estimate: Estimate) -> Point:
    return Point(name, _number(estimate.score), *map(_number, estimate.interval))


def _predictions(facts: JobFacts, prepared: Prepared, final: FinalNetworks) -> Predictions:
    assert facts.selection
    rows = np.concatenate([fold.validation for fold in prepared.protocol.once(facts.selection.winner.trained)])
    predicted = np.concatenate(final.out_of_fold)
    if final.temperature != 1:
        predicted = tempered(predicted, final.temperature)
    threshold = facts.decision.threshold.value if facts.decision and facts.decision.threshold else None
    shown = replace(
        prepared.problem,
        targets=tuple(map(visible, prepared.problem.targets)),
        classes=tuple(map(visible, prepared.problem.classes)),
    )
    return summarised(shown, prepared.targets[rows], predicted, threshold)


def _shortened(value: str | int | float) -> str | int | float:
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _numbers(values: FloatArray) -> list[Number]:
    return list(map(_number, values))


def _number(value: float) -> Number:
    """Five digits, which no picture shows the end of."""
    return float(f"{value:.5g}") if np.isfinite(value) else None
