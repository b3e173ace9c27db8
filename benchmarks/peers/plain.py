"""scikit-learn at its defaults: nothing is searched, and no budget is needed."""

from typing import Any

import pandas as pd
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.peers.job import Given
from benchmarks.peers.preparation import as_categories, few_words, standardised


def dummy(given: Given) -> pd.DataFrame:
    model = DummyClassifier() if given.job.is_classification else DummyRegressor()
    return fitted(model, given, given.x, given.test)


def hgb(given: Given) -> pd.DataFrame:
    """Boosted trees; of several targets one model each."""
    seed = given.job.seed
    x, test = as_categories(given.x, given.test)
    if given.job.is_classification:
        return fitted(HistGradientBoostingClassifier(random_state=seed), given, x, test)
    one = HistGradientBoostingRegressor(random_state=seed)
    return fitted(MultiOutputRegressor(one) if len(given.job.targets) > 1 else one, given, x, test)


def sk_mlp(given: Given) -> pd.DataFrame:
    """A perceptron, with its inputs and values prepared as a user knows to."""
    seed = given.job.seed
    x, test = few_words(given.x, given.test)
    if given.job.is_classification:
        network: Any = MLPClassifier(random_state=seed)
    else:
        network = TransformedTargetRegressor(MLPRegressor(random_state=seed), transformer=StandardScaler())
    return fitted(make_pipeline(standardised(x), network), given, x, test)


def fitted(model: Any, given: Given, x: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """What a model of scikit-learn's interface predicts for the test rows."""
    model.fit(x, given.y)
    if given.job.is_classification:
        return pd.DataFrame(model.predict_proba(test), columns=list(model.classes_))
    return given.values(model.predict(test))
