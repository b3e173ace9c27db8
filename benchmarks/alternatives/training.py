"""From a set and its parts to scores on the folds and on the test rows."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import torch

from autoproc.data.metrics import METRICS
from benchmarks.alternatives.folds import N_FOLDS, Folds
from benchmarks.alternatives.members import EPOCHS, RATES, Members
from benchmarks.alternatives.parts import VARIANTS, Parts
from benchmarks.peers.sets import DataSet

_BESIDE: dict[str, tuple[str, ...]] = {
    "binary": ("average_precision", "log_loss", "balanced_accuracy", "f1"),
    "multiclass": ("log_loss", "balanced_accuracy", "macro_f1"),
    "regression": (),
    "vector_regression": (),
}


def train(folds: Folds, parts: Parts, seeds: Sequence[int]) -> Iterator[dict[str, Any]]:
    """A line a seed: scores on the folds and on the test rows, at the rate that is best on the folds."""
    torch.manual_seed(0)  # of dropout and what else changes the data
    members = Members(folds, parts, seeds)
    device, metric = folds.device, METRICS[folds.metric]
    step = _graphed(members) if device.type == "cuda" else members.step
    validation = [fold.validation for fold in folds.splits]
    padded = np.stack([np.resize(rows, max(map(len, validation))) for rows in validation])
    scored = torch.from_numpy(padded).to(device)[members.fold]
    best = np.full(len(members.own), np.nan)
    for epoch in range(EPOCHS):
        _fill(folds, members, epoch)
        for _ in range(members.n_steps):
            step()
        predicted = members.in_units(members.predictions(members.average, scored))
        scores = np.array(
            [
                metric.one(folds.targets[validation[fold]], predicted[row, : len(validation[fold])])
                for row, (*_, fold) in enumerate(members.own)
            ]
        )
        better = np.isfinite(scores) & ~(metric.gain(scores, best) <= 0)
        best = np.where(better, scores, best)
        chosen = torch.from_numpy(better).to(device)[:, None]
        members.best = torch.where(chosen, members.average, members.best)
    test = torch.from_numpy(folds.test).to(device).expand(len(members.own), -1)
    predicted = members.in_units(members.predictions(members.best, test))
    shape = (len(seeds), len(RATES), N_FOLDS)
    on_folds, predicted = best.reshape(shape), predicted.reshape(*shape, *predicted.shape[1:])
    for number, seed in enumerate(seeds):
        means = on_folds[number].mean(axis=1)
        rate = metric.argbest(means)
        mean = predicted[number, rate].mean(axis=0)
        beside = {name: METRICS[name].one(folds.truth, mean) for name in _BESIDE[folds.task]}
        line = {"seed": seed, "rate": RATES[rate], "folds": float(means[rate])}
        yield {**line, "metric": folds.metric, "test": metric.one(folds.truth, mean), **beside}


def _fill(folds: Folds, members: Members, epoch: int) -> None:
    """Draw the batches of an epoch."""
    n_steps, _, width = members.rows.shape
    drawn = {}
    for seed, (fold, split) in product(members.seeds, enumerate(folds.splits)):
        order = np.random.default_rng([seed, fold, epoch]).permutation(split.train)
        least, more = divmod(len(order), n_steps)
        sizes = (least + (np.arange(n_steps) < more))[:, None]
        taken = np.arange(width) < sizes
        rows = np.full((n_steps, width), order[0])
        rows[taken] = order
        drawn[seed, fold] = rows, taken / sizes
    for which, into in enumerate((members.rows, members.weights)):
        into.copy_(torch.from_numpy(np.stack([drawn[seed, fold][which] for seed, _, fold in members.own], axis=1)))
    members.number.zero_()


def _graphed(members: Members) -> Callable[[], None]:
    """The step as one graph of the GPU's, which leaves out what starting its kernels one by one takes."""
    changed = [members.flat, members.first, members.second, members.average, members.taken, members.number]
    changed += [each for running in members.running for each in running]
    before = [each.clone() for each in changed]
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        members.step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        members.step()
    for each, value in zip(changed, before, strict=True):
        each.copy_(value)
    return graph.replay


@lru_cache(1)
def _folds(data: DataSet, device: str) -> Folds:
    return Folds(data, torch.device(device))


def run(
    data: DataSet, variants: Sequence[str], seeds: Sequence[int], device: str, until: float
) -> list[dict[str, Any]]:
    """Lines of one set, as far as they get until a moment."""
    torch.set_num_threads(1)
    lines = []
    for variant in variants:
        started = time.time()
        if started > until:
            break
        made = list(train(_folds(data, device), VARIANTS[variant], seeds))
        seconds = (time.time() - started) / len(seeds)
        lines += [{"set": data.name, "variant": variant, **line, "seconds": seconds} for line in made]
    return lines
