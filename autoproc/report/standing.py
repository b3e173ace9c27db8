"""How a job stands just now, kept up to date by what it tells: for those who watch it."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from autoproc.configurations import ladder
from autoproc.data.metrics import Metric
from autoproc.deadline import Deadline
from autoproc.format import format_score
from autoproc.network.interface import Standing
from autoproc.outcomes import Finalist, Search
from autoproc.plan import Plan
from autoproc.progress import Status
from autoproc.report.phrases import score_text, trained_text
from autoproc.results import OverfitVerdict, Score, Trained, Trial
from autoproc.spec import NetworkSpec


class JobStanding:
    """The status of a running job; each method takes in what has happened and returns the new status."""

    def __init__(self, metric: Metric, plan: Plan, deadline: Deadline) -> None:
        self._metric = metric
        self._smallest = NetworkSpec(plan.baseline.depth, plan.baseline.width)
        self._ladder = ladder(plan)
        self._parts = {"growth": ("rung", len(self._ladder)), "search": ("trial", plan.trials)}
        self._status = Status("", deadline=deadline)
        self._best: Score | None = None
        self._first_trial_at = 0.0

    def begin(self, step: str) -> Status:
        """A new step, of which some have parts to count."""
        self._best = None
        unit, at_most = self._parts.get(step, ("", 0))
        return self._now(Status(step, unit, at_most=at_most, deadline=self._status.deadline))

    def epoch(self, standings: Sequence[Standing]) -> Status:
        """All that run, unless they wait for memory, have trained an epoch."""
        step, done = self._status.step, self._status.done
        running = f"{len(standings)} running"
        epoch = max((standing.epoch for standing in standings), default=0)
        if step == "search":  # each of the trials is at an epoch of its own
            return self._now(replace(self._status, running=running))
        if step not in ("baseline", "growth"):
            return self._now(replace(self._status, running=f"{running}, epoch {epoch}"))
        network = self._ladder[done] if step == "growth" else self._smallest
        so_far = self._metric.best(np.array([standing.best for standing in standings] or [math.nan]))
        score = f": {format_score(so_far)} so far" if math.isfinite(so_far) else ""
        return self._now(replace(self._status, running=f"{network} at epoch {epoch}{score}"))

    def rung(self, number: int, trained: Trained, verdict: OverfitVerdict | None) -> Status:
        """A training of a rung has ended; with the rung's verdict if it is the one that counts."""
        self._take(trained.score, str(trained.candidate.network))
        return self._now(
            replace(self._status, done=number + 1, running="", news=verdict.reason if verdict else self._status.news)
        )

    def trial(self, trial: Trial) -> Status:
        """A trial has ended; the first, the grown network, at once: the pace is that of the others."""
        now, done = time.monotonic(), self._status.done + 1
        if done == 1:
            self._first_trial_at = now
        seconds = now - self._first_trial_at
        if trial.state == "complete":
            self._take(trial.score, f"trial {trial.number}")
        score = f"failed, {trial.reason}" if trial.state == "failed" else f"{score_text(trial.score)} ({trial.state})"
        pace = 60 * (done - 1) / seconds if done > 1 and seconds > 0 else None
        return self._now(replace(self._status, done=done, per_minute=pace, news=f"trial {trial.number}: {score}"))

    def searched(self, search: Search) -> None:
        """The search has ended; its finalists are what is counted next."""
        self._parts["fresh folds"] = ("finalist", len(search.finalists))

    def finalist(self, finalist: Finalist) -> Status:
        """A finalist has a score on fresh folds."""
        assert finalist.fresh is not None
        self._take(finalist.fresh.score, f"trial {finalist.trial.number}")
        news = f"trial {finalist.trial.number}: {trained_text(finalist.fresh)}"
        return self._now(replace(self._status, done=self._status.done + 1, news=news))

    def _take(self, score: Score, whose: str) -> None:
        """Keep a score if it is the step's best."""
        lead = math.nan if self._best is None else float(self._metric.gain(score.mean, self._best.mean))
        if math.isfinite(score.mean) and not lead <= 0:
            self._best = score
            self._now(replace(self._status, best=f"{score_text(score)} ({whose})"))

    def _now(self, status: Status) -> Status:
        self._status = status
        return status
