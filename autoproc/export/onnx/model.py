"""A bundle as one ONNX file: raw named columns in; class label and probabilities, or values, out.

Everything that the bundle does is in it: missing cells and unseen categories, scaling, pieces, all networks by their
shares, temperature and threshold. It needs no autoproc, and nothing but a runtime that knows the operator sets of
`OPSETS`. The metadata say what a user of it may want to know, in JSON.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper

from autoproc.export.bundle import Opened
from autoproc.export.card import probability_columns
from autoproc.export.model import Model, natural
from autoproc.export.onnx import columns, network
from autoproc.export.onnx.graph import IR_VERSION, OPSETS, TEXT, Graph, Value

FORMAT = 1
"""Of inputs, outputs and metadata."""
PRODUCER = "autoproc"
_ROWS = "rows"  # the dimension of any length
_TYPES = {np.float64: TensorProto.DOUBLE, np.int64: TensorProto.INT64, TEXT: TensorProto.STRING}


def to_onnx(bundle: Opened) -> onnx.ModelProto:
    """The model of a bundle; `onnx.checker` has nothing to say against it."""
    model = bundle.model
    inputs = columns.inputs_of(model.schema)
    graph = Graph.beside([given.name for given in inputs])
    found = _outputs(graph, bundle)
    names = _free_names(list(found), [given.name for given in inputs])
    for kind, value in found.items():
        graph.named(value, names[kind])
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            PRODUCER,
            [
                helper.make_tensor_value_info(given.name, _TYPES[given.dtype], [_ROWS, 1], _explained(given))
                for given in inputs
            ],
            [
                helper.make_tensor_value_info(names[kind], _TYPES[value.dtype], _shape(kind, model))
                for kind, value in found.items()
            ],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid(domain, number) for domain, number in OPSETS.items()],
        ir_version=IR_VERSION,
        producer_name=PRODUCER,
        producer_version=version("autoproc"),
    )
    helper.set_model_props(made, {key: _text(value) for key, value in _metadata(model, inputs, names).items()})
    onnx.checker.check_model(made)
    return made


def is_exported(path: Path) -> bool:
    """Whether a file is one that `to_onnx` made."""
    try:
        return bool(onnx.load(path, load_external_data=False).producer_name == PRODUCER)
    except (OSError, DecodeError):
        return False


def _outputs(graph: Graph, bundle: Opened) -> dict[str, Value]:
    """label (rows,) and probabilities (rows, classes), or values (rows, targets)."""
    model, weights = bundle.model, bundle.weights
    matrix = columns.matrix(graph, model.schema)
    predicted = network.average(model.task, network.outputs(matrix, model.schema.layout, weights), weights)
    if not model.classes:
        return {"values": predicted}
    if model.task == "binary":
        predicted = graph.side_by_side([graph.constant(1, np.float64) - predicted, predicted])
    if bundle.temperature != 1:
        predicted = network.tempered(predicted, bundle.temperature)
    return {"label": _label(predicted, model), "probabilities": predicted}


def _label(probabilities: Value, model: Model) -> Value:
    graph, labels = probabilities.graph, natural(model.classes)
    if model.threshold is None:
        chosen = graph.add("ArgMax", probabilities, dtype=np.int64, axis=1, keepdims=0)
    else:
        chosen = graph.add("Gather", probabilities, graph.constant(1, np.int64), axis=1).at_least(model.threshold)
    dtype = np.int64 if isinstance(labels[0], int) else TEXT
    return graph.add("Gather", graph.constant(labels, dtype), chosen.cast(np.int64))


def _shape(kind: str, model: Model) -> list[str | int]:
    width = len(model.classes) or len(model.targets)
    return [_ROWS] if kind == "label" else [_ROWS, width]


def _free_names(wanted: list[str], taken: list[str]) -> dict[str, str]:
    """Names of outputs, with a line below them where a column has the name."""
    free = {}
    for kind in wanted:
        name = kind
        while name in taken:
            name += "_"
        free[kind] = name
    return free


def _explained(given: columns.Input) -> str:
    return f"{given.encoder.kind}: {given.given}, {given.missing} for missing"


def _metadata(model: Model, inputs: tuple[columns.Input, ...], names: dict[str, str]) -> dict[str, object]:
    about: dict[str, object] = {
        "autoproc_version": version("autoproc"),
        "format": FORMAT,
        "task": model.task,
        "targets": model.targets,
        "columns": [
            {"name": i.name, "kind": i.encoder.kind, "given as": i.given, "missing": i.missing} for i in inputs
        ],
        "outputs": names,
    }
    if not model.classes:
        return {**about, "units": "values are in the targets' own units"}
    probabilities = probability_columns(model.classes)
    return {**about, "classes": model.classes, "probabilities": probabilities, "threshold": model.threshold}


def _text(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
