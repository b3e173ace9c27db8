"""Signs of leaks: found where they are made, and nowhere else."""

import re

import numpy as np
import pandas as pd
import pytest

from autoproc import process
from autoproc.data import copies
from autoproc.errors import DataError
from autoproc.plan import make_plan
from tests.end_to_end import tables

N = 400
RANDOM = np.random.default_rng(0)
X, Z = RANDOM.normal(size=(2, N))
CLASS = np.where(X + RANDOM.normal(size=N) > 0, "yes", "no")
PLAIN = pd.DataFrame({"x": X, "z": Z, "word": RANDOM.choice(list("pqr"), N), "y": CLASS})
NUMBER = PLAIN.assign(y=3 * X + RANDOM.normal(size=N))


def leaks(frame: pd.DataFrame, **asked: object) -> list[str]:
    """The warnings, then the notes on them."""
    prepared = process.inspect(make_plan(None, {"target": "y", **asked}), frame)
    return [*prepared.warnings, *(notice for notice in prepared.development.notices if "Column" not in notice)]


@pytest.mark.parametrize("frame", [PLAIN, NUMBER, PLAIN.assign(y=RANDOM.integers(0, 3, N).astype(str))])
def test_an_honest_table_shows_no_sign(frame: pd.DataFrame) -> None:
    assert leaks(frame) == []


@pytest.mark.parametrize("task", tables.TARGETS)
def test_nor_do_the_tables_of_the_other_tests(task: str) -> None:
    plan = make_plan(None, {"target": tables.TARGETS[task]})
    prepared = process.inspect(plan, tables.table(task))
    notices = (*prepared.warnings, *prepared.development.notices)
    assert [notice for notice in notices if not notice.startswith("Column 'sold' holds times")] == []


def test_a_renamed_target_is_told_one_by_one() -> None:
    [told] = leaks(PLAIN.assign(code=np.where(CLASS == "yes", 7, 3)))
    assert told.startswith("Feature 'code' tells the target one by one")
    assert told.endswith("leave it out with --ignore.")


@pytest.mark.parametrize(
    ("frame", "leak", "measure"),
    [
        (PLAIN, np.where(CLASS == "yes", 1, -1) * RANDOM.uniform(1, 9, N), "balanced accuracy beyond chance 1.000"),
        (NUMBER, np.round(NUMBER["y"], 1), "R² of values or ranks "),
    ],
)
def test_a_feature_that_alone_predicts_the_target_is_found(frame: pd.DataFrame, leak: object, measure: str) -> None:
    [told] = leaks(frame.assign(leak=leak))
    assert told.startswith("Feature 'leak' alone predicts 'y' nearly perfectly (" + measure)


def test_rows_that_are_copies_are_counted() -> None:
    doubled = pd.concat([PLAIN, PLAIN.iloc[:100]], ignore_index=True)
    [told] = leaks(doubled, holdout_share=0.1)
    assert "of 450 development rows" in told and "rare categories are one, with the same target." in told
    other = doubled.copy()
    other.loc[N:, "y"] = np.where(other.loc[N:, "y"] == "yes", "no", "yes")
    assert "not all with the same target" in leaks(other, holdout_share=0.1)[0]
    assert leaks(doubled.assign(when=np.arange(len(doubled)) // 3), time="when", holdout_share=0.1) == []
    few = pd.concat([PLAIN, PLAIN.iloc[:1]], ignore_index=True)
    assert leaks(few) == []


def shaken(frame: pd.DataFrame, n_copies: int) -> pd.DataFrame:
    """Each row and copies of it, with noise in their numbers."""
    copies = pd.concat([frame] * (n_copies + 1), ignore_index=True)
    numbers = copies.select_dtypes("number").drop(columns="y", errors="ignore")
    noise = np.random.default_rng(5).normal(scale=0.002, size=numbers.shape)
    return copies.assign(**(numbers + noise)).sample(frac=1, random_state=0)


WIDE = PLAIN.assign(**{f"x{i}": RANDOM.normal(size=N) for i in range(4)})


@pytest.mark.parametrize(
    ("frame", "alike"),
    [
        (WIDE, "100% of these pairs have the same target (by chance 5"),
        (WIDE.assign(y=NUMBER["y"]), "the rank correlation of their targets is 1.00"),
    ],
)
def test_near_copies_are_told_with_an_example(frame: pd.DataFrame, alike: str) -> None:
    copies = shaken(frame, 1).reset_index(drop=True)
    [told] = leaks(copies)
    assert re.match(r"At least \d+ of 640 distinct development rows \(\d\d\.\d%\) are nearly equal to another", told)
    assert "the nearest agrees in 7 of 7 features" in told and alike in told
    example = re.search(r"An example is rows (\d+), (\d+)\. ", told)
    assert example is not None
    one, other = (copies.iloc[int(row)] for row in example.groups())
    assert (one["word"], one["y"]) == (other["word"], other["y"]) and abs(one["x"] - other["x"]) < 0.02
    assert told.endswith("with --group: then they stay on one side of every split.")


def test_near_copies_are_told_for_each_of_several_targets() -> None:
    copies = shaken(WIDE.assign(y=NUMBER["y"]), 1).reset_index(drop=True)
    plan = make_plan(None, {"target": ["y", "other"]})
    [told] = process.inspect(plan, copies.assign(other=np.random.default_rng(1).normal(size=len(copies)))).warnings
    assert re.search(r"the rank correlations of their targets are 1\.00 \(y\), -?0\.[01]\d \(other\)\.", told)


def test_a_proposal_is_no_warning_and_strict_lets_it_pass() -> None:
    frame = PLAIN.assign(when=pd.date_range("2030-01-01", periods=N).strftime("%Y-%m-%d"))
    prepared = process.inspect(make_plan(None, {"target": "y", "strict": True}), frame)
    assert prepared.warnings == ()
    assert any("Column 'when' holds times" in notice for notice in prepared.development.notices)


def test_near_copies_are_no_matter_where_rows_are_split_by_group_or_time() -> None:
    copies = shaken(WIDE, 2)
    by_thing = copies.assign(thing=copies.index % N)
    assert leaks(by_thing, group="thing") == []
    assert leaks(by_thing.assign(when=RANDOM.permutation(len(copies)) // 2), time="when", ignore=["thing"]) == []
    with pytest.raises(DataError, match=r"With --strict no sign of a leak is let pass\. At least"):
        leaks(copies, strict=True)


def test_a_used_number_that_counts_rows_of_a_sorted_table_is_told() -> None:
    ordered = NUMBER.sort_values("y").assign(place=np.arange(N) / 2 + 0.01 * Z)
    told = leaks(ordered)
    assert any(each.startswith("Feature 'place' follows the order of the rows") for each in told)
    assert not any("so this is no leak by itself" in each for each in told)
    with pytest.raises(DataError, match="Feature 'place' follows"):
        leaks(ordered, strict=True)


def test_an_order_that_no_feature_follows_is_only_a_note() -> None:
    [told] = leaks(PLAIN.sort_values("y"), strict=True)
    assert told.startswith("The rows stand in an order that tells 'y' (balanced accuracy beyond chance 0.9")
    assert told.endswith("name a column of times with --time.")
    timed = PLAIN.sort_values("y").assign(when=RANDOM.permutation(N))
    assert leaks(timed, time="when", strict=True) == []


@pytest.mark.parametrize("name", ["final_amount", "finalAmount", "AmountFinal", "FINAL amount"])
def test_names_are_only_hints_and_strict_lets_them_pass(name: str) -> None:
    frame = PLAIN.assign(**{name: RANDOM.normal(size=N), "finally_": RANDOM.normal(size=N)})
    [told] = leaks(frame, strict=True)
    assert told == (
        f"By their names some features may be known only after the target ({name!r}). If so, leave them out."
    )


def test_a_note_stands_beside_the_warnings_but_not_in_the_error() -> None:
    leaky = PLAIN.assign(code=np.where(CLASS == "yes", 7, 3), finalAmount=RANDOM.normal(size=N))
    assert [each.split()[0] for each in leaks(leaky)] == ["Feature", "By"]
    [warning] = process.inspect(make_plan(None, {"target": "y"}), leaky).warnings
    assert warning.startswith("Feature")
    with pytest.raises(DataError) as error:
        leaks(leaky, strict=True)
    assert "By their names" not in str(error.value)


def test_strict_makes_an_error_of_a_warning() -> None:
    leaky = PLAIN.assign(code=np.where(CLASS == "yes", 7, 3))
    with pytest.raises(DataError, match=r"With --strict no sign of a leak is let pass. Feature 'code' tells"):
        leaks(leaky, strict=True)
    assert leaks(PLAIN, strict=True) == []
    assert leaks(leaky, strict=True, ignore=["code"]) == []


def test_the_largest_numbers_are_no_sign() -> None:
    places = np.arange(N) % 3
    assert leaks(PLAIN.assign(huge=np.select([places == 0, places == 1], [1e308, -1e308], RANDOM.normal(size=N)))) == []


def test_equal_rows_are_numbered_alike_whatever_their_signs_of_zero_and_kinds_of_gap() -> None:
    rows = np.array([[0.0, np.nan], [1, 2], [-0.0, -np.nan], [2, 1], [1, 2], [0, 0]], dtype=np.float32)
    number, distinct = copies._numbered(rows)
    assert number.tolist() == [0, 1, 0, 2, 1, 3]
    assert distinct.tolist() == [0, 1, 3, 5]


def test_a_leak_of_a_few_large_numbers_or_of_a_rare_class_is_found_too() -> None:
    n_rows, n_large = 4_000, 80
    random = np.random.default_rng(1)
    frame = pd.DataFrame(random.normal(size=(n_rows, 2)), columns=["x", "z"])
    amount = random.normal(size=n_rows)
    amount[:n_large] = 1_000 * random.uniform(1, 9, n_large)
    tells = np.where(np.arange(n_rows) < n_large, amount, random.normal(size=n_rows))
    shuffled = random.permutation(n_rows)
    [told] = leaks(frame.assign(y=amount, leak=tells).iloc[shuffled])
    assert told.startswith("Feature 'leak' alone predicts 'y' nearly perfectly")
    rare = np.where(np.arange(n_rows) < 12, "yes", "no")
    alarms = np.where(np.arange(n_rows) < 42, 1, 0)  # thirty of them false
    [told] = leaks(frame.assign(y=rare, leak=alarms).iloc[shuffled])
    assert told.startswith("Feature 'leak' alone predicts 'y' nearly perfectly")
