from autoproc.errors import (
    AutoprocError,
    BundleError,
    DataError,
    HomeError,
    NoSignalError,
    PlanError,
    did_you_mean,
)


def test_every_error_is_an_autoproc_error():
    for error in (DataError, PlanError, HomeError, BundleError, NoSignalError):
        assert issubclass(error, AutoprocError)


def test_suggests_the_nearest_word_in_its_own_spelling():
    assert did_you_mean("steplr", ["none", "StepLR", "MultiStepLR"]) == " Did you mean 'StepLR'?"


def test_suggests_nothing_where_nothing_is_near():
    assert did_you_mean("xyz", ["rmse", "macro_f1"]) == ""
    assert did_you_mean("rmse", []) == ""
