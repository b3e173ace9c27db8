"""The seal: which rows are sealed, that nothing of them is left outside, and that they are handed out once."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoproc.data.holdout import SealedHoldout, holdout_key, seal
from autoproc.data.metrics import METRICS
from autoproc.data.problem import define_problem
from autoproc.data.table import Table, read_table
from autoproc.errors import DataError
from autoproc.outcomes import Receipt
from autoproc.plan import Plan

few = settings(max_examples=40, deadline=None)


def _frame(n_rows: int, n_classes: int = 2, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n_rows) % n_classes)
    return pd.DataFrame({"x": rng.normal(size=n_rows).round(3), "word": rng.choice(["a", "b"], n_rows), "y": y})


def _receipt(key: str) -> Receipt:
    return Receipt(key, "2026-01-01T00:00:00+00:00", "run", "table", 1, None, "receipts/key.1.json")


def _open(sealed: SealedHoldout) -> Table:
    return sealed.open(_receipt(sealed.key)).table


def _plan(**asked: object) -> Plan:
    return Plan.model_validate({"target": "y", **asked})


def _written(path: Path, frame: pd.DataFrame) -> str:
    frame.to_csv(path, index=False)
    return str(path)


@few
@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    share=st.floats(0.1, 0.6),
    seed=st.integers(0, 2**32 - 1),
)
def test_development_and_holdout_partition_the_rows_and_share_the_classes(
    counts: list[int], share: float, seed: int
) -> None:
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    n_rows, n_holdout = len(y), round(share * len(y))
    table = read_table(pd.DataFrame({"x": np.arange(n_rows), "y": y}))
    plan = _plan(seed=seed, holdout_share=share)
    if n_holdout < 2 or n_rows - n_holdout < 10:
        with pytest.raises(DataError, match="too few rows"):
            seal(table, plan)
        return
    development, sealed = seal(table, plan)
    holdout = _open(sealed)
    assert holdout.n_rows == sealed.n_rows == n_holdout
    assert sorted([*development.frame["x"], *holdout.frame["x"]]) == list(range(n_rows))
    assert (np.diff(development.lines) > 0).all()
    drawn = np.bincount(holdout.frame["y"], minlength=len(counts))
    assert (np.abs(drawn - np.array(counts) * n_holdout / n_rows) < 1).all()


def test_rows_of_a_number_are_drawn_from_all_over_the_table() -> None:
    table = read_table(pd.DataFrame({"x": np.arange(1000) % 7, "y": np.arange(1000) / 3}))
    drawn = np.concatenate([_open(seal(table, _plan(seed=seed))[1]).lines for seed in range(20)])
    times = np.bincount(drawn, minlength=1000)
    assert times.sum() == 20 * 200
    assert 0.8 * 400 < times[:100].sum() < 1.2 * 400
    gaps = np.diff(_open(seal(table, _plan())[1]).lines)
    assert len(set(gaps)) > 5  # not every fifth row


def test_several_targets_are_sealed_by_a_plain_draw() -> None:
    table = read_table(pd.DataFrame({"x": np.arange(50), "y": np.arange(50) / 3, "z": np.arange(50) / 7}))
    development, sealed = seal(table, _plan(target=["y", "z"]))
    assert (development.n_rows, sealed.n_rows) == (40, 10)


def test_the_seed_alone_changes_the_draw() -> None:
    table = read_table(_frame(60))
    first, again, other = (seal(table, _plan(seed=seed)) for seed in (1, 1, 2))
    assert first[1].key == again[1].key == other[1].key, "another draw is no fresh holdout"
    pd.testing.assert_frame_equal(first[0].frame, again[0].frame)
    assert first[0].lines.tolist() != other[0].lines.tolist()


_SCRIPT = """
import pandas as pd
from autoproc.data.holdout import seal
from autoproc.data.table import read_table
from autoproc.plan import Plan
table = read_table(pd.DataFrame({"x": range(60), "y": ["a", "b", "c"] * 20}))
development, sealed = seal(table, Plan(target="y", seed=3))
print(sealed.key, development.lines.tolist())
"""


def test_a_fresh_process_seals_the_same_rows() -> None:
    fresh = subprocess.run([sys.executable, "-c", _SCRIPT], check=True, capture_output=True, text=True)
    table = read_table(pd.DataFrame({"x": range(60), "y": ["a", "b", "c"] * 20}))
    development, sealed = seal(table, _plan(seed=3))
    assert fresh.stdout.strip() == f"{sealed.key} {development.lines.tolist()}"


def test_poisoned_features_of_sealed_rows_change_nothing_outside_but_the_key(tmp_path: Path) -> None:
    frame = _frame(100).astype(str)
    development, sealed = seal(read_table(_written(tmp_path / "clean.csv", frame)), _plan())
    poisoned = frame.copy()
    rows = sorted(set(range(100)) - set(development.lines - 2))  # line 1 holds the names
    poisoned.loc[rows, ["x", "word"]] = [["1e308", "poison"]] * len(rows)
    outside, other = seal(read_table(_written(tmp_path / "poisoned.csv", poisoned)), _plan())
    assert set(_open(other).frame["word"]) == {"poison"}
    pd.testing.assert_frame_equal(outside.frame, development.frame)
    assert outside.lines.tolist() == development.lines.tolist()
    assert outside.notices == development.notices
    assert outside.fingerprint == development.fingerprint
    assert other.n_rows == sealed.n_rows
    assert other.key != sealed.key


def test_a_category_of_sealed_rows_alone_leaves_no_name_in_development() -> None:
    frame = _frame(100)
    rows = sorted(set(range(100)) - set(seal(read_table(frame), _plan())[0].lines))
    frame.loc[rows, "word"] = "poison"
    development, _ = seal(read_table(frame.astype({"word": "category"})), _plan())
    assert isinstance(development.frame["word"].dtype, pd.CategoricalDtype)
    assert set(development.frame["word"].cat.categories) == {"a", "b"}


def test_the_seal_shows_its_number_of_rows_and_key_alone() -> None:
    table = read_table(_frame(60))
    development, sealed = seal(table, _plan())
    assert [name for name in dir(sealed) if not name.startswith("_")] == ["check_targets", "key", "n_rows", "open"]
    assert repr(sealed) == f"SealedHoldout(n_rows=12, key={sealed.key!r})"
    assert set(sealed.key) <= set("0123456789abcdef")
    assert development.n_rows == 48


def test_rows_are_handed_out_once_and_for_their_own_receipt_alone() -> None:
    sealed = seal(read_table(_frame(60)), _plan())[1]
    with pytest.raises(ValueError, match="not for"):
        sealed.open(_receipt("0123456789abcdef"))
    assert _open(sealed).n_rows == 12
    with pytest.raises(RuntimeError, match="handed out once"):
        _open(sealed)


def test_the_key_is_that_of_the_table_and_targets() -> None:
    frame = _frame(60).assign(z=np.arange(60) % 2)
    keys = [
        seal(read_table(frame), _plan())[1].key,
        seal(read_table(frame), _plan(target="z"))[1].key,
        seal(read_table(frame.assign(x=0)), _plan())[1].key,
    ]
    assert len(set(keys)) == 3
    assert seal(read_table(frame), _plan(holdout_share=0.3))[1].key == keys[0], "another share is no fresh holdout"
    both = [seal(read_table(frame), _plan(target=target))[1].key for target in (["y", "z"], ["z", "y"])]
    assert both[0] == both[1]


@pytest.mark.parametrize(("n_rows", "share"), [(12, 0.2), (7, 0.2), (40, 0.9), (40, 0.01)])
def test_too_few_rows_are_refused(n_rows: int, share: float) -> None:
    plan = _plan(holdout_share=share)
    if n_rows == 12:
        assert seal(read_table(_frame(n_rows)), plan)[0].n_rows == 10
        return
    match = "too few rows" if n_rows < 12 else f"The holdout share does not fit .* a share of {share} of 40 rows"
    with pytest.raises(DataError, match=match) as error:
        seal(read_table(_frame(n_rows)), plan)
    assert ("--holdout-share" in str(error.value)) == (n_rows >= 12), "no share helps where there are too few for both"


def test_a_holdout_file_leaves_all_rows_to_development(tmp_path: Path) -> None:
    path = _written(tmp_path / "sealed.csv", _frame(20, seed=1).assign(more=1)[["y", "more", "word", "x"]])
    table = read_table(_frame(60))
    development, sealed = seal(table, _plan(holdout=path))
    pd.testing.assert_frame_equal(development.frame, table.frame)
    assert sealed.n_rows == 20
    assert set(table.columns) <= set(_open(sealed).columns)


def test_the_same_holdout_file_is_the_same_holdout_for_every_table(tmp_path: Path) -> None:
    path = _written(tmp_path / "sealed.csv", _frame(20, seed=1))
    keys = {seal(read_table(_frame(n)), _plan(holdout=path, seed=n))[1].key for n in (60, 70)}
    assert len(keys) == 1
    moved = _written(tmp_path / "moved.csv", _frame(20, seed=1))
    assert {seal(read_table(_frame(60)), _plan(holdout=moved))[1].key} == keys
    other = _written(tmp_path / "other.csv", _frame(20, seed=2))
    assert seal(read_table(_frame(60)), _plan(holdout=other))[1].key not in keys


def test_holdout_rows_without_a_target_are_left_out_with_a_notice(tmp_path: Path) -> None:
    frame = _frame(20, seed=1).astype({"y": object})
    frame.loc[[3, 5], "y"] = ""
    development, sealed = seal(read_table(_frame(60)), _plan(holdout=_written(tmp_path / "sealed.csv", frame)))
    assert sealed.n_rows == 18
    assert any(notice.startswith("Holdout sealed: Left out: 2 rows") for notice in development.notices)


def test_a_holdout_file_that_lacks_columns_is_refused(tmp_path: Path) -> None:
    path = _written(tmp_path / "sealed.csv", _frame(20).drop(columns=["word"]))
    with pytest.raises(DataError, match="lacks 'word'"):
        seal(read_table(_frame(60)), _plan(holdout=path))
    assert seal(read_table(_frame(60)), _plan(holdout=path, ignore=["word"]))[1].n_rows == 20
    with pytest.raises(DataError, match="lacks 'y'"):
        seal(read_table(_frame(60)), _plan(holdout=_written(tmp_path / "bare.csv", _frame(20).drop(columns=["y"]))))


def test_the_table_itself_and_a_single_row_are_no_holdout(tmp_path: Path) -> None:
    path = _written(tmp_path / "table.csv", _frame(60))
    with pytest.raises(DataError, match="same rows as table"):
        seal(read_table(path), _plan(holdout=path))
    with pytest.raises(DataError, match="at least 2 rows"):
        seal(read_table(path), _plan(holdout=_written(tmp_path / "one.csv", _frame(1))))


def test_targets_that_can_be_scored_pass(tmp_path: Path) -> None:
    development, sealed = seal(read_table(_frame(60)), _plan())
    sealed.check_targets(define_problem(development, _plan()))
    assert _open(sealed).n_rows == 12


@pytest.mark.parametrize(
    ("y", "held", "match"),
    [
        (["no", "yes"] * 30, ["no", "perhaps"], "a class that no development row has"),
        (["no", "yes"] * 30, ["no", "no"], "has none of 'yes'"),
        (list(np.arange(60) / 7), ["1.5", "secret"], "no finite number"),
    ],
)
def test_targets_that_cannot_be_scored_are_refused_without_being_shown(
    tmp_path: Path, y: list[object], held: list[str], match: str
) -> None:
    plan = _plan(holdout=_written(tmp_path / "sealed.csv", pd.DataFrame({"x": [1, 2], "y": held})))
    development, sealed = seal(read_table(pd.DataFrame({"x": np.arange(60) % 7, "y": y})), plan)
    with pytest.raises(DataError, match=match) as refused:
        sealed.check_targets(define_problem(development, plan))
    assert not any(word in str(refused.value) for word in ("perhaps", "secret", "line"))


@pytest.mark.parametrize(
    ("y", "held", "metric", "needs"),
    [
        (np.arange(60) / 7 + 1, [0.0, 2.5], "mape", "true values other than 0, because it divides by them"),
        (np.arange(60) / 7 + 1, [2.5, 2.5], "r2", "a target that is not the same in all rows"),
        (["one", "two", "three"] * 20, ["two", "two"], "roc_auc", "rows of two classes or more"),
    ],
)
def test_a_holdout_of_which_the_metric_says_nothing_is_refused_without_being_shown(
    tmp_path: Path, y: list[object], held: list[object], metric: str, needs: str
) -> None:
    plan = _plan(holdout=_written(tmp_path / "sealed.csv", pd.DataFrame({"x": [1, 2], "y": held})))
    development, sealed = seal(read_table(pd.DataFrame({"x": np.arange(60) % 7, "y": y})), plan)
    problem = define_problem(development, plan)
    sealed.check_targets(problem, [METRICS["accuracy" if problem.is_classification else "rmse"]])
    with pytest.raises(DataError) as refused:
        sealed.check_targets(problem, [METRICS[metric]])
    assert str(refused.value) == (
        f"The holdout cannot be scored by {metric!r}, which needs {needs}. Seal more or other rows with "
        "--holdout-share or --holdout, or ask for another metric."
    )


def test_values_near_zero_in_the_holdout_are_not_told(tmp_path: Path) -> None:
    plan = _plan(holdout=_written(tmp_path / "sealed.csv", pd.DataFrame({"x": [1, 2], "y": [1e-9, 2.5]})))
    development, sealed = seal(read_table(pd.DataFrame({"x": np.arange(60) % 7, "y": np.arange(60) / 7 + 1})), plan)
    sealed.check_targets(define_problem(development, plan), [METRICS["mape"]])


def _related(n_rows: int = 200) -> pd.DataFrame:
    frame = _frame(n_rows)
    return frame.assign(who=np.arange(n_rows) // 5, when=np.arange(n_rows)[::-1])


def test_whole_groups_are_sealed() -> None:
    development, sealed = seal(read_table(_related()), _plan(group="who"))
    holdout = _open(sealed)
    assert not set(development.frame["who"]) & set(holdout.frame["who"])
    assert holdout.n_rows == 40 == 200 - development.n_rows
    assert development.notices == ()
    assert seal(read_table(_related()), _plan(group="who", seed=1))[0].frame["who"].tolist() != list(
        development.frame["who"]
    )


def test_of_times_the_last_are_sealed() -> None:
    development, sealed = seal(read_table(_related()), _plan(time="when"))
    assert sorted(_open(sealed).frame["when"]) == list(range(160, 200))
    assert sorted(development.frame["when"]) == list(range(160))


def test_by_group_and_time_later_rows_of_known_groups_are_left_out() -> None:
    frame = _related().assign(who=np.arange(200) // 7)
    development, sealed = seal(read_table(frame), _plan(group="who", time="when"))
    holdout = _open(sealed)
    assert development.frame["when"].max() == 159 < holdout.frame["when"].min()
    assert not set(development.frame["who"]) & set(holdout.frame["who"])
    left_out = 200 - development.n_rows - holdout.n_rows
    assert 0 < left_out < 7
    assert development.notices == (
        f"Left out: {left_out} later rows of groups (who) that stand among the development rows too.",
    )


def test_groups_that_cannot_be_divided_are_told_of() -> None:
    frame = _related().assign(who=np.maximum(np.arange(200) - 160, 0))
    development, sealed = seal(read_table(frame), _plan(group="who"))
    assert sealed.n_rows < 40
    [notice] = development.notices
    assert notice.startswith("Groups of 'who' cannot be divided: ")
    assert notice.endswith("the largest group has 80.5%.")


@pytest.mark.parametrize(
    ("asked", "rows", "told"),
    [
        ({"group": "who"}, slice(100, 200), "must have groups of its own in 'who', but 20 stand in .* such as '20'"),
        ({"time": "when"}, slice(0, 100), None),
        ({"time": "when"}, slice(100, 200), "must be later than .* by 'when', but its first row is earlier"),
    ],
)
def test_a_holdout_file_must_be_apart_from_the_table(
    tmp_path: Path, asked: dict[str, str], rows: slice, told: str | None
) -> None:
    frame = _related()
    table = read_table(frame.iloc[100:] if told is None else frame)
    plan = _plan(holdout=_written(tmp_path / "sealed.csv", frame.iloc[rows].assign(x=0.5)), **asked)
    if told is None:
        assert seal(table, plan)[1].n_rows == 100
        return
    with pytest.raises(DataError, match=told):
        seal(table, plan)


def test_groups_of_all_times_leave_nothing_to_seal_by_both() -> None:
    frame = _related().assign(who=np.arange(200) % 10)
    with pytest.raises(DataError, match=r"By .who. and .when. together nothing is left to seal"):
        seal(read_table(frame), _plan(group="who", time="when"))


def test_the_key_is_known_without_sealing(tmp_path: Path) -> None:
    table = read_table(_frame(60))
    assert holdout_key(table, _plan()) == seal(table, _plan())[1].key
    own = _plan(holdout=_written(tmp_path / "own.csv", _frame(20, seed=1)))
    assert holdout_key(table, own) == seal(table, own)[1].key != holdout_key(table, _plan())
    assert holdout_key(read_table(_frame(3)), _plan()), "too few rows to seal any"
    with pytest.raises(DataError, match="no column 'y'"):
        holdout_key(table, _plan(holdout=_written(tmp_path / "lacks.csv", _frame(20).drop(columns="y"))))
