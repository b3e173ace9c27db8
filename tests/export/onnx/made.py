"""Small models made by hand as `open_bundle` gives them, and parts of exported graphs to run by themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper
from onnxruntime import InferenceSession

from autoproc.calibration import with_temperature
from autoproc.data.vectorize import Schema
from autoproc.export.bundle import Opened
from autoproc.export.model import Model
from autoproc.export.onnx.graph import IR_VERSION, OPSETS, TEXT, Value
from autoproc.export.onnx.model import to_onnx
from autoproc.network.arrays import TARGET_STATISTICS, expected_shapes
from autoproc.network.averaging import SHARE
from autoproc.network.predictor import Predictor
from autoproc.plan import Task
from autoproc.spec import NetworkSpec


def opened(
    schema: Schema,
    task: Task = "binary",
    *,
    classes: Sequence[str] | None = None,
    threshold: float | None = None,
    temperature: float = 1.0,
    shares: Sequence[float] = (0.7, 0.2, 0.1),
    n_pieces: int = 3,
    depth: int = 2,
    seed: int = 2,
) -> Opened:
    """A model with random weights, a member for each share."""
    names = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c")}.get(task, ()) if classes is None else classes
    targets = ("heat", "cold") if task == "vector_regression" else ("y",)
    n_outputs = len(names) if task == "multiclass" else len(targets)
    random = np.random.default_rng(seed)
    shapes = expected_shapes(NetworkSpec(depth, 3), schema.layout, task, n_outputs, len(shares), n_pieces)
    weights: dict[str, NDArray[np.floating]] = {
        name: random.normal(size=shape).astype(np.float64 if name in TARGET_STATISTICS else np.float32)
        for name, shape in shapes.items()
    }
    weights["output.bias"] *= np.float32(0.1)
    weights[SHARE] = np.array(shares, dtype=np.float32)
    for name in ("input.spread", "target.spread"):
        weights[name] = np.abs(weights[name]) + 1
    weights["input.edges"].sort(axis=1)
    if n_pieces:
        weights["input.edges"][:, -1] = weights["input.edges"][:, -2]  # a piece without width
    predict = with_temperature(Predictor(task, schema.layout, weights).mean, temperature)
    return Opened(Model({}, schema, predict, task, targets, tuple(names), threshold), weights, temperature)


def session(bundle: Opened) -> InferenceSession:
    return InferenceSession(to_onnx(bundle).SerializeToString(), providers=["CPUExecutionProvider"])


def computing(value: Value, inputs: Sequence[Value]) -> InferenceSession:
    """A session in which the graph's value is the output."""

    def told(of: Value) -> Any:
        dtype = np.dtype(object if of.dtype is TEXT else of.dtype)
        return helper.make_tensor_value_info(of.name, helper.np_dtype_to_tensor_dtype(dtype), None)

    graph = helper.make_graph(value.graph.nodes, "part", [*map(told, inputs)], [told(value)], value.graph.constants)
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    return InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def run(session: InferenceSession, fed: Mapping[str, NDArray[Any]]) -> Any:
    return session.run(None, dict(fed))[0]
