import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, mean_squared_error

from autoproc.network.loss import losses, predictions, slopes
from tests.network.sample_data import TASKS

S, N = 3, 20
NO_CENTER, NO_SPREAD = torch.zeros(S, 1), torch.ones(S, 1)
N_OUTPUTS = {"binary": 1, "multiclass": 4, "regression": 1, "vector_regression": 2}


def outputs(c):
    return torch.randn(S, c, N, generator=torch.Generator().manual_seed(0))


def targets_of(task):
    """Targets (S, N), or (S, N, t) of values."""
    if task == "binary":
        return (torch.arange(N) % 3 == 0).float().repeat(S, 1)
    if task == "multiclass":
        return (torch.arange(N) % 4).repeat(S, 1)
    return torch.randn(S, N, N_OUTPUTS[task], generator=torch.Generator().manual_seed(1))


def test_binary_loss_is_the_log_loss_of_what_is_predicted():
    targets = targets_of("binary")
    lost = losses("binary", outputs(1), targets)
    predicted = predictions("binary", outputs(1), NO_CENTER, NO_SPREAD)
    assert lost.shape == predicted.shape == (S, N)
    for s in range(S):
        assert lost[s].mean().item() == pytest.approx(log_loss(targets[s], predicted[s]), rel=1e-5)


def test_multiclass_loss_is_the_log_loss_of_what_is_predicted():
    targets = targets_of("multiclass")
    lost = losses("multiclass", outputs(4), targets)
    predicted = predictions("multiclass", outputs(4), NO_CENTER, NO_SPREAD)
    assert lost.shape == (S, N)
    assert predicted.shape == (S, N, 4)
    torch.testing.assert_close(predicted.sum(dim=-1), torch.ones(S, N))
    for s in range(S):
        probabilities = torch.softmax(outputs(4)[s].double(), dim=0).T
        assert lost[s].mean().item() == pytest.approx(log_loss(targets[s], probabilities), rel=1e-5)
        torch.testing.assert_close(predicted[s], probabilities.float())


@pytest.mark.parametrize("task", ["regression", "vector_regression"])
def test_the_loss_of_values_is_the_mean_squared_error_of_standardised_ones(task):
    targets, given = targets_of(task), outputs(N_OUTPUTS[task])
    lost = losses(task, given, targets)
    assert lost.shape == (S, N)
    for s in range(S):
        assert lost[s].mean().item() == pytest.approx(mean_squared_error(targets[s], given[s].T), rel=1e-5)


@pytest.mark.parametrize("task", TASKS)
def test_slopes_are_those_of_autograd(task):
    """Rows of weight 0 fill up batches; the others of one batch have weights of their own."""
    weights = torch.rand(S, N, generator=torch.Generator().manual_seed(2))
    weights[:, ::7] = 0
    given = outputs(N_OUTPUTS[task]).requires_grad_()
    (losses(task, given, targets_of(task)) * weights).sum().backward()
    by_hand = slopes(task, given.detach(), targets_of(task), weights)
    torch.testing.assert_close(by_hand, given.grad, rtol=1e-5, atol=1e-7)
    assert (by_hand[:, :, ::7] == 0).all()
    assert (by_hand != 0).any()


@pytest.mark.parametrize("task", TASKS)
def test_neither_losses_nor_slopes_change_what_they_read(task):
    given, targets, weights = outputs(N_OUTPUTS[task]), targets_of(task), torch.ones(S, N)
    before = given.clone(), targets.clone(), weights.clone()
    losses(task, given, targets)
    slopes(task, given, targets, weights)
    assert all(map(torch.equal, (given, targets, weights), before))


def test_values_are_predicted_in_their_own_units():
    center, spread = (
        torch.tensor([[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]),
        torch.tensor([[2.0, 1.0], [1.0, 3.0], [1.0, 1.0]]),
    )
    predicted = predictions("vector_regression", outputs(2), center, spread).numpy()
    expected = outputs(2).numpy().swapaxes(1, 2) * spread.numpy()[:, None] + center.numpy()[:, None]
    assert predicted.shape == (S, N, 2)
    np.testing.assert_allclose(predicted, expected, rtol=1e-6)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_far_logits_give_a_large_but_finite_loss_and_a_slope_of_one(task):
    far = torch.tensor([[[1e4, -1e4]]]) if task == "binary" else torch.tensor([[[1e4, 0.0], [0.0, 1e4]]])
    targets = torch.tensor([[0.0, 1.0]]) if task == "binary" else torch.tensor([[1, 0]])
    torch.testing.assert_close(losses(task, far, targets), torch.full((1, 2), 1e4))
    assert (slopes(task, far, targets, torch.ones(1, 2)).abs() == 1).all()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("n_rows", [7, 33, 100])
@pytest.mark.parametrize("members", [slice(n, 9) for n in range(1, 9)])
def test_a_network_comes_to_the_same_numbers_whichever_others_are_beside_it(task, n_rows, members):
    source, c = torch.Generator().manual_seed(0), N_OUTPUTS[task]
    made, weights = (3 * torch.randn(9, n, n_rows, generator=source) for n in (c, 1))
    targets = targets_of(task)[:1, torch.arange(n_rows) % N].repeat(9, *[1] * (targets_of(task).dim() - 1))
    center = torch.zeros(9, c, dtype=torch.float64)
    for act in (
        lambda some: losses(task, made[some].clone(), targets[some]),
        lambda some: slopes(task, made[some].clone(), targets[some], weights[some, 0]),
        lambda some: predictions(task, made[some].clone(), center[some], center[some] + 1),
    ):
        torch.testing.assert_close(act(members), act(slice(None))[members], rtol=0, atol=0)
