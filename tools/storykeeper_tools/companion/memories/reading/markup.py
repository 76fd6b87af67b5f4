"""HTML as Markdown: what a reader sees of a page, without scripts, pictures and hidden parts."""

from __future__ import annotations

import re
from typing import Any, cast

from bs4 import BeautifulSoup, Comment, Doctype, ProcessingInstruction, Tag
from markdownify import MarkdownConverter

from ....errors import BadInput
from .isolation import Parsed, Part

_UNSEEN = [
    *("script", "style", "noscript", "template", "head", "svg", "math", "iframe", "object", "embed", "applet"),
    *("canvas", "audio", "video", "picture", "input", "select", "textarea", "button", "dialog"),
]
_DEEPEST = 400  # tags within tags; the converter's time grows with the square
_HIDDEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.I)
_LINK = re.compile(r"(?:https?://|mailto:|tel:)", re.I)
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w-]{1,40})", re.I)


def parse(data: bytes) -> Parsed:
    """The page's title, and its text as Markdown. Raises BadInput for one without text or of unknown encoding."""
    return converted(_decoded(data))


def converted(html: str) -> Parsed:
    soup = BeautifulSoup(html, "html.parser")
    title = soup.title.get_text() if soup.title else ""
    for tag in soup.find_all(_is_unseen):
        tag.decompose()
    for node in soup.find_all(string=lambda text: isinstance(text, Comment | Doctype | ProcessingInstruction)):
        node.extract()
    for picture in soup.find_all("img"):
        picture.replace_with(str(picture.get("alt") or ""))
    for link in soup.find_all("a"):
        if not _LINK.match(str(link.get("href") or "").strip()):
            link.unwrap()
    _flatten(soup)
    text = _markdown(soup)
    if not text.strip():
        raise BadInput("has no text in it", next="leave it out, or write down what it shows")
    return Parsed(" ".join(title.split()), (Part(1, text),))


def _is_unseen(tag: Tag) -> bool:
    return (
        tag.name in _UNSEEN
        or tag.has_attr("hidden")
        or tag.get("aria-hidden") == "true"
        or bool(_HIDDEN.search(str(tag.get("style") or "")))
    )


def _flatten(soup: BeautifulSoup) -> None:
    """Leave only the text of what is nested deeper than any page that people write."""
    depths = {id(soup): 0}
    for tag in soup.find_all(True):
        depths[id(tag)] = depth = depths.get(id(tag.parent), _DEEPEST) + 1
        if depth == _DEEPEST:
            tag.string = tag.get_text(" ")


def _markdown(soup: BeautifulSoup) -> str:
    converter = cast("Any", MarkdownConverter)(
        heading_style="atx",
        bullets="-",
        escape_asterisks=False,
        escape_underscores=False,
        escape_misc=False,
        table_infer_header=True,
        strong_em_symbol="*",
    )
    text = cast("str", converter.convert_soup(soup))
    lines = (line.rstrip() for line in text.replace("\xa0", " ").split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _decoded(data: bytes) -> str:
    """By its mark, as UTF-8, or as the page itself says."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    said = _CHARSET.search(data[:4096])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        encoding = said[1].decode("ascii") if said else ""
    try:
        return data.decode("windows-1252" if encoding.lower() in {"iso-8859-1", "latin1"} else encoding)
    except (LookupError, UnicodeDecodeError) as error:
        raise BadInput("is not UTF-8 text [encoding]", next="save it as UTF-8, or as .txt in UTF-8") from error
