"""ONNX operators written like arithmetic: a graph under construction, and the values in it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import helper, numpy_helper

OPSETS = {"": 20, "ai.onnx.ml": 3}
"""Of operators: 20 is the first with StringConcat and RegexFullMatch."""
IR_VERSION = 9
Type = type[np.generic]
TEXT = np.str_


@dataclass(frozen=True)
class Value:
    """What a node of the graph computes, or an input or a constant. Arithmetic with it adds nodes; what stands on the
    other side is a value of the same type, or becomes a constant of it."""

    graph: "Graph"
    name: str
    dtype: Type

    def __add__(self, other: "Value | ArrayLike") -> "Value":
        return self._with("Add", other)

    def __sub__(self, other: "Value | ArrayLike") -> "Value":
        return self._with("Sub", other)

    def __mul__(self, other: "Value | ArrayLike") -> "Value":
        return self._with("Mul", other)

    def __truediv__(self, other: "Value | ArrayLike") -> "Value":
        return self._with("Div", other)

    def __matmul__(self, other: "Value | ArrayLike") -> "Value":
        return self._with("MatMul", other)

    def equals(self, other: "Value | ArrayLike") -> "Value":
        return self._with("Equal", other, np.bool_)

    def at_most(self, other: "Value | ArrayLike") -> "Value":
        return self._with("LessOrEqual", other, np.bool_)

    def at_least(self, other: "Value | ArrayLike") -> "Value":
        return self._with("GreaterOrEqual", other, np.bool_)

    def clip(self, low: float, high: float) -> "Value":
        """Not for NaN, of which ONNX says nothing here."""
        return self.graph.add("Clip", self, *(self.graph.constant(bound, self.dtype) for bound in (low, high)))

    def floor(self) -> "Value":
        return self.graph.add("Floor", self)

    def is_nan(self) -> "Value":
        return self.graph.add("IsNaN", self, dtype=np.bool_)

    def cast(self, to: Type) -> "Value":
        return self.graph.add("Cast", self, dtype=to, to=helper.np_dtype_to_tensor_dtype(np.dtype(to)))

    def reshape(self, *shape: int) -> "Value":
        """0 stands for the length that the axis has already."""
        return self.graph.add("Reshape", self, self.graph.constant(shape, np.int64))

    def columns(self, places: Sequence[int], width: int) -> "Value":
        """The columns in `places` of (rows, width)."""
        if list(places) == list(range(width)):
            return self
        return self.graph.add("Gather", self, self.graph.constant(places, np.int64), axis=1)

    def where(self, condition: "Value", other: "Value | ArrayLike") -> "Value":
        """This where the condition holds, else the other."""
        return self.graph.add("Where", condition, self, self._value(other), dtype=self.dtype)

    def _with(self, operator: str, other: "Value | ArrayLike", dtype: Type | None = None) -> "Value":
        return self.graph.add(operator, self, self._value(other), dtype=dtype)

    def _value(self, other: "Value | ArrayLike") -> "Value":
        return other if isinstance(other, Value) else self.graph.constant(other, self.dtype)


@dataclass
class Graph:
    """Nodes and constants whose names begin with `prefix`, which no input or output may begin with."""

    prefix: str
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    _names: list[str] = field(default_factory=list)  # all that were given, in branches too

    @classmethod
    def beside(cls, names: Collection[str]) -> Self:
        """A graph whose own names are none of `names`."""
        prefix = "/"
        while any(name.startswith(prefix) for name in names):
            prefix += "/"
        return cls(prefix)

    def add(
        self, operator: str, *inputs: Value, dtype: Type | None = None, domain: str = "", **attributes: Any
    ) -> Value:
        """The only output of a new node, of the type of its first input unless another is given."""
        name = self._new(operator)
        names = [value.name for value in inputs]
        self.nodes.append(helper.make_node(operator, names, [name], name, domain=domain, **attributes))
        return Value(self, name, dtype or inputs[0].dtype)

    def constant(self, values: ArrayLike, dtype: Type) -> Value:
        name, array = self._new("constant"), np.asarray(values, dtype=object if dtype is TEXT else dtype)
        if dtype is TEXT:
            texts = [text.encode() for text in array.ravel()]
            self.constants.append(helper.make_tensor(name, onnx.TensorProto.STRING, array.shape, texts))
        else:
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return Value(self, name, dtype)

    def side_by_side(self, values: Sequence[Value], axis: int = 1) -> Value:
        return values[0] if len(values) == 1 else self.add("Concat", *values, axis=axis)

    def either(self, condition: Value, then: Callable[["Graph"], Value], value: Value) -> Value:
        """What `then` computes in a graph of its own where the condition, a single one, holds; else the value."""
        branches = {}
        for which, compute in (("then", then), ("else", lambda graph: graph.add("Identity", value))):
            branch = Graph(self.prefix, _names=self._names)
            output = compute(branch)
            outputs = [onnx.ValueInfoProto(name=output.name)]
            branches[f"{which}_branch"] = helper.make_graph(branch.nodes, which, [], outputs, branch.constants)
        return self.add("If", condition, dtype=value.dtype, **branches)

    def named(self, value: Value, name: str) -> None:
        """Give a value the name of an output."""
        self.nodes.append(helper.make_node("Identity", [value.name], [name]))

    def _new(self, kind: str) -> str:
        self._names.append(f"{self.prefix}{kind}.{len(self._names)}")
        return self._names[-1]
