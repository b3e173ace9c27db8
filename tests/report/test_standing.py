"""What a running job shows of itself, step by step."""

from dataclasses import replace

import numpy as np
import pytest

from autoproc.data.metrics import METRICS
from autoproc.deadline import Deadline
from autoproc.network.interface import Standing
from autoproc.outcomes import Finalist
from autoproc.plan import Plan
from autoproc.report.standing import JobStanding
from tests.report import facts_data as data

DEADLINE = Deadline(1e12)
PLAN = Plan.model_validate(
    {"trials": 64, "baseline": {"depth": 1, "width": 16}, "growth": {"rungs": [[1, 32], [2, 64], [2, 128]]}}
)


@pytest.fixture
def job() -> JobStanding:
    return JobStanding(METRICS["average_precision"], PLAN, DEADLINE)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [100.0]
    monkeypatch.setattr("autoproc.report.standing.time.monotonic", lambda: clock[0])
    return clock


def standings(*bests: float, epoch: int = 12) -> list[Standing]:
    return [Standing(key, epoch, np.array([best]), best, False) for key, best in enumerate(bests)]


def test_a_step_begins_with_its_parts_and_the_jobs_deadline(job: JobStanding) -> None:
    baseline, growth, search = (job.begin(step) for step in ("baseline", "growth", "search"))
    assert {status.deadline for status in (baseline, growth, search)} == {DEADLINE}
    assert (baseline.step, baseline.at_most) == ("baseline", 0)
    assert (growth.done, growth.at_most, growth.unit) == (0, 3, "rung")
    assert (search.done, search.at_most, search.unit) == (0, 64, "trial")


def test_baseline_and_growth_tell_how_far_a_network_is(job: JobStanding) -> None:
    job.begin("baseline")
    assert job.epoch(standings(float("nan"), 0.5, 0.7)).running == "1 x 16 at epoch 12: 0.700 so far"
    job.begin("growth")
    assert job.epoch(standings(float("nan"))).running == "1 x 32 at epoch 12"
    rung = data.growth().rungs[0]
    assert job.rung(0, rung.trained, rung.verdict).running == ""
    assert job.epoch(standings(0.6, epoch=1)).running == "2 x 64 at epoch 1: 0.600 so far"


def test_where_all_wait_for_memory_nothing_runs(job: JobStanding) -> None:
    for step in ("baseline", "growth", "search", "fresh folds"):
        job.begin(step)
        job.epoch([])


def test_a_rungs_verdict_is_shown_as_soon_as_it_is_known_and_stays(job: JobStanding) -> None:
    job.begin("growth")
    small, large = data.growth().rungs
    first = job.rung(0, small.trained, None)
    assert (first.done, first.news, first.best) == (1, "", "0.610 ± 0.023 (1 x 32)")
    second = job.rung(1, large.trained, large.verdict)
    assert (second.done, second.news, second.best) == (2, large.verdict.reason, "0.700 ± 0.023 (2 x 64)")
    assert job.epoch(standings(0.6)).news == large.verdict.reason


def test_a_failed_rung_is_never_the_best(job: JobStanding) -> None:
    job.begin("growth")
    failed = replace(data.trained(1, 32, 0.0, failed="not finite"), score=data.score(float("nan")))
    assert job.rung(0, failed, None).best == ""
    assert job.rung(1, data.growth().rungs[1].trained, None).best == "0.700 ± 0.023 (2 x 64)"


def test_the_best_trial_is_the_best_of_those_that_are_complete(job: JobStanding, now: list[float]) -> None:
    job.begin("search")
    first, pruned, failed = data.search().trials[:3]
    assert job.trial(first).best == "0.700 ± 0.023 (trial 0)"
    shown = job.trial(replace(pruned, score=data.score(0.99)))
    assert (shown.best, shown.done) == ("0.700 ± 0.023 (trial 0)", 2)
    assert shown.news == f"trial {pruned.number}: 0.990 ± 0.023 (pruned)"
    assert job.trial(failed).news == "trial 2: failed, not finite"
    assert job.trial(replace(first, number=9, score=data.score(0.71))).best == "0.710 ± 0.023 (trial 9)"
    assert job.epoch(standings(0.5, 0.6)).running == "2 running"


def test_of_a_metric_that_is_minimised_the_lowest_is_best(now: list[float]) -> None:
    job = JobStanding(METRICS["rmse"], PLAN, DEADLINE)
    job.begin("search")
    trial = data.search().trials[0]
    job.trial(trial)
    assert job.trial(replace(trial, number=1, score=data.score(0.6))).best == "0.600 ± 0.023 (trial 1)"
    assert job.trial(replace(trial, number=2, score=data.score(0.8))).best == "0.600 ± 0.023 (trial 1)"


def test_the_pace_is_that_of_the_trials_that_were_trained(job: JobStanding, now: list[float]) -> None:
    job.begin("search")
    trial = data.search().trials[0]
    assert job.trial(trial).per_minute is None
    now[0] += 30
    assert job.trial(trial).per_minute == 2.0
    assert job.trial(trial).per_minute == 4.0


def test_the_finalists_are_counted(job: JobStanding) -> None:
    search = data.search()
    job.searched(search)
    assert (job.begin("fresh folds").at_most, job.epoch(standings(0.5)).running) == (
        len(search.finalists),
        "1 running, epoch 12",
    )
    fresh = data.trained(2, 64, 0.731)
    status = job.finalist(Finalist(search.trials[3], data.trained(2, 64, 0.7), fresh))
    assert (status.done, status.news) == (1, "trial 3: 0.731 ± 0.023")
