"""From a job's facts to what it keeps for its report."""

from dataclasses import replace

import numpy as np
import pytest

from autoproc import process
from autoproc.outcomes import DecisionThreshold, FinalNetworks
from autoproc.plan import make_plan
from autoproc.prepared import Prepared
from autoproc.report.evidence import ClassPredictions, Evidence, TargetPredictions
from autoproc.report.facts import JobFacts
from autoproc.report.gather import gather
from autoproc.report.report import report_page
from tests.end_to_end import tables
from tests.report import facts_data as data
from tests.report.pages import Read


def prepared_for(task: str) -> Prepared:
    plan = make_plan(None, {**tables.SMALL, "target": list(tables.TARGETS[task])})
    return process.inspect(plan, tables.table(task))


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepared_for("binary")


def all_facts() -> JobFacts:
    return replace(
        data.start(),
        baseline=data.baseline(),
        references=data.references(),
        growth=data.growth(),
        search=data.search(),
        selection=data.selection(),
        decision=data.decision(),
        verdict=data.verdict(),
        seconds=12.0,
    )


def final(prepared: Prepared, predict, temperature: float = 1.0) -> FinalNetworks:
    predictions = tuple(predict(prepared.targets[fold.validation]) for fold in prepared.protocol.splits)
    return FinalNetworks("ensemble", data.trained(1, 4, 0.5).candidate.network, {}, predictions, (), temperature)


def made(prepared: Prepared, facts: JobFacts | None = None, of: FinalNetworks | None = None) -> Evidence:
    return gather(facts or all_facts(), prepared, {"seed": 0, "target": "a\x07"}, "3f2a", of)


def test_everything_that_was_decided_is_kept(prepared: Prepared) -> None:
    kept = made(prepared)
    assert [rung.name for rung in kept.rungs] == ["1 x 32", "2 x 64"]
    assert [rung.overfit for rung in kept.rungs] == [False, True] and kept.rungs[1].chosen
    assert kept.search and (kept.search.best, kept.search.winner) == (3, 0)
    assert [trial.state for trial in kept.search.trials] == ["complete", "pruned", "failed", "complete"]
    assert kept.search.trials[2].score is None
    assert [training.name for training in kept.trainings] == [
        "Trial 3, the search's best",
        "Trial 0, the winner (the grown network)",
    ]
    assert kept.trainings[0].scheduler == "StepLR(step_size 12, gamma 0.4)"
    assert [point.name for point in kept.worth] == ["search's folds", "fresh folds", "holdout"]
    assert kept.exported and (kept.exported.score, kept.exported.low) == (0.728, 0.64)
    assert [each.name for each in kept.folds] == [
        "dummy", "boosted trees", "baseline", "grown network", "search's best", "winner, fresh folds",
    ]  # fmt: skip
    assert kept.settings == {"seed": 0, "target": "a␇"}


def test_the_page_begins_with_the_score_and_what_speaks_for_it_and_against_it(prepared: Prepared) -> None:
    kept = made(prepared)
    assert (kept.cards[0].value, kept.cards[0].title) == ("0.728", "average precision on the holdout")
    assert "95 %: 0.640 to 0.800" in kept.cards[0].note
    tones = {remark.text.split(" ")[1]: remark.tone for remark in kept.remarks}
    assert tones == {"holdout": "good", "boosted": "bad", "score": "neutral", "x": "neutral", "'code'": "bad"}
    again = made(prepared, replace(all_facts(), verdict=data.verdict(2, "a new metric")))
    assert again.cards[0].note.startswith("RE-USED") and again.remarks[0].tone == "bad"


def test_missing_cells_are_counted_in_the_columns_in_use(prepared: Prepared) -> None:
    columns = {column.name: column for column in made(prepared).data.columns}
    frame = prepared.development.frame
    for name in ("size", "colour", "load"):
        cells = frame[name].replace("", np.nan)
        assert columns[name].missing == cells.isna().sum(), name
    assert columns["size"].missing and columns["colour"].missing and columns["load"].missing == 0


def test_predictions_are_summed_up_without_a_row_and_with_the_temperature(prepared: Prepared) -> None:
    half = replace(data.decision(), threshold=DecisionThreshold(0.5, ""))
    facts = replace(all_facts(), decision=half)
    sure = made(prepared, facts, final(prepared, lambda y: 0.1 + 0.8 * y)).predictions
    assert isinstance(sure, ClassPredictions)
    n, positive = len(prepared.targets), int(prepared.targets.sum())
    assert sure.confusion == [[n - positive, 0], [0, positive]] and sure.n_rows == n
    cool = made(prepared, of=final(prepared, lambda y: 0.1 + 0.8 * y, temperature=2.0)).predictions
    assert isinstance(cool, ClassPredictions)
    assert max(sure.reliability.predicted) == pytest.approx(0.9, abs=0.01)
    assert max(cool.reliability.predicted) == pytest.approx(0.75, abs=0.01)


def test_values_have_a_histogram_of_each_target() -> None:
    prepared = prepared_for("vector_regression")
    facts = replace(all_facts(), problem=prepared.problem, decision=None)
    kept = made(prepared, facts, final(prepared, lambda y: y + 0.1))
    assert [target.name for target in kept.data.targets] == ["heat", "cold"] and kept.data.classes == []
    assert sum(kept.data.targets[0].counts) == len(prepared.targets)
    assert isinstance(kept.predictions, TargetPredictions) and len(kept.predictions.targets) == 2


@pytest.mark.parametrize("stopped_by", [None, "the baseline found no signal\x07"])
def test_a_job_that_has_just_begun_has_a_page(prepared: Prepared, stopped_by: str | None) -> None:
    kept = made(prepared, replace(data.start(), stopped_by=stopped_by))
    assert kept.search is None and kept.rungs == [] and kept.predictions is None
    read = Read.of(report_page(kept))
    assert len(read.figures) == 2, "classes and missing cells"
    assert ("Stopped: the baseline found no signal␇" in read.text) == (stopped_by is not None)


def test_no_cell_of_the_table_is_kept(prepared: Prepared) -> None:
    text = made(prepared, of=final(prepared, lambda y: 0.1 + 0.8 * y)).to_json()
    assert "town 1" not in text
    assert not [size for size in prepared.development.frame["size"] if str(size) and f"{size}," in text]
