"""Names must be legal in MLflow whatever the data hold, and different texts must stay different."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name, _validate_param_name, _validate_tag_name

from autoproc.tracking import names

CONSTANTS = [value for name, value in vars(names).items() if name.isupper() and isinstance(value, str) and "/" in value]


@pytest.mark.parametrize("name", CONSTANTS)
def test_the_names_of_the_record_are_legal_as_they_are(name: str) -> None:
    assert names.legal_key(name) == name


def test_a_curve_and_a_final_value_never_share_a_name() -> None:
    curves = {names.SCORE_VALIDATION, names.SCORE_TRAIN, names.LOSS_VALIDATION, names.LOSS_TRAIN, names.LEARNING_RATE}
    finals = {names.SCORE, names.STANDARD_ERROR, names.TRAIN_SCORE, names.EPOCHS, names.SECONDS, names.fold_score(1)}
    assert len(curves) == 5
    assert not curves & finals


@given(st.text(max_size=400))
def test_any_text_becomes_a_legal_key(text: str) -> None:
    key = names.legal_key(text)
    assert 1 <= len(key) <= names.MAX_KEY
    _validate_metric_name(key)
    _validate_param_name(key)
    _validate_tag_name(key)


@given(st.text(max_size=20), st.text(max_size=20))
def test_different_texts_stay_different(one: str, other: str) -> None:
    assume(one != other)
    assert names.as_key(one) != names.as_key(other)


@given(st.text(max_size=400))
def test_a_title_is_one_printable_line(text: str) -> None:
    title = names.as_title(text)
    assert 1 <= len(title) <= names.MAX_TITLE
    assert title.isprintable()
    assert title == title.strip()


@given(st.text(alphabet=st.characters(), max_size=50), st.integers(1, 60))
def test_a_value_fits_and_is_valid_unicode(text: str, limit: int) -> None:
    value = names.as_value(text, limit)
    assert len(value) <= limit
    assert "\x00" not in value
    value.encode("utf-8")


def test_a_short_value_stays_as_it_is() -> None:
    assert names.as_value("plain größe ✓", 100) == "plain größe ✓"
    assert names.as_value(0.1, 100) == "0.1"
    assert names.as_value("lone \ud800 surrogate", 100) == "lone ? surrogate"


def test_holdout_measures_stand_in_the_holdout_section() -> None:
    assert names.holdout_measure("recall") == "holdout/recall"
    assert names.holdout_measure("a/b").count("/") == 1
