"""The inputs of an exported file, and the schema's matrix in ONNX: what autoproc.data.vectorize makes of a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike

from autoproc.data.cells import read_numbers
from autoproc.data.dates import ISO, Moments, read_moments
from autoproc.data.encoders import BooleanColumn, CategoryColumn, Cycle, DateColumn, Encoder, NumberColumn
from autoproc.data.vectorize import Schema
from autoproc.export.onnx import moments, words
from autoproc.export.onnx.graph import TEXT, Graph, Type, Value
from autoproc.results import FloatArray

_LARGEST = float(np.finfo(np.float32).max)
_TRUTHS = (np.nan, np.nan, -1.0, 1.0)  # by code: missing, neither, false, true

_Column = TypeVar("_Column", NumberColumn, DateColumn, BooleanColumn, CategoryColumn)

Given = Literal["number", "text", "seconds since 1970-01-01 UTC"]


@dataclass(frozen=True)
class Input:
    """How a column of the table is given to the file: a tensor (rows, 1) of the type that `given` says."""

    encoder: Encoder

    @property
    def name(self) -> str:
        return self.encoder.name

    @property
    def given(self) -> Given:
        if isinstance(self.encoder, NumberColumn):
            return "number"
        return "seconds since 1970-01-01 UTC" if isinstance(self.encoder, DateColumn) else "text"

    @property
    def dtype(self) -> Type:
        """float64, so that no number is another one than in the table, or text."""
        return TEXT if self.given == "text" else np.float64

    @property
    def missing(self) -> str:
        """What stands for a missing cell."""
        return "the empty text" if self.given == "text" else "NaN"


def inputs_of(schema: Schema) -> tuple[Input, ...]:
    return tuple(map(Input, schema.encoders))


def seconds_since_1970(read: Moments) -> FloatArray:
    """NaN for what is no moment.

    >>> seconds_since_1970(np.array(["1970-01-02", "NaT"], dtype="datetime64[us]"))
    array([86400.,    nan])
    """
    return np.asarray((read - np.datetime64(0, "us")) / np.timedelta64(1, "s"), dtype=np.float64)


@dataclass(frozen=True)
class Matrix:
    """The schema's matrix float32 (rows, columns), its columns in another order: `places` says where each one is."""

    value: Value
    places: tuple[int, ...]

    def columns(self, of_schema: Sequence[int]) -> Value:
        return self.value.columns([self.places[column] for column in of_schema], len(self.places))


def matrix(graph: Graph, schema: Schema) -> Matrix:
    """Columns of one kind are side by side in all operators: what an operator costs hardly depends on how many cells of
    a single row it has before it."""
    blocks = [*_numbers(graph, schema), *_dates(graph, schema), *_texts(graph, schema)]
    origins = [column for _, columns in blocks for column in columns]
    return Matrix(graph.side_by_side([block for block, _ in blocks]), tuple(np.argsort(origins).tolist()))


_Block = tuple[Value, list[int]]  # float32, and which columns of the schema's matrix it is


def _numbers(graph: Graph, schema: Schema) -> Iterator[_Block]:
    if placed := _placed(schema, NumberColumn):
        numbers, missing = _given(graph, placed), read_numbers(schema.missing)
        known = _known(numbers, missing[~np.isnan(missing)])
        yield _float32(numbers, known), [start for _, start in placed]


def _dates(graph: Graph, schema: Schema) -> Iterator[_Block]:
    if not (placed := _placed(schema, DateColumn)):
        return
    seconds = _given(graph, placed)
    known = _known(seconds, _seconds(schema.missing))
    days = moments.days_since_1970(seconds.where(known, np.nan))
    yield _float32(moments.days_since_2000(days), known), [start for _, start in placed]
    for cycle in get_args(Cycle):
        having = [i for i, (date, _) in enumerate(placed) if cycle in date.cycles]
        if having:
            angle = moments.phase(cycle, days.columns(having, len(placed))) * (2 * np.pi)
            sines = [placed[i][1] + 1 + 2 * placed[i][0].cycles.index(cycle) for i in having]
            yield graph.add("Sin", angle).cast(np.float32), sines
            yield graph.add("Cos", angle).cast(np.float32), [sine + 1 for sine in sines]


def _texts(graph: Graph, schema: Schema) -> Iterator[_Block]:
    """Categories are their codes, and truth values looked up by theirs."""
    truths, categories = _placed(schema, BooleanColumn), _placed(schema, CategoryColumn)
    placed: list[tuple[BooleanColumn | CategoryColumn, int]] = [*truths, *categories]
    if not placed:
        return
    codes = words.codes(_given(graph, placed), [words.vocabulary(column, schema.missing) for column, _ in placed])
    if truths:
        table = graph.constant(_TRUTHS, np.float32)
        of_truths = codes.columns(range(len(truths)), len(placed))
        yield graph.add("Gather", table, of_truths), [start for _, start in truths]
    if categories:
        yield (
            codes.columns(range(len(truths), len(placed)), len(placed)).cast(np.float32),
            [start for _, start in categories],
        )


def _placed(schema: Schema, kind: type[_Column]) -> list[tuple[_Column, int]]:
    """The encoders of a kind, each with its first column of the schema's matrix."""
    placed = zip(schema.encoders, schema.first_columns, strict=True)
    return [(encoder, start) for encoder, start in placed if isinstance(encoder, kind)]


def _given(graph: Graph, placed: Sequence[tuple[Encoder, int]]) -> Value:
    """The inputs of some columns, side by side."""
    inputs = [Input(encoder) for encoder, _ in placed]
    return graph.side_by_side([Value(graph, given.name, given.dtype) for given in inputs])


def _seconds(words: Sequence[str]) -> FloatArray:
    """Since 1970, of those words that are moments."""
    read = read_moments(words, ISO)
    return seconds_since_1970(read[~np.isnat(read)])


def _known(numbers: Value, missing: ArrayLike) -> Value:
    """Which numbers are finite, and none of those that stand for a missing cell."""
    graph = numbers.graph
    known = graph.add("Abs", numbers).at_most(np.finfo(np.float64).max)  # of NaN and infinities nothing of this is true
    for number in np.unique(missing):
        known = graph.add("And", known, graph.add("Not", numbers.equals(number)))
    return known


def _float32(numbers: Value, known: Value) -> Value:
    """The nearest numbers in 32 bits, none of which is infinite; NaN where nothing is known."""
    bounded = numbers.where(known, 0).clip(-_LARGEST, _LARGEST)
    return bounded.cast(np.float32).where(known, np.nan)
