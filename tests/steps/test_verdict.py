"""The one opening of the holdout: what is scored, with which interval, at which threshold."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score, roc_auc_score

from autoproc.data.holdout import SealedHoldout, seal
from autoproc.data.metrics import ChosenMetric, Target, choose_metric
from autoproc.data.problem import define_problem, encode_target
from autoproc.data.table import Table, read_table
from autoproc.data.vectorize import Schema
from autoproc.outcomes import Finalist, Receipt, ReferenceVerdict, Resamples, Verdict
from autoproc.plan import CostPlan, Plan
from autoproc.resampling import Resampling
from autoproc.results import Curves, Problem, Score, Trained, Trial
from autoproc.spec import Candidate, NetworkSpec, TrainSpec
from autoproc.steps.verdict import FinalModel, Matrix, compare, score_holdout

SCORE = Score.of(np.array([0.8, 0.9]))
FRESH = Score.of(np.array([0.7, 0.8]))


def winner(fresh: bool = True) -> Finalist:
    """A finalist with nothing but scores."""
    curves = Curves(*[np.ones((2, 1))] * 5)
    trained = Trained(Candidate(NetworkSpec(1, 1), TrainSpec()), curves, SCORE, SCORE, (1, 1), 1.0, None, {})
    trial = Trial(3, "complete", {}, SCORE, 1, 1.0, "")
    return Finalist(trial, trained, replace(trained, score=FRESH) if fresh else None)


def binary(positives: int, n_rows: int = 100) -> Problem:
    return Problem("binary", ("y",), ("no", "yes"), (n_rows - positives, positives), (), "")


# The opening


@dataclass(frozen=True)
class Opened:
    """A problem whose holdout is sealed, and a model that says of each row what its column x says."""

    development: Table
    holdout: SealedHoldout
    problem: Problem
    chosen: ChosenMetric
    model: FinalModel

    def verdict(self, opening: int = 1, seed: int = 0, fresh: bool = True) -> Verdict:
        receipt = Receipt(self.holdout.key, "2031-05-06", "run", "table", opening, None, "receipt.json")
        targets = encode_target(self.development, self.problem)
        opened = self.holdout.open(receipt)
        return score_holdout(opened, self.model, self.alone, self.chosen, winner(fresh), targets, (), seed)

    def alone(self, matrix: Matrix) -> Matrix:
        """Two networks, of which the second says the opposite."""
        outputs = self.model.predict(matrix)
        return np.stack([outputs, 1 - outputs])


def prepared(
    frame: pd.DataFrame, threshold: float | None, cost: CostPlan | None = None, metric: tuple[str, ...] = ()
) -> Opened:
    plan = Plan(target=("y",), holdout_share=0.5, metric=metric)
    development, holdout = seal(read_table(frame), plan)
    problem = define_problem(development, plan)
    chosen = choose_metric(problem, plan)
    outputs = slice(0, 1) if problem.task == "regression" else 0
    model = FinalModel(Schema.fit(development, problem), problem, lambda matrix: matrix[:, outputs], threshold, cost)
    return Opened(development, holdout, problem, chosen, model)


@pytest.fixture
def rare() -> pd.DataFrame:
    random = np.random.default_rng(0)
    y = np.arange(200) % 10 == 0
    return pd.DataFrame({"x": (0.3 * y + 0.6 * random.random(200)).round(3), "y": np.where(y, "yes", "no")})


def test_the_holdout_is_scored_by_the_metric_and_beside_it_at_the_threshold(rare: pd.DataFrame) -> None:
    case = prepared(rare, threshold=0.6)
    rows = case.holdout.n_rows
    verdict = case.verdict()
    sealed = rare.drop(case.development.lines)
    y, p = (sealed["y"] == "yes").to_numpy(), sealed["x"].to_numpy(np.float32)
    assert (verdict.metric, verdict.n_rows, rows) == ("average_precision", 100, 100)
    assert verdict.holdout.score == pytest.approx(average_precision_score(y, p))
    assert verdict.beside["roc_auc"].score == pytest.approx(roc_auc_score(y, p))
    for name, oracle in (("precision", precision_score), ("recall", recall_score), ("f1_at_threshold", f1_score)):
        assert verdict.beside[name].score == pytest.approx(oracle(y, p >= np.float32(0.6)))
    assert verdict.dummy == pytest.approx(y.mean())
    assert (verdict.cross_validated, verdict.fresh, verdict.threshold) == (SCORE, FRESH, 0.6)
    for estimate in (verdict.holdout, *verdict.beside.values()):
        low, high = estimate.interval
        assert low <= estimate.score <= high


def test_optimism_is_what_the_fresh_folds_promised_beyond_what_the_single_networks_come_to(rare: pd.DataFrame) -> None:
    for fresh, promised in ((True, 0.75), (False, 0.85)):
        verdict = prepared(rare, threshold=0.6).verdict(fresh=fresh)
        assert verdict.optimism.score == pytest.approx(promised - verdict.single.score)
    assert verdict.fresh is None


def test_the_winners_single_networks_are_scored_one_by_one(rare: pd.DataFrame) -> None:
    case = prepared(rare, threshold=None, metric=("brier",))
    verdict = case.verdict()
    sealed = rare.drop(case.development.lines)
    y, p = (sealed["y"] == "yes").to_numpy(), sealed["x"].to_numpy()
    briers = [np.mean((each - y) ** 2) for each in (p, 1 - p)]
    assert verdict.single.score == pytest.approx(np.mean(briers))
    assert verdict.holdout.score == pytest.approx(briers[0])
    assert verdict.single.interval[0] < verdict.single.score < verdict.single.interval[1]


@pytest.mark.parametrize("failed", [True, False])
def test_fresh_networks_that_failed_promise_nothing(rare: pd.DataFrame, failed: bool) -> None:
    case, finalist = prepared(rare, threshold=0.6), winner()
    assert finalist.fresh
    finalist = replace(finalist, fresh=replace(finalist.fresh, failed="fold 1 diverged" if failed else None))
    opened = case.holdout.open(Receipt(case.holdout.key, "2031-05-06", "run", "table", 1, None, "receipt.json"))
    targets = encode_target(case.development, case.problem)
    verdict = score_holdout(opened, case.model, case.alone, case.chosen, finalist, targets, (), 0)
    assert (verdict.fresh is None) == failed
    assert np.isfinite(verdict.optimism.interval).all()


def test_with_times_whole_stretches_are_resampled() -> None:
    """Errors that drift: rows by themselves would give an interval that is far too narrow."""
    drift = np.cumsum(np.random.default_rng(0).normal(size=900)).round(3)
    frame = pd.DataFrame({"day": np.arange(900), "x": drift, "y": 0.001 * np.arange(900)})
    widths = []
    for time in ("day", None):
        plan = Plan(target=("y",), holdout_share=0.5, time=time)
        development, holdout = seal(read_table(frame), plan)
        problem = define_problem(development, plan)
        x = Schema.fit(development, problem)
        model = FinalModel(x, problem, lambda matrix: matrix[:, -1:], None)
        case = Opened(development, holdout, problem, choose_metric(problem, plan), model)
        low, high = case.verdict().holdout.interval
        widths.append(high - low)
    assert widths[0] > 3 * widths[1]


def test_costs_are_reported_at_the_threshold_beside_the_metric(rare: pd.DataFrame) -> None:
    case = prepared(rare, threshold=0.6, cost=CostPlan(false_negative=20.0, false_positive=1.0))
    verdict = case.verdict()
    sealed = rare.drop(case.development.lines)
    y, positive = (sealed["y"] == "yes").to_numpy(), sealed["x"].to_numpy(np.float32) >= np.float32(0.6)
    expected = (20 * np.sum(y & ~positive) + np.sum(~y & positive)) / len(y)
    assert verdict.beside["expected_cost"].score == pytest.approx(expected)
    low, high = verdict.beside["expected_cost"].interval
    assert low < expected < high
    assert verdict.holdout == prepared(rare, threshold=0.6).verdict().holdout
    assert "expected_cost" not in prepared(rare, threshold=0.6).verdict().beside


@pytest.mark.parametrize(("threshold", "is_cheaper"), [(0.35, True), (0.9, False)])
def test_the_saving_is_over_the_cheaper_class_for_all_on_the_holdouts_own_rows(
    rare: pd.DataFrame, threshold: float, is_cheaper: bool
) -> None:
    """In the holdout 10 of 100 rows are positive: taken for negative they cost 1.0 a row, all positive 0.9."""
    case = prepared(rare, threshold, cost=CostPlan(false_negative=10.0, false_positive=1.0))
    verdict = case.verdict()
    positives = int((rare.drop(case.development.lines)["y"] == "yes").sum())
    cheaper = {"negative": positives / 10, "positive": 1 - positives / 100}
    assert verdict.saving is not None
    assert verdict.saving.over == min(cheaper, key=lambda name: cheaper[name])
    spared = min(cheaper.values()) - verdict.beside["expected_cost"].score
    assert verdict.saving.by.score == pytest.approx(spared)
    low, high = verdict.saving.by.interval
    assert low <= spared <= high
    assert (low > 0) == is_cheaper
    assert "saving" not in verdict.beside
    assert prepared(rare, threshold).verdict().saving is None


def test_the_verdict_says_what_was_drawn_and_which_networks_stand_alone(rare: pd.DataFrame) -> None:
    case = prepared(rare, threshold=0.6)
    assert case.verdict().resamples == Resamples("rows", 100, 0.0)
    case = prepared(rare, threshold=0.6)
    by_time = replace(case, model=replace(case.model, single_are="refit"))
    assert by_time.verdict().single_are == "refit"


def test_intervals_of_few_groups_keep_to_what_scores_can_be() -> None:
    random = np.random.default_rng(0)
    groups, y = np.repeat(np.arange(8), 20), random.permutation(160) % 2
    frame = pd.DataFrame({"x": (y + 0.5 * random.normal(size=160)).round(3), "y": np.where(y, "yes", "no")})
    plan = Plan(target=("y",), holdout_share=0.5, group="who", metric=("roc_auc", "mcc", "log_loss"))
    development, holdout = seal(read_table(frame.assign(who=groups)), plan)
    problem = define_problem(development, plan)
    model = FinalModel(Schema.fit(development, problem), problem, lambda matrix: expit(5 * matrix[:, 0] - 2.5), 0.5)
    verdict = Opened(development, holdout, problem, choose_metric(problem, plan), model).verdict()
    assert verdict.resamples is not None and verdict.resamples.unit == "groups" and verdict.resamples.are_few
    for name in ("mcc", "precision", "recall"):
        low, high = verdict.beside[name].interval
        assert -1 <= low < high <= 1
    assert verdict.holdout.interval[1] <= 1 and verdict.single.interval[1] <= 1
    assert verdict.beside["log_loss"].interval[0] >= 0


def test_f1_that_was_asked_for_is_that_at_one_half_and_stands_apart_from_that_at_the_threshold(
    rare: pd.DataFrame,
) -> None:
    case = prepared(rare, threshold=0.6, metric=("f1", "mcc"))
    verdict = case.verdict()
    sealed = rare.drop(case.development.lines)
    y, p = (sealed["y"] == "yes").to_numpy(), sealed["x"].to_numpy(np.float32)
    assert verdict.metric == "f1"
    assert verdict.holdout.score == pytest.approx(f1_score(y, p >= 0.5))
    assert verdict.beside["f1_at_threshold"].score == pytest.approx(f1_score(y, p >= np.float32(0.6)))
    assert next(iter(verdict.beside)) == "mcc"


def test_values_are_scored_in_their_own_units() -> None:
    x = np.random.default_rng(0).normal(100, 10, 60).round(2)
    case = prepared(pd.DataFrame({"x": x, "y": x + 3}), threshold=None)
    verdict = case.verdict()
    assert verdict.metric == "rmse"
    assert verdict.holdout.score == pytest.approx(3, rel=1e-4)
    assert verdict.holdout.interval == pytest.approx((3, 3), rel=1e-3)
    assert set(verdict.beside) == {"r2", "mae"}
    assert verdict.threshold is None


def test_the_seed_decides_about_the_interval_alone(rare: pd.DataFrame) -> None:
    first, again, other = (prepared(rare, 0.6).verdict(seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.holdout.score == other.holdout.score
    assert first.holdout.interval != other.holdout.interval


def test_the_holdout_opens_once_and_for_its_own_receipt(rare: pd.DataFrame) -> None:
    case = prepared(rare, 0.6)
    with pytest.raises(ValueError, match="the receipt is for holdout other"):
        case.holdout.open(Receipt("other", "2031-05-06", "run", "table", 1, None, "receipt.json"))
    assert case.verdict(opening=2).receipt.opening == 2
    with pytest.raises(RuntimeError, match="open already"):
        case.verdict()


def test_a_reference_is_compared_on_the_same_resamples() -> None:
    """Of two models that are equally good, and wrong in the same rows, the difference is certain."""
    generator = np.random.default_rng(0)
    targets = np.arange(300) % 2
    good = np.clip(targets + generator.normal(0, 0.6, 300), 0, 1).astype(np.float32)
    metric = choose_metric(binary(150, 300), Plan(target=("y",))).metric
    _, same = compare(metric, Resampling(targets, True, 0), good, good.astype(np.float64))
    assert (same.score, same.interval) == (0.0, (0.0, 0.0))
    worse = np.where(np.arange(300) < 30, 1 - good, good)
    theirs, lead = compare(metric, Resampling(targets, True, 0), good, worse)
    assert theirs.score == pytest.approx(roc_auc_score(targets, worse))
    assert lead.score == pytest.approx(roc_auc_score(targets, good) - theirs.score)
    assert 0 < lead.interval[0] < lead.score < lead.interval[1]
    _, behind = compare(metric, Resampling(targets, True, 0), worse, good)
    assert ReferenceVerdict("trees", theirs, behind).is_better
    assert not ReferenceVerdict("trees", theirs, lead).is_better


@pytest.mark.parametrize("shape", [(60, 3), (60, 2)])
def test_predictions_of_several_columns_are_compared_too(shape: tuple[int, int]) -> None:
    """Lower is better for errors: a lead is positive all the same."""
    generator = np.random.default_rng(1)
    if shape[1] == 3:
        problem = Problem("multiclass", ("y",), ("a", "b", "c"), (20, 20, 20), (), "")
        targets: Target = np.arange(60) % 3
        right = np.eye(3)[targets] * 0.7 + 0.1
    else:
        problem = Problem("vector_regression", ("y", "z"), (), (), (), "")
        targets = right = generator.normal(size=shape)
    metric = choose_metric(problem, Plan(target=problem.targets)).metric
    wrong = generator.random(shape)
    assert compare(metric, Resampling(targets, problem.is_classification, 0), right, wrong)[1].interval[0] > 0
