"""How a user prepares a table for a library that does not do it: learned on the training rows alone."""

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.peers.job import words_of

MOST_WORDS = 255
"""A column with more different words (a name, a ticket) is left out; scikit-learn's trees take no more either."""


def few_words(train: pd.DataFrame, *others: pd.DataFrame) -> list[pd.DataFrame]:
    """The frames without the columns that have too many different words in the training rows."""
    many = [column for column in words_of(train) if train[column].nunique() > MOST_WORDS]
    return [frame.drop(columns=many) for frame in (train, *others)]


def as_categories(train: pd.DataFrame, *others: pd.DataFrame) -> list[pd.DataFrame]:
    """Words as categories, those of the training rows: unseen ones are missing."""
    train, *others = few_words(train, *others)
    known = {column: sorted(train[column].dropna().unique()) for column in words_of(train)}
    return [
        frame.assign(
            **{
                column: pd.Categorical(frame[column].where(frame[column].isin(words)), categories=words)
                for column, words in known.items()
            }
        )
        for frame in (train, *others)
    ]


def standardised(train: pd.DataFrame) -> ColumnTransformer:
    """Numbers imputed by their median and standardised, words one-hot; not fitted yet."""
    words = words_of(train)
    numbers = [column for column in train if column not in words]
    missing = SimpleImputer(strategy="constant", fill_value="missing")
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("words", make_pipeline(missing, one_hot), words),
        ]
    )
