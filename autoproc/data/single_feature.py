"""How well a single number tells the target: by a tree of it alone, on rows that this has not seen, or by ranks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.metrics import r2_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from autoproc.results import FloatArray

Values = NDArray[Any]


def tree_score(feature: FloatArray, wanted: Values, unseen: NDArray[np.bool_], classify: bool, leaf: int = 1) -> float:
    """R², or balanced accuracy from chance to perfect: 1 is perfect, 0 is chance. Of n rows the tree sees those that
    are not `unseen` (n,), and keeps `leaf` of them or more in each leaf."""
    column, truth = feature[:, None], wanted[unseen]
    if len(np.unique(truth)) < 2:
        return 0.0
    if not classify:
        tree = DecisionTreeRegressor(min_samples_leaf=leaf, random_state=0).fit(column[~unseen], wanted[~unseen])
        return float(r2_score(truth, tree.predict(column[unseen])))
    tree = DecisionTreeClassifier(min_samples_leaf=leaf, class_weight="balanced", random_state=0)
    predicted = tree.fit(column[~unseen], wanted[~unseen]).predict(column[unseen])
    classes = np.unique(truth)
    recall = float(np.mean([np.mean(predicted[truth == each] == each) for each in classes]))
    return (recall - 1 / len(classes)) / (1 - 1 / len(classes))


def rank_correlation(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    """Spearman's, of (n,) and (n,); 0 where either does not vary."""
    if min(np.ptp(one), np.ptp(other)) == 0:
        return 0.0
    return float(spearmanr(one, other).statistic)
