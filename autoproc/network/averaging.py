"""Networks that predict together: any that read the same inputs, as one set of weights whose predictions are averaged.

Smaller networks are widened and deepened to the largest one's shape, without a change in what they predict: further
units have zero weights, and further layers pass on what they get, which ReLU leaves as it is because it is never
negative.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from autoproc.results import Weights
from autoproc.spec import NetworkSpec

SHARE = "member.share"
"""Name of the array (K,) of how much each network counts in the average; sums to 1."""


def equal_shares(n_members: int) -> NDArray[np.float32]:
    return np.full(n_members, 1 / n_members, dtype=np.float32)


def joined(parts: Sequence[tuple[NetworkSpec, Weights, float]]) -> tuple[NetworkSpec, dict[str, NDArray[np.floating]]]:
    """The networks of all parts as one set: each part's networks share what the part counts for in the average."""
    shape = NetworkSpec(max(network.depth for network, *_ in parts), max(network.width for network, *_ in parts))
    total = sum(counts for *_, counts in parts)
    enlarged = [{**_enlarged(weights, network, shape), SHARE: weights[SHARE] * (counts / total)}
                for network, weights, counts in parts]  # fmt: skip
    return shape, {
        name: np.concatenate([part[name] for part in enlarged]).astype(enlarged[0][name].dtype) for name in enlarged[0]
    }


def _enlarged(weights: Weights, network: NetworkSpec, shape: NetworkSpec) -> Mapping[str, NDArray[np.floating]]:
    more = shape.width - network.width
    wider = dict(weights)
    for layer in range(network.depth):
        name = f"hidden.{layer}.weight"
        wider[name] = _padded(weights[name], 0 if layer == 0 else more, more)
        wider[f"hidden.{layer}.bias"] = _padded(weights[f"hidden.{layer}.bias"], more)
    wider["output.weight"] = _padded(weights["output.weight"], 0, more)
    n_members = len(weights["output.bias"])
    for layer in range(network.depth, shape.depth):
        wider[f"hidden.{layer}.weight"] = np.repeat(np.eye(shape.width, dtype=np.float32)[None], n_members, axis=0)
        wider[f"hidden.{layer}.bias"] = np.zeros((n_members, shape.width), dtype=np.float32)
    return wider


def _padded(array: NDArray[np.floating], *more: int) -> NDArray[np.floating]:
    """Zeros behind the last axes, `more` of them in each."""
    return np.pad(array, [(0, 0)] * (array.ndim - len(more)) + [(0, n) for n in more])
