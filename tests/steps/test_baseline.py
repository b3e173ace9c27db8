import numpy as np
import pytest

from autoproc.data.metrics import METRICS, Metric
from autoproc.deadline import Deadline
from autoproc.plan import make_plan
from autoproc.results import Baseline, Fold, Problem
from autoproc.spec import Candidate
from autoproc.steps.baseline import train_baseline
from tests.steps.scripted_engine import FOLDS, Script, ScriptedEngine, rises_to

AUC = METRICS["roc_auc"]
PLAN = make_plan(None, {"baseline": {"learning_rates": [1e-3, 1e-2, 1e-1], "max_epochs": 10}})
PROBLEM = Problem("binary", ("y",), ("no", "yes"), (50, 50), (), "")
TARGETS = np.arange(100) % 2
EVERYONE = np.arange(100)
PARTS = [Fold(EVERYONE[k != EVERYONE % 5], EVERYONE[k == EVERYONE % 5]) for k in range(5)]


def baseline(
    script: Script, n_folds: int = 5, metric: Metric = AUC, deadline: Deadline | None = None
) -> tuple[Baseline, ScriptedEngine]:
    engine = ScriptedEngine(script, n_folds)
    return train_baseline(engine, TARGETS, PARTS[:n_folds], PROBLEM, metric, PLAN, deadline or Deadline(None)), engine


def reaches(top: float) -> Script:
    return lambda candidate, epoch: (rises_to(0.99, 10, epoch), rises_to(top, 5, epoch))


def test_the_small_network_is_tried_at_each_learning_rate_without_regularisation() -> None:
    _, engine = baseline(reaches(0.8))
    assert [candidate.train.learning_rate for candidate in engine.started] == [1e-3, 1e-2, 1e-1]
    assert engine.most_running == 3
    for candidate in engine.started:
        assert (candidate.network.depth, candidate.network.width) == (PLAN.baseline.depth, PLAN.baseline.width)
        assert candidate.train.dropout == candidate.train.l1 == candidate.train.weight_decay == 0


def test_the_best_learning_rate_is_kept_and_all_are_told() -> None:
    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        return reaches(0.9 if candidate.train.learning_rate == 1e-2 else 0.6)(candidate, epoch)

    found, _ = baseline(script)
    assert found.network.candidate.train.learning_rate == 1e-2
    assert [trained.candidate.train.learning_rate for trained in found.tried] == [1e-3, 1e-2, 1e-1]
    assert found.dummy.mean == 0.5
    assert found.gain.mean == pytest.approx(0.4)
    assert found.beats_dummy and "beyond noise" in found.reason


def test_a_gain_within_the_noise_of_the_folds_beats_nothing() -> None:
    found, _ = baseline(reaches(0.505))
    assert found.gain.mean == pytest.approx(0.005)
    assert not found.beats_dummy and "within noise" in found.reason


def test_a_network_that_is_worse_than_the_dummy_does_not_beat_it() -> None:
    found, _ = baseline(reaches(0.4))
    assert not found.beats_dummy


def test_a_lower_score_beats_the_dummy_where_lower_is_better() -> None:
    found, _ = baseline(reaches(0.3), metric=METRICS["log_loss"])
    assert found.dummy.mean == pytest.approx(np.log(2))
    assert found.beats_dummy and found.gain.mean > 0


@pytest.mark.parametrize(("top", "beats"), [(0.51, True), (0.49, False)])
def test_on_a_single_split_any_gain_counts(top: float, beats: bool) -> None:
    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        return np.array([0.9]), np.array([top])

    found, _ = baseline(script, n_folds=1)
    assert found.beats_dummy == beats
    assert "one validation split" in found.reason


def test_a_learning_rate_that_diverges_is_left_aside() -> None:
    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        if candidate.train.learning_rate == 1e-1:
            return FOLDS, np.full(5, np.nan)
        return reaches(0.8)(candidate, epoch)

    found, _ = baseline(script)
    assert found.beats_dummy and found.network.failed is None
    assert [trained.failed is not None for trained in found.tried] == [False, False, True]


def test_where_all_diverge_nothing_beats_the_dummy_and_the_reason_says_why() -> None:
    found, _ = baseline(lambda candidate, epoch: (FOLDS, np.full(5, np.nan)))
    assert not found.beats_dummy
    assert "every learning rate failed" in found.reason and "diverged" in found.reason
    assert np.isnan(found.gain.mean)


def test_time_that_is_over_leaves_an_epoch_of_each() -> None:
    found, _ = baseline(reaches(0.9), deadline=Deadline.after(0.0))
    assert [trained.curves.validation_score.shape[1] for trained in found.tried] == [1, 1, 1]
