"""The finalists on fresh folds, and which of them wins."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.data.metrics import METRICS
from autoproc.deadline import NEVER, Deadline
from autoproc.network.interface import Standing, train_together
from autoproc.outcomes import DEFAULT, Finalist, Search
from autoproc.results import Fold, Score, Trained, Trial
from autoproc.spec import Candidate, NetworkSpec, TrainSpec
from autoproc.steps.selection import pick, score_again, select
from tests.steps.scripted_engine import FOLDS, ScriptedEngine, rises_to

AUC, RMSE = METRICS["roc_auc"], METRICS["rmse"]
PEAK, EPOCHS = 5, 8
SPLITS = tuple(Fold.validating(np.arange(fold, 50, 5), 50) for fold in range(5))


def candidate(top: float, epochs: int = EPOCHS) -> Candidate:
    """A scripted candidate whose score, at its best, is `top`: its dropout."""
    return Candidate(NetworkSpec(1, 4), TrainSpec(dropout=top, max_epochs=epochs))


def engine(shift: float = 0.0, diverging: float = -1.0) -> ScriptedEngine:
    """Scores are `shift` worse than what candidates are named after; the one named `diverging` diverges."""

    def script(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        top = candidate.train.dropout
        validation = rises_to(top - shift, PEAK, epoch, fall=0.01)
        return rises_to(0.99, PEAK, epoch), np.full(5, np.nan) if top == diverging else validation

    return ScriptedEngine(script)


def trained_for(epochs: int, top: float) -> Trained:
    [trained] = train_together(engine(), [candidate(top, epochs)])
    return trained


def searched(tops: Sequence[float], numbers: Sequence[int] | None = None) -> Search:
    """A search with these finalists, best first."""
    trained = [trained_for(EPOCHS, top) for top in tops]
    finalists = [
        Finalist(Trial(number, "complete", {}, each.score, each.n_epochs, 1.0, ""), each)
        for number, each in zip(numbers or range(10, 10 + len(tops)), trained, strict=True)
    ]
    return Search((), tuple(finalists), "trials", seconds_an_epoch=1.0)


def test_each_finalist_is_trained_again_as_it_was_and_told_once() -> None:
    search, fresh, told = searched([0.9, 0.8, 0.7]), engine(shift=0.05), []
    finalists = score_again(fresh, search, SPLITS, AUC, NEVER, told.append)
    assert fresh.started == [finalist.trained.candidate for finalist in search.finalists]
    assert sorted(each.trial.number for each in told) == [10, 11, 12]
    for before, after in zip(search.finalists, finalists, strict=True):
        assert (after.trial, after.trained) == (before.trial, before.trained)
        assert after.fresh and after.fresh.score.mean == pytest.approx(before.trained.score.mean - 0.05)


def test_a_fresh_score_is_taken_where_the_other_folds_are_best_and_not_at_its_own_best() -> None:
    """Fold 1 has one lucky epoch, at which the others are not at their best."""

    def lucky(candidate: Candidate, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        scores = rises_to(0.8, PEAK, epoch, fall=0.01)
        return scores, scores + np.array([0.15 * (epoch == 2), 0, 0, 0, 0])

    [finalist] = score_again(ScriptedEngine(lucky), searched([0.9]), SPLITS, AUC, NEVER, lambda finalist: None)
    assert finalist.fresh and finalist.fresh.score.folds == pytest.approx(0.8 + FOLDS)


def test_a_single_fresh_split_is_scored_at_the_epoch_that_the_search_found() -> None:
    search = searched([0.9])
    [finalist] = search.finalists
    search = replace(search, finalists=(replace(finalist, trained=replace(finalist.trained, best_epochs=(3,))),))
    single = ScriptedEngine(lambda candidate, epoch: (np.ones(1), np.array([0.1 * epoch])), n_folds=1)
    [scored] = score_again(single, search, SPLITS[:1], AUC, NEVER, lambda finalist: None)
    assert scored.fresh and scored.fresh.score.folds == pytest.approx((0.3,))


def test_without_time_for_all_the_best_and_those_it_is_compared_with_come_first() -> None:
    search = searched([0.9, 0.85, 0.8, 0.7], [12, 13, DEFAULT, 0])
    fresh = engine()
    finalists = score_again(fresh, search, SPLITS, AUC, Deadline.after(3 * PEAK + 1), lambda finalist: None)
    assert [bool(each.fresh) for each in finalists] == [True, False, True, True]
    assert len(fresh.started) == 3


def test_without_any_time_nothing_is_trained_and_the_searchs_best_wins() -> None:
    search, fresh = searched([0.9, 0.8]), engine()
    finalists = score_again(fresh, search, SPLITS, AUC, Deadline.after(0.0), lambda finalist: None)
    assert fresh.started == []
    selection = select(finalists, AUC)
    assert selection.winner is finalists[0] and selection.optimism is None
    assert selection.reason == "the search's best, which was not scored on fresh folds for want of time"


def test_the_searchs_best_alone_has_some_seconds_after_the_deadline() -> None:
    search, fresh = replace(searched([0.9, 0.8]), seconds_an_epoch=0.1), engine()
    finalists = score_again(fresh, search, SPLITS, AUC, Deadline.after(0.0), lambda finalist: None)
    assert [bool(each.fresh) for each in finalists] == [True, False]
    assert select(finalists, AUC).reason == "the search's best; no other finalist was scored on fresh folds"


def test_none_is_trained_for_longer_than_in_the_search() -> None:
    """Where growth or the time limit ended a training, it would go on; its score would be another training's."""
    search = searched([0.9])
    [finalist] = search.finalists
    longer = replace(finalist.trained.candidate, train=replace(finalist.trained.candidate.train, max_epochs=500))
    search = replace(search, finalists=(replace(finalist, trained=replace(finalist.trained, candidate=longer)),))
    [scored] = score_again(engine(), search, SPLITS, AUC, NEVER, lambda finalist: None)
    assert scored.fresh and scored.fresh.n_epochs == EPOCHS


def test_an_epoch_that_took_long_in_the_search_does_not_keep_the_best_from_its_score() -> None:
    """Its own took less: the search has seen too few epochs to know."""
    search, fresh = replace(searched([0.9, 0.8]), seconds_an_epoch=100.0), engine()
    finalists = score_again(fresh, search, SPLITS, AUC, Deadline.after(PEAK + 1), lambda finalist: None)
    assert [bool(each.fresh) for each in finalists] == [True, False]


@pytest.fixture
def clocked(monkeypatch: pytest.MonkeyPatch) -> tuple[ScriptedEngine, list[list[int]]]:
    """An engine of which an epoch takes a second for each that runs, and which of them ran in each."""
    fresh, now, running = engine(), [0.0], []
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    train = fresh.train_epoch

    def train_epoch() -> tuple[Standing, ...]:
        standings = train()
        now[0] += len(standings)
        running.append([standing.key for standing in standings])
        return standings

    monkeypatch.setattr(fresh, "train_epoch", train_epoch)
    return fresh, running


def test_the_others_give_way_where_the_best_would_be_late(clocked: tuple[ScriptedEngine, list[list[int]]]) -> None:
    """The search was faster: the four would be at their best after 20 seconds, and the first is with fewer and fewer
    beside it after 15."""
    search, (fresh, running) = replace(searched([0.9, 0.8, 0.7, 0.6]), seconds_an_epoch=0.1), clocked
    finalists = score_again(fresh, search, SPLITS, AUC, Deadline.after(16), lambda finalist: None)
    assert running[:5] == [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2], [0, 1], [0, 1]]
    assert finalists[0].fresh


def test_those_that_soon_end_do_not_give_way(clocked: tuple[ScriptedEngine, list[list[int]]]) -> None:
    """Three epochs of four take 12 of 16 seconds, and the best has two to go."""
    [best, *others] = searched([0.9, 0.8, 0.7, 0.6]).finalists
    short = [trained_for(3, each.trained.candidate.train.dropout) for each in others]
    finalists = (best, *(replace(each, trained=trained) for each, trained in zip(others, short, strict=True)))
    search, (fresh, _) = Search((), finalists, "trials", seconds_an_epoch=1.0), clocked
    assert all(each.fresh for each in score_again(fresh, search, SPLITS, AUC, Deadline.after(16), lambda told: None))


@pytest.mark.parametrize(("passes_at", "counts"), [(PEAK - 1, False), (PEAK, True)])
def test_one_that_is_cut_short_counts_from_the_epoch_at_which_it_was_best(
    passes_at: int, counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, fresh, n_trained = searched([0.9]), engine(), []
    train = fresh.train_epoch
    monkeypatch.setattr(fresh, "train_epoch", lambda: n_trained.append(1) or train())
    monkeypatch.setattr(Deadline, "passed", property(lambda self: len(n_trained) >= passes_at))
    [finalist] = score_again(fresh, search, SPLITS, AUC, NEVER, lambda finalist: None)
    assert bool(finalist.fresh) == counts
    assert len(n_trained) == passes_at


def test_the_winner_is_the_best_of_both_scores_and_the_optimism_is_the_first_ones() -> None:
    finalists = list(searched([0.9, 0.89, 0.7]).finalists)
    scores = [0.8, 0.88, 0.89]  # on fresh folds the first falls far, the last rises, but not far enough
    for i, mean in enumerate(scores):
        finalists[i] = replace(finalists[i], fresh=replace(finalists[i].trained, score=Score.of(mean + FOLDS)))
    selection = select(finalists, AUC)
    assert selection.winner is finalists[1]
    assert selection.optimism is not None and selection.optimism.score == pytest.approx(0.1)
    assert selection.reason == "best of both scores, of 3 finalists; the search had preferred another"


def rescored(tops: Sequence[float], which: Sequence[int]) -> list[Finalist]:
    finalists = list(searched(tops).finalists)
    for i in which:
        finalists[i] = replace(finalists[i], fresh=finalists[i].trained)
    return finalists


def test_where_the_best_could_not_be_scored_those_level_with_it_are_picked_from() -> None:
    """One standard error is 0.007 here."""
    finalists = rescored([0.9, 0.896, 0.895, 0.8], [1, 2, 3])
    selection = select(finalists, AUC)
    assert selection.winner is finalists[1] and selection.optimism is None
    assert selection.reason == (
        "best of both scores, of 2 finalists that the search saw level with its best, which was not scored on fresh "
        "folds for want of time"
    )


def test_one_that_is_worse_does_not_win_for_being_scored() -> None:
    finalists = rescored([0.9, 0.89, 0.8], [1, 2])
    selection = select(finalists, AUC, "for want of memory")
    assert selection.winner is finalists[0]
    assert selection.reason == "the search's best, which was not scored on fresh folds for want of memory"


def test_of_single_splits_only_one_as_good_is_level() -> None:
    """They have no standard error."""
    finalists = rescored([0.9, 0.899], [1])
    single = [
        replace(each, trained=replace(each.trained, score=Score.of(np.array([each.trained.score.mean]))))
        for each in finalists
    ]
    assert select(single, AUC).winner is single[0]


def test_a_finalist_that_diverges_on_fresh_folds_cannot_win() -> None:
    search = searched([0.9, 0.8])
    assert (
        select(
            score_again(engine(diverging=0.8), search, SPLITS, AUC, NEVER, lambda told: None), AUC
        ).winner.trial.number
        == 10
    )
    first = select(score_again(engine(diverging=0.9), search, SPLITS, AUC, NEVER, lambda told: None), AUC)
    assert first.winner.trial.number == 11 and first.optimism is None


scores = st.lists(st.floats(0.1, 0.9), min_size=3, max_size=3).map(lambda folds: Score.of(np.array(folds)))


@given(st.lists(st.tuples(scores, scores), min_size=1, max_size=5))
def test_the_pick_is_the_best_on_average_by_the_precision_of_each_kind_of_fold(
    pairs: list[tuple[Score, Score]],
) -> None:
    errors = np.array([[score.standard_error for score in pair] for pair in pairs])
    with np.errstate(divide="ignore"):
        precision = 1 / np.mean(errors**2, axis=0)
    precision = precision if np.isfinite(precision).all() else np.ones(2)
    means = np.array([[score.mean for score in pair] for pair in pairs]) @ (precision / precision.sum())
    assert means[pick(pairs, AUC)] == pytest.approx(means.max())
    assert means[pick(pairs, RMSE)] == pytest.approx(means.min())


def test_scores_of_single_splits_count_alike() -> None:
    pairs = [(Score.of(np.array([a])), Score.of(np.array([b]))) for a, b in ((0.9, 0.5), (0.8, 0.7))]
    assert pick(pairs, AUC) == 1
