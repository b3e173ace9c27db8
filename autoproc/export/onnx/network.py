"""The networks of a bundle in ONNX: what autoproc.network.inputs, passes and loss do, for K members at once."""

import numpy as np

from autoproc.data.vectorize import Layout
from autoproc.export.onnx.columns import Matrix
from autoproc.export.onnx.graph import Value
from autoproc.network.arrays import EDGES
from autoproc.network.averaging import SHARE
from autoproc.network.widening import FAR, steepness
from autoproc.plan import Task
from autoproc.results import Weights

_CLIP = 1e-50  # as autoproc.calibration clips what it takes logarithms of


def outputs(matrix: Matrix, layout: Layout, weights: Weights) -> Value:
    """Logits, or standardised values, of each member: float32 (K, rows, outputs)."""
    hidden = _inputs(matrix, layout, weights)
    for layer in range(sum(name.startswith("hidden.") for name in weights) // 2):
        units = hidden @ weights[f"hidden.{layer}.weight"] + weights[f"hidden.{layer}.bias"][:, None]
        hidden = hidden.graph.add("Relu", units)
    last: Value = hidden @ weights["output.weight"].transpose(0, 2, 1) + weights["output.bias"][:, None]
    return last


def average(task: Task, outputs: Value, weights: Weights) -> Value:
    """What the members predict together, each by its share: float64 (rows, classes) or, in the targets' own units,
    (rows, targets). Binary: (rows, 1), of the positive class."""
    members = _predictions(task, outputs, weights).cast(np.float64)
    shares = weights[SHARE].astype(np.float64)[:, None, None]
    shared = members * (shares / shares.sum())
    mean = members.graph.add("ReduceSum", shared, members.graph.constant([0], np.int64), keepdims=0)
    # Probabilities have 32 bits where logarithms are taken of them: a temperature magnifies what they lack of 1.
    return mean if "regression" in task else mean.cast(np.float32).cast(np.float64)


def tempered(probabilities: Value, temperature: float) -> Value:
    """Probabilities (rows, classes) with their logits divided by the temperature."""
    graph = probabilities.graph
    logits = graph.add("Log", probabilities.clip(_CLIP, 1)) / temperature
    return graph.add("Softmax", logits, axis=1)


def _predictions(task: Task, outputs: Value, weights: Weights) -> Value:
    graph = outputs.graph
    if task == "binary":  # as torch does it: how near to 1 it comes should not differ
        return graph.add("Reciprocal", graph.add("Exp", graph.add("Neg", outputs)) + 1)
    if task == "multiclass":
        return graph.add("Softmax", outputs, axis=2)
    return outputs.cast(np.float64) * weights["target.spread"][:, None] + weights["target.center"][:, None]


def _inputs(matrix: Matrix, layout: Layout, weights: Weights) -> Value:
    """What the first layer reads (K, rows, inputs): scaled numbers, what is the same for all members, pieces, and
    embeddings."""
    graph = matrix.value.graph
    shared = _shared(matrix, layout)
    parts = [graph.add("Expand", shared, graph.constant([len(weights[SHARE]), 1, 1], np.int64))] if shared else []
    if layout.numeric:
        scaled, pieces = _numbers(matrix.columns(layout.numeric), weights)
        parts = [scaled, *parts, *([pieces] if pieces else [])]
    if layout.embedded:
        parts.append(_embedded(matrix, layout, weights))
    return graph.side_by_side(parts, axis=2)


def _numbers(numbers: Value, weights: Weights) -> tuple[Value, Value | None]:
    """The numbers (rows, n) centred, scaled and clipped smoothly (K, rows, n), and how far each is through each of its
    pieces (K, rows, pieces * n), if there are any."""
    graph, missing = numbers.graph, numbers.is_nan()
    center, spread, edges = (weights[name] for name in ("input.center", "input.spread", EDGES))
    present = graph.constant(0, np.float32).where(missing, numbers)
    scaled = ((present - center[:, None]) / spread[:, None]).clip(-FAR, FAR)
    third = scaled / 3
    smooth = scaled / graph.add("Sqrt", third * third + 1)
    zero = graph.constant(0, np.float32)
    n_pieces, n_numbers = edges.shape[1] - 1, edges.shape[2]
    if not n_pieces:
        return zero.where(missing, smooth), None
    # A missing number is before all pieces.
    placed = graph.constant(-FAR, np.float32).where(missing, scaled)
    beyond = graph.add("Unsqueeze", placed, graph.constant([2], np.int64)) - edges[:, None, :-1]
    pieces = (beyond * steepness(edges)[:, None]).clip(0, 1)
    return zero.where(missing, smooth), pieces.reshape(0, 0, n_pieces * n_numbers)


def _shared(matrix: Matrix, layout: Layout) -> Value | None:
    """Columns on a fixed scale with 0 for missing, indicators and one-hot codes (rows, any)."""
    graph = matrix.value.graph
    parts = []
    if layout.passthrough:
        fixed = matrix.columns(layout.passthrough)
        parts.append(graph.constant(0, np.float32).where(fixed.is_nan(), fixed))
    if layout.indicators:
        parts.append(matrix.columns(layout.indicators).is_nan().cast(np.float32))
    if layout.one_hot:
        columns = [column for column, size in layout.one_hot for _ in range(size)]
        codes = [code for _, size in layout.one_hot for code in range(size)]
        parts.append(matrix.columns(columns).equals(codes).cast(np.float32))
    return graph.side_by_side(parts) if parts else None


def _embedded(matrix: Matrix, layout: Layout, weights: Weights) -> Value:
    """Each member's vectors of the codes side by side (K, rows, any)."""
    graph, vectors = matrix.value.graph, weights["embedding"]
    columns, sizes = zip(*layout.embedded, strict=True)
    starts = np.cumsum([0, *sizes[:-1]])
    codes = matrix.columns(columns).cast(np.int64) + starts
    looked_up = graph.add("Gather", graph.constant(vectors, np.float32), codes, axis=1)
    return looked_up.reshape(0, 0, len(columns) * vectors.shape[2])
