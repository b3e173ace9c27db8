"""Text that came from the user's data, made fit to be shown: on one line, printable, and without markup."""

import re
import unicodedata
from collections.abc import Sequence

MAX_NAME = 60
MAX_NOTE = 150
MAX_SENTENCE = 600
MAX_LISTED = 20

_JOINER = "\u200d"  # within emoji of several parts
_LONGEST_WORD = 30  # a longer one is cut

_MARKUP = re.compile(r"[&<>\"'`*_\[\]#+|~$\\@]|:(?=//)|(?<=[wW]{3})\.")


def one_line(text: str, limit: int = MAX_NAME) -> str:
    """`text` as one line of at most `limit` printable characters, cut between words where there are any.

    >>> one_line("two\\nlines \\x1b[31mred"), one_line("two words", limit=7)
    ('two lines [31mred', 'two…')
    """
    spaced = "".join(" " if char.isspace() else char for char in text)
    shown = " ".join("".join(char for char in spaced if unicodedata.category(char)[0] != "C").split())
    if len(shown) <= limit:
        return shown
    kept, _, rest = shown[:limit].rpartition(" ")
    return f"{kept if len(rest) <= _LONGEST_WORD and kept else shown[: limit - 1].rstrip()}…"


def visible(text: str) -> str:
    """`text` with nothing hidden in it: control characters as their pictures, other unprintable ones by their number.

    >>> visible("a\\nb\\x1b[31m"), visible("left\\u202eright")
    ('a␊b␛[31m', 'left\\\\u202eright')
    """
    return "".join(map(_visible, text))


def shortened(text: str, limit: int) -> str:
    """The beginning and the end of `text`, which long names may differ by.

    >>> shortened("measurement_of_the_left_wheel", 16)
    'measurem…t_wheel'
    """
    kept = limit - 1
    return text if len(text) <= limit else f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"


def escaped(text: str, limit: int = MAX_NAME) -> str:
    """`text` on one line, for Markdown and HTML: markup becomes character references, which neither reads as its own.

    >>> escaped("a|b <i> `c`")
    'a&#124;b &#60;i&#62; &#96;c&#96;'
    """
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", one_line(text, limit))


def listed(items: Sequence[str], limit: int = MAX_LISTED) -> str:
    """The first `limit` items and how many more there are.

    >>> listed(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    more = f" and {len(items) - limit:,} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + more


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equally many cells as lines, their columns one below the other.

    >>> aligned([("2 x 32", "0.7", ""), ("2 x 128", "0.71", "chosen")])
    ['2 x 32    0.7', '2 x 128   0.71   chosen']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["   ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, of cells that hold no markup but what is meant.

    >>> print(table(("what", "score"), [("holdout", "0.7")]))
    | what | score |
    | --- | --- |
    | holdout | 0.7 |
    """
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows))


def _visible(char: str) -> str:
    number = ord(char)
    if number < 0x20 or number == 0x7F:
        return chr(0x2400 + number) if number < 0x20 else "\u2421"
    if unicodedata.category(char) in ("Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn") and char != _JOINER:
        return f"\\u{number:04x}"
    return char
