import pytest
import torch

from autoproc.network.optimizer import Update, coefficients
from autoproc.spec import OPTIMIZERS, TrainSpec

N_WEIGHTS, N_PARAMETERS = 6, 9
TORCH = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop}
SPECS = [
    TrainSpec(optimizer=optimizer, learning_rate=rate, l1=l1, weight_decay=decay)
    for optimizer in OPTIMIZERS
    for rate, l1, decay in ((0.1, 0.0, 0.0), (0.01, 0.3, 0.0), (0.03, 0.0, 0.2), (0.3, 0.1, 0.1))
]


def gradients(n_members, step):
    """Of very unlike sizes, some zero."""
    generator = torch.Generator().manual_seed(step)
    slopes = torch.randn(n_members, N_PARAMETERS, generator=generator)
    return slopes * torch.tensor([1, 1e-4, 1e3, 0, 1e-8, 1, 1e-4, 0, 1e3])


def start(n_members):
    return torch.linspace(-1, 1, N_PARAMETERS).repeat(n_members, 1)


def by_torch(spec, n_steps, member, n_members):
    """The parameters of one member after `n_steps` of torch's optimiser."""
    row = start(1)[0]
    weights, others = (part.clone().requires_grad_() for part in row.split([N_WEIGHTS, N_PARAMETERS - N_WEIGHTS]))
    groups = [{"params": [weights], "weight_decay": spec.weight_decay}, {"params": [others], "weight_decay": 0.0}]
    optimizer = TORCH[spec.optimizer](groups, lr=spec.learning_rate)
    for step in range(n_steps):
        slopes = gradients(n_members, step)[member].split([N_WEIGHTS, N_PARAMETERS - N_WEIGHTS])
        weights.grad = slopes[0] + spec.l1 * weights.detach().sign()
        others.grad = slopes[1].clone()
        optimizer.step()
    return torch.cat([weights, others]).detach()


def by_update(specs, epochs):
    """The parameters of all members after epochs of so many steps each."""
    parameters, moments = start(len(specs)), torch.zeros(2, len(specs), N_PARAMETERS)
    rates = torch.tensor([spec.learning_rate for spec in specs], dtype=torch.float64)
    done = 0
    for n_steps in epochs:
        steps = torch.full((len(specs),), float(done))
        update = Update(coefficients(specs), rates, steps, moments, N_WEIGHTS)
        for step in range(done, done + n_steps):
            update.step(parameters, gradients(len(specs), step))
        done += n_steps
    return parameters


@pytest.mark.parametrize("epochs", [(1,), (2,), (5, 5, 1), (40,)])
def test_all_kinds_side_by_side_equal_torchs_own(epochs):
    together = by_update(SPECS, epochs)
    for member, spec in enumerate(SPECS):
        expected = by_torch(spec, sum(epochs), member, len(SPECS))
        torch.testing.assert_close(together[member], expected, rtol=2e-5, atol=2e-6, msg=lambda m, s=spec: f"{s}: {m}")


def test_members_do_not_know_each_other():
    together = by_update(SPECS, (5,))
    for member, spec in enumerate(SPECS[:3]):
        parameters, moments = start(1), torch.zeros(2, 1, N_PARAMETERS)
        rate = torch.tensor([spec.learning_rate], dtype=torch.float64)
        update = Update(coefficients([spec]), rate, torch.zeros(1), moments, N_WEIGHTS)
        for step in range(5):
            update.step(parameters, gradients(len(SPECS), step)[[member]])
        torch.testing.assert_close(parameters[0], together[member])


def test_a_broken_gradient_stays_with_its_member():
    moments = torch.zeros(2, 2, N_PARAMETERS)
    parameters = start(2)
    specs = [SPECS[0], SPECS[-1]]
    update = Update(coefficients(specs), torch.ones(2, dtype=torch.float64), torch.zeros(2), moments, N_WEIGHTS)
    slopes = gradients(2, 0)
    slopes[0] = torch.nan
    update.step(parameters, slopes)
    assert torch.isnan(parameters[0]).all()
    assert torch.isfinite(parameters[1]).all()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_penalties_spare_biases_and_embeddings(optimizer):
    plain, penalised = (
        TrainSpec(optimizer=optimizer, learning_rate=0.1, l1=l1, weight_decay=decay)
        for l1, decay in ((0, 0), (0.1, 0.1))
    )
    by_member = by_update([plain, penalised], (1, 1))
    slopes_differ = by_update([plain, plain], (1, 1))
    torch.testing.assert_close(by_member[1, N_WEIGHTS:], slopes_differ[1, N_WEIGHTS:])
    assert not torch.allclose(by_member[1, :N_WEIGHTS], slopes_differ[1, :N_WEIGHTS])


def test_no_members_have_no_coefficients():
    assert coefficients([]).shape == (0, 6)


def test_numbers_of_members_are_float64_on_the_cpu():
    assert coefficients(SPECS).dtype == torch.float64
    assert coefficients(SPECS).device.type == "cpu"
