"""The story's Markdown as HTML: headings, paragraphs, lists, tables and code, and nothing else.

What came from the data holds no markup any more (`text.escaped`), but whatever it holds becomes text here once more.
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from autoproc.report.text import visible

_STRONG_OR_EMPHASIS = re.compile(r"(\*\*.+?\*\*|\*[^*]+\*)")
_FENCE = "```"


@dataclass(frozen=True)
class Section:
    """What stands under a heading (plain text), as HTML."""

    heading: str
    body: str


def sections(markdown: str) -> list[Section]:
    """The parts of a story by their headings; what comes before the first one of the second level has the title's."""
    found: list[tuple[str, list[str]]] = [("", [])]
    in_code = False
    for line in markdown.splitlines():
        in_code ^= line.startswith(_FENCE)
        level, _, heading = line.partition(" ")
        if level in ("#", "##") and not in_code:
            found.append((html.unescape(heading), []))
        else:
            found[-1][1].append(line)
    parts = [Section(heading, "\n".join(_blocks(lines))) for heading, lines in found]
    return [part for part in parts if part.heading or part.body]


def _blocks(lines: Sequence[str]) -> Iterator[str]:
    rest = list(lines)
    while rest:
        if rest[0].startswith(_FENCE):
            end = next((i for i, line in enumerate(rest) if i and line.startswith(_FENCE)), len(rest))
            yield f"<pre><code>{html.escape(_shown(rest[1:end]))}</code></pre>"
            rest = rest[end + 1 :]
            continue
        end = next((i for i, line in enumerate(rest) if line.startswith(_FENCE)), len(rest))
        for kind, group in groupby(rest[:end], _kind):
            if kind:
                yield _BLOCKS[kind](list(group))
        rest = rest[end:]


def _shown(lines: Sequence[str]) -> str:
    return "\n".join(map(visible, lines))


def _kind(line: str) -> str:
    if not line.strip():
        return ""
    return "table" if line.startswith("|") else "list" if line.startswith("- ") else "text"


def _table(lines: Sequence[str]) -> str:
    head, _, *rows = ([cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines)
    heads = "".join(f"<th>{_inline(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{_inline(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{_inline(line[2:])}</li>' for line in lines)}</ul>"


def _text(lines: Sequence[str]) -> str:
    return f"<p>{_inline(' '.join(lines))}</p>"


_BLOCKS = {"table": _table, "list": _list, "text": _text}


def _inline(text: str) -> str:
    return "".join(map(_part, _STRONG_OR_EMPHASIS.split(text)))


def _part(text: str) -> str:
    for mark, tag in (("**", "strong"), ("*", "em")):
        if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
            return f"<{tag}>{_plain(text[len(mark) : -len(mark)])}</{tag}>"
    return _plain(text)


def _plain(text: str) -> str:
    """References become the characters that they stand for, and these text."""
    return html.escape(visible(html.unescape(text)))
