"""pytabkit's networks with their tuned defaults, one network each."""

from typing import Any

import pandas as pd
import pytabkit
from sklearn.impute import SimpleImputer

from benchmarks.peers.job import Given, words_of
from benchmarks.peers.plain import fitted
from benchmarks.peers.preparation import as_categories


def realmlp_td(given: Given) -> pd.DataFrame:
    return by_defaults(pytabkit.RealMLP_TD_Classifier, pytabkit.RealMLP_TD_Regressor, given)


def tabm_d(given: Given) -> pd.DataFrame:
    return by_defaults(pytabkit.TabM_D_Classifier, pytabkit.TabM_D_Regressor, given)


def by_defaults(classifier: Any, regressor: Any, given: Given) -> pd.DataFrame:
    kind = classifier if given.job.is_classification else regressor
    x, test = as_categories(*imputed(given.x, given.test))
    return fitted(kind(random_state=given.job.seed, device="cpu"), given, x, test)


def imputed(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Numbers that are missing are the training rows' median: RealMLP takes none that are."""
    numbers = train.columns.drop(words_of(train))
    imputer = SimpleImputer(strategy="median").set_output(transform="pandas").fit(train[numbers])
    filled = (frame.drop(columns=numbers).join(imputer.transform(frame[numbers])) for frame in (train, test))
    return tuple(filled)
