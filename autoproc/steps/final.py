"""The final model: the best configuration's fold networks, or one network trained on all development rows."""

from dataclasses import replace

import numpy as np

from autoproc.network.interface import Engine, train_together
from autoproc.results import Fold, Trained
from autoproc.spec import Replay


def everything(n_rows: int) -> Fold:
    """The fold whose training rows are all development rows."""
    return Fold(np.arange(n_rows), np.arange(0))


def refit(engine: Engine, best: Trained) -> Trained:
    """One network with the best configuration, trained for the folds' median best epoch at the folds' median
    learning rate of each epoch. Look at `failed`: it may diverge where the folds did not.

    `engine` has the one fold `everything`.
    """
    n_epochs = max(1, round(float(np.median(best.best_epochs))))
    rates = np.nanmedian(best.curves.learning_rate[:, :n_epochs], axis=0)
    scheduler = Replay(tuple(map(float, rates)))
    training = replace(best.candidate.train, max_epochs=n_epochs, patience=0, scheduler=scheduler)
    [trained] = train_together(engine, [replace(best.candidate, train=training)])
    return trained
