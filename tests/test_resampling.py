"""Intervals by drawing rows again: those of a plain loop, and which rows are drawn as one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.signal import lfilter

from autoproc.data.metrics import METRICS, Target
from autoproc.data.relations import Relations
from autoproc.outcomes import Estimate
from autoproc.resampling import Measures, Resampling

Matrix = np.ndarray


def mean_error(targets: Target, predictions: Matrix) -> dict[str, np.ndarray]:
    off = targets - predictions
    return {"error": np.mean(np.abs(off), axis=1), "bias": np.mean(off, axis=1)}


def plain_interval(scores: list[float]) -> tuple[float, float]:
    ordered = np.sort(scores)
    places = np.array([0.025, 0.975]) * (len(ordered) - 1)
    below = places.astype(int)
    low, high = ordered[below] + (places - below) * (ordered[below + 1] - ordered[below])
    return low, high


def test_the_interval_equals_that_of_a_plain_loop() -> None:
    random = np.random.default_rng(3)
    targets, predictions = random.normal(size=40), random.normal(size=40).astype(np.float32)
    found = Resampling(targets, False, 11).estimate(mean_error, predictions)
    generator = np.random.default_rng(11)
    errors = []
    for _ in range(1000):
        rows = [generator.choice(40) for _ in range(40)]
        errors.append(float(np.mean([abs(targets[row] - predictions[row]) for row in rows])))
    assert found["error"].score == mean_error(targets, predictions[None])["error"][0]
    # numpy draws an array of rows at once as it draws them one by one
    assert found["error"].interval == pytest.approx(plain_interval(errors))


@pytest.mark.parametrize("name", ["average_precision", "roc_auc", "balanced_accuracy", "log_loss"])
def test_resamples_side_by_side_score_as_each_alone(name: str) -> None:
    random = np.random.default_rng(4)
    targets = random.permutation(np.arange(60) % 4 == 0).astype(np.int64)
    predictions = random.random(60).astype(np.float32)
    resampling, metric = Resampling(targets, True, 5), METRICS[name]
    alone = [metric.one(targets[rows], predictions[rows]) for rows in resampling.draws(60)]
    found = resampling.estimate(measure_of(name), predictions)[name]
    assert found.score == metric.one(targets, predictions)
    assert found.interval == pytest.approx(plain_interval(alone))


def test_the_interval_of_a_mean_is_about_that_of_its_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=400)
    found = Resampling(values, False, 0).estimate(mean_error, np.zeros(400, np.float32))["bias"]
    error = values.std() / 20
    assert found.interval == pytest.approx((found.score - 1.96 * error, found.score + 1.96 * error), abs=0.3 * error)


@settings(max_examples=10)
@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.integers(0, 2**32 - 1))
def test_a_stratified_resample_has_as_many_rows_of_each_class(counts: list[int], seed: int) -> None:
    targets = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    seen: list[np.ndarray] = []

    def note(resampled: Target, predictions: Matrix) -> dict[str, np.ndarray]:
        assert (resampled == predictions).all(), "targets and predictions of the same rows"
        seen.extend([np.bincount(resampled, minlength=len(counts))] * len(predictions))
        return {"n": np.full(len(predictions), len(resampled))}

    Resampling(targets, True, seed).estimate(note, targets.astype(np.float32))
    assert len(seen) == 1001
    assert all((found == counts).all() for found in seen)


def test_rows_are_drawn_again_and_again_with_repetition() -> None:
    seen = set()

    def note(targets: Target, predictions: Matrix) -> dict[str, np.ndarray]:
        seen.update(tuple(sorted(each)) for each in predictions)
        return {"n": np.zeros(len(predictions))}

    Resampling(np.zeros(6), False, 0).estimate(note, np.arange(6, dtype=np.float32))
    assert len(seen) > 300
    assert any(len(set(rows)) < 6 for rows in seen)


def test_the_interval_of_rows_that_hang_together_covers_what_groups_differ_by() -> None:
    """Errors differ as much between groups as within: an interval of single rows would cover too seldom."""
    covered = {True: 0, False: 0}
    for seed in range(20):
        random = np.random.default_rng(seed)
        groups = np.repeat(np.arange(15), 40)
        errors = random.normal(size=15)[groups] + random.normal(size=600)
        for known in covered:
            resampling = Resampling(errors, False, seed, groups if known else None)
            found = resampling.estimate(mean_error, np.zeros(600, np.float32))["bias"]
            covered[known] += found.interval[0] <= 0 <= found.interval[1]
    assert covered[True] >= 16
    assert covered[False] <= 13


def test_the_same_seed_gives_the_same_interval() -> None:
    targets, predictions = np.arange(30) / 7, np.zeros(30, np.float32)
    first, again, other = (Resampling(targets, False, seed).estimate(mean_error, predictions) for seed in (1, 1, 2))
    assert first == again != other


def test_a_resample_on_which_a_measure_is_not_defined_is_left_out_of_its_interval() -> None:
    def measure(targets: Target, predictions: Matrix) -> dict[str, np.ndarray]:
        return {"share": np.full(len(predictions), np.mean(targets) if targets.any() else np.nan)}

    found = Resampling(np.array([0.0, 0.0, 1.0]), False, 0).estimate(measure, np.zeros(3, np.float32))
    assert np.isfinite(found["share"].interval).all()


def test_of_one_group_alone_no_interval_can_be_known() -> None:
    found = Resampling(np.arange(5.0), False, 0, np.zeros(5, np.int64)).estimate(mean_error, np.zeros(5, np.float32))
    assert found["bias"].score == 2.0
    assert np.isnan(found["bias"].interval).all()


def share(targets: Target, predictions: Matrix) -> dict[str, np.ndarray]:
    return {"share": np.full(len(predictions), np.mean(targets))}


def test_rows_hang_together_by_group_or_else_by_time() -> None:
    targets, groups = np.arange(400.0), np.arange(400) % 7
    by_group = Resampling.of(targets, False, Relations(groups, targets), 0)
    by_time = Resampling.of(targets, False, Relations(times=targets), 0)
    alone = Resampling.of(targets, False, Relations(), 0)
    assert [each.unit for each in (by_group, by_time, alone)] == ["groups", "stretches of time", "rows"]
    assert [each.n_units for each in (by_group, by_time, alone)] == [7, 10, 400]


# Resamples that lack a class, or in which the target does not vary


@pytest.mark.parametrize("metric", ["average_precision", "roc_auc", "f1"])
def test_what_is_predicted_without_error_is_certain_though_the_positives_are_in_one_stretch(metric: str) -> None:
    """Average precision without a positive row is 0: a third of the resamples would say so."""
    targets, together = np.repeat([1, 0], [20, 380]), np.repeat(np.arange(20), 20)
    resampling = Resampling(targets, True, 0, together, "stretches of time")
    [found] = resampling.estimate(measure_of(metric), targets.astype(np.float32)).values()
    assert found == Estimate(1.0, (1.0, 1.0))
    left_out = resampling.described(400).left_out
    assert left_out == pytest.approx(0.95**20, abs=0.05)


def test_no_class_of_several_is_lacking() -> None:
    targets, together = np.arange(60) // 20, np.arange(60) // 4
    seen = []

    def note(targets: Target, predictions: Matrix) -> dict[str, np.ndarray]:
        seen.append(len(np.unique(targets)))
        return {"n": np.zeros(len(predictions))}

    Resampling(targets, True, 0, together).estimate(note, targets.astype(np.float32))
    assert len(seen) > 900 and set(seen) == {3}


def test_a_target_that_varies_does_so_in_every_resample() -> None:
    """R2 of a constant is 0: two of the three groups hold one value each."""
    y = np.column_stack([np.repeat([1.0, 1.0, 2.0], 5) + np.tile([0, 0, 0, 0, 0], 3), np.full(15, 7.0)])
    resampling = Resampling(y, False, 0, np.repeat(np.arange(3), 5), "groups")
    [found] = resampling.estimate(measure_of("r2"), y.astype(np.float32)).values()
    assert found == Estimate(1.0, (1.0, 1.0))
    assert resampling.described(30).left_out == pytest.approx((1 / 3) ** 3 + (2 / 3) ** 3, abs=0.05)


def test_where_nearly_no_resample_has_all_classes_no_interval_is_known() -> None:
    targets = np.arange(30) // 2
    [found] = Resampling(targets, True, 0, targets).estimate(share, np.zeros(30, np.float32)).values()
    assert found.score == 7.0 and np.isnan(found.interval).all()


def measure_of(name: str) -> Measures:
    return lambda targets, predictions: {name: METRICS[name](targets, predictions)}


# Few units


def test_of_few_groups_the_interval_is_students() -> None:
    """Of groups of one size the mean has n - 1 degrees of freedom, with the standard error of the groups' means."""
    means = np.array([1.0, 2.0, 4.0, 8.0])
    values, groups = np.repeat(means, 5), np.repeat(np.arange(4), 5)
    found = Resampling(values, False, 0, groups).estimate(share, np.zeros(20, np.float32))["share"]
    oracle = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert found.interval == pytest.approx((oracle.low, oracle.high), abs=0.4)


def test_students_interval_keeps_to_what_a_measure_can_be() -> None:
    values, groups = np.repeat([0.5, 0.9, 1.0, 1.0], 5), np.repeat(np.arange(4), 5)
    found = Resampling(values, False, 0, groups).estimate(share, np.zeros(20, np.float32), {"share": (0.0, 1.0)})
    assert found["share"].interval[0] > 0 and found["share"].interval[1] == 1.0


@pytest.mark.parametrize("n_groups", [4, 10])
def test_intervals_of_few_groups_cover(n_groups: int) -> None:
    """Percentiles cover the mean of four groups in about 80 of 100 cases."""
    groups, covered = np.repeat(np.arange(n_groups), 10), 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        values = random.normal(size=n_groups)[groups] + random.normal(size=len(groups))
        found = Resampling(values, False, seed, groups).estimate(share, np.zeros(len(groups), np.float32))["share"]
        covered += found.interval[0] <= 0 <= found.interval[1]
    assert covered >= 35


def test_intervals_of_a_series_cover() -> None:
    """Errors of which each keeps 0.8 of the one before: rows by themselves cover in about 50 of 100 cases."""
    covered = {"by time": 0, "by rows": 0}
    times = np.arange(400.0)
    for seed in range(30):
        steps = np.random.default_rng(seed).normal(size=600)
        errors = lfilter([1.0], [1.0, -0.8], steps)[200:]
        for name, relations in (("by time", Relations(times=times)), ("by rows", Relations())):
            found = Resampling.of(errors, False, relations, seed).estimate(share, np.zeros(400, np.float32))["share"]
            covered[name] += found.interval[0] <= 0 <= found.interval[1]
    assert covered["by time"] >= 25
    assert covered["by rows"] <= 20


# Many rows


def test_many_networks_and_rows_are_resampled_less_often() -> None:
    counts = []
    for shape in ((1000,), (100_000,), (100_000, 10)):
        counts.append(sum(1 for _ in Resampling(np.zeros(shape[0]), False, 0).draws(int(np.prod(shape)))))
    assert counts == [1000, 200, 50]


def test_few_resamples_give_nearly_the_interval_of_many() -> None:
    values = np.random.default_rng(0).normal(size=500)
    many, few = (
        Resampling(values, False, 0).estimate(share, np.zeros(shape, np.float32)) for shape in (500, (500, 900))
    )
    assert few["share"].interval == pytest.approx(many["share"].interval, abs=0.02)
    assert few != many
