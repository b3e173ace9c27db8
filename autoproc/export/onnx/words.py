"""Words in ONNX: the code of each cell of columns of categories and truth values.

A cell is read as autoproc.data.cells reads it: what is around it is trimmed, `1.0` is `1`, some spellings are missing
cells. ONNX has no operator that trims. So all words are first looked up as they are, each with the number of its column
before it, so that one table serves all columns. Only cells that are not in it go through regular expressions, which
know the other spellings of a word: one for each bit of the codes, as an expression can only say yes or no.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np

from autoproc.data.cells import MISSING, spelling
from autoproc.data.columns import TRUTH_WORDS
from autoproc.data.encoders import FIRST_CODE, MISSING_CODE, UNKNOWN_CODE, BooleanColumn, CategoryColumn
from autoproc.export.onnx.graph import TEXT, Graph, Value

# What Python's str.strip removes.
_SPACE = r"[\x{9}-\x{d}\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]*"
_LONGEST = 100_000  # letters of one expression, which must fit the memory that it may take

Vocabulary = Mapping[str, int]
"""The code of each spelling; what is not in it is unknown."""


def vocabulary(column: BooleanColumn | CategoryColumn, missing: Sequence[str]) -> Vocabulary:
    """The codes of a column: those of its categories, or two and three for false and true.

    >>> words = vocabulary(CategoryColumn("size", ("S", "10")), ["?"])
    >>> words["S"], words["10"], words["?"], words[""]
    (2, 3, 0, 0)
    """
    if isinstance(column, CategoryColumn):
        known = {word: code for code, word in enumerate(column.categories, start=FIRST_CODE)}
    else:
        known = {
            "".join(letters): FIRST_CODE + truth
            for word, truth in TRUTH_WORDS.items()
            for letters in product(*zip(word.lower(), word.upper(), strict=True))
        }
    # A spelling that no cell can have is no word; what is missing is so even if it is a category.
    words = {word: code for word, code in known.items() if spelling(word) == word}
    return words | dict.fromkeys((*MISSING, *map(spelling, missing)), MISSING_CODE)


def codes(cells: Value, vocabularies: Sequence[Vocabulary]) -> Value:
    """Codes int64 (rows, columns) of the `cells` (rows, columns), texts, one vocabulary for each column."""
    graph = cells.graph
    columns = graph.constant([f"{i}:" for i in range(len(vocabularies))], TEXT)
    numbered = graph.add("StringConcat", columns, cells)
    known = {
        f"{i}:{spelt}": code
        for i, words in enumerate(vocabularies)
        for word, code in words.items()
        for spelt in ((word, f"{word}.0") if _is_whole(word) else (word,))
    }
    table = {"keys_strings": list(known), "values_int64s": list(known.values()), "default_int64": UNKNOWN_CODE}
    looked_up = graph.add("LabelEncoder", numbered, dtype=np.int64, domain="ai.onnx.ml", **table)
    unknown = looked_up.equals(UNKNOWN_CODE)
    some_unknown = graph.add("ReduceMax", unknown.cast(np.int64), keepdims=0).cast(np.bool_)
    return graph.either(
        some_unknown, lambda branch: _matched(branch, numbered, looked_up, unknown, vocabularies), looked_up
    )


def _matched(
    graph: Graph, numbered: Value, looked_up: Value, unknown: Value, vocabularies: Sequence[Vocabulary]
) -> Value:
    """The codes with those of the `unknown` cells found by regular expressions."""
    places = graph.add("Transpose", graph.add("NonZero", unknown, dtype=np.int64))
    cells = graph.add("GatherND", numbered, places)
    number = graph.constant(0, np.int64)  # one more than the code, so that 0 is of no word
    for bit in range((1 + max(code for words in vocabularies for code in words.values())).bit_length()):
        for pattern in _patterns(vocabularies, bit):
            matches = graph.add("RegexFullMatch", cells, dtype=np.bool_, pattern=pattern).cast(np.int64)
            number = number + matches * 2**bit
    known = number.at_least(1)
    found = (number - 1).where(known, UNKNOWN_CODE)
    return graph.add("ScatterND", looked_up, places, found)


def _patterns(vocabularies: Sequence[Vocabulary], bit: int) -> Iterator[str]:
    """Expressions of which one matches a numbered cell where one more than its code has the bit."""
    pattern = ""
    for i, words in enumerate(vocabularies):
        spelt = [_pattern(word) for word, code in words.items() if (1 + code) >> bit & 1]
        if not spelt:
            continue
        of_column = f"{i}:{_SPACE}(?:{'|'.join(spelt)}){_SPACE}"
        if pattern and len(pattern) + len(of_column) > _LONGEST:
            yield pattern
            pattern = ""
        pattern += f"|{of_column}" if pattern else of_column
    if pattern:
        yield pattern


def _pattern(word: str) -> str:
    """What matches a word: letters that may mean something else in an expression are given by their number."""
    letters = "".join(c if c.isascii() and c.isalnum() else f"\\x{{{ord(c):x}}}" for c in word)
    return rf"{letters}(?:\.0+)?" if _is_whole(word) else letters


def _is_whole(word: str) -> bool:
    """Whether zeros behind a point leave the word as it is."""
    return spelling(f"{word}.0") == word
