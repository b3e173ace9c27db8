"""Signs of leaks: found where they are made, and nowhere else."""

import numpy as np
import pandas as pd
import pytest

from autoproc import process
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
    notices = process.inspect(make_plan(None, {"target": "y", **asked}), frame).development.notices
    return [notice for notice in notices if "Column" not in notice]


@pytest.mark.parametrize("frame", [PLAIN, NUMBER, PLAIN.assign(y=RANDOM.integers(0, 3, N).astype(str))])
def test_an_honest_table_shows_no_sign(frame: pd.DataFrame) -> None:
    assert leaks(frame) == []


@pytest.mark.parametrize("task", tables.TARGETS)
def test_nor_do_the_tables_of_the_other_tests(task: str) -> None:
    plan = make_plan(None, {"target": tables.TARGETS[task]})
    notices = process.inspect(plan, tables.table(task)).development.notices
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


def test_names_are_only_hints() -> None:
    [told] = leaks(PLAIN.assign(final_amount=RANDOM.normal(size=N), finally_=RANDOM.normal(size=N)))
    assert told == (
        "By their names some features may be known only after the target ('final_amount'). If so, leave them out."
    )


def test_strict_makes_an_error_of_any_sign() -> None:
    leaky = PLAIN.assign(code=np.where(CLASS == "yes", 7, 3))
    with pytest.raises(DataError, match=r"With --strict no sign of a leak is let pass. Feature 'code' tells"):
        leaks(leaky, strict=True)
    assert leaks(PLAIN, strict=True) == []
    assert leaks(leaky, strict=True, ignore=["code"]) == []
