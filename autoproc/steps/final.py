"""The final model: the best configuration's fold networks, or one network trained on all development rows."""

from dataclasses import replace

import numpy as np

from autoproc.network.interface import Engine, train_together
from autoproc.results import Fold, Trained


def everything(n_rows: int) -> Fold:
    """The fold whose training rows are all development rows."""
    return Fold(np.arange(n_rows), np.arange(0))


def refit(engine: Engine, best: Trained) -> Trained:
    """One network with the best configuration, trained for the folds' median best epoch.

    `engine` has the one fold `everything`.
    """
    n_epochs = max(1, round(float(np.median(best.best_epochs))))
    training = replace(best.candidate.train, max_epochs=n_epochs, patience=0)
    [trained] = train_together(engine, [replace(best.candidate, train=training)])
    return trained
