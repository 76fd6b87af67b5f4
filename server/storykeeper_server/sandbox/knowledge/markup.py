"""Markup taken apart in time that grows with its length only, however malformed it is.

The standard library's parser of HTML is the obvious tool, but on unclosed tags its time grows with the square: a hundred
kilobytes take a minute. Nor does anything here expand entities other than those of single characters.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

# Possessive, so that a tag that never ends is looked at once and not from each of its letters.
_TAG = re.compile(r"<(/?)([A-Za-z][\w:.-]*+)([^<>]*+)>")
_ATTRIBUTE = re.compile(r"""(?<![\w:.-])([\w:.-]++)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)')""")
_HIDDEN = {"head", "title", "script", "style", "template", "noscript"}
_BLOCKS = {
    "p",
    "div",
    "section",
    "article",
    "header",
    "footer",
    "main",
    "nav",
    "aside",
    "blockquote",
    "pre",
    "figure",
} | {"ul", "ol", "dl", "li", "dt", "dd", "table", "tr", "br", "hr", "address", "figcaption"}
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}


@dataclass(frozen=True)
class Tag:
    """A start or an end tag; names are in lower case."""

    name: str
    closes: bool
    rest: str

    @property
    def empty(self) -> bool:
        """Whether it closes itself."""
        return self.rest.rstrip().endswith("/")

    @property
    def attributes(self) -> dict[str, str]:
        """The quoted ones."""
        found = _ATTRIBUTE.finditer(self.rest)
        return {match[1].lower(): unescaped(match[2] if match[2] is not None else match[3]) for match in found}


def parts(markup: str) -> Iterator[Tag | str]:
    """Tags, and the text between them with its character references resolved; comments are left out."""
    markup = _uncommented(markup)
    at = 0
    for match in _TAG.finditer(markup):
        yield unescaped(markup[at : match.start()])
        yield Tag(match[2].lower(), bool(match[1]), match[3])
        at = match.end()
    yield unescaped(markup[at:])


def readable(markup: str) -> str:
    """The text of a page, block by block, with Markdown's marks on its headings."""
    text: list[str] = []
    hidden = ""
    for part in parts(markup):
        if isinstance(part, str):
            text += [] if hidden else [re.sub(r"\s+", " ", part)]
        elif hidden:
            hidden = "" if part.closes and part.name == hidden else hidden
        elif part.name in _HIDDEN and not part.closes and not part.empty:
            hidden = part.name
        elif part.name in _HEADINGS:
            text.append("\n\n" if part.closes else "\n\n" + _HEADINGS[part.name])
        elif part.name in _BLOCKS:
            text.append("\n")
    return tidy("".join(text))


def title(markup: str) -> str:
    """What stands in a page's first title, if it has one."""
    inside = False
    for part in parts(markup[:100_000]):
        if isinstance(part, str):
            if inside:
                return " ".join(part.split())
        else:
            inside = part.name == "title" and not part.closes
    return ""


def tidy(text: str) -> str:
    """Lines without space around them, and never more than one empty line."""
    lines = "\n".join(line.strip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def unescaped(text: str) -> str:
    """With character references resolved; numbers that no computer reads stay as they are."""
    try:
        return html.unescape(text)
    except ValueError:
        return text


def _uncommented(markup: str) -> str:
    first, *others = markup.split("<!--")
    return first + "".join(other.partition("-->")[2] for other in others)
