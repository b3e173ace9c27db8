from dataclasses import replace

import numpy as np
import pytest
import torch

from autoproc.data.metrics import METRICS
from autoproc.network import evaluation
from autoproc.network.evaluation import NO_MARKS, evaluate
from autoproc.network.layers import ParameterTable
from autoproc.network.passes import Network
from autoproc.network.scratch import Scratch
from autoproc.results import Fold
from autoproc.spec import NetworkSpec
from tests.network.sample_data import TASKS, sample
from tests.oracle.plain_network import PlainNetwork
from tests.oracle.plain_training import PlainData

FOLDS = [2, 0, 2, 1, 0]
SPEC = NetworkSpec(2, 5)


def networks(problem, folds=FOLDS):
    """Random networks, the table of their parameters, and these."""
    table = ParameterTable.of(SPEC, problem.fold_data().sizes, problem.n_outputs)
    rows = torch.randn(len(folds), table.n_columns, generator=torch.Generator().manual_seed(0)) / 3
    scratch = Scratch(torch.device("cpu"))
    return Network(table, rows, scratch), scratch, table.views(rows)


def marks(problem, folds=FOLDS, where="validation", **limits):
    data = problem.fold_data(**limits)
    network, scratch, _ = networks(problem, folds)
    with torch.inference_mode():
        return evaluate(network, torch.tensor(folds), getattr(data, where), data, problem.metric, scratch)


def plain_marks(problem, folds=FOLDS):
    """Scores and losses on validation rows, one network after the other; NaN where there are none."""
    _, _, parameters = networks(problem, folds)
    data = PlainData(problem.matrix, problem.targets, problem.layout, problem.folds, problem.task, 0)
    found = []
    for member, fold in enumerate(folds):
        network = PlainNetwork({name: view[member].numpy() for name, view in parameters.items()}, problem.layout)
        rows = problem.folds[fold].validation
        if not len(rows):
            found.append((np.nan, np.nan))
            continue
        with torch.no_grad():
            outputs, lost = data.outputs(network, fold, rows)
        score = problem.metric(problem.targets[rows], data.predictions(outputs, fold)[None])[0]
        found.append((score, lost.mean().item()))
    return np.array(found)


def as_array(marks):
    return np.array([(mark.score, mark.loss) for mark in marks])


@pytest.mark.parametrize("most_copied", [0, 2**20])
@pytest.mark.parametrize("task", TASKS)
def test_marks_are_those_of_each_network_alone(task, most_copied):
    problem = sample(task)
    found = as_array(marks(problem, most_copied=most_copied))
    np.testing.assert_allclose(found, plain_marks(problem), rtol=1e-4)
    assert len({score for score, _ in found}) == len(FOLDS), "no two networks are alike"


@pytest.mark.parametrize("n_rows", [1, 5, 16, 100])
def test_it_does_not_matter_how_many_rows_are_read_at_once(monkeypatch, n_rows):
    problem = sample("vector_regression")
    monkeypatch.setattr(evaluation, "ROWS_AT_ONCE", n_rows)
    np.testing.assert_allclose(as_array(marks(problem)), plain_marks(problem), rtol=1e-4)


def test_rows_that_fill_up_a_shorter_fold_are_not_scored():
    """Row 0, which they repeat, is far off."""
    problem = sample("regression")
    folds = (Fold(np.arange(20, 47), np.arange(1, 15)), Fold(np.arange(20, 47), np.arange(1, 4)))
    uneven = replace(problem, folds=folds)
    uneven.targets[0] = 1e9
    np.testing.assert_allclose(as_array(marks(uneven, [1, 0, 1])), plain_marks(uneven, [1, 0, 1]), rtol=1e-4)


def test_training_rows_are_those_of_the_sample():
    problem = sample("regression")
    data = problem.fold_data()
    as_validation = tuple(
        Fold(fold.train, rows) for fold, rows in zip(problem.folds, data.train_sample.rows, strict=True)
    )
    expected = plain_marks(replace(problem, folds=as_validation))
    np.testing.assert_allclose(as_array(marks(problem, where="train_sample")), expected, rtol=1e-4)


def test_without_rows_there_are_no_marks():
    problem = replace(sample(), folds=(Fold(np.arange(47), np.arange(0)),))
    assert marks(problem, [0, 0]) == [NO_MARKS] * 2


def test_a_fold_without_rows_stands_beside_others():
    folds = (Fold(np.arange(47), np.arange(0)), Fold(np.arange(30), np.arange(30, 47)))
    problem = replace(sample(), folds=folds)
    found = as_array(marks(problem, [0, 1, 0]))
    np.testing.assert_allclose(found, plain_marks(problem, [0, 1, 0]), rtol=1e-4)
    assert np.isnan(found).all(axis=1).tolist() == [True, False, True]


def test_one_class_alone_has_a_loss_but_no_area_under_the_curve():
    problem = replace(sample(), metric=METRICS["roc_auc"])
    positive = np.flatnonzero(problem.targets == 1)[:5]
    folds = (problem.folds[0], Fold(np.setdiff1d(np.arange(47), positive), positive))
    found = as_array(marks(replace(problem, folds=folds), [0, 1]))
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1, 0]) and np.isfinite(found[1, 1])


def test_a_network_that_has_diverged_leaves_the_others_alone():
    problem = sample("regression")
    data = problem.fold_data()
    network, scratch, parameters = networks(problem)
    parameters["hidden.0.weight"][1] = torch.nan
    parameters["output.bias"][3] = torch.inf
    with torch.inference_mode():
        found = as_array(evaluate(network, torch.tensor(FOLDS), data.validation, data, problem.metric, scratch))
    expected = plain_marks(problem)
    np.testing.assert_allclose(found[[0, 2, 4]], expected[[0, 2, 4]], rtol=1e-4)
    assert not np.isfinite(found[[1, 3], 1]).any()
