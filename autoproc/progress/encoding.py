"""Text for a terminal, pipe or file whose encoding lacks some of its characters."""

import codecs

SPELT_OUT = "autoproc-spelt-out"
"""The name of the error handler, for a stream's `errors`."""
_SPELLINGS = {"±": "+-", "²": "2", "…": "..."}


def encodable(text: str, encoding: str | None) -> str:
    """`text` with what `encoding` lacks in other characters; None is UTF-8.

    >>> encodable("R²: 0.742 ± 0.021 (Gerät)", "ascii")
    'R2: 0.742 +- 0.021 (Ger\\\\xe4t)'
    """
    encoding = encoding or "utf-8"
    return text.encode(encoding, SPELT_OUT).decode(encoding)


def _spell_out(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_SPELLINGS.get(char) or _escaped(char) for char in lacking), error.end


def _escaped(char: str) -> str:
    return char.encode("ascii", "backslashreplace").decode("ascii")


codecs.register_error(SPELT_OUT, _spell_out)
