"""The default configuration part by part, and what may stand in the place of each."""

import math
from dataclasses import dataclass

from autoproc.plan import Task


@dataclass(frozen=True)
class Parts:
    """The default configuration, and what may stand in its place."""

    depth: int = 2
    width: int = 128
    batches: float = 1.0
    """Times as large."""
    weight_decay: float = 0.01
    averaging: float = 0.1
    factors: bool = True
    factor_rate: float = 3.0
    pieces: bool = True
    quantiles: bool = False
    """Numbers by their rank among the training rows, as a normal distribution has it, in place of robust scaling."""
    periodic: bool = False
    """Learned cosines of each number, and a layer of its own behind them (PBLD, Holzmueller et al. 2024)."""
    activation: str = "relu"
    parametric: bool = False
    """A share of the activation that each hidden unit learns, from 1; the rest of it is linear (RealMLP)."""
    ntk: bool = False
    """Weights learn by 1 / sqrt(inputs of their layer), as in the neural-tangent parametrisation (Jacot et al. 2018),
    with the common rate where a layer has `width` of them. Under Adam the rate is all that it changes."""
    norm: str = ""
    residual: bool = False
    heads: int = 1
    """Predictors that share a body, each with its own factors of the inputs and output layer, and losses averaged in
    training (TabM-mini, Gorishniy et al. 2025)."""
    last_layer_zero: bool = False
    target_statistics: bool = False
    """What the target is on average for each category, of other parts of the training rows (Micci-Barreca 2001)."""
    dropout: float = 0.0
    swap: float = 0.0
    """Chance that a cell is another row's (Yoon et al. 2020, VIME)."""
    noise: float = 0.0
    """Standard deviation of what is added to each input."""
    hide: float = 0.0
    """Chance that a column's inputs are 0 for a row."""
    mixup: float = 0.0
    """Both parameters of the beta distribution that two rows are mixed by (Zhang et al. 2018)."""
    label_smoothing: float = 0.0
    class_weights: float = 0.0
    """Power of a class's frequency by which its rows weigh less: 1 balances the classes."""
    log_target: bool = False
    clip_target: float = math.inf
    """Standard deviations beyond which a target is learned as if it were there."""
    bounded: bool = False
    """Predicted values are no further out than those of the training rows (RealMLP)."""
    schedule: str = "constant"
    falling: bool = False
    """Dropout and weight decay are as given for half the steps, and fall to 0 by a cosine (RealMLP's flat_cos)."""
    beta2: float = 0.999
    clip: float = 0.0
    """Largest norm of a network's gradient."""


VARIANTS: dict[str, Parts] = {
    "default": Parts(),
    "1 x 128": Parts(depth=1),
    "2 x 64": Parts(width=64),
    "2 x 256": Parts(width=256),
    "3 x 128": Parts(depth=3),
    "3 x 256": Parts(depth=3, width=256),
    "batches half": Parts(batches=0.5),
    "batches double": Parts(batches=2),
    "batches fourfold": Parts(batches=4),
    "no L2": Parts(weight_decay=0),
    "L2 0.1": Parts(weight_decay=0.1),
    "L2 falling": Parts(falling=True),
    "L2 0.1, falling": Parts(weight_decay=0.1, falling=True),
    "no averages": Parts(averaging=0),
    "averages of 30 %": Parts(averaging=0.3),
    "no factors": Parts(factors=False),
    "no pieces": Parts(pieces=False),
    "neither": Parts(factors=False, pieces=False),
    "factor rate 1": Parts(factor_rate=1),
    "factor rate 10": Parts(factor_rate=10),
    "factor rate 30": Parts(factor_rate=30),
    "factor rate 10, cosine": Parts(factor_rate=10, schedule="cosine"),
    "cosine": Parts(schedule="cosine"),
    "coslog4": Parts(schedule="coslog4"),
    "one cycle": Parts(schedule="one cycle"),
    "warm-up": Parts(schedule="warm-up"),
    "beta2 0.95": Parts(beta2=0.95),
    "clipped gradients": Parts(clip=1.0),
    "quantiles": Parts(quantiles=True),
    "quantiles, no pieces": Parts(quantiles=True, pieces=False),
    "periodic": Parts(periodic=True),
    "periodic, no pieces": Parts(periodic=True, pieces=False),
    "parametric activation": Parts(parametric=True),
    "NTK parametrisation": Parts(ntk=True),
    "SELU": Parts(activation="selu"),
    "GELU": Parts(activation="gelu"),
    "Mish": Parts(activation="mish"),
    "residual": Parts(residual=True),
    "layer norm": Parts(norm="layer"),
    "batch norm": Parts(norm="batch"),
    "8 heads": Parts(heads=8),
    "last layer from 0": Parts(last_layer_zero=True),
    "target statistics": Parts(target_statistics=True),
    "dropout 0.1": Parts(dropout=0.1),
    "dropout 0.1, falling": Parts(dropout=0.1, falling=True),
    "swap 0.05": Parts(swap=0.05),
    "swap 0.15": Parts(swap=0.15),
    "noise 0.05": Parts(noise=0.05),
    "hidden columns 0.1": Parts(hide=0.1),
    "mixup 0.2": Parts(mixup=0.2),
    "mixup 1": Parts(mixup=1.0),
    "label smoothing 0.1": Parts(label_smoothing=0.1),
    "class weights, half": Parts(class_weights=0.5),
    "class weights": Parts(class_weights=1.0),
    "log target": Parts(log_target=True),
    "clipped targets": Parts(clip_target=3.0),
    "bounded predictions": Parts(bounded=True),
}
ONLY: dict[str, tuple[Task, ...]] = {
    "label smoothing 0.1": ("binary", "multiclass"),
    "class weights, half": ("binary", "multiclass"),
    "class weights": ("binary", "multiclass"),
    **dict.fromkeys(("log target", "clipped targets", "bounded predictions"), ("regression", "vector_regression")),
}
"""Tasks for which a variant means anything, where not for all."""
