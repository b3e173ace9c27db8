"""The frame of a page: one HTML file that works from the disk, asks no host for anything and runs only its own scripts.

They are named by their hashes in the page's Content-Security-Policy, so that markup which got in all the same, against
all escaping, would be inert.
"""

import base64
import hashlib
import html
import json
import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from autoproc.report.figures.base import Picture, Shown

_UNSAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


@dataclass(frozen=True)
class Part:
    """A part of a page: its heading (plain text), what it says (HTML), and its figures."""

    heading: str
    body: str = ""
    figures: Sequence[Shown] = field(default=())


def page(title: str, top: str, parts: Sequence[Part]) -> str:
    """The page with a `title` (plain text), the HTML of its beginning, and its parts."""
    pictures = [shown for part in parts for shown in part.figures if isinstance(shown, Picture)]
    numbers = {id(picture): number for number, picture in enumerate(pictures)}
    plotly, script = _inlined("plotly", "package_data/plotly.min.js"), _inlined(__package__, "page.js")
    figures = [{"data": list(each.data), "layout": each.layout} for each in pictures]
    contents = "".join(f'<a href="#part-{i}">{html.escape(part.heading)}</a>' for i, part in enumerate(parts))
    body = "\n".join(_part(i, part, numbers) for i, part in enumerate(parts))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy(plotly, script)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}</title>
<style>{_inlined(__package__, "page.css")}</style>
</head>
<body>
<header>{top}</header>
<nav>{contents}</nav>
<main>
{body}
</main>
<noscript><p class="note">The figures are drawn by this page's own script, which is switched off here.</p></noscript>
<script type="application/json" id="figures">{_json(figures)}</script>
<script>{plotly}</script>
<script>{script}</script>
</body>
</html>
"""


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of plain text, as HTML."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heads)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _part(i: int, part: Part, numbers: dict[int, int]) -> str:
    figures = "\n".join(_figures(part.figures, numbers))
    shown = f'<div class="figures">{figures}</div>' if figures else ""
    return f'<section id="part-{i}"><h2>{html.escape(part.heading)}</h2>{part.body}{shown}</section>'


def _figures(figures: Sequence[Shown], numbers: dict[int, int]) -> Iterator[str]:
    for shown in figures:
        title = f"<h3>{html.escape(shown.title)}</h3>"
        if not isinstance(shown, Picture):
            yield f'<figure class="said">{title}<p>{html.escape(shown.text)}</p></figure>'
            continue
        caption = html.escape(shown.caption)
        label = html.escape(f"{shown.title}. {shown.caption}", quote=True)
        size = f"height:{shown.height}px" + (f";min-width:{shown.least_width}px" if shown.least_width else "")
        kind = "half" if shown.half else "whole"
        yield (
            f'<figure class="{kind}">{title}<div class="wide"><div class="plot" role="img" '
            f'aria-label="{label}" data-figure="{numbers[id(shown)]}" style="{size}"></div></div>'
            f"<figcaption>{caption}</figcaption></figure>"
        )


def _inlined(package: str | None, path: str) -> str:
    """A file of an installed package, as it may stand in a page: plotly's script without loading plotly itself."""
    content = pkgutil.get_data(package or "", path)
    assert content is not None
    return content.decode("utf-8").replace("\r\n", "\n")


def _policy(*scripts: str) -> str:
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    allowed = ("default-src 'none'", f"script-src {hashes}", "style-src 'unsafe-inline'", "img-src data:")
    return "; ".join((*allowed, "base-uri 'none'", "form-action 'none'"))


def _json(value: Any) -> str:
    """JSON in which nothing ends a script."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).translate(_UNSAFE)
