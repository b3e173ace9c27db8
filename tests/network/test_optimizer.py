from dataclasses import replace
from itertools import product

import pytest
import torch

from autoproc.network.optimizer import Progress, Update
from autoproc.network.scratch import Scratch
from autoproc.spec import OPTIMIZERS, TrainSpec

N_WEIGHTS, N_PARAMETERS = 6, 9
FACTORS = slice(6, 8)
TORCH = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "sgd": lambda groups, lr: torch.optim.SGD(groups, lr=lr, momentum=0.9),
}
PENALTIES = [(0.0, 0.0), (0.3, 0.0), (0.0, 0.2), (0.1, 0.1)]
SPECS = [
    TrainSpec(optimizer=optimizer, learning_rate=rate, l1=l1, weight_decay=decay, factor_rate=factor_rate)
    for (l1, decay), optimizer in product(PENALTIES, OPTIMIZERS)  # neighbours are of unlike kinds
    for rate, factor_rate in ((0.07, 1.0), (0.003, 10.0))
]
STEADY = [(1.0, 100)]
FALLING = [(1.0, 30), (0.3, 40), (0.03, 30)]
WITH_NOTHING = [(1.0, 20), (0.0, 30), (0.1, 20), (1e-30, 20), (0.5, 10)]
"""Epochs: what the learning rate is multiplied by, and the number of steps."""


def slopes_of(n_members, step):
    """Gradients (S, parameters) of very unlike sizes, some zero."""
    generator = torch.Generator().manual_seed(step)
    slopes = torch.randn(n_members, N_PARAMETERS, generator=generator)
    return slopes * torch.tensor([1, 1e-4, 1e3, 0, 1e-8, 1, 1e-4, 0, 1e3])


def start(n_members):
    """Parameters from which no kind's first step leads to exactly 0, where l1 would hang on rounding alone."""
    return torch.linspace(-1, 1, N_PARAMETERS).repeat(n_members, 1)


def fresh(n_members):
    """Members that have taken no step."""
    return Progress(start(n_members), torch.zeros(2, n_members, N_PARAMETERS), torch.zeros(n_members))


def train(specs, epochs, progress=None, slopes=lambda step, n_members: slopes_of(n_members, step)):
    """The progress of all members after `epochs`."""
    progress, gradients, scratch = progress or fresh(len(specs)), torch.empty(len(specs), N_PARAMETERS), cpu()
    step = int(progress.steps.max())
    for factor, n_steps in epochs:
        rates = [factor * spec.learning_rate for spec in specs]
        update = Update(specs, rates, progress, gradients, N_WEIGHTS, FACTORS, scratch)
        for _ in range(n_steps):
            gradients.copy_(slopes(step, len(specs)))
            update.step()
            step += 1
    return progress


def cpu():
    return Scratch(torch.device("cpu"))


def by_torch(spec, epochs, member, n_members):
    """The parameters of one member after torch's own optimiser's epochs."""
    sizes = [N_WEIGHTS, FACTORS.stop - FACTORS.start, N_PARAMETERS - FACTORS.stop]
    parts = [part.clone().requires_grad_() for part in start(1)[0].split(sizes)]
    decays, times = (spec.weight_decay, 0.0, 0.0), (1.0, spec.factor_rate, 1.0)
    groups = [{"params": [part], "weight_decay": decay} for part, decay in zip(parts, decays, strict=True)]
    optimizer, step = TORCH[spec.optimizer](groups, lr=spec.learning_rate), 0
    for factor, n_steps in epochs:
        for group, faster in zip(optimizer.param_groups, times, strict=True):
            group["lr"] = factor * faster * spec.learning_rate
        for _ in range(n_steps):
            for part, slopes in zip(parts, slopes_of(n_members, step)[member].split(sizes), strict=True):
                part.grad = slopes.clone()
            parts[0].grad += spec.l1 * parts[0].detach().sign()
            optimizer.step()
            step += 1
    return torch.cat(parts).detach()


@pytest.mark.parametrize("epochs", [[(1.0, 1)], STEADY, FALLING, WITH_NOTHING], ids=str)
def test_all_kinds_side_by_side_equal_torchs_own(epochs):
    together = train(SPECS, epochs).parameters
    for member, spec in enumerate(SPECS):
        expected = by_torch(spec, epochs, member, len(SPECS))
        torch.testing.assert_close(together[member], expected, rtol=5e-5, atol=5e-6, msg=lambda m, s=spec: f"{s}: {m}")


@pytest.mark.parametrize("factor", [0.0, 1e-30, 1e-44])
def test_next_to_no_rate_moves_next_to_nothing(factor):
    torch.testing.assert_close(train(SPECS, [(factor, 100)]).parameters, start(len(SPECS)), rtol=0, atol=1e-24)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_all_members_may_be_of_one_kind(optimizer):
    specs = [spec for spec in SPECS if spec.optimizer == optimizer]
    together = train(specs, FALLING).parameters
    for member, spec in enumerate(specs):
        expected = by_torch(spec, FALLING, member, len(specs))
        torch.testing.assert_close(together[member], expected, rtol=5e-5, atol=5e-6)


def test_members_do_not_know_each_other():
    together = train(SPECS, FALLING)
    for member, spec in enumerate(SPECS):
        alone = train([spec], FALLING, slopes=lambda step, _, m=member: slopes_of(len(SPECS), step)[[m]])
        assert torch.equal(alone.parameters[0], together.parameters[member])
        assert torch.equal(alone.moments[:, 0], together.moments[:, member])


def test_members_of_unlike_age_go_on_as_they_would_among_their_like():
    old, young = SPECS[:8], SPECS[8:16]
    aged = train(old, [(1.0, 10)])
    arrived = fresh(8)
    progress = Progress(
        torch.cat([aged.parameters, arrived.parameters]),
        torch.cat([aged.moments, arrived.moments], dim=1),
        torch.cat([aged.steps, arrived.steps]),
    )
    together = train(old + young, [(0.5, 5)], progress, lambda step, _: slopes_of(8, step).repeat(2, 1))
    assert together.steps.tolist() == [15.0] * 8 + [5.0] * 8
    apart = [
        train(old, [(1.0, 10), (0.5, 5)]),
        train(young, [(0.5, 5)], slopes=lambda step, _: slopes_of(8, step + 10)),
    ]
    assert torch.equal(together.parameters, torch.cat([part.parameters for part in apart]))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_broken_gradient_stays_with_its_member(optimizer):
    specs = [TrainSpec(optimizer=optimizer, learning_rate=0.1, l1=0.1, weight_decay=0.1)] * 3

    def slopes(step, n_members):
        broken = slopes_of(n_members, step)
        broken[0], broken[2] = torch.nan, torch.inf
        return broken

    parameters = train(specs, [(1.0, 3)], slopes=slopes).parameters
    assert not torch.isfinite(parameters[[0, 2]]).any()
    assert torch.equal(parameters[1], train(specs, [(1.0, 3)]).parameters[1])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_penalties_spare_biases_and_embeddings(optimizer):
    plain, penalised = (
        TrainSpec(optimizer=optimizer, learning_rate=0.1, l1=l1, weight_decay=decay)
        for l1, decay in ((0, 0), (0.1, 0.1))
    )
    with_penalty = train([plain, penalised], [(1.0, 2)]).parameters[1]
    without = train([plain, plain], [(1.0, 2)]).parameters[1]
    assert torch.equal(with_penalty[N_WEIGHTS:], without[N_WEIGHTS:])
    assert not torch.isclose(with_penalty[:N_WEIGHTS], without[:N_WEIGHTS]).all()


def test_parameters_that_are_zero_and_have_no_slope_stay_zero():
    """Columns between the places of a table are such."""
    progress = fresh(len(SPECS))
    progress.parameters[:, 3] = progress.parameters[:, 7] = 0
    parameters = train(SPECS, FALLING, progress).parameters
    assert (parameters[:, [3, 7]] == 0).all()
    assert (parameters[:, [0, 8]] != 0).all()


def test_the_steps_of_every_member_are_counted():
    assert train(SPECS, WITH_NOTHING).steps.tolist() == [100.0] * len(SPECS)


@pytest.mark.parametrize("n_steps", [1, 100])
def test_rmsprop_has_no_correction_for_its_start(n_steps):
    """It is computed as an Adam whose step count is beyond all corrections."""
    spec = TrainSpec(optimizer="rmsprop", learning_rate=0.01)
    moved = train([spec], [(1.0, n_steps)], slopes=lambda step, n: torch.ones(n, N_PARAMETERS)).parameters - start(1)
    by_hand = -sum(0.01 / (1 - 0.99**step) ** 0.5 for step in range(1, n_steps + 1))
    torch.testing.assert_close(moved, torch.full_like(moved, by_hand), rtol=1e-4, atol=0)


def test_an_average_follows_the_parameters():
    """With a share of 1 it is the mean of all that the parameters have been since the first step, as torch's own
    AveragedModel has it; with a small one that of the latest ones; without one it is the parameters."""
    specs = [replace(SPECS[2], averaging=share) for share in (0.0, 0.1, 1.0)]
    progress = replace(fresh(len(specs)), average=start(len(specs)) * 7)
    model, passed = torch.nn.ParameterList([torch.zeros(N_PARAMETERS)]), []
    torchs, by_hand = torch.optim.swa_utils.AveragedModel(model), torch.zeros(N_PARAMETERS)
    for step in range(60):
        train(specs, [(1.0, 1)], progress, lambda step, n: slopes_of(1, step).repeat(n, 1))
        passed.append(progress.parameters[0].clone())
        with torch.no_grad():
            model[0].copy_(passed[-1])
        torchs.update_parameters(model)
        by_hand += (passed[-1] - by_hand) / (1 + 0.1 * step)
    torch.testing.assert_close(progress.average[0], passed[-1], rtol=0, atol=0)
    torch.testing.assert_close(progress.average[1], by_hand)
    torch.testing.assert_close(progress.average[2], torchs.module[0].detach())
    assert torch.equal(progress.parameters[0], progress.parameters[1]), "training does not know of its average"
