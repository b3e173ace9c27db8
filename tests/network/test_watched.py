"""An engine that tells of its epochs does otherwise what the engine does that it watches."""

import numpy as np

from autoproc.network.watched import WatchedEngine, unwatched
from autoproc.spec import Candidate, NetworkSpec, TrainSpec
from tests.steps.scripted_engine import ScriptedEngine

CANDIDATE = Candidate(NetworkSpec(1, 8), TrainSpec(max_epochs=2))


def rising(candidate, epoch):
    return np.full(5, epoch / 10), np.full(5, epoch / 10)


def test_each_epoch_is_told_of_and_all_else_is_the_engines():
    told = []
    inner = ScriptedEngine(rising, width=1)
    engine = WatchedEngine(inner, told.append)
    assert (engine.n_folds, engine.n_fold_sets, engine.n_train_rows) == (5, 1, 800)
    assert engine.has_room(CANDIDATE.network, 32)
    engine.start(7, CANDIDATE)
    assert not engine.has_room(CANDIDATE.network, 32)
    standings = [engine.train_epoch() for _ in range(2)]
    assert told == standings
    assert [each.epoch for [each] in standings] == [1, 2]
    assert engine.collect(7).n_epochs == 2


def test_nobody_need_be_told():
    engine = WatchedEngine(ScriptedEngine(rising), unwatched)
    engine.start(0, CANDIDATE)
    assert [each.key for each in engine.train_epoch()] == [0]
