"""What a page holds, read as a browser reads it."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

EMPTY = {"meta", "link", "img", "br", "input", "hr"}


@dataclass
class Read(HTMLParser):
    """Tags with their attributes, the text outside of scripts and styles, and the scripts."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""
    scripts: list[tuple[dict[str, str | None], str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []

    @classmethod
    def of(cls, page: str) -> "Read":
        read = cls()
        read.feed(page)
        read.close()
        assert not read._open, f"not closed: {read._open}"
        return read

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["script"]:
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif self._open[-1:] != ["style"]:
            self.text += data

    @property
    def figures(self) -> list[dict[str, Any]]:
        """Plotly's values of each figure."""
        [content] = [text for attributes, text in self.scripts if attributes.get("type") == "application/json"]
        figures: list[dict[str, Any]] = json.loads(content)
        return figures

    @property
    def programs(self) -> list[str]:
        """The scripts that run."""
        return [text for attributes, text in self.scripts if "type" not in attributes]

    @property
    def policy(self) -> str:
        [policy] = [a["content"] for tag, a in self.tags if a.get("http-equiv") == "Content-Security-Policy"]
        assert policy
        return policy


def digest(script: str) -> str:
    """A script's name in a policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def is_empty(figure: dict[str, Any]) -> bool:
    """Whether a figure shows nothing."""
    return not any(trace.get(key) for trace in figure["data"] for key in ("x", "y", "z"))
