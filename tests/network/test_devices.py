"""Training on a GPU, where there is one, equals training on the CPU."""

import numpy as np
import pytest
import torch

from autoproc.network.engine import StackEngine
from autoproc.network.interface import train_together
from autoproc.spec import Candidate, ExponentialLR, NetworkSpec, NoScheduler, ReduceLROnPlateau, StepLR, TrainSpec
from tests.network.sample_data import TASKS, sample

CANDIDATES = [
    Candidate(
        NetworkSpec(depth, width, input_scale),
        TrainSpec(6, 0, 16, optimizer, 0.01, scheduler, dropout, l1, weight_decay, averaging, factor_rate),
    )
    for depth, width, input_scale, optimizer, scheduler, dropout, l1, weight_decay, averaging, factor_rate in (
        (1, 8, True, "adamw", NoScheduler(), 0.0, 0.0, 0.0, 0.1, 3.0),
        (2, 8, False, "adam", ExponentialLR(0.9), 0.3, 0.0, 0.01, 0.0, 1.0),
        (2, 8, True, "rmsprop", StepLR(2, 0.5), 0.0, 1e-4, 0.01, 0.0, 5.0),
        (3, 16, False, "sgd", ReduceLROnPlateau(0.5, 1), 0.2, 0.0, 0.0, 0.2, 1.0),
    )
]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an Nvidia GPU")
@pytest.mark.parametrize("task", TASKS)
def test_a_gpu_trains_as_the_cpu_does(task: str) -> None:
    problem = sample(task)
    on_cpu, on_gpu = (
        train_together(
            StackEngine(
                problem.matrix,
                problem.targets,
                problem.layout,
                problem.folds,
                problem.task,
                problem.n_outputs,
                problem.metric,
                seed=0,
                device=device,
                n_pieces=3,
            ),
            CANDIDATES,
        )
        for device in ("cpu", "cuda")
    )
    for expected, trained in zip(on_cpu, on_gpu, strict=True):
        assert trained.failed is None
        np.testing.assert_allclose(trained.curves.validation_loss, expected.curves.validation_loss, rtol=1e-4)
        for name, array in expected.weights.items():
            np.testing.assert_allclose(trained.weights[name], array, rtol=1e-3, atol=1e-5, err_msg=name)
