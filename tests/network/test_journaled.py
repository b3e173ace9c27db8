"""An engine with a journal trains nothing twice, and goes on as if nobody had interrupted it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autoproc.deadline import StopRequest
from autoproc.errors import HomeError
from autoproc.journal import Head, Journal
from autoproc.network.engine import StackEngine
from autoproc.network.interface import Engine, Standing
from autoproc.network.journaled import JournaledEngine
from autoproc.results import Trained
from autoproc.spec import Candidate, NetworkSpec, TrainSpec
from tests.network.sample_data import sample
from tests.steps.scripted_engine import ScriptedEngine

HEAD = Head({}, "fingerprint", "key", "0.1.0", 9)
CANDIDATES = [
    Candidate(NetworkSpec(1, 8), TrainSpec(max_epochs=6, learning_rate=rate, dropout=dropout, batch_size=32))
    for rate, dropout in ((0.01, 0.0), (0.03, 0.2), (0.002, 0.4))
]


class Interrupted(Exception):
    """The machine was switched off."""


def train(engine: Engine, stop_after: int = 1_000) -> tuple[list[tuple[Standing, ...]], list[Trained]]:
    """Three candidates that start one epoch after the other, each trained to its end, in as many epochs as it takes."""
    told, trained = [], {}
    for epoch in range(9):
        if epoch == stop_after:
            raise Interrupted
        if epoch < len(CANDIDATES):
            engine.has_room(CANDIDATES[epoch].network, 32)
            engine.start(epoch, CANDIDATES[epoch])
        standings = engine.train_epoch()
        told.append(standings)
        for standing in standings:
            if standing.finished:
                trained[standing.key] = engine.collect(standing.key)
                if standing.key == 1:
                    engine.forget(standing.key)
    return told, [trained[key] for key in range(len(CANDIDATES))]


def real_engine() -> Engine:
    return sample().engine(StackEngine)


def scripted_engine() -> ScriptedEngine:
    return ScriptedEngine(lambda candidate, epoch: (np.full(5, epoch / 10), np.full(5, epoch / 20)), width=4)


def assert_same(one: Trained, other: Trained, without_weights: bool = False) -> None:
    """Within rounding: what is trained again trains beside others than before."""
    assert one.candidate == other.candidate and one.best_epochs == other.best_epochs
    assert (one.failed, one.fold_set) == (other.failed, other.fold_set)
    assert one.score.folds == pytest.approx(other.score.folds) and one.train_score.folds == pytest.approx(
        other.train_score.folds
    )
    for name, curve in vars(one.curves).items():
        np.testing.assert_allclose(curve, getattr(other.curves, name), rtol=1e-5)
    assert other.weights == {} if without_weights else one.weights.keys() == other.weights.keys()
    if "name" in other.weights:  # of a scripted engine, which counts what it trains
        return
    for name in other.weights:
        np.testing.assert_allclose(one.weights[name], other.weights[name], rtol=1e-3, atol=1e-5)
        assert one.weights[name].dtype == other.weights[name].dtype


@pytest.mark.parametrize("make", [real_engine, scripted_engine])
@pytest.mark.parametrize("stop_after", [0, 1, 3, 6, 8])
def test_an_interrupted_training_ends_like_an_undisturbed_one(
    make: Callable[[], Engine], stop_after: int, tmp_path: Path
) -> None:
    told, trained = train(make())
    first = Journal.begin(tmp_path / "journal", HEAD, 0.0, StopRequest())
    with pytest.raises(Interrupted):
        train(JournaledEngine(make(), first), stop_after)
    for _ in range(2):  # and once more after its end
        second = Journal.resume(tmp_path / "journal", 0.0, StopRequest(), True)
        told_again, trained_again = train(JournaledEngine(make(), second))
        for standings, expected in zip(told_again, told, strict=True):
            assert [(each.key, each.epoch, each.finished) for each in standings] == [
                (each.key, each.epoch, each.finished) for each in expected
            ]
            assert [each.best for each in standings] == pytest.approx([each.best for each in expected])
        for key, (one, other) in enumerate(zip(trained, trained_again, strict=True)):
            was_forgotten = key == 1 and not other.weights
            assert_same(one, other, was_forgotten)


def test_what_has_ended_is_not_trained_again(tmp_path: Path) -> None:
    train(JournaledEngine(scripted_engine(), Journal.begin(tmp_path / "journal", HEAD, 0.0, StopRequest())))
    idle = scripted_engine()
    train(JournaledEngine(idle, Journal.resume(tmp_path / "journal", 0.0, StopRequest(), True)))
    assert idle.started == []


def test_only_what_still_ran_is_trained_again(tmp_path: Path) -> None:
    first = JournaledEngine(scripted_engine(), Journal.begin(tmp_path / "journal", HEAD, 0.0, StopRequest()))
    with pytest.raises(Interrupted):
        train(first, stop_after=7)
    again = scripted_engine()
    train(JournaledEngine(again, Journal.resume(tmp_path / "journal", 0.0, StopRequest(), True)))
    assert again.started == [CANDIDATES[2]]


def test_another_candidate_than_before_is_refused(tmp_path: Path) -> None:
    JournaledEngine(scripted_engine(), Journal.begin(tmp_path / "journal", HEAD, 0.0, StopRequest())).start(
        0, CANDIDATES[0]
    )
    again = JournaledEngine(scripted_engine(), Journal.resume(tmp_path / "journal", 0.0, StopRequest(), True))
    with pytest.raises(HomeError, match="event 1 is 'start 0"):
        again.start(0, replace(CANDIDATES[0], network=NetworkSpec(2, 8)))


def test_what_a_failed_one_says_is_kept(tmp_path: Path) -> None:
    def diverging(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        return np.full(5, 0.5), np.full(5, np.nan if epoch == 2 else 0.5)

    def fail(journal: Journal) -> Trained:
        engine = JournaledEngine(ScriptedEngine(diverging), journal)
        engine.start(0, CANDIDATES[0])
        engine.train_epoch()
        engine.train_epoch()
        return engine.collect(0)

    first = fail(Journal.begin(tmp_path / "journal", HEAD, 0.0, StopRequest()))
    again = fail(Journal.resume(tmp_path / "journal", 0.0, StopRequest(), True))
    assert again.failed == first.failed == "fold 1 diverged"
    assert np.isnan(again.score.mean)
