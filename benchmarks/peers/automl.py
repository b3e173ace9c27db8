"""AutoGluon and FLAML: the table as it is, a budget, and the metric that counts. Neither takes several targets."""

import tempfile
from typing import Any

import pandas as pd

from benchmarks.peers.job import CORES, CannotError, Given

AUTOGLUON_METRICS = {"rmse": "root_mean_squared_error"}


def ag_nn(given: Given) -> pd.DataFrame:
    """AutoGluon's network only."""
    return autogluon(given, {"NN_TORCH": {}})


def ag_medium(given: Given) -> pd.DataFrame:
    """Trees, networks and an ensemble of them."""
    return autogluon(given, None)


def autogluon(given: Given, hyperparameters: dict[str, Any] | None) -> pd.DataFrame:
    from autogluon.tabular import TabularPredictor

    job, target = given.job, one_target(given)
    with tempfile.TemporaryDirectory() as path:
        predictor = TabularPredictor(
            target,
            problem_type=job.task,
            eval_metric=AUTOGLUON_METRICS.get(job.metric, job.metric),
            path=path,
            learner_kwargs={"random_state": job.seed},
        )
        predictor.fit(
            given.x.assign(**{target: given.y}),
            time_limit=job.seconds,
            presets="medium_quality",
            hyperparameters=hyperparameters,
            num_cpus=CORES,
            num_gpus=0,
        )
        if job.is_classification:
            return predictor.predict_proba(given.test)
        return given.values(predictor.predict(given.test))


def flaml(given: Given) -> pd.DataFrame:
    from flaml import AutoML

    job = given.job
    one_target(given)
    split = {"split_type": "group", "groups": given.groups} if job.group else {}
    split = {"split_type": "time"} if job.time else split
    order = given.train[job.time].argsort(kind="stable") if job.time else slice(None)
    model = AutoML()
    model.fit(
        X_train=given.x.iloc[order].reset_index(drop=True),
        y_train=given.y.iloc[order].reset_index(drop=True),
        task="classification" if job.is_classification else "regression",
        metric=job.metric,
        time_budget=job.seconds,
        seed=job.seed,
        n_jobs=CORES,
        verbose=0,
        **split,
    )
    if job.is_classification:
        return pd.DataFrame(model.predict_proba(given.test), columns=list(model.classes_))
    return given.values(model.predict(given.test))


def one_target(given: Given) -> str:
    targets = given.job.targets
    if len(targets) > 1:
        raise CannotError("several targets at once")
    return targets[0]
