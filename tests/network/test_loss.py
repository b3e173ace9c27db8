import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, mean_squared_error

from autoproc.network.loss import losses, predictions

S, N = 3, 20
NO_CENTER, NO_SPREAD = torch.zeros(S, 1), torch.ones(S, 1)


def outputs(c):
    return torch.randn(S, N, c, generator=torch.Generator().manual_seed(0))


def test_binary_loss_is_the_log_loss_of_what_is_predicted():
    targets = (torch.arange(N) % 3 == 0).float().repeat(S, 1)
    lost = losses("binary", outputs(1), targets)
    predicted = predictions("binary", outputs(1), NO_CENTER, NO_SPREAD)
    assert lost.shape == predicted.shape == (S, N)
    for s in range(S):
        assert lost[s].mean().item() == pytest.approx(log_loss(targets[s], predicted[s]), rel=1e-5)


def test_multiclass_loss_is_the_log_loss_of_what_is_predicted():
    targets = (torch.arange(N) % 4).repeat(S, 1)
    lost = losses("multiclass", outputs(4), targets)
    predicted = predictions("multiclass", outputs(4), NO_CENTER, NO_SPREAD)
    assert lost.shape == (S, N)
    assert predicted.shape == (S, N, 4)
    torch.testing.assert_close(predicted.sum(dim=-1), torch.ones(S, N))
    for s in range(S):
        probabilities = torch.softmax(outputs(4)[s].double(), dim=-1)
        assert lost[s].mean().item() == pytest.approx(log_loss(targets[s], probabilities), rel=1e-5)
        torch.testing.assert_close(predicted[s], probabilities.float())


@pytest.mark.parametrize(("task", "t"), [("regression", 1), ("vector_regression", 2)])
def test_the_loss_of_values_is_the_mean_squared_error_of_standardised_ones(task, t):
    targets = torch.randn(S, N, t, generator=torch.Generator().manual_seed(1))
    lost = losses(task, outputs(t), targets)
    assert lost.shape == (S, N)
    for s in range(S):
        assert lost[s].mean().item() == pytest.approx(mean_squared_error(targets[s], outputs(t)[s]), rel=1e-5)


def test_values_are_predicted_in_their_own_units():
    center, spread = (
        torch.tensor([[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]),
        torch.tensor([[2.0, 1.0], [1.0, 3.0], [1.0, 1.0]]),
    )
    predicted = predictions("vector_regression", outputs(2), center, spread).numpy()
    expected = outputs(2).numpy() * spread.numpy()[:, None] + center.numpy()[:, None]
    np.testing.assert_allclose(predicted, expected, rtol=1e-6)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_far_logits_give_a_large_but_finite_loss(task):
    far = torch.tensor([[[1e4], [-1e4]]]) if task == "binary" else torch.tensor([[[1e4, 0.0], [0.0, 1e4]]])
    targets = torch.tensor([[0.0, 1.0]]) if task == "binary" else torch.tensor([[1, 0]])
    torch.testing.assert_close(losses(task, far, targets), torch.full((1, 2), 1e4))
